/* SPDX-License-Identifier: GPL-2.0-only */
/* sidecar.h -- one JSON file a test: what was run, what came of it, what was measured. */
#ifndef KTSTR_REPORT_SIDECAR_H
#define KTSTR_REPORT_SIDECAR_H

#include "base/err.h"
#include "report/result.h"

#define SIDECAR_SCHEMA_VERSION 2

/* A new object with every key of docs/sidecar.schema.json; NULL: out of memory. */
json_t *sidecar_json(const struct result *r);
/* May this member of a sidecar differ between two runs of one seed? */
bool sidecar_is_volatile(const char *key);
/* The member "stats" alone; a new object. */
json_t *stats_json(const struct scenario_stats *s);
/* What makes a variant of a test; strings may be NULL. */
struct sidecar_variant {
	const char *topology, *scheduler, *payload;
	const char *kernel; /* label */
	const char *suite;  /* name of the test binary */
	const char *const *sysctls, *const *kargs;
};

/*
 * SipHash-1-3 over it: the number in the sidecar's file name. Results of other kernels and other suites have another
 * one, so that they can lie in one directory. Commits, host and run are left out: a rerun replaces the result.
 */
uint64_t sidecar_variant(const struct sidecar_variant *v);

#endif
