/* SPDX-License-Identifier: GPL-2.0-only */
/* dump_samples.h -- the sections of a dump that are made of samples: this moment, and how counters came to it. */
#ifndef KTSTR_MONITOR_DUMP_SAMPLES_H
#define KTSTR_MONITOR_DUMP_SAMPLES_H

#include "monitor/inspect.h"
#include "monitor/series.h"

#define TIMELINE_ROWS_MAX 600u /* the latest */

/* All values of this moment (sample.h); NULL: *@why says why not. A new reference. */
json_t *dump_sample(struct inspector *in, const struct sampler *sampler, const char **why);
/* The kernel's counters of sched_ext events, one row a sample; NULL: *@why says why not. A new reference. */
json_t *dump_timeline(const struct series *series, const char **why);
/* Pressure in one line; the counters as lines. Nothing where there are none. */
void dump_pressure_text(const json_t *sample, struct buf *out);
void dump_timeline_text(const json_t *timeline, struct buf *out);

#endif
