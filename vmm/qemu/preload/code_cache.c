/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * code_cache.c -- QEMU's memory for translated instructions never becomes full during a turn.
 *
 * When it does, QEMU ends the turn of the vCPU and asks it to throw all translations away. This is a place in the guest
 * that depends on how large translations are, which an observer changes. Between two turns nobody executes, so it can
 * be done at once, and without a trace in the guest.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "vmm/qemu/preload/code_cache.h"

struct cpu;

#define LOOK_TURNS 64 /* between two looks at how full it is */
#define FULL_PCT   75

struct cache_symbols {
	size_t (*size)(void);
	size_t (*capacity)(void);
	void (*begin_exclusive)(void);
	void (*end_exclusive)(void);
	void (*flush)(struct cpu *cpu);
	struct cpu **current; /* of the vCPU thread */
};

static const char *const names[] = { "tcg_code_size", "tcg_code_capacity", "start_exclusive",
				     "end_exclusive", "tb_flush",	   "current_cpu" };

_Static_assert(sizeof(struct cache_symbols) == sizeof(names), "a name for each");

/* A QEMU without one of them flushes by itself. */
static bool find(struct cache_symbols *call)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		void *f = dlsym(RTLD_DEFAULT, names[i]);
		if (!f)
			return false;
		memcpy((char *)call + i * sizeof(f), &f, sizeof(f));
	}
	return true;
}

void code_cache_make_room(void)
{
	static struct cache_symbols call;
	static bool looked, found;
	static unsigned turns;
	if (!looked)
		found = find(&call);
	looked = true;
	if (!found || !*call.current || ++turns % LOOK_TURNS || call.size() < call.capacity() / 100 * FULL_PCT)
		return;
	call.begin_exclusive();
	call.flush(*call.current);
	call.end_exclusive();
}
