/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_perf_delta.c -- ktstr perf-delta: did the project's tests get slower since a commit? */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/perf_relevant.h"
#include "perfdelta/perf_delta.h"
#include "cli/shared_options.h"
#include "cli/slurm.h"
#include "cli/stats_args.h"
#include "kernel/ref.h"
#include "stats/filter_explain.h"
#include "stats/runs.h"
#include "stats/significance.h"

static const char *const noise_tests[] = { "welch", "mwu", "paired", NULL };

#define ARGS struct perf_args
static const struct option_row perf_delta_options[] = {
	OPT_STRING(ARGS, base, "base", 0, "COMMIT", "compare with COMMIT"),
	OPT_STRING(ARGS, base_ref, "base-ref", 0, "REF", "compare with the commit at which HEAD left REF"),
	OPT_STRING(ARGS, default_branch, "default-branch", 0, "REF",
		   "the REF of --base-ref if neither that nor GITHUB_BASE_REF is given (default: main)"),
	OPT_NUMBER(ARGS, noise, "noise-adjust", 0, "N", 2, PERF_RUNS_MAX, 0,
		   "build both commits, run the tests of each N times in turn, and compare the samples"),
	OPT_STRING(ARGS, kernel, "kernel", 'k', "KERNEL", "the kernel for --noise-adjust: " KERNEL_FORMS),
	OPT_STRING(ARGS, filter, "filter", 'E', "EXPR",
		   "only these tests; without --noise-adjust: results with this text, as in 'ktstr stats compare'"),
	OPT_STRING(
		ARGS, build, "build", 0, "CMD",
		"shell command that builds the project (default: that of meson, make, cmake or cargo, whichever has a "
		"file in the project)"),
	OPT_FLAG(ARGS, relevant, "relevant", 0,
		 "run only tests that the changes since the baseline concern, as 'ktstr affected' says"),
	OPT_FLAG(ARGS, all_tests, "all-tests", 0, "run all tests instead of those that set performance_mode"),
	OPT_CHOICE(ARGS, test, "test", 0, "TEST", noise_tests,
		   "of samples: Welch's t test; Mann-Whitney U test of medians; or pairs of equal seeds (Wilcoxon)"),
	OPT_STRING(ARGS, alpha, "alpha", 0, "P", "significance of --test, between 0 and 1 (default: 0.05)"),
	OPT_STRING(ARGS, noise_spread, "noise-spread-threshold", 0, "PERCENT",
		   "name metrics that changed and vary by more than PERCENT between runs (default: 5)"),
	OPT_STRING(ARGS, a_scheduler, "a-scheduler", 0, "NAME",
		   "compare two schedulers at HEAD instead of two commits: the former"),
	OPT_STRING(ARGS, b_scheduler, "b-scheduler", 0, "NAME", "the latter"),
	OPT_NUMBER(ARGS, fail_threshold, "fail-threshold", 0, "N", 0, 1000000, 5, "fail at N regressions; 0: never"),
	OPT_LIST(ARGS, must_fail, "must-fail", 0, "METRIC",
		 "fail at any regression of METRIC, or of all whose names begin as 'TEXT*' does; repeatable, or "
		 "separated by commas"),
	OPT_FLAG(
		ARGS, insns, "insns", 0,
		"count the kernel's instructions in all runs (tcg), and fail if a switch of tasks, a wake-up or a call "
		"of a BPF program takes 1 % more"),
	OPT_STRING(ARGS, threshold, "threshold", 0, "PERCENT",
		   "a change of less than PERCENT does not count; without --noise-adjust"),
	OPT_STRING(ARGS, policy, "policy", 0, "FILE",
		   "percentages by metric, as in 'ktstr stats compare'; without --noise-adjust"),
	OPT_FLAG(ARGS, all_metrics, "all-metrics", 0, "also print metrics that did not change"),
	OPT_NUMBER(ARGS, seed, "seed", 0, "N", 0, UINT64_MAX - PERF_RUNS_MAX, 1,
		   "seed of the first run; the others follow it"),
	OPT_STRING(ARGS, accel, "accel", 0, "BACKEND", "passed on to 'ktstr test'"),
	OPT_NUMBER(ARGS, jobs, "jobs", 'j', "N", 1, 4096, 0, "passed on to 'ktstr test'"),
	OPT_STRING(ARGS, profile, "profile", 0, "NAME", "passed on to 'ktstr test'"),
	OPT_STRING(ARGS, cpu_cap, "cpu-cap", 0, "N", "passed on to 'ktstr test'"),
	OPT_OPTIONAL(ARGS, slurm, "slurm", "PARTITION",
		     "make all runs side by side on a Slurm cluster; see docs/SLURM.md"),
	OPT_WORDS(ARGS, slurm_args, "slurm-arg", "ARG", "with --slurm: pass ARG to sbatch; repeatable"),
	OPT_INSTEAD("dual-run", "use --noise-adjust N; one run a side cannot tell a change from noise"),
	OPT_INSTEAD("nextest-profile", "use --profile"),
	ROW_DIR(ARGS),
	ROW_COMPARE_FORMAT(ARGS),
	ROW_STATS_JSON(ARGS),
	OPT_END,
};
#undef ARGS

