/* SPDX-License-Identifier: GPL-2.0-only */
/* test.c -- starts the test's process and enforces its time limit. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "guest/init/scheduler.h"
#include "guest/init/spawn.h"
#include "guest/init/test.h"
#include "guest/init/watch.h"

int test_start(struct init *i)
{
	int pair[2];
	char pid_text[16], coverage[24];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	snprintf(pid_text, sizeof(pid_text), "%d", i->sched_pid);
	const char *argv[] = { "/test",
			       "--run",
			       i->conf.test,
			       "--seed",
			       i->conf.seed,
			       "--duration-ns",
			       i->conf.duration_ns,
			       "--scheduler-pid",
			       pid_text,
			       i->counters ? "--coverage" : NULL,
			       coverage,
			       NULL };
	snprintf(coverage, sizeof(coverage), "%lu", i->counters);
	if (i->sched_pid)
		setenv("SCHED_PID", pid_text, 1);
	int pid = spawn(argv, pair[1], 0, &i->fd[SRC_TEST_OUT].fd);
	fd_close(pair[1]);
	if (pid < 0) {
		fd_close(pair[0]);
		return pid;
	}
	i->fd[SRC_CHANNEL].fd = pair[0];
	i->test_pid = pid;
	return 0;
}

void test_await(struct init *i)
{
	struct wire_test_exit record = { 0 };
	nsec_t deadline = nsec_now() + (nsec_t)i->conf.limit_ns;
	bool told = false;
	while (!i->test_ended) {
		if (i->request.kind)
			scheduler_serve(i);
		if (i->ejected && !told) {
			told = true;
			deadline = MIN_OF(deadline, nsec_now() + TEST_GRACE);
		}
		watch_once(i, deadline);
		if (!i->test_ended && nsec_now() >= deadline) {
			record.timed_out = 1;
			kill(-i->test_pid, SIGKILL);
			nsec_t last = nsec_now() + NSEC_PER_SEC;
			while (!i->test_ended && nsec_now() < last)
				watch_once(i, last);
			break;
		}
	}
	watch_drain(i);
	record.status = i->test_status;
	log_put(&i->log, WIRE_TEST_EXIT, &record, sizeof(record));
}
