/* SPDX-License-Identifier: GPL-2.0-only */
/* payload.c -- processes of foreign programs: starts them, reads their output, ends them and all their descendants. */
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "guest/cgroup.h"
#include "guest/payload/payload.h"
#include "guest/scenario/stage.h"

#define LEAF_FORMAT "payload.%u"

/* --- starting ----------------------------------------------------------------------------------------------------- */

static unsigned live_count(const struct ktstr_ctx *t)
{
	unsigned n = 0;
	for (unsigned i = 0; t->payloads && i < t->payloads->count; i++)
		n += !t->payloads->run[i]->over;
	return n;
}

static struct payload *new_run(struct ktstr_ctx *t)
{
	if (!t->payloads)
		t->payloads = calloc(1, sizeof(*t->payloads));
	if (!t->payloads || t->payloads->count == PAYLOAD_RUNS_MAX || live_count(t) == PAYLOADS_MAX)
		return NULL;
	struct payload *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->index = t->payloads->count;
	p->pidfd = p->exec_fd = p->fd[PAYLOAD_STDOUT] = p->fd[PAYLOAD_STDERR] = -1;
	t->payloads->run[t->payloads->count++] = p;
	return p;
}

static const char **arguments(const char *program, const struct ktstr_payload_run *how)
{
	const char **argv = calloc(PAYLOAD_ARGS_MAX + 2, sizeof(*argv));
	const char *const *const lists[] = { how->payload->args, how->args };
	unsigned n = 0;
	if (!argv)
		return NULL;
	argv[n++] = program;
	for (size_t k = 0; k < ARRAY_SIZE(lists); k++)
		for (size_t i = 0; lists[k] && lists[k][i] && n <= PAYLOAD_ARGS_MAX; i++)
			argv[n++] = lists[k][i];
	return argv;
}

/* Runs in the child: an ordinary task on all CPUs, without the engine's descriptors and affinity. */
static void become(struct payload *p, const struct ktstr_ctx *t, const char **argv, const int out[3])
{
	static const struct sigaction standard = { .sa_handler = SIG_DFL };
	int null = open("/dev/null", O_RDONLY), code;
	if (!p->decl->uses_parent_pgrp)
		setpgid(0, 0);
	place_affinity(0, &t->topology->all);
	sigaction(SIGUSR1, &standard, NULL);
	if (dup2(null, STDIN_FILENO) >= 0 && dup2(out[PAYLOAD_STDOUT], STDOUT_FILENO) >= 0 &&
	    dup2(out[PAYLOAD_STDERR], STDERR_FILENO) >= 0) {
		/* Close-on-exec, so that the errno below can still be sent. */
		syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
		execv(argv[0], (char *const *)argv);
	}
	code = errno;
	if (write(out[2], &code, sizeof(code)) < 0)
		_exit(126);
	_exit(127);
}

static int open_pipes(int in[3], int out[3])
{
	for (int i = 0; i < 3; i++) {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) < 0)
			return -errno;
		fcntl(ends[0], F_SETFL, O_NONBLOCK);
		in[i] = ends[0];
		out[i] = ends[1];
	}
	return 0;
}

/* Forks directly into the cgroup, so that the process is never in another one. */
static pid_t fork_into(const char *leaf)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd =
		asprintf(&path, GUEST_CGROUP "/%s", leaf) < 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)fd };
	if (fd < 0)
		return -1;
	fflush(NULL);
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static int launch(struct ktstr_ctx *t, struct payload *p, const struct ktstr_payload_run *how)
{
	int in[3] = { -1, -1, -1 }, out[3] = { -1, -1, -1 };
	_cleanup_free_ char *program = path_join("/include-files", path_basename(p->decl->binary));
	_cleanup_free_ const char **argv = program ? arguments(program, how) : NULL;
	int r = argv ? open_pipes(in, out) : -ENOMEM;
	if (r == 0) {
		p->pid = fork_into(p->leaf);
		if (p->pid == 0)
			become(p, t, argv, out);
		r = p->pid < 0 ? -errno : 0;
	}
	for (int i = 0; i < 3; i++)
		fd_close(out[i]);
	p->fd[PAYLOAD_STDOUT] = in[0];
	p->fd[PAYLOAD_STDERR] = in[1];
	p->exec_fd = in[2];
	if (r == 0)
		p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	return r;
}

static nsec_t time_limit(const struct ktstr_ctx *t, const struct ktstr_payload *decl)
{
	return decl->timeout_ms ? decl->timeout_ms * NSEC_PER_MSEC : 2 * t->duration + 10 * NSEC_PER_SEC;
}

