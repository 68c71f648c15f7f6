/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_verifier.c -- ktstr verifier: every scheduler must load and attach on every kernel and topology. */
#include <string.h>

#include "base/environment.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "cli/test_session.h"
#include "cli/verifier_args.h"
#include "image/elf.h"
#include "run/history.h"
#include "vmm/qemu/qemu.h"

#define ARGS	     struct verifier_args
#define DEFAULT_PATH "build"

static const char *const output_words[] = { "grid", "table", "csv", "json", NULL };
static const char *const accel_words[] = { "auto", "kvm", "tcg", NULL };
static const char *const tcg_time_words[] = { "parallel", "shared", NULL };
static const char *const start_words[] = { "boot", "clone", NULL };

static const struct option_row verifier_options[] = {
	OPT_LIST(ARGS, test.kernel, "kernel", 'k', "KERNEL", KERNEL_FORMS "; repeatable, or separated by commas"),
	OPT_LIST(ARGS, presets, "preset", 0, "PRESET", "only these topologies ('ktstr topo --presets'); default: all"),
	OPT_LIST(ARGS, schedulers, "scheduler", 0, "NAME", "only these schedulers; the same as an operand"),
	OPT_LIST(ARGS, programs, "scheduler-bin", 0, "PATH", "the program of a scheduler; the same as an operand"),
	OPT_LIST(ARGS, profiles, "profiles", 0, "PROFILE",
		 "run the scheduler with these sets of its flags, as 'default' or 'fifo+slow', and compare them"),
	OPT_FLAG(ARGS, all_profiles, "all-profiles", 0, "the same with all sets of flags that it lists"),
	OPT_STRING(ARGS, rodata, "rodata", 0, "DIR",
		   "only verify, in copies of one machine, with the constants that the cells in DIR had"),
	OPT_STRING(ARGS, test.filter, "filter-cells", 'E', "EXPR", "run only these cells; see 'ktstr help filters'"),
	OPT_FLAG(ARGS, test.list, "list", 0, "print the cells and run none"),
	OPT_FLAG(ARGS, test.dry_run, "dry-run", 0, "print what would run, in which order, and how long it will take"),
	OPT_CHOICE(ARGS, output, "output", 'o', "HOW", output_words,
		   "grids over kernels and topologies, or programs as a table, CSV or JSON"),
	OPT_LIST(ARGS, emit, "emit", 'e', "COLUMN", "columns of tables, CSV and JSON, by veristat's names"),
	OPT_LIST(ARGS, sort, "sort", 's', "COLUMN", "order of the rows; with ^ ascending, with v descending"),
	OPT_LIST(ARGS, filter, "filter", 'f', "FILTER",
		 "rows to show: a glob, FILE-GLOB/PROGRAM-GLOB, a condition as insns>1000, ! before it to leave rows "
		 "out, "
		 "or @FILE"),
	OPT_NUMBER(ARGS, top, "top", 'n', "N", 1, UINT32_MAX, 0, "show the first N rows (default: all)"),
	OPT_NUMBER(ARGS, top_lines, "top-lines", 'S', "N", 1, UINT32_MAX, 0,
		   "show the N source lines that the verifier's logs name most often (default: none)"),
	OPT_FLAG(ARGS, raw, "raw", 0, "print the logs as they are: do not collapse repeated lines"),
	OPT_FLAG(ARGS, test.verbose, "verbose", 'v', "print the text of cells that passed, too"),
	OPT_STRING(ARGS, save, "save", 0, "FILE", "write all columns of all programs to FILE as CSV"),
	OPT_STRING(ARGS, compare, "compare", 'C', "FILE",
		   "show the differences to results that --save or veristat wrote"),
	OPT_LIST(ARGS, fail_on, "fail-on", 0, "CONDITION",
		 "exit with 1 if it holds for a program: 'insns>900000', with --compare 'insns_pct>10'"),
	OPT_STRING(ARGS, replay, "replay", 'R', "FILE", "show results that --save or veristat wrote, and run nothing"),
	OPT_NUMBER(ARGS, test.jobs, "jobs", 'j', "N", 1, JOBS_MAX, 0,
		   "number of machines at the same time (default: as many as there are CPUs for)"),
	OPT_NUMBER(ARGS, test.seed, "seed", 0, "N", 0, UINT64_MAX, 1, "number that all random choices derive from"),
	OPT_STRING(ARGS, test.profile, "profile", 0, "NAME",
		   "KTSTR_SCHEDULER_PROFILE for schedulers that are built before the cells run (default: release)"),
	OPT_WORD(ARGS, test.accel, "accel", 0, "NAME", accel_words,
		 "what runs the virtual machines: KVM, or QEMU's emulator (tcg)"),
	OPT_CHOICE(ARGS, test.tcg_time, "tcg-time", 0, "HOW", tcg_time_words, "as for 'ktstr test'"),
	OPT_DURATION(ARGS, test.tcg_lag, "tcg-lag", 0, "TIME", QEMU_LAG_MIN_NS, QEMU_LAG_NS, QEMU_LAG_NS, 1,
		     "as for 'ktstr test'"),
	OPT_CHOICE(ARGS, test.start, "start", 0, "HOW", start_words, "as for 'ktstr test'"),
	OPT_NUMBER(ARGS, test.time_dilation, "time-dilation", 0, "N", 1, VM_DILATION_MAX, 1, "as for 'ktstr test'"),
	OPT_STRING(ARGS, test.cpu_cap, "cpu-cap", 0, "N", "use at most N CPUs, for machines or for compilers"),
	OPT_FLAG(ARGS, test.no_skip_mode, "no-skip-mode", 0, "a cell that is skipped counts as failed"),
	OPT_FLAG(ARGS, test.include_eol, "include-eol", 0, "ranges include series that are no longer maintained"),
	OPT_FLAG(ARGS, test.no_ccache, "no-ccache", 0, "build kernels without ccache"),
	OPT_FLAG(ARGS, test.skip_sha256, "skip-sha256", 0, "do not verify downloads"),
	OPT_FLAG(ARGS, test.no_verify_signature, "no-verify-signature", 0,
		 "accept lists of checksums without verifying their signatures"),
	OPT_LIST(ARGS, test.report, "report", 0, "FORMAT=FILE", "write a report, as for 'ktstr test'"),
	ROWS_SLURM(ARGS, test.),
	OPT_STRING(ARGS, test.trace, "trace", 0, "FILE", "write a Chrome trace of this command to FILE"),
	OPT_INSTEAD("nextest-profile", "say what the profile would say, with --jobs"),
	OPT_END,
};

