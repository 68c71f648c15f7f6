/* SPDX-License-Identifier: GPL-2.0-only */
/* commands.h -- the commands. Each has a file of its own. */
#ifndef KTSTR_CLI_COMMANDS_H
#define KTSTR_CLI_COMMANDS_H

#include "base/parse.h"
#include "cli/options.h"

extern const struct command cmd_test, cmd_show_thresholds, cmd_kernel_build, cmd_kernel_list, cmd_kernel_clean,
	cmd_locks, cmd_run, cmd_list, cmd_topo, cmd_doctor, cmd_completions, cmd_help, cmd_new, cmd_report, cmd_merge,
	cmd_explore, cmd_dump, cmd_stats, cmd_stats_list, cmd_stats_list_metrics, cmd_stats_list_values,
	cmd_stats_show_host, cmd_stats_explain_sidecar, cmd_stats_compare, cmd_show_host, cmd_verifier, cmd_export;

/*
 * Closes the trace of a run (NULL: there is none) that ended with @result. If the trace could not be written, that is
 * the run's error. If the run already has another result, the error is printed and counts for the exit status.
 */
struct trace;
int end_trace(struct trace *trace, int result, struct err **err);

#endif
