/* SPDX-License-Identifier: GPL-2.0-only */
/* html_overview.c -- see html.h. */
#include <string.h>

#include "base/text.h"
#include "formats/html.h"
#include "formats/markup.h"

#define PLACES_MOST  12	 /* values of a dimension */
#define COLUMNS_MOST 40	 /* of the matrix */
#define MATRIX_MOST  400 /* rows of it */
#define SLOWEST	     8
#define CAUSE_MOST   ((size_t)600)
#define HOSTS_MOST   8

/* --- counts ------------------------------------------------------------------------------------------------------- */

static void put_bar(struct buf *out, const size_t count[OUTCOME_MAX], size_t total, bool hidden)
{
	buf_appendf(out, "<div class=\"bar\"%s>", hidden ? " aria-hidden=\"true\"" : "");
	for (enum test_outcome o = 0; total && o < OUTCOME_MAX; o++)
		if (count[o])
			buf_appendf(out, "<i class=\"o-%s\" style=\"flex:%zu\"></i>", outcome_rows[o].word, count[o]);
	buf_puts(out, "</div>");
}

static void put_counts(struct buf *out, const struct result_counts *c)
{
	buf_appendf(out, "<section class=\"card\" aria-labelledby=\"sum\"><h2 id=\"sum\">%zu result%s</h2>\n", c->total,
		    plural(c->total));
	put_bar(out, c->outcome, c->total, true);
	buf_puts(out, "<fieldset class=\"chips\" aria-label=\"Outcomes to show\">");
	for (enum test_outcome o = 0; o < OUTCOME_MAX; o++)
		if (c->outcome[o])
			buf_appendf(out,
				    "<label class=\"chip o-%s\"><input type=\"checkbox\" value=\"%s\" "
				    "checked><span><b>%zu</b> "
				    "%s</span></label>",
				    outcome_rows[o].word, outcome_rows[o].word, c->outcome[o], outcome_rows[o].phrase);
	buf_puts(out, "</fieldset></section>\n");
}

/* --- kernels, topologies, schedulers ------------------------------------------------------------------------------ */

static const struct dimension {
	const char *heading;
	size_t at;
} dimensions[] = {
	{ "By kernel", offsetof(struct report_result, kernel_version) },
	{ "By topology", offsetof(struct report_result, topology) },
	{ "By scheduler", offsetof(struct report_result, scheduler) },
};

static const char *value_at(const struct report_result *t, size_t at)
{
	return *(char *const *)((const char *)t + at);
}

struct place {
	const char *value;
	size_t count[OUTCOME_MAX], total, bad;
};

static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;
	if (a->bad != b->bad)
		return a->bad > b->bad ? -1 : 1;
	return strverscmp(a->value, b->value);
}

static int compare_values(const void *left, const void *right)
{
	return strcmp(((const struct place *)left)->value, ((const struct place *)right)->value);
}

/* Sums up the results by a member. Returns the number of distinct values; NULL in *@ret: out of memory. */
static size_t sum_places(const struct report_results *r, size_t at, struct place **ret)
{
	struct place *p = calloc(r->count + 1, sizeof(*p));
	size_t count = 0;
	*ret = p;
	if (!p)
		return 0;
	for (size_t i = 0; i < r->count; i++) {
		p[i].value = value_at(&r->item[i], at);
		p[i].count[r->item[i].outcome] = 1;
		p[i].bad = r->item[i].bad;
		p[i].total = 1;
	}
	qsort(p, r->count, sizeof(*p), compare_values);
	for (size_t i = 0; i < r->count; i++) {
		if (!count || strcmp(p[count - 1].value, p[i].value) != 0) {
			p[count++] = p[i];
			continue;
		}
		for (enum test_outcome o = 0; o < OUTCOME_MAX; o++)
			p[count - 1].count[o] += p[i].count[o];
		p[count - 1].bad += p[i].bad;
		p[count - 1].total++;
	}
	qsort(p, count, sizeof(*p), compare_places);
	return count;
}

static void put_places(struct buf *out, const struct report_results *r, const struct dimension *d)
{
	_cleanup_free_ struct place *place = NULL;
	size_t count = sum_places(r, d->at, &place);
	if (!place) {
		out->failed = true;
		return;
	}
	buf_appendf(out, "<section class=\"card\"><h2>%s</h2><dl class=\"where\">", d->heading);
	for (size_t i = 0; i < MIN_OF(count, (size_t)PLACES_MOST); i++) {
		html_element(out, "dt", *place[i].value ? place[i].value : "(none)");
		buf_puts(out, "<dd>");
		put_bar(out, place[i].count, place[i].total, true);
		buf_puts(out, "</dd><dd class=\"n\">");
		if (place[i].bad)
			buf_appendf(out, "%zu of %zu bad", place[i].bad, place[i].total);
		else
			buf_appendf(out, "%zu fine", place[i].total);
		buf_puts(out, "</dd>");
	}
	buf_puts(out, "</dl>");
	if (count > PLACES_MOST)
		buf_appendf(out, "<p class=\"meta\">and %zu more</p>", count - PLACES_MOST);
	buf_puts(out, "</section>\n");
}

