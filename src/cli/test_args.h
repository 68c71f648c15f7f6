/* SPDX-License-Identifier: GPL-2.0-only */
/* test_args.h -- what `ktstr test` is asked on its command line. */
#ifndef KTSTR_CLI_TEST_ARGS_H
#define KTSTR_CLI_TEST_ARGS_H

#include "cli/options.h"

struct test_args {
	struct strings kernel, paths;
	const char *filter, *accel, *start, *trace, *partition;
	bool list, dry_run, gauntlet, json, no_capture, release, keep_logs, keep_memory, flaky_fails;
	bool include_eol, skip_sha256, no_ccache, eager;
	uint64_t jobs, retries, repeat, require, time_dilation;
	bool perf_mode, no_perf_mode;
	const char *cpu_cap;
	const char *seed;
};

extern const struct option_row test_options[];

#endif