static const struct option_conflict perf_delta_conflicts[] = {
	{ "base", "base-ref" },	       { "base", "a-scheduler" },     { "base", "b-scheduler" },
	{ "base-ref", "a-scheduler" }, { "base-ref", "b-scheduler" }, { "relevant", "a-scheduler" },
	{ "relevant", "b-scheduler" }, { "threshold", "policy" },     { "noise-adjust", "threshold" },
	{ "noise-adjust", "policy" },  { "noise-adjust", "dir" },     { "slurm", "jobs" },
	{ "slurm", "cpu-cap" },	       { "json", "format" },	      { NULL, NULL },
};

/* --- arguments ---------------------------------------------------------------------------------------------------- */

static int parse_percent(const char *option, const char *text, double most, double *ret, struct err **err)
{
	if (!text)
		return 0;
	char *end;
	double value = strtod(text, &end);
	if (end == text || *end || !(value >= 0) || !(value <= most))
		return FAIL(err, ERR_USAGE, -EINVAL, "--%s: '%s' is not a number from 0 to %g", option, text, most);
	*ret = value;
	return 0;
}

static int parse_options(const struct perf_args *a, struct compare_options *ret, double *ret_spread, struct err **err)
{
	*ret = (struct compare_options){
		.test = a->noise ? COMPARE_WELCH + a->test : COMPARE_THRESHOLD,
		.alpha = 0.05,
		.confidence = 0.95,
		.power = 0.8,
		.policy = POLICY_NULL,
		.from_zero = !a->noise,
		.phase = -1,
	};
	*ret_spread = 5;
	int r = parse_percent("alpha", a->alpha, 1, &ret->alpha, err);
	if (r == 0)
		r = parse_percent("noise-spread-threshold", a->noise_spread, 1e6, ret_spread, err);
	if (r == 0)
		r = parse_percent("threshold", a->threshold, 1e6, &ret->policy.default_percent, err);
	return r == 0 && a->policy ? policy_read(a->policy, &ret->policy, err) : r;
}

/* Options that only matter when tests run must not be given in vain. */
static int check_run_options(const struct perf_args *a, struct err **err)
{
	const char *vain = a->kernel	    ? "--kernel"
			   : a->build	    ? "--build"
			   : a->accel	    ? "--accel"
			   : a->profile	    ? "--profile"
			   : a->cpu_cap	    ? "--cpu-cap"
			   : a->jobs	    ? "--jobs"
			   : a->alpha	    ? "--alpha"
			   : a->test	    ? "--test"
			   : a->all_tests   ? "--all-tests"
			   : a->insns	    ? "--insns"
			   : a->slurm	    ? "--slurm"
			   : a->relevant    ? "--relevant"
			   : a->paths.count ? "a path of tests"
					    : NULL;
	if (!a->noise && vain)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "perf-delta: %s is for runs of tests, and none run without --noise-adjust N", vain);
	if (a->noise && !a->kernel)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "perf-delta: --noise-adjust needs --kernel, so that both commits run on the same one");
	return 0;
}

