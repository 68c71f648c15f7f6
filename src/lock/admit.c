/* SPDX-License-Identifier: GPL-2.0-only */
/* admit.c -- see admit.h. Handlers stand in the order in which they run; what blocks is in try_blocking(). */
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "lock/admit.h"

#define GATE_LONGEST NSEC_PER_SEC
/* Images are built on the same pool, and a look may stand behind them. */
#define TRY_DEADLINE (10 * NSEC_PER_MIN)
/*
 * A dying process closes the file of the release event a little before its locks are free (the kernel tells inotify
 * first), so the first look comes a moment later, and a second one later still. The slow one is for release_events that
 * nobody heard.
 */
#define AFTER_EVENT	  NSEC_PER_MSEC
#define AFTER_EVENT_AGAIN (20 * NSEC_PER_MSEC)
#define WITHOUT_EVENT	  NSEC_PER_SEC

static struct admit *admit_of(struct machine *m)
{
	return container_of(m, struct admit, machine);
}

static struct claim *claim_of(struct queue_entry *e)
{
	return container_of(e, struct claim, entry);
}

static void claim_free(struct claim *c)
{
	lock_set_release(&c->locks);
	err_free(c->err);
	free(c);
}

/* --- what is held ------------------------------------------------------------------------------------------------- */

static void add_holder(struct plan_holders *h, const struct cpu_plan *p)
{
	set_unite(&h->cpus, &p->cpu_locks);
	set_unite(&h->busy, &p->cpus);
	set_for_each(llc, &p->llcs) {
		if (p->llcs_exclusive && !cpuset_has(&p->shared_llcs, llc))
			cpuset_add(&h->llc_exclusive, llc);
		else
			h->llc_shared[llc]++;
	}
}

/* --- what this process may have at once --------------------------------------------------------------------------- */

static unsigned topology_width(const struct ktstr_topology *t)
{
	return t->llcs * t->cores * t->threads;
}

/* CPUs that the claim keeps busy. */
static unsigned claim_width(const struct cpu_request *r)
{
	unsigned vcpus = topology_width(&r->topology);
	if (r->tier != PLAN_BUDGET)
		return vcpus;
	return vcpus ? MIN_OF(vcpus, r->cpus) : r->cpus;
}

static bool room_has(const struct admit_room *room, const struct claim *c)
{
	return room->claims && room->cpus >= c->entry.cpus && room->memory_mib >= c->need.memory_mib;
}

static void room_take(struct admit_room *room, const struct claim *c)
{
	room->claims--;
	room->cpus -= c->entry.cpus;
	room->memory_mib -= c->need.memory_mib;
}

static void room_give(struct admit_room *room, const struct claim *c)
{
	room->claims++;
	room->cpus += c->entry.cpus;
	room->memory_mib += c->need.memory_mib;
}

/* --- on the pool: look, plan, take -------------------------------------------------------------------------------- */

/* Whether there is room of our own. What others may still grow by is not known, so what is free now has to do. */
static bool may_have(void *admit, struct queue_entry *e)
{
	const struct admit *a = admit;
	const struct claim *c = claim_of(e);
	bool alone = a->trying_room.memory_mib == a->config.memory_mib;
	return room_has(&a->trying_room, c) &&
	       (alone || !c->need.growth_mib || a->trying_free_mib >= c->need.memory_mib + c->need.growth_mib);
}

/* Takes what @e asks for when it is there. What fails otherwise is taken out of the queue too, with its error. */
static bool try_claim(void *admit, struct queue_entry *e)
{
	struct admit *a = admit;
	struct claim *c = claim_of(e);
	char taken[LOCK_NAME_MAX];
	int r = cpu_plan_make(a->config.host, &a->config.allowed, &a->holders, &c->request, &c->plan, NULL);
	if (r == 0 && a->config.dir)
		r = lock_set_take(a->config.dir, &c->plan, &c->locks, taken, &c->err);
	if (r == -EBUSY)
		return false;
	c->result = r;
	if (r == 0) {
		room_take(&a->trying_room, c);
		a->trying_free_mib -= MIN_OF(a->trying_free_mib, c->need.memory_mib);
		add_holder(&a->holders, &c->plan);
	}
	return true;
}

/* Time as tickets have it. */
static nsec_t ticket_clock(const struct admit *a)
{
	return a->config.simulated ? a->looked_at : nsec_clock(CLOCK_BOOTTIME);
}