int payload_start(struct ktstr_ctx *t, const struct ktstr_payload_run *how, bool backdrop, struct payload **ret,
		  struct err **err)
{
	const char *cgroup = how->cgroup ? how->cgroup : "";
	struct payload *p = new_run(t);
	if (!p)
		return FAIL(err, EXIT_BAD_DATA, -E2BIG, "payload '%s': more than %d at once, or %d in one test",
			    how->payload->name, PAYLOADS_MAX, PAYLOAD_RUNS_MAX);
	p->decl = how->payload;
	p->more_checks = how->checks;
	p->backdrop = backdrop;
	p->started = nsec_now();
	p->deadline = p->started + time_limit(t, p->decl);
	snprintf(p->cgroup, sizeof(p->cgroup), "%s", cgroup);
	snprintf(p->leaf, sizeof(p->leaf), "%s%s" LEAF_FORMAT, cgroup, *cgroup ? "/" : "", p->index);
	p->start_error = cgroup_create(p->leaf, NULL);
	if (p->start_error == 0)
		p->start_error = launch(t, p, how);
	p->begun = p->start_error == 0;
	p->over = !p->begun;
	p->ended = p->started;
	*ret = p;
	return 0;
}

int payload_find(struct ktstr_ctx *t, const struct ktstr_payload *decl, const char *cgroup, struct payload **ret)
{
	struct payload *found = NULL;
	for (unsigned i = 0; t->payloads && i < t->payloads->count; i++) {
		struct payload *p = t->payloads->run[i];
		if (p->judged || p->decl != decl || (cgroup && strcmp(p->cgroup, cgroup)))
			continue;
		if (found)
			return -ENOTUNIQ;
		found = p;
	}
	*ret = found;
	return found ? 0 : -ENOENT;
}

/* --- reading output and ends -------------------------------------------------------------------------------------- */

static void kill_all(const struct payload *p)
{
	_cleanup_free_ char *path = NULL;
	if (asprintf(&path, GUEST_CGROUP "/%s/cgroup.kill", p->leaf) < 0 || file_write(path, "1") < 0)
		kill(p->decl->uses_parent_pgrp ? p->pid : -p->pid, SIGKILL);
}

static void take_output(struct payload *p, enum payload_stream stream)
{
	char chunk[16384];
	ssize_t n = 0;
	while (p->fd[stream] >= 0 && p->text[stream].len <= PAYLOAD_OUTPUT_MAX &&
	       (n = read(p->fd[stream], chunk, sizeof(chunk))) > 0)
		buf_append(&p->text[stream], chunk, (size_t)n);
	if (n == 0 && p->text[stream].len <= PAYLOAD_OUTPUT_MAX)
		p->fd[stream] = fd_close(p->fd[stream]);
	if (p->text[stream].len > PAYLOAD_OUTPUT_MAX && !p->flooded && !p->killed && !p->timed_out) {
		p->flooded = true;
		kill_all(p);
	}
}

/*
 * Ends processes that the payload left behind, so that their CPU time does not affect what runs next. Waits 100 ms for
 * processes that are already exiting.
 */
static void end_stragglers(struct payload *p)
{
	static const struct timespec pause = { .tv_nsec = 5 * 1000 * 1000 };
	int left = cgroup_procs(p->leaf);
	for (unsigned i = 0; i < 20 && left > 0; i++) {
		nanosleep(&pause, NULL);
		left = cgroup_procs(p->leaf);
	}
	if (left <= 0)
		return;
	p->stragglers = (unsigned)left;
	kill_all(p);
	for (unsigned i = 0; i < 100 && cgroup_procs(p->leaf) > 0; i++)
		nanosleep(&pause, NULL);
}

static void note_end(struct payload *p)
{
	int code = 0;
	p->over = true;
	p->ended = nsec_now();
	end_stragglers(p);
	for (int s = 0; s < PAYLOAD_STREAMS; s++) {
		take_output(p, (enum payload_stream)s);
		p->fd[s] = fd_close(p->fd[s]);
	}
	if (read(p->exec_fd, &code, sizeof(code)) == sizeof(code))
		p->start_error = -code;
	p->exec_fd = fd_close(p->exec_fd);
	p->pidfd = fd_close(p->pidfd);
	cgroup_remove(p->leaf, NULL);
}

static void serve(struct payload *p)
{
	take_output(p, PAYLOAD_STDOUT);
	take_output(p, PAYLOAD_STDERR);
	if (waitpid(p->pid, &p->status, WNOHANG) == p->pid) {
		note_end(p);
		return;
	}
	if (nsec_now() < p->deadline)
		return;
	p->timed_out |= !p->killed && !p->flooded;
	kill_all(p);
	p->deadline = nsec_now() + PAYLOAD_STOP_GRACE; /* try again later if a process is stuck in the kernel */
}

void payloads_serve(struct ktstr_ctx *t)
{
	for (unsigned i = 0; t->payloads && i < t->payloads->count; i++)
		if (!t->payloads->run[i]->over)
			serve(t->payloads->run[i]);
}