static int check_paths(const struct perf_args *a, struct err **err)
{
	if (a->paths.count > PERF_PATHS_MAX)
		return FAIL(err, ERR_USAGE, -E2BIG, "perf-delta: more than %d paths", PERF_PATHS_MAX);
	for (size_t i = 0; i < a->paths.count; i++)
		if (*a->paths.item[i] == '/' && !a->a_scheduler)
			return FAIL(err, ERR_USAGE, -EINVAL,
				    "perf-delta: '%s' is the same file for both commits; name a path in the project "
				    "relative to this directory",
				    a->paths.item[i]);
	return 0;
}

/* Their registered share of change that counts is 1 %. */
static int add_insns_gates(struct perf_args *a, struct err **err)
{
	static const char *const gates[] = { "insns_per_switch", "insns_per_wakeup", "insns_per_call.*" };
	a->must_fail_named = a->must_fail.count;
	if (!a->insns)
		return 0;
	if (a->must_fail.count + ARRAY_SIZE(gates) > STRINGS_MAX)
		return FAIL(err, ERR_USAGE, -E2BIG, "perf-delta: --must-fail names too many metrics");
	for (size_t i = 0; i < ARRAY_SIZE(gates); i++)
		a->must_fail.item[a->must_fail.count++] = gates[i];
	a->must_fail.item[a->must_fail.count] = NULL;
	return 0;
}

static int check_args(const struct perf_args *a, struct err **err)
{
	if (!a->a_scheduler != !a->b_scheduler)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "perf-delta: --a-scheduler and --b-scheduler are only used together");
	if (!a->slurm && a->slurm_args.count)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "perf-delta: --slurm-arg is for runs on a cluster: give --slurm, too");
	int r = stats_check_dir(a->dir, err);
	if (r == 0)
		r = slurm_check_words(&a->slurm_args, err);
	if (r == 0)
		r = check_run_options(a, err);
	if (r == 0)
		r = check_paths(a, err);
	return r == 0 ? perf_gates_check(&a->must_fail, a->noise, err) : r;
}

/* The runs start in other directories, so a relative path is made absolute. *@made belongs to the caller. */
static int fix_kernel(struct perf_args *a, char **made, struct err **err)
{
	struct kernel_ref ref;
	int r = kernel_ref_parse(a->kernel, &ref, err);
	if (r < 0)
		return err_wrap(err, r, "--kernel");
	bool is_path = ref.kind == REF_PATH;
	kernel_ref_done(&ref);
	if (!is_path || *a->kernel == '~')
		return 0;
	*made = realpath(a->kernel, NULL);
	if (!*made)
		return FAIL(err, ERR_USAGE, -errno, "--kernel '%s': %s", a->kernel, strerror(errno));
	a->kernel = *made;
	return 0;
}

/* --- comparison --------------------------------------------------------------------------------------------------- */

static uint32_t label_of_run(struct pool *p, const struct perf_args *a, const struct worktree_spec *side,
			     const char *directory)
{
	char name[64];
	for (int s = 0; s < SIDE_MAX; s++)
		for (unsigned i = 0; i < a->noise; i++) {
			perf_run_name(&side[s], i, name, sizeof(name));
			if (is_of_run(directory, name))
				return pool_text(p, side[s].label, strlen(side[s].label));
		}
	return 0;
}

/* Leaves only the results of these runs, and gives them the labels of their sides. */
static void keep_runs(const struct perf_args *a, const struct worktree_spec *side, struct results *r)
{
	uint32_t directory = 0, label = 0;
	for (size_t i = 0; i < r->pool.rows; i++) {
		struct row *row = &r->pool.row[i];
		if (!i || row->directory != directory) {
			directory = row->directory;
			label = directory ? label_of_run(&r->pool, a, side, r->pool.text[directory]) : 0;
		}
		row->test = label ? row->test : 0;
		row->of[DIMENSION_COMMIT] = label ?: row->of[DIMENSION_COMMIT];
	}
}

