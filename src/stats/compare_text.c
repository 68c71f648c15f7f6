/* SPDX-License-Identifier: GPL-2.0-only */
/* compare_text.c -- see compare_text.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "stats/compare_text.h"
#include "stats/host_text.h"
#include "stats/significance.h"

#define LABEL_VALUES_MAX 3

void compare_label(const struct filter *f, const struct pairing *g, enum side side, struct buf *out)
{
	size_t begin = out->len;
	for (int d = 0; d < DIMENSION_MAX; d++) {
		const struct filter_values *v = &f->of[d];
		if (!g->slices[d])
			continue;
		if (!v->count || v->count > LABEL_VALUES_MAX) {
			out->len = begin;
			buf_puts(out, side == SIDE_A ? "A" : "B");
			return;
		}
		buf_puts(out, out->len > begin ? ":" : "");
		for (size_t i = 0; i < v->count; i++)
			buf_appendf(out, "%s%s", i ? "," : "", v->item[i]);
	}
}

void compare_group_name(const struct compare_view *v, uint32_t group, struct buf *out)
{
	const struct group *g = &v->pairing->group[group];
	const char *separator = " [";
	buf_puts(out, v->pool->text[g->test]);
	for (int d = 0; d < DIMENSION_MAX; d++) {
		if (!v->pairing->keyed[d] || !v->pairing->varies[d])
			continue;
		buf_appendf(out, "%s%s", separator, g->of[d] ? v->pool->text[g->of[d]] : "-");
		separator = " ";
	}
	if (*separator == ' ' && separator[1] == '\0')
		buf_puts(out, "]");
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

#define COLUMNS_MAX 9

struct cells {
	struct buf cell[COLUMNS_MAX];
	enum finding_verdict verdict;
};

struct table {
	unsigned columns;
	const char *head[COLUMNS_MAX];
	unsigned width[COLUMNS_MAX];
	struct cells *row;
	size_t rows;
};

static bool is_shown(const struct compare_view *v, const struct finding *f)
{
	return v->all || f->verdict != FINDING_UNCHANGED;
}

static bool has_test(const struct compare_view *v)
{
	return v->options->test != COMPARE_THRESHOLD;
}

static void put_p(double p, struct buf *out)
{
	if (isnan(p))
		buf_puts(out, "-");
	else
		buf_appendf(out, p < 0.0005 && p > 0 ? "%.1e" : "%.3f", p);
}

/* The interval of a median as a share of it, in percent. */
static void put_value(const struct compare_view *v, const struct finding *f, enum side side, struct buf *out)
{
	buf_appendf(out, "%.2f", f->value[side]);
	if (v->options->test != COMPARE_MWU)
		return;
	struct median m = { .value = f->value[side], .low = f->low[side], .high = f->high[side] };
	double reach = median_reach(&m);
	if (isinf(reach) || isnan(reach))
		buf_puts(out, " ±∞");
	else
		buf_appendf(out, " ±%.0f%%", reach * 100);
}

/* How many more runs it takes to see a change of this size, or to see any. */
static void put_needed(const struct compare_view *v, const struct finding *f, struct buf *out)
{
	const char *runs = f->needed == 1 ? "run is" : "runs are";
	if (f->needed == NEEDED_NEVER)
		buf_puts(out, "; more runs will not help: the difference is too small for any number of them");
	else if (f->delta == 0)
		buf_appendf(out, "; %zu more %s needed to see any change", f->needed, runs);
	else
		buf_appendf(out, "; %zu more %s needed for %.0f %%", f->needed, runs, v->options->power * 100);
}

static void put_verdict(const struct compare_view *v, const struct finding *f, struct buf *out)
{
	static const char *const words[] = { "unchanged", "REGRESSION", "improvement", "informational", "noisy" };
	buf_puts(out, words[f->verdict]);
	if (v->options->test == COMPARE_PAIRED)
		buf_appendf(out, " (%zu of %zu seeds worse, %zu better)", f->worse, f->n[SIDE_A], f->better);
	if (f->verdict == FINDING_NOISY || (f->verdict == FINDING_UNCHANGED && f->needed && has_test(v)))
		put_needed(v, f, out);
}

/* The difference as a share of A, with its sign. A value of 0 has no share. */
static void put_change(const struct finding *f, struct buf *out)
{
	if (fabs(f->value[SIDE_A]) < NEAR_ZERO)
		buf_puts(out, "-");
	else
		buf_appendf(out, "%+.1f%%", copysign(100 * f->share, f->delta));
}

static void fill_row(const struct compare_view *v, const struct finding *f, struct cells *c)
{
	unsigned n = 0;
	c->verdict = f->verdict;
	compare_group_name(v, f->group, &c->cell[n++]);
	buf_puts(&c->cell[n++], pool_metric_name(v->pool, f->metric));
	put_value(v, f, SIDE_A, &c->cell[n++]);
	put_value(v, f, SIDE_B, &c->cell[n++]);
	buf_appendf(&c->cell[n++], "%+.2f%s", f->delta, pool_metric_unit(v->pool, f->metric));
	put_change(f, &c->cell[n++]);
	if (has_test(v)) {
		put_p(f->p, &c->cell[n++]);
		put_p(f->q, &c->cell[n++]);
	}
	put_verdict(v, f, &c->cell[n]);
}

