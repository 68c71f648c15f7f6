/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * payload.h -- running payloads. Each has a cgroup of its own inside the one in which it was started. The engine
 * enables no controllers there: a scheduler treats the payload as part of the outer cgroup, and the engine can find and
 * kill all of its descendants.
 */
#ifndef KTSTR_GUEST_PAYLOAD_H
#define KTSTR_GUEST_PAYLOAD_H

#include "guest/payload/process.h"

/* Waits for its end, at most until its deadline, then judges and reports it. */
enum ktstr_verdict payload_wait(struct ktstr_ctx *t, struct payload *p);
enum ktstr_verdict payload_kill(struct ktstr_ctx *t, struct payload *p);
/* Kills the payloads in @cgroup, or (NULL) all of the step or of the backdrop. Returns the worst verdict. */
enum ktstr_verdict payloads_end(struct ktstr_ctx *t, const char *cgroup, bool backdrop);
/* Ends the remaining payloads and frees all. */
void payloads_done(struct ktstr_ctx *t);

#endif
