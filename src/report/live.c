/* SPDX-License-Identifier: GPL-2.0-only */
/* live.c -- see live.h. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "report/live.h"

#define BAR_MIN	    10 /* including the brackets */
#define BAR_MAX	    32
#define GAP	    2
#define STATE_WIDTH 9
#define TIME_WIDTH  7
#define CPU_WIDTH   5
#define CPU_COLUMNS 60 /* a narrower terminal does not show the CPU share */

/* --- progress ----------------------------------------------------------------------------------------------------- */

struct part {
	char text[48];
	enum term_style style;
	bool shown;
};

enum {
	PART_DONE,
	PART_PASSED,
	PART_FAILED,
	PART_INCONCLUSIVE,
	PART_SKIPPED,
	PART_RUNNING,
	PART_QUEUED,
	PART_ELAPSED,
	PART_LEFT,
	PART_MAX
};

static void set_count(struct part *part, unsigned count, const char *word, enum term_style style)
{
	if (count)
		snprintf(part->text, sizeof(part->text), "%u %s", count, word);
	part->style = style;
}

static void set_parts(const struct live_view *v, struct part part[PART_MAX])
{
	char time[TIME_TEXT_MAX];
	snprintf(part[PART_DONE].text, sizeof(part->text), "%u/%u", v->done, v->total);
	part[PART_DONE].style = TERM_NAME;
	set_count(&part[PART_PASSED], v->passed, "passed", TERM_GOOD);
	set_count(&part[PART_FAILED], v->failed, "failed", TERM_BAD);
	set_count(&part[PART_INCONCLUSIVE], v->inconclusive, "inconclusive", TERM_WARN);
	set_count(&part[PART_SKIPPED], v->skipped, "skipped", TERM_WARN);
	set_count(&part[PART_RUNNING], v->running, "running", TERM_STYLE_MAX);
	set_count(&part[PART_QUEUED], v->queued, "queued", TERM_STYLE_MAX);
	snprintf(part[PART_ELAPSED].text, sizeof(part->text), "%s", nsec_format(v->elapsed, time));
	part[PART_ELAPSED].style = TERM_DIM;
	if (v->left >= 0)
		snprintf(part[PART_LEFT].text, sizeof(part->text), "ETA %s", nsec_format(v->left, time));
	part[PART_LEFT].style = TERM_STYLE_MAX;
}

/* Selects the most important parts that fit. Returns the columns that remain for the bar. */
static unsigned choose_parts(struct part part[PART_MAX], unsigned columns)
{
	static const unsigned by_importance[PART_MAX] = { PART_DONE,	PART_FAILED,  PART_LEFT,
							  PART_PASSED,	PART_RUNNING, PART_INCONCLUSIVE,
							  PART_ELAPSED, PART_SKIPPED, PART_QUEUED };
	unsigned left = columns > BAR_MIN ? columns - BAR_MIN : 0;
	for (size_t i = 0; i < PART_MAX; i++) {
		struct part *p = &part[by_importance[i]];
		unsigned need = GAP + (unsigned)strlen(p->text);
		p->shown = p->text[0] && need <= left;
		left -= p->shown ? need : 0;
	}
	return MIN_OF(left + BAR_MIN, BAR_MAX);
}

static void put_styled(struct buf *out, const struct term *t, enum term_style style, const char *text)
{
	bool styled = style < TERM_STYLE_MAX;
	buf_appendf(out, "%s%s%s", styled ? term_style(t, style) : "", text, styled ? term_plain(t) : "");
}

static void put_bar(const struct live_view *v, const struct term *t, unsigned columns, struct buf *out)
{
	_cleanup_buf_ struct buf full = BUF_NULL, rest = BUF_NULL;
	unsigned inside = columns - 2, done = v->total ? (unsigned)((uint64_t)v->done * inside / v->total) : 0;
	for (unsigned i = 0; i < inside; i++)
		buf_puts(i < done ? &full : &rest, i < done ? "=" : i == done ? ">" : " ");
	buf_puts(out, "[");
	put_styled(out, t, v->failed ? TERM_BAD : TERM_GOOD, buf_str(&full));
	buf_appendf(out, "%s]", buf_str(&rest));
}

static void put_progress(const struct live_view *v, const struct term *t, struct buf *out)
{
	struct part part[PART_MAX] = { 0 };
	set_parts(v, part);
	unsigned bar = choose_parts(part, t->columns);
	if (bar <= t->columns)
		put_bar(v, t, bar, out);
	for (size_t i = 0; i < PART_MAX; i++) {
		if (!part[i].shown)
			continue;
		buf_puts(out, "  ");
		put_styled(out, t, part[i].style, part[i].text);
	}
	buf_puts(out, "\n");
}

/* --- machines ----------------------------------------------------------------------------------------------------- */

static void put_cells(const struct term *t, const char *name, const char *state, const char *time, const char *cpu,
		      struct buf *out)
{
	_cleanup_buf_ struct buf line = BUF_NULL;
	bool has_cpu = t->columns >= CPU_COLUMNS;
	unsigned others = 2 + 1 + STATE_WIDTH + 1 + TIME_WIDTH + (has_cpu ? 1 + CPU_WIDTH : 0);
	buf_puts(&line, "  ");
	text_append_short(&line, name, MIN_OF(t->columns > others + 8 ? t->columns - others : 8, 72));
	buf_appendf(&line, " %-*s %*s", STATE_WIDTH, state, TIME_WIDTH, time);
	if (has_cpu && *cpu)
		buf_appendf(&line, " %*s", CPU_WIDTH, cpu);
	text_append_columns(out, buf_str(&line), t->columns, /* pad= */ false);
}

static void put_row(const struct live_row *r, const struct term *t, struct buf *out)
{
	char elapsed[TIME_TEXT_MAX], cpu[16] = "";
	if (r->cpu_percent >= 0)
		snprintf(cpu, sizeof(cpu), "%d%%", r->cpu_percent);
	put_cells(t, r->name, r->state, nsec_format(r->elapsed, elapsed), cpu, out);
	buf_puts(out, "\n");
}

void live_render(const struct live_view *v, const struct term *t, struct buf *out)
{
	unsigned room = t->rows > 4 ? t->rows - 4 : 0, rows = MIN_OF(v->rows, room);
	put_progress(v, t, out);
	if (!rows)
		return;
	buf_puts(out, term_style(t, TERM_DIM));
	put_cells(t, "machine", "state", "time", "cpu", out);
	buf_appendf(out, "%s\n", term_plain(t));
	for (unsigned i = 0; i < rows; i++)
		put_row(&v->row[i], t, out);
	if (v->running > rows) {
		char more[64];
		snprintf(more, sizeof(more), "  ... and %u more", v->running - rows);
		text_append_columns(out, more, t->columns, /* pad= */ false);
		buf_puts(out, "\n");
	}
}