static void table_done(struct table *t)
{
	for (size_t i = 0; i < t->rows; i++)
		for (unsigned c = 0; c < COLUMNS_MAX; c++)
			buf_done(&t->row[i].cell[c]);
	free(t->row);
}

static void fill_table(const struct compare_view *v, struct table *t)
{
	static const char *const plain[] = { "TEST", "METRIC", "A", "B", "DELTA", "CHANGE", "VERDICT" };
	static const char *const tested[] = { "TEST", "METRIC", "A", "B", "DELTA", "CHANGE", "P", "Q", "VERDICT" };
	t->columns = has_test(v) ? ARRAY_SIZE(tested) : ARRAY_SIZE(plain);
	memcpy(t->head, has_test(v) ? tested : plain, t->columns * sizeof(*t->head));
	t->row = calloc(v->comparison->findings + 1, sizeof(*t->row));
	for (size_t i = 0; t->row && i < v->comparison->findings; i++)
		if (is_shown(v, &v->comparison->finding[i]))
			fill_row(v, &v->comparison->finding[i], &t->row[t->rows++]);
	for (unsigned c = 0; c < t->columns; c++) {
		t->width[c] = text_columns(t->head[c]);
		for (size_t i = 0; i < t->rows; i++)
			t->width[c] = MAX_OF(t->width[c], text_columns(buf_str(&t->row[i].cell[c])));
	}
}

/* Numbers are aligned at the right. */
static void put_cell(const struct table *t, unsigned column, const char *text, struct buf *out)
{
	unsigned pad = t->width[column] - text_columns(text);
	bool last = column + 1 == t->columns, number = column >= 2 && !last;
	buf_appendf(out, "%s%*s%s", column ? "  " : "", number ? (int)pad : 0, "", text);
	if (!number && !last)
		buf_appendf(out, "%*s", (int)pad, "");
}

static const char *style_of(const struct term *t, enum finding_verdict verdict)
{
	switch (verdict) {
	case FINDING_REGRESSION:
		return term_style(t, TERM_BAD);
	case FINDING_IMPROVEMENT:
		return term_style(t, TERM_GOOD);
	case FINDING_NOISY:
		return term_style(t, TERM_WARN);
	default:
		return "";
	}
}

static void put_table(const struct compare_view *v, const struct term *term, struct buf *out)
{
	_cleanup_(table_done) struct table t = { 0 };
	fill_table(v, &t);
	if (!t.rows)
		return;
	for (unsigned c = 0; c < t.columns; c++)
		put_cell(&t, c, t.head[c], out);
	buf_puts(out, "\n");
	for (size_t i = 0; i < t.rows; i++) {
		const char *style = style_of(term, t.row[i].verdict);
		for (unsigned c = 0; c < t.columns; c++) {
			bool last = c + 1 == t.columns && *style;
			buf_puts(out, last ? style : "");
			put_cell(&t, c, buf_str(&t.row[i].cell[c]), out);
			buf_puts(out, last ? term_plain(term) : "");
		}
		buf_puts(out, "\n");
	}
	buf_puts(out, "\n");
}

/* --- around the table --------------------------------------------------------------------------------------------- */

static void put_dimensions(const char *what, const bool *chosen, const char *first, struct buf *out)
{
	const char *separator = "";
	buf_puts(out, what);
	if (first) {
		buf_puts(out, first);
		separator = ", ";
	}
	for (int d = 0; d < DIMENSION_MAX; d++)
		if (chosen[d]) {
			buf_appendf(out, "%s%s", separator, dimensions[d].name);
			separator = ", ";
		}
	buf_puts(out, "\n");
}

static void put_head(const struct compare_view *v, struct buf *out)
{
	const struct pairing *g = v->pairing;
	put_dimensions("slicing dimensions: ", g->slices, NULL, out);
	put_dimensions("pairing on: ", g->keyed, v->options->test == COMPARE_PAIRED ? "scenario, seed" : "scenario",
		       out);
	buf_appendf(out, "A: %s\nB: %s\n", v->label[SIDE_A], v->label[SIDE_B]);
	switch (v->options->test) {
	case COMPARE_THRESHOLD:
		if (!v->options->separate)
			buf_appendf(out, "averaged across %zu runs (A) and %zu runs (B)\n", g->selected[SIDE_A],
				    g->selected[SIDE_B]);
		break;
	case COMPARE_WELCH:
		buf_appendf(out, "means of %zu runs (A) and %zu runs (B); Welch's t test, alpha %g\n",
			    g->selected[SIDE_A], g->selected[SIDE_B], v->options->alpha);
		break;
	case COMPARE_MWU:
		buf_appendf(out, "medians of %zu runs (A) and %zu runs (B); Mann-Whitney U test, alpha %g\n",
			    g->selected[SIDE_A], g->selected[SIDE_B], v->options->alpha);
		break;
	case COMPARE_PAIRED:
		buf_appendf(out,
			    "%zu runs (A) and %zu runs (B), paired by seed; Wilcoxon's signed rank test, alpha %g\n",
			    g->selected[SIDE_A], g->selected[SIDE_B], v->options->alpha);
		break;
	}
	buf_puts(out, "\n");
}

