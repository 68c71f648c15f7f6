/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_coverage.c -- ktstr coverage: which code of test binaries the tests execute, in their guests and on the host. */
#include <stdlib.h>
#include <string.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/coverage_dir.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "cli/test_session.h"
#include "coverage/collect.h"
#include "coverage/data.h"
#include "run/history.h"
#include "vmm/qemu/qemu.h"

#define ARGS struct coverage_args
#define BUILD_ADVICE                                                                                         \
	"build them with 'gcc --coverage -fprofile-update=atomic', or with 'clang -fprofile-instr-generate " \
	"-fcoverage-mapping'"

struct coverage_args {
	struct test_args test;
	struct coverage_output output;
	bool no_clean, kernel_functions;
	struct coverage_run run;
	struct kernel_coverages kernels;
	struct guest_coverage counted;
};

static const char *const accel_words[] = { "auto", "kvm", "tcg", NULL };
static const char *const tcg_time_words[] = { "parallel", "shared", NULL };
static const char *const start_words[] = { "boot", "clone", "auto", NULL };

static const struct option_row coverage_options[] = {
	OPT_LIST(ARGS, test.kernel, "kernel", 'k', "KERNEL", KERNEL_FORMS "; repeatable, or separated by commas"),
	OPT_STRING(ARGS, test.filter, "filter", 'E', "EXPR", "run only these tests; see 'ktstr help filters'"),
	ROWS_COVERAGE_OUTPUT(ARGS, output.),
	OPT_FLAG(ARGS, kernel_functions, "kernel-functions", 0,
		 "tcg: say also which functions of the kernel's scheduler (kernel/sched) did not run"),
	OPT_FLAG(ARGS, run.kernel_lines, "kernel-lines", 0,
		 "tcg: count also how often each line of the kernel's scheduler (kernel/sched) is executed"),
	OPT_FLAG(ARGS, run.bpf_lines, "bpf-lines", 0,
		 "tcg: count also how often each line of BPF programs is executed, as of schedulers"),
	OPT_FLAG(ARGS, no_clean, "no-clean", 0, "add to what earlier runs have counted"),
	OPT_FLAG(ARGS, test.gauntlet, "gauntlet", 0, "also run every test on every preset topology that it admits"),
	OPT_NUMBER(ARGS, test.jobs, "jobs", 'j', "N", 1, JOBS_MAX, 0,
		   "number of machines at the same time (default: as many as there are CPUs for)"),
	OPT_NUMBER(ARGS, test.seed, "seed", 0, "N", 0, UINT64_MAX, 1, "number that all random choices derive from"),
	OPT_WORD(ARGS, test.accel, "accel", 0, "NAME", accel_words, "as for 'ktstr test'"),
	OPT_CHOICE(ARGS, test.tcg_time, "tcg-time", 0, "HOW", tcg_time_words, "as for 'ktstr test'"),
	OPT_DURATION(ARGS, test.tcg_lag, "tcg-lag", 0, "TIME", QEMU_LAG_MIN_NS, QEMU_LAG_NS, QEMU_LAG_NS, 1,
		     "as for 'ktstr test'"),
	OPT_CHOICE(ARGS, test.start, "start", 0, "HOW", start_words, "as for 'ktstr test'"),
	OPT_STRING(ARGS, test.profile, "profile", 0, "NAME", "as for 'ktstr test'"),
	OPT_STRING(ARGS, test.nextest_profile, "nextest-profile", 0, "NAME", "as for 'ktstr test'"),
	OPT_FLAG(ARGS, test.no_perf_mode, "no-perf-mode", 0, "as for 'ktstr test'"),
	OPT_FLAG(ARGS, test.no_skip_mode, "no-skip-mode", 0, "a test that is skipped counts as failed"),
	OPT_FLAG(ARGS, test.release, "release", 0, "judge by the strict limits"),
	OPT_FLAG(ARGS, test.include_eol, "include-eol", 0, "ranges include series that are no longer maintained"),
	OPT_FLAG(ARGS, test.relevant, "relevant", 0,
		 "only tests of schedulers that changes concern; see 'ktstr affected'"),
	OPT_STRING(ARGS, test.base, "base", 0, "COMMIT", "as for 'ktstr test'"),
	OPT_STRING(ARGS, test.base_ref, "base-ref", 0, "REF", "as for 'ktstr test'"),
	OPT_STRING(ARGS, test.default_branch, "default-branch", 0, "NAME", "as for 'ktstr test'"),
	OPT_STRING(ARGS, test.cpu_cap, "cpu-cap", 0, "N", "use at most N CPUs, for machines or for compilers"),
	OPT_END,
};

