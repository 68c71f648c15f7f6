/* SPDX-License-Identifier: GPL-2.0-only */
/* channel.c -- see channel.h. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/text.h"
#include "base/time.h"
#include "guest/channel.h"

int channel_send(struct channel *c, unsigned type, const void *head, size_t head_len, const void *tail, size_t tail_len)
{
	if (head_len + tail_len > WIRE_PAYLOAD_MAX)
		return -EMSGSIZE;
	struct wire_record record = {
		.type = (uint16_t)type,
		.length = (uint32_t)(head_len + tail_len),
		.time_ns = (uint64_t)nsec_now(),
	};
	struct iovec parts[] = {
		{ &record, sizeof(record) },
		{ (void *)head, head_len },
		{ (void *)tail, tail_len },
	};
	struct msghdr msg = { .msg_iov = parts, .msg_iovlen = tail_len ? 3 : 2 };
	ssize_t n;
	do
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* A shorter copy of a long text, clean, because only clean text can be cut between two characters. */
static char *cut_text(const char *text, size_t max)
{
	_cleanup_buf_ struct buf clean = BUF_NULL;
	text_append(&clean, text, max);
	char *copy = buf_steal(&clean);
	if (copy)
		text_cut(copy, max);
	return copy;
}

int channel_detail(struct channel *c, const struct wire_detail *head, const char *text)
{
	struct wire_detail detail = *head;
	size_t max = WIRE_PAYLOAD_MAX - sizeof(detail), len = strnlen(text, max + 1);
	if (len <= max)
		return channel_send(c, WIRE_DETAIL, &detail, sizeof(detail), text, len);
	_cleanup_free_ char *cut = cut_text(text, max);
	return channel_send(c, WIRE_DETAIL, &detail, sizeof(detail), cut, cut ? strlen(cut) : 0);
}
