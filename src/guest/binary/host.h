/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host.h -- runs the engine on this host, under the current scheduler: `ktstr run`.
 *
 * The engine is process 1 of its own PID namespace, so that all workers end with it, and its control groups have the
 * same paths as in a guest. Calls block; only one engine can run at a time.
 */
#ifndef KTSTR_GUEST_HOST_H
#define KTSTR_GUEST_HOST_H

#include <sys/types.h>

#include <ktstr/work.h>

#include "base/err.h"
#include "base/time.h"

struct host_run {
	const char *scenario; /* canned, or a test of `program` */
	const char *program;  /* test binary; NULL: the scenario is canned */
	uint64_t seed;
	nsec_t duration;			/* host time, like all times in this file */
	unsigned workers;			/* per cgroup; 0: the default */
	const struct ktstr_work *work_override; /* or NULL */
};

struct host_engine {
	char cgroup[96];    /* control group of the run; "": not created yet */
	pid_t pid;	    /* 0: none */
	int pidfd, channel; /* channel: packets of channel.h; both -1 if there is none */
};

#define HOST_ENGINE_NULL ((struct host_engine){ .pidfd = -1, .channel = -1 })

/*
 * Creates this process's control group "ktstr-PID-TICKS" and removes the groups of killed runs. The message of -EACCES
 * and similar errors says what is required.
 */
int host_engine_open(struct host_engine *e, struct err **err);
/* Starts one scenario. The caller reads the channel, and waits for @e->pid with host_engine_reap(). */
int host_engine_start(struct host_engine *e, const struct host_run *how, struct err **err);
/*
 * Kills the processes that are left, waits for the engine's end and closes both descriptors. Returns the status as
 * waitpid(2) does.
 */
int host_engine_reap(struct host_engine *e);
/* Removes the control group and all groups in it. */
void host_engine_close(struct host_engine *e);

#endif
