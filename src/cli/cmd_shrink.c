/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_shrink.c -- ktstr shrink: makes a failing run smaller while it fails in the same way. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/parse.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "cli/shrink.h"
#include "cli/test_args.h"
#include "kernel/cache.h"
#include "run/list_json.h"
#include "run/perturb.h"
#include "run/perturb_file.h"
#include "run/replay_source.h"
#include "run/scenario_file.h"
#include "shrink/ddmin.h"
#include "shrink/edits.h"

#define ERROR_RATE 0.05 /* of candidates that are wrongly rejected, at the measured rate of the failure */

static const struct option_row shrink_options[] = {
	OPT_DURATION(struct shrink_args, budget, "budget", 0, "TIME", NSEC_PER_SEC, 7 * 24 * 60 * NSEC_PER_MIN,
		     10 * NSEC_PER_MIN, NSEC_PER_SEC, "stop after this time, with what was found; again, it goes on"),
	OPT_NUMBER(struct shrink_args, jobs, "jobs", 'j', "N", 1, SHRINK_JOBS_MAX, 2,
		   "number of candidates that run at the same time"),
	OPT_NUMBER(struct shrink_args, tries, "tries", 0, "N", 1, TRIES_MAX, 10,
		   "schedules in which a smaller scenario may show the failure, at most"),
	OPT_STRING(struct shrink_args, output, "output", 'o', "NAME",
		   "names of the results: NAME.json, NAME.perturb.json, NAME.c (default: shrunk)"),
	ROW_JSON(struct shrink_args, "print JSON on standard output"),
	OPT_END,
};

static void shrink_done(struct shrink *s)
{
	replay_source_done(&s->source);
	shrink_journal_done(&s->journal);
	strings_free(s->base.options);
	if (s->dir)
		remove_tree(s->dir, NULL);
	json_decref(s->scenario);
	json_decref(s->points);
	free(s->test);
	free(s->cache);
	free(s->dir);
	free(s->converted);
	free(s->program);
}

/* --- what is to be shrunk ----------------------------------------------------------------------------------------- */

/* Options that candidates do not inherit: each candidate sets its own, or nobody reads what they print. */
static const char *const not_kept[] = { "filter", "perturb",   "list",	  "dry-run", "json",	    "report",
					"trace",  "partition", "repeat",  "retries", "require",	    "write-scenario",
					"jobs",	  "keep-runs", "verbose", "eager",   "keep-memory", NULL };

static int read_perturb(struct shrink *s, struct err **err)
{
	struct observe_perturb p = { 0 };
	const char *text = s->test->perturb;
	if (!text)
		return 0;
	if (perturb_is_file(text))
		return json_read_file(text, &s->points, err);
	int r = perturb_parse(text, &p, err);
	s->base.perturb = p;
	return r;
}

static int read_words(struct shrink *s, struct err **err)
{
	s->test = calloc(1, sizeof(*s->test));
	if (!s->test)
		return -ENOMEM;
	if (strcmp(s->source.words[0], "test") != 0)
		return FAIL(err, ERR_USAGE, -EINVAL, "'ktstr %s' has no scenario that can be shrunk; name a test",
			    s->source.words[0]);
	int r = options_parse(&cmd_test, s->source.words + 1, s->test, err);
	if (r == 0)
		r = options_to_words(&cmd_test, s->test, not_kept, &s->base.options);
	if (r == 0)
		r = read_perturb(s, err);
	if (r == 0 && s->test->paths.count == 1 && is_scenario_file(s->test->paths.item[0]))
		r = json_read_file(s->test->paths.item[0], &s->scenario, err);
	s->base.filter = s->test->filter;
	s->base.paths = s->test->paths.item;
	s->base.environment = s->source.environment;
	if (r == 0 && !s->scenario && !s->base.filter)
		return FAIL(err, ERR_USAGE, -EINVAL, "name one test with -E, as a replay line does");
	return r;
}

/* Two searches are the same if they begin with the same words, perturbation and file. */
static json_t *identity_of(const struct shrink *s)
{
	json_t *o = json_object();
	json_put_texts(&o, "words", (const char *const *)s->source.words);
	json_put_texts(&o, "environment", (const char *const *)s->source.environment);
	json_put(&o, "scenario", s->scenario ? json_incref(s->scenario) : json_null());
	json_put(&o, "points", s->points ? json_incref(s->points) : json_null());
	return o;
}