static void put_phase_summary(const struct comparison *c, struct buf *out)
{
	size_t all = c->phase_only[SIDE_A] + c->phase_only[SIDE_B];
	for (int i = 0; i < FINDING_VERDICT_MAX; i++)
		all += c->phase_count[i];
	if (!all)
		return;
	buf_appendf(out, "phases: %zu regression%s, %zu improvement%s, %zu unchanged",
		    c->phase_count[FINDING_REGRESSION], plural(c->phase_count[FINDING_REGRESSION]),
		    c->phase_count[FINDING_IMPROVEMENT], plural(c->phase_count[FINDING_IMPROVEMENT]),
		    c->phase_count[FINDING_UNCHANGED]);
	if (c->phase_count[FINDING_NOISY])
		buf_appendf(out, ", %zu noisy", c->phase_count[FINDING_NOISY]);
	if (c->phase_only[SIDE_A] + c->phase_only[SIDE_B])
		buf_appendf(out, "; %zu metric%s only in A, %zu only in B", c->phase_only[SIDE_A],
			    plural(c->phase_only[SIDE_A]), c->phase_only[SIDE_B]);
	buf_puts(out, "\n");
}

static void put_summary(const struct compare_view *v, struct buf *out)
{
	const struct comparison *c = v->comparison;
	buf_appendf(out, "summary: %zu regression%s, %zu improvement%s, %zu unchanged", c->count[FINDING_REGRESSION],
		    plural(c->count[FINDING_REGRESSION]), c->count[FINDING_IMPROVEMENT],
		    plural(c->count[FINDING_IMPROVEMENT]), c->count[FINDING_UNCHANGED]);
	if (c->count[FINDING_INFORMATIONAL])
		buf_appendf(out, ", %zu informational", c->count[FINDING_INFORMATIONAL]);
	if (c->count[FINDING_NOISY])
		buf_appendf(out, ", %zu noisy", c->count[FINDING_NOISY]);
	buf_appendf(out, " in %zu pair%s\n", c->paired, plural(c->paired));
	put_phase_summary(c, out);
	if (c->excluded)
		buf_appendf(out, "skipped: %zu pair%s that did not pass on both sides\n", c->excluded,
			    plural(c->excluded));
	if (c->only[SIDE_B])
		buf_appendf(out, "new: %zu only in B\n", c->only[SIDE_B]);
	if (c->only[SIDE_A])
		buf_appendf(out, "removed: %zu only in A\n", c->only[SIDE_A]);
}

static void put_ratios(const struct compare_view *v, struct buf *out)
{
	const struct comparison *c = v->comparison;
	buf_puts(out, "geometric means of B / A over all pairs:\n");
	for (size_t i = 0; i < c->ratios; i++) {
		const struct metric_ratio *r = &c->ratio[i];
		buf_appendf(out, "  %-34s %8.3f  (%zu pair%s", pool_metric_name(v->pool, r->metric), r->mean, r->groups,
			    plural(r->groups));
		if (r->skipped)
			buf_appendf(out, "; %zu with a value of 0 left out", r->skipped);
		buf_puts(out, ")\n");
	}
}

static void put_contributors(const char *name, const struct contributors *c, struct buf *out)
{
	buf_appendf(out, "  %s %zu/%zu%s", name, c->passed, c->count, c->clean && c->dirty ? " +mixed" : "");
}

/* Groups in which all passed are only counted, if there are many. */
static void put_pass_counts(const struct compare_view *v, struct buf *out)
{
	const struct pairing *g = v->pairing;
	size_t quiet = 0, shown = 0;
	buf_puts(out, "per-group pass counts (passes_observed/total_observed):\n");
	for (size_t i = 0; i < g->groups; i++) {
		const struct contributors *a = &g->group[i].side[SIDE_A], *b = &g->group[i].side[SIDE_B];
		bool same = a->count && b->count && a->passed == a->count && b->passed == b->count;
		_cleanup_buf_ struct buf name = BUF_NULL;
		if (same && g->groups > 20 && !v->all) {
			quiet++;
			continue;
		}
		compare_group_name(v, (uint32_t)i, &name);
		buf_appendf(out, "  %s:", buf_str(&name));
		put_contributors("A", a, out);
		put_contributors("B", b, out);
		buf_puts(out, "\n");
		shown++;
	}
	if (quiet)
		buf_appendf(out, "  %s%zu group%s in which all passed\n", shown ? "and " : "", quiet, plural(quiet));
}

void compare_print_text(const struct compare_view *v, const struct term *t, struct buf *out)
{
	put_head(v, out);
	put_table(v, t, out);
	put_summary(v, out);
	if (v->ratios)
		put_ratios(v, out);
	put_pass_counts(v, out);
	host_format_difference(v->host[SIDE_A], v->host[SIDE_B], v->label[SIDE_A], v->label[SIDE_B], out);
}
