/* SPDX-License-Identifier: GPL-2.0-only */
/* job.c -- see job.h. Stages stand in the order in which they run. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

#include "base/bug.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/tool.h"
#include "kernel/config.h"
#include "kernel/steps.h"

#define TARBALL_BYTES_MAX ((uint64_t)1 << 30) /* compressed; linux-6.12.tar.xz has 0.15 GB */
#define MAKE_WORDS_MAX	  16
#define LOCK_RETRY	  (250 * NSEC_PER_MSEC)
#define BUILD_DEADLINE	  (120 * NSEC_PER_MIN)
#define SHORT_DEADLINE	  (20 * NSEC_PER_MIN)
#define REAP_DEADLINE	  (30 * NSEC_PER_SEC)

static struct kernel_job *job_of(struct machine *m)
{
	return container_of(m, struct kernel_job, machine);
}

static bool built_in_place(const struct kernel_job *job)
{
	return job->config.id->kind == KERNEL_ID_TREE;
}

/* --- RESOLVE, LOCK, PREPARE --------------------------------------------------------------------------------------- */

static int resolve(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	(void)result;
	machine_offload(m, &job->offload, step_resolve, job);
	return STAGE_LOCK;
}

static bool already_cached(struct kernel_job *job)
{
	struct cache_entry e;
	if (job->config.force || !job->key[0] || cache_get(job->config.cache, job->key, &e) < 0)
		return false;
	bool good = !e.error_kind && e.status == KCONFIG_MATCHES && (!job->config.schedulers || e.has_schedulers) &&
		    (!job->config.selftests || e.has_selftests);
	if (good && cache_check_entry(&e, NULL) < 0) {
		snprintf(job->note, sizeof(job->note), "the cached kernel was damaged; building it anew");
		good = false;
	}
	entry_done(&e);
	return good;
}

/* A tree is one person's to build: who finds it locked is told at once, rather than made to wait. */
static int lock_tree(struct kernel_job *job)
{
	char name[32], holder[200];
	const char *path = job->config.id->path;
	if (!built_in_place(job) || job->source_lock_fd >= 0)
		return 0;
	snprintf(name, sizeof(name), "source-%08x", crc32_update(0, path, strlen(path)));
	int r = cache_lock(job->config.cache, name, &job->source_lock_fd, holder, sizeof(holder), &job->err);
	if (r == -EBUSY)
		return FAIL(
			&job->err, EXIT_CONTENTION, -EBUSY,
			"source tree %s is locked by a concurrent ktstr build (lockfile %s/.locks/%s.lock, %s); wait "
			"for the peer to finish",
			path, job->config.cache->root, name, holder);
	return r;
}

