/* SPDX-License-Identifier: GPL-2.0-only */
/* Made-up names: published vectors of the hash, frozen words, the same result for all pieces of a text. */
#include <string.h>

#include "base/hash.h"
#include "funify/funify.h"
#include "funify/keys.h"
#include "funify/siphash128.h"
#include "funify/words.h"
#include "t.h"

/* Key 00 01 .. 0f, input 00 01 ..; the first two are in the reference implementation, the third is OpenSSL's. */
START_TEST(hash_matches_published_vectors)
{
	static const struct {
		unsigned len;
		const char *hex;
	} cases[] = { { 0, "a3817f04ba25a8e66df67214c7550293" },
		      { 1, "da87c1d86b99af44347659119b22fc45" },
		      { 10, "00110dc378146956c95447d3f3d0fbba" } };
	uint8_t key[16], input[16], out[16];
	for (uint8_t i = 0; i < 16; i++)
		key[i] = input[i] = i;
	for (unsigned c = 0; c < ARRAY_SIZE(cases); c++) {
		for (unsigned cut = 0; cut <= cases[c].len; cut++) {
			char hex[33];
			struct siphash128 s;
			siphash128_init(&s, key);
			siphash128_update(&s, input, cut);
			siphash128_update(&s, input + cut, cases[c].len - cut);
			siphash128_final(&s, out);
			for (unsigned i = 0; i < 16; i++)
				snprintf(hex + 2 * i, 3, "%02x", out[i]);
			ck_assert_str_eq(hex, cases[c].hex);
		}
	}
}
END_TEST

/* Another word, or another order, would change the names of every seed. */
START_TEST(words_are_frozen)
{
	uint32_t crc = 0;
	for (unsigned i = 0; i < 256; i++) {
		crc = crc32_update(crc, funify_adjectives[i], strlen(funify_adjectives[i]) + 1);
		crc = crc32_update(crc, funify_animals[i], strlen(funify_animals[i]) + 1);
		ck_assert(i == 0 || strcmp(funify_adjectives[i - 1], funify_adjectives[i]) < 0);
		ck_assert(i == 0 || strcmp(funify_animals[i - 1], funify_animals[i]) < 0);
	}
	ck_assert_uint_eq(crc, 0x2544d959);
}
END_TEST

static char *funify_pieces(const char *text, size_t piece, bool pretty)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	_cleanup_err_ struct err *err = NULL;
	uint8_t key[FUNIFY_KEY_BYTES];
	funify_key("golden", key);
	_cleanup_(funify_free_p) struct funify *f = funify_new(key, pretty);
	ck_assert_ptr_nonnull(f);
	size_t len = strlen(text);
	int r = 0;
	for (size_t at = 0; at < len && r == 0; at += piece)
		r = funify_feed(f, text + at, MIN_OF(piece, len - at), &out, &err);
	r = r < 0 ? r : funify_end(f, &out, &err);
	if (r < 0) {
		buf_clear(&out);
		err_format(err, &out);
	}
	return buf_steal(&out);
}

static const char mixed[] =
	"{\"name\": \"h\\u00e4\\ud83d\\ude00st\", \"tags\": [\"a\", [\"a\", 17], {\"tags\": \"a\"}],\n"
	" \"uid\": 1000, \"run_ns\": 5, \"x\": -3.5e+2, \"t\": true, \"n\": null, \"e\": {}, \"l\": []}";

START_TEST(golden_vectors)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "\"web-1\"", "\"azure-gibbon\"\n" },
		{ "{\"name\":\"web-1\",\"comm\":\"web-1\"}",
		  "{\"name\":\"peppy-pelican\",\"comm\":\"dreamy-squid\"}\n" },
		{ "{\"uid\":1000,\"gid\":4294967295,\"inode\":1000,\"fd\":-7}",
		  "{\"uid\":725924081,\"gid\":4294967295,\"inode\":6749606243792679319,\"fd\":8285449192898272677}\n" },
		{ "{\"a\":[17,[\"x\",{\"b\":\"x\"}]],\"run_ns\":5,\"state\":\"S\"}",
		  "{\"a\":[13639024790556067519,[\"stellar-okapi\",{\"b\":\"subtle-gnat\"}]],\"run_ns\":5,\"state\":"
		  "\"S\"}\n" },
		{ "[0,18446744073709551615,1.5,true,null]", "[0,18446744073709551615,1.5,true,null]\n" },
	};
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *got = funify_pieces(cases[i].in, 4096, false);
		ck_assert_str_eq(got, cases[i].out);
	}
}
END_TEST

START_TEST(pieces_do_not_matter)
{
	for (unsigned pretty = 0; pretty < 2; pretty++) {
		_cleanup_free_ char *whole = funify_pieces(mixed, sizeof(mixed), pretty);
		for (size_t piece = 1; piece < 40; piece++) {
			_cleanup_free_ char *got = funify_pieces(mixed, piece, pretty);
			ck_assert_str_eq(got, whole);
		}
	}
}
END_TEST

START_TEST(errors_say_where)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "{\"a\": tru }", "expected a value at line 1 column 10" },
		{ "[1,\n2\n 3]", "expected a comma, or the end of an array or object at line 3 column 2" },
		{ "\"\\ud800x\"", "a lone surrogate in an escape at line 1 column 8" },
		{ "[01]", "expected a comma, or the end of an array or object at line 1 column 3" },
		{ "[1.]", "invalid number at line 1 column 4" },
		{ "\"\xc3(\"", "invalid UTF-8 at line 1 column 3" },
		{ "{\"a\":1", "the text ends too early at line 1 column 6" },
		{ "1 2", "text behind the end at line 1 column 3" },
	};
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *got = funify_pieces(cases[i].in, 4096, false);
		ck_assert_str_eq(got, cases[i].out);
	}
}
END_TEST

START_TEST(keys_are_classified)
{
	ck_assert_int_eq(key_classify("Version"), KEY_KEPT);
	ck_assert_int_eq(key_classify("wake_latency_us"), KEY_KEPT);
	ck_assert_int_eq(key_classify("numa_node"), KEY_KEPT);
	ck_assert_int_eq(key_classify("UID"), KEY_NARROW);
	ck_assert_int_eq(key_classify("comm"), KEY_REPLACED);
	ck_assert_int_eq(key_classify(""), KEY_REPLACED);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, hash_matches_published_vectors);
	tcase_add_test(tc, words_are_frozen);
	tcase_add_test(tc, golden_vectors);
	tcase_add_test(tc, pieces_do_not_matter);
	tcase_add_test(tc, errors_say_where);
	tcase_add_test(tc, keys_are_classified);
}

int main(void)
{
	return t_main("funify", fill);
}
