/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_stats_compare.c -- ktstr stats compare: what got better or worse between two selections of results. */
#include <stdio.h>
#include <string.h>

#include <ktstr/test.h>

#include "base/parse.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/stats_args.h"
#include "cli/stats_commits.h"
#include "stats/compare_text.h"
#include "stats/filter_explain.h"
#include "stats/runs.h"

#define HOST_ROWS_MAX	   16
#define HOST_ROWS_OF_GROUP 4

struct compare_args {
	struct strings shared[DIMENSION_MAX], a[DIMENSION_MAX], b[DIMENSION_MAX], run;
	const char *dir, *part, *threshold, *policy, *alpha, *confidence, *phase_threshold, *phase;
	bool history, json, no_average, all_metrics, geomean, no_phases, phases_only, steps_only;
	unsigned format, test;
};

/* Three options for one dimension: for both sides, for A alone, for B alone. */
#define ROWS_OF(d, word, value, text)                                                                               \
	OPT_LIST(struct compare_args, shared[d], word, 0, value, "only results with this " text ", on both sides"), \
		OPT_LIST(struct compare_args, a[d], "a-" word, 0, value, "the same, instead, on side A"),           \
		OPT_LIST(struct compare_args, b[d], "b-" word, 0, value, "the same, instead, on side B")

static const struct option_row compare_options[] = {
	ROWS_OF(DIMENSION_KERNEL, "kernel", "VERSION", "kernel; 6.12 is the whole series"),
	ROWS_OF(DIMENSION_SCHEDULER, "scheduler", "NAME", "scheduler"),
	ROWS_OF(DIMENSION_TOPOLOGY, "topology", "TOPOLOGY", "topology"),
	ROWS_OF(DIMENSION_WORK_TYPE, "work-type", "TYPE", "work type"),
	ROWS_OF(DIMENSION_COMMIT, "project-commit", "COMMIT", "commit of the project; also HEAD~3, a tag, A..B"),
	ROWS_OF(DIMENSION_KERNEL_COMMIT, "kernel-commit", "COMMIT", "commit of the kernel's source"),
	ROWS_OF(DIMENSION_SOURCE, "run-source", "SOURCE", "origin: local, ci or archive"),
	ROWS_OF(DIMENSION_CPU_BUDGET, "cpu-budget", "N", "number of host CPUs"),
	ROWS_OF(DIMENSION_BACKEND, "backend", "NAME", "backend: kvm or tcg"),
	ROWS_OF(DIMENSION_SEED, "seed", "N", "seed"),
	OPT_LIST(struct compare_args, run, "run", 0, "RUN", "only results of this run, also an earlier one"),
	OPT_STRING(struct compare_args, part, "filter", 'E', "TEXT",
		   "only results with TEXT in \"test topology scheduler work-type\""),
	OPT_CHOICE(struct compare_args, test, "test", 0, "TEST", compare_test_names,
		   "means and fixed limits; Welch's t test; Mann-Whitney U test of medians; or pairs of equal seeds "
		   "(Wilcoxon)"),
	OPT_STRING(struct compare_args, alpha, "alpha", 0, "P",
		   "significance of --test, between 0 and 1 (default: 0.05)"),
	OPT_STRING(struct compare_args, confidence, "confidence", 0, "P",
		   "of the intervals of medians, between 0 and 1 (default: 0.95)"),
	OPT_STRING(struct compare_args, threshold, "threshold", 0, "PERCENT",
		   "a change of less than PERCENT does not count, for all metrics"),
	OPT_STRING(struct compare_args, policy, "policy", 0, "FILE",
		   "percentages by metric, as JSON: {\"default_percent\": 5, \"per_metric_percent\": {NAME: 10}}"),
	OPT_FLAG(struct compare_args, no_average, "no-average", 0,
		 "several results for one side of a pair are an error instead of being averaged"),
	OPT_FLAG(struct compare_args, all_metrics, "all-metrics", 0, "also print metrics that did not change"),
	OPT_FLAG(struct compare_args, geomean, "geomean", 0,
		 "also print the geometric mean of B / A over all pairs, for each metric"),
	OPT_FLAG(struct compare_args, no_phases, "no-phases", 0, "compare whole runs only"),
	OPT_FLAG(struct compare_args, phases_only, "phases-only", 0, "compare phases only"),
	OPT_FLAG(struct compare_args, steps_only, "steps-only", 0, "compare phases without the baseline only"),
	OPT_STRING(struct compare_args, phase, "phase", 0, "N", "compare phase N only; 0 is the baseline"),
	OPT_STRING(struct compare_args, phase_threshold, "phase-threshold", 0, "PERCENT",
		   "hide changes of phases below PERCENT (default: --threshold)"),
	ROW_DIR(struct compare_args),
	ROW_HISTORY(struct compare_args),
	ROW_COMPARE_FORMAT(struct compare_args),
	ROW_STATS_JSON(struct compare_args),
	OPT_END,
};

