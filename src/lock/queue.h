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

#define QUEUE_OVERTAKES_MAX 200

struct queue_entry {
	struct list node;	/* the queue's */
	unsigned cpus;		/* how wide */
	nsec_t estimate;	/* how long, as far as known; 0: not known. Longer ones first among equally wide ones */
	uint64_t arrival;	/* the queue's: number of those that came before */
	unsigned overtaken;	/* the queue's: by how many later arrivals */
};

struct queue {
	struct list waiting;	/* in the order of arrival */
	uint64_t arrivals;
	unsigned count;
	unsigned overtakes_max;
};

void queue_init(struct queue *q, unsigned overtakes_max);
void queue_add(struct queue *q, struct queue_entry *e);
void queue_remove(struct queue *q, struct queue_entry *e);
/* The one that came first, or NULL. */
struct queue_entry *queue_oldest(const struct queue *q);

typedef bool queue_fits_fn(void *data, struct queue_entry *e);
/* Takes out the one to let in now; NULL: nobody fits, or someone overdue does not yet. */
struct queue_entry *queue_pick(struct queue *q, queue_fits_fn *fits, void *data);

#endif
