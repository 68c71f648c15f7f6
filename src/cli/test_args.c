/* SPDX-License-Identifier: GPL-2.0-only */
/* test_args.c -- see test_args.h. */
#include "cli/shared_options.h"
#include "cli/test_args.h"
#include "run/history.h"
#include "vmm/qemu/qemu.h"
#include "vmm/vm.h"

static const char *const duplicate_words[] = { "none", "first", NULL };
static const char *const ignored_words[] = { "default", "only", "all", NULL };
static const char *const accel_words[] = { "auto", "kvm", "tcg", NULL };
static const char *const tcg_time_words[] = { "parallel", "shared", NULL };
static const char *const show_words[] = { "failed", "all", "never", NULL };
static const char *const start_words[] = { "boot", "clone", "auto", NULL };

/* Rows of several commands that run tests. */
#define ROW_JOBS                                                             \
	OPT_NUMBER(struct test_args, jobs, "jobs", 'j', "N", 1, JOBS_MAX, 0, \
		   "number of machines at the same time (default: as many as there are CPUs for)")
#define ROW_SEED(text)	    OPT_NUMBER(struct test_args, seed, "seed", 0, "N", 0, UINT64_MAX, 1, text)
#define ROW_FILTER(text)    OPT_STRING(struct test_args, filter, "filter", 'E', "EXPR", text)
#define ROW_PARTITION(text) OPT_STRING(struct test_args, partition, "partition", 0, "PART", text)
#define ROW_PERTURB(text)   OPT_STRING(struct test_args, perturb, "perturb", 0, "HOW", text)
#define ROW_TCG_LAG(text)                                                                                           \
	OPT_DURATION(struct test_args, tcg_lag, "tcg-lag", 0, "TIME", QEMU_LAG_MIN_NS, QEMU_LAG_NS, QEMU_LAG_NS, 1, \
		     text)
#define ROW_START                                                                                                 \
	OPT_CHOICE(struct test_args, start, "start", 0, "HOW", start_words,                                       \
		   "boot every machine, or clone it from one that was booted with its kernel and topology; auto " \
		   "clones those "                                                                                \
		   "that others can share")
#define ROW_KEEP_RUNS                                                                                           \
	OPT_NUMBER(struct test_args, keep_runs, "keep-runs", 0, "N", 0, HISTORY_RUNS_MAX, HISTORY_RUNS_DEFAULT, \
		   "earlier runs of this kernel and commit whose results are kept, in .history")

