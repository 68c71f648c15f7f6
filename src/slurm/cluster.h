/* SPDX-License-Identifier: GPL-2.0-only */
/* cluster.h -- what a Slurm cluster has and allows, and jobs that are submitted to it and cancelled. */
#ifndef KTSTR_SLURM_CLUSTER_H
#define KTSTR_SLURM_CLUSTER_H

#include "reactor/reactor.h"
#include "slurm/record.h"

#define CLUSTER_GROUPS_MAX 1024 /* groups of equal nodes; further ones are not counted */

struct cluster {
	struct slurm_node node[CLUSTER_GROUPS_MAX];
	size_t nodes;
	bool counts_memory; /* Slurm knows the nodes' memory, so jobs can ask for it */
	uint64_t array_most, jobs_most;
};

#define SLURM_JOB_NUMBER_MAX 32

/* Asks sinfo and scontrol. @partition: NULL: the default one. Fails where no node can run jobs. */
int cluster_look(struct reactor *r, const char *partition, struct cluster *ret, struct err **err);

/* What every job of a run gets. */
struct cluster_submit {
	const struct slurm_record *record;
	const char *partition;	 /* NULL: the default one */
	const char *const *args; /* the user's own arguments of sbatch; may be NULL */
	size_t arg_count;
	const char *exclude; /* nodes that are not used, separated by commas; or NULL */
	const char *after;   /* the number of a job that must succeed first; or NULL */
	bool counts_memory;
};

/* Submits the job that builds kernels, on the largest node that there is. @ret_job: its number. */
int cluster_submit_build(struct reactor *r, const struct cluster *c, const struct cluster_submit *q,
			 char ret_job[SLURM_JOB_NUMBER_MAX], struct err **err);
/* Submits a tiny job to the node, which says what it can run (nodes.h). */
int cluster_submit_probe(struct reactor *r, const struct cluster_submit *q, const char *node, struct err **err);
/* Submits one array of the newest round of the record. @ret_job: its number. */
int cluster_submit_array(struct reactor *r, const struct cluster_submit *q, const json_t *array,
			 char ret_job[SLURM_JOB_NUMBER_MAX], struct err **err);
int cluster_cancel_job(struct reactor *r, const char *name, struct err **err);
/* Cancels all jobs of the run, and notes in its directory that it is cancelled. */
int cluster_cancel(struct reactor *r, const struct slurm_record *record, struct err **err);

#endif
