/* SPDX-License-Identifier: GPL-2.0-only */
/* rows_text.c -- see rows_text.h. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "ctprof/rows_text.h"

const char *const column_names[] = { "group", "threads", "metric",  "value",  "baseline", "candidate",
				     "arrow", "delta",	 "percent", "uptime", "tags",	  NULL };
const char *const group_by_names[] = { "all", "pcomm", "cgroup", "comm", "comm-exact", NULL };
static const char *const titles[] = { "GROUP",	"THREADS", "METRIC", "VALUE",	"BASELINE", "CANDIDATE",
				      "CHANGE", "DELTA",   "%",	     "%UPTIME", "TAGS" };

/* --- numbers ------------------------------------------------------------------------------------------------------ */

struct scale {
	double step;
	const char *suffix[6];
};

static void put_scaled(double value, const struct scale *scale, struct buf *out)
{
	unsigned i = 0;
	while (fabs(value) >= scale->step && i + 1 < ARRAY_SIZE(scale->suffix) && scale->suffix[i + 1]) {
		value /= scale->step;
		i++;
	}
	buf_appendf(out, i || value != rint(value) ? "%.3g%s" : "%.0f%s", value, scale->suffix[i]);
}

/* Up to 999 of a unit are three digits; from a thousand, the next unit is used. */
static void put_number(double value, enum unit unit, struct buf *out)
{
	static const struct scale counts = { 1000, { "", "K", "M", "G", "T", "P" } };
	static const struct scale times = { 1000, { "ns", "µs", "ms", "s", NULL } };
	static const struct scale bytes = { 1024, { "B", "KiB", "MiB", "GiB", "TiB", "PiB" } };
	switch (unit) {
	case UNIT_COUNT:
	case UNIT_TICKS:
		put_scaled(value, &counts, out);
		break;
	case UNIT_NS:
		put_scaled(value, &times, out);
		break;
	case UNIT_USEC:
		put_scaled(value * 1000, &times, out);
		break;
	case UNIT_BYTES:
		put_scaled(value, &bytes, out);
		break;
	case UNIT_KIB:
		put_scaled(value * 1024, &bytes, out);
		break;
	case UNIT_RATIO:
		buf_appendf(out, "%.3f", value);
		break;
	default:
		buf_appendf(out, "%.6g", value);
	}
}

static void put_range(const struct value *v, const char *suffix, struct buf *out)
{
	if (v->low == v->high)
		buf_appendf(out, "%.0f%s", v->low, suffix);
	else
		buf_appendf(out, *suffix ? "%.0f-%.0f%s (mixed)" : "%.0f..%.0f%s", v->low, v->high, suffix);
}

void value_format(const struct value *v, enum unit unit, struct buf *out)
{
	switch (v->kind) {
	case VALUE_UNKNOWN:
		buf_puts(out, "-");
		break;
	case VALUE_NUMBER:
		put_number(v->number, unit, out);
		break;
	case VALUE_RANGE:
		put_range(v, "", out);
		break;
	case VALUE_AFFINITY:
		put_range(v, " cpus", out);
		break;
	case VALUE_MODE:
		buf_puts(out, v->text);
		if (v->count < v->known)
			buf_appendf(out, " (%zu/%zu)", v->count, v->known);
		break;
	}
}

/* --- cells -------------------------------------------------------------------------------------------------------- */

static bool same_text(const struct row *r)
{
	return r->a.kind == VALUE_MODE && r->b.kind == VALUE_MODE && !strcmp(r->a.text, r->b.text);
}

static void put_delta(const struct row *r, struct buf *out)
{
	if (r->a.kind == VALUE_MODE && r->b.kind == VALUE_MODE) {
		buf_puts(out, same_text(r) ? "same" : "differs");
	} else if (isnan(r->delta)) {
		buf_puts(out, "-");
	} else {
		buf_puts(out, r->delta > 0 ? "+" : "");
		put_number(r->delta, r->unit, out);
	}
}

static void put_percent(double percent, bool is_change, struct buf *out)
{
	if (isnan(percent))
		buf_puts(out, "-");
	else
		buf_appendf(out, is_change ? "%+.1f%%" : "%.1f%%", percent);
}

static void put_threads(const struct row *r, bool compares, struct buf *out)
{
	if (compares)
		buf_appendf(out, "%zu→%zu", r->threads_a, r->threads_b);
	else
		buf_appendf(out, "%zu", r->threads_b);
}

static void put_cell(const struct row *r, enum column column, bool compares, struct buf *out)
{
	switch (column) {
	case COLUMN_GROUP:
		text_append_line(out, r->group, strlen(r->group));
		break;
	case COLUMN_THREADS:
		put_threads(r, compares, out);
		break;
	case COLUMN_METRIC:
		buf_puts(out, r->metric);
		break;
	case COLUMN_BASELINE:
		value_format(&r->a, r->unit, out);
		break;
	case COLUMN_VALUE:
	case COLUMN_CANDIDATE:
		value_format(&r->b, r->unit, out);
		break;
	case COLUMN_ARROW:
		value_format(&r->a, r->unit, out);
		buf_puts(out, " → ");
		value_format(&r->b, r->unit, out);
		break;
	case COLUMN_DELTA:
		put_delta(r, out);
		break;
	case COLUMN_PERCENT:
		put_percent(r->percent, true, out);
		break;
	case COLUMN_UPTIME:
		put_percent(r->uptime, false, out);
		break;
	default:
		buf_puts(out, r->tags);
	}
}

