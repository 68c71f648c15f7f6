/* SPDX-License-Identifier: GPL-2.0-only */
/* json_reader.c -- see json_reader.h. RFC 8259; strings may have bytes that are not UTF-8. */
#include "results/decimal.h"
#include "results/json_reader.h"

static bool fail(struct json_reader *r, const char *what)
{
	if (!r->error)
		r->error = what;
	return false;
}

/* The objects and arrays that the reader is in. */
static inline void push(struct json_reader *r, char kind)
{
	r->objects = r->objects << 1 | (kind == '{');
	r->depth++;
}

static inline void pop(struct json_reader *r)
{
	r->objects >>= 1;
	r->depth--;
}

static inline bool in_object(const struct json_reader *r)
{
	return r->objects & 1;
}

void json_reader_init(struct json_reader *r, const char *text, size_t len)
{
	*r = (struct json_reader){ .begin = text, .at = text, .end = text + len };
}

void json_reader_where(const struct json_reader *r, unsigned *line, unsigned *column)
{
	*line = *column = 1;
	for (const char *p = r->begin; p < r->at; p++) {
		*column = *p == '\n' ? 1 : *column + 1;
		*line += *p == '\n';
	}
}

/* Words of eight bytes, of which all are tested at once. */
#define EACH_BYTE(c) (0x0101010101010101u * (unsigned char)(c))
#define HIGH_BITS    EACH_BYTE(0x80)

static inline uint64_t load_word(const char *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof(word));
	return word;
}

/* The place of the lowest byte that is not 0: that of the first character. */
static inline unsigned first_byte(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (unsigned)__builtin_ctzll(word) >> 3;
#else
	return (unsigned)__builtin_clzll(word) >> 3;
#endif
}

/* Sidecars are indented, so a line break with a long run of spaces is usual. */
static inline const char *after_space(const char *p, const char *end)
{
	while (p < end && (unsigned char)*p <= ' ') {
		if (*p != ' ' && *p != '\n' && *p != '\r' && *p != '\t')
			return p;
		for (p++; end - p >= 8; p += 8) {
			uint64_t other = load_word(p) ^ EACH_BYTE(' ');
			if (!other)
				continue;
			p += first_byte(other);
			break;
		}
	}
	return p;
}

/* A bit is set if a byte is a quote, a backslash or a control character; bits of later characters may be wrong. */
static inline uint64_t ends_plain_text(uint64_t word)
{
	uint64_t quote = word ^ EACH_BYTE('"'), slash = word ^ EACH_BYTE('\\');
	uint64_t found = (quote - EACH_BYTE(1)) & ~quote;
	found |= (slash - EACH_BYTE(1)) & ~slash;
	found |= (word - EACH_BYTE(0x20)) & ~word;
	return found & HIGH_BITS;
}

