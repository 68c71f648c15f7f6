/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * job.h -- building one kernel, as a machine:
 *
 *   RESOLVE > LOCK > UNPACK > CONFIGURE > BUILD > VALIDATE > TOOLS > STRIP > STORE > CLEANUP
 *
 * A tarball is unpacked into the cache's work directory, built there, stored as an entry, and the work removed. A
 * source directory is built in place; its result is stored only when the tree is a clean git checkout (issue of
 * identity: what could change under its key is not kept). The work directory is removed on every path.
 */
#ifndef KTSTR_KERNEL_JOB_H
#define KTSTR_KERNEL_JOB_H

#include "kernel/kernel.h"
#include "kernel/unpack.h"
#include "reactor/child.h"
#include "reactor/machine.h"

struct kernel_job_config {
	const struct cache *cache;
	struct kernel_id id;		/* tree or tarball; borrowed */
	unsigned jobs;			/* make -jN */
	bool force;			/* build even when the cache has it */
	bool schedulers;		/* also the tree's own sched_ext schedulers, and what builds more */
};

enum kernel_stage {
	STAGE_RESOLVE, STAGE_LOCK, STAGE_UNPACK, STAGE_CONFIGURE, STAGE_BUILD, STAGE_VALIDATE, STAGE_TOOLS, STAGE_STRIP,
	STAGE_STORE, STAGE_REAP, STAGE_CLEANUP, STAGE_MAX,
};
const char *kernel_stage_name(enum kernel_stage stage);

struct kernel_job {
	struct machine machine;
	struct kernel_job_config config;
	/* what the world may look at */
	char version[VERSION_TEXT_MAX];
	char key[160];			/* "" when the result is not cached */
	bool hit;			/* the cache had it already */
	uint64_t objects, objects_expected;
	uint64_t tarball_bytes;
	struct unpack_progress unpack;
	nsec_t began;
	struct err *err;		/* why it failed */
	int result;
	bool ended;
	/* its own */
	struct child child;
	struct offload_job offload;
	char *work, *tree, *log_path;
	int lock_fd, pipe_fd, log_fd;
	int failed;			/* storing's result, while the work is being removed */
	unsigned step;			/* within a stage of several commands */
	bool has_scx, schedulers_built, clean_tree, cleaned;
	char git_hash[48];
	char chunk[4096];
	struct buf line;		/* of make's output, so far */
	struct buf tail;		/* its last lines, for errors */
	struct notice *changed;		/* posted at the end */
};

void kernel_job_start(struct reactor *r, struct kernel_job *job, const struct kernel_job_config *config,
		      struct notice *changed);
void kernel_job_done(struct kernel_job *job);

#endif