static int open_files(struct shrink *s, struct err **err)
{
	json_auto_t *identity = identity_of(s);
	int r = cache_sibling_find("shrink", &s->cache, err);
	if (r < 0)
		return r;
	if (!identity || asprintf(&s->dir, "%s/run-%d", s->cache, getpid()) < 0)
		return s->dir = NULL, FAIL_SYS(err, -ENOMEM, "look for the cache");
	s->program = realpath("/proc/self/exe", NULL);
	s->base.program = s->program;
	s->base.dir = s->dir;
	if (!s->program)
		return FAIL_SYS(err, -errno, "find the program ktstr");
	s->converted = path_join(s->dir, "written.json");
	r = s->converted ? shrink_journal_open(&s->journal, s->cache, identity, err) : -ENOMEM;
	return r == 0 ? mkdir_parents(s->dir, 0755, err) : r;
}

/* --- candidates --------------------------------------------------------------------------------------------------- */

static void note_rate(struct shrink *s, const struct shrink_run *r)
{
	s->accepted += r->accepted;
	s->accepted_tries += r->accepted ? r->tried : 0;
}

/* Runs those that are not known. */
static int try_all(struct shrink *s, struct shrink_run *run, unsigned count, struct err **err)
{
	struct shrink_run todo[SHRINK_JOBS_MAX];
	unsigned index[SHRINK_JOBS_MAX], left = 0;
	for (unsigned i = 0; i < count; i++) {
		if (shrink_journal_find(&s->journal, &run[i]))
			continue;
		index[left] = i;
		todo[left++] = run[i];
	}
	if (left && nsec_now() >= s->base.until) {
		s->over = true;
		return 0;
	}
	int r = left ? shrink_runs(&s->base, todo, left, err) : 0;
	for (unsigned i = 0; i < left; i++) {
		run[index[i]] = todo[i];
		s->runs += todo[i].tried;
		s->candidates++;
		s->over |= todo[i].cut;
		note_rate(s, &todo[i]);
		if (r == 0 && !todo[i].write_scenario)
			r = shrink_journal_add(&s->journal, &todo[i], err);
	}
	return r;
}

/*
 * A scenario that is another one has other schedules: so many seeds are tried. The rate is that of the candidates that
 * were accepted, moved towards one half (Laplace), because one success at the first try does not mean that all succeed.
 */
static unsigned tries_of(const struct shrink *s)
{
	if (!perturb_on(&s->base.perturb))
		return 1;
	double rate = (s->accepted + 1.0) / (s->accepted_tries + 2.0);
	return ddmin_tries(rate, ERROR_RATE, (unsigned)s->args->tries);
}

/* --- scenarios ---------------------------------------------------------------------------------------------------- */

static void say_candidate(const struct shrink *s, const struct shrink_run *r, const char *what)
{
	if (!s->args->json)
		say_printf("%s: %s (%u run%s)\n", r->accepted ? "still fails" : "no longer fails", what, r->tried,
			   plural(r->tried));
}

static void take_scenario(struct shrink *s, const json_t *scenario, const struct shrink_run *r)
{
	json_decref(s->scenario);
	s->scenario = json_incref((json_t *)scenario);
	if (!perturb_on(&s->base.perturb))
		return;
	json_decref(s->points);
	s->points = json_incref(r->taken);
}

/* Tries edits from number @first on. Returns how many were rejected before one was accepted; *@took: one was. */
static int try_edits(struct shrink *s, size_t first, size_t *ret_rejected, bool *took, struct err **err)
{
	struct shrink_run run[SHRINK_JOBS_MAX] = { 0 };
	struct buf what[SHRINK_JOBS_MAX];
	unsigned count = 0;
	*ret_rejected = 0;
	*took = false;
	for (; count < s->args->jobs; count++) {
		what[count] = BUF_NULL;
		json_t *edited = edits_apply(s->scenario, first + count, &what[count]);
		if (!edited)
			break;
		run[count] = (struct shrink_run){ .scenario = edited, .tries = tries_of(s), .wanted = s->wanted };
		if (!perturb_on(&s->base.perturb))
			run[count].points = s->points;
	}
	int r = count ? try_all(s, run, count, err) : 0;
	for (unsigned i = 0; i < count && r == 0 && !*took && !s->over; i++) {
		say_candidate(s, &run[i], buf_str(&what[i]));
		*took = run[i].accepted;
		*ret_rejected += !run[i].accepted;
		if (run[i].accepted)
			take_scenario(s, run[i].scenario, &run[i]);
	}
	for (unsigned i = 0; i < MIN_OF(count + 1, (unsigned)s->args->jobs); i++)
		buf_done(&what[i]);
	for (unsigned i = 0; i < count; i++) {
		json_decref((json_t *)run[i].scenario);
		shrink_run_done(&run[i]);
	}
	return r;
}

/* Passes over all edits until none helps. */
static int shrink_scenario(struct shrink *s, struct err **err)
{
	size_t at = 0, rejected;
	bool helped = false, took;
	for (;;) {
		int r = try_edits(s, at, &rejected, &took, err);
		if (r < 0 || s->over)
			return r;
		at += rejected;
		helped |= took;
		if (took || rejected)
			continue;
		if (!helped)
			return 0;
		at = 0;
		helped = false;
	}
}

