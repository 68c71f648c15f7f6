/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * channel.h -- the socket between the test's process and PID 1: sequenced packets.
 *
 * The test's process sends wire records (header and payload, with magic and crc 0). Only PID 1 writes the log in guest
 * memory, so that a faulty test cannot corrupt it. PID 1 sends one kind of message, struct control.
 */
#ifndef KTSTR_GUEST_CHANNEL_H
#define KTSTR_GUEST_CHANNEL_H

#include <ktstr/wire.h>

#define CHANNEL_FD 3 /* the test's process inherits the socket as this descriptor */

enum control_kind {
	CONTROL_SCHED_GONE = 1, /* the scheduler ended without a request */
	CONTROL_SCHED_DONE, /* answer to a request; status: the scheduler's pid, 0 if there is none, negative errno */
};

struct control {
	uint32_t kind;
	int32_t status;
};

/* Record type of a test's request to PID 1. PID 1 does not log it. */
#define CHANNEL_SCHED_REQUEST 0x100

enum sched_request_kind { SCHED_REQUEST_DETACH = 1, SCHED_REQUEST_ATTACH };

struct sched_request {
	uint32_t kind;
	uint32_t reserved;
	char name[64]; /* ATTACH: name of a staged scheduler; empty: the same one again */
};

struct channel {
	int fd;
};

/* Sends @head and @tail as one payload. Returns -EMSGSIZE if they exceed WIRE_PAYLOAD_MAX bytes together. */
int channel_send(struct channel *c, unsigned type, const void *head, size_t head_len, const void *tail,
		 size_t tail_len);
/* Cuts @text to what fits into a record. */
int channel_detail(struct channel *c, const struct wire_detail *head, const char *text);

#endif
