/* SPDX-License-Identifier: GPL-2.0-only */
/* counted.c -- functions that guests call a known number of times; tests/vm/coverage.py compares what was counted. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

#define COUNTED(name)                                    \
	static __attribute__((noinline)) void name(void) \
	{                                                \
		__asm__ volatile("");                    \
	}

COUNTED(in_body)
COUNTED(in_worker)
COUNTED(before_abort)
COUNTED(before_kill)
COUNTED(in_grandchild)
COUNTED(before_panic)
COUNTED(never)

static void repeat(void (*fn)(void), unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		fn();
}

static void work(struct ktstr_worker *w, void *arg)
{
	(void)arg;
	repeat(in_worker, 1000);
	while (!ktstr_worker_stopped(w))
		ktstr_worker_turn(w, 1000);
}

KTSTR_TEST(counted_workers, .cores = 2, .duration_s = 1)
{
	repeat(in_body, 7);
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "counted",
						    .workers = 3,
						    .work = KTSTR_WORK(CUSTOM, .name = "counted", .fn = work) }));
}

/* 40 children at a time, each of which forks another one. */
static void fork_children(unsigned rounds)
{
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < 40; i++) {
			if (fork())
				continue;
			if (!fork())
				in_grandchild();
			_exit(0);
		}
		while (wait(NULL) > 0)
			;
	}
}

KTSTR_TEST(counted_children, .cores = 1)
{
	pid_t aborted = fork();
	if (!aborted) {
		repeat(before_abort, 321);
		abort();
	}
	pid_t killed = fork();
	if (!killed) {
		repeat(before_kill, 54);
		kill(getpid(), SIGKILL);
	}
	fork_children(3);
	ktstr_expect(t, aborted > 0 && killed > 0, "children are forked");
	return KTSTR_PASS;
}

/* The machine ends with the kernel. */
KTSTR_TEST(counted_panic, .cores = 1)
{
	repeat(before_panic, 13);
	FILE *f = fopen("/proc/sysrq-trigger", "we");
	if (!f)
		return KTSTR_SKIP;
	fputs("c", f);
	fclose(f);
	if (getpid() == 1)
		never();
	return KTSTR_PASS;
}