static const struct option_conflict compare_conflicts[] = {
	{ "threshold", "policy" },
	{ "no-phases", "phases-only" },
	{ "no-phases", "steps-only" },
	{ "no-phases", "phase" },
	{ "no-phases", "phase-threshold" },
	{ "steps-only", "phase" },
	{ "json", "format" },
	{ NULL, NULL },
};

/* --- numbers ------------------------------------------------------------------------------------------------------ */

static int parse_real(const char *option, const char *text, double least, double most, double *ret, struct err **err)
{
	char *end;
	double value = text ? strtod(text, &end) : 0;
	if (!text)
		return 0;
	if (end == text || *end || !(value >= least) || !(value <= most))
		return FAIL(err, ERR_USAGE, -EINVAL, "--%s: '%s' is not a number from %g to %g", option, text, least,
			    most);
	*ret = value;
	return 0;
}

static int parse_options(const struct compare_args *a, struct compare_options *ret, struct err **err)
{
	double phase = -1;
	*ret = (struct compare_options){
		.test = (enum compare_test)a->test,
		.alpha = 0.05,
		.confidence = 0.95,
		.power = 0.8,
		.separate = a->no_average,
		.policy = POLICY_NULL,
		.phases = a->no_phases	   ? PHASES_NONE
			  : a->steps_only  ? PHASES_STEPS
			  : a->phases_only ? PHASES_ONLY
					   : PHASES_TOO,
	};
	int r = parse_real("alpha", a->alpha, 1e-12, 0.999, &ret->alpha, err);
	if (r == 0)
		r = parse_real("confidence", a->confidence, 0.5, 0.999999, &ret->confidence, err);
	if (r == 0)
		r = parse_real("phase", a->phase, 0, PHASES_MAX - 1, &phase, err);
	ret->phase = (int)phase;
	if (r == 0 && a->policy)
		r = policy_read(a->policy, &ret->policy, err);
	if (r == 0)
		r = parse_real("threshold", a->threshold, 0, 1e6, &ret->policy.default_percent, err);
	ret->phase_percent = MAX_OF(ret->policy.default_percent, 0.0);
	return r == 0 ? parse_real("phase-threshold", a->phase_threshold, 0, 1e6, &ret->phase_percent, err) : r;
}

/* --- filters ------------------------------------------------------------------------------------------------------ */

static int add_values(struct commits *commits, const struct strings *values, enum dimension d, struct filter *ret,
		      struct err **err)
{
	for (size_t i = 0; i < values->count; i++) {
		size_t before = ret->of[d].count;
		int r = commits_expand(commits, d, values->item[i], ret, err);
		if (r < 0)
			return r;
		if (ret->of[d].count == before && !filter_add(ret, d, values->item[i]))
			return FAIL(err, ERR_USAGE, -E2BIG, "more than %d values of --%s", FILTER_VALUES_MAX,
				    dimensions[d].option);
	}
	return 0;
}

/* What is said for one side alone replaces what is said for both. */
static int make_filters(const struct compare_args *a, struct commits *commits, struct filter *side, struct err **err)
{
	int r = 0;
	for (int d = 0; d < DIMENSION_MAX && r == 0; d++) {
		const struct strings *own[SIDE_MAX] = { &a->a[d], &a->b[d] };
		for (int s = 0; s < SIDE_MAX && r == 0; s++)
			r = add_values(commits, own[s]->count ? own[s] : &a->shared[d], (enum dimension)d, &side[s],
				       err);
	}
	side[SIDE_A].part = side[SIDE_B].part = a->part;
	return r;
}

/* Leaves only results of the runs that were asked for. */
static int keep_runs(const struct compare_args *a, const char *root, struct results *r, struct err **err)
{
	bool found[STRINGS_MAX] = { false };
	for (size_t i = 0; i < r->pool.rows && a->run.count; i++) {
		struct row *row = &r->pool.row[i];
		bool wanted = false;
		for (size_t k = 0; k < a->run.count; k++)
			if (is_of_run(r->pool.text[row->directory], a->run.item[k]))
				wanted = found[k] = true;
		row->test = wanted ? row->test : 0;
	}
	for (size_t k = 0; k < a->run.count; k++)
		if (!found[k])
			return FAIL(err, ERR_DATA, -ENOENT,
				    "there is no run '%s' in '%s'; 'ktstr stats list --history' shows the runs",
				    a->run.item[k], root);
	return 0;
}

