/* SPDX-License-Identifier: GPL-2.0-only */
/* sweep.h -- a verifier sweep as a run of tests: what `ktstr verifier` adds to `ktstr test`. */
#ifndef KTSTR_CLI_SWEEP_H
#define KTSTR_CLI_SWEEP_H

#include "cli/options.h"
#include "cli/test_source.h"
#include "run/cells.h"
#include "run/records.h"

struct sweep_plan {
	struct test_source source;
	const char *const *names, *const *programs; /* of schedulers; NULL-terminated */
	const struct strings *profiles;		    /* names of profiles that are asked for; NULL: none */
	bool all_profiles;
	const void *args;
};

/* For test_source.suites of a sweep_plan: the suite of the sweep's cells. */
int sweep_suites(const struct test_source *from, struct session *s, struct err **err);

#endif
