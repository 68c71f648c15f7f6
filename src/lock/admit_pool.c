/* SPDX-License-Identifier: GPL-2.0-only */
/* admit_pool.c -- see admit_pool.h. */
#include <string.h>

#include "lock/admit_pool.h"

#define GATE_LONGEST NSEC_PER_SEC

void holders_add_plan(struct plan_holders *h, const struct cpu_plan *p)
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

static bool room_has(const struct admit_room *room, const struct claim *c)
{
	return room->claims && room->cpus >= c->entry.cpus && room->memory_mib >= c->need.memory_mib;
}

void room_take(struct admit_room *room, const struct claim *c)
{
	room->claims--;
	room->cpus -= c->entry.cpus;
	room->memory_mib -= c->need.memory_mib;
}

void room_give(struct admit_room *room, const struct claim *c)
{
	room->claims++;
	room->cpus += c->entry.cpus;
	room->memory_mib += c->need.memory_mib;
}

/* Whether the limits of this process permit the claim. The growth of other claims is unknown, so it must fit now. */
static bool own_room_suffices(void *admit, struct queue_entry *e)
{
	const struct admit *a = admit;
	const struct claim *c = claim_of(e);
	bool alone = a->pool.room.memory_mib == a->config.memory_mib;
	return room_has(&a->pool.room, c) &&
	       (alone || !c->need.growth_mib || a->pool.free_mib >= c->need.memory_mib + c->need.growth_mib);
}

/* Plans and locks CPUs for @e. False: they are busy. A claim that fails otherwise leaves the queue with its error. */
static bool try_claim(void *admit, struct queue_entry *e)
{
	struct admit *a = admit;
	struct claim *c = claim_of(e);
	char taken[LOCK_NAME_MAX];
	int r = cpu_plan_make(a->config.host, &a->config.allowed, &a->pool.holders, &c->request, &c->plan, NULL);
	if (r == 0 && a->config.dir)
		r = lock_set_take(a->config.dir, &c->plan, &c->locks, taken, &c->err);
	if (r == -EBUSY)
		return false;
	c->result = r;
	if (r == 0) {
		room_take(&a->pool.room, c);
		a->pool.free_mib -= MIN_OF(a->pool.free_mib, c->need.memory_mib);
		holders_add_plan(&a->pool.holders, &c->plan);
	}
	return true;
}

/* The clock of tickets. */
static nsec_t ticket_clock(const struct admit *a)
{
	return a->config.simulated ? a->pool.started : nsec_clock(CLOCK_BOOTTIME);
}

unsigned width_class(const struct claim *c)
{
	return MIN_OF(31u - (unsigned)__builtin_clz(c->entry.cpus), WIDTH_CLASSES - 1u);
}

/* From when on @c waits: since it asked, or since this process last got as many CPUs, if that is later. So a fleet that
 * is being served does not block other processes. */
static nsec_t waiting_since(const struct admit *a, const struct claim *c)
{
	nsec_t since = c->asked;
	for (unsigned w = width_class(c); w < WIDTH_CLASSES; w++)
		since = MAX_OF(since, a->fairness.admitted_at[w]);
	return since;
}

/*
 * The ticket is for the oldest claim, unless that waits for limits of this process. Other processes ignore tickets
 * younger than the overtake time, so it is made only then. Without a ticket this process merely waits longer.
 */
static void renew_ticket(struct admit *a)
{
	struct queue_entry *oldest = queue_oldest(&a->queue);
	nsec_t since = oldest ? waiting_since(a, claim_of(oldest)) : 0;
	bool due = oldest && own_room_suffices(a, oldest) && a->pool.started - since >= a->config.overtake_time;
	if (due && a->fairness.ticket.fd >= 0 && oldest->arrival == a->fairness.ticket_arrival)
		return;
	ticket_give_back(a->config.dir, &a->fairness.ticket);
	if (!due)
		return;
	a->fairness.ticket_arrival = oldest->arrival;
	ticket_take(a->config.dir, ticket_clock(a) - (a->pool.started - since), &a->fairness.ticket, NULL);
}

static int check_locks(struct admit *a)
{
	if (ticket_must_wait(a->config.dir, &a->fairness.ticket, ticket_clock(a), a->config.overtake_time)) {
		a->pool.blocked = true;
		return 0;
	}
	/* Other processes wait for our oldest claim, so it goes before our other claims, too. */
	struct queue_entry *oldest = queue_oldest(&a->queue);
	if (oldest && oldest->arrival == a->fairness.ticket_arrival &&
	    ticket_urgent(&a->fairness.ticket, ticket_clock(a), a->config.overtake_time))
		queue_urge(&a->queue);
	int r = lock_scan_run(&a->scan);
	if (r == 0)
		lock_scan_holders(&a->scan, a->config.host, &a->pool.holders);
	a->pool.holders.busy = a->pool.own_busy;
	return r;
}

int admit_try_blocking(void *admit)
{
	struct admit *a = admit;
	_cleanup_close_ int gate = -1;
	int r = 0;
	a->pool.blocked = false;
	a->pool.free_mib = a->config.free_mib ? a->config.free_mib() : UINT64_MAX;
	if (a->config.dir) {
		gate = gate_enter(a->config.dir, GATE_LONGEST);
		if (a->wakeup.inotify >= 0)
			release_event_renew(a->config.dir, a->wakeup.inotify);
		r = check_locks(a);
	}
	while (r == 0 && !a->pool.blocked) {
		struct queue_entry *e = queue_pick(&a->queue, own_room_suffices, try_claim, a);
		if (!e)
			break;
		list_append(&a->pool.granted, &claim_of(e)->node);
	}
	if (a->config.dir)
		renew_ticket(a);
	return r;
}
