/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * session_frame.h -- what `ktstr shell` and PID 1 of its guest send each other over a port: frames of a type and up to
 * SESSION_FRAME_MAX bytes. The port is a virtio port, or the second serial port where the kernel has no virtio. The
 * guest speaks first, by HELLO; the host skips everything before it.
 *
 * Input is limited by a window, because a serial port that nobody reads loses bytes: the host may send SESSION_WINDOW
 * bytes of INPUT, and as many more as the guest has reported by CONSUMED. Output is limited by the port itself.
 */
#ifndef KTSTR_BASE_SESSION_FRAME_H
#define KTSTR_BASE_SESSION_FRAME_H

#include <stdint.h>

#include "base/buf.h"

#define SESSION_PORT	  "ktstr.terminal" /* name of the virtio port */
#define SESSION_FRAME_MAX 4096u
#define SESSION_WINDOW	  32768u
#define SESSION_HELLO	  "ktstr session 1" /* content of HELLO */

enum session_frame_type {
	/* from the host */
	SESSION_INPUT = 1, /* bytes for the terminal, or for the command's standard input */
	SESSION_INPUT_END, /* the command's standard input ends */
	SESSION_RESIZE,	   /* struct session_size */
	/* from the guest */
	SESSION_HELLO_FRAME,
	SESSION_OUTPUT,
	SESSION_ERRORS,	  /* the command's standard error */
	SESSION_CONSUMED, /* uint32_t: bytes of INPUT that the program has taken */
	SESSION_PROBLEM,  /* text: why there is no session; EXIT follows */
	SESSION_EXIT,	  /* int32_t, as waitpid(2): the last frame */
	SESSION_TYPE_MAX,
};

struct session_size {
	uint16_t columns, rows;
};

struct session_frame {
	enum session_frame_type type;
	uint32_t len;
	const char *data; /* valid until the next call */
};

struct session_reader {
	struct buf in;
	size_t taken; /* bytes at the start of `in` that were returned already */
	bool met;     /* for the host: HELLO was seen */
};

void session_frame_put(struct buf *out, enum session_frame_type type, const void *data, size_t len);
/* The same for any length, as several frames. */
void session_frame_put_all(struct buf *out, enum session_frame_type type, const char *data, size_t len);

void session_reader_done(struct session_reader *r);
void session_reader_feed(struct session_reader *r, const void *data, size_t len);
/*
 * 1: *@ret is the next frame; 0: more bytes are needed; -EBADMSG: this is not a frame. With @skip, everything before
 * HELLO is skipped.
 */
int session_reader_next(struct session_reader *r, bool skip, struct session_frame *ret);

#endif