static const struct option_conflict coverage_conflicts[] = {
	{ "lcov", "html" },
	{ "lcov", "json" },
	{ "html", "json" },
	{ "kernel-functions", "lcov" },
	{ "kernel-functions", "accel" },
	{ "kernel-lines", "accel" },
	{ "bpf-lines", "accel" },
	{ NULL, NULL },
};

/* Processes of test binaries on the host count there, too: lists of tests, post_vm functions, tests without a guest. */
static int set_host_counters(const char *dir)
{
	_cleanup_free_ char *profile = path_join(dir, "default-%p-%m.profraw");
	if (!profile)
		return -ENOMEM;
	if (setenv("GCOV_PREFIX", dir, 1) < 0 || unsetenv("GCOV_PREFIX_STRIP") < 0 ||
	    setenv("LLVM_PROFILE_FILE", profile, 1) < 0)
		return -errno;
	return 0;
}

/* Then test binaries may be built without coverage. */
static bool looks_at_guests(const struct coverage_args *a)
{
	return a->kernel_functions || a->run.bpf_lines || a->run.kernel_lines;
}

static void warn_of_lines(const struct coverage_args *a)
{
	unsigned lineless = atomic_load(&a->run.lineless);
	if (lineless)
		say_printf(
			"warning: in %u guest%s no lines of the kernel were counted: %s; 'ktstr kernel build --force' "
			"builds it again with a table of its lines\n",
			lineless, lineless == 1 ? "" : "s", a->run.lineless_why);
	else if (a->run.lines && !a->counted.lines.files)
		say_printf("warning: no BPF program with lines was executed; build schedulers with clang -g\n");
}

static int check_counts(const struct coverage_args *a, struct err **err)
{
	unsigned machines = atomic_load(&a->run.machines), bare = atomic_load(&a->run.bare);
	unsigned lost = atomic_load(&a->run.lost), unknown = atomic_load(&a->run.unknown);
	if (!machines && bare && looks_at_guests(a) && !a->kernels.count && !a->counted.lines.files)
		return FAIL(err, ERR_DATA, -ENODATA, "no guest counted anything");
	if (!machines && bare && !looks_at_guests(a))
		return FAIL(err, ERR_DATA, -ENODATA,
			    "no guest counted anything: the test binaries, and the programs that they brought along, "
			    "were built without coverage; " BUILD_ADVICE);
	if (bare && !looks_at_guests(a))
		say_printf("note: in %u of %u guests nothing was counted: their programs were built without "
			   "coverage\n",
			   bare, bare + machines);
	if (unknown)
		say_printf("warning: %u program%s counted in guests, but %s not among the files that were put there; "
			   "these counts are lost\n",
			   unknown, unknown == 1 ? "" : "s", unknown == 1 ? "is" : "are");
	if (lost)
		say_printf("warning: %u process%s in guests could not be counted, because too many lived at the same "
			   "time; counts are too low\n",
			   lost, lost == 1 ? "" : "es");
	return 0;
}

static int finish_coverage(const void *args, const struct run_records *records, struct err **err)
{
	const struct coverage_args *a = args;
	const struct coverage_of_guests guests = { a->kernel_functions ? &a->kernels : NULL, a->run.lines };
	(void)records;
	warn_of_lines(a);
	int r = check_counts(a, err);
	return r < 0 ? r : coverage_report(a->run.dir, &a->output, &guests, err);
}

