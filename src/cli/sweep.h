/* SPDX-License-Identifier: GPL-2.0-only */
/* sweep.h -- a verifier sweep as a run of tests: what `ktstr verifier` adds to `ktstr test`. */
#ifndef KTSTR_CLI_SWEEP_H
#define KTSTR_CLI_SWEEP_H

#include "cli/options.h"
#include "run/cells.h"
#include "run/records.h"

struct session;

struct sweep_plan {
	const char *const *names, *const *programs; /* of schedulers; NULL-terminated */
	const char *const *presets;		    /* NULL-terminated; empty: all */
	const struct strings *profiles;		    /* names of profiles that are asked for; NULL: none */
	bool all_profiles;
	/* After the run: shows the results. Returns an error, or 0. */
	int (*finish)(const struct sweep_plan *p, const struct run_records *records, struct err **err);
	const void *args;
};

/* Replaces the suites of the session by the suite of the sweep's cells. */
int sweep_suites(struct session *s, const struct sweep_plan *p, struct err **err);

#endif
