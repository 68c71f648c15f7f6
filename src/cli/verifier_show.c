/* SPDX-License-Identifier: GPL-2.0-only */
/* verifier_show.c -- the results of a verifier sweep: cells, grids, tables, CSV, JSON, comparisons. */
#include <stdlib.h>
#include <string.h>

#include <ktstr/test.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/json.h"
#include "base/result_name.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/verifier_args.h"
#include "bpflog/cycles.h"
#include "bpflog/load_log.h"

#define ROWS_FILE_BYTES ((size_t)256 << 20)
#define LOG_BYTES	((size_t)64 << 20)

/* --- arguments ---------------------------------------------------------------------------------------------------- */

static int parse_specs(const struct strings *texts, struct veristat_specs *ret, struct err **err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < texts->count; i++)
		r = veristat_specs_parse(texts->item[i], ret, err);
	return r;
}

static int parse_filters(const struct strings *texts, struct veristat_filters *ret, struct err **err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < texts->count; i++)
		r = veristat_filter_add(texts->item[i], ret, err);
	return r;
}

int verifier_read_rows(const char *path, struct veristat_rows *ret, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = file_read(path, ROWS_FILE_BYTES, &text, err);
	if (r == 0)
		r = veristat_read(buf_str(&text), text.len, ret, err);
	return r < 0 ? err_wrap(err, r, "read the results in '%s'", path) : 0;
}

static int check_limits(const struct verifier_view *v, struct err **err)
{
	for (size_t i = 0; i < v->limits.count; i++)
		if (!v->limits.item[i].is_stat)
			return FAIL(err, ERR_USAGE, -EINVAL, "--fail-on: write a condition, as 'insns_pct>10'");
	for (size_t i = 0; !v->compared && i < v->limits.count; i++)
		if (v->limits.item[i].stat.variant != VARIANT_B)
			return FAIL(err, ERR_USAGE, -EINVAL, "--fail-on: a difference needs --compare FILE");
	return 0;
}

int verifier_view_parse(const struct verifier_args *a, struct verifier_view *v, struct err **err)
{
	*v = (struct verifier_view){ .compared = a->compare };
	int r = parse_specs(&a->emit, &v->columns, err);
	if (r == 0)
		r = parse_specs(&a->sort, &v->order, err);
	if (r == 0)
		r = parse_filters(&a->filter, &v->filters, err);
	if (r == 0)
		r = parse_filters(&a->fail_on, &v->limits, err);
	if (r == 0)
		r = check_limits(v, err);
	if (r == 0 && a->compare)
		r = verifier_read_rows(a->compare, &v->base, err);
	if (!v->columns.count)
		v->columns = a->compare						       ? veristat_default_compared
			     : a->output == VERIFIER_CSV || a->output == VERIFIER_JSON ? veristat_all_columns
										       : veristat_default_columns;
	if (!v->order.count)
		v->order = veristat_default_order;
	return r;
}

void verifier_view_done(struct verifier_view *v)
{
	veristat_filters_done(&v->filters);
	veristat_filters_done(&v->limits);
	veristat_done(&v->base);
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

static void keep_admitted(const struct veristat_filters *f, struct veristat_pairs *pairs)
{
	size_t kept = 0;
	for (size_t i = 0; i < pairs->count; i++)
		if (veristat_admits(f, &pairs->item[i]))
			pairs->item[kept++] = pairs->item[i];
	pairs->count = kept;
}

/* The pairs that are shown; the caller frees ret->item. */
static int make_pairs(const struct verifier_view *v, const struct veristat_rows *rows, struct veristat_pairs *ret)
{
	int r = veristat_join(v->compared ? &v->base : rows, v->compared ? rows : NULL, ret);
	if (r < 0)
		return r;
	keep_admitted(&v->filters, ret);
	veristat_sort(ret, &v->order);
	return 0;
}

/* Each pair that meets a condition of --fail-on is a failure. */
static void check_fail_on(const struct verifier_args *a, const struct verifier_view *v,
			  const struct veristat_pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		const struct veristat_row *row = pairs->item[i].b ? pairs->item[i].b : pairs->item[i].a;
		for (size_t k = 0; k < v->limits.count; k++) {
			double value;
			if (!veristat_matches(&v->limits.item[k], &pairs->item[i]))
				continue;
			veristat_number(&pairs->item[i], &v->limits.item[k].stat, &value);
			say_printf("error: --fail-on '%s': %s of %s has %g\n",
				   k < a->fail_on.count ? a->fail_on.item[k] : "", row->prog, row->file, value);
			status_note(KTSTR_EXIT_FAIL);
		}
	}
}

static int save_rows(const char *path, const struct veristat_rows *rows, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	struct veristat_pairs pairs;
	int r = veristat_join(rows, NULL, &pairs);
	if (r < 0)
		return r;
	veristat_sort(&pairs, &veristat_default_order);
	const struct veristat_view view = { &pairs, &veristat_all_columns, 0 };
	veristat_csv(&view, &text);
	free(pairs.item);
	return file_write_output(path, text.data, text.len, 0644, err);
}

