/* SPDX-License-Identifier: GPL-2.0-only */
/* slurm_submit.c -- ktstr test --slurm: writes down what is run, and submits it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/last_run.h"
#include "cli/out.h"
#include "cli/slurm.h"
#include "cli/test_session.h"
#include "cli/test_source.h"
#include "reactor/interrupt.h"
#include "slurm/call.h"
#include "slurm/manifest.h"

/* Options that tasks get in another way, and those that only concern the submitting process. */
static const char *const not_passed[] = { "kernel", "filter", "partition", "jobs", "accel", "report", "trace", "json",
					  "slurm", "slurm-jobs", "slurm-arg", "slurm-dir", "detach", "list", "dry-run",
					  "eager", "relevant", "base", "base-ref", "default-branch", "keep-runs",
					  "cpu-cap", "run-ignored", "nextest-profile", "flaky-fails", "fail-fast",
					  "max-fail", "no-fail-fast", "show-output", "verbose", "slow-timeout",
					  /* of explore */
					  "until-fail",
					  /* of verifier */
					  "filter-cells", "scheduler-bin", "output", "emit", "sort", "top", "top-lines",
					  "raw", "save", "compare", "fail-on", NULL };

/* Options that `ktstr slurm collect` does not need, or finds elsewhere. */
static const char *const not_kept[] = { "slurm",  "slurm-jobs", "slurm-arg", "slurm-dir",
					"detach", "report",	"json",	     NULL };

/* --- options ------------------------------------------------------------------------------------------------------ */

/* Options of sbatch that ktstr gives itself, or that hide from it what the jobs do. "=": with a value. */
static const char *const own_words[] = { "--array",  "--array=",   "-a",	  "--job-name", "--job-name=", "-J",
					 "--output", "--output=",  "-o",	  "--wait",	"-W",	       "--wrap",
					 "--wrap=",  "--parsable", "--test-only", NULL };

static bool is_own(const char *word)
{
	for (const char *const *own = own_words; *own; own++) {
		size_t len = strlen(*own);
		bool prefix = (*own)[len - 1] == '=' || len == 2;
		if (prefix ? !strncmp(word, *own, len) : !strcmp(word, *own))
			return true;
	}
	return false;
}

int slurm_check_words(const struct strings *words, struct err **err)
{
	if (words->count > SLURM_ARGS_MAX)
		return FAIL(err, ERR_USAGE, -E2BIG, "--slurm-arg is given %zu times; %d is the most", words->count,
			    SLURM_ARGS_MAX);
	for (size_t i = 0; i < words->count; i++)
		if (is_own(words->item[i]))
			return FAIL(err, ERR_USAGE, -EINVAL,
				    "--slurm-arg=%s: ktstr names its jobs and divides the tests itself; leave it out",
				    words->item[i]);
	return 0;
}

int slurm_check_options(const struct test_args *a, struct err **err)
{
	const char *vain = a->detach		 ? "--detach"
			   : a->slurm_jobs	 ? "--slurm-jobs"
			   : a->slurm_args.count ? "--slurm-arg"
			   : a->slurm_dir	 ? "--slurm-dir"
						 : NULL;
	if (!a->slurm && vain)
		return FAIL(err, ERR_USAGE, -EINVAL, "%s is for runs on a cluster: give --slurm, too", vain);
	return slurm_check_words(&a->slurm_args, err);
}

/* --- what is asked for ------------------------------------------------------------------------------------------- */

static const struct command *command_of(const struct test_args *a)
{
	return a->command ?: &cmd_test;
}

static json_t *options_json(const struct test_args *a, const char *const *without)
{
	json_t *list = json_array();
	char **words = NULL;
	if (options_to_words(command_of(a), a->command ? a->command_args : a, without, &words) < 0)
		json_add(&list, NULL);
	for (size_t i = 0; words && words[i]; i++)
		json_add(&list, json_string(words[i]));
	strings_free(words);
	return list;
}

/* Of the tasks. */
static json_t *words_json(const struct session *s)
{
	json_t *list = options_json(s->args, not_passed);
	if (command_of(s->args) != &cmd_explore)
		json_add(&list, json_sprintf("--accel=%s", s->accel.backend->name));
	if (command_of(s->args) == &cmd_test)
		json_add(&list, json_string("--run-ignored=all"));
	return list;
}

