/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stages.h -- shows the progress of kernel builds. A terminal shows one line per kernel, redrawn in place; the last one
 * stays when the build is done. Otherwise a line is printed at each change of stage, and every 30 s. With --json an
 * object is printed on stdout at each change.
 */
#ifndef KTSTR_CLI_STAGES_H
#define KTSTR_CLI_STAGES_H

#include "base/term.h"
#include "kernel/batch.h"

struct stages {
	struct machine machine;
	const struct kernel_batch *batch;
	struct term term;
	bool json;
	unsigned turns;
	bool shared; /* other code draws in place on the same terminal */
	struct term_frame frame;
	int shown[KERNELS_MAX];	  /* last printed stage + 1; -1: the end was printed */
	nsec_t said[KERNELS_MAX]; /* time of the last line, when not drawn in place */
};

/* Draws until @batch has ended, then prints the final lines. @lines: never draws in place, because other code does. */
void stages_start(struct reactor *r, struct stages *s, const struct kernel_batch *batch, bool json, bool lines);
/* Appends one line about the present state of @job, without a line feed. */
void stages_describe(const struct kernel_job *job, nsec_t now, struct buf *out);

#endif
