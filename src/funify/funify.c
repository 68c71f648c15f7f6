/* SPDX-License-Identifier: GPL-2.0-only */
/* funify.c -- a JSON parser that takes its text in pieces, and writes it again with other values. */
#include <inttypes.h>
#include <nettle/sha2.h>
#include <string.h>

#include "funify/funify.h"
#include "funify/keys.h"
#include "funify/siphash128.h"
#include "funify/words.h"

#define NUMBER_MAX 24 /* longer numbers are not integers of 64 bits */

/* Files have few different keys. Classifying one takes a hundred comparisons. */
#define KNOWN_KEYS    256
#define KNOWN_KEY_MAX 48

enum expected {
	EXPECT_VALUE,
	EXPECT_FIRST_ELEMENT, /* or the end of the array */
	EXPECT_FIRST_KEY,     /* or the end of the object */
	EXPECT_KEY,
	EXPECT_COLON,
	EXPECT_NEXT, /* a comma, or the end of what is open */
	EXPECT_NOTHING,
	IN_STRING,
	IN_ESCAPE,
	IN_HEX,
	IN_NUMBER,
	IN_WORD, /* true, false or null */
};

/* Where a number is, in the grammar of RFC 8259. */
enum number_part { PART_SIGN, PART_ZERO, PART_WHOLE, PART_POINT, PART_FRACTION, PART_E, PART_E_SIGN, PART_EXPONENT };

struct known_key {
	char name[KNOWN_KEY_MAX]; /* "": none */
	enum key_kind kind;
};

struct level {
	bool is_object;
	enum key_kind kind;
	size_t key_at, key_len; /* of the key that values belong to, in `keys` */
};

struct funify {
	uint8_t key[FUNIFY_KEY_BYTES];
	bool pretty;
	enum expected expected;
	struct level level[FUNIFY_DEPTH_MAX + 1]; /* 0: the whole text */
	unsigned depth;
	struct buf keys; /* the keys of all open objects */
	uint64_t line, column;
	struct known_key known[KNOWN_KEYS];
	/* the string that is being read */
	bool is_key, is_replaced;
	struct siphash128 hash;
	unsigned utf8_left, utf8_least, utf8_most; /* bytes that must follow, and the range of the next one */
	unsigned hex_digits;
	uint32_t hex, high_surrogate; /* 0: none */
	/* the number or word that is being read */
	char text[NUMBER_MAX + 1];
	size_t text_len;
	bool is_long; /* it did not fit, and is written already */
	enum number_part part;
	const char *word;
};

void funify_key(const char *seed, uint8_t key[FUNIFY_KEY_BYTES])
{
	static const char domain[] = "ktstr-fun-mode/v1"; /* with its NUL */
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx sha;
	sha256_init(&sha);
	sha256_update(&sha, sizeof(domain), (const uint8_t *)domain);
	sha256_update(&sha, strlen(seed), (const uint8_t *)seed);
	sha256_digest(&sha, sizeof(digest), digest);
	memcpy(key, digest, FUNIFY_KEY_BYTES);
}

struct funify *funify_new(const uint8_t key[FUNIFY_KEY_BYTES], bool pretty)
{
	struct funify *f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	memcpy(f->key, key, FUNIFY_KEY_BYTES);
	f->pretty = pretty;
	f->line = 1;
	return f;
}

struct funify *funify_free(struct funify *f)
{
	if (f)
		buf_done(&f->keys);
	free(f);
	return NULL;
}

static int fail(struct funify *f, struct err **err, const char *what)
{
	return FAIL(err, ERR_DATA, -EBADMSG, "%s at line %" PRIu64 " column %" PRIu64, what, f->line, f->column);
}

/* --- names and numbers -------------------------------------------------------------------------------------------- */

static struct level *top(struct funify *f)
{
	return &f->level[f->depth];
}

/* Begins the hash of a value: its key, and a zero. */
static void begin_hash(struct funify *f)
{
	const struct level *l = top(f);
	siphash128_init(&f->hash, f->key);
	siphash128_update(&f->hash, buf_str(&f->keys) + l->key_at, l->key_len);
	siphash128_update(&f->hash, "", 1);
}

