/* SPDX-License-Identifier: GPL-2.0-only */
/* units.h -- which cells a plan uses: enough room in the fewest nodes, the nearest ones, then the fewest cells. */
#ifndef KTSTR_LOCK_UNITS_H
#define KTSTR_LOCK_UNITS_H

#include "lock/host.h"

/* A cell that a plan may use. */
struct unit {
	struct cpuset_bits cpus; /* its free CPUs */
	uint16_t cell, llc, node;
	uint16_t room;	  /* number of blocks of CPUs that fit; at least 1 */
	uint16_t sharers; /* number of holders of its LLC's shared lock */
	bool picked;
};

/* Sets `picked` on units whose rooms sum to at least @need. False: all units together have less. */
bool choose_units(const struct host *h, struct unit *unit, unsigned count, unsigned need);

#endif
