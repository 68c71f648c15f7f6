/* SPDX-License-Identifier: GPL-2.0-only */
/* veristat.c -- see veristat.h: rows, columns, orders, pairs. */
#include "stats/veristat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

const struct veristat_column_row veristat_columns[VERISTAT_COLUMNS] = {
	[VERISTAT_FILE] = { "File", { "file_name", "filename", "file" }, NULL, true, true },
	[VERISTAT_PROG] = { "Program", { "prog_name", "progname", "prog" }, "name", true, true },
	[VERISTAT_VERDICT] = { "Verdict", { "verdict" }, "verdict", true, true },
	[VERISTAT_DURATION] = { "Duration (us)", { "duration", "dur", "duration_us" }, "duration_us", false, false },
	[VERISTAT_INSNS] = { "Insns", { "total_insns", "insns" }, "verified_insns", false, false },
	[VERISTAT_STATES] = { "States", { "total_states", "states" }, "total_states", false, false },
	[VERISTAT_PEAK_STATES] = { "Peak states", { "peak_states" }, "peak_states", false, false },
	[VERISTAT_MAX_STATES] = { "Max states per insn",
				  { "max_states_per_insn", "max_states" },
				  "max_states_per_insn",
				  false,
				  false },
	[VERISTAT_MARK_READ] = { "Max mark read length",
				 { "max_mark_read_len", "mark_read" },
				 "mark_read",
				 false,
				 false },
	[VERISTAT_SIZE] = { "Program size", { "prog_size", "size" }, "size", false, false },
	[VERISTAT_JITED_SIZE] = { "Jited size", { "prog_size_jited", "jited_size" }, "jited_size", false, false },
	[VERISTAT_TYPE] = { "Program type", { "prog_type", "type" }, "type", true, true },
	[VERISTAT_ATTACH] = { "Attach type", { "attach_type" }, "attach_type", true, true },
	[VERISTAT_STACK] = { "Stack depth", { "stack_depth", "stack" }, "stack_depth", false, false },
	[VERISTAT_MEMORY] = { "Peak memory (MiB)", { "mem_peak" }, "mem_peak", false, false },
};

#define SPEC(NAME)                        \
	{                                 \
		.column = VERISTAT_##NAME \
	}
#define RISING(NAME)                                         \
	{                                                    \
		.column = VERISTAT_##NAME, .ascending = true \
	}

const struct veristat_specs veristat_default_columns = { { SPEC(FILE), SPEC(PROG), SPEC(VERDICT), SPEC(DURATION),
							   SPEC(INSNS), SPEC(STATES), SPEC(SIZE), SPEC(JITED_SIZE) },
							 8 };
const struct veristat_specs veristat_all_columns = { { SPEC(FILE), SPEC(PROG), SPEC(VERDICT), SPEC(DURATION),
						       SPEC(INSNS), SPEC(STATES), SPEC(PEAK_STATES), SPEC(MAX_STATES),
						       SPEC(MARK_READ), SPEC(SIZE), SPEC(JITED_SIZE), SPEC(TYPE),
						       SPEC(ATTACH), SPEC(STACK), SPEC(MEMORY) },
						     VERISTAT_COLUMNS };
const struct veristat_specs veristat_default_order = { { RISING(FILE), RISING(PROG) }, 2 };
const struct veristat_specs veristat_default_compared = {
	{ SPEC(FILE), SPEC(PROG), SPEC(VERDICT), SPEC(INSNS), SPEC(STATES) }, 5
};

void veristat_done(struct veristat_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		free(rows->item[i].file);
		free(rows->item[i].prog);
		free(rows->item[i].type);
		free(rows->item[i].attach);
	}
	free(rows->item);
	*rows = (struct veristat_rows){ 0 };
}

static char *text_member(const json_t *o, enum veristat_column c)
{
	const char *text = json_string_value(json_object_get(o, veristat_columns[c].key));
	return text_clean_line(text ? text : "");
}

