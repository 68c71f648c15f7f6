/* SPDX-License-Identifier: GPL-2.0-only */
/* process.c -- see process.h. */
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/parse.h"
#include "guest/cgroup.h"
#include "guest/coverage/slots.h"
#include "guest/payload/declaration.h"
#include "guest/payload/process.h"
#include "guest/place.h"
#include "guest/reap.h"
#include "guest/wait.h"

#define LEAF_FORMAT "payload.%u"

/* How often the end of processes is looked for; in times of it: how long to wait if none ends, and at most. */
#define EXIT_POLL_NS  (5 * 1000 * 1000)
#define EXIT_PATIENCE 20
#define KILL_PATIENCE 100
#define EXIT_WAIT_MAX 600

_Static_assert(3 * PAYLOADS_MAX <= WAIT_FDS_MAX, "the descriptors of all payloads must fit");

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
 * Waits while processes exit: as long as their number falls within @patience looks, for at most 3 s. A program that
 * ends with a thousand children is gone before they are. Returns how many are left.
 */
static int wait_for_exits(const struct payload *p, unsigned patience)
{
	static const struct timespec pause = { .tv_nsec = EXIT_POLL_NS };
	int left = cgroup_procs(p->leaf), before = left;
	for (unsigned i = 1; left > 0 && i < EXIT_WAIT_MAX; i++) {
		nanosleep(&pause, NULL);
		left = cgroup_procs(p->leaf);
		if (i % patience)
			continue;
		if (left >= before)
			break;
		before = left;
	}
	return left;
}

/* Ends processes that the payload left behind, so that their CPU time does not affect what runs next. */
static void end_stragglers(struct payload *p)
{
	int left = wait_for_exits(p, EXIT_PATIENCE);
	if (left <= 0)
		return;
	p->stragglers = (unsigned)left;
	kill_all(p);
	wait_for_exits(p, KILL_PATIENCE);
}

void payload_note_end(struct payload *p)
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

static void serve_run(struct payload *p)
{
	take_output(p, PAYLOAD_STDOUT);
	take_output(p, PAYLOAD_STDERR);
	if (reap(p->pid, &p->status)) {
		payload_note_end(p);
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
			serve_run(t->payloads->run[i]);
}

static unsigned poll_fds(const struct payload *p, struct pollfd *fd)
{
	const int fds[] = { p->pidfd, p->fd[PAYLOAD_STDOUT], p->fd[PAYLOAD_STDERR] };
	unsigned n = 0;
	for (size_t k = 0; k < ARRAY_SIZE(fds); k++)
		if (fds[k] >= 0 && !(k && p->text[k - 1].len > PAYLOAD_OUTPUT_MAX))
			fd[n++] = (struct pollfd){ .fd = fds[k], .events = POLLIN };
	return n;
}

/* Returns the first deadline. */
static nsec_t prepare_wait(struct ktstr_ctx *t, struct pollfd *fd, unsigned *count)
{
	nsec_t first = NSEC_NEVER;
	for (unsigned i = 0; t->payloads && i < t->payloads->count; i++) {
		const struct payload *p = t->payloads->run[i];
		if (p->over)
			continue;
		*count += poll_fds(p, fd + *count);
		first = MIN_OF(first, p->deadline);
	}
	return first;
}

void payload_terminate(struct payload *p)
{
	p->killed = true;
	cgroup_freeze(p->leaf, false, NULL);
	kill(p->decl->uses_parent_pgrp ? p->pid : -p->pid, SIGTERM);
	p->deadline = nsec_now() + PAYLOAD_STOP_GRACE;
}

static int move_run(struct payload *p, const char *to, struct err **err)
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
			r = move_run(t->payloads->run[i], to, err);
	return r;
}

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
	static const struct wait_source source = { .prepare = prepare_wait, .serve = payloads_serve };
	t->source[WAIT_PAYLOADS] = &source;
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

static const char **make_arguments(const char *program, const struct ktstr_payload_run *how)
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
static void exec_payload(struct payload *p, const struct ktstr_ctx *t, const char **argv, const int out[3])
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
	reap_keep_status();
	coverage_before_fork();
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		coverage_in_child();
	return pid;
}

static int launch_run(struct ktstr_ctx *t, struct payload *p, const struct ktstr_payload_run *how)
{
	int in[3] = { -1, -1, -1 }, out[3] = { -1, -1, -1 };
	_cleanup_free_ char *program = path_join("/include-files", path_basename(p->decl->binary));
	_cleanup_free_ const char **argv = program ? make_arguments(program, how) : NULL;
	int r = argv ? open_pipes(in, out) : -ENOMEM;
	if (r == 0) {
		p->pid = fork_into(p->leaf);
		if (p->pid == 0)
			exec_payload(p, t, argv, out);
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
		return FAIL(err, ERR_DATA, -E2BIG, "payload '%s': more than %d at once, or %d in one test",
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
		p->start_error = launch_run(t, p, how);
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
