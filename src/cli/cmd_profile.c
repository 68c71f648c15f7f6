/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_profile.c -- ktstr profile: what a kernel's functions cost, in instructions. */
#include <stdio.h>
#include <string.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/result_name.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "cli/test_session.h"
#include "insns/insns.h"
#include "run/history.h"
#include "run/rundir.h"
#include "vmm/qemu/qemu.h"

#define ARGS	    struct profile_args
#define TOP_DEFAULT 40
#define PHASE_AUTO  0

struct profile_args {
	struct test_args test;
	struct strings operands;
	uint64_t top;
	unsigned phase; /* PHASE_AUTO, or behind it those of enum insns_phase */
	bool boot, json, collapsed;
};

static const char *const phase_words[] = { "auto", "hold", "boot", "all", NULL };
static const char *const tcg_time_words[] = { "parallel", "shared", NULL };
static const char *const start_words[] = { "boot", "clone", NULL };

static const struct option_row profile_options[] = {
	OPT_LIST(ARGS, test.kernel, "kernel", 'k', "KERNEL", KERNEL_FORMS "; repeatable, or separated by commas"),
	OPT_CHOICE(ARGS, phase, "phase", 0, "PART", phase_words,
		   "count only while steps hold, only until the scenario begins, or all; auto is the hold if there is "
		   "one, else all"),
	OPT_FLAG(ARGS, boot, "boot", 0, "the same as --phase boot: where the boot spends its instructions"),
	OPT_FLAG(ARGS, collapsed, "collapsed", 0,
		 "print call paths with their instructions, a line each, as programs for flame graphs read them"),
	OPT_NUMBER(ARGS, top, "top", 'n', "N", 0, UINT32_MAX, TOP_DEFAULT, "show the first N functions (0: all)"),
	OPT_FLAG(ARGS, json, "json", 0, "print JSON, with all functions"),
	OPT_NUMBER(ARGS, test.seed, "seed", 0, "N", 0, UINT64_MAX, 1, "number that all random choices derive from"),
	OPT_NUMBER(ARGS, test.jobs, "jobs", 'j', "N", 1, JOBS_MAX, 0,
		   "number of machines at the same time (default: as many as there are CPUs for)"),
	OPT_CHOICE(ARGS, test.tcg_time, "tcg-time", 0, "HOW", tcg_time_words, "as for 'ktstr test'"),
	OPT_DURATION(ARGS, test.tcg_lag, "tcg-lag", 0, "TIME", QEMU_LAG_MIN_NS, QEMU_LAG_NS, QEMU_LAG_NS, 1,
		     "as for 'ktstr test'"),
	OPT_CHOICE(ARGS, test.start, "start", 0, "HOW", start_words, "as for 'ktstr test'"),
	OPT_STRING(ARGS, test.cpu_cap, "cpu-cap", 0, "N", "use at most N CPUs, for machines or for compilers"),
	OPT_END,
};

static const struct option_conflict profile_conflicts[] = {
	{ "phase", "boot" },
	{ "json", "collapsed" },
	{ NULL, NULL },
};

/* --- showing ------------------------------------------------------------------------------------------------------ */

static enum insns_phase choose_phase(const struct profile_args *a, const struct insns *p)
{
	if (a->phase != PHASE_AUTO)
		return (enum insns_phase)(a->phase - 1);
	return p->has[INSNS_HOLD] ? INSNS_HOLD : INSNS_ALL;
}

static int show_sums(const struct profile_args *a, const struct insns *p, enum insns_phase phase)
{
	_cleanup_(insns_sums_done) struct insns_sums s = { 0 };
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = insns_sum_up(p, phase, &s);
	if (r < 0)
		return r;
	if (a->json) {
		json_auto_t *o = insns_sums_json(p, &s);
		out_json(o, false);
		return 0;
	}
	insns_table(p, &s, (uint32_t)a->top, &text);
	out_buf(&text);
	return 0;
}

static int show(const struct profile_args *a, const char *path, struct err **err)
{
	_cleanup_(insns_done) struct insns p = { 0 };
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = insns_read(path, &p, err);
	if (r < 0)
		return r;
	enum insns_phase phase = choose_phase(a, &p);
	if (!p.has[phase])
		return FAIL(err, ERR_DATA, -ENODATA, "%s: the test has no part '%s'; use --phase all", p.test,
			    insns_phase_names[phase]);
	if (!a->collapsed)
		return show_sums(a, &p, phase);
	r = insns_collapsed(&p, phase, &text);
	out_buf(&text);
	return r;
}

