/* SPDX-License-Identifier: GPL-2.0-only */
/* job.c -- see job.h. Stages stand in the order in which they run. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/bug.h"
#include "base/file.h"
#include "base/tool.h"
#include "kernel/config.h"
#include "kernel/steps.h"

#define LINE_BYTES_MAX	 4096
#define TAIL_BYTES_MAX	 6000
#define LOCK_RETRY	 (250 * NSEC_PER_MSEC)
#define BUILD_DEADLINE	 (120 * NSEC_PER_MIN)
#define SHORT_DEADLINE	 (20 * NSEC_PER_MIN)
#define REAP_DEADLINE	 (30 * NSEC_PER_SEC)

static struct kernel_job *job_of(struct machine *m)
{
	return container_of(m, struct kernel_job, machine);
}

/* --- RESOLVE, LOCK ------------------------------------------------------------------------------------------------ */

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
	bool good = !e.error_kind && e.status == KCONFIG_MATCHES && (!job->config.schedulers || e.has_schedulers);
	entry_done(&e);
	return good;
}

static int make_work(struct kernel_job *job)
{
	cache_sweep(job->config.cache);
	int r = cache_workdir(job->config.cache, job->key[0] ? job->key : "tree", &job->work, &job->err);
	if (r < 0)
		return r;
	bool tarball = job->config.id.kind == KERNEL_ID_TARBALL;
	job->tree = tarball ? path_join(job->work, "src") : strdup(job->config.id.path);
	job->log_path = path_join(job->work, "build.log");
	job->log_fd = job->log_path ? open(job->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
	return job->tree && job->log_fd >= 0 ? 0 : -ENOMEM;
}

/* Whoever holds the lock builds; who waits finds the entry when it gets it. */
static int lock(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	if (result < 0)
		return result;
	const char *name = job->key[0] ? job->key : "source-tree";
	int r = job->lock_fd >= 0 ? 0 : cache_lock(job->config.cache, name, &job->lock_fd, &job->err);
	if (r == -EBUSY) {
		machine_sleep(m, LOCK_RETRY);
		return STAGE_LOCK;
	}
	if (r < 0)
		return r;
	job->hit = already_cached(job);
	if (job->hit)
		return STAGE_CLEANUP;
	r = make_work(job);
	if (r < 0)
		return r;
	return job->config.id.kind == KERNEL_ID_TARBALL ? STAGE_UNPACK : STAGE_CONFIGURE;
}

static int unpack(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	(void)result;
	machine_offload(m, &job->offload, step_unpack, job);
	return STAGE_CONFIGURE;
}

/* --- commands: stdout and stderr come through one pipe, into the log and past the progress counter ---------------- */

static int run_command(struct machine *m, const char *const *argv, const char *const *env)
{
	struct kernel_job *job = job_of(m);
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return FAIL_SYS(&job->err, -errno, "run '%s'", argv[0]);
	struct child_fd fds[] = { { ends[1], STDOUT_FILENO }, { ends[1], STDERR_FILENO } };
	struct child_spec spec = { .argv = argv, .env = env, .cwd = job->tree, .fds = fds, .fd_count = 2 };
	buf_clear(&job->tail);
	buf_clear(&job->line);
	int r = child_spawn(m->reactor, &job->child, &spec, &job->err);
	fd_close(ends[1]);
	job->pipe_fd = ends[0];
	return r;
}

static void take_line(struct kernel_job *job)
{
	const char *s = buf_str(&job->line);
	while (*s == ' ')
		s++;
	job->objects += !strncmp(s, "CC ", 3) || !strncmp(s, "AS ", 3);
	buf_append_printable(&job->tail, buf_str(&job->line), job->line.len);
	buf_puts(&job->tail, "\n");
	if (job->tail.len > TAIL_BYTES_MAX)
		buf_consume(&job->tail, job->tail.len - TAIL_BYTES_MAX);
	buf_clear(&job->line);
}

static void take_output(struct kernel_job *job, size_t len)
{
	fd_write_full(job->log_fd, job->chunk, len);
	for (size_t i = 0; i < len; i++) {
		if (job->chunk[i] == '\n')
			take_line(job);
		else if (job->line.len < LINE_BYTES_MAX)
			buf_append(&job->line, &job->chunk[i], 1);
	}
}

/* The first line of @tail that is an error's, else its last: what a person wants to see first. */
static void pick_error(const char *tail, char *out, size_t size)
{
	static const char *const marks[] = { "error:", "fatal", "No such file", "not found", "rror: ", "Error " };
	const char *best = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(marks) && !best; i++)
		best = strstr(tail, marks[i]);
	if (!best) {
		best = tail + strlen(tail);
		for (int lines = 0; best > tail && lines < 2; best--)
			lines += best[-1] == '\n';
	}
	while (best > tail && best[-1] != '\n')
		best--;
	best += *best == '\n';
	snprintf(out, size, "%.*s", (int)MIN_OF(strcspn(best, "\n"), size - 1), best);
}

