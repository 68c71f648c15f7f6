/* SPDX-License-Identifier: GPL-2.0-only */
/* scheduler.c -- the life of the scheduler under test: started, attached, gone, stopped. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/file.h"
#include "guest/channel.h"
#include "guest/init/init.h"

#define STATE_FILE "/sys/kernel/sched_ext/state"

bool scheduler_supported(void)
{
	return path_exists(STATE_FILE);
}

bool scheduler_enabled(void)
{
	_cleanup_buf_ struct buf state = BUF_NULL;
	return file_read(STATE_FILE, 64, &state, NULL) == 0 && !strncmp(buf_str(&state), "enabled", 7);
}

void scheduler_event(struct init *i, enum wire_sched_event event)
{
	struct wire_sched record = { .event = event, .status = i->sched_status, .pid = i->sched_pid };
	log_put(&i->log, WIRE_SCHED, &record, sizeof(record));
}

/* Every line of the kernel's dump is also a trace event; that works whatever the scheduler's own process does. */
static void watch_dumps(struct init *i)
{
	file_write("/sys/kernel/tracing/buffer_size_kb", "64");
	if (file_write("/sys/kernel/tracing/events/sched_ext/sched_ext_dump/enable", "1") < 0)
		return;
	i->fd[SRC_TRACE].fd = open("/sys/kernel/tracing/trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

int scheduler_start(struct init *i)
{
	watch_dumps(i);
	int pid = spawn(i->conf.sched_args, -1, &i->fd[SRC_SCHED_OUT].fd);
	if (pid < 0)
		return pid;
	i->sched_pid = pid;
	i->sched_started = true;
	scheduler_event(i, WIRE_SCHED_STARTED);
	return 0;
}

bool scheduler_await(struct init *i)
{
	if (!scheduler_supported()) {
		scheduler_event(i, WIRE_SCHED_UNSUPPORTED);
		return false;
	}
	int r = scheduler_start(i);
	if (r < 0) {
		log_complain(&i->log, "start the scheduler '%s': %s", i->conf.sched_args[0], strerror(-r));
		i->sched_status = 127 << 8;
		scheduler_event(i, WIRE_SCHED_LOAD_FAILED);
		return false;
	}
	nsec_t deadline = nsec_now() + ATTACH_DEADLINE;
	while (!i->attached && !i->sched_ended && nsec_now() < deadline)
		watch_once(i, deadline);
	if (i->attached) {
		scheduler_event(i, WIRE_SCHED_ENABLED);
		return true;
	}
	watch_drain(i);
	scheduler_event(i, i->sched_ended ? WIRE_SCHED_LOAD_FAILED : WIRE_SCHED_NOT_ATTACHED);
	return false;
}

void scheduler_gone(struct init *i, enum wire_sched_event event)
{
	if (i->ejected || !i->attached)
		return;
	i->ejected = true;
	i->attached = false;
	scheduler_event(i, event);
	/* Its process may look for the kernel's verdict only once a second: make it report now. */
	if (i->sched_pid)
		kill(i->sched_pid, SIGINT);
	struct control gone = { .kind = CONTROL_SCHED_GONE };
	if (i->fd[SRC_CHANNEL].fd >= 0)
		send(i->fd[SRC_CHANNEL].fd, &gone, sizeof(gone), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Asks with SIGINT, on which schedulers print their last report, then insists. */
void scheduler_stop(struct init *i)
{
	if (!i->sched_started)
		return;
	static const int signals[] = { SIGINT, SIGTERM, SIGKILL };
	bool was_gone = i->ejected;
	i->ejected = true;	/* what happens to it from here on is our doing */
	for (size_t k = 0; k < ARRAY_SIZE(signals) && !i->sched_ended; k++) {
		nsec_t deadline = nsec_now() + SCHED_STOP_DEADLINE;
		kill(i->sched_pid, signals[k]);
		while (!i->sched_ended && nsec_now() < deadline)
			watch_once(i, deadline);
	}
	watch_drain(i);
	if (!was_gone)
		scheduler_event(i, WIRE_SCHED_STOPPED);
}
