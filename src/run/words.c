/* SPDX-License-Identifier: GPL-2.0-only */
/* words.c -- see words.h. */
#include "run/words.h"

#include <string.h>

#include "run/list_json.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* One escaped character of $'...': at most three octal digits, or the character itself. Returns where it ends. */
static const char *read_escape(const char *at, struct buf *word)
{
	char c = *at;
	unsigned value = 0, digits = 0;
	if (!is_octal(c)) {
		buf_append(word, at, c ? 1 : 0);
		return c ? at + 1 : at;
	}
	for (; digits < 3 && is_octal(*at); digits++)
		value = 8 * value + (unsigned)(*at++ - '0');
	c = (char)value;
	buf_append(word, &c, 1);
	return at;
}

/* @at: behind the quote that opens. Returns the quote that closes, or NULL. */
static const char *read_quoted(const char *at, char quote, bool escapes, struct buf *word)
{
	while (*at && *at != quote) {
		if (*at == '\\' && escapes)
			at = read_escape(at + 1, word);
		else
			buf_append(word, at++, 1);
	}
	return *at ? at : NULL;
}

/* Returns the end of the word, or NULL: a quote is not closed. */
static const char *read_word(const char *at, struct buf *word)
{
	while (at && *at && !is_space(*at)) {
		bool dollar = at[0] == '$' && at[1] == '\'';
		if (*at == '\'' || dollar) {
			at = read_quoted(at + 1 + dollar, '\'', dollar, word);
			at += at != NULL;
		} else if (*at == '"') {
			at = read_quoted(at + 1, '"', /* escapes= */ true, word);
			at += at != NULL;
		} else {
			at += *at == '\\' && at[1];
			buf_append(word, at++, 1);
		}
	}
	return at;
}

int words_split(const char *text, char ***ret, struct err **err)
{
	char **list = calloc(WORDS_MAX + 1, sizeof(*list));
	size_t count = 0;
	const char *at = text;
	int r = list ? 0 : -ENOMEM;
	while (r == 0) {
		_cleanup_buf_ struct buf word = BUF_NULL;
		at += strspn(at, " \t\n");
		if (!*at)
			break;
		at = read_word(at, &word);
		if (!at)
			r = FAIL(err, ERR_DATA, -EINVAL, "a quote is not closed in: %s", text);
		else if (count == WORDS_MAX)
			r = FAIL(err, ERR_DATA, -EINVAL, "the command line has more than %d words", WORDS_MAX);
		else if (!(list[count++] = buf_steal(&word)))
			r = FAIL_SYS(err, -ENOMEM, "read a command line");
	}
	if (r < 0) {
		strings_free(list);
		return r;
	}
	*ret = list;
	return 0;
}