static void put_rows(const struct verifier_args *a, const struct veristat_view *view, const struct sweep *s)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (a->output == VERIFIER_JSON) {
		json_auto_t *o = json_object();
		if (s)
			json_put(&o, "cells", sweep_json(s));
		json_put(&o, "programs", veristat_json(view));
		out_json(o, true);
		return;
	}
	if (a->output == VERIFIER_CSV)
		veristat_csv(view, &text);
	else
		veristat_table(view, &text);
	out_buf(&text);
}

/* @s: the sweep of the rows; NULL: they were stored. */
static int show_rows(const struct verifier_args *a, const struct verifier_view *v, const struct veristat_rows *rows,
		     const struct sweep *s, struct err **err)
{
	struct veristat_pairs pairs = { 0 };
	int r = make_pairs(v, rows, &pairs);
	if (r == 0 && (!s || a->output != VERIFIER_GRID || v->compared)) {
		const struct veristat_view view = { &pairs, &v->columns, (size_t)a->top };
		put_rows(a, &view, s);
	}
	if (r == 0)
		check_fail_on(a, v, &pairs);
	free(pairs.item);
	if (r < 0)
		return FAIL_SYS(err, r, "show the results");
	return a->save ? save_rows(a->save, rows, err) : 0;
}

int verifier_show_rows(const struct verifier_args *a, const struct verifier_view *v, const struct veristat_rows *rows,
		       struct err **err)
{
	return show_rows(a, v, rows, NULL, err);
}

/* --- the text of one cell ----------------------------------------------------------------------------------------- */

/* What the scheduler printed; empty: nothing. */
static void read_log(const struct sweep_cell *c, struct buf *ret)
{
	size_t stem = strlen(c->sidecar) - MIN_OF(strlen(SIDECAR_SUFFIX), strlen(c->sidecar));
	_cleanup_buf_ struct buf path = BUF_NULL;
	buf_append(&path, c->sidecar, stem);
	buf_puts(&path, LOAD_LOG_SUFFIX);
	if (file_read(buf_str(&path), LOG_BYTES, ret, NULL) < 0)
		buf_clear(ret);
}

static void put_stat(const struct veristat_row *row, enum veristat_column c, const char *before, const char *after,
		     struct buf *out)
{
	if (row->has >> c & 1)
		buf_appendf(out, "%s%ld%s", before, row->value[c], after);
}

static void put_stats(const struct sweep *s, const struct sweep_cell *c, struct buf *out)
{
	for (size_t i = c->first; i < c->first + c->programs; i++) {
		const struct veristat_row *row = &s->rows.item[i];
		buf_appendf(out, "  %-40s", row->prog);
		put_stat(row, VERISTAT_INSNS, " verified_insns=", "", out);
		buf_puts(out, row->success ? "\n" : " REJECTED\n");
	}
	buf_appendf(out, "\n%s --- verifier stats ---\n", c->label);
	for (size_t i = c->first; i < c->first + c->programs; i++) {
		const struct veristat_row *row = &s->rows.item[i];
		buf_appendf(out, "  %-40s", row->prog);
		put_stat(row, VERISTAT_INSNS, " processed=", "", out);
		put_stat(row, VERISTAT_PEAK_STATES, "  states=", "", out);
		put_stat(row, VERISTAT_STATES, "/", "", out);
		put_stat(row, VERISTAT_DURATION, "  time=", "us", out);
		put_stat(row, VERISTAT_STACK, "  stack=", "", out);
		buf_puts(out, "\n");
	}
}

static int put_log(const struct sweep_cell *c, bool raw, struct buf *out)
{
	_cleanup_buf_ struct buf log = BUF_NULL;
	const char *text;
	size_t len;
	read_log(c, &log);
	if (!log.len)
		return 0;
	load_log_part(buf_str(&log), log.len, &text, &len);
	buf_appendf(out, "\n%s --- scheduler log ---\n", c->label);
	if (!raw)
		return cycles_collapse(text, len, out);
	buf_append(out, text, len);
	return 0;
}

static int put_cell(const struct verifier_args *a, const struct sweep *s, const struct sweep_cell *c, struct buf *out)
{
	buf_appendf(out, "\n=== %s | kernel %s | topology %s ===\n\n", c->label, c->kernel, c->preset);
	const char *state = s->verified_only ? "NOT VERIFIED" : c->attached ? "ATTACHED, BUT FAILED" : "NOT ATTACHED";
	if (c->outcome != SWEEP_PASS)
		buf_appendf(out, "  scheduler: %s: %s\n", state, *c->cause ? c->cause : "see its report");
	put_stats(s, c, out);
	int r = put_log(c, a->raw, out);
	buf_puts(out, "\n");
	return r;
}

