/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wait.h -- the engine's waits: until a time, for a message of PID 1, and for events of the parts that register a
 * source.
 *
 * A part sets its source in the context (ctx.h) while it needs attention. Payloads and scenarios wait, but the wait
 * does not know them.
 */
#ifndef KTSTR_GUEST_WAIT_H
#define KTSTR_GUEST_WAIT_H

#include <poll.h>

#include "guest/ctx.h"

#define WAIT_FDS_MAX 256 /* of all sources */

struct wait_source {
	/* Before each wait: adds descriptors to poll to @fd. Returns the time at which the wait must end. */
	nsec_t (*prepare)(struct ktstr_ctx *t, struct pollfd *fd, unsigned *count);
	/* After each wait: handles what happened. NULL: nothing to do. */
	void (*serve)(struct ktstr_ctx *t);
};

/* Waits for the next message of PID 1 until @until. False: none came. */
bool wait_control(struct ktstr_ctx *t, nsec_t until, struct control *ret);
/* Waits once: until @until, a message about the scheduler, or an event of a source, which is handled. */
void wait_once(struct ktstr_ctx *t, nsec_t until);
/* Waits until @until or until PID 1 reports that the scheduler is gone. */
void wait_until(struct ktstr_ctx *t, nsec_t until);

#endif
