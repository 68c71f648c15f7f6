/* SPDX-License-Identifier: GPL-2.0-only */
/* cgroups.h -- the cgroups of a running scenario: making, defining, changing and removing them. */
#ifndef KTSTR_GUEST_CGROUPS_H
#define KTSTR_GUEST_CGROUPS_H

#include "guest/scenario/stage.h"

int stage_add(struct stage *s, const char *name, struct tracked **ret, struct err **err);
int stage_set_cpuset(struct stage *s, struct tracked *g, const struct ktstr_cpuset *spec, struct err **err);
int stage_swap_cpusets(struct stage *s, struct tracked *a, struct tracked *b, struct err **err);
int stage_clear_cpuset(struct stage *s, struct tracked *g, struct err **err);
/* Makes the cgroup and its workers, which do not start yet. */
int stage_define(struct stage *s, const struct ktstr_cgroup *g, struct err **err);
/* Starts the payloads of the cgroup's definition. */
int stage_run_payloads(struct stage *s, const struct ktstr_cgroup *g, struct err **err);
void stage_stop_workers(struct stage *s, const char *cgroup);
/* Ends all that runs in the cgroup and removes it. */
int stage_drop(struct stage *s, struct tracked *g, struct err **err);

#endif