/* Failed cells, and with --verbose all that ran. */
static int put_cells(const struct verifier_args *a, const struct sweep *s, struct buf *out)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < s->cells; i++) {
		enum sweep_outcome o = s->cell[i].outcome;
		if (o == SWEEP_FAIL || o == SWEEP_INCONCLUSIVE || (o == SWEEP_PASS && a->test.verbose))
			r = put_cell(a, s, &s->cell[i], out);
	}
	return r;
}

/* --- where the verifier spends its time --------------------------------------------------------------------------- */

static int compare_lines(const void *x, const void *y)
{
	const struct log_line *a = x, *b = y;
	int d = memcmp(a->text, b->text, MIN_OF(a->len, b->len));
	return d ? d : (a->len > b->len) - (a->len < b->len);
}

/* "; next = tctx->next @ scx_qmap.bpf.c:512" */
static bool is_source(const struct log_line *l)
{
	return l->len > 2 && !memcmp(l->text, "; ", 2) && memmem(l->text, l->len, " @ ", 3);
}

struct source_count {
	struct log_line line;
	size_t count;
};

static int by_count(const void *x, const void *y)
{
	const struct source_count *a = x, *b = y;
	return a->count != b->count ? (a->count < b->count) - (a->count > b->count) : compare_lines(&a->line, &b->line);
}

static int put_sources(const struct log_lines *lines, size_t most, struct buf *out)
{
	_cleanup_free_ struct source_count *count = calloc(lines->count + 1, sizeof(*count));
	size_t kept = 0, found = 0;
	if (!count)
		return -ENOMEM;
	for (size_t i = 0; i < lines->count; i++)
		if (is_source(&lines->item[i]))
			lines->item[kept++] = lines->item[i];
	qsort(lines->item, kept, sizeof(*lines->item), compare_lines);
	for (size_t i = 0, n; i < kept; i += n) {
		for (n = 1; i + n < kept && !compare_lines(&lines->item[i], &lines->item[i + n]);)
			n++;
		count[found++] = (struct source_count){ lines->item[i], n };
	}
	qsort(count, found, sizeof(*count), by_count);
	for (size_t i = 0; i < MIN_OF(found, most); i++)
		buf_appendf(out, "%8zu  %.*s\n", count[i].count, (int)(count[i].line.len - 2), count[i].line.text + 2);
	return 0;
}

static int put_top_lines(const struct sweep *s, size_t most, struct buf *out)
{
	_cleanup_buf_ struct buf all = BUF_NULL;
	struct log_lines lines = { 0 };
	for (size_t i = 0; i < s->cells; i++) {
		_cleanup_buf_ struct buf log = BUF_NULL;
		read_log(&s->cell[i], &log);
		buf_append(&all, log.data, log.len);
	}
	int r = log_lines_split(buf_str(&all), all.len, &lines);
	buf_puts(out, "source lines that the logs name most often:\n");
	if (r == 0)
		r = put_sources(&lines, most, out);
	log_lines_done(&lines);
	return r;
}

/* --- a sweep ------------------------------------------------------------------------------------------------------ */

static int show_grids(const struct verifier_args *a, const struct sweep *s, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = put_cells(a, s, &text);
	sweep_grids(s, &text);
	sweep_profiles(s, &text);
	sweep_warnings(s, &text);
	if (r == 0 && a->top_lines)
		r = put_top_lines(s, (size_t)a->top_lines, &text);
	sweep_failures(s, &text);
	out_buf(&text);
	return r < 0 ? FAIL_SYS(err, r, "show the sweep") : 0;
}

static bool any_ran(const struct sweep *s)
{
	for (size_t i = 0; i < s->cells; i++)
		if (s->cell[i].outcome != SWEEP_SKIP)
			return true;
	return false;
}

int verifier_show(const struct verifier_args *a, const struct verifier_view *v, const struct sweep *s, struct err **err)
{
	int r = a->output == VERIFIER_GRID ? show_grids(a, s, err) : 0;
	if (r == 0)
		r = show_rows(a, v, &s->rows, s, err);
	if (!any_ran(s)) {
		say_printf("no cell ran: all were skipped\n");
		status_note(KTSTR_EXIT_INCONCLUSIVE);
	}
	return r;
}

int verifier_show_collected(char *const *words, const struct report_results *results, struct err **err)
{
	_cleanup_(verifier_view_done) struct verifier_view view = { 0 };
	_cleanup_(sweep_done) struct sweep s = { 0 };
	struct verifier_args a = { 0 };
	int r = options_parse(&cmd_verifier, words, &a, err);
	if (r == 0)
		r = verifier_view_parse(&a, &view, err);
	a.raw |= environment_is_on(ENV_VERIFIER_RAW);
	for (size_t i = 0; r == 0 && i < results->count; i++)
		if (*results->item[i].sidecar)
			r = sweep_add(&s, results->item[i].sidecar, err);
	return r == 0 ? verifier_show(&a, &view, &s, err) : r;
}