/* --- table -------------------------------------------------------------------------------------------------------- */

static void measure(const struct row_block *b, bool compares, unsigned width[COLUMN_MAX])
{
	_cleanup_buf_ struct buf cell = BUF_NULL;
	for (unsigned c = 0; c < COLUMN_MAX; c++)
		width[c] = text_columns(titles[c]);
	for (size_t i = 0; i < b->count; i++) {
		for (unsigned c = 0; c < COLUMN_MAX; c++) {
			buf_clear(&cell);
			put_cell(&b->row[i], c, compares, &cell);
			width[c] = MAX_OF(width[c], text_columns(buf_str(&cell)));
		}
	}
}

/* Columns whose cells end below each other. */
#define NUMBERS                                                                                       \
	(1U << COLUMN_THREADS | 1U << COLUMN_VALUE | 1U << COLUMN_BASELINE | 1U << COLUMN_CANDIDATE | \
	 1U << COLUMN_DELTA | 1U << COLUMN_PERCENT | 1U << COLUMN_UPTIME)

/* Appends a line's cells; no spaces at its end. */
static void put_line(const struct row *r, unsigned columns, bool compares, const unsigned *width, struct buf *out)
{
	_cleanup_buf_ struct buf cell = BUF_NULL;
	for (unsigned c = 0, begun = 0; c < COLUMN_MAX; c++) {
		if (!(columns >> c & 1))
			continue;
		bool last = !(columns >> (c + 1));
		buf_clear(&cell);
		if (r)
			put_cell(r, c, compares, &cell);
		buf_puts(out, begun++ ? "  " : "");
		const char *text = r ? buf_str(&cell) : titles[c];
		bool number = NUMBERS >> c & 1;
		if (number)
			buf_appendf(out, "%*s", (int)(width[c] - text_columns(text)), "");
		text_append_columns(out, text, width[c], !last && !number);
	}
	while (out->len && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
	buf_puts(out, "\n");
}

static void put_names(const char *text, const char *const *names, struct buf *out)
{
	for (; names && *names; names++) {
		buf_puts(out, text);
		text_append_line(out, *names, strlen(*names));
		buf_puts(out, "\n");
	}
}

static void print_block(const struct row_block *b, unsigned columns, bool compares, struct buf *out)
{
	unsigned width[COLUMN_MAX];
	measure(b, compares, width);
	put_line(NULL, columns, compares, width, out);
	for (size_t i = 0; i < b->count; i++)
		put_line(&b->row[i], columns, compares, width, out);
	if (b->left_out)
		buf_appendf(out, "%zu more row%s; --limit 0 shows all\n", b->left_out, plural(b->left_out));
	put_names("only in the baseline: ", b->only_a, out);
	put_names("only in the candidate: ", b->only_b, out);
}

void rows_print(const struct rows *r, unsigned columns, bool compares, struct buf *out)
{
	for (unsigned i = 0; i < r->count; i++) {
		if (r->count > 1)
			buf_appendf(out, "%sgroups by %s\n", i ? "\n" : "", group_by_names[r->block[i].by]);
		print_block(&r->block[i], columns, compares, out);
	}
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static json_t *value_json(const struct value *v)
{
	json_t *o;
	switch (v->kind) {
	case VALUE_NUMBER:
		return json_number(v->number);
	case VALUE_MODE:
		o = json_object();
		json_put_text(&o, "mode", v->text);
		json_put_u64(&o, "count", v->count);
		json_put_u64(&o, "total", v->known);
		return o;
	case VALUE_RANGE:
	case VALUE_AFFINITY:
		o = json_object();
		json_put_number(&o, "least", v->low);
		json_put_number(&o, "most", v->high);
		return o;
	default:
		return json_null();
	}
}

static json_t *row_json(const struct row *r, bool compares)
{
	json_t *o = json_object();
	json_put_text(&o, "section", section_names[r->section]);
	json_put_text(&o, "group", r->group);
	json_put_text(&o, "metric", r->metric);
	json_put_text(&o, "unit", unit_names[r->unit]);
	json_put_number(&o, "percent_of_uptime", r->uptime);
	if (!compares) {
		json_put_u64(&o, "threads", r->threads_b);
		json_put(&o, "value", value_json(&r->b));
		return o;
	}
	json_put_u64(&o, "baseline_threads", r->threads_a);
	json_put_u64(&o, "candidate_threads", r->threads_b);
	json_put(&o, "baseline", value_json(&r->a));
	json_put(&o, "candidate", value_json(&r->b));
	json_put_number(&o, "delta", r->delta);
	json_put_number(&o, "percent", r->percent);
	return o;
}

json_t *rows_json(const struct rows *r, bool compares)
{
	static const char *const none[] = { NULL };
	json_t *blocks = json_array();
	for (unsigned i = 0; i < r->count; i++) {
		const struct row_block *b = &r->block[i];
		json_t *o = json_object(), *rows = json_array();
		for (size_t j = 0; j < b->count; j++)
			json_add(&rows, row_json(&b->row[j], compares));
		json_put_text(&o, "group_by", group_by_names[b->by]);
		json_put(&o, "rows", rows);
		json_put_u64(&o, "left_out", b->left_out);
		json_put_texts(&o, "only_in_baseline", b->only_a ?: none);
		json_put_texts(&o, "only_in_candidate", b->only_b ?: none);
		json_add(&blocks, o);
	}
	return blocks;
}
