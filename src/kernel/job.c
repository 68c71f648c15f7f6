/* SPDX-License-Identifier: GPL-2.0-only */
/* job.c -- see job.h. Stages are in the order in which they run. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

#include "base/bug.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/tool.h"
#include "kernel/config.h"
#include "kernel/gha.h"
#include "kernel/job_commands.h"
#include "kernel/remote.h"
#include "kernel/steps.h"
#include "kernel/target.h"

#define TARBALL_BYTES_MAX ((uint64_t)1 << 30) /* compressed; linux-6.12.tar.xz has 0.15 GB */
#define LOCK_RETRY	  (250 * NSEC_PER_MSEC)
#define BUILD_DEADLINE	  (120 * NSEC_PER_MIN)
#define SHORT_DEADLINE	  (20 * NSEC_PER_MIN)
#define REAP_DEADLINE	  (30 * NSEC_PER_SEC)

static struct kernel_job *job_of(struct machine *m)
{
	return container_of(m, struct kernel_job, machine);
}

/* --- RESOLVE, LOCK, PREPARE, RESUME ------------------------------------------------------------------------------- */

static int resolve(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	(void)result;
	machine_offload(m, &job->offload, step_resolve, job);
	return STAGE_LOCK;
}

/* Whether the entry has the schedulers and selftests that were asked for. Without sched_ext there are none to build. */
static bool has_what_is_wanted(const struct kernel_job *job, const struct cache_entry *e)
{
	bool complete = (!job->config.schedulers || e->has_schedulers) && (!job->config.selftests || e->has_selftests);
	return complete || kernel_lacks(e->path, "config", "CONFIG_SCHED_CLASS_EXT");
}

static bool already_cached(struct kernel_job *job)
{
	struct cache_entry e;
	if (job->config.force || !job->key[0] || cache_get(job->config.cache, job->key, &e) < 0)
		return false;
	bool good = !e.error_kind && e.status == KCONFIG_MATCHES && has_what_is_wanted(job, &e);
	if (good && cache_check_entry(&e, NULL) < 0) {
		snprintf(job->note, sizeof(job->note), "the cached kernel was damaged; building it again");
		good = false;
	}
	entry_done(&e);
	return good;
}

/* Only one build at a time may use a tree. If the tree is locked, fail at once instead of waiting. */
static int lock_tree(struct kernel_job *job)
{
	char name[32], holder[200];
	const char *path = job->config.id->path;
	if (!kernel_job_in_place(job) || job->source_lock_fd >= 0)
		return 0;
	snprintf(name, sizeof(name), "source-%08x", crc32_update(0, path, strlen(path)));
	int r = cache_lock(job->config.cache, name, &job->source_lock_fd, holder, sizeof(holder), &job->err);
	if (r == -EBUSY)
		return FAIL(
			&job->err, ERR_BUSY, -EBUSY,
			"source tree %s is locked by a concurrent ktstr build (lockfile %s/.locks/%s.lock, %s); wait "
			"for the peer to finish",
			path, job->config.cache->root, name, holder);
	return r;
}

/* The lock's holder builds. A job that waits for the lock finds the finished entry when it gets the lock. */
static int lock(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	char holder[200] = "";
	if (result < 0)
		return result;
	int r = lock_tree(job);
	if (r == 0 && job->key[0] && job->lock_fd < 0)
		r = cache_lock(job->config.cache, job->key, &job->lock_fd, holder, sizeof(holder), &job->err);
	if (r == -EBUSY && !job->err && job->config.lock_timeout &&
	    m->reactor->now - job->began > job->config.lock_timeout)
		return FAIL(&job->err, ERR_BUSY, -EBUSY,
			    "waited for the lock of cache entry %s as long as KTSTR_CACHE_STORE_LOCK_TIMEOUT says; %s "
			    "holds it",
			    job->key, holder);
	if (r == -EBUSY && !job->err) {
		snprintf(job->note, sizeof(job->note), "waiting for %s", holder);
		machine_sleep(m, LOCK_RETRY);
		return STAGE_LOCK;
	}
	if (r < 0)
		return r;
	job->note[0] = '\0';
	job->hit = already_cached(job);
	return job->hit ? STAGE_CLEANUP : STAGE_PREPARE;
}