static int prepare_dir(const struct coverage_args *a, const char *dir, struct err **err)
{
	size_t removed;
	int r = coverage_output_check(&a->output, err);
	if (r == 0)
		r = mkdir_parents(dir, 0755, err);
	if (r == 0 && !a->no_clean)
		r = coverage_clean(dir, COVERAGE_CLEAN_ALL, &removed, err);
	return r == 0 ? set_host_counters(dir) : r;
}

static int run_coverage(void *args, struct err **err)
{
	struct coverage_args *a = args;
	_cleanup_free_ char *dir = coverage_dir();
	const struct test_end end = { finish_coverage, a };
	if (!dir)
		return -ENOMEM;
	int r = prepare_dir(a, dir, err);
	if (r < 0)
		return r;
	a->run.dir = dir;
	a->test.end = &end;
	a->test.coverage = &a->run;
	a->test.time_dilation = 1;
	a->test.keep_runs = HISTORY_RUNS_DEFAULT;
	a->kernels = KERNEL_COVERAGES_NULL;
	a->counted = GUEST_COVERAGE_NULL;
	a->run.kernels = a->kernel_functions ? &a->kernels : NULL;
	a->run.lines = a->run.bpf_lines || a->run.kernel_lines ? &a->counted : NULL;
	if (looks_at_guests(a)) {
		a->test.accel = "tcg";
		a->test.profile_insns = true;
	}
	r = test_run(&a->test, err);
	kernel_coverages_done(&a->kernels);
	guest_coverage_done(&a->counted);
	return r;
}

const struct command cmd_coverage = {
	.name = "coverage",
	.group = GROUP_TESTS,
	.summary = "Run tests, and show which code of the test binaries they execute",
	.operands = "[PATH...]",
	.text = "Runs tests as 'ktstr test' does, and counts how often each line of their test binaries is executed, "
		"and of the programs that they bring along, such as schedulers and payloads: in "
		"all guests and on the host, by all processes, also by those that crash, that are killed, or whose "
		"kernel panics. Counts of all kernels and machines are added up.\n\nThe programs must be built "
		"with gcc's --coverage, or with clang's -fprofile-instr-generate -fcoverage-mapping. Lines are found "
		"by gcov, or by llvm-profdata and llvm-cov. Static schedulers and payloads are linked with "
		"-Wl,-u,ktstr_coverage -lktstr-coverage. With --kernel-functions, --kernel-lines or --bpf-lines they "
		"may be built without.\n\nThe report goes to standard output, and the lines of "
		"the "
		"run to standard error. 'ktstr llvm-cov report' makes another report of the same counts.",
	.option = coverage_options,
	.conflict = coverage_conflicts,
	.example =
		(const struct example[]){
			{ "ktstr coverage build", "a table of the source files" },
			{ "ktstr coverage --kernel 6.12,6.14 --lcov -o counts.info build", "counts over two kernels" },
			{ "ktstr coverage --kernel-functions build",
			  "and functions of the scheduler that no test ran" },
			{ "ktstr coverage --bpf-lines --html -o scheduler.html build",
			  "and the lines of the schedulers, beside their sources" },
			{ "ktstr coverage --kernel-lines --bpf-lines --html -o scheduler.html build",
			  "the same with the lines of the kernel's scheduler" },
			{ "ktstr coverage --html -o coverage.html a.out", "a page with the sources" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_LLVM_COV_TARGET_DIR, ENV_LLVM_PROFILE_FILE,
						      ENV_CARGO_TARGET_DIR, ENV_KERNEL, ENV_RUNS_ROOT, ENV_SIDECAR_DIR,
						      ENV_SCHEDULER, ENV_SCHEDULER_BIN, KERNEL_ENVIRONMENT, ENV_MAX },
	.files = FILES_CACHE | FILES_RESULTS | FILES_LOCKS,
	.judges = true,
	OPERANDS(struct coverage_args, test.paths),
	.run = run_coverage,
};
