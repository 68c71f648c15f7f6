/* SPDX-License-Identifier: GPL-2.0-only */
/* compare_html.c -- a comparison as one HTML file without scripts; see compare_text.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "formats/html.h"
#include "formats/markup.h"
#include "stats/compare_text.h"

#define WIDTH	     640
#define LEFT	     30 /* the names of the sides */
#define RIGHT	     14
#define ROW_HEIGHT   30
#define CHARTS_MAX   1000
#define DOTS_MAX     300 /* of one side; further values are left out of the chart, not of the numbers */
#define NUMBER_BYTES 32

/* --- charts ------------------------------------------------------------------------------------------------------- */

/* The values from @low to @high take the width of the chart. */
struct scale {
	double low, high;
};

static double place(const struct scale *s, double value)
{
	double span = s->high - s->low;
	double share = span > 0 ? (value - s->low) / span : 0.5;
	return LEFT + fmin(fmax(share, 0), 1) * (WIDTH - LEFT - RIGHT);
}

static double passing_value(const struct compare_view *v, const struct row *row, uint16_t metric)
{
	return row->verdict == RESULT_PASS ? row_value(v->pool, row, metric) : NAN;
}

/* All values of both sides, with a margin. */
static struct scale scale_of(const struct compare_view *v, const struct finding *f)
{
	struct scale s = { INFINITY, -INFINITY };
	for (int side = 0; side < SIDE_MAX; side++) {
		const struct contributors *c = &v->pairing->group[f->group].side[side];
		for (size_t i = 0; i < c->count; i++) {
			double value = passing_value(v, c->row[i], f->metric);
			if (isnan(value))
				continue;
			s.low = fmin(s.low, value);
			s.high = fmax(s.high, value);
		}
	}
	double margin = s.high > s.low ? (s.high - s.low) * 0.05 : fmax(fabs(s.low) * 0.05, 0.5);
	return (struct scale){ s.low - margin, s.high + margin };
}

/* Equal values lie above each other, so that all are seen. */
static void put_dots(const struct compare_view *v, const struct finding *f, enum side side, const struct scale *s,
		     double y, struct buf *out)
{
	const struct contributors *c = &v->pairing->group[f->group].side[side];
	size_t drawn = 0;
	for (size_t i = 0; i < c->count && drawn < DOTS_MAX; i++) {
		double value = passing_value(v, c->row[i], f->metric);
		if (isnan(value))
			continue;
		double shift = (double)(drawn++ % 5) * 3 - 6;
		buf_appendf(out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"><title>%.6g</title></circle>",
			    side == SIDE_A ? "a" : "b", place(s, value), y + shift, value);
	}
}

/* The interval is a bar, the mean or median a line across it. */
static void put_side(const struct compare_view *v, const struct finding *f, enum side side, const struct scale *s,
		     struct buf *out)
{
	double y = ROW_HEIGHT * ((double)side + 0.5) + 4;
	double begin = place(s, fmax(f->low[side], s->low)), end = place(s, fmin(f->high[side], s->high));
	double middle = place(s, f->value[side]);
	buf_appendf(out, "<text x=\"4\" y=\"%.1f\" class=\"label\">%c</text>", y + 4, 'A' + (int)side);
	buf_appendf(out, "<rect class=\"range\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"16\" rx=\"3\"/>", begin,
		    y - 8, fmax(end - begin, 2));
	put_dots(v, f, side, s, y, out);
	buf_appendf(out, "<line class=\"limit\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>", middle, middle,
		    y - 11, y + 11);
}

static void put_axis(const struct scale *s, struct buf *out)
{
	double y = 2 * ROW_HEIGHT + 8;
	buf_appendf(out, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT, WIDTH - RIGHT, y,
		    y);
	for (int i = 0; i < 3; i++) {
		static const char *const anchor[] = { "start", "middle", "end" };
		double value = s->low + (s->high - s->low) * i / 2;
		buf_appendf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%.5g</text>", place(s, value), y + 15,
			    anchor[i], value);
	}
}

static const char *interval_name(const struct compare_view *v)
{
	return v->options->test == COMPARE_MWU ? "interval of the median" : "smallest to largest value";
}

/* Of worst values the worst counts, unless means are tested. */
static const char *centre_name(const struct compare_view *v)
{
	return v->options->test == COMPARE_MWU ? "median"
	       : v->options->test == COMPARE_THRESHOLD
		       ? "mean (of worst values the worst, of rates the quotient of sums)"
		       : "mean";
}

static void put_chart(const struct compare_view *v, const struct finding *f, struct buf *out)
{
	struct scale s = scale_of(v, f);
	char text[320];
	if (!isfinite(s.low) || !isfinite(s.high))
		return;
	snprintf(text, sizeof(text), "A: %.6g, %zu values, %s %.6g to %.6g. B: %.6g, %zu values, %.6g to %.6g.",
		 f->value[SIDE_A], f->n[SIDE_A], interval_name(v), f->low[SIDE_A], f->high[SIDE_A], f->value[SIDE_B],
		 f->n[SIDE_B], f->low[SIDE_B], f->high[SIDE_B]);
	buf_appendf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\"", WIDTH, 2 * ROW_HEIGHT + 28);
	markup_attribute(out, "aria-label", text);
	buf_puts(out, ">");
	put_side(v, f, SIDE_A, &s, out);
	put_side(v, f, SIDE_B, &s, out);
	put_axis(&s, out);
	buf_puts(out, "</svg>");
}

