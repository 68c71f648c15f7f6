/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sim.c -- the simulated backend. Each pending event is a timer in the reactor's own heap, so the clock jumps from
 * event to event.
 */
#include <signal.h>
#include <string.h>

#include "base/bug.h"
#include "reactor/child.h"
#include "reactor/offload.h"
#include "reactor/sim.h"

const struct sim_faults SIM_FAULTS_NONE = { 0 };
const struct sim_faults SIM_FAULTS_SWARM = {
	.short_io = 3000,
	.eintr = 1500,
	.enospc = 600,
	.reset = 600,
	.offload_fails = 600,
	.spawn_fails = 600,
	.child_dies = 2000,
	.cancel_loses = 20000,
	.stops = 20,
};

enum event_kind { EVENT_OP, EVENT_CHILD, EVENT_JOB };

struct event {
	struct timer timer;
	struct event *free_next;
	struct reactor *reactor;
	enum event_kind kind;
	int result;
	union {
		struct op *op;
		struct child *child;
		struct offload_job *job;
	} of;
};

struct sim {
	struct sim_config config;
	struct sim_counts counts;
	struct rng rng;
	nsec_t clock;
	struct event *spare;
};

const struct sim_counts *sim_counts(const struct reactor *r)
{
	const struct sim *s = r->impl;
	return &s->counts;
}