static int compare_wall(const void *left, const void *right)
{
	const struct report_result *a = *(const struct report_result *const *)left,
				   *b = *(const struct report_result *const *)right;
	return a->wall == b->wall ? strverscmp(a->name, b->name) : a->wall > b->wall ? -1 : 1;
}

static void put_slowest(struct buf *out, const struct report_results *r)
{
	_cleanup_free_ const struct report_result **slow = calloc(r->count + 1, sizeof(*slow));
	char text[TIME_TEXT_MAX];
	if (!slow) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < r->count; i++)
		slow[i] = &r->item[i];
	qsort(slow, r->count, sizeof(*slow), compare_wall);
	if (!r->count || !slow[0]->wall)
		return;
	buf_puts(out, "<section class=\"card\"><h2>Slowest</h2><dl class=\"where wide\">");
	for (size_t i = 0; i < MIN_OF(r->count, (size_t)SLOWEST) && slow[i]->wall; i++) {
		double share = (double)slow[i]->wall / (double)slow[0]->wall;
		html_element(out, "dt", slow[i]->name);
		buf_appendf(out,
			    "<dd><div class=\"bar\" aria-hidden=\"true\"><i class=\"o-%s\" "
			    "style=\"width:%.1f%%\"></i></div>"
			    "</dd><dd class=\"n\">%s</dd>",
			    outcome_rows[slow[i]->outcome].word, share * 100, nsec_format(slow[i]->wall, text));
	}
	buf_puts(out, "</dl></section>\n");
}

/* --- matrix ------------------------------------------------------------------------------------------------------- */

struct column {
	const char *kernel, *topology;
};

static int compare_columns(const void *left, const void *right)
{
	const struct column *a = left, *b = right;
	int order = strverscmp(a->kernel, b->kernel);
	return order ? order : strverscmp(a->topology, b->topology);
}

/* The distinct pairs of kernel and topology, sorted; the caller frees. */
static struct column *columns_of(const struct report_results *r, size_t *ret_count)
{
	struct column *c = calloc(r->count + 1, sizeof(*c));
	size_t count = 0;
	for (size_t i = 0; c && i < r->count; i++)
		c[i] = (struct column){ r->item[i].kernel_version, r->item[i].topology };
	if (c)
		qsort(c, r->count, sizeof(*c), compare_columns);
	for (size_t i = 0; c && i < r->count; i++)
		if (!count || compare_columns(&c[count - 1], &c[i]))
			c[count++] = c[i];
	*ret_count = count;
	return c;
}

/* Results of one test and scheduler are in one row. */
static bool is_same_row(const struct report_result *a, const struct report_result *b)
{
	return !strcmp(a->suite, b->suite) && !strcmp(a->test, b->test);
}

static void put_cell(struct buf *out, const struct report_results *r, size_t from, size_t end, const struct column *c)
{
	size_t worst = SIZE_MAX, count = 0;
	for (size_t i = from; i < end; i++) {
		const struct column own = { r->item[i].kernel_version, r->item[i].topology };
		if (compare_columns(&own, c))
			continue;
		count++;
		if (worst == SIZE_MAX || r->item[i].outcome < r->item[worst].outcome)
			worst = i;
	}
	if (worst == SIZE_MAX) {
		buf_puts(out, "<td></td>");
		return;
	}
	const struct outcome_row *o = &outcome_rows[r->item[worst].outcome];
	bool link = result_has_page(&r->item[worst]);
	buf_appendf(out, "<td><%s class=\"cell o-%s\" title=\"%s", link ? "a" : "span", o->word, o->phrase);
	if (count > 1)
		buf_appendf(out, ", the worst of %zu", count);
	if (link)
		buf_appendf(out, "\" href=\"#r%zu", worst);
	buf_appendf(out, "\">%s</%s></td>", o->sign, link ? "a" : "span");
}

