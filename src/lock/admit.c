/* SPDX-License-Identifier: GPL-2.0-only */
/* admit.c -- see admit.h. Handlers are in the order in which they run; admit_pool.c has the code that blocks. */
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "lock/admit_pool.h"

/* The pool also builds images, so a try may wait behind those. */
#define TRY_DEADLINE (10 * NSEC_PER_MIN)
/*
 * The kernel reports the close of the release event file shortly before it frees a dying process's locks. So the first
 * try follows a moment after the event, and a second one later. The slow period covers lost events.
 */
#define AFTER_EVENT	  NSEC_PER_MSEC
#define AFTER_EVENT_AGAIN (20 * NSEC_PER_MSEC)
#define WITHOUT_EVENT	  NSEC_PER_SEC

static struct admit *admit_of(struct machine *m)
{
	return container_of(m, struct admit, machine);
}

static void claim_free(struct claim *c)
{
	lock_set_release(&c->locks);
	err_free(c->err);
	free(c);
}

static unsigned topology_width(const struct ktstr_topology *t)
{
	return t->llcs * t->cores * t->threads;
}

/* The number of CPUs that the claim keeps busy. */
static unsigned claim_width(const struct cpu_request *r)
{
	unsigned vcpus = topology_width(&r->topology);
	if (r->tier != PLAN_BUDGET)
		return vcpus;
	return vcpus ? MIN_OF(vcpus, r->cpus) : r->cpus;
}

/* --- IDLE --------------------------------------------------------------------------------------------------------- */

static int wait_for_claims(struct machine *m, int result)
{
	struct admit *a = admit_of(m);
	(void)result;
	timer_disarm(a->reactor, &a->wakeup.timer);
	machine_wait_notice(m, &a->wakeup.due);
	return ADMIT_TRY;
}

/* --- TRY ---------------------------------------------------------------------------------------------------------- */

static void queue_incoming(struct admit *a)
{
	for (struct list *it; (it = list_pop(&a->incoming));) {
		struct claim *c = list_entry(it, struct claim, node);
		if (!a->queue.count)
			a->progress_at = a->reactor->now;
		c->state = CLAIM_WAITING;
		queue_add(&a->queue, &c->entry);
	}
}

/* Without lock files, the claims of this process are the only known holders. */
static void collect_own_holders(struct admit *a)
{
	memset(&a->pool.holders, 0, sizeof(a->pool.holders));
	list_for_each(it, &a->held)
		holders_add_plan(&a->pool.holders, &list_entry(it, struct claim, node)->plan);
}

/* Whether a claim waits only for CPUs that other claims or processes hold. */
static bool may_admit(const struct admit *a)
{
	return a->queue.count && a->room.claims;
}

static int start_try(struct machine *m, int result)
{
	struct admit *a = admit_of(m);
	(void)result;
	queue_incoming(a);
	/* Only the pool gives the ticket back, so one more try follows when the queue has become empty. */
	if (!may_admit(a) && a->fairness.ticket.fd < 0)
		return ADMIT_IDLE;
	collect_own_holders(a);
	a->pool.own_busy = a->pool.holders.busy;
	a->pool.room = a->room;
	a->trying = true;
	a->pool.started = m->reactor->now;
	a->stats.tries++;
	machine_offload(m, &a->pool.job, admit_try_blocking, a);
	return ADMIT_WAIT;
}

/* --- WAIT --------------------------------------------------------------------------------------------------------- */

static void finish_claim(struct admit *a, struct claim *c)
{
	c->state = CLAIM_READY;
	c->waited = a->reactor->now - c->asked;
	a->progress_at = a->reactor->now;
	a->stats.grants++;
	if (c->result == 0) {
		room_take(&a->room, c);
		a->fairness.admitted_at[width_class(c)] = a->reactor->now;
		list_append(&a->held, &c->node);
	}
	notice_post(&c->ready);
}

/* Completes granted claims and frees those given up during the try. True: try again at once. */
static bool collect_results(struct admit *a)
{
	bool again = false;
	a->trying = false;
	for (struct list *it; (it = list_pop(&a->pool.granted));) {
		struct claim *c = list_entry(it, struct claim, node);
		if (c->given_up) {
			a->given_up--;
			claim_free(c);
			again = true;
		} else {
			finish_claim(a, c);
		}
	}
	list_for_each_safe(it, &a->queue.waiting) {
		struct claim *c = claim_of(list_entry(it, struct queue_entry, node));
		if (!a->given_up)
			break;
		if (!c->given_up)
			continue;
		a->given_up--;
		queue_remove(&a->queue, &c->entry);
		claim_free(c);
		again = true;
	}
	return again;
}

