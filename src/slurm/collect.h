/* SPDX-License-Identifier: GPL-2.0-only */
/* collect.h -- the results of all tasks of a run on Slurm become those of one ordinary run. */
#ifndef KTSTR_SLURM_COLLECT_H
#define KTSTR_SLURM_COLLECT_H

#include "formats/model.h"
#include "run/rundir.h"
#include "slurm/runner.h"

struct collection {
	const struct runner *runner;
	struct rundir *dir; /* one for each kernel */
	size_t kernels;
	struct report_results results;
};

/*
 * Copies the results that count to the directories of an ordinary run, and reads them. The environment names the
 * directories that the submitting process would have used (rundir_open()).
 */
int collection_make(struct collection *c, const struct runner *runner, struct err **err);
void collection_done(struct collection *c);

#endif
