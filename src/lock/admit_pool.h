/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * admit_pool.h -- one try of admission, on the offload pool: read who holds which CPUs, plan, take the locks. For
 * admit.c only.
 */
#ifndef KTSTR_LOCK_ADMIT_POOL_H
#define KTSTR_LOCK_ADMIT_POOL_H

#include "lock/admit.h"

static inline struct claim *claim_of(struct queue_entry *e)
{
	return container_of(e, struct claim, entry);
}

/* The index in admit_fairness.admitted_at: widths within a factor of two share one. */
unsigned width_class(const struct claim *c);
void room_take(struct admit_room *room, const struct claim *c);
void room_give(struct admit_room *room, const struct claim *c);
void holders_add_plan(struct plan_holders *h, const struct cpu_plan *p);

/* The offload job; @admit: struct admit. Moves admitted and failed claims from the queue to pool.granted. */
int admit_try_blocking(void *admit);

#endif