/* No claim was admitted for too long. The error names the holders of the locks. */
static void fail_waiting(struct admit *a)
{
	_cleanup_buf_ struct buf who = BUF_NULL;
	char waited[TIME_TEXT_MAX];
	admit_name_holders(a, &who);
	list_for_each_safe(it, &a->queue.waiting) {
		struct claim *c = claim_of(list_entry(it, struct queue_entry, node));
		queue_remove(&a->queue, &c->entry);
		c->state = CLAIM_READY;
		c->waited = a->reactor->now - c->asked;
		c->result = FAIL(
			&c->err, ERR_BUSY, -EBUSY,
			"waited %s for CPUs, and none became free in that time; they are held by %s; see 'ktstr locks'",
			nsec_format(c->waited, waited), who.data);
		notice_post(&c->ready);
	}
}

static void arm_release_event(struct admit *a);

static int wait_for_change(struct machine *m, int result)
{
	struct admit *a = admit_of(m);
	static const nsec_t pauses[] = { AFTER_EVENT_AGAIN, WITHOUT_EVENT };
	bool again = collect_results(a);
	/* A failed scan (the directory changed meanwhile) is tried again, until config.give_up. */
	(void)result;
	if (again || !list_empty(&a->incoming) || (!may_admit(a) && a->fairness.ticket.fd >= 0))
		return ADMIT_TRY;
	if (!may_admit(a))
		return ADMIT_IDLE;
	/* Claims that this process holds will be released, so only an empty list counts as stuck. */
	if (a->config.give_up && list_empty(&a->held) && m->reactor->now - a->progress_at >= a->config.give_up) {
		fail_waiting(a);
		return ADMIT_TRY;
	}
	if (a->wakeup.inotify >= 0)
		arm_release_event(a);
	timer_arm(m->reactor, &a->wakeup.timer,
		  m->reactor->now + pauses[MIN_OF(a->wakeup.tries_since_event, ARRAY_SIZE(pauses) - 1)]);
	a->wakeup.tries_since_event++;
	machine_wait_notice(m, &a->wakeup.due);
	return ADMIT_TRY;
}

static void fail_claim(struct admit *a, struct claim *c, int result)
{
	c->state = CLAIM_READY;
	c->waited = a->reactor->now - c->asked;
	c->result = result;
	notice_post(&c->ready);
}

/* Claims that still wait fail. */
static void fail_remaining(struct machine *m, int result)
{
	struct admit *a = admit_of(m);
	result = result < 0 ? result : -ECANCELED;
	collect_results(a);
	for (struct list *it; (it = list_pop(&a->incoming));)
		fail_claim(a, list_entry(it, struct claim, node), result);
	for (struct queue_entry *e; (e = queue_oldest(&a->queue));) {
		queue_remove(&a->queue, e);
		fail_claim(a, claim_of(e), result);
	}
	if (a->config.dir)
		ticket_give_back(a->config.dir, &a->fairness.ticket);
	timer_disarm(m->reactor, &a->wakeup.timer);
}

static const struct machine_state states[ADMIT_STATE_MAX] = {
	[ADMIT_IDLE] = { .name = "idle", .run = wait_for_claims, .next = TO(ADMIT_TRY) },
	[ADMIT_TRY] = { .name = "try",
			.run = start_try,
			.deadline = TRY_DEADLINE,
			.next = TO(ADMIT_WAIT) | TO(ADMIT_IDLE) },
	[ADMIT_WAIT] = { .name = "wait", .run = wait_for_change, .next = TO(ADMIT_TRY) | TO(ADMIT_IDLE) },
};
static const struct machine_type admit_type = { "admission", states, ADMIT_STATE_MAX, fail_remaining };

/* --- wake-ups ----------------------------------------------------------------------------------------------------- */

static void wake_admission(struct admit *a)
{
	a->wakeup.tries_since_event = 0;
	if (a->machine.started && !a->machine.ended)
		notice_post(&a->wakeup.due);
}

static void on_wakeup_timer(struct timer *t)
{
	notice_post(&container_of(t, struct admit, wakeup.timer)->wakeup.due);
}

void admit_report_release(struct admit *a)
{
	a->stats.release_events++;
	a->wakeup.tries_since_event = 0;
	/* During a try the queue belongs to the pool, and the next try follows AFTER_EVENT_AGAIN later anyway. */
	if (!a->trying && may_admit(a) && !a->machine.ended)
		timer_arm(a->reactor, &a->wakeup.timer, a->reactor->now + AFTER_EVENT);
}

static void on_release_event(struct op *op)
{
	struct admit *a = container_of(op, struct admit, wakeup.release_event);
	char events[4096];
	a->wakeup.event_armed = false;
	if (op->result < 0)
		return;
	while (read(a->wakeup.inotify, events, sizeof(events)) > 0)
		;
	admit_report_release(a);
}

static void arm_release_event(struct admit *a)
{
	if (a->wakeup.event_armed)
		return;
	a->wakeup.event_armed = true;
	a->wakeup.release_event =
		(struct op){ .kind = OP_POLL, .fd = a->wakeup.inotify, .len = POLLIN, .done = on_release_event };
	op_submit(a->reactor, &a->wakeup.release_event);
}

/* --- interface ---------------------------------------------------------------------------------------------------- */

