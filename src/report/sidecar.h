/* SPDX-License-Identifier: GPL-2.0-only */
/* sidecar.h -- one JSON file a test: what was run, what came of it, what was measured (behaviour 5.3). */
#ifndef KTSTR_REPORT_SIDECAR_H
#define KTSTR_REPORT_SIDECAR_H

#include "base/err.h"
#include "report/result.h"

#define SIDECAR_SCHEMA_VERSION 1

/* A new object. The members that may differ between two runs of one seed are all below "volatile". */
json_t *sidecar_json(const struct result *r);
/* The member "stats" alone; a new object. */
json_t *stats_json(const struct scenario_stats *s);
/*
 * SipHash-1-3 over what makes a variant of a test: topology, scheduler, work type, sysctls, kernel arguments. Kernels
 * and commits are left out on purpose: a run again writes over.
 */
uint64_t sidecar_variant(const char *topology, const char *scheduler, const char *const *sysctls,
			 const char *const *kargs);

#endif