/* Whoever holds the lock builds; who waits finds the entry when it gets it. */
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
		return FAIL(&job->err, EXIT_CONTENTION, -EBUSY,
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

static int prepare(struct machine *m, int result)
{
	static const enum kernel_stage next[] = {
		[WORK_EMPTY] = STAGE_FETCH,
		[WORK_FETCHED] = STAGE_UNPACK,
		[WORK_UNPACKED] = STAGE_SLOT,
		[WORK_BUILT] = STAGE_SLOT,
	};
	struct kernel_job *job = job_of(m);
	if (!job->work && result == 0) {
		machine_offload(m, &job->offload, step_prepare, job);
		return STAGE_PREPARE;
	}
	if (result < 0)
		return result;
	return built_in_place(job) ? STAGE_SLOT : (int)next[job->reached];
}

/* --- FETCH, UNPACK ------------------------------------------------------------------------------------------------ */

static int command_failed(struct kernel_job *job, const char *what);

static int download(struct machine *m, struct kernel_job *job)
{
	const struct kernel_id *id = job->config.id;
	struct fetch_request q = {
		.urls = (const char *const *)id->urls,
		.max_bytes = TARBALL_BYTES_MAX,
		.sha256_hex = id->sha256[0] ? id->sha256 : NULL,
	};
	job->tarball_fd = open(job->tarball, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (job->tarball_fd < 0)
		return FAIL_SYS(&job->err, -errno, "create '%s'", job->tarball);
	q.fd = job->tarball_fd;
	fetch_start(&job->fetch, job->config.http, m->reactor, &q, m, NULL);
	machine_await(m, &job->fetch.machine);
	return 0;
}

static int fetch_release(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	if (job->part++ == 0) {
		int r = download(m, job);
		return r < 0 ? r : STAGE_FETCH;
	}
	job->part = 0;
	job->tarball_fd = fd_close(job->tarball_fd);
	if (result < 0) {
		job->err = job->err ?: TAKE_PTR(job->fetch.err);
		return result;
	}
	machine_offload(m, &job->offload, step_fetched, job);
	return STAGE_UNPACK;
}

/* One commit, without its history: libgit2 cannot fetch so, git(1) can. What it may ask a person for, it is refused. */
static int fetch_commit(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	const char *env[] = { "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=true", "LC_ALL=C", job->token, NULL };
	const struct kernel_id *id = job->config.id;
	const char *init[] = { "git", "init", "-q", job->tree, NULL };
	const char *fetch[] = { "git",	     "-C", job->tree, "fetch", "-q", "--depth=1",
				"--no-tags", "--", id->url,   id->ref, NULL };
	const char *checkout[] = { "git", "-C", job->tree, "checkout", "-q", "FETCH_HEAD", NULL };
	const char *const *const argv[] = { init, fetch, checkout };
	struct command_spec c = { .what = "git fetch", .argv = argv[job->part], .env = env };
	int r = command_drive(m, result, &job->run, &c, &job->err);
	if (r < 0)
		return command_failed(job, "git fetch");
	if (r == 0)
		return STAGE_FETCH;
	if (++job->part < ARRAY_SIZE(argv)) {
		machine_nop(m);
		return STAGE_FETCH;
	}
	job->part = 0;
	machine_offload(m, &job->offload, step_fetched, job);
	return STAGE_SLOT;
}

static int fetch(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	if (result < 0 && !job->part)
		return result;
	switch (job->config.id->kind) {
	case KERNEL_ID_RELEASE:
		return fetch_release(m, result);
	case KERNEL_ID_GIT:
		return fetch_commit(m, result);
	default:
		return STAGE_UNPACK;
	}
}

static int unpack(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	if (result < 0)
		return result;
	machine_offload(m, &job->offload, step_unpack, job);
	return STAGE_SLOT;
}

/* --- SLOT: its own compiler's place in the budget; from here to STRIP make shares the rest with everybody --------- */

static int slot(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	if (result < 0)
		return result;
	int r = jobserver_take(job->config.jobserver);
	if (r == -EAGAIN) {
		snprintf(job->note, sizeof(job->note), "waiting for other builds");
		machine_poll(m, job->config.jobserver->rd, POLLIN);
		return STAGE_SLOT;
	}
	if (r < 0)
		return FAIL_SYS(&job->err, r, "read the jobserver's pipe");
	job->has_slot = true;
	job->note[0] = '\0';
	return job->reached == WORK_BUILT ? STAGE_TOOLS : STAGE_CONFIGURE;
}

static void give_slot(struct kernel_job *job)
{
	if (job->has_slot)
		jobserver_give(job->config.jobserver);
	job->has_slot = false;
}

/* --- commands ----------------------------------------------------------------------------------------------------- */

static void on_line(void *data, const char *line)
{
	struct kernel_job *job = data;
	line += strspn(line, " ");
	job->objects += !strncmp(line, "CC ", 3) || !strncmp(line, "AS ", 3);
	job->warnings += strstr(line, ": warning: ") != NULL;
}

/* Keeps the log of a failed build where the person can read it: beside the cache, not in the work that is removed. */
static const char *keep_log(struct kernel_job *job, char *out, size_t size)
{
	snprintf(out, size, "%s/.locks/%s.log", job->config.cache->root, job->key[0] ? job->key : "source-tree");
	return rename_durable(-1, AT_FDCWD, job->log_path, out, 0) == 0 ? out : job->log_path;
}

static int command_failed(struct kernel_job *job, const char *what)
{
	char line[300], how[64], log[512];
	if (job->err)
		return job->err->code;
	command_complaint(&job->run, line, sizeof(line));
	return FAIL(&job->err, EXIT_BAD_DATA, -EIO, "%s of kernel %s failed (%s): %s; the whole log is in %s", what,
		    kernel_job_title(job), child_describe(job->run.child.status, how, sizeof(how)), line,
		    keep_log(job, log, sizeof(log)));
}

/*
 * Runs make in the tree with a share of the budget. With ccache, paths are made relative and the build's own directory
 * and time are left out of what it hashes, so that another kernel's objects can be found again. The makefiles of the
 * tools (not @kbuild) only know compilers of one word, and do without.
 */
static int make(struct machine *m, int result, const char *what, const char *const *targets, bool kbuild)
{
	struct kernel_job *job = job_of(m);
	const struct jobserver *js = job->config.jobserver;
	const struct child_fd fds[] = { { js->rd, JOBSERVER_FD_READ }, { js->wr, JOBSERVER_FD_WRITE } };
	char base[PATH_MAX + 16];
	/* MAKELEVEL: we may have been started by a make, and some makefiles put things elsewhere below another. */
	const char *env[] = { js->makeflags,
			      "MAKELEVEL=0",
			      "LC_ALL=C",
			      NULL,
			      "CCACHE_NOHASHDIR=1",
			      "CCACHE_SLOPPINESS=time_macros",
			      "KBUILD_BUILD_TIMESTAMP=@0",
			      job->token,
			      NULL };
	const char *argv[MAKE_WORDS_MAX] = { "make", "KCFLAGS=-Wno-error" };
	size_t n = 2;
	if (kbuild && job->config.ccache) {
		snprintf(base, sizeof(base), "CCACHE_BASEDIR=%s", job->tree);
		env[3] = base;
		argv[n++] = "CC=ccache gcc";
		argv[n++] = "HOSTCC=ccache gcc";
	}
	for (; *targets && n + 1 < ARRAY_SIZE(argv); targets++)
		argv[n++] = *targets;
	struct command_spec c = { .what = what,
				  .argv = argv,
				  .env = env,
				  .cwd = job->tree,
				  .fds = fds,
				  .fd_count = ARRAY_SIZE(fds),
				  .affinity = job->config.affinity,
				  .cgroup = job->config.cgroup };
	int r = command_drive(m, result, &job->run, &c, &job->err);
	return r < 0 ? command_failed(job, what) : r;
}

/* --- CONFIGURE ---------------------------------------------------------------------------------------------------- */

enum configure_part { PART_CLEAN, PART_INPUT, PART_BASE, PART_APPEND, PART_OLD, PART_CHECK, PART_END };

/* A tree of one's own with a configuration for sched_ext keeps it; everything else gets the lean one. */
static bool keeps_own_config(const struct kernel_job *job)
{
	_cleanup_free_ char *path = path_join(job->tree, ".config");
	_cleanup_buf_ struct buf text = BUF_NULL;
	return built_in_place(job) && !job->config.base_config && path && file_read(path, 16 << 20, &text, NULL) == 0 &&
	       kconfig_has(buf_str(&text), "CONFIG_SCHED_CLASS_EXT");
}

/* What a part runs; NULL: nothing. An interrupted build's objects may be cut short, and make would not know. */
static const char *configure_target(struct kernel_job *job, char *variable, size_t size)
{
	const char *base = job->config.base_config;
	switch ((enum configure_part)job->part) {
	case PART_CLEAN:
		return (built_in_place(job) && job->config.clean) || job->reached == WORK_UNPACKED ? "mrproper" : NULL;
	case PART_BASE:
		snprintf(variable, size, "KCONFIG_ALLCONFIG=%s/lean.config", job->work);
		if (base)
			return strcmp(base, "defconfig") ? NULL : "defconfig";
		job->own_config = keeps_own_config(job);
		return job->own_config ? NULL : "allnoconfig";
	case PART_OLD:
		return base || job->own_config ? "olddefconfig" : NULL;
	default:
		return NULL;
	}
}

static int configure(struct machine *m, int result)
{
	static int (*const offloaded[PART_END])(void *) = {
		[PART_INPUT] = step_config_input,
		[PART_APPEND] = step_append_config,
		[PART_CHECK] = step_validate_config,
	};
	struct kernel_job *job = job_of(m);
	char variable[PATH_MAX + 40] = "";
	if (result < 0 && job->run.step == COMMAND_IDLE)
		return result;
	for (; job->part < PART_END; job->part++) {
		if (offloaded[job->part]) {
			machine_offload(m, &job->offload, offloaded[job->part++], job);
			return STAGE_CONFIGURE;
		}
		const char *target = configure_target(job, variable, sizeof(variable));
		if (!target)
			continue;
		const char *targets[] = { target, variable[0] ? variable : NULL, NULL };
		int r = make(m, result, "configuration", targets, true);
		if (r <= 0)
			return r < 0 ? r : STAGE_CONFIGURE;
	}
	job->part = 0;
	return STAGE_BUILD;
}

/* --- BUILD, VALIDATE, TOOLS, STRIP -------------------------------------------------------------------------------- */

static int build(struct machine *m, int result)
{
	/* Modules and everything else that is not booted stay unbuilt. */
	static const char *const targets[] = { "vmlinux", "bzImage", NULL };
	int r = make(m, result, "build", targets, true);
	return r < 0 ? r : r ? STAGE_VALIDATE : STAGE_BUILD;
}

static int validate(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	(void)result;
	machine_offload(m, &job->offload, step_validate, job);
	return STAGE_TOOLS;
}

/* For editors; a tree that is removed after the build has none. */
static int compile_commands(struct machine *m, int result)
{
	static const char *const targets[] = { "compile_commands.json", NULL };
	return make(m, result, "compile_commands.json", targets, true);
}

/* The tree brings its own libbpf and bpftool; a distribution's older ones do not know today's struct_ops. 1: built. */
static int make_tools(struct machine *m, int result, const char *what, const char *dir, const char *const *programs)
{
	_cleanup_free_ char *clang = tool_clang();
	const char *targets[12] = { "-C", dir };
	char variable[64];
	size_t n = 2;
	snprintf(variable, sizeof(variable), "CLANG=%.40s", clang ? clang : "clang");
	targets[n++] = variable;
	while (*programs && n + 1 < ARRAY_SIZE(targets))
		targets[n++] = *programs++;
	return make(m, result, what, targets, false);
}

/* A tree that has none is built without. */
static bool wants_selftests(const struct kernel_job *job)
{
	_cleanup_free_ char *dir = path_join(job->tree, SELFTESTS_DIR);
	return job->config.selftests && job->has_scx && dir && path_is_dir(dir);
}

enum { PART_COMMANDS, PART_SCHEDULERS, PART_SELFTESTS };

static int tools(struct machine *m, int result)
{
	static const char *const schedulers[] = { "scx_simple", "scx_qmap", "scx_central", "scx_flatcg", NULL };
	static const char *const selftests[] = { NULL }; /* all of them */
	struct kernel_job *job = job_of(m);
	if (job->run.step == COMMAND_IDLE && result < 0)
		return result;
	if (built_in_place(job) && job->part == PART_COMMANDS) {
		int r = compile_commands(m, result);
		/* An old tree may not know it: the kernel is as good without. */
		if (r < 0)
			job->err = err_free(job->err);
		if (r == 0)
			return STAGE_TOOLS;
	}
	if (job->part == PART_COMMANDS)
		job->part = PART_SCHEDULERS;
	if (job->part == PART_SCHEDULERS && job->config.schedulers && job->has_scx) {
		int r = make_tools(m, result, "build of the schedulers", "tools/sched_ext", schedulers);
		if (r <= 0)
			return r < 0 ? r : STAGE_TOOLS;
		job->schedulers_built = true;
	}
	job->part = PART_SELFTESTS;
	if (!wants_selftests(job))
		return STAGE_STRIP;
	int r = make_tools(m, result, "build of the selftests", SELFTESTS_DIR, selftests);
	if (r == 1)
		job->selftests_built = true;
	return r < 0 ? r : r ? STAGE_STRIP : STAGE_TOOLS;
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
	/* Debug information goes; symbols and BTF stay: the monitor reads them. */
	const char *argv[] = { "objcopy", "--strip-debug", "vmlinux", out, NULL };
	struct command_spec c = { .what = "stripping", .argv = argv, .cwd = job->tree };
	int r = command_drive(m, result, &job->run, &c, &job->err);
	if (r < 0)
		return command_failed(job, "stripping");
	return r ? STAGE_STORE : STAGE_STRIP;
}

/* --- STORE, REAP, CLEANUP ----------------------------------------------------------------------------------------- */

static int store(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	(void)result;
	give_slot(job);
	machine_offload(m, &job->offload, step_store, job);
	return STAGE_CLEANUP;
}

static int reap(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	if (result < 0 && !job->failed)
		job->failed = result;
	return command_reap(m, &job->run) ? STAGE_CLEANUP : STAGE_REAP;
}

/* Twice: once to remove the work, once more when that is done. */
static int cleanup(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	give_slot(job);
	if (result < 0 && !job->err && result != -ECANCELED)
		FAIL_SYS(&job->err, result, "kernel %s", kernel_job_title(job));
	if (result < 0 && !job->failed)
		job->failed = result;
	if (job->work && !job->cleaned) {
		job->cleaned = true;
		machine_offload(m, &job->offload, step_cleanup, job);
		return STAGE_CLEANUP;
	}
	return job->failed && !m->failure ? job->failed : MACHINE_END;
}

static const struct machine_state stages[STAGE_MAX] = {
	[STAGE_RESOLVE] = { "resolve", resolve, SHORT_DEADLINE, STAGE_CLEANUP, TO(STAGE_LOCK) },
	[STAGE_LOCK] = { "lock", lock, BUILD_DEADLINE, STAGE_CLEANUP, TO(STAGE_PREPARE) | TO(STAGE_CLEANUP) },
	[STAGE_PREPARE] = { "prepare", prepare, SHORT_DEADLINE, STAGE_CLEANUP,
			    TO(STAGE_FETCH) | TO(STAGE_UNPACK) | TO(STAGE_SLOT) },
	[STAGE_FETCH] = { "fetch", fetch, BUILD_DEADLINE, STAGE_REAP, TO(STAGE_UNPACK) | TO(STAGE_SLOT) },
	[STAGE_UNPACK] = { "unpack", unpack, SHORT_DEADLINE, STAGE_CLEANUP, TO(STAGE_SLOT) },
	[STAGE_SLOT] = { "queue", slot, BUILD_DEADLINE, STAGE_CLEANUP, TO(STAGE_CONFIGURE) | TO(STAGE_TOOLS) },
	[STAGE_CONFIGURE] = { "configure", configure, SHORT_DEADLINE, STAGE_REAP, TO(STAGE_BUILD) },
	[STAGE_BUILD] = { "build", build, BUILD_DEADLINE, STAGE_REAP, TO(STAGE_VALIDATE) },
	[STAGE_VALIDATE] = { "validate", validate, SHORT_DEADLINE, STAGE_CLEANUP, TO(STAGE_TOOLS) },
	[STAGE_TOOLS] = { "schedulers", tools, SHORT_DEADLINE, STAGE_REAP, TO(STAGE_STRIP) },
	[STAGE_STRIP] = { "strip", strip, SHORT_DEADLINE, STAGE_REAP, TO(STAGE_STORE) | TO(STAGE_CLEANUP) },
	[STAGE_STORE] = { "store", store, SHORT_DEADLINE, STAGE_CLEANUP, TO(STAGE_CLEANUP) },
	[STAGE_REAP] = { "reap", reap, REAP_DEADLINE, STAGE_CLEANUP, TO(STAGE_CLEANUP) },
	[STAGE_CLEANUP] = { "clean up", cleanup, SHORT_DEADLINE, 0, TO_END, .shielded = true },
};

const char *kernel_stage_name(enum kernel_stage stage)
{
	return stages[stage].name;
}

const char *kernel_job_title(const struct kernel_job *job)
{
	const struct kernel_id *id = job->config.id;
	return job->version[0] ? job->version : id->version ?: id->ref ?: path_basename(id->path ?: "?");
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
		FAIL(&job->err, EXIT_CONTENTION, -ETIME, "kernel %s: stage '%s' took too long", kernel_job_title(job),
		     machine_state_name(m));
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
	job->run.on_line = on_line;
	job->run.data = job;
	machine_start(r, &job->machine, &job_type, parent, "kernel");
}

void kernel_job_done(struct kernel_job *job)
{
	err_free(job->err);
	free(job->tarball);
	free(job->work);
	free(job->tree);
	free(job->log_path);
	command_done(&job->run);
	*job = (struct kernel_job){ 0 };
}