/* --- what is wrong with the selection ----------------------------------------------------------------------------- */

static int check_slices(const struct pairing *g, struct err **err)
{
	_cleanup_buf_ struct buf names = BUF_NULL;
	if (!g->slicing)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "stats compare: A and B select identical rows. Specify at least one per-side filter (e.g. "
			    "--a-kernel 6.14 --b-kernel 6.15) to define what dimension separates the two sides.");
	for (int d = 0; d < DIMENSION_MAX; d++)
		if (g->slices[d])
			buf_appendf(&names, "%s%s", names.len ? ", " : "", dimensions[d].name);
	if (g->slicing > 1)
		say_printf("warning: the sides differ in %u dimensions (%s); a change may come from either\n",
			   g->slicing, buf_str(&names));
	return 0;
}

/* A commit that was asked for, and of which there are only results of a changed working tree. */
static const char *find_dirty(const struct pool *p, const struct filter *f)
{
	static const enum dimension commits[] = { DIMENSION_COMMIT, DIMENSION_KERNEL_COMMIT };
	for (size_t c = 0; c < ARRAY_SIZE(commits); c++)
		for (size_t i = 0; i < f->of[commits[c]].count; i++)
			for (size_t row = 0; row < p->rows; row++) {
				uint32_t text = p->row[row].of[commits[c]];
				const char *wanted = f->of[commits[c]].item[i];
				size_t len = strlen(wanted);
				if (text && commit_is_dirty(p->text[text]) && !strncmp(p->text[text], wanted, len) &&
				    !strcmp(p->text[text] + len, "-dirty"))
					return p->text[text];
			}
	return NULL;
}

#define OPTION_BYTES 32

/* The options are named as they were given: for one side, or for both. */
static void explain_empty(const struct compare_args *a, const struct results *r, const struct filter *f, enum side s,
			  struct buf *out)
{
	char name[DIMENSION_MAX][OPTION_BYTES];
	struct filter_options o = { .part = "-E" };
	for (int d = 0; d < DIMENSION_MAX; d++) {
		bool own = (s == SIDE_A ? &a->a[d] : &a->b[d])->count;
		snprintf(name[d], sizeof(name[d]), "--%s%s",
			 !own	       ? ""
			 : s == SIDE_A ? "a-"
				       : "b-",
			 dimensions[d].option);
		o.of[d] = name[d];
	}
	filter_explain(r, f, &o, out);
}

static int check_sides(const struct compare_args *a, const struct results *r, const struct filter *side,
		       const struct pairing *g, const char *root, struct err **err)
{
	const struct pool *p = &r->pool;
	size_t valid = 0;
	for (size_t i = 0; i < p->rows; i++)
		valid += result_is_valid(&p->row[i]);
	if (!valid)
		return FAIL(err, ERR_DATA, -ENOENT,
			    "stats compare: no sidecar data found under %s. Run `ktstr test` to make some", root);
	for (int s = 0; s < SIDE_MAX; s++) {
		const char *dirty = g->selected[s] ? NULL : find_dirty(p, &side[s]);
		_cleanup_buf_ struct buf why = BUF_NULL;
		if (!g->selected[s])
			explain_empty(a, r, &side[s], (enum side)s, &why);
		if (!g->selected[s])
			return FAIL(err, ERR_DATA, -ENOENT,
				    "stats compare: %c side filter matched 0 sidecars in pool of %zu: %s%s%s%s; 'ktstr "
				    "stats list-values' shows all values",
				    'A' + s, valid, buf_str(&why), dirty ? "; did you mean '" : "", dirty ? dirty : "",
				    dirty ? "'?" : "");
		if (g->dirty[s])
			say_printf("warning: %zu of %zu results on side %c are of working trees with changes\n",
				   g->dirty[s], g->selected[s], 'A' + s);
	}
	return 0;
}

static int fail_doubled(const struct compare_view *v, size_t group, struct err **err)
{
	_cleanup_buf_ struct buf name = BUF_NULL;
	const struct group *g = &v->pairing->group[group];
	enum side s = g->side[SIDE_A].count > 1 ? SIDE_A : SIDE_B;
	compare_group_name(v, (uint32_t)group, &name);
	return FAIL(err, ERR_USAGE, -EEXIST,
		    "stats compare --no-average: side %c has %zu sidecars with the same pairing key [%s]. Either drop "
		    "--no-average to average them, or add another --%c-X filter to disambiguate.",
		    'A' + (int)s, g->side[s].count, buf_str(&name), 'a' + (int)s);
}

