/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * channel.h -- between the test's process and PID 1: sequenced packets on one socket.
 *
 * Upwards go wire records (header and payload, magic and crc left 0: PID 1 is the only one who writes to guest memory,
 * so that a test that runs wild cannot spoil the log). Downwards comes one kind of message, struct control.
 */
#ifndef KTSTR_GUEST_CHANNEL_H
#define KTSTR_GUEST_CHANNEL_H

#include <ktstr/wire.h>

#define CHANNEL_FD 3 /* where PID 1 leaves the socket for the test's process */

enum control_kind {
	CONTROL_SCHED_GONE = 1, /* of its own accord */
	CONTROL_SCHED_DONE, /* the answer to a request; status: its pid, 0 where there is none, or a negative errno */
};

struct control {
	uint32_t kind;
	int32_t status;
};

/* What a test asks of PID 1, in place of a wire record's type; it does not get into the log. */
#define CHANNEL_SCHED_REQUEST 0x100

enum sched_request_kind { SCHED_REQUEST_DETACH = 1, SCHED_REQUEST_ATTACH };

struct sched_request {
	uint32_t kind;
	uint32_t reserved;
	char name[64]; /* ATTACH: a staged scheduler's; empty: the same as before */
};

struct channel {
	int fd;
};

/* Both parts together are at most WIRE_PAYLOAD_MAX bytes; -EMSGSIZE otherwise. */
int channel_send(struct channel *c, unsigned type, const void *head, size_t head_len, const void *tail,
		 size_t tail_len);
void channel_detail(struct channel *c, const struct wire_detail *head, const char *text);

#endif
