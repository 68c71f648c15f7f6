/* SPDX-License-Identifier: GPL-2.0-only */
/* batch.h -- several kernels at once: jobs side by side, one jobserver under all of their compilers. */
#ifndef KTSTR_KERNEL_BATCH_H
#define KTSTR_KERNEL_BATCH_H

#include "kernel/job.h"

#define KERNELS_MAX 64

struct kernel_batch_config {
	const struct cache *cache;
	const struct kernel_id *ids; /* borrowed; those that are cached have no job */
	size_t count;		     /* <= KERNELS_MAX */
	struct http *http;
	unsigned budget;	      /* compilers at once, over all kernels */
	unsigned parallel;	      /* kernels at once; 0: all */
	bool stop_at_failure;	      /* the first one that fails ends the others */
	struct kernel_job_config job; /* template: configuration, force, schedulers, ccache */
};

struct kernel_batch {
	struct machine machine;
	struct kernel_batch_config config;
	struct jobserver jobserver;
	struct kernel_job *job[KERNELS_MAX]; /* NULL: not begun, or cached */
	size_t next;			     /* the first that has not begun */
	struct notice changed;
	bool ended;
};

/* Fails only when the jobserver cannot be made; each job's outcome is its own. */
int kernel_batch_start(struct reactor *r, struct kernel_batch *b, const struct kernel_batch_config *config,
		       struct err **err);
void kernel_batch_done(struct kernel_batch *b);
/* The cache key of number @i once the batch has ended; "" when it is not in the cache. */
const char *kernel_batch_key(const struct kernel_batch *b, size_t i);

#endif
