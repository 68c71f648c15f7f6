/* SPDX-License-Identifier: GPL-2.0-only */
/* message.c -- see message.h. */
#include <string.h>

#include "base/message.h"
#include "base/text.h"

static const struct {
	const char *word;
	enum term_style style;
} kinds[MESSAGE_KIND_MAX] = {
	[MESSAGE_ERROR] = { "error:", TERM_BAD },
	[MESSAGE_WARNING] = { "warning:", TERM_WARN },
	[MESSAGE_NOTE] = { "note:", TERM_NAME },
};

static size_t put_kind(struct buf *out, const struct term *t, const char *line)
{
	for (size_t i = 0; i < MESSAGE_KIND_MAX; i++) {
		size_t len = strlen(kinds[i].word);
		if (strncmp(line, kinds[i].word, len) != 0)
			continue;
		buf_appendf(out, "%s%s%s", term_style(t, kinds[i].style), kinds[i].word, term_plain(t));
		return len;
	}
	return 0;
}

void message_append(struct buf *out, const struct term *t, const char *lines)
{
	while (*lines) {
		lines += put_kind(out, t, lines);
		size_t len = strcspn(lines, "\n");
		len += lines[len] == '\n';
		buf_append(out, lines, len);
		lines += len;
	}
}

void message(struct output *o, const struct term *t, enum message_kind kind, const char *fmt, ...)
{
	_cleanup_buf_ struct buf raw = BUF_NULL, line = BUF_NULL, out = BUF_NULL;
	va_list ap;
	va_start(ap, fmt);
	buf_vappendf(&raw, fmt, ap);
	va_end(ap);
	buf_appendf(&line, "%s ", kinds[kind].word);
	text_append_line(&line, buf_str(&raw), raw.len);
	buf_puts(&line, "\n");
	message_append(&out, t, buf_str(&line));
	out.failed |= raw.failed || line.failed;
	output_buf(o, &out);
}
