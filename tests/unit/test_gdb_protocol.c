/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets of gdb's remote protocol. */
#include <string.h>

#include "run/gdb_protocol.h"
#include "t.h"

static enum gdb_event feed(struct gdb_reader *r, const char *data, size_t len)
{
	enum gdb_event event = GDB_NOTHING;
	for (size_t i = 0; i < len; i++)
		event = gdb_read(r, data[i]);
	return event;
}

static const char *const contents[] = { "", "g", "$#*}", "a}b#c$d*e", "\x01\x03\xff" };

START_TEST(what_is_sent_is_read)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	struct gdb_reader r = { 0 };
	gdb_put(&out, contents[_i], strlen(contents[_i]));
	ck_assert_int_eq(feed(&r, out.data, out.len), GDB_PACKET);
	ck_assert_uint_eq(r.len, strlen(contents[_i]));
	ck_assert_str_eq(r.packet, contents[_i]);
}
END_TEST

static const struct {
	const char *text;
	enum gdb_event event;
} streams[] = {
	{ "+-+$g#67", GDB_PACKET }, { "$g#68", GDB_DAMAGED }, { "$g#6x", GDB_DAMAGED },	    { "$g#x", GDB_DAMAGED },
	{ "\x03", GDB_BREAK },	    { "noise", GDB_NOTHING }, { "$g#G7$g#67", GDB_PACKET }, { "$g", GDB_NOTHING },
};

START_TEST(streams_are_read)
{
	struct gdb_reader r = { 0 };
	ck_assert_int_eq(feed(&r, streams[_i].text, strlen(streams[_i].text)), streams[_i].event);
}
END_TEST

START_TEST(a_long_packet_is_refused)
{
	struct gdb_reader r = { 0 };
	gdb_read(&r, '$');
	for (unsigned i = 0; i < 3 * GDB_PACKET_MAX; i++)
		ck_assert_int_eq(gdb_read(&r, 'a'), GDB_NOTHING);
	char sum[3];
	snprintf(sum, sizeof(sum), "%02x", 3 * GDB_PACKET_MAX * 'a' & 0xff);
	gdb_read(&r, '#');
	gdb_read(&r, sum[0]);
	ck_assert_int_eq(gdb_read(&r, sum[1]), GDB_DAMAGED);
	ck_assert_int_eq(feed(&r, "$g#67", 5), GDB_PACKET);
}
END_TEST

START_TEST(numbers_and_bytes)
{
	char out[4];
	uint64_t n;
	const char *at = "ffffffff810a9a70,40";
	ck_assert(gdb_number(&at, ',', &n));
	ck_assert_uint_eq(n, 0xffffffff810a9a70);
	ck_assert(gdb_number(&at, '\0', &n));
	ck_assert_uint_eq(n, 0x40);
	at = "";
	ck_assert(!gdb_number(&at, '\0', &n));
	at = "11112222333344445";
	ck_assert(!gdb_number(&at, '\0', &n));
	t_ok(gdb_get_hex("616263", out, sizeof(out)));
	ck_assert_str_eq(out, "abc");
	t_errno(gdb_get_hex("61626364", out, sizeof(out)), EINVAL);
	t_errno(gdb_get_hex("616", out, sizeof(out)), EINVAL);
	t_errno(gdb_get_hex("6g", out, sizeof(out)), EINVAL);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, what_is_sent_is_read, 0, ARRAY_SIZE(contents));
	tcase_add_loop_test(tc, streams_are_read, 0, ARRAY_SIZE(streams));
	tcase_add_test(tc, a_long_packet_is_refused);
	tcase_add_test(tc, numbers_and_bytes);
}

int main(void)
{
	return t_main("gdb_protocol", fill);
}
