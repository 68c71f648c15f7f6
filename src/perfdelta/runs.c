/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * runs.c -- the runs of `ktstr perf-delta --noise-adjust`; see perf_delta.h.
 *
 * Run i of the baseline is followed by run i of HEAD, so that what changes slowly on the host changes both sides alike.
 * Both have the same seed. Each run has its own directory. A finished one is marked with what it is a run of, so that
 * an interrupted command can be continued. The marks are removed when all runs are there: the next command measures
 * anew.
 *
 * On a cluster, all runs are submitted, each to a directory of its own in its results, and then collected in turn.
 */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/exit_status.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/result_name.h"
#include "base/text.h"
#include "perfdelta/perf_delta.h"
#include "kernel/git.h"
#include "worktree/program.h"

#define MARK	   ".perf-delta"
#define SUBMITTED  ".perf-delta-submitted"
#define SLURM_DIR  ".slurm"
#define LOG	   "run.log"
#define WORDS_MAX  (24 + PERF_PATHS_MAX + STRINGS_MAX)
#define SEED_FIRST 1

struct runs {
	const struct perf_args *args;
	const struct project *project;
	const struct worktree_spec *side;
	unsigned sides; /* one if both are HEAD */
	const char *root;
	char key[24]; /* what the marks say */
	struct worktree checkout[SIDE_MAX];
	bool ready[SIDE_MAX]; /* it is checked out and built */
	unsigned skipped;     /* runs that were there */
};

int perf_run_name(const struct worktree_spec *side, unsigned run, char *out, size_t size)
{
	return snprintf(out, size, SAMPLES_PREFIX "%s-%.*s-%u", side->word, GIT_SHORT_DIGITS, side->commit, run);
}

/* --- marks -------------------------------------------------------------------------------------------------------- */

static void set_key(struct runs *s)
{
	const struct perf_args *a = s->args;
	const char *const texts[] = {
		s->side[SIDE_A].tree, s->side[SIDE_B].tree, a->kernel, a->filter, a->build, a->accel,
		a->profile,	      a->cpu_cap,	    s->root,   a->slurm
	};
	struct siphash h;
	siphash_init(&h);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		siphash_string(&h, texts[i] ?: "");
	for (size_t i = 0; i < a->paths.count; i++)
		siphash_string(&h, a->paths.item[i]);
	siphash_update(&h, &a->seed, sizeof(a->seed));
	siphash_update(&h, &a->all_tests, sizeof(a->all_tests));
	siphash_update(&h, &a->insns, sizeof(a->insns));
	snprintf(s->key, sizeof(s->key), "%016lx\n", siphash_final(&h));
}

static char *run_path(const struct runs *s, const struct worktree_spec *side, unsigned run)
{
	char name[64];
	perf_run_name(side, run, name, sizeof(name));
	return path_join(s->root, name);
}

static bool has_mark(const struct runs *s, const char *path, const char *name)
{
	_cleanup_free_ char *mark = path_join(path, name);
	_cleanup_buf_ struct buf text = BUF_NULL;
	return mark && file_read(mark, 4096, &text, NULL) == 0 && !strcmp(buf_str(&text), s->key);
}

static int mark_run(const struct runs *s, const char *path, const char *name, struct err **err)
{
	_cleanup_free_ char *mark = path_join(path, name);
	return mark ? file_write_atomic(mark, s->key, strlen(s->key), 0644, err) : -ENOMEM;
}

static void remove_marks(const struct runs *s)
{
	for (unsigned side = 0; side < s->sides; side++)
		for (unsigned i = 0; i < s->args->noise; i++) {
			_cleanup_free_ char *path = run_path(s, &s->side[side], i);
			_cleanup_free_ char *mark = path ? path_join(path, MARK) : NULL;
			_cleanup_free_ char *submitted = path ? path_join(path, SUBMITTED) : NULL;
			if (mark)
				unlink(mark);
			if (submitted)
				unlink(submitted);
		}
}

/* --- one run ------------------------------------------------------------------------------------------------------ */

struct words {
	const char *item[WORDS_MAX + 1];
	size_t count;
};

static void add_word(struct words *w, const char *word)
{
	if (w->count < WORDS_MAX)
		w->item[w->count++] = word;
}

static void add_option(struct words *w, const char *option, const char *value)
{
	if (!value)
		return;
	add_word(w, option);
	add_word(w, value);
}

static void test_command(const struct runs *s, const char *program, const char *seed, const char *jobs,
			 struct words *ret)
{
	const struct perf_args *a = s->args;
	add_word(ret, program);
	add_word(ret, "test");
	add_option(ret, "--kernel", a->kernel);
	add_option(ret, "-E", a->filter);
	add_option(ret, "--seed", seed);
	add_option(ret, "--accel", a->accel);
	add_option(ret, "--profile", a->profile);
	add_option(ret, "--cpu-cap", a->cpu_cap);
	if (a->insns)
		add_word(ret, "--profile-insns");
	if (a->jobs)
		add_option(ret, "--jobs", jobs);
	for (size_t i = 0; i < a->paths.count; i++)
		add_word(ret, a->paths.item[i]);
}

