/* SPDX-License-Identifier: GPL-2.0-only */
/* scenario.c -- runs a scenario's backdrop and steps: set up, start, hold, stop, report, remove. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/text.h"
#include "guest/cgroup.h"
#include "guest/payload/payload.h"
#include "guest/scenario/stage.h"
#include "guest/work/work.h"

void stage_phase(struct ktstr_ctx *t, enum wire_phase_kind kind, uint32_t index, const char *name)
{
	struct wire_phase phase = { .kind = kind, .index = index };
	text_copy_line(phase.name, sizeof(phase.name), name, strlen(name));
	channel_send(&t->channel, WIRE_PHASE, &phase, sizeof(phase), NULL, 0);
}

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

/* --- waiting ------------------------------------------------------------------------------------------------------ */

/* Returns the time of the next sample. */
static nsec_t sample_workers(struct ktstr_ctx *t)
{
	struct stage *s = t->stage;
	return s ? MIN_OF(worker_set_sample(&s->step), worker_set_sample(&s->backdrop)) : NSEC_NEVER;
}

/*
 * Waits once, until @until, a message of PID 1, or an event of a payload, which is handled here. True: *ret is a
 * message. Stops polling the channel when it is closed: a test may close any descriptor.
 */
static bool wait_once(struct ktstr_ctx *t, nsec_t until, struct control *ret)
{
	struct pollfd fd[1 + PAYLOAD_FDS_MAX] = { { .fd = t->channel.fd, .events = POLLIN } };
	unsigned count = 1 + payloads_poll(t, fd + 1);
	until = MIN_OF(until, sample_workers(t));
	nsec_t left = MIN_OF(until, payloads_deadline(t)) - nsec_now();
	struct timespec ts = nsec_to_timespec(MAX_OF(left, 0));
	int n = ppoll(fd, count, &ts, NULL);
	payloads_serve(t);
	if (n <= 0 || !fd[0].revents)
		return false;
	if (recv(t->channel.fd, ret, sizeof(*ret), MSG_DONTWAIT) == sizeof(*ret))
		return true;
	t->channel.fd = -1;
	return false;
}

/* Waits for the next message of PID 1 until @until; false: none came. */
static bool take_control(struct ktstr_ctx *t, nsec_t until, struct control *ret)
{
	while (nsec_now() < until)
		if (wait_once(t, until, ret))
			return true;
	return false;
}

void stage_wait_once(struct ktstr_ctx *t, nsec_t until)
{
	struct control message;
	if (wait_once(t, until, &message) && message.kind == CONTROL_SCHED_GONE)
		t->scheduler_gone = true;
}

void stage_sleep(struct ktstr_ctx *t, nsec_t until)
{
	while (!t->scheduler_gone && nsec_now() < until)
		stage_wait_once(t, until);
}

void ktstr_ctx_sleep_us(struct ktstr_ctx *t, unsigned us)
{
	if (!t->dry)
		stage_sleep(t, nsec_now() + us * NSEC_PER_USEC);
}

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
	nsec_t patience = SCHED_CHANGE_DEADLINE;
	if (attached)
		patience += ktstr_attach_timeout_s(attached) * NSEC_PER_SEC;
	struct sched_request request = { .kind = kind };
	struct control answer = { 0 };
	snprintf(request.name, sizeof(request.name), "%s", which ? which->name : "");
	int r = channel_send(&s->t->channel, CHANNEL_SCHED_REQUEST, &request, sizeof(request), NULL, 0);
	nsec_t deadline = nsec_now() + patience;
	while (r == 0 && answer.kind != CONTROL_SCHED_DONE && take_control(s->t, deadline, &answer))
		if (answer.kind == CONTROL_SCHED_GONE)
			s->t->scheduler_gone = true;
	if (r < 0)
		return FAIL_SYS(err, r, "ask for another scheduler");
	if (answer.kind != CONTROL_SCHED_DONE || answer.status < 0)
		return FAIL(err, EXIT_NONE, -EIO, "the scheduler could not be %s",
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
	return r < 0 ? err_wrap(err, r, "Op::%s", op_name(op->kind)) : 0;
}

/* --- watching ----------------------------------------------------------------------------------------------------- */

static void view(const struct worker_set *c, size_t i, struct ktstr_worker_view *ret)
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
		view(&s->step, index, ret);
	else
		view(&s->backdrop, index - s->step.count, ret);
	return 0;
}

/* --- removing ----------------------------------------------------------------------------------------------------- */

static void complain(struct ktstr_ctx *t, const struct err *err)
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
			complain(s->t, err);
	}
}

static void thaw(struct stage *s, bool backdrop)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->tracked[i].frozen && s->tracked[i].backdrop == backdrop) {
			cgroup_freeze(s->tracked[i].name, false, NULL);
			s->tracked[i].frozen = false;
		}
}

/* Stops and reports one of the worker sets. Returns Skip if the machine or the kernel lacked something. */
static enum ktstr_verdict dismiss(struct stage *s, struct worker_set *workers)
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
	r = r == 0 ? worker_set_start(stage_workers(s, NULL), err) : r;
	for (const struct ktstr_cgroup *g = cgroups; r == 0 && g && g->name; g++)
		r = stage_run_payloads(s, g, err);
	return r;
}

