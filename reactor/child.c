/* SPDX-License-Identifier: GPL-2.0-only */
/* child.c -- starting, signalling and reaping processes. See child.h. */
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sanitizer/asan_interface.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/bug.h"
#include "base/file.h"
#include "base/parse.h"
#include "reactor/child.h"

/* execvpe() uses some kilobytes of stack. */
#define CHILD_STACK 16384

/* --- in the child, between clone and exec: it shares our memory, so it must not change anything ------------------- */

/* A target number may be another entry's source, so all sources move out of the way first. */
static int place_fds(const struct child_spec *spec)
{
	int moved[CHILD_FDS_MAX];
	for (unsigned i = 0; i < spec->fd_count; i++) {
		moved[i] = fcntl(spec->fds[i].from, F_DUPFD_CLOEXEC, 256);
		if (moved[i] < 0)
			return -errno;
	}
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd <= 2; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			return -errno;
	if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return -errno;
	for (unsigned i = 0; i < spec->fd_count; i++)
		if (dup2(moved[i], spec->fds[i].to) < 0)
			return -errno;
	return 0;
}

static void default_signals(void)
{
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The parameters of a start. */
struct child_start {
	const struct child_spec *spec;
	char **envp;
	int namespaces;		       /* CLONE_NEW* flags */
	uint64_t files;		       /* limit of open files; 0: ours */
	int rd, wr;		       /* pipe: the child writes the errno of a failed exec to @wr */
	char uid_map[32], gid_map[32]; /* of a user namespace */
};

/*
 * Maps root in the namespace to our user. Where the kernel creates user namespaces but grants nothing in them (AppArmor
 * can do that), this fails, and the program runs without privileges.
 */
static void map_ids(const struct child_start *s)
{
	file_write("/proc/self/setgroups", "deny");
	file_write("/proc/self/uid_map", s->uid_map);
	file_write("/proc/self/gid_map", s->gid_map);
}

/* The parent has the only other read end. Without it the parent is dead, and its death sends no signal any more. */
static bool parent_lives(int rd, int wr)
{
	struct pollfd fd = { .fd = wr };
	close(rd);
	return poll(&fd, 1, 0) == 0;
}

/* Restores the usual limit: programs that use select(2) fail with high descriptor numbers. */
static void limit_files(uint64_t files)
{
	struct rlimit limit;
	if (!files || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = files;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int exec_program(const struct child_start *s)
{
	const struct child_spec *spec = s->spec;
	if (setsid() < 0)
		return -errno;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!parent_lives(s->rd, s->wr))
		return -ESRCH;
	if (s->namespaces & CLONE_NEWUSER)
		map_ids(s);
	default_signals();
	/* Before the affinity mask, which entering a cgroup may reset. */
	if (spec->cgroup && *spec->cgroup >= 0 && write(*spec->cgroup, "0", 1) < 0)
		return -errno;
	if (spec->affinity)
		sched_setaffinity(0, CPUSET_WORDS * sizeof(uint64_t), (const void *)spec->affinity);
	if (spec->cwd && chdir(spec->cwd) < 0)
		return -errno;
	int r = place_fds(spec);
	if (r < 0)
		return r;
	limit_files(s->files);
	execvpe(spec->program ? spec->program : spec->argv[0], (char **)spec->argv, s->envp);
	return -errno;
}

static int child_entry(void *data)
{
	const struct child_start *s = data;
	int why = exec_program(s);
	fd_write_full(s->wr, &why, sizeof(why));
	_exit(127);
}

/* --- in the parent ------------------------------------------------------------------------------------------------ */

static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");
	return !strncmp(a, b, n) && b[n] == '=';
}

/*
 * Returns our environment with @add on top, or @add alone with @only; made before clone(2), because the child must not
 * allocate. NULL: no memory.
 */
static char **build_environment(const char *const *add, bool only)
{
	size_t ours = 0, added = 0;
	while (!only && environ[ours])
		ours++;
	while (add && add[added])
		added++;
	char **all = calloc(ours + added + 1, sizeof(*all));
	if (!all)
		return NULL;
	memcpy(all, environ, ours * sizeof(*all));
	for (size_t i = 0; i < added; i++) {
		size_t at = 0;
		while (at < ours && !same_name(add[i], all[at]))
			at++;
		all[at] = (char *)add[i];
		ours += at == ours;
	}
	return all;
}

/* Returns 0 when a successful exec closes the write end, else the errno that the child wrote. */
static int await_exec(int fd)
{
	int why = 0;
	int r = fd_read_full(fd, &why, sizeof(why));
	return r == -ENODATA ? 0 : r < 0 ? r : why;
}

/*
 * Like vfork(2): no page table is copied, and no page faults later. Returns when the child has called exec, or has
 * written its errno to @s->wr. The child has its own stack, so it does not change ours.
 */
static pid_t start_with(struct child_start *s, int namespaces)
{
	_Alignas(16) char stack[CHILD_STACK];
	s->namespaces = namespaces;
	pid_t pid = clone(child_entry, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD | namespaces, s);
	/* The child never returned from its functions, so AddressSanitizer still has their frames. No-op without it. */
	ASAN_UNPOISON_MEMORY_REGION(stack, sizeof(stack));
	return pid;
}

/* The kernel refuses namespaces for many reasons, so try with a user namespace, then without any. */
static pid_t start_child(struct child_start *s)
{
	int wanted = s->spec->namespaces;
	pid_t pid = start_with(s, wanted);
	if (pid < 0 && wanted && errno != EAGAIN && errno != ENOMEM)
		pid = start_with(s, wanted | CLONE_NEWUSER);
	if (pid < 0 && wanted && errno != EAGAIN && errno != ENOMEM)
		pid = start_with(s, 0);
	return pid;
}

int child_exec(struct child *c, const struct child_spec *spec, struct err **err)
{
	REQUIRE(spec->fd_count <= CHILD_FDS_MAX);
	int pipefd[2];
	_cleanup_free_ char **envp = build_environment(spec->env, spec->only_env);
	if (!envp || pipe2(pipefd, O_CLOEXEC) < 0)
		return FAIL_SYS(err, envp ? -errno : -ENOMEM, "start '%s'", spec->argv[0]);
	_cleanup_close_ int rd = pipefd[0];
	_cleanup_close_ int wr = fcntl(pipefd[1], F_DUPFD_CLOEXEC, 200);
	fd_close(pipefd[1]);
	struct child_start s = {
		.spec = spec, .envp = envp, .rd = rd, .wr = wr, .files = c->reactor ? c->reactor->files_before : 0
	};
	snprintf(s.uid_map, sizeof(s.uid_map), "0 %u 1", geteuid());
	snprintf(s.gid_map, sizeof(s.gid_map), "0 %u 1", getegid());
	pid_t pid = wr < 0 ? -1 : start_child(&s);
	if (pid < 0)
		return FAIL_SYS(err, -errno, "start '%s'", spec->argv[0]);
	wr = fd_close(wr);
	int r = await_exec(rd);
	int pidfd = r < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		r = r < 0 ? r : -errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return FAIL_SYS(err, r, "start '%s'", spec->argv[0]);
	}
	c->pid = pid;
	c->pidfd = pidfd;
	c->namespaces = s.namespaces;
	return 0;
}

int child_reap(struct child *c)
{
	int status = 0;
	struct rusage ru;
	pid_t pid;
	do
		pid = wait4(c->pid, &status, 0, &ru);
	while (pid < 0 && errno == EINTR);
	if (pid < 0)
		return -errno;
	c->cpu_usec = (uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000 +
		      (uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec);
	c->rss_kib = (uint64_t)ru.ru_maxrss;
	return status;
}

int child_spawn(struct reactor *r, struct child *c, const struct child_spec *spec, struct err **err)
{
	*c = CHILD_NULL;
	c->reactor = r;
	int result = r->backend->spawn(r, c, spec, err);
	c->running = result >= 0;
	return result;
}

void child_kill(struct child *c, int sig)
{
	if (c->running)
		c->reactor->backend->kill(c->reactor, c, sig);
}

void child_done(struct child *c)
{
	REQUIRE(!c->running);
	c->pidfd = fd_close(c->pidfd);
}

const char *child_describe(int status, char *out, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(out, size, "killed by SIG%s", sigabbrev_np(WTERMSIG(status)) ?: "?");
	else
		snprintf(out, size, "exit status %d", WEXITSTATUS(status));
	return out;
}
