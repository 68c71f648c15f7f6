/* SPDX-License-Identifier: GPL-2.0-only */
/* load_log.c -- see load_log.h. */
#include "bpflog/load_log.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "monitor/series.h"

#define BEGIN	   "-- BEGIN PROG LOAD LOG --"
#define END	   "-- END PROG LOAD LOG --"
#define NAME_BYTES 15 /* that the kernel keeps of a program's name */

static const char *find_last(const char *text, size_t len, const char *word)
{
	const char *last = NULL;
	for (const char *p = text; (p = memmem(p, (size_t)(text + len - p), word, strlen(word))); p += strlen(word))
		last = p;
	return last;
}

static const char *after_line(const char *p, const char *end)
{
	const char *newline = memchr(p, '\n', (size_t)(end - p));
	return newline ? newline + 1 : end;
}

void load_log_part(const char *text, size_t len, const char **ret, size_t *ret_len)
{
	const char *begin = memmem(text, len, BEGIN, strlen(BEGIN)), *end = find_last(text, len, END);
	*ret = text;
	*ret_len = len;
	if (!begin || !end || end < begin)
		return;
	*ret = after_line(begin, text + len);
	*ret_len = end > *ret ? (size_t)(end - *ret) : 0;
}

/* --- statistics --------------------------------------------------------------------------------------------------- */

/* The number behind the last @word; false: there is none. */
static bool last_number(const char *text, size_t len, const char *word, uint64_t *ret)
{
	const char *p = find_last(text, len, word), *end = text + len;
	if (!p)
		return false;
	p += strlen(word);
	*ret = 0;
	if (p == end || !isdigit((unsigned char)*p))
		return false;
	for (; p < end && isdigit((unsigned char)*p) && *ret < UINT64_MAX / 100; p++)
		*ret = *ret * 10 + (uint64_t)(*p - '0');
	return true;
}

/* "stack depth 8+16": the sum of the functions' stacks. */
static bool stack_depth(const char *text, size_t len, uint64_t *ret)
{
	static const char word[] = "stack depth ";
	const char *p = find_last(text, len, word), *end = text + len;
	uint64_t part = 0, parts = 0;
	*ret = 0;
	for (p = p ? p + strlen(word) : end; p < end && (isdigit((unsigned char)*p) || (*p == '+' && parts)); p++) {
		part = *p == '+' ? 0 : MIN_OF(part * 10 + (uint64_t)(*p - '0'), (uint64_t)1 << 32);
		parts++;
		/* The sum grows when a number ends. */
		if (p + 1 == end || !isdigit((unsigned char)p[1]))
			*ret += part;
	}
	return parts != 0;
}

bool load_log_stats(const char *text, size_t len, struct verified_program *ret, uint64_t *ret_limit)
{
	static const struct {
		const char *word;
		enum verified_stat stat;
	} rows[] = {
		{ "processed ", VERIFIED_INSNS },	   { "total_states ", VERIFIED_STATES },
		{ "peak_states ", VERIFIED_PEAK_STATES },  { "max_states_per_insn ", VERIFIED_STATES_PER_INSN },
		{ "mark_read ", VERIFIED_MARK_READ },	   { "verification time ", VERIFIED_DURATION },
		{ "peak memory usage ", VERIFIED_MEMORY },
	};
	uint64_t value;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (last_number(text, len, rows[i].word, &value))
			verified_set(ret, rows[i].stat, value);
	if (stack_depth(text, len, &value))
		verified_set(ret, VERIFIED_STACK, value);
	if (!last_number(text, len, "(limit ", ret_limit))
		*ret_limit = 0;
	return ret->has != 0;
}

/* --- the logs of all programs ------------------------------------------------------------------------------------- */

/* "libbpf: prog 'NAME': -- BEGIN ...": the name; false: the line has none. */
static bool name_before(const char *text, const char *begin, char *name, size_t size)
{
	const char *line = begin, *quote = NULL;
	while (line > text && line[-1] != '\n')
		line--;
	for (const char *p = line; p < begin; p++)
		if (*p == '\'') {
			if (quote && p > quote + 1)
				return text_copy_line(name, size, quote + 1, (size_t)(p - quote - 1)), true;
			quote = p;
		}
	return false;
}

static bool says_failure(const char *text, size_t len, const char *name)
{
	char word[120];
	snprintf(word, sizeof(word), "prog '%s': BPF program load failed", name);
	if (memmem(text, len, word, strlen(word)))
		return true;
	snprintf(word, sizeof(word), "prog '%s': failed to load", name);
	return memmem(text, len, word, strlen(word)) != NULL;
}

void load_log_programs(const char *text, size_t len, void (*each)(void *arg, const struct verified_program *p),
		       void *arg, uint64_t *ret_limit)
{
	const char *all_end = text + len;
	uint64_t limit;
	*ret_limit = 0;
	for (const char *p = text; (p = memmem(p, (size_t)(all_end - p), BEGIN, strlen(BEGIN))); p += strlen(BEGIN)) {
		struct verified_program program = { 0 };
		const char *end = memmem(p, (size_t)(all_end - p), END, strlen(END));
		size_t n = (size_t)((end ? end : all_end) - p);
		if (!name_before(text, p, program.name, sizeof(program.name)))
			continue;
		program.loaded = !says_failure(text, len, program.name);
		load_log_stats(p, n, &program, &limit);
		*ret_limit = limit ? limit : *ret_limit;
		each(arg, &program);
	}
}

/* --- together with what memory says ------------------------------------------------------------------------------- */

static struct verified_program *find_or_add(struct verified *v, const char *name)
{
	for (unsigned i = 0; i < v->programs; i++)
		if (!strncmp(v->program[i].name, name, NAME_BYTES))
			return &v->program[i];
	if (v->programs == VERIFIED_PROGRAMS_MAX)
		return NULL;
	struct verified_program *p = &v->program[v->programs++];
	text_copy_line(p->name, sizeof(p->name), name, strnlen(name, NAME_BYTES));
	return p;
}

static void add_from_log(void *arg, const struct verified_program *from)
{
	struct verified *v = arg;
	unsigned before = v->programs;
	struct verified_program *p = find_or_add(v, from->name);
	if (!p)
		return;
	if (v->programs > before)
		p->loaded = from->loaded;
	for (int i = 0; i < VERIFIED_STAT_COUNT; i++)
		if (verified_has(from, (enum verified_stat)i) && !verified_has(p, (enum verified_stat)i))
			verified_set(p, (enum verified_stat)i, from->value[i]);
}

static void add_from_series(struct verified *v, const struct series_program *from)
{
	struct verified_program *p = find_or_add(v, from->name);
	if (!p)
		return;
	p->loaded = true;
	snprintf(p->type, sizeof(p->type), "struct_ops");
	verified_set(p, VERIFIED_INSNS, from->verified_insns);
}

int program_stats_collect(const struct evidence *e, struct verified *ret)
{
	const struct buf *log = &e->text[WIRE_STREAM_SCHED];
	const struct series *s = e->series;
	uint64_t limit;
	*ret = (struct verified){ .program = calloc(VERIFIED_PROGRAMS_MAX, sizeof(*ret->program)) };
	if (!ret->program)
		return -ENOMEM;
	if (e->verified && e->verified->programs) {
		ret->programs = e->verified->programs;
		memcpy(ret->program, e->verified->program, ret->programs * sizeof(*ret->program));
	}
	for (unsigned i = 0; s && i < s->programs; i++)
		add_from_series(ret, &s->program[i]);
	load_log_programs(buf_str(log), log->len, add_from_log, ret, &limit);
	return 0;
}