unsigned payloads_poll(const struct ktstr_ctx *t, struct pollfd *fd)
{
	unsigned n = 0;
	for (unsigned i = 0; t->payloads && i < t->payloads->count; i++) {
		const struct payload *p = t->payloads->run[i];
		if (p->over)
			continue;
		const int fds[] = { p->pidfd, p->fd[PAYLOAD_STDOUT], p->fd[PAYLOAD_STDERR] };
		for (size_t k = 0; k < ARRAY_SIZE(fds); k++)
			if (fds[k] >= 0 && !(k && p->text[k - 1].len > PAYLOAD_OUTPUT_MAX))
				fd[n++] = (struct pollfd){ .fd = fds[k], .events = POLLIN };
	}
	return n;
}

nsec_t payloads_deadline(const struct ktstr_ctx *t)
{
	nsec_t first = NSEC_NEVER;
	for (unsigned i = 0; t->payloads && i < t->payloads->count; i++)
		if (!t->payloads->run[i]->over)
			first = MIN_OF(first, t->payloads->run[i]->deadline);
	return first;
}

/* --- ending ------------------------------------------------------------------------------------------------------- */

/* Each attempt to kill it moves the deadline by the grace time. Gives up after four grace times. */
static void await(struct ktstr_ctx *t, struct payload *p)
{
	nsec_t last = p->deadline + 4 * PAYLOAD_STOP_GRACE;
	while (!p->over && nsec_now() < last)
		stage_wait_once(t, last);
	if (p->over)
		return;
	p->timed_out = true;
	note_end(p);
}

enum ktstr_verdict payload_wait(struct ktstr_ctx *t, struct payload *p)
{
	if (!p->judged) {
		await(t, p);
		payload_judge(t, p);
	}
	return p->verdict;
}

enum ktstr_verdict payload_kill(struct ktstr_ctx *t, struct payload *p)
{
	payloads_serve(t); /* a payload that has already ended was not killed */
	if (!p->over && !p->flooded && !p->timed_out) {
		p->killed = true;
		cgroup_freeze(p->leaf, false, NULL);
		kill(p->decl->uses_parent_pgrp ? p->pid : -p->pid, SIGTERM);
		p->deadline = nsec_now() + PAYLOAD_STOP_GRACE;
	}
	return payload_wait(t, p);
}

static int rank(enum ktstr_verdict v)
{
	static const int ranks[] = { [KTSTR_PASS] = 0, [KTSTR_SKIP] = 1, [KTSTR_INCONCLUSIVE] = 2, [KTSTR_FAIL] = 3 };
	return ranks[v];
}

enum ktstr_verdict payloads_end(struct ktstr_ctx *t, const char *cgroup, bool backdrop)
{
	enum ktstr_verdict v = KTSTR_PASS;
	for (unsigned i = 0; t->payloads && i < t->payloads->count; i++) {
		struct payload *p = t->payloads->run[i];
		bool ours = cgroup ? !strcmp(p->cgroup, cgroup) : p->backdrop == backdrop;
		if (!ours || p->judged)
			continue;
		enum ktstr_verdict w = payload_kill(t, p);
		v = rank(w) > rank(v) ? w : v;
	}
	return v;
}

static int move(struct payload *p, const char *to, struct err **err)
{
	char leaf[sizeof(p->leaf)], path[160];
	snprintf(leaf, sizeof(leaf), "%s/" LEAF_FORMAT, to, p->index);
	int r = cgroup_create(leaf, err);
	snprintf(path, sizeof(path), GUEST_CGROUP "/%s/cgroup.procs", p->leaf);
	for (unsigned round = 0; r == 0 && round < 16 && cgroup_procs(p->leaf) > 0; round++) {
		_cleanup_buf_ struct buf pids = BUF_NULL;
		char *save = NULL;
		r = file_read(path, 1 << 20, &pids, err);
		for (char *pid = r == 0 && pids.data ? strtok_r(pids.data, "\n", &save) : NULL; pid && r == 0;
		     pid = strtok_r(NULL, "\n", &save)) {
			uint64_t number;
			r = parse_u64(pid, &number) < 0 ? -EIO : cgroup_move(leaf, (pid_t)number, err);
		}
	}
	if (r < 0)
		return r;
	cgroup_remove(p->leaf, NULL);
	snprintf(p->leaf, sizeof(p->leaf), "%s", leaf);
	snprintf(p->cgroup, sizeof(p->cgroup), "%s", to);
	return 0;
}

