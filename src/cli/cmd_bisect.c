/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_bisect.c -- ktstr bisect: which commit, kernel or argument made a test fail? */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "bisect/bisect.h"
#include "cli/commands.h"
#include "cli/kernels.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "cli/test_args.h"
#include "kernel/ref.h"
#include "reactor/interrupt.h"
#include "run/list_json.h"
#include "run/perturb_file.h"
#include "run/replay_source.h"
#include "run/scenario_file.h"

#define RUNS_MAX 100000
#define ARGS	 struct bisect_args

struct bisect_args {
	struct strings operands, kernel;
	const char *good, *bad, *tree, *build, *error;
	uint64_t jobs, runs, calibrate;
	nsec_t budget;
	bool arguments, first_parent, include_eol, json;
};

static const struct option_row bisect_options[] = {
	OPT_STRING(ARGS, good, "good", 0, "COMMIT", "bisect commits: this one is good"),
	OPT_STRING(ARGS, bad, "bad", 0, "COMMIT", "the commit that fails (default: HEAD)"),
	OPT_STRING(
		ARGS, build, "build", 0, "CMD",
		"shell command that builds the project (default: that of meson, make, cmake or cargo, whichever has a "
		"file in the project)"),
	OPT_STRING(ARGS, tree, "tree", 0, "DIR", "the commits are those of the kernel's git tree in DIR"),
	OPT_LIST(ARGS, kernel, "kernel", 'k', "KERNEL",
		 "bisect these kernels, the good one first: " KERNEL_FORMS
		 "; repeatable, or separated by commas. A range within one series has each of its patch levels"),
	OPT_FLAG(
		ARGS, arguments, "args", 0,
		"bisect the scheduler's arguments in a scenario file: which of them, added to those before it, fails?"),
	OPT_FLAG(ARGS, first_parent, "first-parent", 0, "of a merge, follow the first parent only"),
	OPT_STRING(ARGS, error, "error", 0, "P",
		   "wanted probability of a wrong answer, between 0 and 0.5 (default: 0.01)"),
	OPT_NUMBER(ARGS, jobs, "jobs", 'j', "N", 1, BISECT_JOBS_MAX, 1, "number of runs at the same time"),
	OPT_NUMBER(ARGS, calibrate, "calibrate", 0, "N", 1, RUNS_MAX, 200,
		   "the bad end must fail in one of N runs; likewise, N passes make any point good"),
	OPT_NUMBER(ARGS, runs, "max-runs", 0, "N", 1, RUNS_MAX, 2000, "make at most about N runs in all"),
	OPT_DURATION(ARGS, budget, "budget", 0, "TIME", NSEC_PER_SEC, 31 * 24 * 60 * NSEC_PER_MIN,
		     24 * 60 * NSEC_PER_MIN, NSEC_PER_SEC, "start no other run after this time; again, it goes on"),
	ROW_INCLUDE_EOL(ARGS),
	ROW_JSON(ARGS, "print JSON on standard output"),
	OPT_END,
};

static const struct option_conflict bisect_conflicts[] = {
	{ "good", "kernel" }, { "good", "args" },  { "bad", "kernel" },	 { "bad", "args" },
	{ "tree", "kernel" }, { "tree", "args" },  { "kernel", "args" }, { "build", "kernel" },
	{ "build", "args" },  { "build", "tree" }, { NULL, NULL },
};

/* What the settings point to. */
struct holder {
	struct replay_source source;
	struct test_args *test;
	char **options;
	json_t *scenario;
	char *program, *kernel, *perturb;
	char *names[STRINGS_MAX + 1]; /* kernels of ranges */
	size_t name_count;
	char wanted[FAILURE_NAME_MAX];
};

static void holder_done(struct holder *h)
{
	replay_source_done(&h->source);
	strings_free(h->options);
	json_decref(h->scenario);
	free(h->test);
	free(h->program);
	free(h->kernel);
	free(h->perturb);
	for (size_t i = 0; i < h->name_count; i++)
		free(h->names[i]);
}

/* --- what is bisected --------------------------------------------------------------------------------------------- */