static void put_name(struct funify *f, struct buf *out)
{
	uint8_t hash[16];
	siphash128_final(&f->hash, hash);
	buf_puts(out, funify_adjectives[hash[0]]);
	buf_append(out, "-", 1);
	buf_puts(out, funify_animals[hash[1]]);
}

static uint64_t hash_integer(struct funify *f, uint64_t value, size_t width)
{
	uint8_t bytes[8], hash[16];
	uint64_t result = 0;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	begin_hash(f);
	siphash128_update(&f->hash, bytes, width);
	siphash128_final(&f->hash, hash);
	for (size_t i = 0; i < width; i++)
		result |= (uint64_t)hash[i] << 8 * i;
	return result;
}

/* A whole number of 64 bits; others (fractions, larger numbers) are left as they are. */
static bool read_integer(const char *text, bool *ret_negative, uint64_t *ret)
{
	char *end;
	*ret_negative = *text == '-';
	if (text[strcspn(text, ".eE")])
		return false;
	errno = 0;
	*ret = *ret_negative ? (uint64_t)strtoll(text, &end, 10) : strtoull(text, &end, 10);
	return !errno && !*end;
}

static void put_integer(struct funify *f, struct buf *out)
{
	bool negative;
	uint64_t value;
	enum key_kind kind = top(f)->kind;
	if (kind == KEY_KEPT || !read_integer(f->text, &negative, &value) || value == 0 ||
	    (!negative && value == UINT64_MAX)) {
		buf_append(out, f->text, f->text_len);
	} else if (negative) {
		buf_appendf(out, "%" PRId64, (int64_t)hash_integer(f, value, 8));
	} else if (kind == KEY_NARROW && value <= UINT32_MAX) {
		buf_appendf(out, "%" PRIu64, value == UINT32_MAX ? value : hash_integer(f, value, 4));
	} else {
		buf_appendf(out, "%" PRIu64, hash_integer(f, value, 8));
	}
}

/* --- output between values ---------------------------------------------------------------------------------------- */

static void put_break(const struct funify *f, struct buf *out)
{
	if (f->pretty)
		buf_appendf(out, "\n%*s", (int)f->depth * 2, "");
}

static int open_level(struct funify *f, bool is_object, struct buf *out, struct err **err)
{
	if (f->depth == FUNIFY_DEPTH_MAX)
		return fail(f, err, "too many levels of arrays and objects");
	struct level inner = *top(f);
	inner.is_object = is_object;
	if (is_object) {
		inner.key_at = f->keys.len;
		inner.key_len = 0;
	}
	f->level[++f->depth] = inner;
	f->expected = is_object ? EXPECT_FIRST_KEY : EXPECT_FIRST_ELEMENT;
	buf_puts(out, is_object ? "{" : "[");
	return 0;
}

static void end_value(struct funify *f)
{
	f->expected = f->depth ? EXPECT_NEXT : EXPECT_NOTHING;
}

static int close_level(struct funify *f, char c, bool is_empty, struct buf *out, struct err **err)
{
	const struct level *l = top(f);
	if (!f->depth || l->is_object != (c == '}'))
		return fail(f, err, "unexpected end of an array or object");
	if (l->is_object && f->keys.data) {
		f->keys.len = l->key_at;
		f->keys.data[f->keys.len] = '\0';
	}
	f->depth--;
	if (!is_empty)
		put_break(f, out);
	buf_append(out, &c, 1);
	end_value(f);
	return 0;
}

/* --- strings ------------------------------------------------------------------------------------------------------ */

static void begin_string(struct funify *f, bool is_key, struct buf *out)
{
	struct level *l = top(f);
	f->is_key = is_key;
	f->is_replaced = !is_key && l->kind != KEY_KEPT;
	f->high_surrogate = 0;
	f->expected = IN_STRING;
	if (is_key && f->keys.data)
		f->keys.data[f->keys.len = l->key_at] = '\0';
	if (f->is_replaced)
		begin_hash(f);
	buf_puts(out, "\"");
}

