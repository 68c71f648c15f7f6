/* SPDX-License-Identifier: GPL-2.0-only */
/* commands.h -- the commands, one file each. */
#ifndef KTSTR_CLI_COMMANDS_H
#define KTSTR_CLI_COMMANDS_H

#include "base/parse.h"
#include "cli/options.h"

extern const struct command cmd_test, cmd_kernel_build, cmd_kernel_list, cmd_kernel_clean, cmd_doctor, cmd_completions,
	cmd_help;

#endif
