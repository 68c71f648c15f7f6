/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ddmin.h -- delta debugging (Zeller and Hildebrandt, 2002) as a state machine: which parts of a list to try next. It
 * runs nothing and knows nothing of what the items are.
 *
 * A candidate is the list without some of its items. It is accepted if the failure shows with it, and then the list
 * is what is left. At the end, no single item can be left out.
 */
#ifndef KTSTR_SHRINK_DDMIN_H
#define KTSTR_SHRINK_DDMIN_H

#include <stdbool.h>
#include <stddef.h>

struct ddmin {
	bool *kept;	     /* of all items */
	size_t items, count; /* count: that are kept */
	size_t parts, at;    /* part number @at of @parts is the next to leave out; parts 0: all are */
};

/* All items are kept. -ENOMEM. */
int ddmin_init(struct ddmin *d, size_t items);
void ddmin_done(struct ddmin *d);

/*
 * The candidate that comes after @ahead others if all of those are rejected, as flags of the items that it keeps
 * (@keep has room for all). False: there is none.
 */
bool ddmin_candidate(const struct ddmin *d, size_t ahead, bool *keep);
/* What became of the candidate with ahead 0. */
void ddmin_tell(struct ddmin *d, bool accepted);

/*
 * How often a candidate must run without the failure until it is rejected, so that it is wrongly rejected with at most
 * the probability @error: 0 < @error < 1. @rate: how often the failure shows, 0 .. 1. At least 1, at most @most.
 */
unsigned ddmin_tries(double rate, double error, unsigned most);

#endif
