/* SPDX-License-Identifier: GPL-2.0-only */
/* sidecar.h -- the JSON file of a test: what was run, the verdict, and the measurements. */
#ifndef KTSTR_REPORT_SIDECAR_H
#define KTSTR_REPORT_SIDECAR_H

#include "base/err.h"
#include "report/result.h"

#define SIDECAR_SCHEMA_VERSION 2

/* A new object with every key of docs/sidecar.schema.json; NULL: out of memory. */
json_t *sidecar_json(const struct result *r);
/* May this member of a sidecar differ between two runs of one seed? */
bool sidecar_is_volatile(const char *key);
/* The member "stats" as a new object. */
json_t *stats_json(const struct scenario_stats *s);
/* The properties that distinguish variants of a test; strings may be NULL. */
struct sidecar_variant {
	const char *topology, *scheduler, *payload;
	const char *kernel; /* label */
	const char *suite;  /* name of the test binary */
	const char *const *sysctls, *const *kargs;
};

/*
 * SipHash-1-3 of the variant, for the sidecar's file name. Results of different kernels and suites have different
 * hashes, so they can be in one directory. Commits, host and run are not part of it, so that a rerun replaces the
 * result.
 */
uint64_t sidecar_variant(const struct sidecar_variant *v);

#endif