static const struct option_conflict verifier_conflicts[] = {
	{ "profiles", "all-profiles" }, { "list", "dry-run" },	{ "list", "replay" },  { "slurm", "list" },
	{ "slurm", "dry-run" },		{ "slurm", "replay" },	{ "slurm", "jobs" },   { "slurm", "cpu-cap" },
	{ "slurm", "trace" },		{ "rodata", "replay" }, { "rodata", "slurm" }, { NULL, NULL },
};

/* --- what is asked for -------------------------------------------------------------------------------------------- */

static int add_word(struct strings *list, const char *word, struct err **err)
{
	if (list->count == STRINGS_MAX)
		return FAIL(err, ERR_USAGE, -E2BIG, "more than %d schedulers or paths", STRINGS_MAX);
	list->item[list->count++] = word;
	list->item[list->count] = NULL;
	return 0;
}

static bool holds_tests(const char *path)
{
	uint32_t api;
	return path_is_dir(path) || elf_api_version(path, &api) == 0;
}

/* A directory or a test binary declares schedulers; another file is the program of one; a word is the name of one. */
static int sort_operands(struct verifier_args *a, struct err **err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < a->operands.count; i++) {
		const char *word = a->operands.item[i];
		bool is_path = strchr(word, '/') || path_exists(word);
		if (is_path && !path_exists(word))
			return FAIL(err, ERR_USAGE, -ENOENT, "verifier: there is no file '%s'", word);
		r = add_word(!is_path ? &a->schedulers : holds_tests(word) ? &a->test.paths : &a->programs, word, err);
	}
	return r;
}

