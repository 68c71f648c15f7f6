/* SPDX-License-Identifier: GPL-2.0-only */
/* turn_queue.h -- which vCPU has the next turn: those that are awake, by their clocks. */
#ifndef KTSTR_VMM_QEMU_PRELOAD_TURN_QUEUE_H
#define KTSTR_VMM_QEMU_PRELOAD_TURN_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

struct turn_queue_entry {
	int64_t at;
	unsigned vcpu;
};

/*
 * A binary heap: a parent is never later than its children, and of equal times the lower vCPU comes first. So the order
 * of turns depends on the clocks alone, not on how the queue came about.
 */
struct turn_queue {
	struct turn_queue_entry *entry;
	unsigned *place; /* of a vCPU in `entry`; TURN_QUEUE_NOWHERE: it is not in the queue */
	unsigned count;
};

#define TURN_QUEUE_NOWHERE (~0u)

/* For vCPUs 0 .. @vcpus - 1. False: there is no memory. */
bool turn_queue_init(struct turn_queue *q, unsigned vcpus);
void turn_queue_done(struct turn_queue *q);
/* Adds a vCPU, or changes its time. */
void turn_queue_put(struct turn_queue *q, unsigned vcpu, int64_t at);
/* It may not be in the queue. */
void turn_queue_remove(struct turn_queue *q, unsigned vcpu);

static inline bool turn_queue_empty(const struct turn_queue *q)
{
	return !q->count;
}

/* The first vCPU; the queue is not empty. */
static inline unsigned turn_queue_first(const struct turn_queue *q)
{
	return q->entry[0].vcpu;
}

/* The time of the second vCPU. False: there is none. */
static inline bool turn_queue_second(const struct turn_queue *q, int64_t *ret)
{
	if (q->count < 2)
		return false;
	*ret = q->count > 2 && q->entry[2].at < q->entry[1].at ? q->entry[2].at : q->entry[1].at;
	return true;
}

#endif
