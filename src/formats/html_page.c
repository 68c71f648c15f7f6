/* SPDX-License-Identifier: GPL-2.0-only */
/* html_page.c -- see html.h. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "formats/chart.h"
#include "formats/html.h"
#include "formats/markup.h"

/*
 * Pages are complete until all together have RICH_BYTES; later ones have no charts, tables and logs. The gravest
 * results come first, so they are complete.
 */
#define RICH_BYTES    ((size_t)2500000)
#define LOG_BUDGET    ((size_t)1500000)
#define LOG_MOST      ((size_t)24 << 10)
#define FINDINGS_MOST 40
#define TRIES_MOST    100
#define GROUPS_MOST   64
#define LIMITS_MOST   100
#define FINDING_MOST  ((size_t)2000)

static double number(const json_t *o, const char *key)
{
	double value = json_number_value(json_object_get(o, key));
	return isfinite(value) && value > 0 ? MIN_OF(value, 1e18) : 0;
}

static void put_member(struct buf *out, const char *tag, const json_t *o, const char *key)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	result_member(o, key, FINDING_MOST, &text);
	html_element(out, tag, buf_str(&text));
}

/* --- facts -------------------------------------------------------------------------------------------------------- */

static void put_fact(struct buf *out, const char *name, const char *value)
{
	if (!*value)
		return;
	buf_puts(out, strlen(value) > 28 ? "<div class=\"wide\">" : "<div>");
	html_element(out, "dt", name);
	html_element(out, "dd", value);
	buf_puts(out, "</div>");
}

static void put_facts(struct buf *out, const struct report_result *t)
{
	char wall[TIME_TEXT_MAX] = "", guest[TIME_TEXT_MAX] = "";
	_cleanup_buf_ struct buf tries = BUF_NULL, source = BUF_NULL;
	if (t->tries > 1)
		buf_appendf(&tries, "%u of %u passed", t->passed, t->tries);
	if (*t->file)
		buf_appendf(&source, "%s:%u", t->file, t->line);
	const char *const fact[][2] = {
		{ "Kernel", t->kernel_version },
		{ "Kernel's name", t->kernel },
		{ "Topology", t->topology },
		{ "Scheduler", t->scheduler },
		{ "Backend", t->accel },
		{ "Seed", t->seed },
		{ "Payload", t->payload },
		{ "Tries", buf_str(&tries) },
		{ "Time on the host", t->wall ? nsec_format(t->wall, wall) : "" },
		{ "Time in the guest", t->guest_time ? nsec_format(t->guest_time, guest) : "" },
		{ "Test binary", t->suite },
		{ "Declared in", buf_str(&source) },
		{ "Commit", t->commit },
		{ "Finished", t->timestamp },
		{ "Known to fail", t->reason },
		{ "Sidecar", t->sidecar },
	};
	buf_puts(out, "<section class=\"card\"><dl class=\"facts\">");
	for (size_t i = 0; i < ARRAY_SIZE(fact); i++)
		put_fact(out, fact[i][0], fact[i][1]);
	buf_puts(out, "</dl>");
	if (*t->replay) {
		buf_puts(out,
			 "<div class=\"replay\"><pre aria-label=\"Command that repeats this result\" tabindex=\"0\">");
		markup_text(out, t->replay);
		buf_puts(out, "</pre><button type=\"button\" class=\"copy\">Copy</button></div>");
	}
	buf_puts(out, "</section>\n");
}

/* --- findings ----------------------------------------------------------------------------------------------------- */