int admit_start(struct reactor *r, struct admit *a, const struct admit_config *config, struct err **err)
{
	int result = 0;
	*a = (struct admit){ .config = *config,
			     .reactor = r,
			     .room = { config->memory_mib, config->cpus ?: UINT_MAX, config->claims ?: UINT_MAX },
			     .fairness = { .ticket = TICKET_NULL },
			     .wakeup = { .inotify = -1, .timer.fire = on_wakeup_timer } };
	if (!a->config.overtake_time)
		a->config.overtake_time = TICKET_OVERTAKE_TIME;
	queue_init(&a->queue, QUEUE_OVERTAKES_MAX);
	list_init(&a->incoming);
	list_init(&a->pool.granted);
	list_init(&a->held);
	if (config->dir) {
		result = lock_scan_init(&a->scan, config->dir->path, NULL, NULL, "/proc");
		a->scan.anonymous = true;
		if (result == 0 && !config->simulated)
			result = release_event_watch(config->dir, &a->wakeup.inotify, err);
	}
	if (result == 0)
		machine_start(r, &a->machine, &admit_type, NULL, "admission");
	else
		lock_scan_done(&a->scan);
	return result;
}

void admit_stop(struct admit *a)
{
	machine_cancel(&a->machine);
	if (a->wakeup.event_armed)
		op_cancel(a->reactor, &a->wakeup.release_event);
	while ((a->machine.started && !a->machine.ended) || a->wakeup.event_armed)
		if (reactor_turn(a->reactor, NSEC_NEVER) < 0)
			break;
	REQUIRE(list_empty(&a->held));
	lock_scan_done(&a->scan);
	a->wakeup.inotify = fd_close(a->wakeup.inotify);
}

void admit_name_holders(const struct admit *a, struct buf *out)
{
	size_t before = out->len;
	for (size_t i = 0; !a->trying && i < a->scan.holders && out->len - before < 60; i++) {
		pid_t pid = a->scan.holder[i].pid;
		bool told = false;
		for (size_t k = 0; k < i; k++)
			told |= a->scan.holder[k].pid == pid;
		if (!told && pid > 0)
			buf_appendf(out, "%s%d", out->len > before ? ", " : "pid ", pid);
	}
	if (out->len == before)
		buf_puts(out, "no visible process");
}

/* Whether an idle host could satisfy @c. Fleets repeat the same request, so the last result is kept. */
static int check_possible(struct admit *a, struct claim *c)
{
	const struct cpu_request *q = &c->request, *last = &a->possible.request;
	const struct ktstr_topology *t = &q->topology, *u = &last->topology;
	if (a->possible.known && q->tier == last->tier && q->cpus == last->cpus && t->llcs == u->llcs &&
	    t->cores == u->cores && t->threads == u->threads)
		return 0;
	int r = cpu_plan_make(a->config.host, &a->config.allowed, NULL, q, &c->plan, &c->err);
	a->possible.known = r == 0;
	a->possible.request = *q;
	return r;
}

struct claim *admit_ask(struct admit *a, const struct cpu_request *request, struct claim_need need)
{
	struct claim *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->request = *request;
	c->need = need;
	c->entry.estimate = need.estimate;
	c->locks = LOCK_SET_NULL;
	c->asked = a->reactor->now;
	c->entry.cpus = claim_width(request);
	list_init(&c->node);
	c->result = check_possible(a, c);
	if (c->result == 0 && need.memory_mib > a->config.memory_mib)
		c->result = FAIL(&c->err, ERR_BUSY, -ERANGE,
				 "the machine needs %lu MiB, and all machines together may use %lu MiB of memory%s%s",
				 need.memory_mib, a->config.memory_mib, a->config.memory_note ? "; " : "",
				 a->config.memory_note ? a->config.memory_note : "");
	if (c->result == 0 && a->config.cpus && c->entry.cpus > a->config.cpus)
		c->result = FAIL(&c->err, ERR_BUSY, -ERANGE, "%u CPUs are needed, and --cpu-cap allows %u",
				 c->entry.cpus, a->config.cpus);
	if (c->result < 0 || a->machine.ended) {
		c->result = c->result < 0 ? c->result : -ECANCELED;
		c->state = CLAIM_READY;
		notice_post(&c->ready);
		return c;
	}
	list_append(&a->incoming, &c->node);
	wake_admission(a);
	return c;
}

struct lock_set claim_take_locks(struct claim *c)
{
	struct lock_set locks = c->locks;
	REQUIRE(c->state == CLAIM_READY && c->result == 0);
	c->locks = LOCK_SET_NULL;
	return locks;
}

void admit_release(struct admit *a, struct claim *c)
{
	bool held = c->state == CLAIM_READY && c->result == 0, waiting = c->state == CLAIM_WAITING;
	if (waiting && a->trying) {
		c->given_up = true;
		a->given_up++;
		return;
	}
	if (waiting)
		queue_remove(&a->queue, &c->entry);
	else
		list_remove(&c->node);
	if (held) {
		room_give(&a->room, c);
		a->progress_at = a->reactor->now;
	}
	claim_free(c);
	if (held || waiting)
		wake_admission(a);
}