static json_t *strings_json(const struct strings *list)
{
	json_t *array = json_array();
	for (size_t i = 0; i < list->count; i++)
		json_add(&array, json_string(list->item[i]));
	return array;
}

/* The directory may not exist yet, and another process may be elsewhere. */
static char *absolute(const char *path)
{
	_cleanup_free_ char *here = *path == '/' ? NULL : getcwd(NULL, 0);
	return *path == '/' ? strdup(path) : here ? path_join(here, path) : NULL;
}

/* How the results are collected, also by another process. */
static void put_collection(const struct session *s, json_t **o)
{
	const struct test_args *a = s->args;
	_cleanup_free_ char *runs = rundir_root(), *root = runs ? absolute(runs) : NULL;
	const char *said = environment_get(ENV_SIDECAR_DIR);
	_cleanup_free_ char *sidecars = said ? absolute(said) : NULL;
	json_put_text(o, "commit", s->commit);
	json_put_u64(o, "keep_runs", a->keep_runs);
	json_put_bool(o, "narrowed", a->filter || a->relevant || a->partition || environment_get(ENV_BUDGET_SECS));
	json_put_bool(o, "flaky_fails", a->flaky_fails);
	json_put_text(o, "runs_root", root);
	json_put_text(o, "sidecar_dir", sidecars);
}

/* How kernels are built that are missing. */
static json_t *build_json(const struct session *s)
{
	const struct test_args *a = s->args;
	json_t *o = json_object();
	json_put_bool(&o, "schedulers", session_needs_schedulers(s));
	json_put_bool(&o, "no_ccache", a->no_ccache);
	json_put_bool(&o, "skip_sha256", a->skip_sha256);
	json_put_bool(&o, "no_verify_signature", a->no_verify_signature);
	return o;
}

static json_t *asked_json(const struct session *s, const char *id)
{
	const struct test_args *a = s->args;
	_cleanup_free_ char *here = getcwd(NULL, 0);
	json_t *o = json_object();
	json_put_text(&o, "id", id);
	json_put(&o, "directory", here ? json_string(here) : NULL);
	json_put_text(&o, "partition", *a->slurm ? a->slurm : NULL);
	json_put_u64(&o, "tasks_most", a->slurm_jobs);
	json_put(&o, "sbatch", strings_json(&a->slurm_args));
	json_put_bool(&o, "labels", s->labels);
	json_put_text(&o, "command", command_of(a)->name);
	json_put(&o, "words", words_json(s));
	json_put(&o, "options", options_json(a, not_kept));
	json_put(&o, "build", build_json(s));
	json_put(&o, "reports", strings_json(&a->report));
	/* As for a local run: exploring says itself how its failures are repeated. */
	json_put(&o, "last_run", a->schedules ? json_null() : last_run_describe(s, a));
	put_collection(s, &o);
	return o;
}

static int write_record(const struct session *s, const char *dir, const char *id, struct slurm_record *ret,
			struct err **err)
{
	const struct manifest_request q = { .plan = &s->plan,
					    .kernel = s->kernel,
					    .source = s->source,
					    .kernels = s->kernels,
					    .binary = s->binaries,
					    .scheduler = s->args->source ? s->args->source->programs : NULL,
					    .cache_root = s->cache.root,
					    .threads = s->accel.backend->vcpu_threads };
	return manifest_write(&q, dir, asked_json(s, id), ret, err);
}

/* --- submitting --------------------------------------------------------------------------------------------------- */

static char *run_parent(const struct test_args *a)
{
	_cleanup_free_ char *runs = rundir_root();
	return a->slurm_dir ? strdup(a->slurm_dir) : runs ? slurm_root(runs) : NULL;
}

int slurm_ask(const char *partition, struct err **err)
{
	_cleanup_(reactor_free_p) struct reactor *r = NULL;
	_cleanup_free_ struct cluster *c = calloc(1, sizeof(*c));
	int code = c ? reactor_new(&r, err) : -ENOMEM;
	return code == 0 ? cluster_look(r, *partition ? partition : NULL, c, err) : code;
}