/* Bytes of the string's value. */
static int add_bytes(struct funify *f, const char *data, size_t len, struct err **err)
{
	if (f->is_key) {
		if (f->keys.len - top(f)->key_at + len > FUNIFY_KEY_MAX)
			return fail(f, err, "a key is too long");
		buf_append(&f->keys, data, len);
		return f->keys.failed ? -ENOMEM : 0;
	}
	if (f->is_replaced)
		siphash128_update(&f->hash, data, len);
	return 0;
}

static enum key_kind classify(struct funify *f, const char *key, size_t len)
{
	uint32_t slot = 0;
	if (!len || len >= KNOWN_KEY_MAX || strlen(key) != len)
		return key_classify(key);
	for (size_t i = 0; i < len; i++)
		slot = slot * 31 + (uint8_t)key[i];
	struct known_key *k = &f->known[slot % KNOWN_KEYS];
	if (strcmp(k->name, key) != 0) {
		memcpy(k->name, key, len + 1);
		k->kind = key_classify(key);
	}
	return k->kind;
}

static void end_string(struct funify *f, struct buf *out)
{
	struct level *l = top(f);
	if (f->is_replaced)
		put_name(f, out);
	buf_puts(out, "\"");
	if (f->is_key) {
		l->key_len = f->keys.len - l->key_at;
		l->kind = classify(f, buf_str(&f->keys) + l->key_at, l->key_len);
		f->expected = EXPECT_COLON;
	} else {
		end_value(f);
	}
}

static int add_character(struct funify *f, uint32_t c, struct err **err)
{
	char bytes[4];
	size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	for (size_t i = len; i-- > 1; c >>= 6)
		bytes[i] = (char)(0x80 | (c & 0x3f));
	bytes[0] = (char)(lead[len] | c);
	return add_bytes(f, bytes, len, err);
}

static int end_hex(struct funify *f, struct err **err)
{
	uint32_t c = f->hex;
	f->expected = IN_STRING;
	if (f->high_surrogate) {
		if (c < 0xdc00 || c > 0xdfff)
			return fail(f, err, "a lone surrogate in an escape");
		c = 0x10000 + ((f->high_surrogate - 0xd800) << 10) + (c - 0xdc00);
		f->high_surrogate = 0;
		return add_character(f, c, err);
	}
	if (c >= 0xd800 && c <= 0xdbff) {
		f->high_surrogate = c;
		return 0;
	}
	return c >= 0xdc00 && c <= 0xdfff ? fail(f, err, "a lone surrogate in an escape") : add_character(f, c, err);
}

static int in_hex(struct funify *f, char c, struct err **err)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;
	if (!at)
		return fail(f, err, "invalid escape");
	f->hex = f->hex << 4 | (uint32_t)((at - digits) & 15);
	return ++f->hex_digits == 4 ? end_hex(f, err) : 0;
}

static int in_escape(struct funify *f, char c, struct err **err)
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *at = c ? strchr(letters, c) : NULL;
	if (c == 'u') {
		f->expected = IN_HEX;
		f->hex = f->hex_digits = 0;
		return 0;
	}
	if (!at || f->high_surrogate)
		return fail(f, err, at ? "a lone surrogate in an escape" : "invalid escape");
	f->expected = IN_STRING;
	return add_bytes(f, &meant[at - letters], 1, err);
}

/* The first byte of a character of more than one byte (RFC 3629). */
static int begin_utf8(struct funify *f, uint8_t c, struct err **err)
{
	f->utf8_least = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	f->utf8_most = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	f->utf8_left = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
	return c < 0xc2 || c > 0xf4 ? fail(f, err, "invalid UTF-8") : 0;
}

static int in_utf8(struct funify *f, uint8_t c, struct err **err)
{
	if (c < f->utf8_least || c > f->utf8_most)
		return fail(f, err, "invalid UTF-8");
	f->utf8_left--;
	f->utf8_least = 0x80;
	f->utf8_most = 0xbf;
	return 0;
}

