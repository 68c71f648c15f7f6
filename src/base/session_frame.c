/* SPDX-License-Identifier: GPL-2.0-only */
/* session_frame.c -- see session_frame.h. A frame: 'K', the type, the length in two bytes (little endian), the data. */
#include <string.h>

#include "base/session_frame.h"

#define FRAME_MARK 'K'
#define FRAME_HEAD 4u

void session_frame_put(struct buf *out, enum session_frame_type type, const void *data, size_t len)
{
	const uint8_t head[FRAME_HEAD] = { FRAME_MARK, (uint8_t)type, (uint8_t)len, (uint8_t)(len >> 8) };
	buf_append(out, head, sizeof(head));
	buf_append(out, data, len);
}

void session_frame_put_all(struct buf *out, enum session_frame_type type, const char *data, size_t len)
{
	for (size_t n; len; data += n, len -= n) {
		n = MIN_OF(len, (size_t)SESSION_FRAME_MAX);
		session_frame_put(out, type, data, n);
	}
}

void session_reader_done(struct session_reader *r)
{
	buf_done(&r->in);
	*r = (struct session_reader){ 0 };
}

static void drop_taken(struct session_reader *r)
{
	if (r->taken)
		buf_consume(&r->in, r->taken);
	r->taken = 0;
}

void session_reader_feed(struct session_reader *r, const void *data, size_t len)
{
	drop_taken(r);
	buf_append(&r->in, data, len);
}

/* Drops all bytes that cannot be the start of HELLO. */
static void skip_to_hello(struct session_reader *r)
{
	const size_t text = sizeof(SESSION_HELLO) - 1;
	const char hello[FRAME_HEAD + sizeof(SESSION_HELLO)] = {
		FRAME_MARK, SESSION_HELLO_FRAME, (char)text, 0, 'k', 't', 's', 't', 'r'
	};
	size_t at = r->taken;
	for (; at < r->in.len; at++) {
		size_t n = MIN_OF(r->in.len - at, FRAME_HEAD + 5u);
		if (!memcmp(r->in.data + at, hello, n))
			break;
	}
	r->taken = at;
	drop_taken(r);
}

int session_reader_next(struct session_reader *r, bool skip, struct session_frame *ret)
{
	if (r->in.failed)
		return -ENOMEM;
	if (skip && !r->met)
		skip_to_hello(r);
	const uint8_t *at = r->in.data ? (const uint8_t *)r->in.data + r->taken : NULL;
	size_t left = r->in.len - r->taken;
	if (left < FRAME_HEAD)
		return 0;
	uint32_t len = (uint32_t)at[2] | (uint32_t)at[3] << 8;
	if (at[0] != FRAME_MARK || !at[1] || at[1] >= SESSION_TYPE_MAX || len > SESSION_FRAME_MAX)
		return -EBADMSG;
	if (left < FRAME_HEAD + len)
		return 0;
	*ret = (struct session_frame){ at[1], len, (const char *)at + FRAME_HEAD };
	r->taken += FRAME_HEAD + len;
	r->met |= ret->type == SESSION_HELLO_FRAME;
	return 1;
}
