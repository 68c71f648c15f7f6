/* SPDX-License-Identifier: GPL-2.0-only */
/* machine.c -- the driver that steps every machine. See machine.h. */
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "base/bug.h"
#include "reactor/child.h"
#include "reactor/machine.h"

static void machine_step(struct machine *m, int result);
static void interrupt_wait(struct machine *m);

static void begin_wait(struct machine *m, enum wait_kind kind)
{
	REQUIRE(m->wait == WAIT_NONE);
	m->wait = kind;
}

/* Ends the present wait from the loop: the handler runs immediately. */
void machine_wake(struct machine *m, int result)
{
	REQUIRE(m->wait != WAIT_NONE);
	m->wait = WAIT_NONE;
	machine_step(m, result);
}

static void on_op(struct op *op)
{
	machine_wake(container_of(op, struct machine, op), op->result);
}

/* Ends the present wait from any code, also from handlers of other machines: the loop will run the handler. */
static void wake_later(struct machine *m, int result)
{
	m->wait = WAIT_OP;
	m->op = (struct op){ .kind = OP_NOP, .done = on_op, .phase = OP_FLYING };
	op_complete(m->reactor, &m->op, result);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static void on_deadline(struct timer *t);
static void set_deadline(struct machine *m);

static void report_change(const struct machine *m, unsigned from, unsigned to)
{
	if (m->reactor->observe)
		m->reactor->observe(m->reactor->observe_data, m, from, to);
}

static void on_sleep(struct timer *t)
{
	machine_wake(container_of(t, struct machine, sleep), 0);
}

void machine_start(struct reactor *r, struct machine *m, const struct machine_type *type, struct machine *parent,
		   const char *name_fmt, ...)
{
	REQUIRE(!m->started || m->ended);
	*m = (struct machine){ .reactor = r,
			       .type = type,
			       .parent = parent,
			       .started = true,
			       .failed_in = MACHINE_END,
			       .first_entry = true };
	m->timer.fire = on_deadline;
	m->sleep.fire = on_sleep;
	va_list ap;
	va_start(ap, name_fmt);
	vsnprintf(m->name, sizeof(m->name), name_fmt, ap);
	va_end(ap);
	list_append(&r->machines, &m->node);
	m->entered = r->now;
	set_deadline(m);
	report_change(m, MACHINE_END, 0);
	/* Starting never runs a handler: the loop runs the first one, like every other. */
	wake_later(m, 0);
}

static void machine_end(struct machine *m, int result)
{
	REQUIRE(m->wait == WAIT_NONE && !m->ended);
	m->ended = true;
	m->result = result;
	timer_disarm(m->reactor, &m->timer);
	list_remove(&m->node);
	list_append(&m->reactor->doomed, &m->node);
	report_change(m, m->state, MACHINE_END);
}

/*
 * Deadlines mostly move later from state to state. A timer that is armed too early stays armed, and is re-armed when it
 * fires, so a change of state needs no heap operation.
 */
static void move_deadline(struct machine *m, nsec_t at)
{
	m->deadline = at;
	if (at && (!m->timer.slot || m->timer.at > at))
		timer_arm(m->reactor, &m->timer, at);
}

static void set_deadline(struct machine *m)
{
	nsec_t length = m->type->states[m->state].deadline;
	move_deadline(m, length ? m->reactor->now + length : 0);
}

void machine_extend(struct machine *m)
{
	set_deadline(m);
}

void machine_deadline(struct machine *m, nsec_t length)
{
	move_deadline(m, m->reactor->now + length);
}

void machine_postpone(struct machine *m, nsec_t later)
{
	if (m->deadline)
		m->deadline += later; /* the timer is re-armed when it fires */
}

static void enter_state(struct machine *m, unsigned state)
{
	unsigned from = m->state;
	m->state = state;
	m->first_entry = true;
	m->entered = m->reactor->now;
	set_deadline(m);
	report_change(m, from, state);
}

static void note_failure(struct machine *m, int result)
{
	bool outranks = result == -ECANCELED || (result == -ETIME && m->failure != -ECANCELED);
	if (!m->failure || outranks)
		m->failure = result;
}

/* A failure leads to the state's on_cancel state, with the failure as its result; without one, the machine ends. */
static bool divert_failure(struct machine *m, int result)
{
	unsigned to = m->type->states[m->state].on_cancel;
	note_failure(m, result);
	m->failed_in = m->state;
	if (!to) {
		machine_end(m, m->failure);
		return false;
	}
	m->next = to;
	return true;
}

static void check_transition(const struct machine *m, int next)
{
	uint32_t allowed = m->type->states[m->state].next;
	REQUIRE(next == MACHINE_END ? (allowed & TO_END) != 0 : next < (int)m->type->count);
	REQUIRE(next == MACHINE_END || next == (int)m->state || (allowed & TO((unsigned)next)));
}

/* Runs handlers until one starts a wait or the machine ends. */
static void machine_step(struct machine *m, int result)
{
	for (;;) {
		if (m->interrupted) {
			result = m->interrupted;
			m->interrupted = 0;
			if (!divert_failure(m, result))
				return;
		}
		if (m->next != m->state)
			enter_state(m, m->next);
		m->reactor->stats.steps++;
		int next = m->type->states[m->state].run(m, result);
		m->first_entry = false;
		result = 0;
		if (next < 0) {
			REQUIRE(m->wait == WAIT_NONE);
			if (!divert_failure(m, next))
				return;
			result = next;
			continue;
		}
		check_transition(m, next);
		if (next == MACHINE_END) {
			REQUIRE(m->wait == WAIT_NONE);
			machine_end(m, m->failure);
			return;
		}
		m->next = (unsigned)next;
		if (m->wait == WAIT_NONE)
			continue;
		if (m->interrupted)
			interrupt_wait(m);
		return;
	}
}

/*
 * --- ending a wait early ---------------------------------------------------------------------------------------------
 * A wait for an op, a child, a job or a machine ends when that ends, which we only request; other waits end at once.
 * In both cases the wake-up finds `interrupted` set and takes the state's failure path, whatever the result is.
 */

static void interrupt_wait(struct machine *m)
{
	switch (m->wait) {
	case WAIT_OP:
		op_cancel(m->reactor, &m->op);
		return;
	case WAIT_CHILD:
		child_kill(m->on.child, SIGKILL);
		return;
	case WAIT_OFFLOAD:
		atomic_store_explicit(&m->on.job->cancelled, true, memory_order_relaxed);
		return;
	case WAIT_MACHINE:
		machine_cancel(m->on.machine);
		return;
	case WAIT_SLEEP:
		timer_disarm(m->reactor, &m->sleep);
		break;
	case WAIT_NOTICE:
		m->on.notice->waiter = NULL;
		break;
	case WAIT_NONE:
	case WAIT_KIND_MAX:
		return;
	}
	wake_later(m, 0);
}

void machine_cancel(struct machine *m)
{
	if (!m->started || m->ended || m->cancelled)
		return;
	m->cancelled = true;
	if (m->type->states[m->state].shielded)
		return;
	m->interrupted = -ECANCELED;
	interrupt_wait(m);
}

static void on_deadline(struct timer *t)
{
	struct machine *m = container_of(t, struct machine, timer);
	if (m->interrupted || !m->deadline)
		return;
	if (m->deadline > m->reactor->now) {
		timer_arm(m->reactor, t, m->deadline);
		return;
	}
	const struct machine_state *state = &m->type->states[m->state];
	nsec_t more = state->allow ? state->allow(m) : 0;
	if (more > 0) {
		machine_deadline(m, more);
		return;
	}
	m->interrupted = -ETIME;
	interrupt_wait(m);
}

void child_exited(struct child *c, int status)
{
	struct machine *m = c->waiter;
	c->status = status;
	c->running = false;
	c->exited = true;
	c->waiter = NULL;
	if (m)
		machine_wake(m, 0);
}

void offload_finished(struct offload_job *job)
{
	struct machine *m = job->waiter;
	job->waiter = NULL;
	machine_wake(m, job->result);
}

/* --- waits -------------------------------------------------------------------------------------------------------- */

static void wait_op(struct machine *m, struct op op)
{
	begin_wait(m, WAIT_OP);
	op.done = on_op;
	m->op = op;
	op_submit(m->reactor, &m->op);
}

void machine_read(struct machine *m, int fd, void *buf, uint32_t len, uint64_t offset)
{
	wait_op(m, (struct op){ .kind = OP_READ, .fd = fd, .buf = buf, .len = len, .offset = offset });
}

void machine_write(struct machine *m, int fd, const void *buf, uint32_t len, uint64_t offset)
{
	wait_op(m, (struct op){ .kind = OP_WRITE, .fd = fd, .buf = (void *)buf, .len = len, .offset = offset });
}

void machine_poll(struct machine *m, int fd, uint32_t events)
{
	wait_op(m, (struct op){ .kind = OP_POLL, .fd = fd, .len = events });
}

void machine_fsync(struct machine *m, int fd)
{
	wait_op(m, (struct op){ .kind = OP_FSYNC, .fd = fd });
}

void machine_nop(struct machine *m)
{
	wait_op(m, (struct op){ .kind = OP_NOP });
}

void machine_sleep(struct machine *m, nsec_t length)
{
	begin_wait(m, WAIT_SLEEP);
	timer_arm(m->reactor, &m->sleep, m->reactor->now + length);
}

void machine_wait_child(struct machine *m, struct child *c)
{
	if (c->exited)
		return;
	REQUIRE(c->running && !c->waiter);
	begin_wait(m, WAIT_CHILD);
	m->on.child = c;
	c->waiter = m;
}

void machine_offload(struct machine *m, struct offload_job *job, int (*fn)(void *arg), void *arg)
{
	begin_wait(m, WAIT_OFFLOAD);
	m->on.job = job;
	job->fn = fn;
	job->arg = arg;
	job->waiter = m;
	atomic_init(&job->cancelled, false);
	m->reactor->backend->offload(m->reactor, job);
}

void machine_wait_notice(struct machine *m, struct notice *n)
{
	if (n->posted) {
		n->posted = false;
		return;
	}
	REQUIRE(!n->waiter);
	begin_wait(m, WAIT_NOTICE);
	m->on.notice = n;
	n->waiter = m;
}

void machine_await(struct machine *m, struct machine *other)
{
	REQUIRE(other->started && !other->ended && !other->awaiter);
	begin_wait(m, WAIT_MACHINE);
	m->on.machine = other;
	other->awaiter = m;
}

void notice_post(struct notice *n)
{
	struct machine *m = n->waiter;
	if (!m) {
		n->posted = true;
		return;
	}
	n->waiter = NULL;
	wake_later(m, 0);
}

const char *machine_path(const struct machine *m, char *out, size_t size)
{
	const struct machine *chain[8];
	size_t depth = 0, at = 0;
	for (; m && depth < ARRAY_SIZE(chain); m = m->parent)
		chain[depth++] = m;
	out[0] = '\0';
	while (depth-- && at < size) {
		int n = snprintf(out + at, size - at, at ? "/%s" : "%s", chain[depth]->name);
		at += n > 0 ? (size_t)n : 0;
	}
	return out;
}
