/* SPDX-License-Identifier: GPL-2.0-only */
/* coverage_dir.h -- where counters are kept, and in which form reports are written; for `coverage` and `llvm-cov`. */
#ifndef KTSTR_CLI_COVERAGE_DIR_H
#define KTSTR_CLI_COVERAGE_DIR_H

#include "cli/options.h"
#include "coverage/kernel.h"
#include "coverage/lines.h"
#include "coverage/guest_lines.h"

/* LLVM_COV_TARGET_DIR, the directory of LLVM_PROFILE_FILE, or target/llvm-cov-target: absolute; the caller frees. */
char *coverage_dir(void);

struct coverage_output {
	bool lcov, html, json;
	const char *path; /* NULL: standard output */
};

/* @in: where the fields are in @args: nothing, or a member and a dot. */
#define ROWS_COVERAGE_OUTPUT(args, in)                                                                        \
	OPT_FLAG(args, in lcov, "lcov", 0, "write the counts of all lines and functions as lcov reads them"), \
		OPT_FLAG(args, in html, "html", 0, "write a page with the sources"),                          \
		OPT_FLAG(args, in json, "json", 0, "write JSON"),                                             \
		OPT_STRING(args, in path, "output-path", 'o', "FILE", "write to FILE, not to standard output")
extern const struct option_conflict coverage_output_conflicts[];

/* Before the work: can the file be written? */
int coverage_output_check(const struct coverage_output *o, struct err **err);
/* Counts of code that guests' kernels executed; NULL: nothing is known. */
struct coverage_of_guests {
	const struct kernel_coverages *kernels;
	const struct guest_coverage *counted;
};

/* Reads what is in the directory, and writes the report, with what is known of guests. */
int coverage_report(const char *dir, const struct coverage_output *o, const struct coverage_of_guests *guests,
		    struct err **err);

#endif