/* Do the sides have no value of this dimension in common? */
static bool divides(const struct pairing *g, int d)
{
	for (size_t a = 0; a < g->groups; a++)
		for (size_t b = 0; b < g->groups; b++)
			if (g->group[a].side[SIDE_A].count && g->group[b].side[SIDE_B].count &&
			    g->group[a].of[d] == g->group[b].of[d])
				return false;
	return true;
}

static bool has_pairs(const struct pairing *g)
{
	for (size_t i = 0; i < g->groups; i++)
		if (g->group[i].side[SIDE_A].count && g->group[i].side[SIDE_B].count)
			return true;
	return false;
}

/* Says why nothing was compared. */
static void explain_no_pairs(const struct pairing *g)
{
	_cleanup_buf_ struct buf names = BUF_NULL;
	for (int d = 0; d < DIMENSION_MAX; d++)
		if (g->keyed[d] && divides(g, d))
			buf_appendf(&names, "%s%s", names.len ? ", " : "", dimensions[d].name);
	if (names.len)
		say_printf("warning: no results are paired, because the sides also differ in %s; say so with --a- and "
			   "--b- "
			   "options for that\n",
			   buf_str(&names));
	else
		say_printf("warning: no results are paired: the sides have no test in common; a test has the scheduler "
			   "that it declares, so declare one for each, or compare kernels or commits\n");
}

/* Says which tests both sides have, and the comparison has not. */
static void explain_gaps(const struct comparison *c)
{
	if (c->broken)
		say_printf("warning: %zu test%s passed in A and not in B, and %s not compared\n", c->broken,
			   plural(c->broken), c->broken == 1 ? "is" : "are");
	if (c->without_pairs && !c->findings)
		say_printf("warning: nothing is compared, because no test has results of equal seeds on both sides\n");
	else if (!c->findings)
		say_printf(
			"warning: nothing is compared, because no test passed on both sides with a metric of both\n");
}

/* Seeds that both sides have are pairs, of which less is needed to see a change. */
static void suggest_pairs(const struct compare_view *v)
{
	size_t pairs = 0;
	if (v->options->test != COMPARE_THRESHOLD)
		return;
	for (size_t i = 0; i < v->pairing->groups; i++) {
		const struct contributors *side = v->pairing->group[i].side;
		for (size_t a = 0; a < side[SIDE_A].count && a < 1000; a++)
			for (size_t b = 0; b < side[SIDE_B].count && b < 1000; b++) {
				uint32_t seed = side[SIDE_A].row[a]->of[DIMENSION_SEED];
				pairs += seed && seed == side[SIDE_B].row[b]->of[DIMENSION_SEED];
			}
		if (pairs > 5) {
			say_printf("note: both sides have results of equal seeds; --test paired compares them seed by "
				   "seed\n");
			return;
		}
		pairs = 0;
	}
}

/* --- the command -------------------------------------------------------------------------------------------------- */

/* The first results of each group may lack it. */
static json_t *find_host(const struct results *r, const struct pairing *g, enum side side)
{
	size_t rows[HOST_ROWS_MAX], count = 0;
	for (size_t i = 0; i < g->groups; i++)
		for (size_t k = 0; k < g->group[i].side[side].count && k < HOST_ROWS_OF_GROUP; k++)
			if (count < ARRAY_SIZE(rows))
				rows[count++] = (size_t)(g->group[i].side[side].row[k] - r->pool.row);
	return result_find_host(r, rows, count);
}

static void print_comparison(const struct compare_args *a, const struct compare_view *v)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	struct term t = term_probe(STDOUT_FILENO);
	json_auto_t *o = NULL;
	switch (stats_format_of(a->format, a->json)) {
	case FORMAT_TEXT:
		compare_print_text(v, &t, &out);
		break;
	case FORMAT_CSV:
		compare_print_csv(v, &out);
		break;
	case FORMAT_JSON:
		o = compare_json(v);
		json_print(o, true, &out);
		break;
	case FORMAT_HTML:
		compare_print_html(v, NULL, &out);
		break;
	}
	out_buf(&out);
}

