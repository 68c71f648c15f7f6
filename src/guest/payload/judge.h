/* SPDX-License-Identifier: GPL-2.0-only */
/* judge.h -- checks and verdict of a finished payload, and its records. */
#ifndef KTSTR_GUEST_PAYLOAD_JUDGE_H
#define KTSTR_GUEST_PAYLOAD_JUDGE_H

#include "guest/ctx.h"
#include "guest/payload/run.h"

/* Sets metrics, checks and verdict of a finished run, and sends its records. */
enum ktstr_verdict payload_judge(struct ktstr_ctx *t, struct payload *p);
/* Sets metrics and verdict without sending a record. Appends the causes to @why, one per line. */
enum ktstr_verdict payload_weigh(struct payload *p, struct buf *why);
/* The same for a language model's reply, which is in the text of @p: only metrics and their checks. */
void payload_weigh_reply(struct payload *p, struct buf *why);
/* Sends the record of a run that was weighed, and those of its metrics. */
void payload_send(struct channel *to, const struct payload *p);

#endif
