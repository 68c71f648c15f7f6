/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * node_kernel.h -- brings a kernel of a run into the cache of this node, as a machine: LOOK > LOCK > COPY. Several
 * tasks of one node may want the same kernel: one copies it, and the others wait for the lock of its cache entry.
 */
#ifndef KTSTR_SLURM_NODE_KERNEL_H
#define KTSTR_SLURM_NODE_KERNEL_H

#include "kernel/cache.h"
#include "reactor/machine.h"
#include "slurm/record.h"

struct node_kernel {
	struct machine machine;
	struct offload_job offload;
	const struct slurm_record *record;
	const char *key, *digest; /* digest: that the copy must have; NULL: not known */
	struct cache cache;
	char holder[200]; /* who has the lock */
	int lock_fd;
	bool there; /* the cache has it */
	struct err *err;
};

/* Blocks until the kernel is in the cache. A copy that is not what was written is refused. */
int node_kernel_fetch(struct reactor *r, const struct slurm_record *record, const char *key, const char *digest,
		      struct err **err);

#endif
