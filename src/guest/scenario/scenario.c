/* SPDX-License-Identifier: GPL-2.0-only */
/* scenario.c -- runs a scenario's backdrop and steps: set up, start, hold, stop, report, remove. */
#include <stdio.h>
#include <string.h>

#include "guest/cgroup.h"
#include "guest/mark.h"
#include "guest/payload/payload.h"
#include "guest/scenario/cgroups.h"
#include "guest/scenario/describe.h"
#include "guest/scenario/op_names.h"
#include "guest/scenario/ops.h"
#include "guest/scenario/validate.h"
#include "guest/verdict.h"
#include "guest/wait.h"
#include "guest/work/work.h"
#include "guest/workers/delay.h"
#include "guest/workers/worker_report.h"

static void send_stimulus(struct stage *s)
{
	struct wire_stimulus record = {
		.elapsed_ms = (uint32_t)((nsec_now() - s->t->started) / NSEC_PER_MSEC),
		.step_index = (uint16_t)s->index,
		.op_count = s->ops,
		.op_kinds = s->op_kinds,
		.cgroup_count = (uint16_t)s->count,
		.worker_count = (uint16_t)(worker_set_running(&s->step) + worker_set_running(&s->backdrop)),
		.total_iterations = worker_set_iterations(&s->step) + worker_set_iterations(&s->backdrop),
	};
	channel_send(&s->t->channel, WIRE_STIMULUS, &record, sizeof(record), NULL, 0);
}

/* --- watching ----------------------------------------------------------------------------------------------------- */

static void fill_view(const struct worker_set *c, size_t i, struct ktstr_worker_view *ret)
{
	const struct worker_process *m = &c->member[i];
	const struct worker_slot *s = &c->slot[i];
	*ret = (struct ktstr_worker_view){
		.pid = m->over ? 0 : m->pid,
		.cgroup = m->cgroup,
		.work = work_name(&c->record[m->record]->load.work),
		.member = m->member,
		.work_units = s->report.work_units,
		.iterations = s->report.iterations,
		.wake_samples = s->report.wake_samples,
	};
}

int ktstr_ctx_worker(struct ktstr_ctx *t, unsigned index, struct ktstr_worker_view *ret)
{
	const struct stage *s = t->stage;
	if (!s || index >= s->step.count + s->backdrop.count)
		return -ENOENT;
	if (index < s->step.count)
		fill_view(&s->step, index, ret);
	else
		fill_view(&s->backdrop, index - s->step.count, ret);
	return 0;
}

/* --- removing ----------------------------------------------------------------------------------------------------- */

static void report_error(struct ktstr_ctx *t, const struct err *err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	err_format(err, &text);
	ctx_detail(t, KTSTR_INCONCLUSIVE, "%s", buf_str(&text));
}

/* Removes them in reverse order: children before their parents. */
static void remove_cgroups(struct stage *s, bool backdrop)
{
	for (unsigned i = s->count; i-- > 0;) {
		_cleanup_err_ struct err *err = NULL;
		if (s->tracked[i].backdrop == backdrop && stage_drop(s, &s->tracked[i], &err) < 0)
			report_error(s->t, err);
	}
}

static void thaw_cgroups(struct stage *s, bool backdrop)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->tracked[i].frozen && s->tracked[i].backdrop == backdrop) {
			cgroup_freeze(s->tracked[i].name, false, NULL);
			s->tracked[i].frozen = false;
		}
}

