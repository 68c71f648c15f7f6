/* SPDX-License-Identifier: GPL-2.0-only */
/* second_run.c -- see second_run.h. */
#include "run/second_run.h"

#include <string.h>

#include "run/fleet.h"
#include "run/plan.h"

#define REPRODUCED "reproduced"

static json_t *status_json(const char *status, const char *reason)
{
	json_t *o = json_object();
	json_put_text(&o, "status", status);
	if (reason)
		json_put_text(&o, "reason", reason);
	return o;
}

/* --- whether ------------------------------------------------------------------------------------------------------ */

/* What a failure is called of which the calls before it say something. */
static bool has_cause(const struct attempt *a)
{
	return a->watch.failure == WATCH_SCHEDULER_ENDED || a->watch.failure == WATCH_STALLED ||
	       evidence_scheduler_end(&a->evidence);
}

static bool is_wanted(const struct attempt *a, const struct test_decl *t)
{
	enum ktstr_verdict v = a->judgement.verdict;
	/* Of a known failure, nobody asks how it came about. */
	const struct fleet *f = a->owner;
	return !f->config.exploring && !f->config.capture && !a->item->known_fail && t->auto_repro && t->scheduler &&
	       !t->expect_err && !a->on_host && !a->cut && !a->evidence.interrupted &&
	       (v == KTSTR_FAIL || v == KTSTR_INCONCLUSIVE) && has_cause(a);
}

/* Returns NULL, or why no second run is made. */
static const char *find_lack(struct attempt *a)
{
	const struct watch *w = &a->watch;
	if (!a->evidence.phase_count)
		return "PRIMARY DID NOT REACH WORKLOAD: the scheduler ended before the test's first step";
	if (w->no_stops)
		return w->no_stops;
	if (!w->kernel)
		return w->lack ? w->lack : "the machine was not watched";
	if (w->failure != WATCH_SCHEDULER_ENDED && w->failure != WATCH_STALLED)
		return "the kernel did not end the scheduler, and no task waited for too long: it ended by itself";
	if (!w->dump)
		return "the first run has no dump";
	return recorder_new(&w->kernel->image, &w->kernel->layout, w->dump, &a->recorder_of_second);
}

void second_run_plan(struct attempt *a, const struct test_decl *t)
{
	if (a->second || a->repro || a->recorder_of_second || !is_wanted(a, t))
		return;
	const char *lack = find_lack(a);
	if (lack)
		a->repro = status_json("skipped", lack);
}

/* --- what it said ------------------------------------------------------------------------------------------------- */

/* Why the second run is of no use; NULL: it ran. */
static const char *find_failure(const struct attempt *second)
{
	const struct evidence *e = &second->evidence;
	if (e->interrupted || second->machine.cancelled)
		return "the run was interrupted";
	if (e->contention.len)
		return "the host's CPUs were busy";
	if (e->failure.len)
		return "the machine could not be started again";
	return e->records ? NULL : "the guest did not start again";
}

/* The same failure, at the same time of the guest. */
static bool is_same_failure(const struct attempt *first, const struct attempt *second)
{
	return first->watch.failure == second->watch.failure && first->watch.failed_ns == second->watch.failed_ns;
}

void second_run_conclude(struct attempt *a)
{
	struct attempt *second = a->second;
	const char *failure = find_failure(second);
	if (a->repro)
		return;
	if (failure) {
		a->repro = status_json("skipped", failure);
		return;
	}
	a->repro = status_json(is_same_failure(a, second) ? REPRODUCED : "not reproduced", NULL);
	json_put_bool(&a->repro, "same_events", a->evidence.digest == second->evidence.digest);
	repro_chain(&second->recorder->plan, &second->recorder->trace, &a->repro);
}

bool second_run_reproduced(const struct attempt *a)
{
	const char *status = json_string_value(json_object_get(a->repro, "status"));
	return status && !strcmp(status, REPRODUCED);
}