/* Failed tests are a result. A command that could not run at all would only fail again. */
static int check_status(const struct runs *s, const struct worktree_spec *side, int status, const char *log,
			struct err **err)
{
	if (status < EXIT_BAD_USAGE) {
		if (status)
			s->args->say("note: not all tests of %s passed; 'ktstr report %.*s' shows them\n", side->phrase,
				     (int)(strlen(log) - strlen(LOG) - 1), log);
		return 0;
	}
	if (status == EXIT_INTERRUPTED)
		return FAIL(err, ERR_INTERRUPTED, -ECANCELED, "interrupted");
	_cleanup_buf_ struct buf text = BUF_NULL;
	file_read(log, 1 << 20, &text, NULL);
	const char *line = strstr(buf_str(&text), "error: ");
	return FAIL(err, ERR_MISSING, -EIO,
		    "the tests of %s (%s) could not run: status %d%s%.*s; the output is in '%s'", side->phrase,
		    side->label, status, line ? ": " : "", line ? (int)strcspn(line + 7, "\n") : 0,
		    line ? line + 7 : "", log);
}

/* A `ktstr` of the same program, in the check-out of the side. */
static int run_command(struct runs *s, enum side side, const char *path, const struct words *words, struct err **err)
{
	_cleanup_free_ char *absolute = realpath(path, NULL), *log = path_join(path, LOG);
	_cleanup_free_ char *results = NULL;
	int status = 0;
	if (!absolute || !log || asprintf(&results, "KTSTR_SIDECAR_DIR=%s", absolute) < 0)
		return -ENOMEM;
	const char *const env[] = { results, "KTSTR_PERF_DELTA=1",
				    s->args->all_tests ? "KTSTR_PERF_ONLY=0" : "KTSTR_PERF_ONLY=1", NULL };
	const struct program command = {
		.what = "ktstr test", .argv = words->item, .env = env, .cwd = s->checkout[side].directory, .log = log
	};
	int r = program_run(&command, &status, err);
	return r == 0 ? check_status(s, &s->side[side], status, log, err) : r;
}

/* What the words of one run point into. */
struct run_texts {
	char program[4096], seed[32], jobs[32], slurm[80];
	char *slurm_dir; /* absolute, because commands run in the check-outs */
};

static int make_texts(const struct runs *s, unsigned run, const char *path, struct run_texts *ret)
{
	_cleanup_free_ char *absolute = realpath(path, NULL);
	const char *slurm = s->args->slurm ?: "";
	ssize_t len = readlink("/proc/self/exe", ret->program, sizeof(ret->program) - 1);
	if (len < 0)
		return -errno;
	ret->program[len] = '\0';
	snprintf(ret->seed, sizeof(ret->seed), "%lu", s->args->seed + run);
	snprintf(ret->jobs, sizeof(ret->jobs), "%lu", s->args->jobs);
	snprintf(ret->slurm, sizeof(ret->slurm), "--slurm%s%s", *slurm ? "=" : "", slurm);
	ret->slurm_dir = absolute ? path_join(absolute, SLURM_DIR) : NULL;
	return ret->slurm_dir ? 0 : -ENOMEM;
}

static int run_tests(struct runs *s, enum side side, unsigned run, const char *path, struct err **err)
{
	struct run_texts text = { 0 };
	struct words words = { 0 };
	int r = make_texts(s, run, path, &text);
	if (r == 0) {
		test_command(s, text.program, text.seed, text.jobs, &words);
		r = run_command(s, side, path, &words, err);
	}
	free(text.slurm_dir);
	return r;
}

static int make_ready(struct runs *s, enum side side, struct err **err)
{
	if (s->ready[side] || s->sides == 1)
		return 0;
	int r = worktree_make(s->project, &s->side[side], s->args->say, &s->checkout[side], err);
	if (r == 0)
		r = worktree_build(&s->checkout[side], &s->side[side], s->args->build, s->args->say, err);
	s->ready[side] = r == 0;
	return r;
}

/* An empty directory for a run. */
static int begin_run(struct runs *s, enum side side, unsigned run, const char *path, struct err **err)
{
	int r = make_ready(s, side, err);
	if (r == 0)
		r = remove_tree(path, err);
	if (r == 0)
		r = mkdir_parents(path, 0755, err);
	if (r == 0)
		s->args->say("run %u of %lu: %s (%s)\n", run + 1, s->args->noise, s->side[side].phrase,
			     s->side[side].label);
	return r;
}

