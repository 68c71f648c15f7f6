/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host.h -- the engine on this very machine, under whatever scheduler it has: `ktstr run`.
 *
 * It is process 1 of namespaces of its own, so that all of its workers end with it, and the control groups look to it
 * as they do in a guest. Blocks; one at a time.
 */
#ifndef KTSTR_GUEST_HOST_H
#define KTSTR_GUEST_HOST_H

#include <sys/types.h>

#include <ktstr/work.h>

#include "base/err.h"
#include "base/time.h"

struct host_run {
	const char *scenario; /* canned */
	uint64_t seed;
	nsec_t duration;			/* host time, as is all time here */
	unsigned workers;			/* a cgroup; 0: the default */
	const struct ktstr_work *work_override; /* or NULL */
};

struct host_engine {
	char cgroup[96];    /* the control group that holds all of it; "": none yet */
	pid_t pid;	    /* 0: none */
	int pidfd, channel; /* channel: packets as channel.h has them; both -1 where there is none */
};

#define HOST_ENGINE_NULL ((struct host_engine){ .pidfd = -1, .channel = -1 })

/*
 * Makes the control group "ktstr-PID-TICKS" of this process, and removes those of runs that were killed.
 * -EACCES and the like with what it takes.
 */
int host_engine_open(struct host_engine *e, struct err **err);
/* Starts one scenario. The caller reads the channel, and waits for @e->pid with host_engine_reap(). */
int host_engine_start(struct host_engine *e, const struct host_run *how, struct err **err);
/* Kills what still runs of it, waits for its end, closes both descriptors; its status as waitpid(2) has it. */
int host_engine_reap(struct host_engine *e);
/* Removes the control group with all that is left in it. */
void host_engine_close(struct host_engine *e);

#endif