static size_t put_matrix_row(struct buf *out, const struct report_results *r, size_t from, const struct column *c,
			     size_t columns)
{
	size_t end = from;
	while (end < r->count && is_same_row(&r->item[from], &r->item[end]))
		end++;
	buf_puts(out, "<tr><th scope=\"row\">");
	markup_text(out, r->item[from].test);
	buf_puts(out, "</th>");
	for (size_t k = 0; k < columns; k++)
		put_cell(out, r, from, end, &c[k]);
	buf_puts(out, "</tr>\n");
	return end;
}

static void put_matrix(struct buf *out, const struct report_results *r)
{
	size_t columns, rows = 0, i = 0;
	_cleanup_free_ struct column *c = columns_of(r, &columns);
	if (!c || columns < 2 || columns > COLUMNS_MOST)
		return;
	buf_puts(
		out,
		"<section class=\"card\" aria-labelledby=\"grid\"><h2 id=\"grid\">Tests by kernel and topology</h2>"
		"<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"grid\"><table class=\"matrix\">"
		"<caption>The worst result of each test on each kernel and topology:");
	for (enum test_outcome o = 0; o < OUTCOME_MAX; o++)
		buf_appendf(out, "%s %s %s", o ? "," : "", outcome_rows[o].sign, outcome_rows[o].phrase);
	buf_puts(out, ".</caption><thead><tr><th scope=\"col\">test</th>");
	for (size_t k = 0; k < columns; k++) {
		buf_puts(out, "<th scope=\"col\">");
		markup_text(out, c[k].kernel);
		buf_puts(out, "<br>");
		markup_text(out, c[k].topology);
		buf_puts(out, "</th>");
	}
	buf_puts(out, "</tr></thead><tbody>\n");
	for (; i < r->count && rows < MATRIX_MOST; rows++)
		i = put_matrix_row(out, r, i, c, columns);
	buf_puts(out, "</tbody></table></div>");
	if (i < r->count)
		buf_puts(out, "<p class=\"meta\">The table below has the other tests.</p>");
	buf_puts(out, "</section>\n");
}

/* --- table -------------------------------------------------------------------------------------------------------- */

static void put_measures(struct buf *out, const struct report_result *t)
{
	static const enum measure shown[] = { MEASURE_GAP, MEASURE_RUN_DELAY, MEASURE_WAKE };
	char text[TIME_TEXT_MAX];
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
		double ns = t->measure[shown[i]] * measure_rows[shown[i]].to_ns;
		buf_appendf(out, "<td class=\"n\" data-v=\"%.0f\">%s</td>", ns, ns > 0 ? nsec_measure(ns, text) : "");
	}
}

static void put_row(struct buf *out, const struct report_result *t, size_t index)
{
	char wall[TIME_TEXT_MAX];
	buf_appendf(out, "<tr data-o=\"%s\"><td data-v=\"%d\">", outcome_rows[t->outcome].word, (int)t->outcome);
	html_badge(out, t->outcome);
	buf_puts(out, "</td><td class=\"name\">");
	if (result_has_page(t)) {
		buf_appendf(out, "<a href=\"#r%zu\">", index);
		html_name(out, t->name);
		buf_puts(out, "</a>");
	} else {
		html_name(out, t->name);
	}
	if (t->outcome != OUTCOME_PASS && *t->cause) {
		_cleanup_buf_ struct buf cause = BUF_NULL;
		result_clean_line(t->outcome == OUTCOME_XFAIL ? t->reason : t->cause, CAUSE_MOST, &cause);
		buf_puts(out, "<span class=\"cause\">");
		markup_text(out, buf_str(&cause));
		buf_puts(out, "</span>");
	}
	buf_puts(out, "</td>");
	html_element(out, "td", t->kernel_version);
	html_element(out, "td", t->topology);
	html_element(out, "td", t->scheduler);
	buf_appendf(out, "<td class=\"n\" data-v=\"%ld\">%s</td>", t->wall, t->wall ? nsec_format(t->wall, wall) : "");
	put_measures(out, t);
	buf_puts(out, "</tr>\n");
}

static void put_filters(struct buf *out)
{
	static const char *const select[][2] = { { "kernel", "Kernel" },
						 { "topology", "Topology" },
						 { "scheduler", "Scheduler" } };
	buf_puts(out, "<div class=\"filters\" role=\"search\"><label for=\"search\">Search<input id=\"search\" "
		      "type=\"search\" "
		      "autocomplete=\"off\" placeholder=\"name or cause\"></label>");
	for (size_t i = 0; i < ARRAY_SIZE(select); i++)
		buf_appendf(out, "<label for=\"%s\">%s<select id=\"%s\"><option>all</option></select></label>",
			    select[i][0], select[i][1], select[i][0]);
	buf_puts(out, "<button type=\"button\" id=\"reset\">Reset</button>"
		      "<span class=\"shown\" id=\"shown\" role=\"status\"></span></div>\n"
		      "<p class=\"keys\"><kbd>/</kbd> search, <kbd>j</kbd> <kbd>k</kbd> next and previous, "
		      "<kbd>Enter</kbd> open, "
		      "<kbd>Esc</kbd> back or reset</p>");
}

