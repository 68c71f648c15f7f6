/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * port.h -- the host's end of a session's serial port: two machines, one that sends what is queued, and one that writes
 * the guest's output to ours.
 *
 *   sender:   WAIT > SEND > WAIT ...
 *   receiver: READ > FRAME > WRITE > FRAME ... > READ ...
 *
 * The receiver writes one frame completely before it looks at the next one, so a slow reader of our output slows the
 * guest down, and nothing is stored in between.
 */
#ifndef KTSTR_SHELL_PORT_H
#define KTSTR_SHELL_PORT_H

#include "base/session_frame.h"
#include "reactor/machine.h"

#define PORT_PROBLEM_MAX 256

struct port {
	int fd;				/* stream socket, borrowed */
	int out, err;			/* for the guest's output and errors */
	struct notice *news;		/* posted when one of these has changed: */
	bool met;			/* the guest has said HELLO */
	bool exited;			/* the session is over: all output was written */
	int32_t status;			/* its status, as waitpid(2) */
	int failure;			/* of writing output, or of the protocol; 0: none */
	char problem[PORT_PROBLEM_MAX]; /* why the guest has no session; clean text */
	unsigned live;			/* machines that have not ended */
	struct notice room;		/* posted when the guest has taken input */
	/* private */
	struct machine sender, receiver;
	struct notice wanted; /* something is to be sent */
	struct buf unsent, input;
	uint32_t window;
	bool input_ends;
	struct session_reader reader;
	struct session_frame frame; /* that is being written */
	uint32_t written, sending;
	char chunk[SESSION_FRAME_MAX], incoming[SESSION_FRAME_MAX];
};

/* The caller has set `fd` to `news`, and zeroed the rest. */
void port_start(struct port *p, struct reactor *r, struct machine *parent);
/* Queues bytes for the program; they are sent when the guest has room for them. */
void port_input(struct port *p, const char *data, size_t len);
void port_input_end(struct port *p);
/* Bytes of input that are not sent yet. */
static inline size_t port_waiting(const struct port *p)
{
	return p->input.len;
}
void port_resize(struct port *p, struct session_size size);
void port_cancel(struct port *p);
/* Call it when `live` is 0. */
void port_done(struct port *p);

#endif
