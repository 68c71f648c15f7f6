/* SPDX-License-Identifier: GPL-2.0-only */
/* counters.c -- see counters.h. */
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ktstr/wire.h>

#include "base/cleanup.h"
#include "base/elf_view.h"
#include "base/file.h"
#include "base/hash.h"
#include "guest/coverage/counters.h"

#define LIST_BYTES ((size_t)1 << 20)

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

struct gcov_root {
	struct gcov_unit *units;
};

extern struct gcov_root __gcov_root __attribute__((weak));

/* clang: compiler-rt's InstrProfiling.h */
extern uint64_t *__llvm_profile_begin_counters(void) __attribute__((weak));
extern uint64_t *__llvm_profile_end_counters(void) __attribute__((weak));
extern void __llvm_profile_set_filename(const char *name) __attribute__((weak));
extern void __llvm_profile_initialize_file(void) __attribute__((weak));
extern int __llvm_profile_write_file(void) __attribute__((weak));

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

/* Where the program has them. All NULL: nowhere. */
struct places {
	struct gcov_root *gcov;
	uint64_t *begin, *end;
};

/* Addresses as in the program's file; 0: it has none. */
struct file_places {
	uint64_t gcov, begin, bytes;
};

/* The first object is the program. */
static int note_base(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(unsigned char **)arg = (unsigned char *)info->dlpi_addr;
	return 1;
}

/* The host says where counters are, because files in a guest have no sections and no symbols. */
static bool find_in_list(struct file_places *f)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	char self[WIRE_COVERAGE_PATH_MAX] = "", *save = NULL;
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 ||
	    file_read(WIRE_COVERAGE_PLACES, LIST_BYTES, &text, NULL) < 0 || !text.len)
		return false;
	for (char *line = strtok_r(text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		int at = 0;
		if (sscanf(line, "%lx %lx %lx %n", &f->gcov, &f->begin, &f->bytes, &at) == 3 && at &&
		    !strcmp(line + at, self))
			return true;
	}
	*f = (struct file_places){ 0 };
	return false;
}

static void find_in_file(struct file_places *f)
{
	struct elf_view e;
	if (elf_view_open(&e, "/proc/self/exe") < 0)
		return;
	elf_view_symbol(&e, WIRE_COVERAGE_GCC, &f->gcov);
	elf_view_section(&e, WIRE_COVERAGE_CLANG, &f->begin, &f->bytes);
	elf_view_close(&e);
}

/* A library cannot link to what is hidden in the program. */
static void look_up(struct places *p)
{
	struct file_places f = { 0 };
	unsigned char *base = NULL;
	if (!find_in_list(&f))
		find_in_file(&f);
	dl_iterate_phdr(note_base, &base);
	if (f.gcov)
		p->gcov = (struct gcov_root *)(void *)(base + f.gcov);
	if (f.begin)
		p->begin = (uint64_t *)(void *)(base + f.begin);
	p->end = p->begin ? p->begin + f.bytes / sizeof(*p->begin) : NULL;
}

static struct places find_places(void)
{
	struct places p = { 0 };
	if (&__gcov_root)
		p.gcov = &__gcov_root;
	if (__llvm_profile_begin_counters && __llvm_profile_end_counters) {
		p.begin = __llvm_profile_begin_counters();
		p.end = __llvm_profile_end_counters();
	}
	if (!p.gcov && !p.begin)
		look_up(&p);
	return p;
}

int counters_find(struct counters *ret)
{
	struct counters c = { 0 };
	struct places p = find_places();
	int r = 0;
	for (const struct gcov_unit *u = p.gcov ? p.gcov->units : NULL; u && r == 0; u = u->next)
		r = add_unit(&c, u);
	if (r == 0 && p.end > p.begin)
		r = add_range(&c, p.begin, (size_t)(p.end - p.begin));
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
	struct places p = find_places();
	if (p.gcov)
		p.gcov->units = NULL;
	if (__llvm_profile_set_filename)
		__llvm_profile_set_filename("/dev/null");
}

void counters_write(void)
{
	if (__llvm_profile_initialize_file && __llvm_profile_write_file) {
		__llvm_profile_initialize_file();
		__llvm_profile_write_file();
	}
}