int veristat_add(struct veristat_rows *rows, const char *file, const json_t *programs)
{
	size_t i;
	const json_t *o;
	json_array_foreach(programs, i, o) {
		struct veristat_row *more = realloc(rows->item, (rows->count + 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		rows->item = more;
		struct veristat_row *row = &more[rows->count++];
		const char *verdict = json_string_value(json_object_get(o, "verdict"));
		*row = (struct veristat_row){ .file = text_clean_line(file),
					      .prog = text_member(o, VERISTAT_PROG),
					      .type = text_member(o, VERISTAT_TYPE),
					      .attach = text_member(o, VERISTAT_ATTACH),
					      .success = verdict && !strcmp(verdict, "success") };
		if (!row->file || !row->prog || !row->type || !row->attach)
			return -ENOMEM;
		for (int c = 0; c < VERISTAT_COLUMNS; c++) {
			const json_t *v = veristat_columns[c].text ? NULL : json_object_get(o, veristat_columns[c].key);
			if (!json_is_integer(v))
				continue;
			row->value[c] = json_integer_value(v);
			row->has |= 1u << c;
		}
		row->value[VERISTAT_VERDICT] = row->success;
		row->has |= 1u << VERISTAT_VERDICT;
	}
	return 0;
}

int veristat_find(const char *name, size_t len)
{
	for (int c = 0; c < VERISTAT_COLUMNS; c++)
		for (int i = 0; i < VERISTAT_NAMES_MAX && veristat_columns[c].name[i]; i++)
			if (strlen(veristat_columns[c].name[i]) == len &&
			    !strncmp(veristat_columns[c].name[i], name, len))
				return c;
	return -1;
}

const char *veristat_text(const struct veristat_row *row, enum veristat_column c)
{
	switch (c) {
	case VERISTAT_FILE:
		return row->file;
	case VERISTAT_PROG:
		return row->prog;
	case VERISTAT_VERDICT:
		return row->success ? "success" : "failure";
	case VERISTAT_TYPE:
		return *row->type ? row->type : "-";
	case VERISTAT_ATTACH:
		return *row->attach ? row->attach : "-";
	default:
		return NULL;
	}
}

/* --- specs -------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *suffix;
	enum veristat_variant variant;
} variants[] = {
	{ "_a", VARIANT_A },
	{ "_b", VARIANT_B },
	{ "_diff", VARIANT_DIFF },
	{ "_pct", VARIANT_PCT },
};

static int find_with_variant(const char *text, size_t len, struct veristat_spec *ret)
{
	int c = veristat_find(text, len);
	ret->variant = VARIANT_B;
	for (size_t i = 0; c < 0 && i < ARRAY_SIZE(variants); i++) {
		size_t suffix = strlen(variants[i].suffix);
		if (len <= suffix || strncmp(text + len - suffix, variants[i].suffix, suffix) != 0)
			continue;
		c = veristat_find(text, len - suffix);
		ret->variant = variants[i].variant;
	}
	return c;
}

int veristat_spec_parse(const char *text, size_t len, struct veristat_spec *ret, struct err **err)
{
	*ret = (struct veristat_spec){ 0 };
	const char *name = text;
	size_t n = len;
	if (n > 2 && name[0] == '|' && name[n - 1] == '|') {
		ret->absolute = true;
		name++;
		n -= 2;
	}
	int c = find_with_variant(name, n, ret);
	if (c < 0)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "'%.*s' is not a column: file, prog, verdict, duration, insns, states, peak_states, "
			    "max_states_per_insn, mark_read, prog_size, prog_size_jited, prog_type, attach_type, "
			    "stack_depth, mem_peak; with --compare also with _a, _b, _diff or _pct",
			    (int)len, text);
	ret->column = (enum veristat_column)c;
	ret->ascending = veristat_columns[c].ascending;
	return 0;
}

/* A direction is at the end: ^ or v, which may also be the last letter of a name. */
static int parse_directed(const char *text, size_t len, struct veristat_spec *ret, struct err **err)
{
	struct veristat_spec shorter;
	char last = len ? text[len - 1] : 0;
	if ((last == '^' || last == 'v') && veristat_spec_parse(text, len - 1, &shorter, NULL) == 0) {
		*ret = shorter;
		ret->ascending = last == '^';
		return 0;
	}
	return veristat_spec_parse(text, len, ret, err);
}

int veristat_specs_parse(const char *text, struct veristat_specs *ret, struct err **err)
{
	while (*text) {
		size_t len = strcspn(text, ",");
		if (ret->count == ARRAY_SIZE(ret->item))
			return FAIL(err, ERR_USAGE, -E2BIG, "more than %zu columns", ARRAY_SIZE(ret->item));
		int r = parse_directed(text, len, &ret->item[ret->count++], err);
		if (r < 0)
			return r;
		text += len + (text[len] == ',');
	}
	return 0;
}

/* --- pairs -------------------------------------------------------------------------------------------------------- */

static int compare_keys(const struct veristat_row *a, const struct veristat_row *b)
{
	int d = strcmp(a->file, b->file);
	return d ? d : strcmp(a->prog, b->prog);
}

static int by_key(const void *x, const void *y)
{
	const struct veristat_row *const *a = x, *const *b = y;
	int d = compare_keys(*a, *b);
	return d ? d : (*a > *b) - (*a < *b);
}

static const struct veristat_row **sorted_rows(const struct veristat_rows *rows)
{
	const struct veristat_row **list = calloc(rows->count + 1, sizeof(*list));
	for (size_t i = 0; list && i < rows->count; i++)
		list[i] = &rows->item[i];
	if (list)
		qsort(list, rows->count, sizeof(*list), by_key);
	return list;
}

static int join_alone(const struct veristat_rows *a, struct veristat_pairs *ret)
{
	*ret = (struct veristat_pairs){ .item = calloc(a->count + 1, sizeof(*ret->item)), .count = a->count };
	for (size_t i = 0; ret->item && i < a->count; i++)
		ret->item[i] = (struct veristat_pair){ &a->item[i], &a->item[i] };
	return ret->item ? 0 : -ENOMEM;
}

int veristat_join(const struct veristat_rows *a, const struct veristat_rows *b, struct veristat_pairs *ret)
{
	if (!b)
		return join_alone(a, ret);
	_cleanup_free_ const struct veristat_row **x = sorted_rows(a), **y = sorted_rows(b);
	*ret = (struct veristat_pairs){ .item = calloc(a->count + b->count + 1, sizeof(*ret->item)), .compared = true };
	if (!x || !y || !ret->item)
		return -ENOMEM;
	for (size_t i = 0, k = 0; i < a->count || k < b->count;) {
		int d = i == a->count ? 1 : k == b->count ? -1 : compare_keys(x[i], y[k]);
		ret->item[ret->count++] = (struct veristat_pair){ d <= 0 ? x[i] : NULL, d >= 0 ? y[k] : NULL };
		i += d <= 0;
		k += d >= 0;
	}
	return 0;
}

static bool value_of(const struct veristat_row *row, enum veristat_column c, double *ret)
{
	if (!row || !(row->has >> c & 1))
		return false;
	*ret = (double)row->value[c];
	return true;
}

/* Of a base of 0, any other value is a difference of 100 %. */
static double percent(double a, double b)
{
	if (a == 0)
		return b == 0 ? 0 : b < 0 ? -100 : 100;
	return (b - a) / a * 100;
}

bool veristat_number(const struct veristat_pair *p, const struct veristat_spec *s, double *ret)
{
	double a = 0, b = 0;
	bool has_a = value_of(p->a, s->column, &a), has_b = value_of(p->b, s->column, &b);
	bool has = s->variant == VARIANT_A ? has_a : s->variant == VARIANT_B ? has_b : has_a && has_b;
	*ret = s->variant == VARIANT_A	    ? a
	       : s->variant == VARIANT_B    ? b
	       : s->variant == VARIANT_DIFF ? b - a
					    : percent(a, b);
	if (s->absolute)
		*ret = fabs(*ret);
	return has;
}

static int compare_texts(const struct veristat_pair *x, const struct veristat_pair *y, const struct veristat_spec *s)
{
	const struct veristat_row *a = x->b ? x->b : x->a, *b = y->b ? y->b : y->a;
	if (s->variant == VARIANT_A && x->a && y->a)
		a = x->a, b = y->a;
	return strcmp(veristat_text(a, s->column), veristat_text(b, s->column));
}

/* A value that is not there is less than all others. */
static int compare_by(const struct veristat_pair *x, const struct veristat_pair *y, const struct veristat_spec *s)
{
	double a, b;
	if (veristat_columns[s->column].text && s->variant != VARIANT_DIFF && s->variant != VARIANT_PCT)
		return compare_texts(x, y, s) * (s->ascending ? 1 : -1);
	bool has_a = veristat_number(x, s, &a), has_b = veristat_number(y, s, &b);
	int d = !has_a || !has_b ? has_a - has_b : (a > b) - (a < b);
	return s->ascending ? d : -d;
}

static int by_order(const void *x, const void *y, void *arg)
{
	const struct veristat_specs *order = arg;
	for (size_t i = 0; i < order->count; i++) {
		int d = compare_by(x, y, &order->item[i]);
		if (d)
			return d;
	}
	return 0;
}

/* Rows that are equal in the order are sorted by their names. */
void veristat_sort(struct veristat_pairs *pairs, const struct veristat_specs *order)
{
	struct veristat_specs full = *order;
	for (size_t i = 0; i < veristat_default_order.count && full.count < ARRAY_SIZE(full.item); i++)
		full.item[full.count++] = veristat_default_order.item[i];
	qsort_r(pairs->item, pairs->count, sizeof(*pairs->item), by_order, &full);
}
