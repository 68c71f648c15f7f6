/* SPDX-License-Identifier: GPL-2.0-only */
/* filter.c -- see filter.h. */
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "stats/filter.h"

#define DIRTY "-dirty"

bool filter_add(struct filter *f, enum dimension d, const char *value)
{
	struct filter_values *v = &f->of[d];
	for (size_t i = 0; i < v->count; i++)
		if (!strcmp(v->item[i], value))
			return true;
	if (v->count == FILTER_VALUES_MAX)
		return false;
	v->item[v->count++] = value;
	return true;
}

static bool has_all(const struct filter_values *a, const struct filter_values *b)
{
	for (size_t i = 0; i < b->count; i++) {
		bool found = false;
		for (size_t k = 0; k < a->count; k++)
			found |= !strcmp(a->item[k], b->item[i]);
		if (!found)
			return false;
	}
	return true;
}

bool filter_same(const struct filter *a, const struct filter *b, enum dimension d)
{
	return has_all(&a->of[d], &b->of[d]) && has_all(&b->of[d], &a->of[d]);
}

bool commit_is_dirty(const char *commit)
{
	size_t len = commit ? strlen(commit) : 0, mark = strlen(DIRTY);
	return len > mark && !strcmp(commit + len - mark, DIRTY);
}

/* Two numbers with a point between them. */
static bool is_series(const char *text)
{
	size_t major = strspn(text, "0123456789"), minor;
	if (!major || text[major] != '.')
		return false;
	minor = strspn(text + major + 1, "0123456789");
	return minor && !text[major + 1 + minor];
}

static bool same_number(const char *wanted, const char *text)
{
	uint64_t a, b;
	return parse_u64(wanted, &a) == 0 && parse_u64(text, &b) == 0 && a == b;
}

bool filter_value_matches(enum dimension d, const char *wanted, const char *text)
{
	size_t len = strlen(wanted);
	if (!strcmp(wanted, text))
		return true;
	if (d == DIMENSION_KERNEL && is_series(wanted))
		return !strncmp(wanted, text, len) && text[len] == '.';
	return (d == DIMENSION_CPU_BUDGET || d == DIMENSION_SEED) && same_number(wanted, text);
}

bool row_filter_init(struct row_filter *rf, const struct pool *p, const struct filter *f)
{
	*rf = (struct row_filter){ .pool = p, .filter = f };
	for (int d = 0; d < DIMENSION_MAX; d++) {
		const struct filter_values *v = &f->of[d];
		if (!v->count)
			continue;
		rf->accepted[d] = calloc(p->texts + 1, 1);
		if (!rf->accepted[d])
			return false;
		for (uint32_t text = 1; text < p->texts; text++)
			for (size_t i = 0; i < v->count; i++)
				rf->accepted[d][text] |=
					filter_value_matches((enum dimension)d, v->item[i], p->text[text]);
	}
	return true;
}

void row_filter_done(struct row_filter *rf)
{
	for (int d = 0; d < DIMENSION_MAX; d++)
		free(rf->accepted[d]);
}

static const char *text_of(const struct pool *p, uint32_t text)
{
	return text ? p->text[text] : "";
}

static bool has_part(const struct pool *p, const struct row *row, const char *part)
{
	char line[2048];
	snprintf(line, sizeof(line), "%s %s %s %s", text_of(p, row->test), text_of(p, row->of[DIMENSION_TOPOLOGY]),
		 text_of(p, row->of[DIMENSION_SCHEDULER]), text_of(p, row->of[DIMENSION_WORK_TYPE]));
	return strstr(line, part);
}

bool row_filter_accepts(const struct row_filter *rf, const struct row *row)
{
	for (int d = 0; d < DIMENSION_MAX; d++)
		if (rf->accepted[d] && !(row->of[d] && rf->accepted[d][row->of[d]]))
			return false;
	return !rf->filter->part || has_part(rf->pool, row, rf->filter->part);
}