/* Keeps the log of a failed build where the person can read it: beside the cache, not in the work that is removed. */
static const char *keep_log(struct kernel_job *job, char *out, size_t size)
{
	snprintf(out, size, "%s/.locks/%s.log", job->config.cache->root, job->key[0] ? job->key : "source-tree");
	return rename(job->log_path, out) == 0 ? out : job->log_path;
}

static int command_failed(struct kernel_job *job, const char *what)
{
	char line[300], how[64], log[512];
	pick_error(buf_str(&job->tail), line, sizeof(line));
	return FAIL(&job->err, EXIT_BAD_DATA, -EIO, "%s of kernel %s failed (%s): %s; the whole log is in %s", what,
		    job->version, child_describe(job->child.status, how, sizeof(how)), line,
		    keep_log(job, log, sizeof(log)));
}

struct command {
	const char *what;	/* for errors: "configuration", "build" */
	const char *const *argv;
	const char *const *env;
};

enum command_step { COMMAND_IDLE, COMMAND_READING, COMMAND_EXITING };

/* Drives one command: 1 when it is over and well, 0 while it runs (a wait was started), negative when it failed. */
static int command(struct machine *m, int result, const struct command *c)
{
	struct kernel_job *job = job_of(m);
	switch ((enum command_step)job->step) {
	case COMMAND_IDLE:
		result = run_command(m, c->argv, c->env);
		if (result < 0)
			return result;
		break;
	case COMMAND_READING:
		if (result > 0)
			take_output(job, (size_t)result);
		if (result > 0 || result == -EINTR)
			break;
		job->pipe_fd = fd_close(job->pipe_fd);
		job->step = COMMAND_EXITING;
		machine_wait_child(m, &job->child);
		return 0;
	case COMMAND_EXITING:
		job->step = COMMAND_IDLE;
		child_done(&job->child);
		return job->child.status ? command_failed(job, c->what) : 1;
	}
	job->step = COMMAND_READING;
	machine_read(m, job->pipe_fd, job->chunk, sizeof(job->chunk), OP_STREAM);
	return 0;
}

/* --- CONFIGURE, BUILD, VALIDATE, TOOLS, STRIP --------------------------------------------------------------------- */

/* A tree of one's own with a configuration for sched_ext keeps it; everything else gets the lean one. */
static bool keeps_own_config(const struct kernel_job *job)
{
	_cleanup_free_ char *path = path_join(job->tree, ".config");
	_cleanup_buf_ struct buf text = BUF_NULL;
	return job->config.id.kind == KERNEL_ID_TREE && path && file_read(path, 16 << 20, &text, NULL) == 0 &&
	       kconfig_has(buf_str(&text), "CONFIG_SCHED_CLASS_EXT");
}

static int configure(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	if (result < 0 && job->step == COMMAND_IDLE)
		return result;
	if (job->step == COMMAND_IDLE) {
		int r = step_config_input(job);
		if (r < 0)
			return r;
	}
	char variable[4200];
	snprintf(variable, sizeof(variable), "KCONFIG_ALLCONFIG=%s/lean.config", job->work);
	const char *lean[] = { "make", variable, "allnoconfig", NULL }, *own[] = { "make", "olddefconfig", NULL };
	struct command c = { "configuration", job->step == COMMAND_IDLE && keeps_own_config(job) ? own : lean, NULL };
	int r = command(m, result, &c);
	return r < 0 ? r : r ? STAGE_BUILD : STAGE_CONFIGURE;
}

static int build(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	char jobs[16];
	snprintf(jobs, sizeof(jobs), "-j%u", job->config.jobs);
	/* Modules and everything else that is not booted stay unbuilt. */
	const char *argv[] = { "make", jobs, "KCFLAGS=-Wno-error", "vmlinux", "bzImage", NULL };
	int r = command(m, result, &(struct command){ "build", argv, NULL });
	return r < 0 ? r : r ? STAGE_VALIDATE : STAGE_BUILD;
}

