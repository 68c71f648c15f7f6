/* SPDX-License-Identifier: GPL-2.0-only */
/* stats_args.h -- what the commands of `ktstr stats` share: where results are, and how they are loaded. */
#ifndef KTSTR_CLI_STATS_ARGS_H
#define KTSTR_CLI_STATS_ARGS_H

#include "cli/options.h"
#include "stats/results.h"

enum stats_format { FORMAT_TEXT, FORMAT_CSV, FORMAT_JSON, FORMAT_HTML };
extern const char *const stats_formats[];
extern const char *const compare_formats[]; /* also as a page */

#define ROW_DIR(args)                          \
	OPT_STRING(args, dir, "dir", 0, "DIR", \
		   "read the runs in DIR, for example a copy of another machine's (default: target/ktstr)")
#define ROW_HISTORY(args) OPT_FLAG(args, history, "history", 0, "also read earlier runs, which later ones replaced")
#define ROW_FORMAT(args)  OPT_CHOICE(args, format, "format", 0, "FORMAT", stats_formats, "text for people, or data")
#define ROW_COMPARE_FORMAT(args) \
	OPT_CHOICE(args, format, "format", 0, "FORMAT", compare_formats, "text for people, data, or a page with charts")
#define ROW_STATS_JSON(args) OPT_FLAG(args, json, "json", 0, "the same as --format json")

/* The directory of all runs: @dir, else that of this project; the caller frees. */
char *stats_root(const char *dir);
/* A directory that the user named must be there. @dir: NULL: none was named. */
int stats_check_dir(const char *dir, struct err **err);
/* --json is a form of --format. */
enum stats_format stats_format_of(unsigned format, bool json);
/*
 * Loads all results below @root, with the index. @archive: they come from elsewhere (--dir). Says on standard error how
 * many files could not be read.
 */
int stats_load(const char *root, enum scan_scope scope, bool archive, struct results *ret, struct err **err);
/* The directory of the run @name: ROOT/NAME, or that of an earlier run. An error that lists no such run. */
int stats_run_path(const char *root, const char *name, char **ret, struct err **err);

#endif
