/* SPDX-License-Identifier: GPL-2.0-only */
/* html_parts.c -- see html.h. */
#include "reports/html.h"
#include "reports/markup.h"

void html_badge(struct buf *out, enum result_kind outcome)
{
	buf_appendf(out, "<span class=\"badge o-%s\">%s</span>", result_rows[outcome].word,
		    result_rows[outcome].phrase);
}

void html_element(struct buf *out, const char *tag, const char *text)
{
	buf_appendf(out, "<%s>", tag);
	markup_text(out, text);
	buf_appendf(out, "</%s>", tag);
}