const struct option_row test_options[] = {
	ROW_KERNELS(struct test_args),
	ROW_FILTER("run only these: test(~x) & topology(=1n1l4c1t) ...; see 'ktstr help filters'"),
	OPT_FLAG(struct test_args, list, "list", 'l', "print the tests and run none"),
	OPT_FLAG(struct test_args, dry_run, "dry-run", 0,
		 "print what would run, in which order, and how long it will take"),
	OPT_FLAG(struct test_args, gauntlet, "gauntlet", 0,
		 "also run every test on every preset topology that it admits"),
	OPT_CHOICE(
		struct test_args, run_ignored, "run-ignored", 0, "HOW", ignored_words,
		"ignored tests (and those called demo_*): leave them out unless -E names them, run only them, or run "
		"all"),
	ROW_PARTITION("run one part of the tests: slice:1/3, count:1/3 or hash:1/3"),
	ROW_JOBS,
	OPT_NUMBER(struct test_args, retries, "retries", 0, "N", 0, TRIES_MAX, 0,
		   "run a test that did not pass up to N more times"),
	OPT_NUMBER(struct test_args, repeat, "repeat", 0, "N", 1, TRIES_MAX, 0,
		   "run every test N times, each time with another seed"),
	OPT_NUMBER(struct test_args, require, "require", 0, "K", 1, TRIES_MAX, 0,
		   "how many of --repeat must pass (default: all)"),
	OPT_FLAG(struct test_args, flaky_fails, "flaky-fails", 0,
		 "exit with 1 also if a test passed only when it was tried again"),
	OPT_STRING(struct test_args, profile, "profile", 0, "NAME",
		   "KTSTR_SCHEDULER_PROFILE for schedulers that are built before the tests (default: release)"),
	OPT_FLAG(struct test_args, no_skip_mode, "no-skip-mode", 0, "a test that is skipped counts as failed"),
	OPT_CHOICE(struct test_args, duplicates, "duplicates", 0, "HOW", duplicate_words,
		   "if several tests have the same name, run none of them, or the first"),
	ROW_SEED("number that all random choices derive from"),
	OPT_WORD(struct test_args, accel, "accel", 0, "NAME", accel_words,
		 "what runs the virtual machines: KVM, or QEMU's emulator (tcg)"),
	ROW_ARCH(struct test_args),
	OPT_CHOICE(struct test_args, tcg_time, "tcg-time", 0, "HOW", tcg_time_words,
		   "tcg: each CPU of a guest has a clock of its own, or all share one (which costs the host less)"),
	ROW_TCG_LAG("with --tcg-time parallel: by how much the clocks of busy CPUs may differ (100ns to 5us)"),
	ROW_PERTURB("tcg: another schedule, by holding CPUs back: seed=7,one-in=3,hold=500us, or a file of points; see "
		    "'ktstr help explore'"),
	OPT_STRING(struct test_args, write_scenario, "write-scenario", 0, "FILE",
		   "write the scenario that the only test runs as a file, which 'ktstr test FILE' runs again"),
	ROW_START,
	OPT_NUMBER(struct test_args, time_dilation, "time-dilation", 0, "N", 1, VM_DILATION_MAX, 1,
		   "a second of the guest takes N seconds of the host (kvm): for slow hosts"),
	OPT_FLAG(struct test_args, perf_mode, "perf-mode", 0,
		 "performance mode for every test (kvm): vCPUs are pinned and have real-time priority and huge pages"),
	OPT_FLAG(struct test_args, no_perf_mode, "no-perf-mode", 0,
		 "share the CPUs instead of reserving them; tests that need performance mode are skipped"),
	ROW_RELEASE(struct test_args),
	OPT_FLAG(struct test_args, verbose, "verbose", 'v',
		 "print also the report of a test that passed: statistics, and each value beside its limit"),
	OPT_FLAG(struct test_args, no_capture, "no-capture", 0, "the same, and the output of each guest"),
	OPT_FLAG(struct test_args, no_monitor, "no-monitor", 0,
		 "do not look at guests from outside: no samples, no dumps"),
	OPT_FLAG(struct test_args, profile_insns, "profile-insns", 0,
		 "tcg: count the instructions of each function of the kernel; see 'ktstr profile'"),
	OPT_FLAG(struct test_args, keep_logs, "keep-logs", 0, "write a report also for tests that passed"),
	OPT_FLAG(struct test_args, keep_memory, "keep-memory", 0,
		 "save the guest's memory of tests that did not pass, as an ELF core"),
	OPT_STRING(struct test_args, schedule_trace, "schedule-trace", 0, "DIR",
		   "tcg: write what the scheduler did in each test to DIR, as a trace for ui.perfetto.dev"),
	ROW_KEEP_RUNS,
	ROW_CPU_CAP(struct test_args, "use at most N CPUs, for machines or for compilers"),
	OPT_FLAG(struct test_args, eager, "eager", 0,
		 "start a kernel's tests as soon as it is built, while other kernels are still being built"),
	ROW_NO_CCACHE(struct test_args),
	ROW_SKIP_SHA256(struct test_args),
	ROW_NO_VERIFY_SIGNATURE(struct test_args),
	ROW_INCLUDE_EOL(struct test_args),
	ROW_REPORTS(struct test_args, report, "report"),
	ROW_TRACE(struct test_args),
	ROW_JSON(struct test_args, "print JSON on standard output, one object per line"),
	OPT_STRING(struct test_args, nextest_profile, "nextest-profile", 0, "NAME",
		   "take defaults from this profile of .config/ktstr.json; see 'ktstr help profiles'"),
	OPT_FLAG(struct test_args, fail_fast, "fail-fast", 0, "after the first failure, start no other test"),
	OPT_NUMBER(struct test_args, max_fail, "max-fail", 0, "N", 0, JOBS_MAX, 0,
		   "after N failures, start no other test (0: any number)"),
	OPT_FLAG(struct test_args, no_fail_fast, "no-fail-fast", 0, "run all tests, whatever the profile says"),
	OPT_DURATION(struct test_args, slow_timeout, "slow-timeout", 0, "TIME", 0, 24 * 60 * NSEC_PER_MIN, 0,
		     NSEC_PER_SEC, "say which tests have been running for this long (host time; 0: none)"),
	OPT_CHOICE(struct test_args, show_output, "show-output", 0, "WHEN", show_words,
		   "print the report of tests that did not pass, of all tests (as -v), or none"),
	OPT_FLAG(struct test_args, relevant, "relevant", 0,
		 "only tests of schedulers that changes concern; see 'ktstr affected'"),
	ROW_BASE(struct test_args),
	ROW_BASE_REF(struct test_args),
	ROW_DEFAULT_BRANCH(struct test_args),
	ROWS_SLURM(struct test_args, ),
	OPT_INSTEAD("test-threads", "the number of machines at once is --jobs"),
	OPT_INSTEAD("nocapture", "write --no-capture"),
	OPT_INSTEAD("success-output", "write --show-output all"),
	OPT_INSTEAD("failure-output", "write --show-output failed or never"),
	OPT_END,
};