static int set_up_step(struct stage *s, const struct ktstr_step *step, struct err **err)
{
	const struct ktstr_cgroup *made = step->factory ? step->factory(s->t, step->arg) : step->cgroups;
	if (step->factory && !made)
		return FAIL(err, EXIT_NONE, -ECANCELED, "its factory made nothing");
	if (step->factory) {
		const struct ktstr_step made_step[] = { { .name = "its factory's", .cgroups = made },
							{ .name = NULL } };
		struct ktstr_scenario alone = { .steps = made_step };
		int r = scenario_check(s->t->test, s->t->topology, &alone, err);
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
		stage_sleep(s->t, MIN_OF(next, end));
	}
	return r;
}

static int run_step(struct stage *s, const struct ktstr_step *step, struct err **err)
{
	bool loop = step->hold.loop_ms;
	stage_phase(s->t, WIRE_PHASE_STEP_START, s->index, step->name);
	int r = loop ? 0 : run_ops(s, step->ops, err);
	if (r == 0)
		r = set_up_step(s, step, err);
	if (r < 0)
		return r;
	if (!loop)
		send_stimulus(s);
	stage_phase(s->t, WIRE_PHASE_HOLD, s->index, step->name);
	nsec_t until = nsec_now() + hold_length(s->t, &step->hold);
	if (step->watch)
		step->watch(s->t, step->arg);
	if (loop)
		return hold_loop(s, step, err);
	stage_sleep(s->t, until);
	return 0;
}

/* A feature that the kernel lacks is not a failure of the scheduler. */
static enum ktstr_verdict explain(struct ktstr_ctx *t, int code, struct err *err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	enum ktstr_verdict v = code == -ENOENT ? KTSTR_SKIP : KTSTR_FAIL;
	err_format(err, &text);
	ctx_detail(t, v, "%s", buf_str(&text));
	return v;
}

static int rank(enum ktstr_verdict v)
{
	return v == KTSTR_FAIL ? 3 : v == KTSTR_INCONCLUSIVE ? 2 : v == KTSTR_SKIP ? 1 : 0;
}

static enum ktstr_verdict graver(enum ktstr_verdict a, enum ktstr_verdict b)
{
	return rank(b) > rank(a) ? b : a;
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
	thaw(s, false);
	enum ktstr_verdict v = s->step.slot ? dismiss(s, &s->step) : KTSTR_PASS;
	v = graver(v, graver(s->payloads, payloads_end(s->t, NULL, false)));
	stage_phase(s->t, WIRE_PHASE_STEP_END, s->index, step->name);
	remove_cgroups(s, false);
	worker_set_done(&s->step);
	if (r < 0) {
		err_wrap(&err, r, "step %u ('%s') failed", s->index, step->name);
		v = graver(v, explain(s->t, r, err));
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
	s->in_backdrop = true;
	s->index = s->t->steps_run;
	if (r == 0)
		r = set_up(s, b->cgroups, err);
	if (r == 0)
		r = run_ops(s, b->ops, err);
	s->in_backdrop = false;
	return r < 0 ? err_wrap(err, r, "Backdrop setup failed") : 0;
}

static enum ktstr_verdict run_staged(struct stage *s, const struct ktstr_scenario *scenario)
{
	_cleanup_err_ struct err *err = NULL;
	bool has_backdrop = scenario->backdrop.cgroups || scenario->backdrop.ops;
	int r = has_backdrop ? raise_backdrop(s, &scenario->backdrop, &err) : 0;
	enum ktstr_verdict v = r < 0 ? explain(s->t, r, err) : run_steps(s, scenario->steps);
	thaw(s, true);
	if (s->backdrop.slot)
		v = graver(v, dismiss(s, &s->backdrop));
	v = graver(v, payloads_end(s->t, NULL, true));
	remove_cgroups(s, true);
	worker_set_done(&s->backdrop);
	return v;
}

enum ktstr_verdict ktstr_run_scenario(struct ktstr_ctx *t, const struct ktstr_scenario *scenario)
{
	_cleanup_err_ struct err *err = NULL;
	if (t->dry)
		return dry_scenario(t, scenario);
	int r = scenario_check(t->test, t->topology, scenario, &err);
	_cleanup_free_ struct stage *s = r == 0 ? calloc(1, sizeof(*s)) : NULL;
	if (r < 0 || !s)
		return explain(t, r, err);
	s->t = t;
	t->stage = s;
	t->started = nsec_now();
	enum ktstr_verdict v = run_staged(s, scenario);
	t->stage = NULL;
	return v;
}

enum ktstr_verdict ktstr_run_steps(struct ktstr_ctx *t, const struct ktstr_step *steps)
{
	struct ktstr_scenario scenario = { .steps = steps };
	return ktstr_run_scenario(t, &scenario);
}

enum ktstr_verdict ktstr_run_cgroups(struct ktstr_ctx *t, const struct ktstr_cgroup *cgroups)
{
	struct ktstr_step steps[] = { { .name = "run", .cgroups = cgroups, .hold = KTSTR_HOLD_FULL },
				      { .name = NULL } };
	return ktstr_run_steps(t, steps);
}
