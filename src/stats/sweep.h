/* SPDX-License-Identifier: GPL-2.0-only */
/* sweep.h -- the results of a verifier sweep: its cells, their programs, and grids over kernels and topologies. */
#ifndef KTSTR_STATS_SWEEP_H
#define KTSTR_STATS_SWEEP_H

#include "stats/veristat.h"

#define SWEEP_LIMIT    1000000 /* instructions that the kernel's verifier looks at */
#define SWEEP_WARN_PCT 75

enum sweep_outcome { SWEEP_PASS, SWEEP_FAIL, SWEEP_INCONCLUSIVE, SWEEP_SKIP };

struct sweep_cell {
	char *label;	 /* the scheduler with its profile */
	char *scheduler; /* without it */
	char *kernel, *preset;
	char *cause, *replay; /* "": none */
	char *sidecar;	      /* path */
	enum sweep_outcome outcome;
	bool attached, dispatched; /* what the cell proved, beside the verdicts of its programs */
	size_t first, programs;	   /* in `rows` of the sweep */
};

struct sweep {
	struct sweep_cell *cell;
	size_t cells;
	struct veristat_rows rows;
	bool verified_only; /* whether schedulers attach and dispatch was not tried */
};

void sweep_done(struct sweep *s);
/* Adds a cell from its sidecar; one that is not a cell is left out. -EBADMSG: the sidecar cannot be read. */
int sweep_add(struct sweep *s, const char *path, struct err **err);
/* "simple@kernel_6_12@4cpu-1llc-nosmt": the cell as the file of veristat's rows. */
char *sweep_file(const struct sweep_cell *c);

/* Per scheduler: instructions of programs on kernels, and what became of topologies on kernels. */
void sweep_grids(const struct sweep *s, struct buf *out);
/* Programs near the limit, and profiles of one scheduler beside each other. */
void sweep_warnings(const struct sweep *s, struct buf *out);
void sweep_profiles(const struct sweep *s, struct buf *out);
/* The cells that did not pass, each with its cause and the command that repeats it. */
void sweep_failures(const struct sweep *s, struct buf *out);
json_t *sweep_json(const struct sweep *s);

#endif
