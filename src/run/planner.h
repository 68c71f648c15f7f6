/* SPDX-License-Identifier: GPL-2.0-only */
/* planner.h -- which part of a plan runs here, how long each case will take, and in which order. */
#ifndef KTSTR_RUN_PLANNER_H
#define KTSTR_RUN_PLANNER_H

#include <jansson.h>

#include "run/plan.h"

/* --- a part of the plan ------------------------------------------------------------------------------------------- */

enum partition_kind { PARTITION_NONE, PARTITION_COUNT, PARTITION_HASH };

struct partition {
	enum partition_kind kind;
	uint32_t index, of; /* 1 <= index <= of */
};

/* "count:1/3": every third, from the first; "hash:2/3": by the hash of the name, whatever else is in the plan. */
int partition_parse(const char *text, struct partition *ret, struct err **err);
void plan_partition(struct plan *p, const struct partition *part);
/* Drops the cases whose @keep is false. */
void plan_keep(struct plan *p, const bool *keep);

/* --- times -------------------------------------------------------------------------------------------------------- */

/*
 * Host times of the newest run of each test, by backend and name, from the sidecars where runs are kept
 * (KTSTR_SIDECAR_DIR, else the run directories). What cannot be read is left out. NULL when out of memory.
 */
json_t *durations_load(void);
void durations_add(json_t *durations, const json_t *sidecar);
/* Host time that a test takes which never ran, by the model in docs/design/run.md. */
nsec_t estimate_model(const char *backend, const struct ktstr_topology *t, nsec_t duration, unsigned dilation);
void plan_estimate(struct plan *p, const char *backend, const json_t *durations);

/* Longest first: what takes long must not begin last. Ties stay as they were. */
void plan_order(struct plan *p);
/* When the last of @slots machines will be done, the plan run in its order. */
nsec_t plan_makespan(const struct plan *p, unsigned slots);

#endif
