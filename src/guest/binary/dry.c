/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dry.c -- see dry.h.
 *
 * A scenario is an argument that the body passes, so the body must run. It runs in a child whose seccomp filter allows
 * memory management, writing to its pipe, exiting and little else. A body that makes any other system call is killed,
 * and its scenarios are checked in the guest.
 */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/text.h"
#include "guest/binary/dry.h"
#include "guest/ctx.h"
#include "guest/inherit.h"

#define PROBLEM_BYTES_MAX 1024
#define PROBLEM_FD	  3

#define ALLOW(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int install_seccomp(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_write), /* to the pipe, or to /dev/null */
		ALLOW(SYS_exit_group),
		ALLOW(SYS_brk), /* malloc */
		ALLOW(SYS_mmap),
		ALLOW(SYS_munmap),
		ALLOW(SYS_newfstatat), /* stdio calls fstat before the first write */
		ALLOW(SYS_ioctl),      /* stdio checks for a terminal */
		ALLOW(SYS_clock_gettime),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(filter), .filter = filter };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return -errno;
	return 0;
}

static void limit_child(int out)
{
	struct rlimit none = { 0 }, second = { 1, 1 }, memory = { (rlim_t)1 << 30, (rlim_t)1 << 30 };
	_cleanup_close_ int null = open("/dev/null", O_RDWR);
	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_CPU, &second);
	setrlimit(RLIMIT_AS, &memory);
	for (int fd = 0; fd < PROBLEM_FD; fd++)
		dup2(null, fd);
	dup2(out, PROBLEM_FD);
	syscall(SYS_close_range, PROBLEM_FD + 1, ~0u, 0);
	null = -1;
	alarm(10);
}

static void be_dry(const struct ktstr_test *test, int out)
{
	static struct guest_topology topology;
	struct ktstr_topology declared = test_topology(test);
	struct dry_run dry = { .problem = BUF_NULL };
	struct ktstr_ctx t = { .test = test,
			       .channel.fd = -1,
			       .topology = &topology,
			       .dry = &dry,
			       .duration = (test->duration_s ? test->duration_s : 2) * NSEC_PER_SEC };
	guest_topology_declared(&declared, &topology);
	limit_child(out);
	if (install_seccomp() < 0)
		_exit(1);
	test->body(&t);
	size_t len = dry.problem.len ? text_cut(dry.problem.data, PROBLEM_BYTES_MAX) : 0;
	_exit(len && write(PROBLEM_FD, dry.problem.data, len) < 0);
}

char *dry_run(const struct ktstr_test *test)
{
	int pipefd[2];
	char text[PROBLEM_BYTES_MAX + 1];
	size_t len = 0;
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return NULL;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		be_dry(test, pipefd[1]);
	fd_close(pipefd[1]);
	for (ssize_t n; pid > 0 && (n = read(pipefd[0], text + len, sizeof(text) - 1 - len)) > 0;)
		len += (size_t)n;
	fd_close(pipefd[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return len ? strndup(text, len) : NULL;
}
