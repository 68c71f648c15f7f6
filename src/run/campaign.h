/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * campaign.h -- many schedules of tests, in rounds: what is learnt in one round decides which schedules the next one
 * has. Between rounds, what is known is kept (corpus.h).
 */
#ifndef KTSTR_RUN_CAMPAIGN_H
#define KTSTR_RUN_CAMPAIGN_H

#include "base/json.h"
#include "report/signatures.h"
#include "run/corpus.h"
#include "run/schedules.h"

struct attempt;

struct campaign_config {
	const struct plan *base;	/* each test once, without perturbations */
	struct observe_perturb perturb; /* how; its seed is the first one, or 0: after those of earlier campaigns */
	const char *dir;		/* for what is kept; NULL: nothing is */
	uint64_t seed;			/* of the runs */
	unsigned lag_ns;
	bool clones;
	unsigned vary;		  /* in percent; see corpus_choose() */
	unsigned signatures_most; /* different failures after which it ends; 0: any number */
};

struct campaign {
	struct campaign_config config;
	struct corpus *corpus; /* of each test of the base */
	struct plan plan;      /* of this round */
	size_t *of;	       /* for each case of it, the test */
	unsigned rounds;
	unsigned before, added; /* orders of all tests that were known, and that this campaign has shown */
	uint64_t earlier;	/* schedules of earlier campaigns */
	struct campaign_failure {
		size_t test;
		char signature[SIGNATURE_MAX];
	} * failure; /* different ones */
	size_t failures;
};

/* @ret is to be closed also after an error. */
int campaign_open(struct campaign *ret, const struct campaign_config *config, struct err **err);
/* Plans @count more schedules of each test. */
int campaign_plan(struct campaign *c, unsigned count, struct err **err);
/* A schedule of the plan has its verdict. Returns whether there are enough different failures. */
bool campaign_note(struct campaign *c, const struct attempt *a, enum ktstr_verdict verdict);
int campaign_save(const struct campaign *c, struct err **err);
/* {"earlier", "varied", "orders", "new_orders"} */
json_t *campaign_json(const struct campaign *c);
/* The same as a line of text, for the user. */
void campaign_render(const struct campaign *c, struct buf *out);
void campaign_done(struct campaign *c);

#endif
