/* SPDX-License-Identifier: GPL-2.0-only */
/* sched_state.c -- see sched_state.h. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/file.h"
#include "guest/channel.h"
#include "guest/init/sched_state.h"

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

bool scheduler_is_exiting(const struct init *i)
{
	const unsigned long exiting = 0x4; /* PF_EXITING, in the flags field of /proc/PID/stat: proc(5) */
	char path[32];
	unsigned long flags = 0;
	_cleanup_buf_ struct buf stat = BUF_NULL;
	snprintf(path, sizeof(path), "/proc/%d/stat", i->sched_pid);
	if (i->sched_ended || file_read(path, 4096, &stat, NULL) < 0)
		return true;
	const char *behind_name = strrchr(buf_str(&stat), ')');
	return behind_name && sscanf(behind_name, ") %*c %*d %*d %*d %*d %*d %lu", &flags) == 1 && (flags & exiting);
}

void scheduler_event(struct init *i, enum wire_sched_event event)
{
	struct wire_sched record = { .event = event,
				     .status = i->sched_status,
				     .pid = i->sched_pid,
				     .limit_s = event == WIRE_SCHED_NOT_ATTACHED ? i->attach_limit_s : 0 };
	log_put(&i->log, WIRE_SCHED, &record, sizeof(record));
}

void scheduler_gone(struct init *i, enum wire_sched_event event)
{
	if (i->ejected || !i->attached)
		return;
	i->ejected = true;
	i->attached = false;
	scheduler_event(i, event);
	/* Its process may check only once a second whether the kernel disabled it. The signal makes it report now. */
	if (i->sched_pid)
		kill(i->sched_pid, SIGINT);
	struct control gone = { .kind = CONTROL_SCHED_GONE };
	if (i->fd[SRC_CHANNEL].fd >= 0)
		send(i->fd[SRC_CHANNEL].fd, &gone, sizeof(gone), MSG_NOSIGNAL | MSG_DONTWAIT);
}