/* The first stage of a job whose work directory is empty. */
static enum kernel_stage first_source_stage(const struct kernel_job *job)
{
	switch (job->config.id->kind) {
	case KERNEL_ID_RELEASE:
		return STAGE_DOWNLOAD;
	case KERNEL_ID_PACKAGE:
		return STAGE_APT_DOWNLOAD;
	case KERNEL_ID_GIT:
		return STAGE_GIT_INIT;
	case KERNEL_ID_TARBALL:
		return STAGE_UNPACK;
	default:
		return STAGE_QUEUE;
	}
}

static int prepare(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	(void)result;
	machine_offload(m, &job->offload, step_prepare, job);
	return STAGE_RESUME;
}

/* Continues after the stage that the work directory has reached. */
static int resume(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	if (result < 0)
		return result;
	switch (job->reached) {
	case WORK_FETCHED:
		return STAGE_UNPACK;
	case WORK_UNPACKED:
	case WORK_BUILT:
		return STAGE_QUEUE;
	default:
		if (!remote_start(m, job) && !gha_lookup_start(m, job))
			return first_source_stage(job);
		return STAGE_TAKE_OVER;
	}
}

/* The store of built kernels has answered, or the cache of workflows, which is asked next. Failures leave a note. */
static int take_over(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	bool from_store = job->remote.started;
	if (from_store)
		remote_end(job, result);
	else
		gha_end(job, result);
	job->hit = result == 0 && already_cached(job);
	if (!job->hit && from_store && gha_lookup_start(m, job))
		return STAGE_TAKE_OVER;
	return job->hit ? STAGE_CLEANUP : first_source_stage(job);
}

/* --- DOWNLOAD, APT, GIT, ADOPT, UNPACK ---------------------------------------------------------------------------- */

