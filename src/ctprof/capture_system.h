/* SPDX-License-Identifier: GPL-2.0-only */
/* capture_system.h -- what belongs to no thread: control groups, pressure, the sched_ext scheduler. */
#ifndef KTSTR_CTPROF_CAPTURE_SYSTEM_H
#define KTSTR_CTPROF_CAPTURE_SYSTEM_H

#include "ctprof/profile.h"

/* New objects; NULL: unknown. */
json_t *capture_pressure(const char *root);
json_t *capture_sched_ext(const char *root);
/* Of all control groups in which the snapshot has threads. */
json_t *capture_cgroups(const char *root, const struct profile *s);

#endif
