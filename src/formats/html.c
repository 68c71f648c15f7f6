/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * html.c -- one HTML file with everything in it: style, script, charts. It loads nothing. Its content security policy
 * admits only the two scripts whose digests are written in it, so that no text of a result can run as one.
 */
#include <string.h>

#include <nettle/base64.h>
#include <nettle/sha2.h>

#include "base/text.h"
#include "formats/formats.h"
#include "formats/html.h"
#include "formats/markup.h"

extern const char blob_report_style_start[], blob_report_style_end[];
extern const char blob_report_script_start[], blob_report_script_end[];

/* Runs before the page is laid out, so that pages that will be hidden cost nothing. */
static const char early_script[] = "document.documentElement.classList.add('js')";

static void put_digest(struct buf *out, const char *script, size_t len)
{
	struct sha256_ctx sha;
	uint8_t digest[SHA256_DIGEST_SIZE];
	char text[BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE) + 1] = "";
	sha256_init(&sha);
	sha256_update(&sha, len, (const uint8_t *)script);
	sha256_digest(&sha, sizeof(digest), digest);
	base64_encode_raw(text, sizeof(digest), digest);
	buf_appendf(out, " 'sha256-%s'", text);
}

static void put_policy(struct buf *out, bool script)
{
	buf_puts(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
		      "'unsafe-inline'; base-uri 'none'; form-action 'none'");
	if (!script) {
		buf_puts(out, "\">\n");
		return;
	}
	buf_puts(out, "; script-src");
	put_digest(out, early_script, strlen(early_script));
	put_digest(out, blob_report_script_start, (size_t)(blob_report_script_end - blob_report_script_start));
	buf_puts(out, "\">\n");
}

void html_begin(struct buf *out, const char *title, bool script)
{
	buf_puts(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
	put_policy(out, script);
	buf_puts(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>ktstr: ");
	markup_text(out, title);
	buf_puts(out, "</title>\n<style>\n");
	buf_append(out, blob_report_style_start, (size_t)(blob_report_style_end - blob_report_style_start));
	buf_puts(out, "</style>\n");
	if (script)
		buf_appendf(out, "<script>%s</script>\n", early_script);
	buf_puts(out, "</head>\n");
}

/* The distinct values of a member, at most four of them. */
static void put_distinct(struct buf *out, const struct report_results *r, size_t at, const char *label)
{
	const char *seen[4];
	size_t count = 0, more = 0;
	for (size_t i = 0; i < r->count; i++) {
		const char *value = *(char *const *)((const char *)&r->item[i] + at);
		bool known = !*value;
		for (size_t k = 0; k < count; k++)
			known |= !strcmp(seen[k], value);
		if (known)
			continue;
		if (count == ARRAY_SIZE(seen)) {
			more = 1;
			break;
		}
		seen[count++] = value;
	}
	if (!count)
		return;
	buf_appendf(out, "<span>%s ", label);
	for (size_t k = 0; k < count; k++) {
		buf_puts(out, k ? ", " : "");
		html_element(out, "code", seen[k]);
	}
	buf_puts(out, more ? " and others</span>" : "</span>");
}

/* How much of the run is not there. The table lists these tests. */
static void put_missing(struct buf *out, const struct report_results *r, const struct result_counts *c)
{
	size_t missing = c->outcome[OUTCOME_NOT_RUN], damaged = c->outcome[OUTCOME_UNREADABLE], stopped = 0;
	for (size_t i = 0; i < r->count; i++)
		stopped += result_is_cut(&r->item[i]);
	if (missing || stopped || r->interrupted)
		buf_appendf(out, "<p class=\"lead o-not_run\">%s%zu of %zu test%s without a result, %zu stopped.</p>\n",
			    r->interrupted ? "The run was interrupted: " : "", missing, c->total, plural(c->total),
			    stopped);
	if (damaged)
		buf_appendf(out, "<p class=\"lead o-unreadable\">%zu of %zu result files could not be read.</p>\n",
			    damaged, c->total - missing);
}

static void put_top(struct buf *out, const struct report_results *r, const struct result_counts *c)
{
	char text[TIME_TEXT_MAX];
	bool cut = r->interrupted || c->outcome[OUTCOME_NOT_RUN];
	buf_appendf(out,
		    "<a class=\"skip-link\" href=\"#tests\">Skip to the results</a>\n<header class=\"top\">"
		    "<div class=\"title\"><h1>ktstr report</h1><span class=\"verdict%s\">%s</span>%s%s</div>\n<p "
		    "class=\"meta\">",
		    c->bad ? " bad" : "", c->bad ? "failed" : "passed", cut ? "<span class=\"verdict cut\">" : "",
		    !cut	     ? ""
		    : r->interrupted ? "interrupted</span>"
				     : "incomplete</span>");
	put_distinct(out, r, offsetof(struct report_result, run_id), "run");
	put_distinct(out, r, offsetof(struct report_result, commit), "commit");
	if (c->last)
		buf_appendf(out, "<span>%s</span>", time_rfc3339(c->last, text));
	buf_appendf(out, "<span>%s of machine time</span></p>\n", nsec_format(c->wall, text));
	put_missing(out, r, c);
	buf_puts(out, "</header>\n");
}

void html_write(const struct report_results *r, struct buf *out)
{
	struct result_counts c = report_results_count(r);
	_cleanup_free_ size_t *order = report_results_by_gravity(r);
	_cleanup_buf_ struct buf sum = BUF_NULL;
	if (!order) {
		out->failed = true;
		return;
	}
	report_results_summary(&c, &sum);
	html_begin(out, buf_str(&sum), /* script= */ true);
	buf_puts(out, "<body>\n");
	put_top(out, r, &c);
	buf_puts(out, "<main>\n<div id=\"overview\">\n");
	html_overview(r, order, out);
	buf_puts(out, "</div>\n");
	html_pages(r, order, out);
	buf_puts(out, "</main>\n<script>");
	buf_append(out, blob_report_script_start, (size_t)(blob_report_script_end - blob_report_script_start));
	buf_puts(out, "</script>\n</body>\n</html>\n");
}