static int add_name(struct holder *h, const char *name, struct err **err)
{
	if (h->name_count == STRINGS_MAX)
		return FAIL(err, ERR_USAGE, -E2BIG, "--kernel: more than %d kernels", STRINGS_MAX);
	h->names[h->name_count] = strdup(name);
	return h->names[h->name_count] ? (h->name_count++, 0) : -ENOMEM;
}

/* The newest patch level of each series, as for `ktstr test`. */
static int resolve_range(const struct bisect_args *a, const char *text, struct holder *h, struct err **err)
{
	_cleanup_(reactor_free_p) struct reactor *r = NULL;
	struct cache cache = { 0 };
	_cleanup_(kernels_result_done) struct kernels_result k = { 0 };
	const struct kernels_request q = { .texts = &text, .count = 1, .include_eol = a->include_eol };
	int code = reactor_new(&r, err);
	if (code == 0)
		code = cache_open(&cache, err);
	if (code == 0)
		code = kernels_resolve(r, &cache, &q, &k, err);
	for (size_t i = 0; code == 0 && i < k.count; i++)
		code = add_name(h, k.ids[i].version ?: k.ids[i].key ?: text, err);
	cache_done(&cache);
	return code;
}

static int add_kernel(const struct bisect_args *a, const char *text, struct holder *h, struct err **err)
{
	struct kernel_ref ref;
	char **levels;
	size_t count;
	int r = kernel_ref_parse(text, &ref, err);
	if (r < 0)
		return err_wrap(err, r, "--kernel");
	bool is_range = ref.kind == REF_RANGE;
	kernel_ref_done(&ref);
	if (!is_range)
		return add_name(h, text, err);
	if (!bisect_expand_range(text, STRINGS_MAX, &levels, &count))
		return resolve_range(a, text, h, err);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_name(h, levels[i], err);
	strings_free(levels);
	return r;
}

static int read_kernels(const struct bisect_args *a, struct holder *h, struct bisect_settings *s, struct err **err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < a->kernel.count; i++)
		r = add_kernel(a, a->kernel.item[i], h, err);
	s->kernels.count = h->name_count;
	for (size_t i = 0; i < h->name_count; i++)
		s->kernels.item[i] = h->names[i];
	return r;
}

static int read_kind(const struct bisect_args *a, struct holder *h, struct bisect_settings *s, struct err **err)
{
	s->kind = a->arguments	    ? BISECT_ARGUMENTS
		  : a->kernel.count ? BISECT_KERNELS
		  : a->tree	    ? BISECT_TREE
				    : BISECT_COMMITS;
	if (s->kind == BISECT_KERNELS)
		return read_kernels(a, h, s, err);
	if (s->kind != BISECT_ARGUMENTS && !a->good)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "bisect: what is bisected? Name a good commit with --good, kernels with --kernel, or the "
			    "scheduler's arguments with --args");
	return 0;
}

/* --- the test ----------------------------------------------------------------------------------------------------- */

/* Options that runs do not inherit: each sets its own, or nobody reads what they print. */
static const char *const not_kept[] = { "filter",  "perturb", "list",		"dry-run",     "json",
					"report",  "kernel",  "trace",		"partition",   "repeat",
					"retries", "require", "write-scenario", "jobs",	       "keep-runs",
					"verbose", "eager",   "seed",		"keep-memory", NULL };

/* "seed=7,one-in=3" is divided into 7 and ",one-in=3", because each run has a seed of its own. */
static int read_perturb(struct holder *h, struct bisect_settings *s, struct err **err)
{
	const char *text = h->test->perturb;
	_cleanup_buf_ struct buf rest = BUF_NULL;
	if (!text)
		return 0;
	if (perturb_is_file(text))
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "bisect: '%s' has points of one build, which mean something else in another one; give a "
			    "perturbation by its seed: --perturb seed=1",
			    text);
	s->perturb_seed = 1;
	for (const char *at = text; *at;) {
		size_t len = strcspn(at, ",");
		if (!strncmp(at, "seed=", 5) || strspn(at, "0123456789") == len)
			s->perturb_seed = strtoull(at + (*at == 's' ? 5 : 0), NULL, 10);
		else
			buf_appendf(&rest, ",%.*s", (int)len, at);
		at += len + (at[len] == ',');
	}
	h->perturb = strdup(buf_str(&rest));
	s->perturb = h->perturb;
	return h->perturb ? 0 : -ENOMEM;
}