/* Stops and reports one of the worker sets. Returns Skip if the machine or the kernel lacked something. */
static enum ktstr_verdict stop_and_report(struct stage *s, struct worker_set *workers)
{
	char why[256];
	worker_set_stop(workers, NULL);
	enum ktstr_verdict v = worker_set_report(workers, &s->t->channel, &s->t->cgroups_reported,
						 &s->t->workers_reported, why, sizeof(why));
	if (v != KTSTR_PASS)
		ctx_detail(s->t, v, "%s", why);
	return v;
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

static nsec_t hold_length(const struct ktstr_ctx *t, const struct ktstr_hold *h)
{
	if (h->ms)
		return h->ms * NSEC_PER_MSEC;
	return (nsec_t)((double)t->duration * (h->share > 0 ? h->share : 1.0));
}

static int run_ops(struct stage *s, const struct ktstr_op *ops, struct err **err)
{
	int r = 0;
	for (const struct ktstr_op *op = ops; r == 0 && op && op->kind != KTSTR_OP_KIND_MAX; op++)
		r = stage_op(s, op, err);
	return r;
}

static int set_up(struct stage *s, const struct ktstr_cgroup *cgroups, struct err **err)
{
	int r = 0;
	for (const struct ktstr_cgroup *g = cgroups; r == 0 && g && g->name; g++)
		r = stage_define(s, g, err);
	r = r == 0 ? worker_set_start(stage_workers(s), err) : r;
	for (const struct ktstr_cgroup *g = cgroups; r == 0 && g && g->name; g++)
		r = stage_run_payloads(s, g, err);
	return r;
}

static int set_up_step(struct stage *s, const struct ktstr_step *step, struct err **err)
{
	const struct ktstr_cgroup *made = step->factory ? step->factory(s->t, step->arg) : step->cgroups;
	if (step->factory && !made)
		return FAIL(err, ERR_BY_CODE, -ECANCELED, "its factory made nothing");
	if (step->factory) {
		const struct ktstr_step made_step[] = { { .name = "its factory's", .cgroups = made },
							{ .name = NULL } };
		struct ktstr_scenario alone = { .steps = made_step };
		int r = scenario_check(s->t->test, s->t->topology, &alone, NULL, err);
		if (r < 0)
			return r;
	}
	return set_up(s, made, err);
}

static int hold_loop(struct stage *s, const struct ktstr_step *step, struct err **err)
{
	nsec_t end = s->t->started + s->t->duration, interval = step->hold.loop_ms * NSEC_PER_MSEC;
	int r = 0;
	while (r == 0 && nsec_now() < end && !s->t->scheduler_gone) {
		nsec_t next = nsec_now() + interval;
		r = run_ops(s, step->ops, err);
		wait_until(s->t, MIN_OF(next, end));
	}
	return r;
}

static int run_step(struct stage *s, const struct ktstr_step *step, struct err **err)
{
	bool loop = step->hold.loop_ms;
	ctx_phase(s->t, WIRE_PHASE_STEP_START, s->index, step->name);
	int r = loop ? 0 : run_ops(s, step->ops, err);
	if (r == 0)
		r = set_up_step(s, step, err);
	if (r < 0)
		return r;
	if (!loop)
		send_stimulus(s);
	ctx_phase(s->t, WIRE_PHASE_HOLD, s->index, step->name);
	mark(WIRE_MARK_HOLD, "", s->index);
	nsec_t until = nsec_now() + hold_length(s->t, &step->hold);
	if (step->watch)
		step->watch(s->t, step->arg);
	if (loop)
		return hold_loop(s, step, err);
	wait_until(s->t, until);
	return 0;
}

/* A feature that the kernel lacks is not a failure of the scheduler. */
static enum ktstr_verdict report_failure(struct ktstr_ctx *t, int code, struct err *err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	enum ktstr_verdict v = code == -ENOENT ? KTSTR_SKIP : KTSTR_FAIL;
	err_format(err, &text);
	ctx_detail(t, v, "%s", buf_str(&text));
	return v;
}

static enum ktstr_verdict one_step(struct stage *s, const struct ktstr_step *step)
{
	_cleanup_err_ struct err *err = NULL;
	int r = worker_set_init(&s->step, rng_next(&s->t->rng), s->t->topology, &err);
	s->ops = 0;
	s->op_kinds = 0;
	s->payloads = KTSTR_PASS;
	if (r == 0)
		r = run_step(s, step, &err);
	mark(WIRE_MARK_HOLD_END, "", s->index);
	thaw_cgroups(s, false);
	enum ktstr_verdict v = s->step.slot ? stop_and_report(s, &s->step) : KTSTR_PASS;
	v = verdict_worse(v, verdict_worse(s->payloads, payloads_end(s->t, NULL, false)));
	ctx_phase(s->t, WIRE_PHASE_STEP_END, s->index, step->name);
	remove_cgroups(s, false);
	worker_set_done(&s->step);
	if (r < 0) {
		step_wrap_error(&err, r, step);
		v = verdict_worse(v, report_failure(s->t, r, err));
	}
	return s->t->scheduler_gone ? KTSTR_FAIL : v;
}

static enum ktstr_verdict run_steps(struct stage *s, const struct ktstr_step *steps)
{
	for (const struct ktstr_step *step = steps; step->name; step++) {
		s->index = s->t->steps_run++;
		enum ktstr_verdict v = one_step(s, step);
		if (v != KTSTR_PASS)
			return v;
	}
	return KTSTR_PASS;
}

static int raise_backdrop(struct stage *s, const struct ktstr_backdrop *b, struct err **err)
{
	int r = worker_set_init(&s->backdrop, rng_next(&s->t->rng), s->t->topology, err);
	s->t->in_step = false;
	s->index = s->t->steps_run;
	if (r == 0)
		r = set_up(s, b->cgroups, err);
	if (r == 0)
		r = run_ops(s, b->ops, err);
	s->t->in_step = true;
	return r < 0 ? err_wrap(err, r, "Backdrop setup failed") : 0;
}

static enum ktstr_verdict run_staged(struct stage *s, const struct ktstr_scenario *scenario)
{
	_cleanup_err_ struct err *err = NULL;
	bool has_backdrop = scenario->backdrop.cgroups || scenario->backdrop.ops;
	int r = has_backdrop ? raise_backdrop(s, &scenario->backdrop, &err) : 0;
	enum ktstr_verdict v = r < 0 ? report_failure(s->t, r, err) : run_steps(s, scenario->steps);
	thaw_cgroups(s, true);
	if (s->backdrop.slot)
		v = verdict_worse(v, stop_and_report(s, &s->backdrop));
	v = verdict_worse(v, payloads_end(s->t, NULL, true));
	remove_cgroups(s, true);
	worker_set_done(&s->backdrop);
	return v;
}

/* On the host: checks the scenario and stores its problem if it is the first one. */
static enum ktstr_verdict check_dry(struct ktstr_ctx *t, const struct ktstr_scenario *scenario)
{
	_cleanup_err_ struct err *err = NULL;
	if (scenario_check(t->test, t->topology, scenario, &t->dry->limits, &err) < 0 && !t->dry->problem.len)
		err_format(err, &t->dry->problem);
	return KTSTR_PASS;
}

/* Reads the waiting times of the workers while the engine waits. */
static nsec_t sample_workers(struct ktstr_ctx *t, struct pollfd *fd, unsigned *count)
{
	struct stage *s = t->stage;
	(void)fd;
	(void)count;
	if (!s)
		return NSEC_NEVER;
	nsec_t step = worker_set_sample(&s->step), backdrop = worker_set_sample(&s->backdrop);
	return MIN_OF(step, backdrop);
}

enum ktstr_verdict ktstr_run_scenario(struct ktstr_ctx *t, const struct ktstr_scenario *scenario)
{
	static const struct wait_source workers = { .prepare = sample_workers };
	struct stage *outer = t->stage;
	bool outer_in_step = t->in_step;
	_cleanup_err_ struct err *err = NULL;
	if (t->dry)
		return check_dry(t, scenario);
	int r = scenario_check(t->test, t->topology, scenario, NULL, &err);
	_cleanup_free_ struct stage *s = r == 0 ? calloc(1, sizeof(*s)) : NULL;
	if (r < 0 || !s)
		return report_failure(t, r, err);
	scenario_describe(t, scenario);
	s->t = t;
	t->stage = s;
	t->source[WAIT_WORKERS] = &workers;
	t->in_step = true;
	mark(WIRE_MARK_START, "", t->steps_run);
	t->started = nsec_now();
	enum ktstr_verdict v = run_staged(s, scenario);
	mark(WIRE_MARK_END, "", t->steps_run);
	t->in_step = outer_in_step;
	t->stage = outer;
	return v;
}

enum ktstr_verdict ktstr_run_steps(struct ktstr_ctx *t, const struct ktstr_step *steps)
{
	struct ktstr_scenario scenario = { .steps = steps };
	return ktstr_run_scenario(t, &scenario);
}

enum ktstr_verdict ktstr_run_cgroups(struct ktstr_ctx *t, const struct ktstr_cgroup *cgroups)
{
	struct ktstr_step steps[] = { { .name = only_step, .cgroups = cgroups, .hold = KTSTR_HOLD_FULL },
				      { .name = NULL } };
	return ktstr_run_steps(t, steps);
}
