/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * queue.h -- who is let in next: the policy alone, without clocks, locks or machines.
 *
 * The widest that fits goes first, so that what is hard to place is not left for the end and small ones fill the gaps.
 * Whoever was overtaken by later arrivals as often as the limit says is waited for: then nobody else is let in until it
 * fits. So nobody waits for ever, wide or narrow, and capacity stands idle only while someone overdue is waited for.
 */
#ifndef KTSTR_LOCK_QUEUE_H
#define KTSTR_LOCK_QUEUE_H

#include <stdint.h>

#include "base/list.h"
#include "base/time.h"
#include "lock/set.h"

#define QUEUE_OVERTAKES_MAX 200
#define QUEUE_WIDTHS	    SET_END /* wider ones wait with the widest */

struct queue_entry {
	struct list node;     /* the queue's: among all that wait */
	struct list peer;     /* the queue's: among those of its width */
	unsigned cpus;	      /* how wide */
	nsec_t estimate;      /* how long, as far as known; 0: not known. Longer ones first among equally wide ones */
	uint64_t arrival;     /* the queue's: number of those that came before */
	uint64_t left_behind; /* the queue's: later arrivals that left without being let in */
	bool urgent;	      /* the queue's: see queue_urge() */
};

struct queue {
	struct list waiting;		 /* in the order of arrival */
	struct list width[QUEUE_WIDTHS]; /* longer ones first, then by arrival */
	struct cpuset_bits widths;	 /* those that someone waits in */
	uint64_t arrivals, taken, removed;
	unsigned count;
	unsigned overtakes_max;
};

void queue_init(struct queue *q, unsigned overtakes_max);
void queue_add(struct queue *q, struct queue_entry *e);
void queue_remove(struct queue *q, struct queue_entry *e);
/* The one that came first, or NULL. */
struct queue_entry *queue_oldest(const struct queue *q);
/* How many later arrivals were let in before the oldest. Nobody else was overtaken more often. */
uint64_t queue_overtaken(const struct queue *q, const struct queue_entry *oldest);
/* From now on the oldest is waited for, as if it had been overtaken too often. */
void queue_urge(struct queue *q);

/* What does not fit stays as it is. */
typedef bool queue_fits_fn(void *data, struct queue_entry *e);
/*
 * Takes out the one to let in now; NULL: nobody fits, or someone overdue does not yet. @may is cheap, and asked along
 * each width until one may, whatever CPUs are free; NULL: all may. @fits is asked once for each width, of that one.
 */
struct queue_entry *queue_pick(struct queue *q, queue_fits_fn *may, queue_fits_fn *fits, void *data);

#endif
