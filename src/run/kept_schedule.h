/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kept_schedule.h -- what is kept of the recorded schedule of an attempt: a file beside the sidecar of a failed test,
 * an excerpt for its report, and a trace of any test that was asked for. Runs on the offload pool.
 */
#ifndef KTSTR_RUN_KEPT_SCHEDULE_H
#define KTSTR_RUN_KEPT_SCHEDULE_H

#include "run/attempt.h"

/* Is there a recorded schedule? */
bool kept_schedule_any(const struct attempt *a);
/*
 * The description of the attempt's schedule (schedule/about.h) as JSON text that the caller frees. @with_failure: also
 * the time that the cause of its verdict is about. -ENOMEM.
 */
int kept_schedule_describe(const struct attempt *a, bool with_failure, char **ret);
/* Writes the schedule with that description to the new file @name in @dir. */
int kept_schedule_write(const struct attempt *a, const char *about, int dir, const char *name, struct err **err);
/* Appends the steps around the failure as words. */
int kept_schedule_excerpt(const struct attempt *a, const char *about, struct buf *out, struct err **err);
/* Writes the schedule as a trace for Perfetto to the new file @path. */
int kept_schedule_trace(const struct attempt *a, const char *about, const char *path, struct err **err);

#endif
