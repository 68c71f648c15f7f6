/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * exact_figures.h -- the figures of each load and of each control group: how the wake-ups and waits of all its workers
 * are spread, how far they moved, and how much they stayed in one place.
 */
#ifndef KTSTR_RUN_EXACT_FIGURES_H
#define KTSTR_RUN_EXACT_FIGURES_H

#include "run/exact.h"

/* Where workers ran in the windows. Their order is not that of the evidence. */
struct exact_runs {
	const uint32_t *load_of; /* of each worker */
	const uint64_t *ns;	 /* of each worker, its time on each CPU */
};

/* Fills @ret->load and @ret->cgroup. The machine has ended. -ENOMEM. */
int exact_figures_measure(const struct exact *x, const struct evidence *e, const struct exact_runs *runs,
			  struct exact_evidence *ret);

#endif
