/* SPDX-License-Identifier: GPL-2.0-only */
/* series.h -- the samples of one machine, reduced to what summaries, checks and timelines need of each. */
#ifndef KTSTR_MONITOR_SERIES_H
#define KTSTR_MONITOR_SERIES_H

#include "monitor/contention.h"
#include "monitor/sample.h"
#include "monitor/summary.h"

#define SERIES_SAMPLES_MAX 36000 /* an hour of samples of 100 ms; later ones are counted only */

#define SERIES_EVENT_BYTES 48

struct series_program {
	char name[17];
	uint32_t verified_insns;
	uint64_t cnt, nsecs;	       /* increase since the first sample that saw it, also after it was loaded again */
	uint64_t last_cnt, last_nsecs; /* as of the last sample that saw it */
	bool has_stats;
};

struct series {
	unsigned cpus, count, room, lost;
	struct reading *reading; /* `count`; what they point to is owned, too */
	struct series_program *program;
	unsigned programs;
	char event_name[SUMMARY_EVENTS_MAX][SERIES_EVENT_BYTES]; /* of the counters in readings */
	unsigned events;
	uint32_t digest;	/* CRC-32 of all samples, with all values of their CPUs */
	bool failed;		/* out of memory: later samples are missing */
	bool running;		/* the guest ran while it was read */
	unsigned torn;		/* then: samples that were dropped, because the guest changed what was being read */
	struct contention host; /* what the vCPUs' threads got; without ticks where they have no threads */
};

/* Copies what is needed. Samples with another number of CPUs than the first one are counted as lost. */
void series_add(struct series *s, const struct sampler *sampler, const struct sample *sample);
/* Makes the times of all readings smaller by @ns, which may be negative; none gets below 0. */
void series_move(struct series *s, int64_t ns);
/* The readings from @from_ns to @to_ns: the index of the first one, and their number. */
unsigned series_window(const struct series *s, uint64_t from_ns, uint64_t to_ns, unsigned *ret_first);
/* The number of an event counter, as "dispatch_keep_last"; -1: this kernel does not have it. */
int series_event(const struct series *s, const char *name);
void series_done(struct series *s);

#endif
