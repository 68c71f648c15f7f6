/* SPDX-License-Identifier: GPL-2.0-only */
/* canned.h -- scenarios that most schedulers should pass, by name. */
#ifndef KTSTR_CANNED_H
#define KTSTR_CANNED_H

#include <ktstr/scenario.h>

KTSTR_BEGIN_C

struct ktstr_canned {
	const char *name, *category, *description;
	unsigned min_llcs, min_cpus, min_nodes; /* with fewer: SKIP. Only usable CPUs count */
};

/* The table, ended by an entry without a name; sorted by category. */
const struct ktstr_canned *ktstr_canned_list(void);
/* SKIP where the machine is too small; FAIL with a detail for an unknown name. */
enum ktstr_verdict ktstr_run_canned(struct ktstr_ctx *t, const char *name);

KTSTR_END_C

#endif