static int make_run(struct runs *s, enum side side, unsigned run, struct err **err)
{
	_cleanup_free_ char *path = run_path(s, &s->side[side], run);
	if (!path)
		return -ENOMEM;
	if (has_mark(s, path, MARK)) {
		s->skipped++;
		return 0;
	}
	int r = begin_run(s, side, run, path, err);
	if (r == 0)
		r = run_tests(s, side, run, path, err);
	return r == 0 ? mark_run(s, path, MARK, err) : r;
}

/* --- on a cluster ------------------------------------------------------------------------------------------------- */

static int submit_tests(struct runs *s, enum side side, unsigned run, const char *path, struct err **err)
{
	struct run_texts text = { 0 };
	struct words words = { 0 };
	int r = make_texts(s, run, path, &text);
	if (r == 0) {
		test_command(s, text.program, text.seed, text.jobs, &words);
		add_word(&words, text.slurm);
		add_option(&words, "--slurm-dir", text.slurm_dir);
		for (size_t i = 0; i < s->args->slurm_args.count; i++)
			add_option(&words, "--slurm-arg", s->args->slurm_args.item[i]);
		add_word(&words, "--detach");
		r = run_command(s, side, path, &words, err);
	}
	free(text.slurm_dir);
	return r;
}

static int collect_run(struct runs *s, enum side side, unsigned run, struct err **err)
{
	_cleanup_free_ char *path = run_path(s, &s->side[side], run);
	struct run_texts text = { 0 };
	struct words words = { 0 };
	if (!path)
		return -ENOMEM;
	if (has_mark(s, path, MARK))
		return 0;
	int r = make_texts(s, run, path, &text);
	if (r == 0) {
		add_word(&words, text.program);
		add_word(&words, "slurm");
		add_word(&words, "collect");
		add_option(&words, "--slurm-dir", text.slurm_dir);
		s->args->say("collecting run %u of %lu: %s (%s)\n", run + 1, s->args->noise, s->side[side].phrase,
			     s->side[side].label);
		r = run_command(s, side, path, &words, err);
	}
	free(text.slurm_dir);
	return r == 0 ? mark_run(s, path, MARK, err) : r;
}

/* A job of this run builds the kernel. It comes to the cache of this machine with the results, for all further runs. */
static bool builds_kernel(const char *path)
{
	_cleanup_free_ char *pattern = NULL;
	glob_t found;
	if (asprintf(&pattern, "%s/" SLURM_DIR "/*/build-job", path) < 0)
		return false;
	bool any = glob(pattern, GLOB_NOSORT, NULL, &found) == 0;
	globfree(&found);
	return any;
}

static int submit_run(struct runs *s, enum side side, unsigned run, struct err **err)
{
	_cleanup_free_ char *path = run_path(s, &s->side[side], run);
	if (!path)
		return -ENOMEM;
	bool submitted = has_mark(s, path, SUBMITTED);
	s->skipped += submitted || has_mark(s, path, MARK);
	if (submitted || has_mark(s, path, MARK))
		return 0;
	int r = begin_run(s, side, run, path, err);
	if (r == 0)
		r = submit_tests(s, side, run, path, err);
	if (r == 0)
		r = mark_run(s, path, SUBMITTED, err);
	return r == 0 && builds_kernel(path) ? collect_run(s, side, run, err) : r;
}

typedef int run_fn(struct runs *s, enum side side, unsigned run, struct err **err);

static int for_each_run(struct runs *s, run_fn *fn, struct err **err)
{
	int r = 0;
	for (unsigned i = 0; i < s->args->noise && r == 0; i++)
		for (unsigned k = 0; k < s->sides && r == 0; k++)
			r = fn(s, (enum side)k, i, err);
	return r;
}

int perf_runs_make(const struct perf_args *a, const struct project *p, const struct worktree_spec side[SIDE_MAX],
		   const char *root, struct err **err)
{
	struct runs s = { .args = a, .project = p, .side = side, .root = root };
	int r;
	s.sides = strcmp(side[SIDE_A].word, side[SIDE_B].word) ? 2 : 1;
	s.checkout[SIDE_A] = s.checkout[SIDE_B] = WORKTREE_NULL;
	set_key(&s);
	r = for_each_run(&s, a->slurm ? submit_run : make_run, err);
	if (r == 0 && a->slurm)
		r = for_each_run(&s, collect_run, err);
	for (unsigned k = 0; k < s.sides; k++)
		worktree_done(p, &s.checkout[k]);
	if (r == 0 && s.skipped)
		s.args->say("note: %u run%s of an interrupted command %s taken over\n", s.skipped, plural(s.skipped),
			    s.skipped == 1 ? "was" : "were");
	if (r == 0)
		remove_marks(&s);
	else if (err_kind_of(err ? *err : NULL) == ERR_INTERRUPTED)
		s.args->say("note: the finished runs are kept; the same command continues with them\n");
	return r;
}