/* Claims of one class are alike up to a factor of two. */
static unsigned width_class(const struct claim *c)
{
	return MIN_OF(31u - (unsigned)__builtin_clz(c->entry.cpus), WIDTH_CLASSES - 1u);
}

/* When this process last got as much as @c asks for, or @c asked: a fleet that is served does not hold others up. */
static nsec_t waits_since(const struct admit *a, const struct claim *c)
{
	nsec_t since = c->asked;
	for (unsigned w = width_class(c); w < WIDTH_CLASSES; w++)
		since = MAX_OF(since, a->let_in_at[w]);
	return since;
}

/*
 * The ticket is the oldest claim's, for as long as others have kept it waiting; what waits for room of our own has
 * none. Nobody reads young tickets, so they are only made when they are due. Without one we only wait longer.
 */
static void renew_ticket(struct admit *a)
{
	struct queue_entry *oldest = queue_oldest(&a->queue);
	nsec_t since = oldest ? waits_since(a, claim_of(oldest)) : 0;
	bool due = oldest && may_have(a, oldest) && a->looked_at - since >= a->config.patience;
	if (due && a->ticket.fd >= 0 && oldest->arrival == a->ticket_for)
		return;
	ticket_give_back(a->config.dir, &a->ticket);
	if (!due)
		return;
	a->ticket_for = oldest->arrival;
	ticket_take(a->config.dir, ticket_clock(a) - (a->looked_at - since), &a->ticket, NULL);
}

static int look(struct admit *a)
{
	if (ticket_must_wait(a->config.dir, &a->ticket, ticket_clock(a), a->config.patience)) {
		a->blocked = true;
		return 0;
	}
	/* Others stand back for the oldest: nobody else of ours may profit. */
	struct queue_entry *oldest = queue_oldest(&a->queue);
	if (oldest && oldest->arrival == a->ticket_for &&
	    ticket_urgent(&a->ticket, ticket_clock(a), a->config.patience))
		queue_urge(&a->queue);
	int r = lock_scan_run(&a->scan);
	if (r == 0)
		lock_scan_holders(&a->scan, a->config.host, &a->holders);
	a->holders.busy = a->busy_trying;
	return r;
}

static int try_blocking(void *arg)
{
	struct admit *a = arg;
	_cleanup_close_ int gate = -1;
	int r = 0;
	a->blocked = false;
	a->trying_free_mib = a->config.free_mib ? a->config.free_mib() : UINT64_MAX;
	if (a->config.dir) {
		gate = gate_enter(a->config.dir, GATE_LONGEST);
		if (a->inotify >= 0)
			release_event_renew(a->config.dir, a->inotify);
		r = look(a);
	}
	while (r == 0 && !a->blocked) {
		struct queue_entry *e = queue_pick(&a->queue, may_have, try_claim, a);
		if (!e)
			break;
		list_append(&a->granted, &claim_of(e)->node);
	}
	if (a->config.dir)
		renew_ticket(a);
	return r;
}

/* --- IDLE --------------------------------------------------------------------------------------------------------- */

static int idle(struct machine *m, int result)
{
	struct admit *a = admit_of(m);
	(void)result;
	timer_disarm(a->reactor, &a->again);
	machine_wait_notice(m, &a->due);
	return ADMIT_TRY;
}

/* --- TRY ---------------------------------------------------------------------------------------------------------- */

static void take_incoming(struct admit *a)
{
	for (struct list *it; (it = list_pop(&a->incoming));) {
		struct claim *c = list_entry(it, struct claim, node);
		if (!a->queue.count)
			a->progress = a->reactor->now;
		c->state = CLAIM_WAITING;
		queue_add(&a->queue, &c->entry);
	}
}

/* What this process has given out: without lock files all that is held. */
static void own_holders(struct admit *a)
{
	memset(&a->holders, 0, sizeof(a->holders));
	list_for_each(it, &a->held)
		add_holder(&a->holders, &list_entry(it, struct claim, node)->plan);
}

/* Whether it depends on others at all. */
static bool may_let_in(const struct admit *a)
{
	return a->queue.count && a->room.claims;
}