static int download(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	const struct kernel_id *id = job->config.id;
	struct fetch_request q = {
		.urls = (const char *const *)id->urls,
		.max_bytes = TARBALL_BYTES_MAX,
		.sha256_hex = id->sha256[0] ? id->sha256 : NULL,
	};
	(void)result;
	job->tarball_fd = open(job->tarball, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (job->tarball_fd < 0)
		return FAIL_SYS(&job->err, -errno, "create '%s'", job->tarball);
	q.fd = job->tarball_fd;
	fetch_start(&job->fetch, job->config.http, m->reactor, &q, m, NULL);
	machine_await(m, &job->fetch.machine);
	return STAGE_ADOPT;
}

/* The result for a command's handler: @next when the command has ended, @again while it runs. */
static int after(int r, enum kernel_stage again, enum kernel_stage next)
{
	return r < 0 ? r : (int)(r ? next : again);
}

static int apt_download(struct machine *m, int result)
{
	return after(job_apt_download(m, result), STAGE_APT_DOWNLOAD, STAGE_APT_UNPACK);
}

static int apt_unpack(struct machine *m, int result)
{
	return after(job_apt_unpack(m, result), STAGE_APT_UNPACK, STAGE_ADOPT);
}

/* Fetches one commit without its history. git(1) can do that, libgit2 cannot. */
static int git_init(struct machine *m, int result)
{
	const char *argv[] = { "git", "init", "-q", job_of(m)->tree, NULL };
	return after(job_git(m, result, argv), STAGE_GIT_INIT, STAGE_GIT_FETCH);
}

static int git_fetch(struct machine *m, int result)
{
	const struct kernel_id *id = job_of(m)->config.id;
	const char *argv[] = { "git",	    "-C", job_of(m)->tree, "fetch", "-q", "--depth=1",
			       "--no-tags", "--", id->url,	   id->ref, NULL };
	return after(job_git(m, result, argv), STAGE_GIT_FETCH, STAGE_GIT_CHECKOUT);
}

static int git_checkout(struct machine *m, int result)
{
	const char *argv[] = { "git", "-C", job_of(m)->tree, "checkout", "-q", "FETCH_HEAD", NULL };
	return after(job_git(m, result, argv), STAGE_GIT_CHECKOUT, STAGE_ADOPT);
}

/* Checks the fetched source, then records that it is complete. A negative result is that of the download. */
static int adopt(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	job->tarball_fd = fd_close(job->tarball_fd);
	if (result < 0) {
		job->err = job->err ?: TAKE_PTR(job->fetch.err);
		return result;
	}
	machine_offload(m, &job->offload, step_fetched, job);
	return job->config.id->kind == KERNEL_ID_GIT ? STAGE_QUEUE : STAGE_UNPACK;
}

static int unpack(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	if (result < 0)
		return result;
	machine_offload(m, &job->offload, step_unpack, job);
	return STAGE_QUEUE;
}

/* --- QUEUE: get a slot of the budget for the build's first compiler; up to STRIP, builds share the other slots ---- */

static int queue(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	if (result < 0)
		return result;
	int r = jobserver_take(job->config.jobserver);
	if (r == -EAGAIN) {
		snprintf(job->note, sizeof(job->note), "waiting for other builds");
		machine_poll(m, job->config.jobserver->rd, POLLIN);
		return STAGE_QUEUE;
	}
	if (r < 0)
		return FAIL_SYS(&job->err, r, "read the jobserver's pipe");
	job->has_slot = true;
	job->note[0] = '\0';
	return job->reached == WORK_BUILT ? STAGE_BUILD_SCHEDULERS : STAGE_CLEAN;
}

static void give_slot(struct kernel_job *job)
{
	if (job->has_slot)
		jobserver_give(job->config.jobserver);
	job->has_slot = false;
}

/* --- CLEAN to SYNC_CONFIG: the configuration ---------------------------------------------------------------------- */

/* Runs one target of the kernel's makefiles; nothing where @target is NULL. */
static int run_target(struct machine *m, int result, const char *target, const char *setting, enum kernel_stage again,
		      enum kernel_stage next)
{
	const char *targets[] = { target, setting, NULL };
	if (!target)
		return result < 0 ? result : (int)next;
	return after(job_make(m, result, "configuration", targets), again, next);
}

/* Object files of an interrupted build may be truncated, which make cannot detect. */
static int clean(struct machine *m, int result)
{
	const struct kernel_job *job = job_of(m);
	bool wanted = (kernel_job_in_place(job) && job->config.clean) || job->reached == WORK_UNPACKED;
	return run_target(m, result, wanted ? "mrproper" : NULL, NULL, STAGE_CLEAN, STAGE_WRITE_FRAGMENT);
}

static int write_fragment(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	(void)result;
	machine_offload(m, &job->offload, step_write_fragment, job);
	return STAGE_BASE_CONFIG;
}

static int base_config(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	char fragment[PATH_MAX + 40];
	snprintf(fragment, sizeof(fragment), "KCONFIG_ALLCONFIG=%s/lean.config", job->work);
	bool lean = job->config_source == CONFIG_FROM_LEAN;
	const char *target = lean ? "allnoconfig" : job->config_source == CONFIG_FROM_DEFCONFIG ? "defconfig" : NULL;
	return run_target(m, result, target, lean ? fragment : NULL, STAGE_BASE_CONFIG, STAGE_MERGE_CONFIG);
}

static int merge_config(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	(void)result;
	machine_offload(m, &job->offload, step_merge_config, job);
	return STAGE_UPDATE_CONFIG;
}

static int update_config(struct machine *m, int result)
{
	bool wanted = job_of(m)->config_source != CONFIG_FROM_LEAN;
	return run_target(m, result, wanted ? "olddefconfig" : NULL, NULL, STAGE_UPDATE_CONFIG, STAGE_CHECK_CONFIG);
}

static int check_config(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	(void)result;
	machine_offload(m, &job->offload, step_validate_config, job);
	return STAGE_SYNC_CONFIG;
}

/*
 * The tree has a .config of the user's, but make's generated files now come from our configuration. Once they exist,
 * the user's .config is made newer than they are, so that the user's next make generates them again, even if we are
 * killed during the compilation.
 */
static int sync_config(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	bool wanted = job->config_source == CONFIG_FROM_TREE || job->config_source == CONFIG_OF_TREE;
	int r = run_target(m, result, wanted ? "syncconfig" : NULL, NULL, STAGE_SYNC_CONFIG, STAGE_COMPILE);
	if (r == STAGE_COMPILE && wanted)
		step_touch_own_config(job);
	return r;
}

/* --- COMPILE to STRIP --------------------------------------------------------------------------------------------- */

static int compile(struct machine *m, int result)
{
	/* Modules and other files that a boot does not need are not built. */
	const char *const targets[] = { "vmlinux", kernel_targets[job_of(m)->config.cache->arch].image, NULL };
	return after(job_make(m, result, "build", targets), STAGE_COMPILE, STAGE_VALIDATE);
}

static int validate(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	(void)result;
	machine_offload(m, &job->offload, step_validate, job);
	return kernel_job_in_place(job) ? STAGE_LIST_COMMANDS : STAGE_BUILD_SCHEDULERS;
}

/*
 * compile_commands.json is for editors, so it is made only in trees that stay after the build. Old trees may lack the
 * target; that does not fail the build.
 */
static int list_commands(struct machine *m, int result)
{
	static const char *const targets[] = { "compile_commands.json", NULL };
	struct kernel_job *job = job_of(m);
	if (result < 0 && command_is_idle(&job->run))
		return result;
	int r = job_make(m, result, "compile_commands.json", targets);
	if (r == 0)
		return STAGE_LIST_COMMANDS;
	job->err = err_free(job->err);
	return STAGE_BUILD_SCHEDULERS;
}

static int build_schedulers(struct machine *m, int result)
{
	static const char *const programs[] = { "all", NULL };
	struct kernel_job *job = job_of(m);
	if (result < 0 && command_is_idle(&job->run))
		return result;
	if (!job->config.schedulers || !job->has_scx)
		return STAGE_BUILD_SELFTESTS;
	int r = job_make_tools(m, result, "build of the schedulers", "tools/sched_ext", programs);
	job->schedulers_built = r == 1;
	return after(r, STAGE_BUILD_SCHEDULERS, STAGE_BUILD_SELFTESTS);
}

/* If the tree has no such selftests, they are not built. */
static bool wants_selftests(const struct kernel_job *job)
{
	_cleanup_free_ char *dir = path_join(job->tree, SELFTESTS_DIR);
	return job->config.selftests && job->has_scx && dir && path_is_dir(dir);
}

static int build_selftests(struct machine *m, int result)
{
	static const char *const all[] = { NULL };
	struct kernel_job *job = job_of(m);
	if (result < 0 && command_is_idle(&job->run))
		return result;
	if (!wants_selftests(job))
		return STAGE_STRIP;
	int r = job_make_tools(m, result, "build of the selftests", SELFTESTS_DIR, all);
	job->selftests_built = r == 1;
	return after(r, STAGE_BUILD_SELFTESTS, STAGE_STRIP);
}

static int strip(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	_cleanup_free_ char *out = path_join(job->work, "vmlinux");
	if (!out)
		return -ENOMEM;
	if (!job->key[0]) {
		snprintf(job->note, sizeof(job->note), "not cached: the tree is not a clean git checkout");
		return STAGE_CLEANUP;
	}
	return after(job_objcopy(m, result, out), STAGE_STRIP, STAGE_STORE);
}

/* --- STORE, REAP, CLEANUP, FINISH --------------------------------------------------------------------------------- */

static int store(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	(void)result;
	give_slot(job);
	machine_offload(m, &job->offload, step_store, job);
	return STAGE_UPLOAD;
}

static int upload(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	if (!job->gha)
		return result < 0 ? result : gha_upload_start(m, job) ? STAGE_UPLOAD : STAGE_CLEANUP;
	gha_end(job, result);
	return STAGE_CLEANUP;
}

static int reap(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	if (result < 0 && !job->failed)
		job->failed = result;
	return command_reap(m, &job->run) ? STAGE_CLEANUP : STAGE_REAP;
}

/* The first error stays. A cancelled job needs no message; job_ended() writes that of a missed deadline. */
static void note_failure(struct kernel_job *job, int result)
{
	if (result < 0 && !job->err && result != -ECANCELED && result != -ETIME)
		FAIL_SYS(&job->err, result, "kernel %s", kernel_job_title(job));
	if (result < 0 && !job->failed)
		job->failed = result;
}

/* Entered on every path, with the failure that ended the build or 0. */
static int cleanup(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	give_slot(job);
	note_failure(job, result);
	if (job->work)
		machine_offload(m, &job->offload, step_cleanup, job);
	return STAGE_FINISH;
}

static int finish_job(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	note_failure(job, result);
	return job->failed && !m->failure ? job->failed : MACHINE_END;
}

/* All that first_source_stage() returns. */
#define SOURCE_STAGES \
	TO(STAGE_DOWNLOAD) | TO(STAGE_APT_DOWNLOAD) | TO(STAGE_GIT_INIT) | TO(STAGE_UNPACK) | TO(STAGE_QUEUE)

/* People see the names. States that do one kind of work share a name. */
static const struct machine_state stages[STAGE_MAX] = {
	[STAGE_RESOLVE] = { "resolve", resolve, SHORT_DEADLINE, STAGE_CLEANUP, TO(STAGE_LOCK) },
	[STAGE_LOCK] = { "lock", lock, BUILD_DEADLINE, STAGE_CLEANUP, TO(STAGE_PREPARE) | TO(STAGE_CLEANUP) },
	[STAGE_PREPARE] = { "prepare", prepare, SHORT_DEADLINE, STAGE_CLEANUP, TO(STAGE_RESUME) },
	[STAGE_RESUME] = { "prepare", resume, SHORT_DEADLINE, STAGE_CLEANUP, TO(STAGE_TAKE_OVER) | SOURCE_STAGES },
	[STAGE_TAKE_OVER] = { "take over", take_over, BUILD_DEADLINE, STAGE_CLEANUP,
			      TO(STAGE_TAKE_OVER) | TO(STAGE_CLEANUP) | SOURCE_STAGES },
	[STAGE_DOWNLOAD] = { "fetch", download, BUILD_DEADLINE, STAGE_CLEANUP, TO(STAGE_ADOPT) },
	[STAGE_APT_DOWNLOAD] = { "fetch", apt_download, BUILD_DEADLINE, STAGE_REAP, TO(STAGE_APT_UNPACK) },
	[STAGE_APT_UNPACK] = { "fetch", apt_unpack, SHORT_DEADLINE, STAGE_REAP, TO(STAGE_ADOPT) },
	[STAGE_GIT_INIT] = { "fetch", git_init, SHORT_DEADLINE, STAGE_REAP, TO(STAGE_GIT_FETCH) },
	[STAGE_GIT_FETCH] = { "fetch", git_fetch, BUILD_DEADLINE, STAGE_REAP, TO(STAGE_GIT_CHECKOUT) },
	[STAGE_GIT_CHECKOUT] = { "fetch", git_checkout, SHORT_DEADLINE, STAGE_REAP, TO(STAGE_ADOPT) },
	[STAGE_ADOPT] = { "check", adopt, SHORT_DEADLINE, STAGE_CLEANUP, TO(STAGE_UNPACK) | TO(STAGE_QUEUE) },
	[STAGE_UNPACK] = { "unpack", unpack, SHORT_DEADLINE, STAGE_CLEANUP, TO(STAGE_QUEUE) },
	[STAGE_QUEUE] = { "queue", queue, BUILD_DEADLINE, STAGE_CLEANUP, TO(STAGE_CLEAN) | TO(STAGE_BUILD_SCHEDULERS) },
	[STAGE_CLEAN] = { "configure", clean, SHORT_DEADLINE, STAGE_REAP, TO(STAGE_WRITE_FRAGMENT) },
	[STAGE_WRITE_FRAGMENT] = { "configure", write_fragment, SHORT_DEADLINE, STAGE_CLEANUP, TO(STAGE_BASE_CONFIG) },
	[STAGE_BASE_CONFIG] = { "configure", base_config, SHORT_DEADLINE, STAGE_REAP, TO(STAGE_MERGE_CONFIG) },
	[STAGE_MERGE_CONFIG] = { "configure", merge_config, SHORT_DEADLINE, STAGE_CLEANUP, TO(STAGE_UPDATE_CONFIG) },
	[STAGE_UPDATE_CONFIG] = { "configure", update_config, SHORT_DEADLINE, STAGE_REAP, TO(STAGE_CHECK_CONFIG) },
	[STAGE_CHECK_CONFIG] = { "configure", check_config, SHORT_DEADLINE, STAGE_CLEANUP, TO(STAGE_SYNC_CONFIG) },
	[STAGE_SYNC_CONFIG] = { "configure", sync_config, SHORT_DEADLINE, STAGE_REAP, TO(STAGE_COMPILE) },
	[STAGE_COMPILE] = { "build", compile, BUILD_DEADLINE, STAGE_REAP, TO(STAGE_VALIDATE) },
	[STAGE_VALIDATE] = { "validate", validate, SHORT_DEADLINE, STAGE_CLEANUP,
			     TO(STAGE_LIST_COMMANDS) | TO(STAGE_BUILD_SCHEDULERS) },
	[STAGE_LIST_COMMANDS] = { "list commands", list_commands, SHORT_DEADLINE, STAGE_REAP,
				  TO(STAGE_BUILD_SCHEDULERS) },
	[STAGE_BUILD_SCHEDULERS] = { "build schedulers", build_schedulers, SHORT_DEADLINE, STAGE_REAP,
				     TO(STAGE_BUILD_SELFTESTS) },
	[STAGE_BUILD_SELFTESTS] = { "build selftests", build_selftests, SHORT_DEADLINE, STAGE_REAP, TO(STAGE_STRIP) },
	[STAGE_STRIP] = { "strip", strip, SHORT_DEADLINE, STAGE_REAP, TO(STAGE_STORE) | TO(STAGE_CLEANUP) },
	[STAGE_STORE] = { "store", store, SHORT_DEADLINE, STAGE_CLEANUP, TO(STAGE_UPLOAD) },
	[STAGE_UPLOAD] = { "upload", upload, BUILD_DEADLINE, STAGE_CLEANUP, TO(STAGE_CLEANUP) },
	[STAGE_REAP] = { "reap", reap, REAP_DEADLINE, STAGE_CLEANUP, TO(STAGE_CLEANUP) },
	[STAGE_CLEANUP] = { "clean up", cleanup, SHORT_DEADLINE, 0, TO(STAGE_FINISH), .shielded = true },
	[STAGE_FINISH] = { "clean up", finish_job, SHORT_DEADLINE, 0, TO_END, .shielded = true },
};

const char *kernel_stage_name(enum kernel_stage stage)
{
	return stages[stage].name;
}

static void job_ended(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	job->result = result;
	job->ended = true;
	job->finished = m->reactor->now;
	job->lock_fd = fd_close(job->lock_fd);
	job->source_lock_fd = fd_close(job->source_lock_fd);
	job->run.log_fd = fd_close(job->run.log_fd);
	job->tarball_fd = fd_close(job->tarball_fd);
	if (result == -ETIME && !job->err)
		FAIL(&job->err, ERR_BUSY, -ETIME, "kernel %s: stage '%s' took too long", kernel_job_title(job),
		     kernel_stage_name((enum kernel_stage)m->failed_in));
	if (job->changed)
		notice_post(job->changed);
}

static const struct machine_type job_type = { "kernel", stages, STAGE_MAX, job_ended };

void kernel_job_start(struct reactor *r, struct kernel_job *job, const struct kernel_job_config *config,
		      struct machine *parent, struct notice *changed)
{
	REQUIRE(!kernel_id_is_ready(config->id) && config->jobserver);
	*job = (struct kernel_job){ .config = *config,
				    .lock_fd = -1,
				    .source_lock_fd = -1,
				    .tarball_fd = -1,
				    .began = reactor_now(r),
				    .changed = changed };
	command_init(&job->run);
	job->run.on_line = job_count_line;
	job->run.data = job;
	machine_start(r, &job->machine, &job_type, parent, "kernel");
}

void kernel_job_done(struct kernel_job *job)
{
	remote_done(job);
	gha_done(job);
	err_free(job->err);
	free(job->tarball);
	free(job->work);
	free(job->tree);
	free(job->log_path);
	command_done(&job->run);
	*job = (struct kernel_job){ 0 };
}