static void make_filters(const struct perf_args *a, const struct worktree_spec *side, struct filter *filter)
{
	const char *schedulers[SIDE_MAX] = { a->a_scheduler, a->b_scheduler };
	for (int s = 0; s < SIDE_MAX; s++) {
		filter_add(&filter[s], DIMENSION_COMMIT, side[s].label);
		if (schedulers[s])
			filter_add(&filter[s], DIMENSION_SCHEDULER, schedulers[s]);
		/* The runs were filtered by their tests. */
		filter[s].part = a->noise ? NULL : a->filter;
	}
}

static void note_spread(const struct compare_view *v, double limit, struct buf *out)
{
	for (size_t i = 0; i < v->comparison->findings; i++) {
		const struct finding *f = &v->comparison->finding[i];
		double spread[SIDE_MAX];
		for (int s = 0; s < SIDE_MAX; s++)
			spread[s] = 100 * (f->high[s] - f->low[s]) / fmax(fabs(f->value[s]), 1e-9);
		if (f->verdict == FINDING_UNCHANGED || fmax(spread[SIDE_A], spread[SIDE_B]) <= limit)
			continue;
		buf_appendf(out, "note: %s of %s varies from run to run by %.1f %% (A) and %.1f %% (B)\n",
			    pool_metric_name(v->pool, f->metric), v->pool->text[v->pairing->group[f->group].test],
			    fmin(spread[SIDE_A], 1e6), fmin(spread[SIDE_B], 1e6));
	}
}

static void print_all(const struct perf_args *a, const struct compare_view *v, const struct perf_verdict *verdict,
		      double spread)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	struct term t = term_probe(STDOUT_FILENO);
	json_auto_t *o = NULL, *gate = json_object();
	switch (stats_format_of(a->format, a->json)) {
	case FORMAT_TEXT:
		compare_print_text(v, &t, &out);
		buf_puts(&out, "\n");
		if (a->noise)
			note_spread(v, spread, &out);
		buf_append(&out, verdict->lines.data, verdict->lines.len);
		break;
	case FORMAT_CSV:
		compare_print_csv(v, &out);
		say_printf("%s", buf_str(&verdict->lines));
		break;
	case FORMAT_JSON:
		o = compare_json(v);
		json_put_bool(&gate, "failed", verdict->failed);
		json_put_u64(&gate, "fail_threshold", a->fail_threshold);
		json_put(&gate, "gates", json_incref(verdict->gates));
		json_put(&o, "gate", json_incref(gate));
		json_print(o, true, &out);
		break;
	case FORMAT_HTML:
		compare_print_html(v, buf_str(&verdict->lines), &out);
		break;
	}
	out_buf(&out);
}

/* What was not measured never passes. */
static int fail_unpaired(const struct perf_args *a, const struct comparison *c, struct err **err)
{
	return FAIL(err, ERR_DATA, -ENODATA,
		    "perf-delta: no test passed on both sides (%zu did not), so nothing is compared%s", c->excluded,
		    a->all_tests ? "" : "; --all-tests runs also those that do not set performance_mode");
}

static int judge_pairs(const struct perf_args *a, const struct worktree_spec *side, const struct pairing *g,
		       struct results *r, struct err **err)
{
	struct compare_options options;
	struct comparison c = { 0 };
	_cleanup_(perf_verdict_done) struct perf_verdict verdict = { 0 };
	double spread;
	size_t unused;
	int code = parse_options(a, &options, &spread, err);
	if (code == 0)
		code = compare_groups_of(&r->pool, g, &options, &c, &unused);
	if (code == 0 && a->noise && !c.paired)
		code = fail_unpaired(a, &c, err);
	else if (code == 0 && a->noise && !c.findings)
		code = FAIL(
			err, ERR_DATA, -ENODATA,
			"perf-delta: nothing is compared, because no metric of a test is on both sides and is not 0");
	if (code == 0 && c.broken)
		say_printf("warning: %zu test%s passed before and %s not now\n", c.broken, plural(c.broken),
			   c.broken == 1 ? "does" : "do");
	struct compare_view v = {
		.pool = &r->pool,
		.pairing = g,
		.comparison = &c,
		.options = &options,
		.label = { a->a_scheduler ?: side[SIDE_A].label, a->b_scheduler ?: side[SIDE_B].label },
		.all = a->all_metrics,
	};
	if (code == 0)
		code = perf_gates_judge(&v, a, r, a->noise, &verdict);
	if (code == 0) {
		print_all(a, &v, &verdict, spread);
		code = verdict.failed ? EXIT_FAILED : 0;
	}
	comparison_done(&c);
	policy_done(&options.policy);
	return code;
}

