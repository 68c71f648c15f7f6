/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_llvm_cov.c -- ktstr llvm-cov: reports of what was counted, its removal, its variables; LLVM's own words. */
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/text.h"
#include "base/tool.h"
#include "cli/commands.h"
#include "cli/coverage_dir.h"
#include "cli/out.h"
#include "coverage/data.h"
#include "coverage/tool.h"

#define COVERAGE_ENVIRONMENT ENV_LLVM_COV_TARGET_DIR, ENV_LLVM_PROFILE_FILE, ENV_CARGO_TARGET_DIR, ENV_MAX

/* --- report ------------------------------------------------------------------------------------------------------- */

static const struct option_row report_options[] = {
	ROWS_COVERAGE_OUTPUT(struct coverage_output, ),
	OPT_END,
};

static int run_report(void *args, struct err **err)
{
	const struct coverage_output *o = args;
	_cleanup_free_ char *dir = coverage_dir();
	int r = dir ? coverage_output_check(o, err) : -ENOMEM;
	return r == 0 ? coverage_report(dir, o, &(struct coverage_of_guests){ 0 }, err) : r;
}

const struct command cmd_llvm_cov_report = {
	.name = "llvm-cov report",
	.group = GROUP_RESULTS,
	.summary = "Report what 'ktstr coverage' has counted",
	.text = "Makes a report of the counts of the last 'ktstr coverage', or of several with --no-clean.",
	.option = report_options,
	.conflict = coverage_output_conflicts,
	.example =
		(const struct example[]){ { "ktstr llvm-cov report --lcov -o counts.info", "for genhtml and others" },
					  { NULL } },
	.environment = (const enum environment_id[]){ COVERAGE_ENVIRONMENT },
	.size = sizeof(struct coverage_output),
	.run = run_report,
};

/* --- clean -------------------------------------------------------------------------------------------------------- */

struct clean_args {
	bool profraw_only;
};

static const struct option_row clean_options[] = {
	OPT_FLAG(struct clean_args, profraw_only, "profraw-only", 0,
		 "remove only *.profraw, and none in directories below"),
	OPT_END,
};

static int run_clean(void *args, struct err **err)
{
	const struct clean_args *a = args;
	_cleanup_free_ char *dir = coverage_dir();
	size_t removed;
	if (!dir)
		return -ENOMEM;
	int r = coverage_clean(dir, a->profraw_only ? COVERAGE_CLEAN_PROFRAW : COVERAGE_CLEAN_ALL, &removed, err);
	if (r == 0)
		out_printf("removed %zu %s from %s\n", removed, removed == 1 ? "entry" : "entries", dir);
	return r;
}

const struct command cmd_llvm_cov_clean = {
	.name = "llvm-cov clean",
	.group = GROUP_RESULTS,
	.summary = "Remove what 'ktstr coverage' has counted",
	.text = "Removes all files of the directory of counts.",
	.option = clean_options,
	.environment = (const enum environment_id[]){ COVERAGE_ENVIRONMENT },
	.size = sizeof(struct clean_args),
	.run = run_clean,
};

/* --- show-env ----------------------------------------------------------------------------------------------------- */

static void put_variable(const char *name, const char *value, struct buf *out)
{
	buf_appendf(out, "export %s=", name);
	text_append_quoted(out, value);
	buf_puts(out, "\n");
}

static int run_show_env(void *args, struct err **err)
{
	_cleanup_free_ char *dir = coverage_dir(), *profile = dir ? path_join(dir, "default-%p-%m.profraw") : NULL;
	_cleanup_buf_ struct buf out = BUF_NULL;
	(void)args;
	(void)err;
	if (!profile)
		return -ENOMEM;
	put_variable("LLVM_COV_TARGET_DIR", dir, &out);
	put_variable("LLVM_PROFILE_FILE", profile, &out);
	put_variable("GCOV_PREFIX", dir, &out);
	out_buf(&out);
	return out.failed ? -ENOMEM : 0;
}

const struct command cmd_llvm_cov_show_env = {
	.name = "llvm-cov show-env",
	.group = GROUP_RESULTS,
	.summary = "Print the variables with which other programs count to the same directory",
	.text = "Prints lines for a shell. Programs that run with these variables, and were built with coverage, add "
		"their counts to the directory, and 'ktstr llvm-cov report' reports them.",
	.example = (const struct example[]){ { "ktstr llvm-cov show-env > coverage.env",
					       "'. ./coverage.env' in a shell, before programs of your own" },
					     { NULL } },
	.environment = (const enum environment_id[]){ COVERAGE_ENVIRONMENT },
	.size = 1,
	.run = run_show_env,
};

/* --- other words -------------------------------------------------------------------------------------------------- */

static bool has_profraw(const char *dir)
{
	_cleanup_free_ char *pattern = path_join(dir, "*.profraw");
	glob_t found = { 0 };
	bool any = pattern && glob(pattern, 0, NULL, &found) == 0;
	globfree(&found);
	return any;
}

/* gcov, if gcc has counted and clang has not. */
static char *tool_of_build(void)
{
	_cleanup_free_ char *dir = coverage_dir(), *gcov = dir && !has_profraw(dir) ? coverage_gcov(dir) : NULL;
	return gcov ? TAKE_PTR(gcov) : coverage_llvm_tool("llvm-cov");
}

int llvm_cov_main(char *const *words, struct err **err)
{
	_cleanup_free_ char *program = tool_of_build();
	_cleanup_free_ const char **argv = NULL;
	size_t count = 0;
	int status = 0;
	while (words[count])
		count++;
	argv = calloc(count + 2, sizeof(*argv));
	if (!program || !argv)
		return -ENOMEM;
	argv[0] = program;
	memcpy(argv + 1, words, count * sizeof(*argv));
	const struct tool tools[] = { { program, strncmp(program, "gcov", 4) ? "llvm" : "gcc" }, { 0 } };
	const struct coverage_tool tool = { .argv = argv };
	int r = tools_require(tools, "'ktstr llvm-cov' with these words", err);
	if (r == 0)
		r = coverage_tool_run(&tool, &status, err);
	return r < 0 ? r : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
