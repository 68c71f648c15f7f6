/* SPDX-License-Identifier: GPL-2.0-only */
/* scheduler.c -- see scheduler.h. */
#include <stdio.h>
#include <stdlib.h>

#include "guest/scenario/op_names.h"
#include "guest/scenario/scheduler.h"
#include "guest/wait.h"

/* Sets SCHED_PID for payloads that start from now on. */
static void publish_scheduler(struct ktstr_ctx *t, int pid)
{
	char text[16];
	t->scheduler_pid = pid;
	snprintf(text, sizeof(text), "%d", pid);
	if (pid > 0)
		setenv("SCHED_PID", text, 1);
	else
		unsetenv("SCHED_PID");
}

/* Added to the scheduler's attach limit, because PID 1 first stops the previous scheduler. */
#define SCHED_CHANGE_DEADLINE (20 * NSEC_PER_SEC)

/* @which: NULL selects the test's own scheduler. */
static int ask_scheduler(struct stage *s, enum sched_request_kind kind, const struct ktstr_scheduler *which,
			 struct err **err)
{
	const struct ktstr_scheduler *attached = which ? which : s->t->test->scheduler;
	nsec_t timeout = SCHED_CHANGE_DEADLINE;
	if (attached)
		timeout += ktstr_attach_timeout_s(attached) * NSEC_PER_SEC;
	struct sched_request request = { .kind = kind };
	struct control answer = { 0 };
	snprintf(request.name, sizeof(request.name), "%s", which ? which->name : "");
	int r = channel_send(&s->t->channel, CHANNEL_SCHED_REQUEST, &request, sizeof(request), NULL, 0);
	nsec_t deadline = nsec_now() + timeout;
	while (r == 0 && answer.kind != CONTROL_SCHED_DONE && wait_control(s->t, deadline, &answer))
		if (answer.kind == CONTROL_SCHED_GONE)
			s->t->scheduler_gone = true;
	if (r < 0)
		return FAIL_SYS(err, r, "ask for another scheduler");
	if (answer.kind != CONTROL_SCHED_DONE || answer.status < 0)
		return FAIL(err, ERR_BY_CODE, -EIO, "the scheduler could not be %s",
			    kind == SCHED_REQUEST_DETACH ? "detached" : "attached");
	publish_scheduler(s->t, answer.status);
	s->t->scheduler_gone = false;
	return 0;
}

int stage_scheduler(struct stage *s, const struct ktstr_op *op, struct err **err)
{
	int r = 0;
	/* Waiting while the scheduler changes does not count as a gap. */
	worker_set_exempt_gap(&s->step, NULL);
	worker_set_exempt_gap(&s->backdrop, NULL);
	if (op->kind != KTSTR_OP_ATTACH_SCHEDULER)
		r = ask_scheduler(s, SCHED_REQUEST_DETACH, NULL, err);
	if (r == 0 && op->kind != KTSTR_OP_DETACH_SCHEDULER)
		r = ask_scheduler(s, SCHED_REQUEST_ATTACH, op->scheduler, err);
	worker_set_exempt_gap(&s->step, NULL);
	worker_set_exempt_gap(&s->backdrop, NULL);
	return r < 0 ? err_wrap(err, r, "KTSTR_OP(%s)", op_name(op->kind)) : 0;
}