static void put_findings(struct buf *out, const struct report_result *t)
{
	const json_t *details = json_object_get(t->json, "details"), *unjudged = json_object_get(t->json, "not_judged");
	size_t count = json_array_size(details), others = json_array_size(unjudged);
	if (count + others < 2)
		return;
	buf_puts(out, "<section class=\"card\"><h3>Findings</h3><ol class=\"findings\">");
	for (size_t i = 0; i < MIN_OF(count, (size_t)FINDINGS_MOST); i++) {
		const json_t *d = json_array_get(details, i);
		buf_puts(out, "<li><span class=\"kind\">");
		put_member(out, "b", d, "kind");
		buf_puts(out, "</span>");
		put_member(out, "span", d, "message");
		buf_puts(out, "</li>");
	}
	for (size_t i = 0; i < MIN_OF(others, (size_t)FINDINGS_MOST); i++) {
		const json_t *d = json_array_get(unjudged, i);
		buf_puts(out, "<li><span class=\"kind\">not judged: ");
		put_member(out, "b", d, "check");
		buf_puts(out, "</span>");
		put_member(out, "span", d, "reason");
		buf_puts(out, "</li>");
	}
	buf_puts(out, "</ol>");
	if (count > FINDINGS_MOST)
		buf_appendf(out, "<p class=\"meta\">and %zu more in the sidecar</p>", count - FINDINGS_MOST);
	buf_puts(out, "</section>\n");
}

static void put_tries(struct buf *out, const struct report_result *t)
{
	const json_t *tries = json_object_get(json_object_get(t->json, "flake"), "tries");
	size_t count = json_array_size(tries);
	if (count < 2)
		return;
	buf_puts(out, "<section class=\"card\"><div class=\"scroll\"><table><caption>Tries</caption><thead><tr><th "
		      "scope=\"col\">try"
		      "</th><th scope=\"col\">verdict</th><th scope=\"col\">seed</th><th "
		      "scope=\"col\">cause</th></tr></thead><tbody>");
	for (size_t i = 0; i < MIN_OF(count, (size_t)TRIES_MOST); i++) {
		const json_t *one = json_array_get(tries, i);
		buf_appendf(out, "<tr><td>%zu</td>", i + 1);
		put_member(out, "td", one, "verdict");
		put_member(out, "td", one, "seed");
		put_member(out, "td", one, "cause");
		buf_puts(out, "</tr>");
	}
	buf_puts(out, "</tbody></table></div></section>\n");
}

/* --- measurements ------------------------------------------------------------------------------------------------- */

static void put_count(struct buf *out, const json_t *o, const char *key)
{
	double value = number(o, key);
	buf_appendf(out, "<td class=\"n\">%.0f</td>", value);
}

static void put_wait(struct buf *out, const json_t *o, const char *key, double to_ns)
{
	char text[TIME_TEXT_MAX];
	double ns = number(o, key) * to_ns;
	buf_appendf(out, "<td class=\"n\">%s</td>", ns > 0 ? nsec_measure(ns, text) : "");
}

static void put_group(struct buf *out, const json_t *g)
{
	buf_puts(out, "<tr>");
	put_member(out, "td", g, "cgroup_name");
	put_member(out, "td", g, "work_type");
	put_count(out, g, "num_workers");
	put_count(out, g, "num_cpus");
	put_count(out, g, "total_iterations");
	put_count(out, g, "total_migrations");
	buf_appendf(out, "<td class=\"n\">%.1f %%</td>", number(g, "avg_off_cpu_pct"));
	put_wait(out, g, "max_gap_ms", 1e6);
	put_wait(out, g, "max_run_delay_us", 1e3);
	put_wait(out, g, "worst_run_delay_us", 1e3);
	put_wait(out, g, "median_wake_latency_us", 1e3);
	put_wait(out, g, "p99_wake_latency_us", 1e3);
	buf_puts(out, "</tr>");
}

static void put_groups(struct buf *out, const struct report_result *t)
{
	static const char *const heading[] = { "workers",	 "CPUs",	"iterations",	"migrations",
					       "off CPU",	 "longest gap", "longest wait", "waited in all",
					       "median wake-up", "p99 wake-up" };
	const json_t *groups = json_object_get(json_object_get(t->json, "stats"), "cgroups");
	size_t count = json_array_size(groups);
	if (!count)
		return;
	buf_puts(out,
		 "<div class=\"scroll\"><table><caption>Control groups</caption><thead><tr><th scope=\"col\">group</th>"
		 "<th scope=\"col\">work</th>");
	for (size_t i = 0; i < ARRAY_SIZE(heading); i++)
		buf_appendf(out, "<th scope=\"col\" class=\"n\">%s</th>", heading[i]);
	buf_puts(out, "</tr></thead><tbody>");
	for (size_t i = 0; i < MIN_OF(count, (size_t)GROUPS_MOST); i++)
		put_group(out, json_array_get(groups, i));
	buf_puts(out, "</tbody></table></div>");
}