static int in_string(struct funify *f, char c, struct buf *out, struct err **err)
{
	int r = 0;
	if (f->utf8_left)
		r = in_utf8(f, (uint8_t)c, err);
	else if (f->high_surrogate && c != '\\')
		return fail(f, err, "a lone surrogate in an escape");
	else if (c == '"')
		return end_string(f, out), 0;
	else if ((uint8_t)c < 0x20)
		return fail(f, err, "a control character in a string");
	else if ((uint8_t)c >= 0x80)
		r = begin_utf8(f, (uint8_t)c, err);
	if (r < 0)
		return r;
	if (!f->is_replaced)
		buf_append(out, &c, 1);
	if (c != '\\')
		return add_bytes(f, &c, 1, err);
	f->expected = IN_ESCAPE;
	return 0;
}

/* The length of the beginning of @data that is plain text of a string: no escape, no end, ASCII. */
static size_t plain_run(const struct funify *f, const char *data, size_t len)
{
	size_t n = 0;
	if (f->utf8_left || f->high_surrogate)
		return 0;
	while (n < len && (uint8_t)data[n] >= 0x20 && (uint8_t)data[n] < 0x80 && data[n] != '"' && data[n] != '\\')
		n++;
	return n;
}

/* --- numbers and words -------------------------------------------------------------------------------------------- */

static void add_text(struct funify *f, char c, struct buf *out)
{
	if (!f->is_long && f->text_len == NUMBER_MAX) {
		buf_append(out, f->text, f->text_len);
		f->is_long = true;
	}
	if (f->is_long)
		buf_append(out, &c, 1);
	else
		f->text[f->text_len++] = c;
	f->text[f->text_len] = '\0';
}

static void begin_text(struct funify *f, char c, enum expected expected, struct buf *out)
{
	f->text_len = 0;
	f->is_long = false;
	f->expected = expected;
	f->part = c == '-' ? PART_SIGN : c == '0' ? PART_ZERO : PART_WHOLE;
	add_text(f, c, out);
}

/* The part that @c belongs to; -1: it cannot follow. */
static int next_part(enum number_part part, char c)
{
	bool digit = c >= '0' && c <= '9';
	if (digit && part == PART_SIGN)
		return c == '0' ? PART_ZERO : PART_WHOLE;
	if (digit && part != PART_ZERO)
		return part == PART_POINT		       ? PART_FRACTION
		       : part == PART_E || part == PART_E_SIGN ? PART_EXPONENT
							       : (int)part;
	if (c == '.' && (part == PART_ZERO || part == PART_WHOLE))
		return PART_POINT;
	if ((c == 'e' || c == 'E') && (part == PART_ZERO || part == PART_WHOLE || part == PART_FRACTION))
		return PART_E;
	return (c == '+' || c == '-') && part == PART_E ? PART_E_SIGN : -1;
}

static int end_number(struct funify *f, struct buf *out, struct err **err)
{
	if (f->part != PART_ZERO && f->part != PART_WHOLE && f->part != PART_FRACTION && f->part != PART_EXPONENT)
		return fail(f, err, "invalid number");
	if (!f->is_long)
		put_integer(f, out);
	end_value(f);
	return 0;
}

static int between(struct funify *f, char c, struct buf *out, struct err **err);

static int in_number(struct funify *f, char c, struct buf *out, struct err **err)
{
	int part = next_part(f->part, c);
	if (part >= 0) {
		f->part = (enum number_part)part;
		add_text(f, c, out);
		return 0;
	}
	int r = end_number(f, out, err);
	return r < 0 ? r : between(f, c, out, err);
}

static int in_word(struct funify *f, char c, struct buf *out, struct err **err)
{
	if (c != f->word[f->text_len])
		return fail(f, err, "expected a value");
	add_text(f, c, out);
	if (f->word[f->text_len])
		return 0;
	buf_puts(out, f->word);
	end_value(f);
	return 0;
}