/* The runs may start in other directories, so a relative path is made absolute. */
static int read_kernel(struct holder *h, struct bisect_settings *s, struct err **err)
{
	const struct strings *named = &h->test->kernel;
	struct kernel_ref ref;
	if (!named->count || s->kind == BISECT_KERNELS || s->kind == BISECT_TREE)
		return 0;
	if (named->count > 1)
		return FAIL(err, ERR_USAGE, -EINVAL, "bisect: name one --kernel for the test, or bisect them");
	s->kernel = named->item[0];
	int r = kernel_ref_parse(s->kernel, &ref, err);
	if (r < 0)
		return err_wrap(err, r, "--kernel");
	bool is_path = ref.kind == REF_PATH;
	kernel_ref_done(&ref);
	if (!is_path || *s->kernel == '~')
		return 0;
	s->kernel = h->kernel = realpath(named->item[0], NULL);
	return h->kernel ? 0 : FAIL(err, ERR_USAGE, -errno, "--kernel '%s': %s", named->item[0], strerror(errno));
}

static bool names_scheduler(const struct holder *h)
{
	for (size_t i = 0; h->source.environment[i]; i++)
		if (!strncmp(h->source.environment[i], "KTSTR_SCHEDULER", strlen("KTSTR_SCHEDULER")))
			return true;
	return false;
}

/* All commits would run the same files. */
static int check_paths(const struct holder *h, const struct bisect_settings *s, struct err **err)
{
	const struct strings *p = &h->test->paths;
	if (s->kind != BISECT_COMMITS || names_scheduler(h))
		return 0;
	for (size_t i = 0; i < p->count; i++)
		if (*p->item[i] != '/')
			return 0;
	if (!p->count)
		return 0;
	return FAIL(err, ERR_USAGE, -EINVAL,
		    "bisect: '%s' is the same file for all commits; name a path in the project relative to this "
		    "directory, or the scheduler: -- KTSTR_SCHEDULER=build/scx_mine test ...",
		    p->item[0]);
}

static int read_scenario(struct holder *h, struct bisect_settings *s, struct err **err)
{
	const struct strings *p = &h->test->paths;
	bool is_file = p->count == 1 && is_scenario_file(p->item[0]);
	if (s->kind == BISECT_ARGUMENTS && !is_file)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "bisect: --args is for a scenario file; 'ktstr test --write-scenario FILE.json' makes one "
			    "of a test");
	if (!is_file && !h->test->filter)
		return FAIL(err, ERR_USAGE, -EINVAL, "name one test with -E, as a replay line does");
	s->filter = h->test->filter;
	if (s->kind != BISECT_ARGUMENTS)
		return 0;
	int r = json_read_file(p->item[0], &h->scenario, err);
	s->scenario = h->scenario;
	return r;
}

static int read_test(const struct bisect_args *a, struct holder *h, struct bisect_settings *s, struct err **err)
{
	h->test = calloc(1, sizeof(*h->test));
	if (!h->test)
		return -ENOMEM;
	int r = replay_source_read(a->operands.item, &h->source, err);
	if (r == 0 && strcmp(h->source.words[0], "test") != 0)
		r = FAIL(err, ERR_USAGE, -EINVAL, "'ktstr %s' has no test that can be bisected", h->source.words[0]);
	if (r == 0)
		r = options_parse(&cmd_test, h->source.words + 1, h->test, err);
	if (r == 0)
		r = options_to_words(&cmd_test, h->test, not_kept, &h->options);
	if (r == 0)
		r = read_perturb(h, s, err);
	if (r == 0)
		r = read_kernel(h, s, err);
	if (r == 0)
		r = read_scenario(h, s, err);
	if (r == 0)
		r = check_paths(h, s, err);
	if (r == 0 && h->source.result && !failure_name(h->source.result, h->wanted))
		r = FAIL(err, ERR_USAGE, -EINVAL, "bisect: '%s' did not fail; name the result of a failure",
			 h->source.path);
	s->wanted = *h->wanted ? h->wanted : NULL;
	s->options = (const char *const *)h->options;
	s->environment = (const char *const *)h->source.environment;
	s->paths = h->test->paths.item;
	s->seed = h->test->seed;
	return r;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static int read_settings(const struct bisect_args *a, struct holder *h, struct bisect_settings *s, struct err **err)
{
	char *end = NULL;
	s->error = a->error ? strtod(a->error, &end) : 0.01;
	if (a->error && (end == a->error || *end || !(s->error > 0) || !(s->error < 0.5)))
		return FAIL(err, ERR_USAGE, -EINVAL, "--error: '%s' is not a number between 0 and 0.5", a->error);
	s->say = say_printf;
	s->good = a->good;
	s->bad = a->bad;
	s->tree = a->tree;
	s->build = a->build;
	s->first_parent = a->first_parent;
	s->jobs = (unsigned)a->jobs;
	s->runs_max = (unsigned)a->runs;
	s->calibrate_max = (unsigned)a->calibrate;
	s->budget = a->budget;
	s->program = h->program = realpath("/proc/self/exe", NULL);
	if (!h->program)
		return FAIL_SYS(err, -errno, "find the program ktstr");
	int r = read_kind(a, h, s, err);
	return r == 0 ? read_test(a, h, s, err) : r;
}

static void print_answer(const struct bisect_args *a, const struct bisect_session *s)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (a->json) {
		json_auto_t *o = bisect_result_json(s);
		out_json(o, true);
		return;
	}
	bisect_result_text(s, &text);
	out_buf(&text);
}

