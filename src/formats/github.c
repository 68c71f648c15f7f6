/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * github.c -- workflow commands that become annotations, and the Markdown summary of a step.
 *
 * GitHub shows 10 errors, 10 warnings and 10 notices of a step and drops the others without a word, so the last one of
 * each says how many more there are. It refuses a summary of more than 1 MiB as a whole.
 */
#include <string.h>

#include "base/text.h"
#include "formats/formats.h"
#include "formats/markup.h"

#define ANNOTATIONS_MOST 9 /* of a level, and then the number of the others */
#define SUMMARY_BYTES	 ((size_t)1000000)
#define SUMMARY_TAIL	 ((size_t)2000) /* kept free for what is said about the rest */
#define LOG_BUDGET	 ((size_t)600000)
#define LOG_MOST	 ((size_t)16 << 10)
#define MESSAGE_MOST	 ((size_t)4000)

/* --- annotations -------------------------------------------------------------------------------------------------- */

/* Data of a workflow command; with @property also ':' and ',' are escaped. */
static void put_data(struct buf *out, const char *text, bool property)
{
	for (const char *c = text; *c; c++) {
		if (strchr("%\r\n", *c) || (property && strchr(":,", *c)))
			buf_appendf(out, "%%%02X", (unsigned char)*c);
		else
			buf_append(out, c, 1);
	}
}

/* __FILE__ is relative to the directory in which the compiler ran, often one or two below the top. */
static const char *path_in_checkout(const char *file)
{
	while (!strncmp(file, "../", 3))
		file += 3;
	return file;
}

static const char *level_of(const struct report_result *t)
{
	if (t->bad)
		return "error";
	if (t->outcome == OUTCOME_FLAKY || t->outcome == OUTCOME_INCONCLUSIVE || t->outcome == OUTCOME_XPASS)
		return "warning";
	return NULL;
}

static void put_annotation(struct buf *out, const char *level, const struct report_result *t)
{
	_cleanup_buf_ struct buf title = BUF_NULL, message = BUF_NULL;
	buf_appendf(&title, "%s %s", t->name, outcome_rows[t->outcome].phrase);
	result_clean_line(t->cause, MESSAGE_MOST, &message);
	if (t->outcome != OUTCOME_UNREADABLE)
		buf_appendf(&message, "%s(%s, %s, %s)", message.len ? "\n" : "", t->scheduler, t->topology,
			    t->kernel_version);
	if (*t->replay)
		buf_appendf(&message, "\nreplay: %s", t->replay);
	buf_appendf(out, "::%s ", level);
	if (*t->file && *t->file != '/') {
		buf_puts(out, "file=");
		put_data(out, path_in_checkout(t->file), /* property= */ true);
		buf_appendf(out, ",line=%u,", t->line ? t->line : 1);
	}
	buf_puts(out, "title=");
	put_data(out, buf_str(&title), /* property= */ true);
	buf_puts(out, "::");
	put_data(out, buf_str(&message), /* property= */ false);
	buf_puts(out, "\n");
}

static void put_level(struct buf *out, const char *level, const struct report_results *r, const size_t *order)
{
	size_t count = 0;
	for (size_t i = 0; i < r->count; i++) {
		const struct report_result *t = &r->item[order[i]];
		const char *own = level_of(t);
		if (!own || strcmp(own, level) != 0)
			continue;
		if (count++ < ANNOTATIONS_MOST)
			put_annotation(out, level, t);
	}
	if (count > ANNOTATIONS_MOST)
		buf_appendf(out,
			    "::%s title=and %zu more::GitHub shows ten at most; the log and the summary have all\n",
			    level, count - ANNOTATIONS_MOST);
}

/* The runner reads "##[" as a command wherever it stands in a line, and "::" at its beginning. */
static void put_plain(struct buf *out, const char *text)
{
	for (const char *c = text; *c; c++) {
		buf_append(out, c, 1);
		buf_puts(out, !strncmp(c, "##[", 3) ? " " : "");
	}
}

/* All results that need attention, folded in the log. */
static void put_group(struct buf *out, const struct report_results *r, const size_t *order)
{
	bool any = false;
	for (size_t i = 0; i < r->count; i++) {
		const struct report_result *t = &r->item[order[i]];
		if (!level_of(t))
			continue;
		if (!any)
			buf_puts(out, "::group::ktstr: commands that repeat these results\n");
		any = true;
		buf_appendf(out, "%s ", outcome_rows[t->outcome].word);
		put_plain(out, t->name);
		buf_puts(out, *t->replay ? "\n  replay: " : "");
		put_plain(out, t->replay);
		buf_puts(out, "\n");
	}
	if (any)
		buf_puts(out, "::endgroup::\n");
}

