/* SPDX-License-Identifier: GPL-2.0-only */
/* commands.h -- the commands, one file each. */
#ifndef KTSTR_CLI_COMMANDS_H
#define KTSTR_CLI_COMMANDS_H

#include "base/parse.h"
#include "cli/options.h"

extern const struct command cmd_test, cmd_show_thresholds, cmd_kernel_build, cmd_kernel_list, cmd_kernel_clean,
	cmd_locks, cmd_run, cmd_list, cmd_topo, cmd_doctor, cmd_completions, cmd_help, cmd_new;

/*
 * Ends the trace of a run (NULL: there is none) that came to @result. A trace that could not be written is the error of
 * a run that has no other outcome; beside another outcome it is said, and counts for the exit status.
 */
struct trace;
int end_trace(struct trace *trace, int result, struct err **err);

#endif
