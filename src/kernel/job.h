/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * job.h -- builds one kernel, from any kind of source to an entry of the cache, as a machine:
 *
 *   RESOLVE > LOCK > PREPARE > RESUME > TAKE_OVER
 *     > DOWNLOAD, or APT_DOWNLOAD > APT_UNPACK, or GIT_INIT > GIT_FETCH > GIT_CHECKOUT > ADOPT > UNPACK > QUEUE
 *     > CLEAN > WRITE_FRAGMENT > BASE_CONFIG > MERGE_CONFIG > UPDATE_CONFIG > CHECK_CONFIG > SYNC_CONFIG
 *     > COMPILE > VALIDATE > LIST_COMMANDS > BUILD_SCHEDULERS > BUILD_SELFTESTS > STRIP > STORE > UPLOAD > REAP
 *     > CLEANUP
 *     > FINISH
 *
 * A release is downloaded, a commit fetched, or a tarball unpacked into the work directory. It is built there and
 * stored as an entry. Then the work directory is removed. A source directory is built in place, with a configuration
 * file of ours beside the user's own, which is not changed. The result is stored only when the tree is a clean git
 * checkout both before and after the build, because the key must match the content.
 *
 * Between RESUME and TAKE_OVER, a store of built kernels is asked, if there is one (remote.h), and then the cache of
 * GitHub's workflows (gha.h), to which UPLOAD sends what was built.
 *
 * The work directory is removed on every path, also after a failure. If the process is killed, the next job takes the
 * directory over and continues with the stage that was interrupted.
 */
#ifndef KTSTR_KERNEL_JOB_H
#define KTSTR_KERNEL_JOB_H

#include "kernel/command.h"
#include "kernel/jobserver.h"
#include "kernel/kernel.h"
#include "kernel/key.h"
#include "kernel/orphans.h"
#include "kernel/unpack.h"
#include "net/fetch.h"
#include "net/releases.h"

#define SELFTESTS_DIR "tools/testing/selftests/sched_ext"

struct kernel_job_config {
	const struct cache *cache;
	nsec_t lock_timeout;	     /* how long to wait for another build of the same kernel; 0: without limit */
	const struct kernel_id *id;  /* borrowed; must not be ready (kernel_id_is_ready()) */
	struct jobserver *jobserver; /* shared by all jobs of a run */
	struct http *http;	     /* for KERNEL_ID_RELEASE */
	const uint64_t *affinity;    /* CPUs for make and its children, as in child_spec; or NULL */
	const int *cgroup;	     /* as in child_spec, or NULL */
	const char *base_config;     /* "defconfig" or a file; NULL: the lean configuration */
	const char *extra_kconfig;   /* text of a fragment that overrides ours; or NULL */
	bool force;		     /* build even if the cache has the kernel */
	const char *llvm;	     /* make's LLVM=: "1", "-22", "/usr/lib/llvm-22/bin/"; NULL: GNU tools */
	const char *cc;		     /* make's CC=: a compiler's name or path; NULL: gcc, or clang with @llvm */
	bool clean;		     /* of a tree: run make mrproper first */
	bool schedulers; /* also build the tree's own sched_ext schedulers, and the files that compile further ones */
	bool selftests;	 /* also build the tree's tools/testing/selftests/sched_ext */
	bool ccache;	 /* compile through ccache(1) */
};

enum kernel_stage {
	STAGE_RESOLVE,
	STAGE_LOCK,
	STAGE_PREPARE,
	STAGE_RESUME,
	STAGE_TAKE_OVER,
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
	STAGE_UPLOAD,
	STAGE_REAP,
	STAGE_CLEANUP,
	STAGE_FINISH,
	STAGE_MAX,
};
const char *kernel_stage_name(enum kernel_stage stage);

/* What the configuration is made from. The fragment is appended where it says "+ fragment". */
enum config_source {
	CONFIG_FROM_LEAN,      /* allnoconfig with the lean fragment */
	CONFIG_FROM_DEFCONFIG, /* defconfig + fragment */
	CONFIG_FROM_FILE,      /* the user's file + fragment */
	CONFIG_FROM_TREE,      /* the tree's own .config, which lacks sched_ext, + fragment */
	CONFIG_OF_TREE,	       /* the tree's own .config, which has sched_ext; only extra_kconfig is appended */
};

struct kernel_job {
	struct machine machine;
	struct kernel_job_config config;
	/* readable by everyone */
	char version[VERSION_TEXT_MAX];
	char key[KERNEL_KEY_MAX]; /* "" when the result is not cached */
	char note[216];		  /* why the job waits, or why the result was not stored; "" */
	bool hit;		  /* the kernel was in the cache already */
	uint64_t objects, objects_expected, warnings;
	uint64_t tarball_bytes;
	struct unpack_progress unpack;
	struct fetch fetch;
	nsec_t began, finished;
	struct err *err; /* why the job failed */
	int result;
	bool ended;
	/* private to the job */
	struct offload_job offload;
	struct command_run run;
	struct {
		struct machine machine;
		struct fetch fetch;
		struct offload_job offload;
		struct unpack_progress unpack;
		struct err *err;
		int fd;
		bool started;
		char url[1024], sha256[SHA256_TEXT_MAX];
		const char *urls[2];
	} remote;	 /* looks the kernel up in a store of built ones (remote.h) */
	struct gha *gha; /* the same in the cache of GitHub's workflows, and uploads to it (gha.h) */
	char *tarball;	 /* the tarball to unpack: the user's, or the downloaded one */
	char *work, *tree, *log_path;
	char token[ORPHANS_VARIABLE_MAX]; /* in the environment of all that the build starts (orphans.h) */
	enum work_stage reached;	  /* stage of the work directory when it was taken over */
	int lock_fd, source_lock_fd, tarball_fd;
	int failed; /* the first error, kept while the work directory is removed */
	enum config_source config_source;
	bool has_slot, has_scx, schedulers_built, selftests_built, clean_tree;
	char git_hash[48];
	struct notice *changed;
};

/* Posts @changed, unless NULL, when the job ends. */
void kernel_job_start(struct reactor *r, struct kernel_job *job, const struct kernel_job_config *config,
		      struct machine *parent, struct notice *changed);
void kernel_job_done(struct kernel_job *job);

/* job_facts.c: what every file of a job asks. */

/* The kernel is built in the user's source tree. */
bool kernel_job_in_place(const struct kernel_job *job);
/* The configuration's file name in the tree. In a tree that is built in place, .config is the user's. */
const char *kernel_job_dot_config(const struct kernel_job *job);
/* The kernel's name in messages: its version, or before that is known what the user wrote. */
const char *kernel_job_title(const struct kernel_job *job);

#endif
