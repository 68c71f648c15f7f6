/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * jobserver.h -- one GNU make jobserver for all builds at once (GNU make manual, "POSIX Jobserver Interaction").
 *
 * A pipe holds a byte a compiler that may start. Every make has one more of its own, so a build first takes a byte for
 * that one: the sum over all builds is the budget, never more, and never less while there is work. Bytes that a killed
 * make took with it come back when no build is left. The reactor's thread only.
 */
#ifndef KTSTR_KERNEL_JOBSERVER_H
#define KTSTR_KERNEL_JOBSERVER_H

#include "base/err.h"

#define JOBSERVER_MAX 1024

/* Descriptors in make's process. */
enum jobserver_fd { JOBSERVER_FD_READ = 8, JOBSERVER_FD_WRITE = 9 };

struct jobserver {
	int rd, wr;
	unsigned budget;    /* compilers at once */
	unsigned builds;    /* that have a slot */
	char makeflags[80]; /* "MAKEFLAGS=...": for a make that gets the two descriptors */
};

#define JOBSERVER_NULL ((struct jobserver){ .rd = -1, .wr = -1 })

/* @budget: 1 to JOBSERVER_MAX. */
int jobserver_init(struct jobserver *js, unsigned budget, struct err **err);
void jobserver_done(struct jobserver *js);
/* A build's own slot: 0, or -EAGAIN; `rd` is readable when it is worth another try. */
int jobserver_take(struct jobserver *js);
void jobserver_give(struct jobserver *js);

#endif