static int by_name(const void *x, const void *y)
{
	const struct run_record *const *a = x, *const *b = y;
	return strcmp((*a)->name, (*b)->name);
}

/* A test that was skipped has no profile. */
static int show_record(const struct profile_args *a, const struct run_record *record, struct err **err)
{
	_cleanup_free_ char *path = record->sidecar ? rundir_beside(record->sidecar, PROFILE_SUFFIX) : NULL;
	if (record->sidecar && !path)
		return -ENOMEM;
	if (path && path_exists(path))
		return show(a, path, err);
	return FAIL(err, ERR_MISSING, -ENODATA, "%s has no profile: its machine was not watched%s%s", record->name,
		    record->why ? ": " : "", record->why ? record->why : "");
}

/* In the order of the names, whatever finished first. */
static int show_records(const void *args, const struct run_records *records, struct err **err)
{
	_cleanup_free_ const struct run_record **sorted = calloc(records->count + 1, sizeof(*sorted));
	int r = sorted ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < records->count; i++)
		sorted[i] = &records->item[i];
	if (r == 0)
		qsort(sorted, records->count, sizeof(*sorted), by_name);
	for (size_t i = 0; r == 0 && i < records->count; i++)
		r = show_record(args, sorted[i], err);
	return r;
}

/* --- the run ------------------------------------------------------------------------------------------------------ */

static int run_tests(struct profile_args *a, const char *name, struct err **err)
{
	const struct test_end end = { show_records, a };
	_cleanup_free_ char *filter = NULL;
	if (asprintf(&filter, "test(=%s%s)", strchr(name, '/') ? "" : "ktstr/", name) < 0)
		return -ENOMEM;
	for (size_t i = 1; i < a->operands.count; i++)
		a->test.paths.item[a->test.paths.count++] = a->operands.item[i];
	a->test.end = &end;
	a->test.filter = filter;
	a->test.accel = "tcg";
	a->test.profile_insns = true;
	a->test.time_dilation = 1;
	a->test.keep_runs = HISTORY_RUNS_DEFAULT;
	return test_run(&a->test, err);
}

static int run_profile(void *args, struct err **err)
{
	struct profile_args *a = args;
	const char *first = a->operands.count ? a->operands.item[0] : NULL;
	if (!first)
		return FAIL(err, ERR_USAGE, -EINVAL, "profile: name a test, or a file NAME" PROFILE_SUFFIX);
	if (a->boot)
		a->phase = 1 + INSNS_BOOT;
	size_t len = strlen(first), suffix = strlen(PROFILE_SUFFIX);
	bool is_file = len > suffix && !strcmp(first + len - suffix, PROFILE_SUFFIX);
	if (is_file && a->operands.count > 1)
		return FAIL(err, ERR_USAGE, -EINVAL, "profile: '%s' is shown alone, without '%s'", first,
			    a->operands.item[1]);
	if (is_file)
		return show(a, first, err);
	return run_tests(a, first, err);
}

const struct command cmd_profile = {
	.name = "profile",
	.group = GROUP_TESTS,
	.summary = "Count the kernel's instructions in a test, by function, callback, wake-up and switch",
	.operands = "TEST [PATH...] | FILE" PROFILE_SUFFIX,
	.text = "Runs a test (tcg) and counts the instructions of each function of the guest's kernel and of each BPF "
		"program, with the paths of their calls. The guest does not notice, and the same run gives the same "
		"numbers, so that a change of 1 % is visible.\n\nInterrupts are call paths of their own: what they "
		"interrupt is not charged for them. The profile is kept beside the sidecar, as FILE" PROFILE_SUFFIX
		", which this command also reads. 'ktstr test --profile-insns' writes the same files.",
	.option = profile_options,
	.conflict = profile_conflicts,
	.example =
		(const struct example[]){
			{ "ktstr profile two_cgroups", "functions and callbacks while the steps of a test hold" },
			{ "ktstr profile --boot -n 20 two_cgroups build", "where the boot spends its instructions" },
			{ "ktstr profile --collapsed two_cgroups > stacks.txt", "input for a flame graph" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_KERNEL, ENV_RUNS_ROOT, ENV_SIDECAR_DIR, ENV_SCHEDULER,
						      ENV_SCHEDULER_BIN, KERNEL_ENVIRONMENT, ENV_MAX },
	.files = FILES_CACHE | FILES_RESULTS | FILES_LOCKS,
	.judges = true,
	OPERANDS(struct profile_args, operands),
	.run = run_profile,
};
