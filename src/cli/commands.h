/* SPDX-License-Identifier: GPL-2.0-only */
/* commands.h -- the commands. Each has a file of its own. */
#ifndef KTSTR_CLI_COMMANDS_H
#define KTSTR_CLI_COMMANDS_H

#include "base/parse.h"
#include "cli/options.h"

/* The order is that of the table in commands.c. */
extern const struct command cmd_test;
extern const struct command cmd_explore;
extern const struct command cmd_shrink;
extern const struct command cmd_bisect;
extern const struct command cmd_reproduce;
extern const struct command cmd_replay;
extern const struct command cmd_pack;
extern const struct command cmd_debug;
extern const struct command cmd_profile;
extern const struct command cmd_coverage;
extern const struct command cmd_llvm_cov_report;
extern const struct command cmd_llvm_cov_clean;
extern const struct command cmd_llvm_cov_show_env;
extern const struct command cmd_slurm_status;
extern const struct command cmd_slurm_collect;
extern const struct command cmd_slurm_cancel;
extern const struct command cmd_affected;
extern const struct command cmd_ci;
extern const struct command cmd_shell;
extern const struct command cmd_top;
extern const struct command cmd_verifier;
extern const struct command cmd_try;
extern const struct command cmd_report;
extern const struct command cmd_merge;
extern const struct command cmd_dump;
extern const struct command cmd_trace;
extern const struct command cmd_show_thresholds;
extern const struct command cmd_new;
extern const struct command cmd_export;
extern const struct command cmd_stats_list;
extern const struct command cmd_stats_compare;
extern const struct command cmd_stats_list_values;
extern const struct command cmd_stats_list_metrics;
extern const struct command cmd_stats_show_host;
extern const struct command cmd_stats_explain_sidecar;
extern const struct command cmd_stats;
extern const struct command cmd_perf_delta;
extern const struct command cmd_funify;
extern const struct command cmd_kernel_build;
extern const struct command cmd_kernel_list;
extern const struct command cmd_kernel_clean;
extern const struct command cmd_run;
extern const struct command cmd_list;
extern const struct command cmd_locks;
extern const struct command cmd_topo;
extern const struct command cmd_show_host;
extern const struct command cmd_ctprof_capture;
extern const struct command cmd_ctprof_show;
extern const struct command cmd_ctprof_compare;
extern const struct command cmd_ctprof_metric_list;
extern const struct command cmd_model_fetch;
extern const struct command cmd_model_status;
extern const struct command cmd_model_clean;
extern const struct command cmd_cleanup;
extern const struct command cmd_doctor;
extern const struct command cmd_completions;
extern const struct command cmd_help;

/* cmd_llvm_cov.c: `ktstr llvm-cov` with words that are not ours, for LLVM's llvm-cov or gcc's gcov. An exit status. */
int llvm_cov_main(char *const *words, struct err **err);

/*
 * Closes the trace of a run (NULL: there is none) that ended with @result. If the trace could not be written, that is
 * the run's error. If the run already has another result, the error is printed and counts for the exit status.
 */
struct trace;
int end_trace(struct trace *trace, int result, struct err **err);

#endif
