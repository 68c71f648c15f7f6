/* SPDX-License-Identifier: GPL-2.0-only */
/* schedules.h -- a plan with many schedules of each test, made from a plan that has each test once. */
#ifndef KTSTR_RUN_SCHEDULES_H
#define KTSTR_RUN_SCHEDULES_H

#include "run/plan.h"

/*
 * Gives @c the perturbation @p: its name ends with "@SEED", or with "@SEED+EVENT:SEED" where @p has branches, and its
 * results are others. -ENOMEM.
 */
int schedule_set(struct plan_case *c, const struct observe_perturb *p);

struct schedules_request {
	const struct plan *base; /* without perturbations */
	unsigned count;		 /* schedules of each test that can be perturbed */
	bool only_perturbed;	 /* leave out the others: tests that are skipped, or have no machine */
	/* Says how the test @index of @base is to be perturbed next. */
	void (*choose)(void *data, size_t index, struct observe_perturb *ret);
	void *data;
};

/* @ret_of: for each case of @ret, its index in the base; the caller frees. The caller calls plan_done(). */
int schedules_plan(const struct schedules_request *q, struct plan *ret, size_t **ret_of, struct err **err);
/* Can the test have several schedules? */
bool schedules_apply(const struct plan_case *c);

#endif
