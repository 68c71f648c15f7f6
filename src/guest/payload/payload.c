/* SPDX-License-Identifier: GPL-2.0-only */
/* payload.c -- see payload.h. */
#include <stdlib.h>
#include <string.h>

#include "guest/payload/judge.h"
#include "guest/payload/metrics.h"
#include "guest/payload/payload.h"
#include "guest/verdict.h"
#include "guest/wait.h"

/* Each attempt to kill it moves the deadline by the grace time. Gives up after four grace times. */
static void await_run(struct ktstr_ctx *t, struct payload *p)
{
	nsec_t last = p->deadline + 4 * PAYLOAD_STOP_GRACE;
	while (!p->over && nsec_now() < last)
		wait_once(t, last);
	if (p->over)
		return;
	p->timed_out = true;
	payload_note_end(p);
}

enum ktstr_verdict payload_wait(struct ktstr_ctx *t, struct payload *p)
{
	if (!p->judged) {
		await_run(t, p);
		payload_judge(t, p);
	}
	return p->verdict;
}

enum ktstr_verdict payload_kill(struct ktstr_ctx *t, struct payload *p)
{
	payloads_serve(t); /* a payload that has already ended was not killed */
	if (!p->over && !p->flooded && !p->timed_out)
		payload_terminate(p);
	return payload_wait(t, p);
}

enum ktstr_verdict payloads_end(struct ktstr_ctx *t, const char *cgroup, bool backdrop)
{
	enum ktstr_verdict v = KTSTR_PASS;
	for (unsigned i = 0; t->payloads && i < t->payloads->count; i++) {
		struct payload *p = t->payloads->run[i];
		bool ours = cgroup ? !strcmp(p->cgroup, cgroup) : p->backdrop == backdrop;
		if (!ours || p->judged)
			continue;
		enum ktstr_verdict w = payload_kill(t, p);
		v = verdict_worse(v, w);
	}
	return v;
}

void payloads_done(struct ktstr_ctx *t)
{
	payloads_end(t, NULL, true);
	payloads_end(t, NULL, false);
	for (unsigned i = 0; t->payloads && i < t->payloads->count; i++) {
		struct payload *p = t->payloads->run[i];
		payload_free_metrics(p);
		for (int s = 0; s < PAYLOAD_STREAMS; s++)
			buf_done(&p->text[s]);
		free(p);
	}
	free(t->payloads);
	t->payloads = NULL;
}
