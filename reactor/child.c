/* SPDX-License-Identifier: GPL-2.0-only */
/* child.c -- starting, signalling and reaping processes. See child.h. */
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
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

/* Looking a program up in PATH takes some kilobytes. */
#define CHILD_STACK 16384

/* --- in the child, between clone and exec: our memory, so only calls that change nothing of it -------------------- */

/* Targets may be anyone's source, so all sources move out of the way first. */
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

/* What the child is started with. */
struct start {
	const struct child_spec *spec;
	char **envp;
	int namespaces;		       /* CLONE_NEW* flags */
	uint64_t files;		       /* how many it may have open; 0: as many as we */
	int rd, wr;		       /* pipe: @wr tells the parent why the exec failed */
	char uid_map[32], gid_map[32]; /* of a user namespace */
};

/*
 * Root inside is us outside. Where the kernel creates user namespaces but grants nothing in them (AppArmor can), this
 * fails, and the program goes on without privileges.
 */
static void map_ids(const struct start *s)
{
	file_write("/proc/self/setgroups", "deny");
	file_write("/proc/self/uid_map", s->uid_map);
	file_write("/proc/self/gid_map", s->gid_map);
}

/* The parent holds the only other read end. Without it the parent is dead, and its death sends no signal any more. */
static bool parent_lives(int rd, int wr)
{
	struct pollfd fd = { .fd = wr };
	close(rd);
	return poll(&fd, 1, 0) == 0;
}

/* Programs that use select(2) cannot cope with what we allow ourselves. */
static void limit_files(uint64_t files)
{
	struct rlimit limit;
	if (!files || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = files;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int become(const struct start *s)
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
	/* Before the mask, which entering may undo. */
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
	const struct start *s = data;
	int why = become(s);
	fd_write_full(s->wr, &why, sizeof(why));
	_exit(127);
}

/* --- in the parent ------------------------------------------------------------------------------------------------ */

static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");
	return !strncmp(a, b, n) && b[n] == '=';
}

/* Our environment with @add on top, or @only @add; made before clone(2), after which nothing may be allocated. NULL: no
 * memory. */
static char **environment(const char *const *add, bool only)
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

/* The write end closes on a successful exec; before, it carries the errno of what failed. */
static int await_exec(int fd)
{
	int why = 0;
	int r = fd_read_full(fd, &why, sizeof(why));
	return r == -ENODATA ? 0 : r < 0 ? r : why;
}

/*
 * As vfork(2): no page table is copied, and no page faults afterwards; goes on when the child has exec'd, or has
 * written to @s->wr why it could not. The child has a stack of its own, so that it changes nothing of ours.
 */
static pid_t start_with(struct start *s, int namespaces)
{
	_Alignas(16) char stack[CHILD_STACK];
	s->namespaces = namespaces;
	return clone(child_entry, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD | namespaces, s);
}

/* Whatever the reason is for which the kernel refuses namespaces: less of them may be allowed. */
static pid_t start(struct start *s)
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
	_cleanup_free_ char **envp = environment(spec->env, spec->only_env);
	if (!envp || pipe2(pipefd, O_CLOEXEC) < 0)
		return FAIL_SYS(err, envp ? -errno : -ENOMEM, "start '%s'", spec->argv[0]);
	_cleanup_close_ int rd = pipefd[0];
	_cleanup_close_ int wr = fcntl(pipefd[1], F_DUPFD_CLOEXEC, 200);
	fd_close(pipefd[1]);
	struct start s = {
		.spec = spec, .envp = envp, .rd = rd, .wr = wr, .files = c->reactor ? c->reactor->files_before : 0
	};
	snprintf(s.uid_map, sizeof(s.uid_map), "0 %u 1", geteuid());
	snprintf(s.gid_map, sizeof(s.gid_map), "0 %u 1", getegid());
	pid_t pid = wr < 0 ? -1 : start(&s);
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
