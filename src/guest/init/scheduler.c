/* SPDX-License-Identifier: GPL-2.0-only */
/* scheduler.c -- see scheduler.h. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/parse.h"
#include "guest/channel.h"
#include "guest/init/kernel_builtin.h"
#include "guest/init/sched_state.h"
#include "guest/init/scheduler.h"
#include "guest/init/spawn.h"
#include "guest/init/watch.h"

/* Reads the kernel's dump from trace events, one per line: that works in any state of the scheduler's process. */
static void watch_dumps(struct init *i)
{
	file_write("/sys/kernel/tracing/buffer_size_kb", "64");
	if (file_write("/sys/kernel/tracing/events/sched_ext/sched_ext_dump/enable", "1") < 0)
		return;
	i->fd[SRC_TRACE].fd = open("/sys/kernel/tracing/trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

/* --- loading on one CPU ------------------------------------------------------------------------------------------- */

#define BUSY_PRIORITY 60 /* above the kernel's helper thread, which has 50 */

static void spin_on(unsigned cpu)
{
	struct sched_param param = { .sched_priority = BUSY_PRIORITY };
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0 || sched_setscheduler(0, SCHED_FIFO, &param) < 0)
		_exit(1);
	for (;;)
		__asm__ volatile("" : : : "memory");
}

/* Starts a real-time task on every CPU but one, so that tasks woken while the scheduler loads run on the free CPU. */
static void keep_others_busy(struct init *i, pid_t *pids, unsigned count)
{
	if (!i->conf.load_cpu)
		return;
	file_write("/proc/sys/kernel/sched_rt_runtime_us", "-1");
	for (unsigned cpu = 0; cpu < count; cpu++) {
		pids[cpu] = cpu + 1 == i->conf.load_cpu ? 0 : fork();
		if (pids[cpu] == 0 && cpu + 1 != i->conf.load_cpu)
			spin_on(cpu);
	}
}

static void let_others_go(struct init *i, const pid_t *pids, unsigned count)
{
	if (!i->conf.load_cpu)
		return;
	for (unsigned cpu = 0; cpu < count; cpu++)
		if (pids[cpu] > 0)
			kill(pids[cpu], SIGKILL);
	file_write("/proc/sys/kernel/sched_rt_runtime_us", "950000");
}

/* --- start and stop ----------------------------------------------------------------------------------------------- */

static int scheduler_start(struct init *i, const char *const argv[])
{
	if (i->fd[SRC_TRACE].fd < 0)
		watch_dumps(i);
	int pid = spawn(argv, -1, i->counters, &i->fd[SRC_SCHED_OUT].fd);
	if (pid < 0)
		return pid;
	i->sched_pid = pid;
	i->sched_started = true;
	scheduler_event(i, WIRE_SCHED_STARTED);
	return 0;
}

/*
 * Starts the scheduler and waits until it is attached. Returns false, with a record in the log, if it failed to attach.
 */
static bool load_scheduler(struct init *i, const struct sched_conf *conf)
{
	static pid_t busy[CPUSET_CPUS_MAX];
	unsigned cpus = MIN_OF((unsigned)sysconf(_SC_NPROCESSORS_ONLN), CPUSET_CPUS_MAX);
	keep_others_busy(i, busy, cpus);
	int r = scheduler_start(i, conf->args);
	if (r < 0) {
		log_error(&i->log, "start the scheduler '%s': %s", conf->args[0], strerror(-r));
		let_others_go(i, busy, cpus);
		i->sched_status = 127 << 8;
		scheduler_event(i, WIRE_SCHED_LOAD_FAILED);
		return false;
	}
	nsec_t deadline = nsec_now() + (nsec_t)conf->attach_s * NSEC_PER_SEC;
	while (!i->attached && !i->sched_ended && nsec_now() < deadline)
		watch_once(i, deadline);
	let_others_go(i, busy, cpus);
	if (i->attached) {
		scheduler_event(i, WIRE_SCHED_ENABLED);
		return true;
	}
	watch_drain(i);
	i->attach_limit_s = (uint32_t)conf->attach_s;
	scheduler_event(i, i->sched_ended ? WIRE_SCHED_LOAD_FAILED : WIRE_SCHED_NOT_ATTACHED);
	return false;
}

/* The same for a scheduler of the kernel itself. */
static bool enable_builtin(struct init *i)
{
	if (builtin_enable(i) < 0) {
		scheduler_event(i, WIRE_SCHED_NOT_ENABLED);
		return false;
	}
	i->sched_started = true;
	i->attached = true;
	scheduler_event(i, WIRE_SCHED_ENABLED);
	return true;
}

bool scheduler_await(struct init *i)
{
	if (i->conf.builtin.enable_count)
		return enable_builtin(i);
	if (scheduler_supported())
		return load_scheduler(i, &i->conf.sched);
	scheduler_event(i, WIRE_SCHED_UNSUPPORTED);
	return false;
}

/* Sends SIGINT, at which schedulers print their last report, then SIGTERM and SIGKILL. */
static void end_process(struct init *i)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGKILL };
	for (size_t k = 0; k < ARRAY_SIZE(signals) && i->sched_pid && !i->sched_ended; k++) {
		nsec_t deadline = nsec_now() + SCHED_STOP_DEADLINE;
		kill(i->sched_pid, signals[k]);
		while (!i->sched_ended && nsec_now() < deadline)
			watch_once(i, deadline);
	}
	watch_drain(i);
}

