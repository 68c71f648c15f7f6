/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dry.c -- see dry.h.
 *
 * A scenario is an argument that the body passes, so the body must run. It runs in a child whose seccomp filter allows
 * memory management, writing to /dev/null, exiting and little else. A body that makes any other system call is killed,
 * and its scenarios are checked in the guest.
 *
 * One child runs many bodies, because a fork costs more than a body. The filter leaves nothing but memory for a body to
 * change, and the child restores its memory after each body, so no body finds what another left. A body that ends the
 * child, or that leaves a mapping behind, is the last one of that child; the next test gets a new child.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/text.h"
#include "guest/arch.h"
#include "guest/binary/dry.h"
#include "guest/binary/memory_copy.h"
#include "guest/ctx.h"
#include "guest/inherit.h"

#define PROBLEM_BYTES_MAX 1024
#define LIMITS_BYTES_MAX  2048
#define CHILD_BODIES	  256
#define CHILD_TIME	  (100 * NSEC_PER_MSEC)

/* Memory shared with the child. */
struct shared {
	volatile unsigned done; /* number of tests whose body returned, or that have no body to run */
	volatile bool in_body;	/* the child is, or died, in the body of the next test */
	struct guest_topology topology;
	struct memory_copy memory;
	char problem[CHILD_BODIES][PROBLEM_BYTES_MAX + 1], limits[CHILD_BODIES][LIMITS_BYTES_MAX + 1];
};

/* The tests of one child. */
struct batch {
	const struct ktstr_test *const *tests;
	char **problem, **limits;
	size_t count;
};

#define ALLOW(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int install_seccomp(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH_AUDIT, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_write), /* to /dev/null */
		ALLOW(SYS_exit_group),
		ALLOW(SYS_brk), /* malloc */
		ALLOW(SYS_mmap),
		ALLOW(SYS_munmap),
		ALLOW(SYS_newfstatat), /* stdio calls fstat before the first write */
		ALLOW(SYS_ioctl),      /* stdio checks for a terminal */
		ALLOW(SYS_clock_gettime),
		ALLOW(SYS_pread64), /* the size of the address space, between two bodies */
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(filter), .filter = filter };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return -errno;
	return 0;
}

/* Returns the child's statm, its only descriptor besides /dev/null; -1 if it cannot be opened. */
static int limit_child(void)
{
	struct rlimit none = { 0 }, second = { 1, 1 }, memory = { (rlim_t)1 << 30, (rlim_t)1 << 30 };
	_cleanup_close_ int null = open("/dev/null", O_RDWR);
	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_CPU, &second);
	setrlimit(RLIMIT_AS, &memory);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0);
	null = -1;
	alarm(10);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

/* Copies at most @most bytes; @to is zeroed. */
static void keep_text(struct buf *text, char *to, size_t most)
{
	size_t len = text->len ? text_cut(text->data, most) : 0;
	memcpy(to, buf_str(text), len);
}

static void run_body(const struct ktstr_test *test, struct guest_topology *topology, char *problem, char *limits)
{
	struct ktstr_topology declared = test_topology(test);
	struct dry_run dry = { .problem = BUF_NULL, .limits = BUF_NULL };
	struct ktstr_ctx t = { .test = test,
			       .channel.fd = -1,
			       .topology = topology,
			       .dry = &dry,
			       .duration = (test->duration_s ? test->duration_s : 2) * NSEC_PER_SEC };
	guest_topology_declared(&declared, topology);
	test->body(&t);
	keep_text(&dry.problem, problem, PROBLEM_BYTES_MAX);
	keep_text(&dry.limits, limits, LIMITS_BYTES_MAX);
}

/*
 * The child: runs bodies until one leaves something behind that cannot be undone, or until it is old. The limits of CPU
 * time and of time are per child; it ends early enough to leave nearly all of them to its last body. Not inlined,
 * because the stack is restored down to its frame.
 */
static void __attribute__((noinline)) run_bodies(struct shared *s, const struct batch *b)
{
	nsec_t until = nsec_now() + CHILD_TIME;
	s->memory.statm = limit_child();
	bool again = memory_copy_take(&s->memory, __builtin_frame_address(0));
	if (install_seccomp() < 0)
		_exit(1);
	for (unsigned i = 0; i < b->count; s->done = ++i) {
		if (b->problem[i])
			continue;
		if (i && !(again && memory_copy_restore(&s->memory) && nsec_now() < until))
			break;
		s->in_body = true;
		run_body(b->tests[i], &s->topology, s->problem[i], s->limits[i]);
		s->in_body = false;
	}
	_exit(0);
}

/* Runs a child. Returns how many tests are done with: those whose body returned, and one that ended the child. */
static size_t run_child(struct shared *s, const struct batch *b)
{
	s->done = 0;
	s->in_body = false;
	for (size_t i = 0; i < b->count; i++) {
		memset(s->problem[i], 0, sizeof(s->problem[i]));
		memset(s->limits[i], 0, sizeof(s->limits[i]));
	}
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		run_bodies(s, b);
	if (pid < 0 || waitpid(pid, NULL, 0) < 0)
		return b->count;
	size_t done = s->done + s->in_body;
	return done ? MIN_OF(done, b->count) : 1;
}

void dry_run(const struct ktstr_test *const *tests, char **problem, char **limits, size_t count)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return;
	for (size_t first = 0; first < count;) {
		struct batch b = { tests + first, problem + first, limits + first,
				   MIN_OF(count - first, CHILD_BODIES) };
		size_t done = run_child(s, &b);
		for (size_t i = 0; i < done; i++) {
			if (!b.problem[i] && s->problem[i][0])
				b.problem[i] = strndup(s->problem[i], PROBLEM_BYTES_MAX);
			if (s->limits[i][0])
				b.limits[i] = strndup(s->limits[i], LIMITS_BYTES_MAX);
		}
		first += done;
	}
	munmap(s, sizeof(*s));
}
