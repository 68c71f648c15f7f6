/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * queue.h -- which entry is admitted next: the policy alone, without clocks, locks or state machines.
 *
 * The widest entry that fits goes first: wide entries are hard to place later, and narrow ones fill the gaps. When the
 * limit of later arrivals has overtaken an entry, no other entry is admitted until it fits. So no entry waits for ever,
 * and capacity stays idle only while an overdue entry waits for more.
 */
#ifndef KTSTR_LOCK_QUEUE_H
#define KTSTR_LOCK_QUEUE_H

#include <stdint.h>

#include "base/list.h"
#include "base/time.h"
#include "lock/set.h"

#define QUEUE_OVERTAKES_MAX 200
#define QUEUE_WIDTHS	    SET_END /* the last index holds all wider ones, too */

struct queue_entry {
	struct list node;     /* the queue's: in `waiting` */
	struct list peer;     /* the queue's: in `width[]` */
	unsigned cpus;	      /* width */
	nsec_t estimate;      /* how long it will run; 0: unknown. Longest first among equal widths */
	uint64_t arrival;     /* the queue's: number of earlier arrivals */
	uint64_t left_behind; /* the queue's: later arrivals that were removed without admission */
	bool urgent;	      /* the queue's: see queue_urge() */
};

struct queue {
	struct list waiting;		 /* in the order of arrival */
	struct list width[QUEUE_WIDTHS]; /* longest first, then by arrival */
	struct cpuset_bits widths;	 /* those with entries */
	uint64_t arrivals, taken, removed;
	unsigned count;
	unsigned overtakes_max;
};

void queue_init(struct queue *q, unsigned overtakes_max);
void queue_add(struct queue *q, struct queue_entry *e);
void queue_remove(struct queue *q, struct queue_entry *e);
/* The earliest arrival, or NULL. */
struct queue_entry *queue_oldest(const struct queue *q);
/* How many later arrivals were admitted before the oldest. No other entry was overtaken more often. */
uint64_t queue_overtaken(const struct queue *q, const struct queue_entry *oldest);
/* Admit the oldest next, as if it had been overtaken too often. */
void queue_urge(struct queue *q);

/* Must leave an entry that does not fit unchanged. */
typedef bool queue_fits_fn(void *data, struct queue_entry *e);
/*
 * Removes and returns the entry to admit now; NULL: no entry fits, or an overdue one does not fit yet. @may is a cheap
 * filter, NULL: all pass. Per width, the first entry that passes @may is the candidate, and @fits is called for it
 * only.
 */
struct queue_entry *queue_pick(struct queue *q, queue_fits_fn *may, queue_fits_fn *fits, void *data);

#endif
