/* SPDX-License-Identifier: GPL-2.0-only */
/* chart.c -- see chart.h. Coordinates are in units of the view box; the page scales it. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "formats/chart.h"
#include "formats/markup.h"

#define WIDTH	   640
#define NAMES	   190 /* columns of names at the left */
#define RIGHT	   14
#define ROW_HEIGHT 26
#define ROWS_MOST  16
#define STEPS_MOST 200
#define LOADS_MOST 256
#define NAME_MOST  ((size_t)30)

/* --- parts -------------------------------------------------------------------------------------------------------- */

/* The member @key as a number from 0 to 1e18; 0 if it is not one. */
static double number(const json_t *o, const char *key)
{
	double value = json_number_value(json_object_get(o, key));
	return isfinite(value) && value > 0 ? MIN_OF(value, 1e18) : 0;
}

static void begin(struct buf *out, const char *heading, int height, const char *description)
{
	buf_appendf(out, "<figure><h3>%s</h3><svg viewBox=\"0 0 %d %d\" role=\"img\"", heading, WIDTH, height);
	markup_attribute(out, "aria-label", description);
	buf_puts(out, ">");
}

static void end(struct buf *out, const char *caption)
{
	buf_puts(out, "</svg><figcaption>");
	markup_text(out, caption);
	buf_puts(out, "</figcaption></figure>\n");
}

static void put_label(struct buf *out, double x, double y, const char *anchor, const char *class, const char *text)
{
	buf_appendf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">", x, y, anchor, class);
	markup_text(out, text);
	buf_puts(out, "</text>");
}

