/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stages.h -- kernels on their way, for people: on a terminal one line a kernel, redrawn in place and collapsing to its
 * last word when it is done; elsewhere a line at each change of stage, and every 30 s; with --json
 * an object at each change on stdout.
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
	bool shared; /* the terminal, with what draws in place there */
	struct term_frame frame;
	int shown[KERNELS_MAX];	  /* stage last told, + 1; -1: its end was told */
	nsec_t said[KERNELS_MAX]; /* when; for lines */
};

/* Draws until @batch has ended, and then its last words. @lines: never in place, because others draw too. */
void stages_start(struct reactor *r, struct stages *s, const struct kernel_batch *batch, bool json, bool lines);
/* One line about @job as it stands, without a line feed. */
void stages_describe(const struct kernel_job *job, nsec_t now, struct buf *out);

#endif