/* --- between values ----------------------------------------------------------------------------------------------- */

static int begin_value(struct funify *f, char c, struct buf *out, struct err **err)
{
	if (c == '{' || c == '[')
		return open_level(f, c == '{', out, err);
	if (c == '"') {
		begin_string(f, false, out);
		return 0;
	}
	if (c == '-' || (c >= '0' && c <= '9')) {
		begin_text(f, c, IN_NUMBER, out);
		return 0;
	}
	f->word = c == 't' ? "true" : c == 'f' ? "false" : c == 'n' ? "null" : NULL;
	if (!f->word)
		return fail(f, err, "expected a value");
	begin_text(f, c, IN_WORD, out);
	return 0;
}

static int begin_key(struct funify *f, char c, struct buf *out, struct err **err)
{
	if (c != '"')
		return fail(f, err, "expected a key");
	put_break(f, out);
	begin_string(f, true, out);
	return 0;
}

static int next_element(struct funify *f, char c, struct buf *out, struct err **err)
{
	if (c != ',')
		return close_level(f, c, false, out, err);
	buf_puts(out, ",");
	if (!top(f)->is_object)
		put_break(f, out);
	f->expected = top(f)->is_object ? EXPECT_KEY : EXPECT_VALUE;
	return 0;
}

static int between(struct funify *f, char c, struct buf *out, struct err **err)
{
	if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
		return 0;
	switch (f->expected) {
	case EXPECT_FIRST_ELEMENT:
		if (c == ']')
			return close_level(f, c, true, out, err);
		put_break(f, out);
		return begin_value(f, c, out, err);
	case EXPECT_VALUE:
		return begin_value(f, c, out, err);
	case EXPECT_FIRST_KEY:
		return c == '}' ? close_level(f, c, true, out, err) : begin_key(f, c, out, err);
	case EXPECT_KEY:
		return begin_key(f, c, out, err);
	case EXPECT_COLON:
		if (c != ':')
			return fail(f, err, "expected a colon");
		buf_puts(out, f->pretty ? ": " : ":");
		f->expected = EXPECT_VALUE;
		return 0;
	case EXPECT_NEXT:
		if (c != ',' && c != ']' && c != '}')
			return fail(f, err, "expected a comma, or the end of an array or object");
		return next_element(f, c, out, err);
	default:
		return fail(f, err, "text behind the end");
	}
}

static int take_byte(struct funify *f, char c, struct buf *out, struct err **err)
{
	f->column++;
	if (c == '\n' && f->expected != IN_STRING) {
		f->line++;
		f->column = 0;
	}
	switch (f->expected) {
	case IN_STRING:
		return in_string(f, c, out, err);
	case IN_ESCAPE:
	case IN_HEX:
		if (!f->is_replaced)
			buf_append(out, &c, 1);
		return f->expected == IN_HEX ? in_hex(f, c, err) : in_escape(f, c, err);
	case IN_NUMBER:
		return in_number(f, c, out, err);
	case IN_WORD:
		return in_word(f, c, out, err);
	default:
		return between(f, c, out, err);
	}
}

int funify_feed(struct funify *f, const char *data, size_t len, struct buf *out, struct err **err)
{
	int r = 0;
	while (len && r == 0) {
		size_t n = f->expected == IN_STRING ? plain_run(f, data, len) : 0;
		if (n) {
			f->column += n;
			if (!f->is_replaced)
				buf_append(out, data, n);
			r = add_bytes(f, data, n, err);
		} else {
			n = 1;
			r = take_byte(f, *data, out, err);
		}
		data += n;
		len -= n;
	}
	return r == 0 && out->failed ? -ENOMEM : r;
}

int funify_end(struct funify *f, struct buf *out, struct err **err)
{
	int r = f->expected == IN_NUMBER ? end_number(f, out, err) : 0;
	if (r == 0 && f->expected != EXPECT_NOTHING)
		r = fail(f, err, "the text ends too early");
	buf_puts(out, "\n");
	return r;
}