/* The rows that mean the same as with `ktstr test`. */
const struct option_row explore_options[] = {
	ROW_KERNELS(struct test_args),
	ROW_FILTER("explore only these: test(~x) & topology(=1n1l4c1t) ...; see 'ktstr help filters'"),
	OPT_NUMBER(struct test_args, schedules, "seeds", 'n', "N", 2, SCHEDULES_MAX, 0,
		   "how many schedules of each test (default: 100; with --for, as many as there is time for)"),
	OPT_DURATION(struct test_args, explore_for, "for", 0, "TIME", NSEC_PER_SEC, 30 * 24 * 60 * NSEC_PER_MIN, 0,
		     NSEC_PER_SEC, "start no schedule after this time (30s, 10m, 8h)"),
	OPT_FLAG(struct test_args, fail_fast, "until-fail", 0, "after the first failure, start no other schedule"),
	OPT_NUMBER(struct test_args, max_fail, "max-fail", 0, "N", 0, JOBS_MAX, 0,
		   "after N failures, start no other schedule (0: any number)"),
	OPT_NUMBER(struct test_args, until_signatures, "until-signatures", 0, "K", 0, JOBS_MAX, 0,
		   "after K different failures, start no other schedule (0: any number)"),
	OPT_STRING(struct test_args, known, "known", 0, "FILE",
		   "failures whose signatures are lines of FILE are known ones, and do not count"),
	ROW_PERTURB("how CPUs are held back: random, pct:D or window, with parameters, as seed=1,one-in=3,hold=500us; "
		    "a seed makes exactly the schedules from it on"),
	OPT_NUMBER(struct test_args, vary, "vary", 0, "PERCENT", 0, 100, VARY_USUAL,
		   "of a hundred schedules, so many are variations of schedules that showed something new"),
	ROW_JOBS,
	ROW_SEED("number that the test's own random choices derive from; the same for all schedules"),
	ROW_TCG_LAG("by how much the clocks of busy CPUs may differ (100ns to 5us)"),
	ROW_START,
	ROW_PARTITION("run one part of the schedules: slice:1/3, count:1/3 or hash:1/3"),
	ROW_RELEASE(struct test_args),
	ROW_KEEP_RUNS,
	ROW_CPU_CAP(struct test_args, "use at most N CPUs, for machines or for compilers"),
	ROW_REPORTS(struct test_args, report, "report"),
	ROW_TRACE(struct test_args),
	ROW_JSON(struct test_args, "print JSON on standard output, one object per line"),
	ROWS_SLURM(struct test_args, ),
	OPT_END,
};

const struct option_conflict explore_conflicts[] = {
	{ "slurm", "until-fail" }, { "slurm", "until-signatures" }, { "slurm", "for" },	  { "slurm", "max-fail" },
	{ "slurm", "jobs" },	   { "slurm", "cpu-cap" },	    { "slurm", "trace" }, { NULL, NULL },
};

const struct option_conflict test_conflicts[] = {
	{ "retries", "repeat" },      { "perf-mode", "no-perf-mode" },
	{ "list", "dry-run" },	      { "fail-fast", "no-fail-fast" },
	{ "fail-fast", "max-fail" },  { "max-fail", "no-fail-fast" },
	{ "show-output", "verbose" }, { "slurm", "list" },
	{ "slurm", "dry-run" },	      { "slurm", "eager" },
	{ "slurm", "trace" },	      { "slurm", "fail-fast" },
	{ "slurm", "max-fail" },      { "slurm", "jobs" },
	{ "slurm", "cpu-cap" },	      { NULL, NULL },
};

const struct passed_word test_passed_words[] = {
	{ "--filter-expr", "--filter", false },
	{ "--filterset", "--filter", false },
	{ "--profile", "--nextest-profile", false },
	{ "-P", "--nextest-profile", false },
	{ "--test-threads", "--jobs", false },
	{ "--nocapture", "--no-capture", false },
	{ "--hide-progress-bar", NULL, false },
	{ "--status-level", NULL, true },
	{ "--final-status-level", NULL, true },
	{ "--no-tests", NULL, true },
	{ NULL },
};