/* A new project has no results of its baseline; that is no reason to fail. */
static int say_empty(const struct perf_args *a, const struct worktree_spec *side, const struct filter *filter,
		     const struct results *r, const struct pairing *g, struct err **err)
{
	const struct filter_options option[SIDE_MAX] = {
		{ .of[DIMENSION_SCHEDULER] = "--a-scheduler", .of[DIMENSION_COMMIT] = "commit", .part = "--filter" },
		{ .of[DIMENSION_SCHEDULER] = "--b-scheduler", .of[DIMENSION_COMMIT] = "commit", .part = "--filter" },
	};
	if (a->noise)
		return FAIL(err, ERR_DATA, -ENOENT,
			    "perf-delta: the runs have no results of %s (%s); 'ktstr test --list' shows the tests%s",
			    side[g->selected[SIDE_A] ? SIDE_B : SIDE_A].phrase,
			    side[g->selected[SIDE_A] ? SIDE_B : SIDE_A].label,
			    a->all_tests ? "" : ", and --all-tests runs also those that do not set performance_mode");
	for (int s = 0; s < SIDE_MAX; s++) {
		_cleanup_buf_ struct buf why = BUF_NULL;
		if (g->selected[s])
			continue;
		filter_explain(r, &filter[s], &option[s], &why);
		say_printf("note: there are no results of %s%s in '%s', so nothing is compared: %s; --noise-adjust "
			   "makes them\n",
			   side[s].label, a->a_scheduler ? " with that scheduler" : "", r->scan.root, buf_str(&why));
	}
	return 0;
}