void scheduler_stop(struct init *i)
{
	if (!i->sched_started)
		return;
	bool was_gone = i->ejected || i->detached;
	i->ejected = true; /* from here on its end is intended */
	if (i->builtin_on)
		builtin_disable(i);
	end_process(i);
	if (!was_gone)
		scheduler_event(i, WIRE_SCHED_STOPPED);
}

/* --- requests of the test ----------------------------------------------------------------------------------------- */

static int detach_scheduler(struct init *i)
{
	if (!i->attached || i->ejected)
		return -ESRCH;
	i->attached = false; /* so that its end does not count as a crash */
	i->detached = true;
	if (i->builtin_on) {
		int r = builtin_disable(i);
		scheduler_event(i, WIRE_SCHED_DETACHED);
		return r;
	}
	end_process(i);
	nsec_t deadline = nsec_now() + SCHED_STOP_DEADLINE;
	while (scheduler_enabled() && nsec_now() < deadline)
		watch_once(i, nsec_now() + 10 * NSEC_PER_MSEC);
	scheduler_event(i, WIRE_SCHED_DETACHED);
	i->fd[SRC_SCHED_OUT].fd = fd_close(i->fd[SRC_SCHED_OUT].fd);
	return i->sched_ended && !scheduler_enabled() ? 0 : -ETIME;
}

static const struct sched_conf *find_staged(const struct init *i, const char *name)
{
	for (unsigned k = 0; k < i->conf.staged_count; k++)
		if (!strcmp(i->conf.staged[k].name, name))
			return &i->conf.staged[k];
	return NULL;
}

static int attach_scheduler(struct init *i, const char *name)
{
	const struct sched_conf *conf = *name ? find_staged(i, name) : &i->conf.sched;
	bool builtin = !*name && i->conf.builtin.enable_count;
	if (i->attached || i->ejected || !conf || (!builtin && !conf->args[0]))
		return -EINVAL;
	i->sched_ended = false;
	i->sched_status = 0;
	if (!(builtin ? enable_builtin(i) : load_scheduler(i, conf)))
		return -ENOEXEC;
	i->detached = false;
	return i->sched_pid;
}

void scheduler_serve(struct init *i)
{
	struct control answer = { .kind = CONTROL_SCHED_DONE };
	struct sched_request request = i->request;
	i->request = (struct sched_request){ 0 };
	answer.status = request.kind == SCHED_REQUEST_DETACH ? detach_scheduler(i) : attach_scheduler(i, request.name);
	if (i->fd[SRC_CHANNEL].fd >= 0)
		send(i->fd[SRC_CHANNEL].fd, &answer, sizeof(answer), MSG_NOSIGNAL);
}