static bool draw_fault(struct sim *s, uint16_t of_65536)
{
	bool hit = of_65536 && rng_below(&s->rng, 65536) < of_65536;
	s->counts.faults += hit;
	return hit;
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static int run_job(struct event *e)
{
	struct offload_job *job = e->of.job;
	if (offload_cancelled(job))
		return -ECANCELED;
	return e->result < 0 ? e->result : job->fn(job->arg);
}

static void fire_event(struct timer *t)
{
	struct event *e = container_of(t, struct event, timer);
	struct sim *s = e->reactor->impl;
	struct event copy = *e;
	e->free_next = s->spare;
	s->spare = e;
	switch (copy.kind) {
	case EVENT_OP:
		op_complete(copy.reactor, copy.of.op, copy.result);
		break;
	case EVENT_CHILD:
		copy.of.child->sim = NULL;
		child_exited(copy.of.child, copy.result);
		break;
	case EVENT_JOB:
		copy.of.job->result = run_job(&copy);
		offload_finished(copy.of.job);
		break;
	}
}

static struct event *event_new(struct reactor *r, enum event_kind kind, nsec_t in, int result)
{
	struct sim *s = r->impl;
	struct event *e = s->spare;
	if (e)
		s->spare = e->free_next;
	else
		e = malloc(sizeof(*e));
	REQUIRE(e);
	*e = (struct event){ .timer.fire = fire_event, .reactor = r, .kind = kind, .result = result };
	timer_arm(r, &e->timer, s->clock + in);
	return e;
}

static nsec_t draw_latency(struct sim *s)
{
	return 1 + (nsec_t)rng_below(&s->rng, (uint64_t)s->config.latency_max);
}

/* --- the backend -------------------------------------------------------------------------------------------------- */

static int op_outcome(struct sim *s, const struct op *op)
{
	const struct sim_faults *f = &s->config.faults;
	bool io = op->kind == OP_READ || op->kind == OP_WRITE;
	if (io && draw_fault(s, f->eintr))
		return -EINTR;
	if ((op->kind == OP_WRITE || op->kind == OP_FSYNC) && draw_fault(s, f->enospc))
		return -ENOSPC;
	if (op->kind == OP_READ && draw_fault(s, f->reset))
		return -ECONNRESET;
	if (io && op->len > 1 && draw_fault(s, f->short_io))
		return 1 + (int)rng_below(&s->rng, op->len - 1);
	return io || op->kind == OP_POLL ? (int)op->len : 0;
}

static void sim_submit(struct reactor *r, struct op *op)
{
	struct sim *s = r->impl;
	s->counts.ops++;
	int result = op_outcome(s, op);
	struct event *e = event_new(r, EVENT_OP, draw_latency(s), result);
	e->of.op = op;
	op->impl = e;
}

static void sim_cancel(struct reactor *r, struct op *op)
{
	struct sim *s = r->impl;
	s->counts.cancels++;
	if (draw_fault(s, s->config.faults.cancel_loses))
		return;
	struct event *e = op->impl;
	e->result = -ECANCELED;
	timer_arm(r, &e->timer, MIN_OF(e->timer.at, s->clock + draw_latency(s)));
}

static int sim_wait(struct reactor *r, nsec_t until)
{
	struct sim *s = r->impl;
	if (until == NSEC_NEVER)
		return -EDEADLK; /* no event is pending: a machine waits for something that never happens */
	s->clock = MAX_OF(s->clock, until);
	if (s->config.stop_max && draw_fault(s, s->config.faults.stops))
		s->clock += (nsec_t)rng_below(&s->rng, (uint64_t)s->config.stop_max);
	return 0;
}

static nsec_t sim_now(struct reactor *r)
{
	const struct sim *s = r->impl;
	return s->clock;
}

static int sim_spawn(struct reactor *r, struct child *c, const struct child_spec *spec, struct err **err)
{
	struct sim *s = r->impl;
	if (draw_fault(s, s->config.faults.spawn_fails))
		return FAIL_SYS(err, -EAGAIN, "start '%s'", spec->argv[0]);
	struct sim_life life = { .length = (nsec_t)rng_below(&s->rng, (uint64_t)NSEC_PER_SEC) };
	if (s->config.child)
		life = s->config.child(s->config.child_data, spec, &s->rng);
	if (draw_fault(s, s->config.faults.child_dies))
		life = (struct sim_life){ (nsec_t)rng_below(&s->rng, (uint64_t)life.length + 1), SIGKILL };
	c->pid = (pid_t)++s->counts.children;
	struct event *e = event_new(r, EVENT_CHILD, life.length, life.status);
	e->of.child = c;
	c->sim = e;
	return 0;
}

static void sim_kill(struct reactor *r, struct child *c, int sig)
{
	struct sim *s = r->impl;
	struct event *e = c->sim;
	s->counts.kills++;
	if (draw_fault(s, s->config.faults.cancel_loses))
		sig = SIGKILL;
	e->result = sig;
	timer_arm(r, &e->timer, MIN_OF(e->timer.at, s->clock + draw_latency(s)));
}

static void sim_offload(struct reactor *r, struct offload_job *job)
{
	struct sim *s = r->impl;
	int fault = draw_fault(s, s->config.faults.offload_fails) ? -EIO : 0;
	struct event *e = event_new(r, EVENT_JOB, draw_latency(s), fault);
	e->of.job = job;
}

static void sim_free(struct reactor *r)
{
	struct sim *s = r->impl;
	while (r->timers) {
		struct event *e = container_of(r->heap[0], struct event, timer);
		timer_disarm(r, &e->timer);
		free(e);
	}
	while (s->spare) {
		struct event *e = s->spare;
		s->spare = e->free_next;
		free(e);
	}
	free(s);
}

static const struct backend sim_backend = {
	.name = "simulation",
	.submit = sim_submit,
	.cancel = sim_cancel,
	.wait = sim_wait,
	.now = sim_now,
	.spawn = sim_spawn,
	.kill = sim_kill,
	.offload = sim_offload,
	.free = sim_free,
};

int reactor_new_sim(struct reactor **ret, const struct sim_config *config, struct err **err)
{
	struct sim *s = calloc(1, sizeof(*s));
	struct reactor *r = s ? reactor_alloc(&sim_backend, s) : NULL;
	if (!r) {
		free(s);
		return FAIL_SYS(err, -ENOMEM, "set up the simulation");
	}
	s->config = *config;
	s->config.latency_max = MAX_OF(config->latency_max, 1);
	s->rng.state = config->seed;
	*ret = r;
	return 0;
}