/* Without a path, schedulers are looked for where the build is, if it has tests. */
static int add_default_path(struct verifier_args *a, struct err **err)
{
	static const char *const paths[] = { DEFAULT_PATH, NULL };
	char **found = NULL;
	if (a->test.paths.count || a->programs.count || !path_is_dir(DEFAULT_PATH))
		return 0;
	int r = suite_find(paths, &found, NULL);
	bool any = r == 0 && found && *found;
	strings_free(found);
	return any ? add_word(&a->test.paths, DEFAULT_PATH, err) : 0;
}

static int check_presets(const struct verifier_args *a, struct err **err)
{
	for (size_t i = 0; i < a->presets.count; i++) {
		const char *name = a->presets.item[i];
		const struct preset *near = preset_nearest(name);
		if (!preset_find(name))
			return FAIL(err, ERR_USAGE, -EINVAL,
				    "--preset: '%s' is not a preset topology%s%s%s; 'ktstr topo --presets' lists them",
				    name, near ? " (did you mean '" : "", near ? near->name : "", near ? "'?)" : "");
	}
	return 0;
}

static int check_program(const char *path, struct err **err)
{
	if (access(path, X_OK) == 0)
		return 0;
	return FAIL(err, ERR_USAGE, -errno, "verifier: '%s' is not a program that can be run: %s", path,
		    strerror(errno));
}

/* A name without a slash would be looked up elsewhere. */
static int check_programs(struct verifier_args *a, char **owned, struct err **err)
{
	for (size_t i = 0; i < a->programs.count; i++) {
		int r = check_program(a->programs.item[i], err);
		if (r < 0)
			return r;
		if (strchr(a->programs.item[i], '/'))
			continue;
		owned[i] = path_join(".", a->programs.item[i]);
		if (!owned[i])
			return -ENOMEM;
		a->programs.item[i] = owned[i];
	}
	return 0;
}

/* --- the run ------------------------------------------------------------------------------------------------------ */

struct showing {
	const struct verifier_args *args;
	const struct verifier_view *view;
};

/* In the order of the names, whatever finished first. */
static int by_name(const void *x, const void *y)
{
	const struct run_record *const *a = x, *const *b = y;
	return strcmp((*a)->name, (*b)->name);
}

static int show_records(const struct test_source *from, const struct session *session, struct err **err)
{
	const struct sweep_plan *p = container_of(from, struct sweep_plan, source);
	const struct run_records *records = &session->records;
	const struct showing *showing = p->args;
	_cleanup_(sweep_done) struct sweep s = { .verified_only = showing->args->rodata };
	_cleanup_free_ const struct run_record **sorted = calloc(records->count + 1, sizeof(*sorted));
	int r = sorted ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < records->count; i++)
		sorted[i] = &records->item[i];
	if (r == 0)
		qsort(sorted, records->count, sizeof(*sorted), by_name);
	for (size_t i = 0; r == 0 && i < records->count; i++)
		if (sorted[i]->sidecar)
			r = sweep_add(&s, sorted[i]->sidecar, err);
	return r == 0 ? verifier_show(showing->args, showing->view, &s, err) : r;
}

static int run_sweep(struct verifier_args *a, const struct verifier_view *view, struct err **err)
{
	const struct showing showing = { a, view };
	_cleanup_(cell_constants_done) struct cell_constants_list constants = { 0 };
	const struct sweep_plan plan = {
		.source = { .needs_paths = a->test.paths.count,
			    .presets = a->presets.item,
			    .constants = a->rodata ? &constants : NULL,
			    .constants_dir = a->rodata,
			    .programs = a->programs.item,
			    .suites = sweep_suites,
			    .finish = show_records },
		.names = a->schedulers.item,
		.programs = a->programs.item,
		.profiles = a->profiles.count ? &a->profiles : NULL,
		.all_profiles = a->all_profiles,
		.args = &showing,
	};
	bool verbose = a->test.verbose;
	int r = a->rodata ? cell_constants_read(a->rodata, &constants, err) : 0;
	if (r < 0)
		return r;
	/* All these cells have the same machine. */
	if (a->rodata)
		a->test.start = START_CLONE;
	a->raw |= environment_is_on(ENV_VERIFIER_RAW);
	a->test.source = &plan.source;
	a->test.no_perf_mode = true;
	a->test.keep_runs = HISTORY_RUNS_DEFAULT;
	struct test_args run = a->test;
	run.command = &cmd_verifier;
	run.command_args = a;
	run.verbose = false; /* it would print the report of each cell that passed */
	a->test.verbose = verbose;
	return test_run(&run, err);
}

