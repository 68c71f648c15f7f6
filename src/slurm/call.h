/* SPDX-License-Identifier: GPL-2.0-only */
/* call.h -- runs one of Slurm's commands (sinfo, sbatch, squeue, scancel, scontrol) on the reactor. */
#ifndef KTSTR_SLURM_CALL_H
#define KTSTR_SLURM_CALL_H

#include "kernel/command.h"

#define SLURM_ARGS_MAX	    64			/* of the user, for sbatch */
#define SLURM_CALL_DEADLINE (60 * NSEC_PER_SEC) /* slurmctld that restarts answers late */
#define SLURM_WORDS_MAX	    (SLURM_ARGS_MAX + 32)

typedef void slurm_line_fn(void *data, const char *line);

struct slurm_call {
	struct machine machine;
	struct command_run run;
	const char *argv[SLURM_WORDS_MAX];
	unsigned words;
	bool failed_to_start;
	struct err *err;
};

void slurm_call_init(struct slurm_call *c, slurm_line_fn *on_line, void *data);
void slurm_call_add(struct slurm_call *c, const char *word);
/* Runs it as a machine below @parent (may be NULL). Its result: 0, or a negative errno. */
void slurm_call_start(struct reactor *r, struct slurm_call *c, struct machine *parent);
void slurm_call_done(struct slurm_call *c);
/* The error of a call that ended with @code: what Slurm said, and what to do where Slurm is not installed. */
int slurm_call_fail(const struct slurm_call *c, int code, struct err **err);
/* Waits. -ECANCELED: interrupted. */
int slurm_nap(struct reactor *r, nsec_t length);
/* Runs it to its end. Frees nothing: call slurm_call_done(). */
int slurm_call_run(struct reactor *r, struct slurm_call *c, struct err **err);

#endif