/* Only kernels that every node can get at. */
static int check_kernels(const struct session *s, struct err **err)
{
	for (size_t i = 0; i < s->kernels; i++)
		if (s->kernel[i].image)
			return FAIL(err, ERR_USAGE, -ENOTSUP,
				    "--slurm: kernel '%s' is an image that only this machine has; name one with "
				    "--kernel, such as 6.12",
				    s->kernel[i].version);
	return 0;
}

/* Everything that jobs need is written to @dir. */
static int prepare(struct session *s, struct slurm_following *f, struct slurm_record *record, const char *dir,
		   const char *id, struct err **err)
{
	const struct test_args *a = s->args;
	int r = cluster_look(s->reactor, *a->slurm ? a->slurm : NULL, &f->runner.cluster, err);
	if (r == 0)
		say_printf("run %s on Slurm: %zu test%s, seed 0x%lx, backend %s, files in %s\n", id, s->plan.count,
			   plural(s->plan.count), a->seed, s->accel.backend->name, dir);
	if (r == 0)
		r = slurm_record_create(dir, err);
	if (r == 0)
		r = write_record(s, dir, id, record, err);
	if (r == 0)
		r = slurm_take_arguments(f);
	if (r == 0 && s->accel.backend->vcpu_threads)
		r = slurm_probe_nodes(&f->runner, err);
	return r;
}

/* Nothing is left of a run that could not be submitted whole. */
static void discard(const struct slurm_following *f, const char *dir)
{
	const struct runner *r = &f->runner;
	if (r->record->rounds)
		cluster_cancel(r->reactor, r->record, NULL);
	remove_tree(dir, NULL);
}

static int submit_watched(struct session *s, struct slurm_following *f, struct slurm_record *record, const char *dir,
			  const char *id, struct err **err)
{
	struct signals signals;
	int r = interrupt_watch(&signals, s->reactor, err);
	if (r < 0)
		return r;
	r = prepare(s, f, record, dir, id, err);
	if (r == 0)
		r = slurm_open(f, err);
	if (r == 0)
		r = slurm_submit_first(f, err);
	signals_done(&signals);
	return r;
}

static int submit(struct session *s, struct slurm_following *f, struct slurm_record *record, struct err **err)
{
	_cleanup_free_ char *parent = run_parent(s->args), *dir = NULL;
	sigset_t before;
	char id[40];
	manifest_name(id, sizeof(id));
	dir = parent ? path_join(parent, id) : NULL;
	if (!dir)
		return -ENOMEM;
	/* sbatch(1), filename pattern: in a name with a backslash nothing is replaced. */
	if (strchr(dir, '\\'))
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "--slurm: '%s' has a backslash, which Slurm treats otherwise; use "
			    "another --slurm-dir",
			    dir);
	interrupt_hold(&before);
	int r = submit_watched(s, f, record, dir, id, err);
	if (r < 0)
		discard(f, dir);
	int came = interrupt_release(&before, r == 0 ? err : NULL);
	if (r == 0 && came < 0)
		discard(f, dir);
	return r == 0 ? came : r;
}

static int submit_and_follow(struct session *s, struct slurm_following *f, struct slurm_record *record,
			     struct err **err)
{
	int r = submit(s, f, record, err);
	if (r == 0 && f->detach)
		say_printf("'ktstr slurm collect %s' waits for the results\n", record->dir);
	else if (r == 0)
		r = slurm_follow(f, err);
	slurm_close(f);
	return r;
}

int session_on_slurm(struct session *s, struct err **err)
{
	_cleanup_(slurm_record_done) struct slurm_record record = { 0 };
	_cleanup_free_ struct slurm_following *f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->json = s->args->json;
	f->reports = s->reports;
	f->detach = s->args->detach;
	f->runner.reactor = s->reactor;
	f->runner.record = &record;
	int r = check_kernels(s, err);
	if (r == 0)
		r = session_plan(s, s->args, err);
	if (r == 0)
		r = session_schedule(s, err);
	return r == 0 ? submit_and_follow(s, f, &record, err) : r;
}
