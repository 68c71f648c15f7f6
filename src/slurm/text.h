/* SPDX-License-Identifier: GPL-2.0-only */
/* text.h -- what Slurm's commands print, and what is passed to them. Pure. */
#ifndef KTSTR_SLURM_TEXT_H
#define KTSTR_SLURM_TEXT_H

#include "base/buf.h"
#include "slurm/follow.h"

#define SLURM_NAME_MAX	  80
#define SLURM_REASON_MAX  64
#define SLURM_ROW_FORMAT  "%j|%i|%T|%r|%N" /* of squeue */
#define SLURM_NODE_FORMAT "%D|%c|%m|%T"	   /* of sinfo */

/* The state that Slurm calls @word ("RUNNING"). Unknown words count as failed. */
enum slurm_state slurm_state_parse(const char *word);

/*
 * One row of squeue: the name of a job, and elements of its array: "12_3" or, while they wait, "12_[3-5,9%2]". An array
 * of which elements were cancelled while they waited has a row "12" for them.
 */
struct slurm_row {
	char name[SLURM_NAME_MAX];
	char node[SLURM_NODE_NAME_MAX];
	char reason[SLURM_REASON_MAX]; /* why it waits: "Resources" */
	enum slurm_state state;
	const char *indices; /* in the parsed line: what follows the "_"; NULL: not an array */
};

bool slurm_row_parse(const char *line, struct slurm_row *ret);
/* Calls @each for every index; false if the text is damaged. At most @most indices. */
bool slurm_indices(const char *text, uint32_t most, void (*each)(void *data, uint32_t index), void *data);

#define SLURM_NAMED_NODE_FORMAT "%N|1|%c|%m|%T" /* of sinfo -N; %T with a mark is one that does not answer */

/* One row of sinfo. False: damaged, or its nodes cannot run jobs now. */
bool slurm_node_parse(const char *line, struct slurm_node *ret);
/* The same with the node's name before it. */
bool slurm_named_node_parse(const char *line, struct slurm_node *ret);

/* "MaxArraySize            = 1001" of `scontrol show config`; false for another key. */
bool slurm_config_number(const char *line, const char *key, uint64_t *ret);

/* The number of the submitted job that sbatch prints with --parsable: "12" or "12;cluster". */
bool slurm_job_number(const char *line, char ret[32]);

#endif
