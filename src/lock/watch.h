/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * watch.h -- `ktstr locks --watch`: SCAN > RENDER > WAIT > SCAN, until cancelled or until the reader closes its end.
 *
 * It does not change the terminal's state (cursor, screen, mode), so nothing has to be restored, however it ends.
 */
#ifndef KTSTR_LOCK_WATCH_H
#define KTSTR_LOCK_WATCH_H

#include "lock/render.h"
#include "reactor/machine.h"

#define WATCH_PERIOD_MIN (10 * NSEC_PER_MSEC)

enum watch_state { WATCH_SCAN, WATCH_RENDER, WATCH_WAIT, WATCH_STATE_MAX };

/* The caller sets the fields above `machine`; the rest is zero. */
struct lock_watch {
	struct lock_scan *scan;	 /* the offload pool's during SCAN */
	const struct host *host; /* may be NULL */
	nsec_t period;		 /* at least WATCH_PERIOD_MIN */
	int fd;			 /* where frames go */
	bool json;		 /* one object per line; else text, redrawn in place on a terminal */
	struct machine machine;
	struct offload_job job;
	struct notice due;
	struct timer tick;
	nsec_t next;
	struct buf frame;
	size_t written;
	uint64_t frames;  /* written so far */
	struct op hangup; /* ends the watch when the reader of a pipe closes it between frames */
	bool rendered, closed;
};

/* Ends by machine_cancel(), with 0 when the reader closed its end, or with an error (see w->scan->err). */
void lock_watch_start(struct reactor *r, struct lock_watch *w);
/* Draws now, because the window size changed. */
void lock_watch_redraw(struct lock_watch *w);
/* Call after its machine has ended. Turns the reactor until its last operation has ended. */
void lock_watch_done(struct lock_watch *w);

/* Appends a frame that clears the screen and shows the first @rows lines of @text, cut at @columns. */
void frame_clip(const char *text, unsigned rows, unsigned columns, struct buf *out);

#endif
