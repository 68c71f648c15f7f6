/* SPDX-License-Identifier: GPL-2.0-only */
/* process.h -- processes of foreign programs: starting them, reading their output, moving and killing them. */
#ifndef KTSTR_GUEST_PAYLOAD_PROCESS_H
#define KTSTR_GUEST_PAYLOAD_PROCESS_H

#include "base/err.h"
#include "guest/ctx.h"
#include "guest/payload/run.h"

#define PAYLOAD_STOP_GRACE (2 * NSEC_PER_SEC)

/*
 * Starts it. Returns -E2BIG if there are too many. A payload that fails to start is over at once and reports the reason
 * when it is judged.
 */
int payload_start(struct ktstr_ctx *t, const struct ktstr_payload_run *how, bool backdrop, struct payload **ret,
		  struct err **err);
/* Finds the running payload of a declaration: in @cgroup, or (NULL) the only one. Returns -ENOENT or -ENOTUNIQ. */
int payload_find(struct ktstr_ctx *t, const struct ktstr_payload *decl, const char *cgroup, struct payload **ret);
int payloads_move(struct ktstr_ctx *t, const char *from, const char *to, struct err **err);
/* Reads output, and notices ends and deadlines. Waits of the engine (wait.h) do this too. */
void payloads_serve(struct ktstr_ctx *t);
/* Asks it to end, and kills it after a grace time. */
void payload_terminate(struct payload *p);
/* The process has ended, or does not end: takes the rest of its output and kills what it left behind. */
void payload_note_end(struct payload *p);

#endif
