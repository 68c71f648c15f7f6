/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * job.h -- one kernel, from wherever it comes to an entry of the cache, as a machine:
 *
 *   RESOLVE > LOCK > PREPARE > DOWNLOAD, or APT_DOWNLOAD > APT_UNPACK, or GIT_INIT > GIT_FETCH > GIT_CHECKOUT
 *     > ADOPT > UNPACK > QUEUE
 *     > CLEAN > WRITE_FRAGMENT > BASE_CONFIG > MERGE_CONFIG > UPDATE_CONFIG > CHECK_CONFIG > SYNC_CONFIG
 *     > COMPILE > VALIDATE > LIST_COMMANDS > BUILD_SCHEDULERS > BUILD_SELFTESTS > STRIP > STORE > REAP > CLEANUP
 *
 * A release is downloaded, a commit fetched, a tarball unpacked into the work directory, built there, stored as an
 * entry, and the work removed. A source directory is built in place, with a configuration file of our own beside the
 * user's, which stays as it is; the result is stored only when the tree is a clean git checkout, before the build and
 * after it: what could change under its key is not kept. The work directory is removed on every path that a process
 * lives to see; one that was killed leaves it to the next, which goes on with the stage that was cut short.
 */
#ifndef KTSTR_KERNEL_JOB_H
#define KTSTR_KERNEL_JOB_H

#include "kernel/command.h"
#include "kernel/jobserver.h"
#include "kernel/kernel.h"
#include "kernel/orphans.h"
#include "kernel/unpack.h"
#include "net/fetch.h"

#define SELFTESTS_DIR "tools/testing/selftests/sched_ext"

struct kernel_job_config {
	const struct cache *cache;
	nsec_t lock_timeout;	     /* for whoever builds the same now; 0: as long as he takes */
	const struct kernel_id *id;  /* borrowed; one that is not ready */
	struct jobserver *jobserver; /* shared by all jobs of a run */
	struct http *http;	     /* for KERNEL_ID_RELEASE */
	const uint64_t *affinity;    /* CPUs for make and all that it starts, as child_spec has it; or NULL */
	const int *cgroup;	     /* likewise */
	const char *base_config;     /* "defconfig" or a file; NULL: the lean configuration */
	const char *extra_kconfig;   /* a fragment's text, which wins over ours; or NULL */
	bool force;		     /* build even when the cache has it */
	const char *llvm;	     /* make's LLVM=: "1", "-22", "/usr/lib/llvm-22/bin/"; NULL: GNU tools */
	const char *cc;		     /* make's CC=: a compiler's name or path; NULL: gcc, or clang with @llvm */
	bool clean;		     /* a tree: make mrproper first */
	bool schedulers;	     /* also the tree's own sched_ext schedulers, and what builds more */
	bool selftests;		     /* also its tools/testing/selftests/sched_ext */
	bool ccache;		     /* compile through ccache(1) */
};

enum kernel_stage {
	STAGE_RESOLVE,
	STAGE_LOCK,
	STAGE_PREPARE,
	STAGE_DOWNLOAD,
	STAGE_APT_DOWNLOAD,
	STAGE_APT_UNPACK,
	STAGE_GIT_INIT,
	STAGE_GIT_FETCH,
	STAGE_GIT_CHECKOUT,
	STAGE_ADOPT,
	STAGE_UNPACK,
	STAGE_QUEUE,
	STAGE_CLEAN,
	STAGE_WRITE_FRAGMENT,
	STAGE_BASE_CONFIG,
	STAGE_MERGE_CONFIG,
	STAGE_UPDATE_CONFIG,
	STAGE_CHECK_CONFIG,
	STAGE_SYNC_CONFIG,
	STAGE_COMPILE,
	STAGE_VALIDATE,
	STAGE_LIST_COMMANDS,
	STAGE_BUILD_SCHEDULERS,
	STAGE_BUILD_SELFTESTS,
	STAGE_STRIP,
	STAGE_STORE,
	STAGE_REAP,
	STAGE_CLEANUP,
	STAGE_MAX,
};
const char *kernel_stage_name(enum kernel_stage stage);

/* What the configuration is made from. */
enum config_source {
	CONFIG_FROM_LEAN,      /* allnoconfig and the lean fragment */
	CONFIG_FROM_DEFCONFIG, /* defconfig, the fragment behind it */
	CONFIG_FROM_FILE,      /* the user's file, the fragment behind it */
	CONFIG_FROM_TREE,      /* the tree's own .config, which lacks sched_ext, the fragment behind it */
	CONFIG_OF_TREE,	       /* the tree's own .config, which has sched_ext, as it is */
};

struct kernel_job {
	struct machine machine;
	struct kernel_job_config config;
	/* what the world may look at */
	char version[VERSION_TEXT_MAX];
	char key[200];	/* "" when the result is not cached */
	char note[200]; /* why it waits, or why the result was not kept; "" */
	bool hit;	/* the cache had it already */
	uint64_t objects, objects_expected, warnings;
	uint64_t tarball_bytes;
	struct unpack_progress unpack;
	struct fetch fetch;
	nsec_t began, finished;
	struct err *err; /* why it failed */
	int result;
	bool ended;
	/* its own */
	struct offload_job offload;
	struct command_run run;
	char *tarball; /* to unpack: the person's, or the one that was downloaded */
	char *work, *tree, *log_path;
	char token[ORPHANS_VARIABLE_MAX]; /* for what the build starts (orphans.h) */
	enum work_stage reached;	  /* by the work directory, when it was taken over */
	int lock_fd, source_lock_fd, tarball_fd;
	int failed; /* the first failure, while the work is being removed */
	enum config_source config_source;
	bool downloading, cleaned; /* the wait of DOWNLOAD, of CLEANUP, has begun */
	bool has_slot, has_scx, schedulers_built, selftests_built, clean_tree;
	char git_hash[48];
	struct notice *changed;
};

/* @changed, where not NULL, is posted at the end. */
void kernel_job_start(struct reactor *r, struct kernel_job *job, const struct kernel_job_config *config,
		      struct machine *parent, struct notice *changed);
void kernel_job_done(struct kernel_job *job);
/* The configuration's name in the tree: a tree that is built in place has the user's own .config. */
const char *kernel_job_dot_config(const struct kernel_job *job);
/* What people call this kernel before its version is known. */
const char *kernel_job_title(const struct kernel_job *job);

#endif
