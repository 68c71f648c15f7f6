/* SPDX-License-Identifier: GPL-2.0-only */
/* commands.c -- the table of commands, and the lookup of commands by words. */
#include <string.h>

#include "cli/commands.h"

/* A command that is also the first word of others stands behind them. */
const struct command *const commands[] = {
	&cmd_test,
	&cmd_explore,
	&cmd_shrink,
	&cmd_bisect,
	&cmd_reproduce,
	&cmd_replay,
	&cmd_pack,
	&cmd_debug,
	&cmd_profile,
	&cmd_coverage,
	&cmd_llvm_cov_report,
	&cmd_llvm_cov_clean,
	&cmd_llvm_cov_show_env,
	&cmd_slurm_status,
	&cmd_slurm_collect,
	&cmd_slurm_cancel,
	&cmd_affected,
	&cmd_ci,
	&cmd_shell,
	&cmd_top,
	&cmd_verifier,
	&cmd_try,
	&cmd_report,
	&cmd_merge,
	&cmd_dump,
	&cmd_trace,
	&cmd_show_thresholds,
	&cmd_new,
	&cmd_export,
	&cmd_stats_list,
	&cmd_stats_compare,
	&cmd_stats_list_values,
	&cmd_stats_list_metrics,
	&cmd_stats_show_host,
	&cmd_stats_explain_sidecar,
	&cmd_stats,
	&cmd_perf_delta,
	&cmd_funify,
	&cmd_kernel_build,
	&cmd_kernel_list,
	&cmd_kernel_clean,
	&cmd_run,
	&cmd_list,
	&cmd_locks,
	&cmd_topo,
	&cmd_show_host,
	&cmd_ctprof_capture,
	&cmd_ctprof_show,
	&cmd_ctprof_compare,
	&cmd_ctprof_metric_list,
	&cmd_model_fetch,
	&cmd_model_status,
	&cmd_model_clean,
	&cmd_cleanup,
	&cmd_doctor,
	&cmd_completions,
	&cmd_help,
	NULL,
};

const struct command_family command_families[] = {
	{ "kernel", "Build kernels, list and remove those in the cache" },
	{ "model", "Fetch, check and remove the language model for programs' output" },
	{ "ctprof", "Profile all threads of this host, show and compare profiles", .alias = "host-state" },
	{ "llvm-cov", "Report and remove what 'ktstr coverage' has counted" },
	{ "slurm", "Look at runs on a Slurm cluster, collect their results, cancel them" },
	{ "stats", "Analyse the last run, list runs, compare results" },
	{ NULL },
};

const struct command_family *command_family_find(const char *name)
{
	for (const struct command_family *f = command_families; f->name; f++)
		if (!strcmp(f->name, name) || (f->alias && !strcmp(f->alias, name)))
			return f;
	return NULL;
}

static bool is_member(const struct command *c, const struct command_family *f)
{
	size_t len = strlen(f->name);
	return !strncmp(c->name, f->name, len) && c->name[len] == ' ';
}

void command_family_members(const struct command_family *family, struct buf *out)
{
	size_t left = 0, all = 0;
	for (const struct command *const *c = commands; *c; c++)
		all += is_member(*c, family);
	left = all;
	for (const struct command *const *c = commands; *c; c++) {
		if (!is_member(*c, family))
			continue;
		buf_appendf(out, "%s%s",
			    left == all ? ""
			    : left > 1	? ", "
					: " or ",
			    (*c)->name + strlen(family->name) + 1);
		left--;
	}
}

/* "kernel build" matches two words, and also one word with a hyphen, as in the manual page's name. */
static bool names(const char *command, const char *name, const char *second, unsigned *ret_words)
{
	const char *space = strchr(command, ' ');
	size_t len = space ? (size_t)(space - command) : strlen(command);
	if (strncmp(command, name, len) != 0)
		return false;
	*ret_words = space && !name[len] ? 2 : 1;
	if (!space)
		return !name[len];
	if (!name[len])
		return second && !strcmp(space + 1, second);
	return (name[len] == '-' || name[len] == ' ') && !strcmp(name + len + 1, space + 1);
}

const struct command *command_find(const char *name, const char *second, unsigned *ret_words)
{
	for (const struct command *const *c = commands; *c; c++) {
		if (names((*c)->name, name, second, ret_words))
			return *c;
		if ((*c)->alias && names((*c)->alias, name, second, ret_words))
			return *c;
		if ((*c)->former && !strcmp((*c)->former, name)) {
			*ret_words = 1;
			return *c;
		}
	}
	return NULL;
}
