/* SPDX-License-Identifier: GPL-2.0-only */
/* debug_lines.c -- reads lines of kernel/sched from the debug information of vmlinux; see source_lines.h. */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/library.h"
#include "base/text.h"
#include "kernel/source_lines.h"

#define FOLDER	   "kernel/sched/"
#define UNITS_MAX  1000000u
#define STARTS_MAX (1u << 20)

#define DWARF_FUNCTIONS(X) \
	X(begin)           \
	X(end)             \
	X(next_unit)       \
	X(offdie)          \
	X(diename)         \
	X(getsrclines)     \
	X(onesrcline)      \
	X(lineaddr)        \
	X(lineno) X(linesrc) X(lineendsequence) X(getfuncs) X(ranges)
#define DWARF_SLOT(name) __typeof__(dwarf_##name) *name;
#define DWARF_NAME(name) "dwarf_" #name,

struct dwarf_api {
	DWARF_FUNCTIONS(DWARF_SLOT)
};

static const char *const function_names[] = { DWARF_FUNCTIONS(DWARF_NAME) NULL };

struct reading {
	struct dwarf_api lib;
	Dwarf *dwarf;
	struct code_lines *to;
	size_t room;
	uint64_t *start; /* of each piece of each function of one unit; ascending */
	size_t starts, start_room;
	bool failed; /* no memory, or there are too many */
};

/* Room for one more at the end of @list, which may move. False: no memory. */
static bool make_room(void **list, size_t count, size_t *room, size_t size, size_t most)
{
	if (count < *room)
		return true;
	size_t more = *room ? 2 * *room : 4096;
	void *moved = count < most ? reallocarray(*list, more, size) : NULL;
	if (!moved)
		return false;
	*list = moved;
	*room = more;
	return true;
}

/* --- where functions begin ---------------------------------------------------------------------------------------- */

static int note_function(Dwarf_Die *function, void *data)
{
	struct reading *r = data;
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;
	while ((at = r->lib.ranges(function, at, &base, &start, &end)) > 0) {
		r->failed |= !make_room((void **)&r->start, r->starts, &r->start_room, sizeof(*r->start), STARTS_MAX);
		if (r->failed)
			return DWARF_CB_ABORT;
		r->start[r->starts++] = start;
	}
	return DWARF_CB_OK;
}

static int compare_starts(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static void find_functions(struct reading *r, Dwarf_Die *unit)
{
	r->starts = 0;
	r->lib.getfuncs(unit, note_function, r, 0);
	if (r->starts)
		qsort(r->start, r->starts, sizeof(*r->start), compare_starts);
}

static bool begins_function(const struct reading *r, uint64_t address)
{
	return r->starts && bsearch(&address, r->start, r->starts, sizeof(address), compare_starts);
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

/* The path from the tree's top; NULL: it is not in kernel/sched. */
static const char *path_in_tree(const char *source)
{
	const char *last = NULL;
	for (const char *at = source; at && (at = strstr(at, FOLDER)); at++)
		if (at == source || at[-1] == '/')
			last = at;
	return last;
}

/* -1: there is no room. */
static int64_t file_of(struct reading *r, const char *path)
{
	struct code_lines *l = r->to;
	for (uint32_t i = 0; i < l->files; i++)
		if (!strcmp(l->file[i], path))
			return i;
	if (l->files == CODE_FILES_MAX)
		return -1;
	l->file[l->files] = text_clean_line(path);
	r->failed |= !l->file[l->files];
	return r->failed ? -1 : (int64_t)l->files++;
}

static void add_row(struct reading *r, struct code_line one)
{
	struct code_lines *l = r->to;
	const struct code_line *last = l->lines ? &l->line[l->lines - 1] : NULL;
	if (last && last->number == one.number && last->file == one.file && last->address <= one.address)
		return;
	r->failed |= !make_room((void **)&l->line, l->lines, &r->room, sizeof(one), SOURCE_LINES_MAX);
	if (!r->failed)
		l->line[l->lines++] = one;
}

/* Code of other folders belongs to the line before it, or to none where it begins a function. */
static void take_row(struct reading *r, Dwarf_Line *row)
{
	Dwarf_Addr address;
	int number = 0;
	bool ends = true;
	if (r->lib.lineaddr(row, &address) < 0 || r->lib.lineendsequence(row, &ends) < 0)
		return;
	const char *path = ends ? NULL : path_in_tree(r->lib.linesrc(row, NULL, NULL));
	int64_t file = path ? file_of(r, path) : -1;
	if (file >= 0 && r->lib.lineno(row, &number) == 0 && number > 0)
		add_row(r, (struct code_line){ address, (uint32_t)number, (uint32_t)file });
	else if (ends || begins_function(r, address))
		add_row(r, (struct code_line){ .address = address });
}

static void read_unit(struct reading *r, Dwarf_Die *unit)
{
	Dwarf_Lines *rows;
	size_t count;
	if (!path_in_tree(r->lib.diename(unit)) || r->lib.getsrclines(unit, &rows, &count) < 0)
		return;
	find_functions(r, unit);
	for (size_t i = 0; i < count && !r->failed; i++)
		take_row(r, r->lib.onesrcline(rows, i));
}

static void read_units(struct reading *r)
{
	Dwarf_Off at = 0, next;
	size_t header;
	for (unsigned i = 0; i < UNITS_MAX && !r->failed; i++) {
		if (r->lib.next_unit(r->dwarf, at, &next, &header, NULL, NULL, NULL, NULL, NULL, NULL) != 0)
			return;
		Dwarf_Die unit;
		if (r->lib.offdie(r->dwarf, at + header, &unit))
			read_unit(r, &unit);
		at = next;
	}
}

int source_lines_from_debug(const char *vmlinux, struct code_lines *ret, struct err **err)
{
	struct reading r = { .to = ret };
	_cleanup_close_ int fd = open(vmlinux, O_RDONLY | O_CLOEXEC);
	*ret = (struct code_lines){ 0 };
	if (fd < 0)
		return FAIL_SYS(err, -errno, "open '%s'", vmlinux);
	int result = library_open("libdw.so.1", function_names, &r.lib, err);
	if (result < 0)
		return result;
	r.dwarf = r.lib.begin(fd, DWARF_C_READ);
	if (r.dwarf)
		read_units(&r);
	r.lib.end(r.dwarf);
	free(r.start);
	if (ret->lines)
		qsort(ret->line, ret->lines, sizeof(*ret->line), code_lines_compare);
	result = r.failed ? -ENOMEM : ret->lines ? 0 : -ENODATA;
	if (result < 0)
		code_lines_done(ret);
	return result;
}