static void put_line(struct buf *out, const char *class, double x1, double y1, double x2, double y2)
{
	buf_appendf(out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", class, x1, y1, x2, y2);
}

/* A mark with a text that appears when it is pointed at. */
static void put_dot(struct buf *out, const char *class, double x, double y, double radius, const char *text)
{
	buf_appendf(out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"><title>", class, x, y, radius);
	markup_text(out, text);
	buf_puts(out, "</title></circle>");
}

/* "1200", "12.3k", "4.56M" */
static const char *amount(double value, char out[TIME_TEXT_MAX])
{
	static const char *const unit[] = { "", "k", "M", "G", "T", "P", "E" };
	size_t i = 0;
	while (value >= 10000 && i + 1 < ARRAY_SIZE(unit)) {
		value /= 1000;
		i++;
	}
	snprintf(out, TIME_TEXT_MAX, "%.*f%s", i && value < 100 ? 1 : 0, value, unit[i]);
	return out;
}

/* --- timeline ----------------------------------------------------------------------------------------------------- */

struct step {
	double begin, end; /* ms */
	double rate;	   /* iterations a second; 0: unknown */
	double workers;
	const json_t *event;
};

struct timeline {
	struct step step[STEPS_MOST];
	size_t count;
	double from, to, rate, workers; /* from, to: ms; the others: their maxima */
};

static void read_steps(const struct report_result *t, struct timeline *l)
{
	const json_t *events = json_object_get(t->json, "stimulus_events");
	double total = number(json_object_get(t->json, "stats"), "total_iterations");
	l->count = MIN_OF(json_array_size(events), (size_t)STEPS_MOST);
	for (size_t i = 0; i < l->count; i++) {
		struct step *s = &l->step[i];
		s->event = json_array_get(events, i);
		s->begin = number(s->event, "elapsed_ms");
		s->workers = number(s->event, "worker_count");
	}
	l->from = l->count ? l->step[0].begin : 0;
	l->to = l->count ? MAX_OF(l->step[l->count - 1].begin, l->from + (double)t->duration / 1e6) : 0;
	for (size_t i = 0; i < l->count; i++) {
		struct step *s = &l->step[i];
		bool last = i + 1 == l->count;
		double done = number(s->event, "total_iterations");
		double then = last ? total : number(l->step[i + 1].event, "total_iterations");
		s->end = last ? l->to : l->step[i + 1].begin;
		if (s->end > s->begin && then > done)
			s->rate = (then - done) * 1e3 / (s->end - s->begin);
		l->rate = MAX_OF(l->rate, s->rate);
		l->workers = MAX_OF(l->workers, s->workers);
	}
}

#define TIMELINE_HEIGHT 190
#define TIMELINE_TOP	34.0
#define TIMELINE_FLOOR	160.0
#define TIMELINE_LEFT	52.0

static double timeline_x(const struct timeline *l, double ms)
{
	double span = MAX_OF(l->to - l->from, 1e-9);
	double at = (ms - l->from) / span;
	return TIMELINE_LEFT + MAX_OF(MIN_OF(at, 1.0), 0.0) * (WIDTH - TIMELINE_LEFT - 40);
}

static void put_step(struct buf *out, const struct timeline *l, size_t i)
{
	const struct step *s = &l->step[i];
	double x = timeline_x(l, s->begin), right = timeline_x(l, s->end), tall = TIMELINE_FLOOR - TIMELINE_TOP;
	double high = l->rate > 0 ? s->rate / l->rate * tall : 0;
	char rate[TIME_TEXT_MAX];
	_cleanup_buf_ struct buf name = BUF_NULL, tip = BUF_NULL;
	result_member(s->event, "label", NAME_MOST, &name);
	if (!name.len)
		buf_appendf(&name, "step %zu", i);
	buf_appendf(&tip, "%s: from %.0f ms, %.0f workers, %s iterations/s", buf_str(&name), s->begin, s->workers,
		    amount(s->rate, rate));
	buf_appendf(out, "<rect class=\"range\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>", x,
		    TIMELINE_FLOOR - high, MAX_OF(right - x - 1, 0.5), high);
	markup_text(out, buf_str(&tip));
	buf_puts(out, "</title></rect>");
	put_line(out, "mark", x, TIMELINE_TOP - 8, x, TIMELINE_FLOOR);
	if (right - x > 7.0 * (double)name.len || i == 0)
		put_label(out, x + 3, TIMELINE_TOP - 12, "start", "label", buf_str(&name));
}

/* The number of workers as a stepped line, with its scale at the right. */
static void put_workers(struct buf *out, const struct timeline *l)
{
	double tall = TIMELINE_FLOOR - TIMELINE_TOP;
	if (l->workers <= 0)
		return;
	buf_puts(out, "<path class=\"line\" d=\"");
	for (size_t i = 0; i < l->count; i++) {
		double y = TIMELINE_FLOOR - l->step[i].workers / l->workers * tall;
		buf_appendf(out, "%c%.1f %.1fH%.1f", i ? 'L' : 'M', timeline_x(l, l->step[i].begin), y,
			    timeline_x(l, l->step[i].end));
	}
	buf_puts(out, "\"/>");
}

static void put_timeline_scale(struct buf *out, const struct timeline *l)
{
	char text[TIME_TEXT_MAX];
	put_line(out, "axis", TIMELINE_LEFT, TIMELINE_FLOOR, WIDTH - 40, TIMELINE_FLOOR);
	put_line(out, "axis", TIMELINE_LEFT, TIMELINE_TOP, WIDTH - 40, TIMELINE_TOP);
	if (l->rate > 0)
		put_label(out, TIMELINE_LEFT - 6, TIMELINE_TOP + 4, "end", "", amount(l->rate, text));
	put_label(out, TIMELINE_LEFT - 6, TIMELINE_FLOOR, "end", "", "0");
	if (l->workers > 0)
		put_label(out, WIDTH - 34, TIMELINE_TOP + 4, "start", "", amount(l->workers, text));
	for (int i = 0; i <= 4; i++) {
		double ms = l->from + (l->to - l->from) * i / 4;
		put_label(out, timeline_x(l, ms), TIMELINE_FLOOR + 16,
			  i == 4 ? "end"
			  : i	 ? "middle"
				 : "start",
			  "", nsec_measure(ms * 1e6, text));
	}
}

void chart_timeline(const struct report_result *t, struct buf *out)
{
	_cleanup_free_ struct timeline *l = calloc(1, sizeof(*l));
	_cleanup_buf_ struct buf words = BUF_NULL;
	char rate[TIME_TEXT_MAX];
	if (!l)
		return;
	read_steps(t, l);
	if (!l->count || l->to <= l->from)
		return;
	buf_appendf(&words, "%zu step%s from %.0f to %.0f ms; up to %.0f workers; up to %s iterations a second",
		    l->count, plural(l->count), l->from, l->to, l->workers, amount(l->rate, rate));
	begin(out, "Timeline", TIMELINE_HEIGHT, buf_str(&words));
	put_timeline_scale(out, l);
	for (size_t i = 0; i < l->count; i++)
		put_step(out, l, i);
	put_workers(out, l);
	end(out,
	    "Bars: iterations a second of all workers in each step (scale at the left). Line: workers (scale at the "
	    "right). Time is the guest's, since the test began.");
}

/* --- rows of control groups --------------------------------------------------------------------------------------- */

static const json_t *groups_of(const struct report_result *t)
{
	return json_object_get(json_object_get(t->json, "stats"), "cgroups");
}

static void put_group_name(struct buf *out, const json_t *group, double y)
{
	_cleanup_buf_ struct buf name = BUF_NULL;
	result_member(group, "cgroup_name", NAME_MOST, &name);
	if (!name.len)
		result_member(group, "work_type", NAME_MOST, &name);
	put_label(out, NAMES - 10, y + 4, "end", "label", buf_str(&name));
}

/* --- logarithmic scale -------------------------------------------------------------------------------------------- */

struct scale {
	double low, high; /* powers of ten */
};

static void scale_take(struct scale *s, double ns)
{
	if (ns <= 0)
		return;
	double power = log10(MAX_OF(ns, 1.0));
	bool first = s->high <= s->low && s->low == 0 && s->high == 0;
	s->low = first ? floor(power) : MIN_OF(s->low, floor(power));
	s->high = first ? floor(power) + 1 : MAX_OF(s->high, floor(power) + 1);
}

static double scale_x(const struct scale *s, double ns)
{
	double at = (log10(MAX_OF(ns, 1.0)) - s->low) / MAX_OF(s->high - s->low, 1.0);
	return NAMES + at * (WIDTH - NAMES - RIGHT);
}

/* "10 us", "1 s": a power of ten with its unit. */
static const char *decade(double power, char out[TIME_TEXT_MAX])
{
	static const char *const unit[] = { "ns", "us", "ms", "s" };
	size_t i = power > 0 ? (size_t)MIN_OF(power / 3, 3.0) : 0;
	snprintf(out, TIME_TEXT_MAX, "%.0f %s", pow(10, power - 3.0 * (double)i), unit[i]);
	return out;
}

static void put_decades(struct buf *out, const struct scale *s, double top, double floor_y)
{
	char text[TIME_TEXT_MAX];
	double by = s->high - s->low > 8 ? 2 : 1;
	for (double p = s->low; p <= s->high; p += by) {
		double x = scale_x(s, pow(10, p));
		put_line(out, "axis", x, top, x, floor_y);
		put_label(out, x, floor_y + 15, p >= s->high ? "end" : "middle", "", decade(p, text));
	}
}

/* --- waits -------------------------------------------------------------------------------------------------------- */

static const struct wait {
	const char *key, *label, *class;
	double to_ns, radius;
} waits[] = {
	{ "median_wake_latency_us", "median wake-up", "hollow", 1e3, 4.5 },
	{ "p99_wake_latency_us", "p99 wake-up", "a", 1e3, 5.5 },
	{ "max_run_delay_us", "longest single wait for a CPU", "b", 1e3, 5 },
	{ "max_gap_ms", "longest gap", "c", 1e6, 5 },
};

static const struct wait_limit {
	const char *key, *label;
	double to_ns;
} wait_limits[] = {
	{ "max_p99_wake_latency_ns", "limit: p99 wake-up", 1 },
	{ "max_run_delay_ms", "limit: run delay", 1e6 },
	{ "max_gap_ms", "limit: gap", 1e6 },
};

static double limit_of(const struct report_result *t, const struct wait_limit *limit)
{
	const json_t *all = json_object_get(t->json, "thresholds");
	return number(json_object_get(all, limit->key), "value") * limit->to_ns;
}

/* The limit that the load of a control group sets for itself; 0: none. */
static double load_limit_of(const struct report_result *t, const json_t *group, const struct wait_limit *limit)
{
	const json_t *all = json_object_get(t->json, "load_thresholds");
	const char *name = json_string_value(json_object_get(group, "cgroup_name"));
	for (size_t i = 0; name && i < MIN_OF(json_array_size(all), (size_t)LOADS_MOST); i++) {
		const json_t *o = json_array_get(all, i);
		const char *of = json_string_value(json_object_get(o, "cgroup_name"));
		const char *key = json_string_value(json_object_get(o, "name"));
		if (of && key && !strcmp(of, name) && !strcmp(key, limit->key))
			return number(o, "value") * limit->to_ns;
	}
	return 0;
}

static bool scale_waits(const struct report_result *t, struct scale *s)
{
	const json_t *groups = groups_of(t);
	bool any = false;
	for (size_t i = 0; i < MIN_OF(json_array_size(groups), (size_t)ROWS_MOST); i++) {
		for (size_t w = 0; w < ARRAY_SIZE(waits); w++) {
			double ns = number(json_array_get(groups, i), waits[w].key) * waits[w].to_ns;
			scale_take(s, ns);
			any |= ns > 0;
		}
		for (size_t k = 0; k < ARRAY_SIZE(wait_limits); k++)
			scale_take(s, load_limit_of(t, json_array_get(groups, i), &wait_limits[k]));
	}
	for (size_t i = 0; any && i < ARRAY_SIZE(wait_limits); i++)
		scale_take(s, limit_of(t, &wait_limits[i]));
	return any;
}

/* Limits of the group itself, as short lines in its row. */
static void put_load_limits(struct buf *out, const struct report_result *t, const struct scale *s, const json_t *group,
			    double y)
{
	for (size_t i = 0; i < ARRAY_SIZE(wait_limits); i++) {
		double limit = load_limit_of(t, group, &wait_limits[i]), x = scale_x(s, limit);
		if (limit <= 0)
			continue;
		put_line(out, "limit", x, y - ROW_HEIGHT * .5, x, y + ROW_HEIGHT * .5);
		put_label(out, x + 4, y - 5, "start", "", wait_limits[i].label);
	}
}

static void put_waits(struct buf *out, const struct report_result *t, const struct scale *s, const json_t *group,
		      double y)
{
	char text[TIME_TEXT_MAX];
	put_group_name(out, group, y);
	put_line(out, "axis", NAMES, y, WIDTH - RIGHT, y);
	put_load_limits(out, t, s, group, y);
	for (size_t w = 0; w < ARRAY_SIZE(waits); w++) {
		double ns = number(group, waits[w].key) * waits[w].to_ns;
		_cleanup_buf_ struct buf tip = BUF_NULL;
		if (ns <= 0)
			continue;
		buf_appendf(&tip, "%s: %s", waits[w].label, nsec_measure(ns, text));
		put_dot(out, waits[w].class, scale_x(s, ns), y, waits[w].radius, buf_str(&tip));
	}
}

static void put_legend(struct buf *out)
{
	double x = 4;
	for (size_t w = 0; w < ARRAY_SIZE(waits); w++) {
		put_dot(out, waits[w].class, x + 5, 10, 4, waits[w].label);
		put_label(out, x + 14, 14, "start", "", waits[w].label);
		x += 36 + 6.2 * (double)strlen(waits[w].label);
	}
}

void chart_waits(const struct report_result *t, struct buf *out)
{
	const json_t *groups = groups_of(t);
	size_t rows = MIN_OF(json_array_size(groups), (size_t)ROWS_MOST);
	struct scale s = { 0 };
	double top = 26, floor_y = top + (double)rows * ROW_HEIGHT + 4;
	if (!scale_waits(t, &s))
		return;
	begin(out, "Waits", (int)floor_y + 42,
	      "Waits of each control group on a logarithmic scale; the table below has the numbers");
	put_legend(out);
	put_decades(out, &s, top, floor_y);
	for (size_t i = 0; i < ARRAY_SIZE(wait_limits); i++) {
		double limit = limit_of(t, &wait_limits[i]), x = scale_x(&s, limit);
		if (limit <= 0)
			continue;
		put_line(out, "limit", x, top - 4, x, floor_y);
		put_label(out, x, floor_y + 31, x > WIDTH - 110 ? "end" : "middle", "", wait_limits[i].label);
	}
	for (size_t i = 0; i < rows; i++)
		put_waits(out, t, &s, json_array_get(groups, i), top + ((double)i + .5) * ROW_HEIGHT);
	end(out, "Guest time on a logarithmic scale. Dashed lines are limits of the test; short ones, of one control "
		 "group.");
}

/* --- off CPU ------------------------------------------------------------------------------------------------------ */

static double percent_x(double percent)
{
	return NAMES + MIN_OF(percent, 100.0) / 100 * (WIDTH - NAMES - RIGHT);
}

static void put_off_cpu(struct buf *out, const json_t *group, double y)
{
	double least = number(group, "min_off_cpu_pct"), mean = number(group, "avg_off_cpu_pct"),
	       most = number(group, "max_off_cpu_pct");
	_cleanup_buf_ struct buf tip = BUF_NULL;
	put_group_name(out, group, y);
	buf_appendf(out, "<rect class=\"soft\" x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"12\" rx=\"3\"/>", NAMES, y - 6,
		    WIDTH - NAMES - RIGHT);
	buf_appendf(out, "<rect class=\"range\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"12\" rx=\"3\"/>",
		    percent_x(least), y - 6, MAX_OF(percent_x(most) - percent_x(least), 2.0));
	buf_appendf(&tip, "mean %.1f %%, from %.1f to %.1f %%", mean, least, most);
	put_dot(out, "a", percent_x(mean), y, 5, buf_str(&tip));
}

void chart_off_cpu(const struct report_result *t, struct buf *out)
{
	const json_t *groups = groups_of(t);
	size_t rows = MIN_OF(json_array_size(groups), (size_t)ROWS_MOST);
	double top = 8, floor_y = top + (double)rows * ROW_HEIGHT + 4;
	if (!rows)
		return;
	begin(out, "Time not on a CPU", (int)floor_y + 22,
	      "Share of time that the workers of each control group were not on a CPU; the table below has the "
	      "numbers");
	for (int p = 0; p <= 100; p += 25) {
		char text[16];
		snprintf(text, sizeof(text), "%d %%", p);
		put_line(out, "axis", percent_x(p), top, percent_x(p), floor_y);
		put_label(out, percent_x(p), floor_y + 15, p == 100 ? "end" : "middle", "", text);
	}
	for (size_t i = 0; i < rows; i++)
		put_off_cpu(out, json_array_get(groups, i), top + ((double)i + .5) * ROW_HEIGHT);
	end(out, "Dot: mean of the workers. Bar: from the least to the most; a wide bar is unfair.");
}

/* --- other results of the test ------------------------------------------------------------------------------------ */

static enum measure most_told(const struct report_result *all, size_t count)
{
	static const enum measure order[] = { MEASURE_WAKE, MEASURE_GAP, MEASURE_RUN_DELAY };
	for (size_t m = 0; m < ARRAY_SIZE(order); m++) {
		size_t with = 0;
		for (size_t i = 0; i < count; i++)
			with += all[i].measure[order[m]] > 0;
		if (with >= 2)
			return order[m];
	}
	return MEASURE_MAX;
}

static bool is_same_place(const struct report_result *a, const struct report_result *b)
{
	return !strcmp(a->kernel_version, b->kernel_version) && !strcmp(a->scheduler, b->scheduler) &&
	       !strcmp(a->topology, b->topology);
}

/* A row of results of one kernel, scheduler and topology. Returns the end of the row. */
static size_t put_place(struct buf *out, const struct scale *s, const struct report_result *t,
			const struct report_result *all, size_t from, size_t count, enum measure m, double y)
{
	_cleanup_buf_ struct buf place = BUF_NULL, name = BUF_NULL;
	size_t i = from;
	char text[TIME_TEXT_MAX];
	buf_appendf(&place, "%s %s %s", all[from].topology, all[from].scheduler, all[from].kernel_version);
	result_clean_line(buf_str(&place), NAME_MOST, &name);
	put_label(out, NAMES - 10, y + 4, "end", "label", buf_str(&name));
	put_line(out, "axis", NAMES, y, WIDTH - RIGHT, y);
	for (; i < count && is_same_place(&all[from], &all[i]); i++) {
		double ns = all[i].measure[m] * measure_rows[m].to_ns;
		_cleanup_buf_ struct buf tip = BUF_NULL;
		if (ns <= 0)
			continue;
		buf_appendf(&tip, "%s, %s, seed %s: %s (%s)", all[i].scheduler, all[i].topology, all[i].seed,
			    nsec_measure(ns, text), outcome_rows[all[i].outcome].phrase);
		put_dot(out,
			&all[i] == t ? "c"
			: all[i].bad ? "over"
				     : "hollow",
			scale_x(s, ns), y, &all[i] == t ? 6.5 : 4.5, buf_str(&tip));
	}
	return i;
}

void chart_others(const struct report_result *t, const struct report_result *all, size_t count, struct buf *out)
{
	enum measure m = most_told(all, count);
	struct scale s = { 0 };
	size_t rows = 0;
	if (m == MEASURE_MAX)
		return;
	for (size_t i = 0; i < count; i++) {
		scale_take(&s, all[i].measure[m] * measure_rows[m].to_ns);
		rows += !i || !is_same_place(&all[i - 1], &all[i]);
	}
	rows = MIN_OF(rows, (size_t)ROWS_MOST);
	double top = 8, floor_y = top + (double)rows * ROW_HEIGHT + 4, y = top + ROW_HEIGHT * .5;
	_cleanup_buf_ struct buf words = BUF_NULL;
	buf_appendf(&words, "%s of all %zu results of this test, worst of their control groups", measure_rows[m].label,
		    count);
	begin(out, "All results of this test", (int)floor_y + 22, buf_str(&words));
	put_decades(out, &s, top, floor_y);
	for (size_t i = 0, row = 0; i < count && row < rows; row++, y += ROW_HEIGHT)
		i = put_place(out, &s, t, all, i, count, m, y);
	buf_puts(&words, "; logarithmic scale. The large dot is this result, full dots failed.");
	end(out, buf_str(&words));
}