/* --- findings ----------------------------------------------------------------------------------------------------- */

static const char *verdict_class(enum finding_verdict verdict)
{
	static const char *const classes[] = { "o-skip", "o-fail", "o-pass", "o-xfail", "o-inconclusive" };
	return classes[verdict];
}

static void put_p(const char *name, double p, struct buf *out)
{
	if (!isnan(p))
		buf_appendf(out, ", %s = %.3g", name, p);
}

static void put_finding(const struct compare_view *v, const struct finding *f, bool chart, struct buf *out)
{
	_cleanup_buf_ struct buf group = BUF_NULL;
	compare_group_name(v, f->group, &group);
	buf_puts(out, "<figure class=\"card\"><h3>");
	html_name(out, buf_str(&group));
	buf_puts(out, ": <code>");
	markup_text(out, pool_metric_name(v->pool, f->metric));
	buf_appendf(out, "</code> <span class=\"badge %s\">%s</span></h3>", verdict_class(f->verdict),
		    finding_verdict_name(f->verdict));
	if (chart)
		put_chart(v, f, out);
	buf_appendf(out, "<figcaption>%.6g, before %.6g: %+.4g", f->value[SIDE_B], f->value[SIDE_A], f->delta);
	markup_text(out, pool_metric_unit(v->pool, f->metric));
	if (fabs(f->value[SIDE_A]) >= NEAR_ZERO)
		buf_appendf(out, " (%+.2f %%)", 100 * f->delta / fabs(f->value[SIDE_A]));
	put_p("p", f->p, out);
	put_p("q", f->q, out);
	if (v->options->test == COMPARE_PAIRED)
		buf_appendf(out, ", %zu of %zu seeds worse, %zu better", f->worse, f->n[SIDE_A], f->better);
	buf_appendf(out, "; %zu and %zu values</figcaption></figure>\n", f->n[SIDE_A], f->n[SIDE_B]);
}

/* Regressions first. */
static void put_findings(const struct compare_view *v, struct buf *out)
{
	static const enum finding_verdict order[] = { FINDING_REGRESSION, FINDING_IMPROVEMENT, FINDING_INFORMATIONAL,
						      FINDING_NOISY, FINDING_UNCHANGED };
	const struct comparison *c = v->comparison;
	size_t shown = 0;
	for (size_t k = 0; k < ARRAY_SIZE(order); k++)
		for (size_t i = 0; i < c->findings; i++)
			if (c->finding[i].verdict == order[k] && (v->all || order[k] != FINDING_UNCHANGED))
				put_finding(v, &c->finding[i], shown++ < CHARTS_MAX, out);
	if (!shown)
		buf_puts(out, "<p>No metric changed.</p>\n");
	if (shown > CHARTS_MAX)
		buf_appendf(out, "<p>The last %zu have no chart.</p>\n", shown - CHARTS_MAX);
}

static void put_top(const struct compare_view *v, const char *verdict, struct buf *out)
{
	const struct comparison *c = v->comparison;
	bool bad = c->count[FINDING_REGRESSION];
	buf_puts(out, "<header class=\"top\"><div class=\"title\"><h1>ktstr comparison</h1>");
	buf_appendf(out, "<span class=\"verdict%s\">%zu regression%s</span></div>\n<p class=\"meta\">",
		    bad ? " bad" : "", c->count[FINDING_REGRESSION], plural(c->count[FINDING_REGRESSION]));
	for (int side = 0; side < SIDE_MAX; side++) {
		buf_appendf(out, "<span>%c: ", 'A' + side);
		html_element(out, "code", v->label[side]);
		buf_appendf(out, " (%zu result%s)</span>", v->pairing->selected[side],
			    plural(v->pairing->selected[side]));
	}
	buf_appendf(out, "<span>test: %s", compare_test_names[v->options->test]);
	buf_appendf(out, "</span></p></header>\n<main><section class=\"card\"><h2>Summary</h2>\n<p>%zu regression%s, ",
		    c->count[FINDING_REGRESSION], plural(c->count[FINDING_REGRESSION]));
	buf_appendf(out, "%zu improvement%s, %zu unchanged, %zu noisy in %zu pair%s; %zu pair%s did not pass</p>\n",
		    c->count[FINDING_IMPROVEMENT], plural(c->count[FINDING_IMPROVEMENT]), c->count[FINDING_UNCHANGED],
		    c->count[FINDING_NOISY], c->paired, plural(c->paired), c->excluded, plural(c->excluded));
	if (verdict)
		html_element(out, "pre", verdict);
	buf_appendf(out,
		    "<p class=\"meta\">A bar is the %s, a dashed line the %s, a dot the value of one "
		    "result.</p></section>\n",
		    interval_name(v), centre_name(v));
}

void compare_print_html(const struct compare_view *v, const char *verdict, struct buf *out)
{
	_cleanup_buf_ struct buf title = BUF_NULL;
	buf_appendf(&title, "%s and %s", v->label[SIDE_A], v->label[SIDE_B]);
	html_begin(out, buf_str(&title), /* script= */ false);
	buf_puts(out, "<body>\n");
	put_top(v, verdict, out);
	put_findings(v, out);
	buf_puts(out, "</main>\n</body>\n</html>\n");
}
