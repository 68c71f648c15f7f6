/* SPDX-License-Identifier: GPL-2.0-only */
/* shared_options.h -- rows of options that several commands share. @args must have the fields that a row names. */
#ifndef KTSTR_CLI_SHARED_OPTIONS_H
#define KTSTR_CLI_SHARED_OPTIONS_H

#include "base/arch.h"
#include "cli/options.h"

/* In the order of enum arch, after the default. */
static const char *const arch_words[] __attribute__((unused)) = { "native", "x86_64", "aarch64", NULL };

static inline enum arch chosen_arch(unsigned word)
{
	return word ? (enum arch)(word - 1) : arch_host();
}

#define KERNEL_FORMS "a version, a range A..B, a source tree, a tarball, git+URL#REF, distro[:VERSION] or a cache key"

#define ROW_JSON(args, text) OPT_FLAG(args, json, "json", 0, text)
#define ROW_ARCH(args)                                                                                               \
	OPT_CHOICE(args, arch, "arch", 0, "ARCH", arch_words,                                                        \
		   "architecture of the guests: that of this machine, x86_64, or aarch64 (by emulation, with cross " \
		   "tools)")
#define ROW_KERNELS(args) \
	OPT_LIST(args, kernel, "kernel", 'k', "KERNEL", KERNEL_FORMS "; repeatable, or separated by commas")
#define ROW_CPU_CAP(args, text) OPT_STRING(args, cpu_cap, "cpu-cap", 0, "N", text)
#define ROW_NO_CCACHE(args)	OPT_FLAG(args, no_ccache, "no-ccache", 0, "build kernels without ccache")
#define ROW_SKIP_SHA256(args)	OPT_FLAG(args, skip_sha256, "skip-sha256", 0, "do not verify downloads")
#define ROW_NO_VERIFY_SIGNATURE(args)                                 \
	OPT_FLAG(args, no_verify_signature, "no-verify-signature", 0, \
		 "accept lists of checksums without verifying their signatures")
#define ROW_INCLUDE_EOL(args) \
	OPT_FLAG(args, include_eol, "include-eol", 0, "ranges include series that are no longer maintained")
#define ROW_TRACE(args) OPT_STRING(args, trace, "trace", 0, "FILE", "write a Chrome trace of this command to FILE")
#define ROW_REPORTS(args, field, word)                                                                      \
	OPT_LIST(args, field, word, 0, "FORMAT=FILE",                                                       \
		 "write a report: junit, ktap, tap, ndjson, html, github or github-summary; FILE may be - " \
		 "(standard output); repeatable, or separated by commas")
#define ROW_RELEASE(args) OPT_FLAG(args, release, "release", 0, "judge by the strict limits")

/* The commit that changes are counted from. */
#define ROW_BASE(args) OPT_STRING(args, base, "base", 0, "COMMIT", "changes are those since this commit")
#define ROW_BASE_REF(args)                               \
	OPT_STRING(args, base_ref, "base-ref", 0, "REF", \
		   "changes are those since the last commit that HEAD and REF have in common")
#define ROW_DEFAULT_BRANCH(args)                                      \
	OPT_STRING(args, default_branch, "default-branch", 0, "NAME", \
		   "the same, for a branch that is used where nothing else is named (default: main)")

/*
 * Running on a Slurm cluster. @in: where the fields are in @args: nothing, or a member and a dot.
 */
#define ROWS_SLURM(args, in)                                                                                        \
	OPT_OPTIONAL(args, in slurm, "slurm", "PARTITION",                                                          \
		     "run on a Slurm cluster, and collect the results as of one run; see docs/SLURM.md"),           \
		OPT_NUMBER(args, in slurm_jobs, "slurm-jobs", 0, "N", 1, 1000000, 0,                                \
			   "with --slurm: divide the tests into about N tasks at most (default: three quarters of " \
			   "Slurm's MaxJobCount)"),                                                                 \
		OPT_WORDS(args, in slurm_args, "slurm-arg", "ARG",                                                  \
			  "with --slurm: pass ARG to sbatch, as --slurm-arg=--account=me; repeatable"),             \
		OPT_STRING(args, in slurm_dir, "slurm-dir", 0, "DIR",                                               \
			   "with --slurm: directory that the nodes can see (default: .slurm in the directory of "   \
			   "runs)"),                                                                                \
		OPT_FLAG(args, in detach, "detach", 0,                                                              \
			 "with --slurm: submit and return; 'ktstr slurm collect' waits for the results")

/* Environment variables for finding, downloading and building kernels. */
#define KERNEL_ENVIRONMENT                                                                                        \
	ENV_KERNEL_KEYRING, ENV_KERNEL_MIRROR, ENV_KERNEL_PARALLELISM, ENV_KERNEL_STORE, ENV_CACHE_DIR,           \
		ENV_XDG_CACHE_HOME, ENV_XDG_DATA_HOME, ENV_HOME, ENV_CPU_CAP, ENV_LOCK_DIR, ENV_BYPASS_LLC_LOCKS, \
		ENV_GHA_CACHE, ENV_ACTIONS_RESULTS_URL, ENV_ACTIONS_CACHE_URL, ENV_ACTIONS_RUNTIME_TOKEN

#endif
