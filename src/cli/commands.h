/* SPDX-License-Identifier: GPL-2.0-only */
/* commands.h -- the commands, one file each. */
#ifndef KTSTR_CLI_COMMANDS_H
#define KTSTR_CLI_COMMANDS_H

#include "base/parse.h"
#include "cli/options.h"

extern const struct command cmd_test, cmd_kernel_build, cmd_kernel_list, cmd_doctor, cmd_completions, cmd_help;
extern const struct command cmd_locks, cmd_topo;

/* Kernel builds get 30 % of the CPUs we may use (at least one), unless told otherwise: behaviour 1.15. */
int build_budget(uint64_t cpu_cap, unsigned *ret, struct err **err);
/* Builds what @id names and leaves its cache entry's key (or "" for a tree in place) in @ret_key. Draws progress. */
struct kernel_job_config;
struct reactor;
int build_kernel(struct reactor *r, const struct kernel_job_config *config, char *ret_key, size_t size,
		 struct err **err);

#endif
