/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pairing.h -- divides two selections of rows into groups that can be compared: the same test, and the same value of
 * every dimension in which the two sides are not meant to differ.
 */
#ifndef KTSTR_STATS_PAIRING_H
#define KTSTR_STATS_PAIRING_H

#include "stats/filter.h"

enum side { SIDE_A, SIDE_B, SIDE_MAX };

/* What rows of one side in one group come to. */
struct contributors {
	const struct row **row;
	size_t count, passed;
	uint8_t verdict;   /* the most severe one */
	bool clean, dirty; /* rows of clean and of changed working trees */
};

struct group {
	uint32_t test, of[DIMENSION_MAX]; /* the key; 0 also where the dimension is not part of it */
	struct contributors side[SIDE_MAX];
};

struct pairing {
	bool slices[DIMENSION_MAX]; /* dimensions in which the sides differ */
	unsigned slicing;	    /* how many */
	bool keyed[DIMENSION_MAX];  /* dimensions of the key */
	bool varies[DIMENSION_MAX]; /* and those in which groups differ */
	struct group *group;
	size_t groups, room;
	size_t selected[SIDE_MAX]; /* rows */
	size_t dirty[SIDE_MAX];	   /* of them, those of changed working trees */
	const struct row **rows;   /* memory of the groups' lists */
};

/*
 * Selects and groups. Rows that are not results are left out. Groups are in the order of test and key. Texts of commits
 * without their "-dirty" are added to @p. -ENOMEM.
 */
int pair_rows(struct pool *p, const struct filter side[SIDE_MAX], struct pairing *ret);
void pairing_done(struct pairing *g);

#endif