static int validate(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	(void)result;
	machine_offload(m, &job->offload, step_validate, job);
	return STAGE_TOOLS;
}

static int tools(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	if (job->step == COMMAND_IDLE && result < 0)
		return result;
	if (!job->config.schedulers || !job->has_scx)
		return STAGE_STRIP;
	char jobs[16];
	snprintf(jobs, sizeof(jobs), "-j%u", job->config.jobs);
	/* The tree brings its own libbpf and bpftool; a distribution's older ones do not know today's struct_ops. */
	_cleanup_free_ char *clang = tool_clang();
	char variable[64];
	snprintf(variable, sizeof(variable), "CLANG=%.40s", clang ? clang : "clang");
	const char *argv[] = {"make",	    "-C",	"tools/sched_ext", jobs,	 variable,
			      "scx_simple", "scx_qmap", "scx_central",	   "scx_flatcg", NULL};
	int r = command(m, result, &(struct command){ "build of the schedulers", argv, NULL });
	if (r == 1)
		job->schedulers_built = true;
	return r < 0 ? r : r ? STAGE_STRIP : STAGE_TOOLS;
}

static int strip(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	_cleanup_free_ char *out = path_join(job->work, "vmlinux");
	if (!out)
		return -ENOMEM;
	if (!job->key[0])
		return STAGE_CLEANUP;	/* built in place, not kept */
	/* Debug information goes; symbols and BTF stay: the monitor reads them. */
	const char *argv[] = { "objcopy", "--strip-debug", "vmlinux", out, NULL };
	int r = command(m, result, &(struct command){ "stripping", argv, NULL });
	return r < 0 ? r : r ? STAGE_STORE : STAGE_STRIP;
}

/* --- STORE, REAP, CLEANUP ----------------------------------------------------------------------------------------- */

static int store(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	(void)result;
	machine_offload(m, &job->offload, step_store, job);
	return STAGE_CLEANUP;
}

static int reap(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	(void)result;
	job->step = COMMAND_IDLE;
	job->pipe_fd = fd_close(job->pipe_fd);
	if (job->child.running) {
		child_kill(&job->child, SIGKILL);
		machine_wait_child(m, &job->child);
		return STAGE_REAP;
	}
	child_done(&job->child);
	return STAGE_CLEANUP;
}

/* Twice: once to remove the work, once more when that is done. */
static int cleanup(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	if (result < 0 && !job->err && result != -ECANCELED)
		FAIL_SYS(&job->err, result, "kernel %s", job->version);
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
	[STAGE_LOCK] = { "lock", lock, BUILD_DEADLINE, STAGE_CLEANUP,
			 TO(STAGE_UNPACK) | TO(STAGE_CONFIGURE) | TO(STAGE_CLEANUP) },
	[STAGE_UNPACK] = { "unpack", unpack, SHORT_DEADLINE, STAGE_CLEANUP, TO(STAGE_CONFIGURE) },
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

static void job_ended(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	job->result = result;
	job->ended = true;
	job->lock_fd = fd_close(job->lock_fd);
	job->log_fd = fd_close(job->log_fd);
	if (result == -ETIME && !job->err)
		FAIL(&job->err, EXIT_CONTENTION, -ETIME, "kernel %s: stage '%s' took too long", job->version,
		     machine_state_name(m));
	if (job->changed)
		notice_post(job->changed);
}

static const struct machine_type job_type = { "kernel", stages, STAGE_MAX, job_ended };

void kernel_job_start(struct reactor *r, struct kernel_job *job, const struct kernel_job_config *config,
		      struct notice *changed)
{
	REQUIRE(config->id.kind != KERNEL_ID_CACHED && config->jobs > 0);
	*job = (struct kernel_job){ .config = *config, .child = CHILD_NULL, .lock_fd = -1, .pipe_fd = -1, .log_fd = -1,
				    .changed = changed, .began = reactor_now(r) };
	machine_start(r, &job->machine, &job_type, NULL, "kernel");
}

void kernel_job_done(struct kernel_job *job)
{
	err_free(job->err);
	free(job->work);
	free(job->tree);
	free(job->log_path);
	buf_done(&job->line);
	buf_done(&job->tail);
	*job = (struct kernel_job){ 0 };
}