/* --- rarer points ------------------------------------------------------------------------------------------------- */

#define RARER	   8u
#define RAREST_MAX (1u << 20)

/*
 * A schedule with fewer points from the start. Without it, points are left out of a long list whose later ones mean
 * something else as soon as one of the earlier ones is missing.
 */
static int try_rarer(struct shrink *s, uint32_t one_in, bool *took, struct err **err)
{
	struct shrink_run run = {
		.scenario = s->scenario, .one_in = one_in, .tries = (unsigned)s->args->tries, .wanted = s->wanted
	};
	char what[64];
	int r = try_all(s, &run, 1, err);
	snprintf(what, sizeof(what), "CPUs held back at one of %u places", one_in);
	*took = r == 0 && run.accepted && run.taken;
	if (r == 0 && !s->over)
		say_candidate(s, &run, what);
	if (*took) {
		json_decref(s->points);
		s->points = json_incref(run.taken);
	}
	shrink_run_done(&run);
	return r;
}

static int find_rarer(struct shrink *s, struct err **err)
{
	bool took = s->base.perturb.one_in > 0;
	int r = 0;
	for (uint32_t one_in = s->base.perturb.one_in; r == 0 && took && !s->over && one_in <= RAREST_MAX / RARER;)
		r = try_rarer(s, one_in *= RARER, &took, err);
	return r;
}

/* --- points ------------------------------------------------------------------------------------------------------- */

/* The perturbation with the points that are kept; a new reference. */
static json_t *keep_points(const json_t *file, const bool *keep)
{
	json_t *copy = json_copy((json_t *)file), *list = json_array(), *point;
	size_t i;
	json_array_foreach(json_object_get(file, "points"), i, point) {
		if (keep[i])
			json_add(&list, json_incref(point));
	}
	json_put(&copy, "points", list);
	return copy;
}

static int try_points(struct shrink *s, struct ddmin *d, const json_t *all, bool *keep, bool *ret_more,
		      struct err **err)
{
	struct shrink_run run[SHRINK_JOBS_MAX] = { 0 };
	size_t left[SHRINK_JOBS_MAX];
	unsigned count = 0;
	for (; count < s->args->jobs && ddmin_candidate(d, count, keep); count++) {
		run[count] = (struct shrink_run){
			.scenario = s->scenario, .points = keep_points(all, keep), .tries = 1, .wanted = s->wanted
		};
		left[count] = shrink_count_points(run[count].points);
	}
	*ret_more = count > 0;
	int r = count ? try_all(s, run, count, err) : 0;
	bool took = false;
	for (unsigned i = 0; i < count && r == 0 && !took && !s->over; i++) {
		size_t points = shrink_count_points(all);
		char what[64];
		snprintf(what, sizeof(what), "%zu of %zu point%s", left[i], points, plural(points));
		say_candidate(s, &run[i], what);
		took = run[i].accepted;
		ddmin_tell(d, took);
		if (took) {
			json_decref(s->points);
			s->points = json_incref((json_t *)run[i].points);
		}
	}
	for (unsigned i = 0; i < count; i++) {
		json_decref((json_t *)run[i].points);
		shrink_run_done(&run[i]);
	}
	return r;
}

static int shrink_points(struct shrink *s, struct err **err)
{
	json_auto_t *all = json_incref(s->points);
	size_t count = shrink_count_points(all);
	_cleanup_free_ bool *keep = calloc(count + 1, sizeof(*keep));
	struct ddmin d = { 0 };
	bool more = true;
	int r = keep ? ddmin_init(&d, count) : -ENOMEM;
	while (r == 0 && more && !s->over)
		r = try_points(s, &d, all, keep, &more, err);
	ddmin_done(&d);
	return r;
}

/* --- the search --------------------------------------------------------------------------------------------------- */

/* Runs what was named, as it was. */
static int reproduce(struct shrink *s, struct err **err)
{
	struct shrink_run run = { .scenario = s->scenario, .points = s->points, .tries = 1 };
	int r = try_all(s, &run, 1, err);
	if (r == 0 && !run.result)
		r = FAIL(err, ERR_DATA, -EINVAL, "the run cannot be made again: %s", run.said);
	if (r == 0 && !run.accepted)
		r = FAIL(err, ERR_DATA, -EINVAL,
			 "the run does not fail, so there is nothing to shrink; name the result of a failure");
	if (r == 0) {
		failure_name(run.result, s->wanted);
		if (run.taken && !s->points)
			s->points = json_incref(run.taken);
	}
	s->points_before = shrink_count_points(s->points);
	shrink_run_done(&run);
	return r;
}

