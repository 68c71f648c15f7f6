/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * watch.h -- `ktstr locks --watch`: SCAN > RENDER > WAIT > SCAN, until cancelled or until nobody reads any more.
 *
 * Nothing of the terminal's state is changed: no cursor hidden, no other screen, no mode. So there is nothing to put
 * back, however it ends.
 */
#ifndef KTSTR_LOCK_WATCH_H
#define KTSTR_LOCK_WATCH_H

#include "lock/render.h"
#include "reactor/machine.h"

#define WATCH_PERIOD_MIN (10 * NSEC_PER_MSEC)

enum watch_state { WATCH_SCAN, WATCH_RENDER, WATCH_WAIT, WATCH_STATE_MAX };

/* Fields above `machine` are the caller's to fill, the rest zero. */
struct lock_watch {
	struct lock_scan *scan;	 /* touched by the offload pool while scanning */
	const struct host *host; /* may be NULL */
	nsec_t period;		 /* at least WATCH_PERIOD_MIN */
	int fd;			 /* where frames go */
	bool json;		 /* an object a line; else text, redrawn in place on a terminal */
	struct machine machine;
	struct offload_job job;
	struct notice due;
	struct timer tick;
	nsec_t next;
	struct buf frame;
	size_t written;
	uint64_t frames;  /* written so far */
	struct op hangup; /* ends the watch when the reader of a pipe goes away between frames */
	bool rendered, closed;
};

/* Ends by machine_cancel(), with 0 when the reader closed its end, or with an error (w->scan->err says which). */
void lock_watch_start(struct reactor *r, struct lock_watch *w);
/* The window has another size: draw now. */
void lock_watch_redraw(struct lock_watch *w);
/* After its machine has ended. Turns the reactor until its last operation has. */
void lock_watch_done(struct lock_watch *w);

/* The first @rows lines of @text, none wider than @columns, as one frame from the top left corner. */
void frame_clip(const char *text, unsigned rows, unsigned columns, struct buf *out);

#endif