static void put_charts(struct buf *out, const struct report_results *r, size_t index)
{
	const struct report_result *t = &r->item[index];
	_cleanup_buf_ struct buf charts = BUF_NULL;
	size_t from = index, end = index;
	while (from && !strcmp(r->item[from - 1].test, t->test) && !strcmp(r->item[from - 1].suite, t->suite))
		from--;
	while (end < r->count && !strcmp(r->item[end].test, t->test) && !strcmp(r->item[end].suite, t->suite))
		end++;
	chart_timeline(t, &charts);
	chart_waits(t, &charts);
	chart_off_cpu(t, &charts);
	chart_others(t, &r->item[from], end - from, &charts);
	if (!charts.len)
		return;
	buf_puts(out, "<section class=\"card\"><h3>Measurements</h3><div class=\"charts\">\n");
	buf_append(out, charts.data, charts.len);
	buf_puts(out, "</div>\n");
	put_groups(out, t);
	buf_puts(out, "</section>\n");
	out->failed |= charts.failed;
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

static void put_limit_value(struct buf *out, const json_t *value)
{
	if (json_is_boolean(value))
		buf_appendf(out, "<td class=\"n\">%s</td>", json_is_true(value) ? "on" : "off");
	else
		buf_appendf(out, "<td class=\"n\">%.10g</td>", json_number_value(value));
}

/* Limits that loads set for themselves, which replace those of the test. */
static void put_load_limits(struct buf *out, const struct report_result *t)
{
	const json_t *all = json_object_get(t->json, "load_thresholds"), *off = json_false();
	for (size_t i = 0; i < MIN_OF(json_array_size(all), (size_t)LIMITS_MOST); i++) {
		const json_t *o = json_array_get(all, i);
		const json_t *value = json_object_get(o, "value");
		_cleanup_buf_ struct buf name = BUF_NULL;
		result_member(o, "name", RESULTS_WORD_MAX, &name);
		buf_puts(&name, " of ");
		result_member(o, "cgroup_name", RESULTS_WORD_MAX, &name);
		buf_puts(out, "<tr>");
		html_element(out, "td", buf_str(&name));
		put_limit_value(out, json_is_number(value) ? value : off);
		buf_puts(out, "<td>load</td></tr>");
	}
}

static void put_limits(struct buf *out, const struct report_result *t)
{
	const json_t *all = json_object_get(t->json, "thresholds");
	const char *key;
	json_t *limit;
	size_t count = 0;
	if (!json_object_size(all))
		return;
	buf_puts(out, "<details><summary>all limits, and what set them</summary><div "
		      "class=\"scroll\"><table><thead><tr><th scope=\"col\">limit</th>"
		      "<th scope=\"col\" class=\"n\">value</th><th scope=\"col\">set by</th></tr></thead><tbody>");
	json_object_foreach((json_t *)all, key, limit) {
		_cleanup_buf_ struct buf name = BUF_NULL;
		const json_t *value = json_object_get(limit, "value");
		if (!value || json_is_null(value) || count++ >= LIMITS_MOST)
			continue;
		result_clean_line(key, RESULTS_WORD_MAX, &name);
		buf_puts(out, "<tr>");
		html_element(out, "td", buf_str(&name));
		put_limit_value(out, value);
		put_member(out, "td", limit, "origin");
		buf_puts(out, "</tr>");
	}
	put_load_limits(out, t);
	buf_puts(out, "</tbody></table></div></details>\n");
}

/* --- logs --------------------------------------------------------------------------------------------------------- */

/* "--- scheduler log ---" begins a section; returns the length of its name, or 0. */
static size_t section_name(const char *line, size_t len)
{
	bool is = len > 8 && !strncmp(line, "--- ", 4) && !strncmp(line + len - 4, " ---", 4);
	return is ? len - 8 : 0;
}

static void put_section(struct buf *out, const char *name, size_t name_len, const char *text, size_t len)
{
	static const char *const first[] = { "schedule", "scheduler log", "sched_ext dump", "test output" };
	bool open = false;
	for (size_t i = 0; i < ARRAY_SIZE(first); i++)
		open |= name_len == strlen(first[i]) && !strncmp(name, first[i], name_len);
	if (!len)
		return;
	buf_appendf(out, "<details%s><summary>", open ? " open=\"\"" : "");
	markup_text_n(out, name, name_len);
	buf_puts(out, "</summary><pre tabindex=\"0\">");
	markup_text_n(out, text, len);
	buf_puts(out, "</pre></details>\n");
}

static void put_sections(struct buf *out, const struct buf *log)
{
	static const char whole[] = "report";
	const char *name = whole, *text = buf_str(log), *end = text + log->len;
	size_t name_len = strlen(whole);
	for (const char *line = text; line < end;) {
		size_t len = strcspn(line, "\n"), named = section_name(line, len);
		const char *next = MIN_OF(line + len + 1, end);
		if (named) {
			put_section(out, name, name_len, text, (size_t)(line - text));
			name = line + 4;
			name_len = named;
			text = next;
		}
		line = next;
	}
	put_section(out, name, name_len, text, (size_t)(end - text));
}

static void put_logs(struct buf *out, const struct report_result *t, size_t share)
{
	_cleanup_buf_ struct buf log = BUF_NULL, parts = BUF_NULL;
	put_limits(&parts, t);
	if (result_report(t, share, &log))
		put_sections(&parts, &log);
	out->failed |= parts.failed || log.failed;
	if (!parts.len)
		return;
	buf_puts(out, "<section class=\"card\"><h3>Logs and limits</h3>\n");
	buf_append(out, parts.data, parts.len);
	buf_puts(out, "</section>\n");
}

/* --- pages -------------------------------------------------------------------------------------------------------- */

static void put_link(struct buf *out, const char *rel, const char *text, size_t to)
{
	if (to != SIZE_MAX)
		buf_appendf(out, "<a rel=\"%s\" href=\"#r%zu\">%s</a>", rel, to, text);
}

struct neighbours {
	size_t before, after; /* SIZE_MAX: none */
};

static void put_page(struct buf *out, const struct report_results *r, size_t index, struct neighbours n, bool rich,
		     size_t share)
{
	const struct report_result *t = &r->item[index];
	buf_appendf(out,
		    "<article class=\"page\" id=\"r%zu\" aria-labelledby=\"h%zu\"><nav aria-label=\"Results\"><a "
		    "href=\"#tests\">All results</a>",
		    index, index);
	put_link(out, "prev", "Previous", n.before);
	put_link(out, "next", "Next", n.after);
	buf_puts(out, "</nav><header>");
	html_badge(out, t->outcome);
	buf_appendf(out, "<h2 id=\"h%zu\" tabindex=\"-1\">", index);
	html_name(out, t->name);
	buf_puts(out, "</h2></header>\n");
	if (*t->cause) {
		buf_appendf(out, "<p class=\"lead o-%s\">", outcome_rows[t->outcome].word);
		markup_text(out, t->cause);
		buf_puts(out, "</p>\n");
	}
	put_facts(out, t);
	if (rich) {
		put_findings(out, t);
		put_tries(out, t);
		put_charts(out, r, index);
		put_logs(out, t, share);
	} else {
		buf_puts(out, "<p class=\"meta\">Charts and logs are left out here, because this report has very many "
			      "results of this kind; the sidecar and the file beside it have them.</p>\n");
	}
	buf_puts(out, "</article>\n");
}

void html_pages(const struct report_results *r, const size_t *order, struct buf *out)
{
	size_t pages = 0, begin = out->len;
	_cleanup_free_ size_t *page = calloc(r->count + 1, sizeof(*page));
	if (!page) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < r->count; i++)
		if (result_has_page(&r->item[order[i]]))
			page[pages++] = order[i];
	for (size_t i = 0; i < pages; i++) {
		struct neighbours n = { i ? page[i - 1] : SIZE_MAX, i + 1 < pages ? page[i + 1] : SIZE_MAX };
		bool rich = out->len - begin < RICH_BYTES;
		put_page(out, r, page[i], n, rich, result_log_share(LOG_BUDGET, pages, LOG_MOST));
	}
}
