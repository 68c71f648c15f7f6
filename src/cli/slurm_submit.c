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

/* What `ktstr slurm collect` needs not know. */
static const char *const not_kept[] = { "slurm",  "slurm-jobs", "slurm-arg", "slurm-dir",
					"detach", "report",	"json",	     NULL };

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

/* How the results are collected, also by another process. */
static void put_collection(const struct session *s, json_t **o)
{
	const struct test_args *a = s->args;
	_cleanup_free_ char *runs = rundir_root(), *root = runs ? realpath(runs, NULL) : NULL;
	const char *sidecars = environment_get(ENV_SIDECAR_DIR);
	json_put_text(o, "commit", s->commit);
	json_put_u64(o, "keep_runs", a->keep_runs);
	json_put_bool(o, "narrowed", a->filter || a->relevant || a->partition || environment_get(ENV_BUDGET_SECS));
	json_put_bool(o, "flaky_fails", a->flaky_fails);
	json_put_text(o, "runs_root", root ?: runs);
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

static int submit(struct session *s, struct slurm_following *f, struct slurm_record *record, struct err **err)
{
	const struct test_args *a = s->args;
	_cleanup_free_ char *parent = run_parent(a), *dir = NULL;
	char id[40];
	manifest_name(id, sizeof(id));
	dir = parent ? path_join(parent, id) : NULL;
	int r = dir ? cluster_look(s->reactor, *a->slurm ? a->slurm : NULL, &f->runner.cluster, err) : -ENOMEM;
	if (r == 0)
		r = slurm_record_create(dir, err);
	if (r == 0)
		r = write_record(s, dir, id, record, err);
	if (r == 0)
		r = slurm_take_arguments(f);
	if (r == 0 && s->accel.backend->vcpu_threads)
		r = slurm_probe_nodes(&f->runner, err);
	if (r == 0)
		say_printf("run %s on Slurm: %zu test%s, files in %s\n", record->id, record->count,
			   plural(record->count), record->dir);
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
	if (r == 0)
		r = submit(s, f, &record, err);
	return r == 0 ? slurm_follow(f, err) : r;
}