static int compare(const struct perf_args *a, const struct worktree_spec *side, const char *root, struct err **err)
{
	_cleanup_free_ struct filter *filter = calloc(SIDE_MAX, sizeof(*filter));
	struct results r;
	struct pairing g;
	if (!filter)
		return -ENOMEM;
	int code = stats_load(root, a->noise ? SCAN_WITH_SAMPLES : SCAN_RUNS, a->dir, &r, err);
	if (code < 0)
		return code;
	if (a->noise)
		keep_runs(a, side, &r);
	make_filters(a, side, filter);
	code = pair_rows(&r.pool, filter, &g);
	if (code == 0) {
		bool empty = !g.selected[SIDE_A] || !g.selected[SIDE_B];
		code = empty ? say_empty(a, side, filter, &r, &g, err) : judge_pairs(a, side, &g, &r, err);
		pairing_done(&g);
	}
	results_done(&r);
	return code;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static int make_runs(struct perf_args *a, const struct project *p, const struct worktree_spec *side, const char *root,
		     bool *ret_none, struct err **err)
{
	_cleanup_free_ char *kernel = NULL, *filter = NULL;
	int r = fix_kernel(a, &kernel, err);
	/* Two builds for a cluster that is not there would be in vain. */
	if (r == 0 && a->slurm)
		r = slurm_ask(a->slurm, err);
	if (r == 0 && a->relevant)
		r = perf_relevant(a, &side[SIDE_A], &filter, ret_none, err);
	if (r < 0 || *ret_none)
		return r;
	a->filter = filter ?: a->filter;
	r = mkdir_parents(root, 0755, err);
	return r == 0 ? perf_runs_make(a, p, side, root, err) : r;
}

/*
 * The rank tests ask for some runs before they call anything significant, however large it is. With fewer, ranges that
 * do not touch are likely by chance: two equal samples of three have such ranges in one case of ten.
 */
static void warn_of_few_runs(const struct perf_args *a, const struct compare_options *o)
{
	size_t needed =
		o->test == COMPARE_PAIRED ? signed_rank_pairs_needed(o->alpha) : mann_whitney_samples_needed(o->alpha);
	if (!a->noise || a->noise >= needed)
		return;
	if (o->test == COMPARE_WELCH)
		say_printf("warning: with %lu runs, ranges of values often do not touch where nothing changed; "
			   "--noise-adjust %zu or more keeps such false alarms below %g %%\n",
			   a->noise, needed, 100 * o->alpha);
	else
		say_printf("warning: --test %s finds nothing with %lu runs; it takes --noise-adjust %zu or more\n",
			   noise_tests[a->test], a->noise, needed);
}

static int run_perf_delta(void *args, struct err **err)
{
	struct perf_args *a = args;
	struct worktree_spec side[SIDE_MAX];
	struct compare_options options;
	double spread;
	bool none = false;
	_cleanup_(project_close_p) struct project *p = NULL;
	_cleanup_free_ char *root = stats_root(a->dir);
	a->say = say_printf;
	a->github_base = environment_get(ENV_GITHUB_BASE_REF);
	if (!root)
		return -ENOMEM;
	int r = add_insns_gates(a, err);
	if (r == 0)
		r = check_args(a, err);
	/* What is wrong is said before anything runs. */
	if (r == 0)
		r = parse_options(a, &options, &spread, err);
	if (r < 0)
		return r;
	warn_of_few_runs(a, &options);
	policy_done(&options.policy);
	r = project_open(".", &p, err);
	if (r == 0)
		r = a->a_scheduler ? perf_head_find(a, p, root, side, err) : perf_baseline_find(a, p, root, side, err);
	if (r == 0 && a->noise)
		r = make_runs(a, p, side, root, &none, err);
	return r == 0 && !none ? compare(a, side, root, err) : r;
}

const struct command cmd_perf_delta = {
	.name = "perf-delta",
	.group = GROUP_RESULTS,
	.summary = "Compare the performance of HEAD with that of an earlier commit",
	.operands = "[PATH...]",
	.text = "The baseline is --base, else the commit at which HEAD left --base-ref, else the one at which it left "
		"origin's branch of GITHUB_BASE_REF, else the one at which it left --default-branch.\n\n"
		"Without --noise-adjust, results that are there are compared as 'ktstr stats compare' does: those "
		"whose "
		"project commit is the baseline with those of HEAD. If there are none of the baseline, that is said, "
		"and the exit status is 0.\n\n"
		"With --noise-adjust N, both commits are checked out in worktrees of their own in ktstr's cache, HEAD "
		"with "
		"all changes that are not committed, including new files that git does not ignore. Both are built, and "
		"'ktstr test PATH...' runs N times for each of them, in turn: only tests that set performance_mode, "
		"unless "
		"--all-tests is given. On a backend without performance mode (tcg) they run as ordinary tests. Run i "
		"of "
		"both has the same seed. The tests of samples need some values; N of 5 or more is advised. Results of "
		"tests "
		"that did not pass are left out. The results stay in the directories perf-delta-noise-*, "
		"which other commands read only if they are named. An interrupted "
		"command can be continued by the same command. Filters of git (LFS) and submodules are not checked "
		"out.\n\n"
		"A change counts if it is more than noise and at least as large as 'ktstr help metrics' says. The exit "
		"status is 1 if there are --fail-threshold regressions, if a metric of --must-fail regressed, or, with "
		"--noise-adjust, if a gate that a test declares is violated.",
	.example =
		(const struct example[]){
			{ "ktstr perf-delta --noise-adjust 5 --kernel 6.12 --must-fail worst_gap_ms build/tests",
			  "what the commits since main changed, with new runs" },
			{ "ktstr perf-delta --base v1.0", "with results that are there already" },
			{ NULL },
		},
	.option = perf_delta_options,
	.conflict = perf_delta_conflicts,
	.environment = (const enum environment_id[]){ ENV_GITHUB_BASE_REF, ENV_RUNS_ROOT, ENV_CARGO_TARGET_DIR,
						      ENV_XDG_CACHE_HOME, ENV_CACHE_DIR, ENV_MAX },
	.files = FILES_RESULTS | FILES_CACHE,
	OPERANDS(struct perf_args, paths),
	.judges = true,
	.run = run_perf_delta,
};
