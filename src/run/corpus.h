/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * corpus.h -- what is known of the schedules of one test: how many have run, in which orders CPUs reached the same
 * objects, and which schedules added to that. It says which schedule is to be tried next. Kept in a file, so that the
 * next campaign goes on.
 */
#ifndef KTSTR_RUN_CORPUS_H
#define KTSTR_RUN_CORPUS_H

#include "base/err.h"
#include "base/json.h"
#include "vmm/observe.h"

#define CORPUS_ENTRIES_MAX 1024

/* A schedule that showed a new order. */
struct corpus_entry {
	uint64_t seed, events; /* how many events it had, about */
	uint32_t branches;
	struct observe_branch branch[OBSERVE_BRANCHES_MAX];
	uint32_t added;	 /* orders that it was the first to show */
	uint32_t varied; /* how often it was */
};

struct corpus {
	char *path; /* NULL: it is not kept */
	uint64_t next_seed;
	uint64_t schedules, varied; /* that have run; of these, variations of others */
	uint64_t choices;
	struct observe_orders *seen;
	unsigned orders;
	struct corpus_entry *entry; /* CORPUS_ENTRIES_MAX */
	size_t entries;
};

/*
 * Reads DIR/IDENTITY.json, if it is there; a damaged file is one that knows nothing. @dir: NULL: it begins anew, and is
 * not kept.
 */
int corpus_open(struct corpus *c, const char *dir, uint64_t identity, struct err **err);
/* What such a file says, into a new corpus. What is not understood is left out. */
void corpus_take(struct corpus *c, const json_t *root);
/*
 * Puts a seed, and perhaps branches, into @p. Of a hundred schedules, @vary are variations: the same beginning as one
 * that showed a new order, and another end. A policy with a depth has no variations.
 */
void corpus_choose(struct corpus *c, unsigned vary, struct observe_perturb *p);
/* A schedule has run. @orders: NULL: not known. Returns how many orders are new. */
unsigned corpus_note(struct corpus *c, const struct observe_perturb *p, const struct observe_orders *orders,
		     uint64_t events);
/* Blocks. */
int corpus_save(const struct corpus *c, struct err **err);
void corpus_done(struct corpus *c);

#endif
