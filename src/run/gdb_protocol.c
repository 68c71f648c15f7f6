/* SPDX-License-Identifier: GPL-2.0-only */
/* gdb_protocol.c -- see gdb_protocol.h. */
#include "run/gdb_protocol.h"

#include <errno.h>
#include <string.h>

#define ESCAPE	   '}'
#define ESCAPE_BIT 0x20
#define BREAK	   '\x03'

static const char digits[] = "0123456789abcdef";

/* -1: not a hex digit. */
static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void add_byte(struct gdb_reader *r, char byte)
{
	if (r->len < GDB_PACKET_MAX)
		r->packet[r->len++] = byte;
	else
		r->too_long = true;
}

static enum gdb_event begin(struct gdb_reader *r, char byte)
{
	if (byte == BREAK)
		return GDB_BREAK;
	if (byte == '$') {
		r->state = GDB_INSIDE;
		r->len = 0;
		r->sum = 0;
		r->too_long = false;
	}
	return GDB_NOTHING; /* acknowledgements, too */
}

static void take_inside(struct gdb_reader *r, char byte)
{
	if (byte == '#') {
		r->state = GDB_SUM_1;
		return;
	}
	r->sum = (uint8_t)(r->sum + (uint8_t)byte);
	if (byte == ESCAPE)
		r->state = GDB_ESCAPED;
	else
		add_byte(r, byte);
}

static enum gdb_event end(struct gdb_reader *r, char byte)
{
	int low = digit(byte);
	r->state = GDB_OUTSIDE;
	r->packet[r->len] = '\0';
	return low >= 0 && (r->wanted | low) == r->sum && !r->too_long ? GDB_PACKET : GDB_DAMAGED;
}

enum gdb_event gdb_read(struct gdb_reader *r, char byte)
{
	int high;
	switch (r->state) {
	case GDB_OUTSIDE:
		return begin(r, byte);
	case GDB_INSIDE:
		take_inside(r, byte);
		return GDB_NOTHING;
	case GDB_ESCAPED:
		r->sum = (uint8_t)(r->sum + (uint8_t)byte);
		add_byte(r, (char)(byte ^ ESCAPE_BIT));
		r->state = GDB_INSIDE;
		return GDB_NOTHING;
	case GDB_SUM_1:
		high = digit(byte);
		r->state = high < 0 ? GDB_OUTSIDE : GDB_SUM_2;
		r->wanted = (uint8_t)(high < 0 ? 0 : high << 4);
		return high < 0 ? GDB_DAMAGED : GDB_NOTHING;
	case GDB_SUM_2:
		return end(r, byte);
	}
	return GDB_NOTHING;
}

void gdb_put(struct buf *out, const char *data, size_t len)
{
	uint8_t sum = 0;
	buf_puts(out, "$");
	for (size_t i = 0; i < len; i++) {
		char c = data[i];
		if (c == '$' || c == '#' || c == ESCAPE || c == '*') {
			buf_puts(out, "}");
			sum = (uint8_t)(sum + ESCAPE);
			c ^= ESCAPE_BIT;
		}
		buf_append(out, &c, 1);
		sum = (uint8_t)(sum + (uint8_t)c);
	}
	buf_appendf(out, "#%02x", sum);
}

void gdb_put_hex(struct buf *out, const void *data, size_t len)
{
	const uint8_t *byte = data;
	for (size_t i = 0; i < len; i++) {
		const char pair[2] = { digits[byte[i] >> 4], digits[byte[i] & 15] };
		buf_append(out, pair, 2);
	}
}

int gdb_get_hex(const char *text, char *out, size_t size)
{
	size_t len = strlen(text);
	if (len % 2 || len / 2 >= size)
		return -EINVAL;
	for (size_t i = 0; i < len / 2; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return -EINVAL;
		out[i] = (char)(high << 4 | low);
	}
	out[len / 2] = '\0';
	return 0;
}

bool gdb_number(const char **text, char end, uint64_t *ret)
{
	const char *at = *text;
	uint64_t value = 0;
	unsigned count = 0;
	for (; digit(*at) >= 0 && count < 16; at++, count++)
		value = value << 4 | (uint64_t)digit(*at);
	if (!count || *at != end)
		return false;
	*text = at + (end != '\0');
	*ret = value;
	return true;
}