static int compare_pairs(const struct compare_args *a, const struct filter *side, struct results *r,
			 const struct pairing *g, struct err **err)
{
	struct compare_options options;
	struct comparison c = { 0 };
	size_t doubled = 0;
	_cleanup_buf_ struct buf label_a = BUF_NULL, label_b = BUF_NULL;
	int code = parse_options(a, &options, err);
	if (code < 0)
		return code;
	compare_label(&side[SIDE_A], g, SIDE_A, &label_a);
	compare_label(&side[SIDE_B], g, SIDE_B, &label_b);
	json_auto_t *host_a = find_host(r, g, SIDE_A), *host_b = find_host(r, g, SIDE_B);
	struct compare_view v = {
		.pool = &r->pool,
		.pairing = g,
		.comparison = &c,
		.options = &options,
		.label = { buf_str(&label_a), buf_str(&label_b) },
		.host = { host_a, host_b },
		.all = a->all_metrics,
		.ratios = a->geomean,
	};
	code = compare_groups_of(&r->pool, g, &options, &c, &doubled);
	bool phases = a->phases_only || a->steps_only || a->phase;
	if (code == 0 && phases && !c.findings && !c.phase_only[SIDE_A] && !c.phase_only[SIDE_B])
		code = FAIL(err, ERR_DATA, -ENODATA,
			    "stats compare: these results have no such phases; leave out the options for phases");
	if (code == -EEXIST)
		code = fail_doubled(&v, doubled, err);
	if (code == 0) {
		print_comparison(a, &v);
		if (has_pairs(g))
			explain_gaps(&c);
		else
			explain_no_pairs(g);
		suggest_pairs(&v);
		/* Phases are an explanation of the whole run, unless they are all that was asked for. */
		bool worse = c.count[FINDING_REGRESSION] || (phases && c.phase_count[FINDING_REGRESSION]);
		code = worse ? EXIT_FAILED : c.findings || phases ? 0 : KTSTR_EXIT_INCONCLUSIVE;
	}
	comparison_done(&c);
	policy_done(&options.policy);
	return code;
}

static int compare_loaded(const struct compare_args *a, const char *root, const struct filter *side, struct results *r,
			  struct err **err)
{
	struct pairing g;
	int code = keep_runs(a, root, r, err);
	if (code == 0)
		code = pair_rows(&r->pool, side, &g);
	if (code < 0)
		return code;
	code = check_slices(&g, err);
	if (code == 0)
		code = check_sides(a, r, side, &g, root, err);
	if (code == 0)
		code = compare_pairs(a, side, r, &g, err);
	pairing_done(&g);
	return code;
}

static int run_compare(void *args, struct err **err)
{
	const struct compare_args *a = args;
	_cleanup_free_ char *root = stats_root(a->dir);
	_cleanup_free_ struct filter *side = calloc(SIDE_MAX, sizeof(*side));
	_cleanup_(commits_done) struct commits commits = { 0 };
	struct results r;
	if (!root || !side)
		return -ENOMEM;
	int code = stats_check_dir(a->dir, err);
	if (code == 0)
		code = make_filters(a, &commits, side, err);
	if (code < 0)
		return code;
	code = stats_load(root, a->run.count ? SCAN_ALL : a->history ? SCAN_WITH_HISTORY : SCAN_RUNS, a->dir, &r, err);
	if (code < 0)
		return code;
	code = compare_loaded(a, root, side, &r, err);
	results_done(&r);
	return code;
}

const struct command cmd_stats_compare = {
	.name = "stats compare",
	.group = GROUP_RESULTS,
	.summary = "Compare two selections of results: what got better or worse",
	.text = "A side is what its options select. The dimensions in which the sides differ are compared; results are "
		"paired that are equal in test and in all other dimensions. Of each pair, all metrics are compared; "
		"'ktstr help metrics' has the changes that count. Results that did not pass are not compared.\n\n"
		"Without --test, the means of both sides are compared with fixed limits. The tests also ask whether "
		"the "
		"difference is more than noise: q is the rate of false discoveries among all metrics (Benjamini and "
		"Hochberg). On tcg a seed is an interleaving, the same on every host, so --test paired compares seed "
		"by "
		"seed and is immune to noise of the host.",
	.example =
		(const struct example[]){
			{ "ktstr stats compare --a-kernel 6.12 --b-kernel 7.3", "two series of kernels" },
			{ "ktstr stats compare --a-project-commit HEAD~1 --b-project-commit HEAD --test paired",
			  "what the last commit changed, seed by seed" },
			{ NULL },
		},
	.option = compare_options,
	.conflict = compare_conflicts,
	.environment = (const enum environment_id[]){ ENV_RUNS_ROOT, ENV_CARGO_TARGET_DIR, ENV_XDG_CACHE_HOME,
						      ENV_KERNEL, ENV_MAX },
	.files = FILES_RESULTS | FILES_CACHE,
	.size = sizeof(struct compare_args),
	.judges = true,
	.run = run_compare,
};