static int run_bisect(void *args, struct err **err)
{
	const struct bisect_args *a = args;
	struct bisect_settings settings = { 0 };
	struct bisect_session session = { 0 };
	_cleanup_(holder_done) struct holder h = { 0 };
	sigset_t before;
	int r = read_settings(a, &h, &settings, err);
	if (r < 0)
		return r;
	/* Check-outs are removed in any case. */
	interrupt_hold(&before);
	r = bisect_session_run(&settings, &session, err);
	if (r == 0) {
		print_answer(a, &session);
		r = bisect_result_status(&session);
	}
	bisect_session_done(&session);
	int interrupted = interrupt_release(&before, r < 0 ? NULL : err);
	return r < 0 || interrupted == 0 ? r : interrupted;
}

const struct command cmd_bisect = {
	.name = "bisect",
	.group = GROUP_TESTS,
	.summary = "Find the commit, kernel or argument that made a test fail, also if it fails only sometimes",
	.operands = REPLAY_OPERANDS,
	.text = "RESULT is the sidecar of a failure; or write the words of its replay line behind '--'. What is "
		"bisected: the commits of the project in this directory (--good, --bad), each in a check-out of its "
		"own that --build builds; those of a kernel's tree (--tree); kernels (--kernel); or the scheduler's "
		"arguments in a scenario file (--args).\n\nThe bad end runs until the failure has shown three times. "
		"That tells its rate, and with --error how many passes make a commit good. The good end must pass so "
		"often. Then the runs go where they tell most about the culprit for their cost, builds included, until "
		"one commit has a probability of 1 - P. Its parents must pass twice as many runs at the end. Only the "
		"same failure counts: the same verdict, kind and cause without numbers. What does not build, boot or "
		"load is left out, and if the culprit is among such commits, all that may be it are named.\n\nAll "
		"results are kept in the cache: an interrupted command goes on when it is given again. Exit status: 1 "
		"if the culprit was found, 2 if it cannot be told, 0 if the bad end does not fail.",
	.option = bisect_options,
	.conflict = bisect_conflicts,
	.example =
		(const struct example[]){
			{ "ktstr bisect --good v1.0 -- test --kernel 6.12 -E 'test(=ktstr/crowd)' build",
			  "the commits since v1.0" },
			{ "ktstr bisect --kernel 6.12.1..6.12.20 -- test -E 'test(=ktstr/crowd)' build",
			  "the patch levels of a kernel" },
			{ "ktstr bisect --tree ~/linux --good v6.12 --bad v6.13 crowd-0123456789abcdef.ktstr.json",
			  "a kernel's commits, from a result" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_KERNEL, KERNEL_ENVIRONMENT, ENV_MAX },
	.files = FILES_CACHE | FILES_LOCKS,
	.judges = true,
	OPERANDS(struct bisect_args, operands),
	.run = run_bisect,
};