static int try_now(struct machine *m, int result)
{
	struct admit *a = admit_of(m);
	(void)result;
	take_incoming(a);
	/* The ticket is the pool's to give back, so a last try is made when a queue has become empty. */
	if (!may_let_in(a) && a->ticket.fd < 0)
		return ADMIT_IDLE;
	own_holders(a);
	a->busy_trying = a->holders.busy;
	a->trying_room = a->room;
	a->trying = true;
	a->looked_at = m->reactor->now;
	a->stats.tries++;
	machine_offload(m, &a->job, try_blocking, a);
	return ADMIT_WAIT;
}

/* --- WAIT --------------------------------------------------------------------------------------------------------- */

static void let_in(struct admit *a, struct claim *c)
{
	c->state = CLAIM_READY;
	c->waited = a->reactor->now - c->asked;
	a->progress = a->reactor->now;
	a->stats.grants++;
	if (c->result == 0) {
		room_take(&a->room, c);
		a->let_in_at[width_class(c)] = a->reactor->now;
		list_append(&a->held, &c->node);
	}
	notice_post(&c->ready);
}

/* What the pool has done, and what was asked of claims while it did; true when another look is due at once. */
static bool settle(struct admit *a)
{
	bool again = false;
	a->trying = false;
	for (struct list *it; (it = list_pop(&a->granted));) {
		struct claim *c = list_entry(it, struct claim, node);
		if (c->given_up) {
			a->given_up--;
			claim_free(c);
			again = true;
		} else {
			let_in(a, c);
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

/* Nobody was let in for too long: someone sits on the locks. The error says who. */
static void give_up(struct admit *a)
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
			&c->err, EXIT_CONTENTION, -EBUSY,
			"no CPUs for %s, and nobody was let in for as long; they are held by %s; see 'ktstr locks'",
			nsec_format(c->waited, waited), who.data);
		notice_post(&c->ready);
	}
}

static void arm_release_event(struct admit *a);

static int wait_for_change(struct machine *m, int result)
{
	struct admit *a = admit_of(m);
	static const nsec_t pauses[] = { AFTER_EVENT_AGAIN, WITHOUT_EVENT };
	bool again = settle(a);
	/* A scan that failed once (a directory in motion) may work the next time; give_up ends it otherwise. */
	(void)result;
	if (again || !list_empty(&a->incoming) || (!may_let_in(a) && a->ticket.fd >= 0))
		return ADMIT_TRY;
	if (!may_let_in(a))
		return ADMIT_IDLE;
	/* What this process holds itself comes back some day. */
	if (a->config.give_up && list_empty(&a->held) && m->reactor->now - a->progress >= a->config.give_up) {
		give_up(a);
		return ADMIT_TRY;
	}
	if (a->inotify >= 0)
		arm_release_event(a);
	timer_arm(m->reactor, &a->again,
		  m->reactor->now + pauses[MIN_OF(a->tries_since_event, ARRAY_SIZE(pauses) - 1)]);
	a->tries_since_event++;
	machine_wait_notice(m, &a->due);
	return ADMIT_TRY;
}

static void refuse(struct admit *a, struct claim *c, int result)
{
	c->state = CLAIM_READY;
	c->waited = a->reactor->now - c->asked;
	c->result = result;
	notice_post(&c->ready);
}

/* Whoever waits still is told that there is no more admission. */
static void on_done(struct machine *m, int result)
{
	struct admit *a = admit_of(m);
	result = result < 0 ? result : -ECANCELED;
	settle(a);
	for (struct list *it; (it = list_pop(&a->incoming));)
		refuse(a, list_entry(it, struct claim, node), result);
	for (struct queue_entry *e; (e = queue_oldest(&a->queue));) {
		queue_remove(&a->queue, e);
		refuse(a, claim_of(e), result);
	}
	if (a->config.dir)
		ticket_give_back(a->config.dir, &a->ticket);
	timer_disarm(m->reactor, &a->again);
}

static const struct machine_state states[ADMIT_STATE_MAX] = {
	[ADMIT_IDLE] = { .name = "idle", .run = idle, .next = TO(ADMIT_TRY) },
	[ADMIT_TRY] = { .name = "try",
			.run = try_now,
			.deadline = TRY_DEADLINE,
			.next = TO(ADMIT_WAIT) | TO(ADMIT_IDLE) },
	[ADMIT_WAIT] = { .name = "wait", .run = wait_for_change, .next = TO(ADMIT_TRY) | TO(ADMIT_IDLE) },
};
static const struct machine_type admit_type = { "admission", states, ADMIT_STATE_MAX, on_done };