static void put_table(struct buf *out, const struct report_results *r, const size_t *order)
{
	static const char *const heading[] = { "outcome", "test", "kernel", "topology", "scheduler" };
	static const char *const number[] = { "time", "gap", "run delay", "p99 wake" };
	buf_puts(out, "<section class=\"card\" id=\"tests\" aria-labelledby=\"all\"><h2 id=\"all\">All results</h2>\n");
	put_filters(out);
	buf_puts(out, "<div class=\"scroll\"><table><caption>Time: on the host. Gap: the longest time between two "
		      "checkpoints of a worker. Run delay: the "
		      "longest time in all that a worker waited for a CPU. P99 wake: of the wake-up latencies. The "
		      "worst control "
		      "group of each test.</caption><thead><tr>");
	for (size_t i = 0; i < ARRAY_SIZE(heading); i++)
		buf_appendf(out, "<th scope=\"col\"><button>%s</button></th>", heading[i]);
	for (size_t i = 0; i < ARRAY_SIZE(number); i++)
		buf_appendf(out, "<th scope=\"col\" class=\"n\"><button>%s</button></th>", number[i]);
	buf_puts(out, "</tr></thead><tbody id=\"rows\">\n");
	for (size_t i = 0; i < r->count; i++)
		put_row(out, &r->item[order[i]], order[i]);
	buf_puts(out, "</tbody></table></div></section>\n");
}

/* --- hosts -------------------------------------------------------------------------------------------------------- */

static void put_host(struct buf *out, const json_t *host)
{
	const char *key;
	json_t *value;
	buf_puts(out, "<dl class=\"facts\">");
	json_object_foreach((json_t *)host, key, value) {
		_cleanup_buf_ struct buf name = BUF_NULL, text = BUF_NULL, clean = BUF_NULL;
		if (json_is_null(value) || (json_is_object(value) && !json_object_size(value)))
			continue;
		result_clean_line(key, RESULTS_WORD_MAX, &name);
		if (json_is_string(value))
			buf_puts(&text, json_string_value(value));
		else
			json_print(value, false, &text);
		while (text.len && text.data[text.len - 1] == '\n')
			text.data[--text.len] = '\0';
		result_clean_line(buf_str(&text), RESULTS_TEXT_MAX, &clean);
		buf_puts(out, "<div>");
		html_element(out, "dt", buf_str(&name));
		html_element(out, "dd", buf_str(&clean));
		buf_puts(out, "</div>");
	}
	buf_puts(out, "</dl>");
}

static void put_hosts(struct buf *out, const struct report_results *r)
{
	size_t count = json_array_size(r->hosts);
	if (!count)
		return;
	buf_appendf(out, "<section class=\"card\" id=\"hosts\"><h2>Host%s</h2>", plural(count));
	for (size_t i = 0; i < MIN_OF(count, (size_t)HOSTS_MOST); i++) {
		const json_t *host = json_array_get(r->hosts, i);
		_cleanup_buf_ struct buf name = BUF_NULL;
		result_member(host, "cpu_model", RESULTS_WORD_MAX, &name);
		buf_appendf(&name, ", %.0f CPUs, Linux ", json_number_value(json_object_get(host, "online_cpus")));
		result_member(host, "kernel_release", RESULTS_WORD_MAX, &name);
		buf_puts(out, "<details>");
		html_element(out, "summary", buf_str(&name));
		put_host(out, host);
		buf_puts(out, "</details>");
	}
	if (count > HOSTS_MOST)
		buf_appendf(out, "<p class=\"meta\">and %zu more</p>", count - HOSTS_MOST);
	buf_puts(out, "</section>\n");
}

void html_overview(const struct report_results *r, const size_t *order, struct buf *out)
{
	struct result_counts c = report_results_count(r);
	put_counts(out, &c);
	buf_puts(out, "<div class=\"grid\">\n");
	for (size_t i = 0; i < ARRAY_SIZE(dimensions); i++)
		put_places(out, r, &dimensions[i]);
	buf_puts(out, "</div>\n");
	put_matrix(out, r);
	put_table(out, r, order);
	put_slowest(out, r);
	put_hosts(out, r);
	buf_puts(out, "<footer>Written by ktstr " KTSTR_VERSION ". This file needs no network.</footer>\n");
}