/* Makes a file of the test's scenario. Whether that fails too is another question. */
static int convert(struct shrink *s, struct err **err)
{
	struct shrink_run run = { .tries = 1, .write_scenario = s->converted };
	const struct observe_perturb perturb = s->base.perturb;
	s->base.perturb = (struct observe_perturb){ 0 }; /* it does not matter which schedule this run has */
	int r = shrink_runs(&s->base, &run, 1, err);
	s->base.perturb = perturb;
	s->runs += run.tried;
	shrink_run_done(&run);
	if (r < 0)
		return r;
	if (path_exists(s->converted))
		return json_read_file(s->converted, &s->scenario, err);
	say_printf("note: its scenario cannot be written as data, so only points are left out\n");
	return 0;
}

/* The program of a scenario file is another one, so its schedules are others, too. */
static int check_converted(struct shrink *s, struct err **err)
{
	struct shrink_run run = { .scenario = s->scenario, .tries = (unsigned)s->args->tries, .wanted = s->wanted };
	if (!perturb_on(&s->base.perturb)) {
		run.tries = 1;
		run.points = s->points;
	}
	int r = try_all(s, &run, 1, err);
	if (r == 0 && run.accepted) {
		take_scenario(s, s->scenario, &run);
	} else if (r == 0) {
		say_printf("note: as a scenario file it does not fail in this way (%u tr%s), so only points are left "
			   "out\n",
			   run.tried, run.tried == 1 ? "y" : "ies");
		json_decref(s->scenario);
		s->scenario = NULL;
	}
	shrink_run_done(&run);
	return r;
}

static int search(struct shrink *s, struct err **err)
{
	bool is_file = s->scenario != NULL;
	int r = reproduce(s, err);
	if (r < 0)
		return r;
	say_printf("the failure: %s\n", s->wanted);
	if (!is_file)
		r = convert(s, err);
	if (r == 0 && s->scenario)
		s->before = scenario_size(s->scenario);
	if (r == 0 && s->scenario && !is_file)
		r = check_converted(s, err);
	if (r == 0 && s->scenario && !s->over)
		r = shrink_scenario(s, err);
	if (r == 0 && !s->over)
		r = find_rarer(s, err);
	if (r == 0 && s->points && !s->over)
		r = shrink_points(s, err);
	return r;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static int run_shrink(void *args, struct err **err)
{
	_cleanup_(shrink_done) struct shrink s = { .args = args };
	nsec_t began = nsec_now();
	s.base.until = began + s.args->budget;
	int r = replay_source_read(s.args->operands.item, &s.source, err);
	if (r == 0)
		r = shrink_check_output(&s, err);
	if (r == 0)
		r = read_words(&s, err);
	if (r == 0)
		r = open_files(&s, err);
	if (r == 0)
		r = search(&s, err);
	if (r < 0)
		return r;
	s.after = s.scenario ? scenario_size(s.scenario) : s.before;
	s.points_after = shrink_count_points(s.points);
	r = shrink_write_results(&s, err);
	if (r == 0)
		shrink_print_result(&s, nsec_now() - began);
	return r;
}

const struct command cmd_shrink = {
	.name = "shrink",
	.group = GROUP_TESTS,
	.summary = "Make a failing run smaller, while it fails in the same way",
	.operands = REPLAY_OPERANDS,
	.text = "Leaves out parts of a test's scenario (steps, operations, control groups, workers, values), makes its "
		"topology and duration smaller, and leaves out points at which CPUs were held back (--perturb), as "
		"long as the run fails in the same way: with the same verdict, and the same cause without numbers. "
		"RESULT is the sidecar of the run; or write the words of its replay line behind '--'.\n\nA scenario "
		"that differs has other schedules. If the run was perturbed by a seed, a smaller scenario is therefore "
		"tried with several seeds; points are left out at the end, where one run decides.\n\nThe result is a "
		"scenario file, which 'ktstr test NAME.json' runs, the same as a C program, and the points. What is "
		"known "
		"of candidates is kept in the cache: a search that was interrupted, or whose time was over, goes on "
		"when the same command is given again.",
	.option = shrink_options,
	.example =
		(const struct example[]){
			{ "ktstr shrink target/ktstr/6.12.1-x/crowd-0123456789abcdef.ktstr.json", "one result" },
			{ "ktstr shrink --budget 1h -j 4 -- test -E 'test(=ktstr/crowd)' --perturb seed=7 build",
			  "one run, four candidates at a time" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_KERNEL, KERNEL_ENVIRONMENT, ENV_MAX },
	.files = FILES_CACHE | FILES_LOCKS,
	OPERANDS(struct shrink_args, operands),
	.run = run_shrink,
};
