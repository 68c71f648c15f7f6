/* SPDX-License-Identifier: GPL-2.0-only */
/* json_view.c -- the text of a string whose escapes are not resolved yet; see json_reader.h. */
#include "results/json_reader.h"

/* Four hexadecimal digits; -1 if they are not. */
static int hex4(const char *p, const char *end)
{
	int value = 0;
	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int c = p[i] | 0x20, digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

static size_t utf8(unsigned c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)(c ?: '?');
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* The character of the escape behind the backslash at *@p, which moves behind it. */
static unsigned unescape(const char **p, const char *end)
{
	static const char letters[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	char c = *(*p)++;
	const char *letter = c ? strchr(letters, c) : NULL;
	if (c != 'u')
		return letter ? (unsigned char)means[letter - letters] : '?';
	int high = hex4(*p, end);
	if (high < 0)
		return '?';
	*p += 4;
	if (high < 0xd800 || high > 0xdfff)
		return (unsigned)high;
	int low = high < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' ? hex4(*p + 2, end) : -1;
	if (low < 0xdc00 || low > 0xdfff)
		return 0xfffd;
	*p += 6;
	return 0x10000 + ((unsigned)(high - 0xd800) << 10) + (unsigned)(low - 0xdc00);
}

size_t json_view_copy(const struct json_view *v, char *out, size_t size)
{
	if (!v->len) {
		*out = '\0';
		return 0;
	}
	const char *p = v->text, *end = v->text + v->len;
	size_t len = 0;
	while (p < end) {
		char bytes[4] = { *p };
		size_t count = 1;
		if (*p++ == '\\' && p < end)
			count = utf8(unescape(&p, end), bytes);
		if (len + count >= size)
			break;
		memcpy(out + len, bytes, count);
		len += count;
	}
	out[len] = '\0';
	return len;
}
