/* SPDX-License-Identifier: GPL-2.0-only */
/* html_parts.c -- see html.h. */
#include <string.h>

#include "formats/html.h"
#include "formats/markup.h"

void html_badge(struct buf *out, enum test_outcome outcome)
{
	const struct outcome_row *o = &outcome_rows[outcome];
	buf_appendf(out, "<span class=\"badge o-%s\" title=\"%s\">", o->word, o->phrase);
	for (const char *c = o->word; *c; c++)
		buf_append(out, *c == '_' ? " " : c, 1);
	buf_puts(out, "</span>");
}

void html_element(struct buf *out, const char *tag, const char *text)
{
	buf_appendf(out, "<%s>", tag);
	markup_text(out, text);
	buf_appendf(out, "</%s>", tag);
}

void html_name(struct buf *out, const char *name)
{
	for (const char *rest = name; *rest;) {
		size_t len = strcspn(rest, "/_");
		len += rest[len] != '\0';
		markup_text_n(out, rest, len);
		rest += len;
		buf_puts(out, *rest ? "<wbr>" : "");
	}
}
