/* SPDX-License-Identifier: GPL-2.0-only */
/* choose.h -- the choice behind every plan: room enough in the fewest nodes, nearest first, then the fewest cells. */
#ifndef KTSTR_LOCK_CHOOSE_H
#define KTSTR_LOCK_CHOOSE_H

#include "lock/host.h"

/* A cell that could be taken. */
struct unit {
	struct cpuset_bits cpus; /* free ones in it */
	uint16_t cell, llc, node;
	uint16_t room;	  /* how many blocks fit; at least 1 */
	uint16_t sharers; /* others that hold its LLC shared */
	bool picked;
};

/* Marks units whose rooms add up to @need at least; false when all of them do not. @node: the host's. */
bool choose_units(const struct host *h, struct unit *unit, unsigned count, unsigned need);

#endif