/* --- what wakes it ------------------------------------------------------------------------------------------------ */

static void wake(struct admit *a)
{
	a->tries_since_event = 0;
	if (a->machine.started && !a->machine.ended)
		notice_post(&a->due);
}

static void on_again(struct timer *t)
{
	notice_post(&container_of(t, struct admit, again)->due);
}

void admit_rung(struct admit *a)
{
	a->stats.release_events++;
	a->tries_since_event = 0;
	/* While the pool looks the queue is its own; whoever waits then looks again in a moment. */
	if (!a->trying && may_let_in(a) && !a->machine.ended)
		timer_arm(a->reactor, &a->again, a->reactor->now + AFTER_EVENT);
}

static void on_release_event(struct op *op)
{
	struct admit *a = container_of(op, struct admit, release_event);
	char events[4096];
	a->event_armed = false;
	if (op->result < 0)
		return;
	while (read(a->inotify, events, sizeof(events)) > 0)
		;
	admit_rung(a);
}

static void arm_release_event(struct admit *a)
{
	if (a->event_armed)
		return;
	a->event_armed = true;
	a->release_event = (struct op){ .kind = OP_POLL, .fd = a->inotify, .len = POLLIN, .done = on_release_event };
	op_submit(a->reactor, &a->release_event);
}

/* --- for others --------------------------------------------------------------------------------------------------- */

int admit_start(struct reactor *r, struct admit *a, const struct admit_config *config, struct err **err)
{
	int result = 0;
	*a = (struct admit){ .config = *config,
			     .reactor = r,
			     .inotify = -1,
			     .ticket = TICKET_NULL,
			     .room = { config->memory_mib, config->cpus ?: UINT_MAX, config->claims ?: UINT_MAX },
			     .again = { .fire = on_again } };
	if (!a->config.patience)
		a->config.patience = TICKET_PATIENCE;
	queue_init(&a->queue, QUEUE_OVERTAKES_MAX);
	list_init(&a->incoming);
	list_init(&a->granted);
	list_init(&a->held);
	if (config->dir) {
		result = lock_scan_init(&a->scan, config->dir->path, NULL, NULL, "/proc");
		a->scan.anonymous = true;
		if (result == 0 && !config->simulated)
			result = release_event_watch(config->dir, &a->inotify, err);
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
	if (a->event_armed)
		op_cancel(a->reactor, &a->release_event);
	while ((a->machine.started && !a->machine.ended) || a->event_armed)
		if (reactor_turn(a->reactor, NSEC_NEVER) < 0)
			break;
	REQUIRE(list_empty(&a->held));
	lock_scan_done(&a->scan);
	a->inotify = fd_close(a->inotify);
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
		buf_puts(out, "nobody that can be seen");
}

/* On an idle host. Fleets ask for the same again and again. */
static int check_possible(struct admit *a, struct claim *c)
{
	const struct cpu_request *q = &c->request, *last = &a->possible;
	const struct ktstr_topology *t = &q->topology, *u = &last->topology;
	if (a->possible_known && q->tier == last->tier && q->cpus == last->cpus && t->llcs == u->llcs &&
	    t->cores == u->cores && t->threads == u->threads)
		return 0;
	int r = cpu_plan_make(a->config.host, &a->config.allowed, NULL, q, &c->plan, &c->err);
	a->possible_known = r == 0;
	a->possible = *q;
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
		c->result = FAIL(&c->err, EXIT_CONTENTION, -ERANGE,
				 "%lu MiB are more than the %lu MiB of memory to share%s%s", need.memory_mib,
				 a->config.memory_mib, a->config.memory_note ? "; " : "",
				 a->config.memory_note ? a->config.memory_note : "");
	if (c->result == 0 && a->config.cpus && c->entry.cpus > a->config.cpus)
		c->result = FAIL(&c->err, EXIT_CONTENTION, -ERANGE, "%u CPUs are more than the %u CPUs of the cap",
				 c->entry.cpus, a->config.cpus);
	if (c->result < 0 || a->machine.ended) {
		c->result = c->result < 0 ? c->result : -ECANCELED;
		c->state = CLAIM_READY;
		notice_post(&c->ready);
		return c;
	}
	list_append(&a->incoming, &c->node);
	wake(a);
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
		a->progress = a->reactor->now;
	}
	claim_free(c);
	if (held || waiting)
		wake(a);
}
