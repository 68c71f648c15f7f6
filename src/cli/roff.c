/* SPDX-License-Identifier: GPL-2.0-only */
/* roff.c -- text and items of manual pages; see options.h. */
#include "cli/options.h"

void roff_text(struct buf *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		/* A blank line separates paragraphs. */
		if (p[0] == '\n' && p[1] == '\n') {
			buf_puts(out, "\n.PP\n");
			p++;
			continue;
		}
		if ((*p == '.' || *p == '\'') && (p == text || p[-1] == '\n'))
			buf_puts(out, "\\&");
		if (*p == '\\')
			buf_puts(out, "\\e");
		else if (*p == '-')
			buf_puts(out, "\\-");
		else
			buf_append(out, p, 1);
	}
}

void roff_item(struct buf *out, const char *tag, const char *text)
{
	buf_puts(out, ".TP\n.B ");
	roff_text(out, tag);
	buf_puts(out, "\n");
	roff_text(out, text);
	buf_puts(out, "\n");
}
