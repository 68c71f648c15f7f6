/* SPDX-License-Identifier: GPL-2.0-only */
/* counters.c -- see counters.h. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "guest/coverage/counters.h"

/* --- what the compilers' runtimes have; weak, because most programs are built without coverage -------------------- */

/* gcc: libgcc/libgcov.h. One unit for each object file. */
struct gcov_unit {
	uint32_t version; /* "B22*" is 12.2 */
	struct gcov_unit *next;
	uint32_t stamp, checksum;
	const char *file;
	const void *merge[]; /* GCOV_COUNTERS of them; then `unsigned n_functions` and a pointer to the functions */
};

struct gcov_function {
	const struct gcov_unit *unit; /* another one: the linker has kept the function of that one */
	uint32_t ident, lines, graph;
	struct {
		uint32_t count;
		uint64_t *value;
	} arcs; /* the first kind of counters, always there */
};

struct gcov_functions {
	uint32_t count;
	const struct gcov_function *const *item;
};

extern struct {
	struct gcov_unit *units;
} __gcov_root __attribute__((weak));

/* clang: compiler-rt's InstrProfiling.h */
extern uint64_t *__llvm_profile_begin_counters(void) __attribute__((weak));
extern uint64_t *__llvm_profile_end_counters(void) __attribute__((weak));
extern void __llvm_profile_set_filename(const char *name) __attribute__((weak));

/* --- finding ------------------------------------------------------------------------------------------------------ */

static int add_range(struct counters *c, uint64_t *at, size_t count)
{
	if (c->ranges == c->room) {
		size_t room = c->room ? 2 * c->room : 256;
		struct counter_range *range = reallocarray(c->range, room, sizeof(*range));
		if (!range)
			return -ENOMEM;
		c->range = range;
		c->room = room;
	}
	c->range[c->ranges++] = (struct counter_range){ at, count };
	return 0;
}

/* Kinds of counters, by gcc's major version; 0: a version that nobody has looked at. */
static size_t gcov_kinds(uint32_t version)
{
	unsigned major = ((version >> 24) - 'A') * 10 + ((version >> 16 & 0xff) - '0');
	return major >= 10 && major <= 13 ? 8 : major == 14 ? 9 : 0;
}

static int add_unit(struct counters *c, const struct gcov_unit *u)
{
	size_t kinds = gcov_kinds(u->version);
	struct gcov_functions f;
	if (!kinds)
		return -ENOTSUP;
	memcpy(&f, &u->merge[kinds], sizeof(f));
	for (uint32_t i = 0; i < f.count; i++) {
		const struct gcov_function *fn = f.item[i];
		if (!fn || fn->unit != u || !fn->arcs.count)
			continue;
		int r = add_range(c, fn->arcs.value, fn->arcs.count);
		if (r < 0)
			return r;
	}
	return 0;
}

static int by_address(const void *x, const void *y)
{
	const struct counter_range *a = x, *b = y;
	return a->at < b->at ? -1 : a->at > b->at;
}

/* Joins ranges that touch, and sums up. */
static void settle(struct counters *c)
{
	size_t kept = 0;
	qsort(c->range, c->ranges, sizeof(*c->range), by_address);
	for (size_t i = 0; i < c->ranges; i++) {
		struct counter_range *last = kept ? &c->range[kept - 1] : NULL;
		c->total += c->range[i].count;
		if (last && last->at + last->count == c->range[i].at)
			last->count += c->range[i].count;
		else
			c->range[kept++] = c->range[i];
	}
	c->ranges = kept;
	for (size_t i = 0; i < kept; i++) {
		uint64_t place[] = { (uint64_t)(c->range[i].at - c->range[0].at), c->range[i].count };
		c->stamp = crc32_update(c->stamp, place, sizeof(place));
	}
}

int counters_find(struct counters *ret)
{
	struct counters c = { 0 };
	int r = 0;
	if (&__gcov_root)
		for (const struct gcov_unit *u = __gcov_root.units; u && r == 0; u = u->next)
			r = add_unit(&c, u);
	if (r == 0 && __llvm_profile_begin_counters && __llvm_profile_end_counters) {
		uint64_t *at = __llvm_profile_begin_counters(), *end = __llvm_profile_end_counters();
		if (end > at)
			r = add_range(&c, at, (size_t)(end - at));
	}
	if (r == 0 && !c.ranges)
		r = -ENODATA;
	if (r == 0)
		settle(&c);
	else
		counters_done(&c);
	*ret = c;
	return r;
}

void counters_done(struct counters *c)
{
	free(c->range);
	*c = (struct counters){ 0 };
}

void counters_detach(void)
{
	if (&__gcov_root)
		__gcov_root.units = NULL;
	if (__llvm_profile_set_filename)
		__llvm_profile_set_filename("/dev/null");
}