void github_write(const struct report_results *r, struct buf *out)
{
	_cleanup_free_ size_t *order = report_results_by_gravity(r);
	if (!order) {
		out->failed = true;
		return;
	}
	put_level(out, "error", r, order);
	put_level(out, "warning", r, order);
	put_group(out, r, order);
}

/* --- summary ------------------------------------------------------------------------------------------------------ */

/* GitHub's Markdown reads HTML; characters that mean something to it stand inside <code>. */
static void put_code(struct buf *out, const char *text)
{
	_cleanup_buf_ struct buf escaped = BUF_NULL;
	markup_text(&escaped, text);
	buf_puts(out, "<code>");
	for (const char *c = buf_str(&escaped); *c; c++) {
		if (strchr("|*_`[]\\~", *c))
			buf_appendf(out, "&#%d;", *c);
		else
			buf_append(out, c, 1);
	}
	buf_puts(out, "</code>");
	out->failed |= escaped.failed;
}

static void put_cell(struct buf *out, const char *text)
{
	_cleanup_buf_ struct buf cut = BUF_NULL;
	result_clean_line(text, RESULTS_WORD_MAX, &cut);
	put_code(out, buf_str(&cut));
}

static void put_counts(struct buf *out, const struct report_results *r)
{
	struct result_counts c = report_results_count(r);
	_cleanup_buf_ struct buf sum = BUF_NULL;
	report_results_summary(&c, &sum);
	buf_appendf(out, "## ktstr: %s\n\n%s.\n\n", c.bad ? "failed" : "passed", buf_str(&sum));
}

static void put_row(struct buf *out, const struct report_result *t)
{
	char wall[TIME_TEXT_MAX];
	buf_appendf(out, "| %s | ", outcome_rows[t->outcome].phrase);
	put_cell(out, t->name);
	buf_puts(out, " | ");
	put_cell(out, t->topology);
	buf_puts(out, " | ");
	put_cell(out, t->scheduler);
	buf_puts(out, " | ");
	put_cell(out, t->kernel_version);
	buf_appendf(out, " | %s | ", t->wall ? nsec_format(t->wall, wall) : "-");
	put_cell(out, t->cause);
	buf_puts(out, " |\n");
}

/* The log in a fold, and the line that repeats the result. */
static void put_fold(struct buf *out, const struct report_result *t, size_t share)
{
	_cleanup_buf_ struct buf log = BUF_NULL;
	buf_puts(out, "<details><summary>");
	put_code(out, t->name);
	buf_puts(out, "</summary>\n\n<pre>");
	markup_text(out, t->replay);
	buf_puts(out, "</pre>\n");
	if (result_report(t, share, &log)) {
		buf_puts(out, "<pre>");
		markup_text_n(out, log.data, log.len);
		buf_puts(out, "</pre>\n");
	}
	buf_puts(out, "</details>\n\n");
}

/* Appends @piece if the summary keeps room for its end. */
static bool put_piece(struct buf *out, const struct buf *piece)
{
	if (out->len + piece->len > SUMMARY_BYTES - SUMMARY_TAIL)
		return false;
	buf_append(out, piece->data, piece->len);
	out->failed |= piece->failed;
	return true;
}

static size_t put_rows(struct buf *out, const struct report_results *r, const size_t *order)
{
	size_t left = 0;
	buf_puts(out, "| verdict | test | topology | scheduler | kernel | time | cause |\n"
		      "|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < r->count; i++) {
		_cleanup_buf_ struct buf row = BUF_NULL;
		put_row(&row, &r->item[order[i]]);
		/* Half of the room is for the table. */
		left += out->len + row.len > SUMMARY_BYTES / 2 || !put_piece(out, &row);
	}
	if (left)
		buf_appendf(out, "\n%zu more result%s left out of this table.\n", left, left == 1 ? " is" : "s are");
	buf_puts(out, "\n");
	return left;
}

void github_summary_write(const struct report_results *r, struct buf *out)
{
	_cleanup_free_ size_t *order = report_results_by_gravity(r);
	struct result_counts c = report_results_count(r);
	size_t left = 0, share = result_log_share(LOG_BUDGET, c.total - c.outcome[OUTCOME_PASS], LOG_MOST);
	if (!order) {
		out->failed = true;
		return;
	}
	put_counts(out, r);
	put_rows(out, r, order);
	for (size_t i = 0; i < r->count; i++) {
		_cleanup_buf_ struct buf fold = BUF_NULL;
		if (!level_of(&r->item[order[i]]))
			continue;
		put_fold(&fold, &r->item[order[i]], share);
		left += !put_piece(out, &fold);
	}
	if (left)
		buf_appendf(out, "The logs of %zu more result%s do not fit here; the results on disk have them.\n",
			    left, plural(left));
}
