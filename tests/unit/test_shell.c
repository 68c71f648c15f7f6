/* SPDX-License-Identifier: GPL-2.0-only */
/* What `ktstr shell` does with bytes: keys that stop the guest, and frames that arrive in any pieces. */
#include <string.h>

#include "base/session_frame.h"
#include "shell/keys.h"
#include "t.h"

static bool type_keys(struct keys *k, const char *typed, struct buf *out)
{
	buf_clear(out);
	return keys_filter(k, typed, strlen(typed), out);
}

START_TEST(ctrl_a_x_stops_the_guest)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	struct keys k = { 0 };
	ck_assert(!type_keys(&k, "ls x\r", &out));
	ck_assert_str_eq(buf_str(&out), "ls x\r");
	ck_assert(type_keys(&k, "a\001xb", &out));
	ck_assert_str_eq(buf_str(&out), "a");
	k = (struct keys){ 0 };
	/* The two keys may arrive one by one. */
	ck_assert(!type_keys(&k, "\001", &out));
	ck_assert_uint_eq(out.len, 0);
	ck_assert(type_keys(&k, "X", &out));
}
END_TEST

START_TEST(other_keys_after_ctrl_a_are_passed_on)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	struct keys k = { 0 };
	ck_assert(!type_keys(&k, "\001\001x\001b", &out));
	ck_assert_str_eq(buf_str(&out), "\001\001x\001b");
	ck_assert(!type_keys(&k, "\001", &out));
	ck_assert(!type_keys(&k, "c", &out));
	ck_assert_str_eq(buf_str(&out), "\001c");
}
END_TEST

/* Feeds @in in pieces of @piece bytes, and collects what OUTPUT frames have. Returns the last result. */
static int collect(const struct buf *in, size_t piece, bool skip, struct buf *out, unsigned *ret_frames)
{
	struct session_reader r = { 0 };
	struct session_frame f;
	int result = 0;
	*ret_frames = 0;
	for (size_t at = 0; at < in->len && result >= 0; at += piece) {
		session_reader_feed(&r, in->data + at, MIN_OF(piece, in->len - at));
		while ((result = session_reader_next(&r, skip, &f)) > 0) {
			++*ret_frames;
			if (f.type == SESSION_OUTPUT)
				buf_append(out, f.data, f.len);
		}
	}
	session_reader_done(&r);
	return result;
}

START_TEST(frames_arrive_in_any_pieces)
{
	char text[10000];
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7);
	for (size_t piece = 1; piece < 9000; piece = piece * 3 + 1) {
		_cleanup_buf_ struct buf in = BUF_NULL, out = BUF_NULL;
		unsigned frames;
		/* What a serial port had before, with the beginning of a HELLO in it. */
		buf_puts(&in, "K\004noise K");
		session_frame_put(&in, SESSION_HELLO_FRAME, SESSION_HELLO, sizeof(SESSION_HELLO) - 1);
		session_frame_put_all(&in, SESSION_OUTPUT, text, sizeof(text));
		session_frame_put(&in, SESSION_INPUT_END, NULL, 0);
		ck_assert_int_eq(collect(&in, piece, true, &out, &frames), 0);
		ck_assert_uint_eq(frames, 5);
		ck_assert_uint_eq(out.len, sizeof(text));
		ck_assert_mem_eq(out.data, text, sizeof(text));
	}
}
END_TEST

START_TEST(what_is_not_a_frame_is_refused)
{
	static const char *const wrong[] = { "L\001\000\000", "K\000\000\000", "K\077\000\000", "K\005\377\377" };
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		_cleanup_buf_ struct buf in = BUF_NULL, out = BUF_NULL;
		unsigned frames;
		session_frame_put(&in, SESSION_HELLO_FRAME, SESSION_HELLO, sizeof(SESSION_HELLO) - 1);
		buf_append(&in, wrong[i], 4);
		t_errno(collect(&in, 3, true, &out, &frames), EBADMSG);
		ck_assert_uint_eq(frames, 1);
	}
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, ctrl_a_x_stops_the_guest);
	tcase_add_test(tc, other_keys_after_ctrl_a_are_passed_on);
	tcase_add_test(tc, frames_arrive_in_any_pieces);
	tcase_add_test(tc, what_is_not_a_frame_is_refused);
}

int main(void)
{
	return t_main("shell", fill);
}
