/* SPDX-License-Identifier: GPL-2.0-only */
/* planner.h -- partitions of a plan, estimated times, and the order of the cases. */
#ifndef KTSTR_RUN_PLANNER_H
#define KTSTR_RUN_PLANNER_H

#include <jansson.h>

#include "run/plan.h"

/* --- partitions --------------------------------------------------------------------------------------------------- */

enum partition_kind { PARTITION_NONE, PARTITION_COUNT, PARTITION_HASH };

struct partition {
	enum partition_kind kind;
	uint32_t index, of; /* 1 <= index <= of */
};

/* "count:1/3": every third case, from the first; "hash:2/3": by the hash of the name, independent of other cases. */
int partition_parse(const char *text, struct partition *ret, struct err **err);
void plan_partition(struct plan *p, const struct partition *part);
/* Drops the cases whose @keep is false. */
void plan_keep(struct plan *p, const bool *keep);

/* --- times -------------------------------------------------------------------------------------------------------- */

/*
 * Host times of the newest run of each test, by backend and name, from the sidecars in KTSTR_SIDECAR_DIR, else in the
 * run directories. Ignores unreadable files. NULL: out of memory.
 */
json_t *durations_load(void);
void durations_add(json_t *durations, const json_t *sidecar);
/* Estimated host time of a test without earlier runs, by the model in docs/design/run.md. */
nsec_t estimate_model(const char *backend, bool parallel, const struct ktstr_topology *t, nsec_t duration,
		      unsigned dilation);
void plan_estimate(struct plan *p, const char *backend, const json_t *durations);

/* Sorts the longest tests first, so that none starts last; before them each scheduler's shortest cell. Stable. */
void plan_order(struct plan *p);
/* Total host time of the plan in its order, with @slots machines at once. */
nsec_t plan_makespan(const struct plan *p, unsigned slots);

#endif