/* Goes to a quote, a backslash, a control character or the end. */
static inline const char *after_plain_text(const char *p, const char *end)
{
	for (; end - p >= 8; p += 8) {
		uint64_t found = ends_plain_text(load_word(p));
		if (found && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
			return p + first_byte(found);
		if (found)
			break;
	}
	while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
		p++;
	return p;
}

/* @p is behind the first quote. Returns the place of the last quote; NULL: the string does not end. */
static inline const char *end_of_string(const char *p, const char *end, bool *escaped)
{
	*escaped = false;
	for (;;) {
		p = after_plain_text(p, end);
		if (p == end || (unsigned char)*p < 0x20)
			return NULL;
		if (*p == '"')
			return p;
		*escaped = true;
		p += 2;
		if (p > end)
			return NULL;
	}
}

static void skip_space(struct json_reader *r)
{
	r->at = after_space(r->at, r->end);
}

char json_reader_peek(struct json_reader *r)
{
	if (r->error)
		return 0;
	skip_space(r);
	if (r->at == r->end)
		return fail(r, "the text ends too early"), 0;
	return *r->at;
}

bool json_reader_enter(struct json_reader *r, char kind)
{
	if (json_reader_peek(r) != kind) {
		json_reader_skip(r);
		return false;
	}
	if (r->depth == JSON_DEPTH_MAX)
		return fail(r, "it is nested too deeply");
	push(r, kind);
	r->first = true;
	r->at++;
	return true;
}

/* Goes past a comma, or past @close, which ends the object or array: false. */
static bool next_part(struct json_reader *r, char close)
{
	char c = json_reader_peek(r);
	bool first = r->first;
	r->first = false;
	if (c == close) {
		r->at++;
		pop(r);
		return false;
	}
	if (first)
		return c != 0;
	if (c != ',')
		return fail(r, "a comma or the end of an object or array is missing");
	r->at++;
	c = json_reader_peek(r);
	return c == close ? fail(r, "a value is missing after a comma") : c != 0;
}

/* A string whose first quote is at r->at. */
static bool scan_string(struct json_reader *r, struct json_view *ret)
{
	bool escaped;
	const char *last = end_of_string(r->at + 1, r->end, &escaped);
	if (!last)
		return fail(r, "a string does not end");
	*ret = (struct json_view){ r->at + 1, (size_t)(last - r->at - 1), escaped };
	r->at = last + 1;
	return true;
}

bool json_reader_key(struct json_reader *r, struct json_view *key)
{
	if (r->error || !r->depth || !in_object(r) || !next_part(r, '}'))
		return false;
	if (*r->at != '"')
		return fail(r, "a key is missing");
	if (!scan_string(r, key))
		return false;
	if (json_reader_peek(r) != ':')
		return fail(r, "a colon is missing");
	r->at++;
	return true;
}

bool json_reader_item(struct json_reader *r)
{
	return !r->error && r->depth && !in_object(r) && next_part(r, ']');
}

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* A number at r->at: "-"? digits ("." digits)? (("e" | "E") ("+" | "-")? digits)?, without needless zeros. */
static bool scan_number(struct json_reader *r, const char **ret_begin, size_t *ret_len)
{
	const char *p = r->at, *digits;
	p += p < r->end && *p == '-';
	digits = p;
	p = skip_digits(p, r->end);
	if (p == digits || (*digits == '0' && p > digits + 1))
		return fail(r, "a value is not JSON");
	if (p < r->end && *p == '.') {
		digits = ++p;
		p = skip_digits(p, r->end);
		if (p == digits)
			return fail(r, "a number has no digits behind its point");
	}
	if (p < r->end && (*p == 'e' || *p == 'E')) {
		p++;
		p += p < r->end && (*p == '+' || *p == '-');
		digits = p;
		p = skip_digits(p, r->end);
		if (p == digits)
			return fail(r, "a number has no digits in its exponent");
	}
	*ret_begin = r->at;
	*ret_len = (size_t)(p - r->at);
	r->at = p;
	return true;
}

static bool scan_word(struct json_reader *r, const char *word)
{
	size_t len = strlen(word);
	if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
		return fail(r, "a value is not JSON");
	r->at += len;
	return true;
}

/* What may come next in a skipped value. */
enum expected { EXPECT_VALUE, EXPECT_FIRST_ITEM, EXPECT_KEY, EXPECT_FIRST_KEY, EXPECT_MORE };

/* A value that is not an object or array. */
static bool skip_scalar(struct json_reader *r)
{
	const char *begin;
	size_t len;
	switch (*r->at) {
	case 't':
		return scan_word(r, "true");
	case 'f':
		return scan_word(r, "false");
	case 'n':
		return scan_word(r, "null");
	default:
		return scan_number(r, &begin, &len);
	}
}

/* A key and its colon. */
static bool skip_key(struct json_reader *r)
{
	struct json_view key;
	if (*r->at != '"')
		return fail(r, "a key is missing");
	if (!scan_string(r, &key))
		return false;
	skip_space(r);
	if (r->at == r->end || *r->at != ':')
		return fail(r, "a colon is missing");
	r->at++;
	return true;
}

/* After a value inside of the skipped one. */
static enum expected skip_separator(struct json_reader *r)
{
	bool object = in_object(r);
	char c = *r->at;
	if (c == (object ? '}' : ']')) {
		r->at++;
		pop(r);
		return EXPECT_MORE;
	}
	if (c != ',')
		fail(r, "a comma or the end of an object or array is missing");
	r->at++;
	return object ? EXPECT_KEY : EXPECT_VALUE;
}

static enum expected skip_begin(struct json_reader *r)
{
	struct json_view text;
	char c = *r->at;
	if (c == '"') {
		scan_string(r, &text);
		return EXPECT_MORE;
	}
	if (c != '{' && c != '[') {
		skip_scalar(r);
		return EXPECT_MORE;
	}
	if (r->depth == JSON_DEPTH_MAX) {
		fail(r, "it is nested too deeply");
		return EXPECT_MORE;
	}
	push(r, c);
	r->at++;
	return c == '{' ? EXPECT_FIRST_KEY : EXPECT_FIRST_ITEM;
}

void json_reader_skip(struct json_reader *r)
{
	unsigned depth = r->depth;
	enum expected next = EXPECT_VALUE;
	do {
		if (!json_reader_peek(r))
			return;
		bool empty =
			(next == EXPECT_FIRST_ITEM && *r->at == ']') || (next == EXPECT_FIRST_KEY && *r->at == '}');
		if (empty || next == EXPECT_MORE) {
			next = skip_separator(r);
		} else if (next == EXPECT_KEY || next == EXPECT_FIRST_KEY) {
			skip_key(r);
			next = EXPECT_VALUE;
		} else {
			next = skip_begin(r);
		}
	} while (!r->error && (r->depth > depth || next != EXPECT_MORE));
	r->first = false;
}

/* --- passing over what nobody reads ------------------------------------------------------------------------------- */

/*
 * 64 characters at a time become sets of bits: where quotes, brackets and backslashes are. From the quotes follows what
 * is inside of strings, without looking at any string. Only brackets outside of strings are looked at one by one.
 * Blocks with a backslash, which are rare, are passed character by character.
 */
#define BLOCK 64

typedef uint8_t vector __attribute__((vector_size(16)));

struct block {
	uint64_t quotes, brackets, backslashes;
};

/* The highest bit of each byte. */
static inline uint64_t bits_of_bytes(vector v)
{
#ifdef __SSE2__
	typedef char signed_vector __attribute__((vector_size(16)));
	return (unsigned)__builtin_ia32_pmovmskb128((signed_vector)v);
#else
	uint64_t bits = 0;
	for (unsigned i = 0; i < 16; i++)
		bits |= (uint64_t)(v[i] >> 7) << i;
	return bits;
#endif
}

static inline uint64_t bits_of_block(vector a, vector b, vector c, vector d)
{
	return bits_of_bytes(a) | bits_of_bytes(b) << 16 | bits_of_bytes(c) << 32 | bits_of_bytes(d) << 48;
}

/* '[' and ']' differ from '{' and '}' in one bit. */
static inline vector are_brackets(vector v)
{
	v |= 0x20;
	return (vector)((v == '{') | (v == '}'));
}

static inline struct block look_at_block(const char *p)
{
	vector a, b, c, d;
	memcpy(&a, p, sizeof(a));
	memcpy(&b, p + 16, sizeof(b));
	memcpy(&c, p + 32, sizeof(c));
	memcpy(&d, p + 48, sizeof(d));
	return (struct block){
		.quotes = bits_of_block((vector)(a == '"'), (vector)(b == '"'), (vector)(c == '"'), (vector)(d == '"')),
		.brackets = bits_of_block(are_brackets(a), are_brackets(b), are_brackets(c), are_brackets(d)),
		.backslashes = bits_of_block((vector)(a == '\\'), (vector)(b == '\\'), (vector)(c == '\\'),
					     (vector)(d == '\\')),
	};
}

/* A bit is set if an odd number of bits up to it is: from each first quote to before its second one. */
static inline uint64_t between_quotes(uint64_t quotes)
{
	for (unsigned shift = 1; shift < 64; shift *= 2)
		quotes ^= quotes << shift;
	return quotes;
}

static bool pass_bracket(struct json_reader *r, char c)
{
	if (c == '{' || c == '[') {
		if (r->depth == JSON_DEPTH_MAX)
			return fail(r, "it is nested too deeply");
		push(r, c);
		return true;
	}
	if (c != (in_object(r) ? '}' : ']'))
		return fail(r, "a comma or the end of an object or array is missing");
	pop(r);
	return true;
}

/* Both return true when the value has ended, or with an error. @inside: all bits, inside of a string; or none. */

static bool pass_block(struct json_reader *r, const struct block *b, unsigned depth, uint64_t *inside)
{
	uint64_t strings = between_quotes(b->quotes) ^ *inside;
	for (uint64_t left = b->brackets & ~strings; left; left &= left - 1) {
		const char *at = r->at + __builtin_ctzll(left);
		if (!pass_bracket(r, *at) || r->depth == depth) {
			r->at = at + !r->error;
			return true;
		}
	}
	*inside = strings >> 63 ? UINT64_MAX : 0;
	r->at += BLOCK;
	return false;
}

static bool pass_characters(struct json_reader *r, const char *end, unsigned depth, uint64_t *inside)
{
	for (; r->at < end; r->at++) {
		char c = *r->at;
		if (c == '"')
			*inside = ~*inside;
		else if (*inside && c == '\\')
			r->at += r->end - r->at > 1;
		else if (!*inside && ((c | 0x20) == '{' || (c | 0x20) == '}') &&
			 (!pass_bracket(r, c) || r->depth == depth)) {
			r->at += !r->error;
			return true;
		}
	}
	return false;
}

void json_reader_pass(struct json_reader *r)
{
	unsigned depth = r->depth;
	uint64_t inside = 0;
	char c = json_reader_peek(r);
	if (c != '{' && c != '[') {
		if (c)
			skip_begin(r);
		r->first = false;
		return;
	}
	for (bool done = false; !done;) {
		if (r->end - r->at < BLOCK) {
			if (!pass_characters(r, r->end, depth, &inside))
				fail(r, "the text ends too early");
			break;
		}
		struct block b = look_at_block(r->at);
		done = b.backslashes ? pass_characters(r, r->at + BLOCK, depth, &inside)
				     : pass_block(r, &b, depth, &inside);
	}
	r->first = false;
}

/* --- reading values ----------------------------------------------------------------------------------------------- */

bool json_reader_text(struct json_reader *r, struct json_view *ret)
{
	if (json_reader_peek(r) == '"')
		return scan_string(r, ret);
	json_reader_skip(r);
	return false;
}

bool json_reader_number(struct json_reader *r, double *ret)
{
	char c = json_reader_peek(r);
	const char *begin;
	size_t len;
	if (c != '-' && (c < '0' || c > '9')) {
		json_reader_skip(r);
		return false;
	}
	return scan_number(r, &begin, &len) && decimal_value(begin, len, ret);
}

bool json_reader_bool(struct json_reader *r, bool *ret)
{
	char c = json_reader_peek(r);
	json_reader_skip(r);
	if (r->error || (c != 't' && c != 'f'))
		return false;
	*ret = c == 't';
	return true;
}

bool json_reader_end(struct json_reader *r)
{
	if (r->error)
		return false;
	skip_space(r);
	return r->at == r->end && !r->depth ? true : fail(r, "something follows the value");
}
