/* SPDX-License-Identifier: GPL-2.0-only */
/* batch.h -- builds several kernels in parallel. All compilers share one jobserver. */
#ifndef KTSTR_KERNEL_BATCH_H
#define KTSTR_KERNEL_BATCH_H

#include "kernel/job.h"

#define KERNELS_MAX 64

struct kernel_batch_config {
	const struct cache *cache;
	const struct kernel_id *ids; /* borrowed; an ID that is cached gets no job */
	size_t count;		     /* <= KERNELS_MAX */
	struct http *http;
	unsigned budget;	      /* compilers at once, summed over all kernels */
	unsigned parallel;	      /* kernels at once; 0: all */
	bool stop_at_failure;	      /* the first job that fails ends the others */
	struct kernel_job_config job; /* template: configuration, force, schedulers, ccache */
};

struct kernel_batch {
	struct machine machine;
	struct kernel_batch_config config;
	struct jobserver jobserver;
	struct kernel_job *job[KERNELS_MAX]; /* NULL: not started, or cached */
	size_t next;			     /* index of the first kernel that has not started */
	struct notice changed;
	bool ended;
};

/* Fails only when the jobserver cannot be created. Each job reports its own result. */
int kernel_batch_start(struct reactor *r, struct kernel_batch *b, const struct kernel_batch_config *config,
		       struct err **err);
void kernel_batch_done(struct kernel_batch *b);
/* The cache key of kernel @i once the batch has ended; "" when the kernel is not in the cache. */
const char *kernel_batch_key(const struct kernel_batch *b, size_t i);

#endif
