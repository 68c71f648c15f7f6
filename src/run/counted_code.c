/* SPDX-License-Identifier: GPL-2.0-only */
/* counted_code.c -- see counted_code.h. */
#include "run/counted_code.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "kernel/cache.h"

#define GAP_BYTES    4096u		    /* pieces that are less far apart are one */
#define LAST_BYTES   1u			    /* of a line that no other one follows */
#define COUNTERS_MAX (OBSERVE_CODE_MAX / 2) /* the others are for programs */

/* --- where code is counted ---------------------------------------------------------------------------------------- */

static uint64_t end_of_line(const struct code_lines *l, size_t i)
{
	return i + 1 < l->lines ? l->line[i + 1].address : l->line[i].address + LAST_BYTES;
}

uint32_t counted_code_pieces(const struct code_lines *lines, struct observe_program *piece, uint32_t max,
			     uint64_t *counters)
{
	uint32_t count = 0;
	uint64_t used = 0;
	for (size_t i = 0; i < lines->lines; i++) {
		uint64_t start = lines->line[i].address, end = end_of_line(lines, i);
		if (!lines->line[i].number)
			continue;
		bool joins = count && start - piece[count - 1].end < GAP_BYTES;
		uint64_t more = end - (joins ? piece[count - 1].end : start);
		if (more > COUNTERS_MAX - used || (!joins && count == max))
			break;
		if (!joins)
			piece[count++] = (struct observe_program){ .start = start, .counters = used };
		piece[count - 1].end = end;
		used += more;
	}
	*counters = used;
	return count;
}

static const struct observe_program *piece_at(const struct counted_code *c, uint64_t address)
{
	for (uint32_t i = 0; i < c->pieces; i++)
		if (address >= c->piece[i].start && address < c->piece[i].end)
			return &c->piece[i];
	return NULL;
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

/* Several lines may begin with one instruction, which is of all of them. */
static uint64_t most_executed(const struct counted_code *c, const struct observe_program *piece, size_t line)
{
	uint64_t from = c->lines->line[line].address,
		 to = line + 1 < c->lines->lines ? c->lines->line[line + 1].address : piece->end, most = 0;
	for (uint64_t at = from; at == from || (at < to && at < piece->end); at++)
		most = MAX_OF(most, c->executions[piece->counters + (at - piece->start)]);
	return most;
}

static struct covered_file *file_of(const struct counted_code *c, uint32_t file, struct coverage_lines *ret)
{
	_cleanup_buf_ struct buf path = BUF_NULL;
	/* A kernel's own schedulers were compiled in a directory that is gone, and was another for each build. */
	buf_appendf(&path, "%s%s", c->prefix, cache_work_source(c->lines->file[file]));
	return coverage_file(ret, buf_str(&path));
}

struct counted_line {
	uint32_t file, number;
	uint64_t count;
};

static int compare_counted(const void *a, const void *b)
{
	const struct counted_line *x = a, *y = b;
	return (x->file > y->file) - (x->file < y->file)	?: (x->number > y->number) - (x->number < y->number) ?:
	       (x->count < y->count) - (x->count > y->count);
}

/* The code of a line may be in several places, of which the one that is executed most often counts. */
static int put_counted(const struct counted_code *c, struct counted_line *list, size_t count,
		       struct coverage_lines *ret)
{
	int r = 0;
	qsort(list, count, sizeof(*list), compare_counted);
	for (size_t i = 0; i < count && r == 0; i++) {
		if (i && list[i].file == list[i - 1].file && list[i].number == list[i - 1].number)
			continue;
		struct covered_file *file = file_of(c, list[i].file, ret);
		r = file ? covered_line_add(file, list[i].number, list[i].count) : -ENOMEM;
	}
	return r;
}

int counted_code_add_lines(const struct counted_code *c, struct coverage_lines *ret)
{
	_cleanup_free_ struct counted_line *list = calloc(c->lines->lines + 1, sizeof(*list));
	size_t count = 0;
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < c->lines->lines; i++) {
		const struct code_line *l = &c->lines->line[i];
		const struct observe_program *piece = l->number ? piece_at(c, l->address) : NULL;
		if (piece)
			list[count++] = (struct counted_line){ l->file, l->number, most_executed(c, piece, i) };
	}
	return put_counted(c, list, count, ret);
}

int counted_code_add_function(const struct counted_code *c, const char *name, uint64_t address,
			      struct coverage_lines *ret)
{
	const struct observe_program *piece = piece_at(c, address);
	size_t i = code_lines_find(c->lines, address);
	while (i < c->lines->lines && !c->lines->line[i].number)
		i++;
	if (!piece || i == c->lines->lines || c->lines->line[i].address != address)
		return 0;
	struct covered_file *file = file_of(c, c->lines->line[i].file, ret);
	return file ? covered_function_add(file, name, c->lines->line[i].number,
					   c->executions[piece->counters + (address - piece->start)])
		    : -ENOMEM;
}
