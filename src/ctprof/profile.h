/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * profile.h -- one profile of a host: all its threads, control groups, pressure, and the sched_ext scheduler. On disk
 * it is JSON, compressed with zstd. What could not be read is null there, and unknown here.
 */
#ifndef KTSTR_CTPROF_PROFILE_H
#define KTSTR_CTPROF_PROFILE_H

#include "base/json.h"
#include "base/time.h"
#include "ctprof/metrics.h"

#define PROFILE_BYTES_MAX     ((size_t)512 << 20)
#define PROFILE_VERSION	      1
#define PROFILE_AFFINITY_TEXT "cpu_affinity"

struct thread {
	int32_t tid, tgid;
	uint64_t start_ticks; /* clock ticks from the boot of the host to its start */
	char *pcomm, *comm, *cgroup;
	char *policy, *affinity;
	char state;			/* 0: unknown */
	int64_t value[METRIC_ROWS_MAX]; /* by the rows of the table */
	uint64_t known[METRIC_ROWS_MAX / 64];
	json_t *smaps; /* of leaders: {"Rss": KiB, ...}; NULL: unknown */
};

static inline bool thread_knows(const struct thread *t, unsigned metric)
{
	return t->known[metric / 64] >> metric % 64 & 1;
}

static inline void thread_set(struct thread *t, unsigned metric, int64_t value)
{
	t->value[metric] = value;
	t->known[metric / 64] |= (uint64_t)1 << metric % 64;
}

static inline void thread_forget(struct thread *t, unsigned metric)
{
	t->known[metric / 64] &= ~((uint64_t)1 << metric % 64);
}

struct profile {
	uint64_t captured_at_ns; /* since 1970 */
	uint64_t uptime_ns;	 /* since the host's boot */
	uint64_t ticks_per_second;
	struct thread *thread;
	size_t count, room;
	/* each NULL: unknown */
	json_t *host, *cgroups, *psi, *sched_ext, *reads, *taskstats, *probe;
	json_t *source; /* of a guest: the file, and why values are unknown; NULL: this host */
};

/* A new thread, or NULL: out of memory. */
struct thread *profile_add(struct profile *s);
void profile_done(struct profile *s);
/* Sorts the threads and names their processes, once all threads have been added. */
int profile_finish(struct profile *s);

/* Appends the snapshot as JSON. */
void profile_print(const struct profile *s, struct buf *out);
/* Reads JSON, also compressed. @name is for error messages. */
int profile_parse(const char *data, size_t len, const char *name, struct profile *ret, struct err **err);
int profile_read(const char *path, struct profile *ret, struct err **err);

#endif
