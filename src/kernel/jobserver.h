/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * jobserver.h -- one GNU make jobserver for all parallel builds (GNU make manual, "POSIX Jobserver Interaction").
 *
 * A pipe holds one byte for each further compiler that may start. Every make may also run one compiler without a byte,
 * so each build first takes a byte for that one. So all builds together run at most @budget compilers, and exactly as
 * many while there is enough work. The bytes of a killed make are restored when no build is left. Use from the
 * reactor's thread only.
 */
#ifndef KTSTR_KERNEL_JOBSERVER_H
#define KTSTR_KERNEL_JOBSERVER_H

#include "base/err.h"

#define JOBSERVER_MAX 1024

/* Descriptor numbers in make's process. */
enum jobserver_fd { JOBSERVER_FD_READ = 8, JOBSERVER_FD_WRITE = 9 };

struct jobserver {
	int rd, wr;
	unsigned budget;    /* compilers at once, over all builds */
	unsigned builds;    /* number of builds that hold a slot */
	char makeflags[80]; /* "MAKEFLAGS=...", for a make that inherits the two descriptors */
};

#define JOBSERVER_NULL ((struct jobserver){ .rd = -1, .wr = -1 })

/* @budget: 1 to JOBSERVER_MAX. */
int jobserver_init(struct jobserver *js, unsigned budget, struct err **err);
void jobserver_done(struct jobserver *js);
/* Takes a build's own slot: 0, or -EAGAIN. Try again when `rd` is readable. */
int jobserver_take(struct jobserver *js);
void jobserver_give(struct jobserver *js);

#endif
