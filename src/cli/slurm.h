/* SPDX-License-Identifier: GPL-2.0-only */
/* slurm.h -- what `ktstr test --slurm` and the commands `ktstr slurm ...` share. */
#ifndef KTSTR_CLI_SLURM_H
#define KTSTR_CLI_SLURM_H

#include "base/output.h"
#include "cli/options.h"
#include "cli/reports.h"
#include "cli/test_args.h"
#include "slurm/runner.h"

/* slurm_follow.c: a run that is submitted, followed and collected. */
struct slurm_following {
	struct runner runner;
	struct report_orders reports;
	bool json, detach;
	struct output *lines; /* of results as they arrive: standard error if the command prints something else */
	const char **sbatch;  /* arguments of the user; borrowed strings */
	unsigned name_columns;
	size_t flaky;
};
/* Fills in the rest; of the runner, `record`, `reactor` and `cluster` are set. slurm_close() is for failures, too. */
int slurm_open(struct slurm_following *f, struct err **err);
void slurm_close(struct slurm_following *f);
/* Takes from the record what every job gets. slurm_open() calls it if nobody has. */
int slurm_take_arguments(struct slurm_following *f);
/* Submits all tests. */
int slurm_submit_first(struct slurm_following *f, struct err **err);
/*
 * Follows a run until all tests are settled, prints results as they arrive, and then collects them into the directories
 * of an ordinary run. Notes the exit status.
 */
int slurm_follow(struct slurm_following *f, struct err **err);

/* slurm_submit.c: refuse options that mean nothing without --slurm, and words for sbatch that ktstr gives itself. */
int slurm_check_options(const struct test_args *a, struct err **err);
int slurm_check_words(const struct strings *words, struct err **err);
/* slurm_submit.c: is there a cluster with a node that can run jobs? @partition: "" is the default one. */
int slurm_ask(const char *partition, struct err **err);

/* slurm_collect.c: copies the results that count to the directories of an ordinary run, and writes the reports. */
int slurm_collect(const struct slurm_following *f, struct err **err);

/* The directory of the run that the user means: a path, or a name. NULL: the newest. The caller frees *@ret. */
int slurm_find_run(const char *text, const char *said_dir, char **ret, struct err **err);

/* slurm_task.c, slurm_build.c, slurm_probe.c: internal commands that run in jobs. @argv: the words that follow. */
int slurm_task_main(char **argv, struct err **err);
int slurm_build_main(char **argv, struct err **err);
int slurm_probe_main(char **argv, struct err **err);

/* slurm_probe.c: leaves out nodes that cannot run machines on KVM. */
int slurm_probe_nodes(struct runner *r, struct err **err);

#endif
