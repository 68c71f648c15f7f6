/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * threads.c -- loads whose workers are threads of one process.
 *
 * The process creates its threads as a real-time task. Otherwise the scheduler under test would have to run it before
 * the test begins. Each thread gets its own policy before it starts to work.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/err.h"
#include "guest/place.h"
#include "guest/reap.h"
#include "guest/workers/threads.h"
#include "guest/workers/worker_main.h"

#define THREAD_STACK	 ((size_t)256 << 10)
#define THREADS_DEADLINE (5 * NSEC_PER_SEC)
#define LEADER_PRIORITY	 97 /* below the engine's priority */

struct thread {
	struct worker_set *workers;
	size_t index;
	pthread_t id;
};

static void *thread_main(void *arg)
{
	struct thread *t = arg;
	__atomic_store_n(&t->workers->slot[t->index].report.tid, (int32_t)gettid(), __ATOMIC_RELEASE);
	worker_main(t->workers, t->index);
}

/* Runs in the new process, whose first thread only waits for the others. */
static void __attribute__((noreturn)) lead_threads(struct worker_set *c, size_t first, unsigned count)
{
	const struct ktstr_load *load = &c->record[c->member[first].record]->load;
	struct thread *thread = calloc(count, sizeof(*thread));
	pthread_attr_t attr;
	setpgid(0, 0);
	if (load->pcomm)
		prctl(PR_SET_NAME, load->pcomm);
	if (!thread || pthread_attr_init(&attr) != 0 || pthread_attr_setstacksize(&attr, THREAD_STACK) != 0)
		_exit(1);
	for (unsigned k = 0; k < count; k++) {
		thread[k] = (struct thread){ .workers = c, .index = first + k };
		if (pthread_create(&thread[k].id, &attr, thread_main, &thread[k]) != 0)
			_exit(1);
	}
	for (unsigned k = 0; k < count; k++)
		pthread_join(thread[k].id, NULL);
	_exit(0);
}

static bool all_there(const struct worker_set *c, size_t first, unsigned count)
{
	for (unsigned k = 0; k < count; k++)
		if (!__atomic_load_n(&c->slot[first + k].report.tid, __ATOMIC_ACQUIRE))
			return false;
	return true;
}

static int await_threads(struct worker_set *c, size_t first, unsigned count, pid_t leader)
{
	static const struct timespec pause = { .tv_nsec = 1000 * 1000 };
	nsec_t deadline = nsec_now() + THREADS_DEADLINE;
	int status;
	while (!all_there(c, first, count)) {
		if (reap(leader, &status))
			return -EAGAIN;
		if (nsec_now() >= deadline) {
			kill(leader, SIGKILL);
			waitpid(leader, NULL, 0);
			return -ETIME;
		}
		nanosleep(&pause, NULL);
	}
	return 0;
}

int worker_set_start_threads(struct worker_set *c, size_t first, unsigned count, struct err **err)
{
	struct sched_param rt = { .sched_priority = LEADER_PRIORITY }, none = { 0 };
	for (unsigned k = 0; k < count; k++) {
		c->member[first + k].start_offset = (nsec_t)rng_below(&c->rng, (uint64_t)START_OFFSET_MAX);
		c->member[first + k].batch = c->batch;
	}
	pid_t leader = fork();
	if (leader == 0)
		lead_threads(c, first, count);
	if (leader < 0)
		return FAIL_SYS(err, -errno, "start the process of %u threads", count);
	sched_setscheduler(leader, SCHED_FIFO, &rt);
	int pidfd = (int)syscall(SYS_pidfd_open, leader, 0);
	int r = await_threads(c, first, count, leader);
	if (r < 0) {
		fd_close(pidfd);
		return FAIL_SYS(err, r, "start %u threads", count);
	}
	sched_setscheduler(leader, SCHED_OTHER, &none);
	place_affinity(leader, &c->topology->all);
	for (unsigned k = 0; k < count; k++) {
		struct worker_process *m = &c->member[first + k];
		m->leader = leader;
		m->pid = c->slot[first + k].report.tid;
		m->pidfd = k ? fcntl(pidfd, F_DUPFD_CLOEXEC, 0) : pidfd;
	}
	return 0;
}
