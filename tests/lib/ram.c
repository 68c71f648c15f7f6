/* SPDX-License-Identifier: GPL-2.0-only */
/* ram.c -- see ram.h. */
#include <sys/mman.h>

#include "ram.h"
#include "t.h"

struct x86_ram ram;
static void *mapping;
static size_t mapped;

/* All regions in one sparse mapping; untouched memory costs nothing. */
void ram_new(unsigned nodes, uint64_t mib)
{
	t_ok(x86_ram_plan(nodes, mib, &ram, NULL));
	mapped = mib * MIB;
	mapping = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ck_assert(mapping != MAP_FAILED);
	uint8_t *at = mapping;
	for (unsigned i = 0; i < ram.count; i++) {
		ram.region[i].host = at;
		at += ram.region[i].size;
	}
}

void ram_free(void)
{
	munmap(mapping, mapped);
}
