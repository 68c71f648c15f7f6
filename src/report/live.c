/* SPDX-License-Identifier: GPL-2.0-only */
/* live.c -- see live.h. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "report/live.h"

unsigned live_height(const struct live_view *v)
{
	return 1 + v->rows;
}

/* Cuts @text to @width columns and ends the line. */
static void put_cut(struct buf *out, const char *text, unsigned width)
{
	text_append_columns(out, text, width, /* pad= */ false);
	buf_puts(out, "\n");
}

static void put_row(const struct live_row *r, unsigned columns, struct buf *out)
{
	char elapsed[TIME_TEXT_MAX], left[TIME_TEXT_MAX];
	_cleanup_buf_ struct buf line = BUF_NULL;
	buf_puts(&line, "  ");
	text_append_columns(&line, r->name, columns > 60 ? columns - 36 : 24, /* pad= */ true);
	buf_appendf(&line, " %-9s %7s%s%s", r->state, nsec_format(r->elapsed, elapsed), r->left >= 0 ? "  of " : "",
		    r->left >= 0 ? nsec_format(r->elapsed + r->left, left) : "");
	put_cut(out, buf_str(&line), columns);
}

void live_render(const struct live_view *v, const struct term *t, struct buf *out)
{
	char line[512], elapsed[TIME_TEXT_MAX];
	int n = snprintf(line, sizeof(line), "[%*u/%u] %s, %u running", v->total > 99 ? 4 : 2, v->done, v->total,
			 nsec_format(v->elapsed, elapsed), v->running);
	struct {
		unsigned count;
		const char *name;
	} parts[] = { { v->failed, "failed" },
		      { v->inconclusive, "inconclusive" },
		      { v->skipped, "skipped" },
		      { v->queued, "queued" } };
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].count)
			n += snprintf(line + n, sizeof(line) - (size_t)n, ", %u %s", parts[i].count, parts[i].name);
	put_cut(out, line, t->columns);
	for (unsigned i = 0; i < v->rows; i++)
		put_row(&v->row[i], t->columns, out);
}