static int show_stored(const struct verifier_args *a, const struct verifier_view *view, struct err **err)
{
	_cleanup_(veristat_done) struct veristat_rows rows = { 0 };
	int r = verifier_read_rows(a->replay, &rows, err);
	return r == 0 ? verifier_show_rows(a, view, &rows, err) : r;
}

static int run_verifier(void *args, struct err **err)
{
	struct verifier_args *a = args;
	_cleanup_(verifier_view_done) struct verifier_view view = { 0 };
	char *owned[STRINGS_MAX] = { NULL };
	int r = verifier_view_parse(a, &view, err);
	if (r < 0 || a->replay)
		return r < 0 ? r : show_stored(a, &view, err);
	r = sort_operands(a, err);
	if (r == 0)
		r = check_presets(a, err);
	if (r == 0)
		r = check_programs(a, owned, err);
	if (r == 0)
		r = add_default_path(a, err);
	if (r == 0)
		r = run_sweep(a, &view, err);
	for (size_t i = 0; i < STRINGS_MAX; i++)
		free(owned[i]);
	return r;
}

const struct command cmd_verifier = {
	.name = "verifier",
	.group = GROUP_TESTS,
	.summary = "Verify and attach schedulers on every kernel and topology",
	.operands = "[SCHEDULER|PATH...]",
	.text = "Runs a cell for each scheduler, kernel and preset topology, each in a virtual machine of its own. A "
		"cell "
		"passes if the BPF verifier accepts all programs, the scheduler attaches, and a task on each CPU makes "
		"progress under it. The number of instructions that the verifier looks at depends on the topology, "
		"because "
		"programs see the numbers of CPUs as constants.\n\n"
		"An operand is a directory or a test binary, whose declared schedulers are taken; or the program of a "
		"scheduler; or a name: of a declared scheduler, else of a program, as scx_simple, that comes with the "
		"kernel. Without operands all schedulers that test binaries in build declare are taken. A declaration "
		"can "
		"name the kernels and leave out topologies.\n\n"
		"With --rodata, cells only verify. They are copies of one small machine for each kernel, and the "
		"constants "
		"of the scheduler's programs are replaced by those that it had in a cell of an earlier sweep on tcg. "
		"DIR "
		"is the directory of that sweep's results; it may be of another kernel.\n\n"
		"Cells are tests: they have sidecars, and 'ktstr stats' and 'ktstr report' read them. The progress "
		"goes to "
		"standard error; standard output has the result. With --output grid, it has the verifier's log of each "
		"cell "
		"that failed, with repeated lines collapsed, and the command that repeats the cell.",
	.option = verifier_options,
	.conflict = verifier_conflicts,
	.example =
		(const struct example[]){
			{ "ktstr verifier", "every declared scheduler on the default kernel" },
			{ "ktstr verifier ./scx_mine --kernel 6.12,6.14 --preset 4cpu-1llc-nosmt", "one program" },
			{ "ktstr verifier --save before.csv", "keep the numbers" },
			{ "ktstr verifier --kernel 6.14 --rodata results",
			  "verify on another kernel, without a machine of each topology" },
			{ "ktstr verifier --compare before.csv --fail-on 'insns_pct>10'",
			  "fail if a program costs the verifier a tenth more" },
			{ NULL },
		},
	.environment =
		(const enum environment_id[]){ ENV_ACCEL, ENV_KERNEL, ENV_RUNS_ROOT, ENV_SIDECAR_DIR, ENV_SCHEDULER,
					       ENV_SCHEDULER_BIN, ENV_VERIFIER_RAW, KERNEL_ENVIRONMENT, ENV_MAX },
	.files = FILES_CACHE | FILES_RESULTS | FILES_LOCKS,
	.judges = true,
	OPERANDS(struct verifier_args, operands),
	.run = run_verifier,
};
