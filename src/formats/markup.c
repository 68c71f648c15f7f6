/* SPDX-License-Identifier: GPL-2.0-only */
/* markup.c -- see markup.h. */
#include <string.h>

#include "formats/markup.h"

static const char *reference(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

/* U+FFFE is EF BF BE, U+FFFF is EF BF BF. */
static bool is_noncharacter(const char *s, size_t len)
{
	return len >= 3 && (memcmp(s, "\xef\xbf\xbe", 3) == 0 || memcmp(s, "\xef\xbf\xbf", 3) == 0);
}

void markup_text_n(struct buf *out, const char *text, size_t len)
{
	size_t done = 0;
	for (size_t i = 0; i < len; i++) {
		const char *as = reference(text[i]);
		size_t taken = 1;
		if (is_noncharacter(text + i, len - i)) {
			as = "?";
			taken = 3;
		}
		if (!as)
			continue;
		buf_append(out, text + done, i - done);
		buf_puts(out, as);
		done = i + taken;
		i += taken - 1;
	}
	buf_append(out, text + done, len - done);
}

void markup_text(struct buf *out, const char *text)
{
	markup_text_n(out, text, strlen(text));
}

void markup_attribute(struct buf *out, const char *name, const char *value)
{
	buf_appendf(out, " %s=\"", name);
	markup_text(out, value);
	buf_puts(out, "\"");
}