int payloads_move(struct ktstr_ctx *t, const char *from, const char *to, struct err **err)
{
	int r = 0;
	for (unsigned i = 0; r == 0 && t->payloads && i < t->payloads->count; i++)
		if (!t->payloads->run[i]->over && !strcmp(t->payloads->run[i]->cgroup, from))
			r = move(t->payloads->run[i], to, err);
	return r;
}

void payloads_done(struct ktstr_ctx *t)
{
	payloads_end(t, NULL, true);
	payloads_end(t, NULL, false);
	for (unsigned i = 0; t->payloads && i < t->payloads->count; i++) {
		struct payload *p = t->payloads->run[i];
		for (unsigned k = 0; k < p->metrics; k++)
			free((char *)p->metric[k].name);
		free(p->metric);
		for (int s = 0; s < PAYLOAD_STREAMS; s++)
			buf_done(&p->text[s]);
		free(p);
	}
	free(t->payloads);
	t->payloads = NULL;
}

/* --- for test bodies ---------------------------------------------------------------------------------------------- */

static struct payload *of_handle(const struct ktstr_ctx *t, int handle)
{
	return t->payloads && handle >= 0 && (unsigned)handle < t->payloads->count ? t->payloads->run[handle] : NULL;
}

static void put_result(const struct payload *p, struct ktstr_payload_result *ret)
{
	if (!ret)
		return;
	*ret = (struct ktstr_payload_result){ .verdict = p ? p->verdict : KTSTR_FAIL, .exit_code = -1 };
	if (!p)
		return;
	ret->exit_code = WIFEXITED(p->status) ? WEXITSTATUS(p->status) : -1;
	ret->signal = WIFSIGNALED(p->status) ? WTERMSIG(p->status) : 0;
	ret->metric = p->metric;
	ret->metrics = p->metrics;
}

/* On the host: only checks the declaration. */
static void check_dry(struct ktstr_ctx *t, const struct ktstr_payload *decl)
{
	if (t->dry->problem.len)
		return;
	if (!decl)
		buf_puts(&t->dry->problem, "ktstr_payload_*: no payload is named");
	else if (!payload_declared(t->test, decl))
		buf_appendf(&t->dry->problem, "payload '%s' is neither the test's .payload nor one of its .workloads",
			    decl->name);
}

int ktstr_payload_spawn(struct ktstr_ctx *t, const struct ktstr_payload_run *run)
{
	_cleanup_err_ struct err *err = NULL;
	struct payload *p;
	if (t->dry) {
		check_dry(t, run->payload);
		return 0;
	}
	if (!run->payload || !payload_declared(t->test, run->payload)) {
		ktstr_expect(t, 0, "payload '%s' is neither the test's .payload nor one of its .workloads",
			     run->payload ? run->payload->name : "");
		return -EINVAL;
	}
	int r = payload_start(t, run, !t->stage || t->stage->in_backdrop, &p, &err);
	if (r < 0) {
		_cleanup_buf_ struct buf text = BUF_NULL;
		err_format(err, &text);
		ktstr_expect(t, 0, "%s", buf_str(&text));
	}
	return r < 0 ? r : (int)p->index;
}

enum ktstr_verdict ktstr_payload_wait(struct ktstr_ctx *t, int handle, struct ktstr_payload_result *ret)
{
	struct payload *p = of_handle(t, handle);
	enum ktstr_verdict v = t->dry ? KTSTR_PASS : p ? payload_wait(t, p) : KTSTR_FAIL;
	put_result(p, ret);
	return v;
}

bool ktstr_payload_try_wait(struct ktstr_ctx *t, int handle, struct ktstr_payload_result *ret)
{
	struct payload *p = of_handle(t, handle);
	payloads_serve(t);
	if (p && !p->over)
		return false;
	ktstr_payload_wait(t, handle, ret);
	return true;
}

enum ktstr_verdict ktstr_payload_kill(struct ktstr_ctx *t, int handle, struct ktstr_payload_result *ret)
{
	struct payload *p = of_handle(t, handle);
	enum ktstr_verdict v = t->dry ? KTSTR_PASS : p ? payload_kill(t, p) : KTSTR_FAIL;
	put_result(p, ret);
	return v;
}

/* Outside a scenario a payload runs as a step of its own, so that the host can report progress. */
enum ktstr_verdict ktstr_payload_run(struct ktstr_ctx *t, const struct ktstr_payload_run *run,
				     struct ktstr_payload_result *ret)
{
	bool alone = !t->stage && !t->dry && run->payload;
	uint32_t step = alone ? t->steps_run++ : 0;
	if (alone)
		stage_phase(t, WIRE_PHASE_STEP_START, step, run->payload->name);
	int handle = ktstr_payload_spawn(t, run);
	enum ktstr_verdict v = ktstr_payload_wait(t, handle, ret);
	if (alone)
		stage_phase(t, WIRE_PHASE_STEP_END, step, run->payload->name);
	return v;
}
