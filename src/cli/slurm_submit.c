/* SPDX-License-Identifier: GPL-2.0-only */
/* slurm_submit.c -- ktstr test --slurm: writes down what is run, and submits it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/slurm.h"
#include "cli/test_session.h"
#include "run/cells.h"
#include "slurm/stage.h"

#define TASK_MEMORY_MIB 96 /* of ktstr itself, and of what it keeps of a running test */

/* Options that tasks get in another way, and those that only concern the submitting process. */
static const char *const not_passed[] = {
	"kernel",      "filter",      "partition",	 "jobs",	"accel",     "report",	       "trace",
	"json",	       "slurm",	      "slurm-jobs",	 "slurm-arg",	"slurm-dir", "detach",	       "list",
	"dry-run",     "eager",	      "relevant",	 "base",	"base-ref",  "default-branch", "keep-runs",
	"cpu-cap",     "run-ignored", "nextest-profile", "flaky-fails", "fail-fast", "max-fail",       "no-fail-fast",
	"show-output", "verbose",     "slow-timeout",	 NULL
};

/* --- the manifest ------------------------------------------------------------------------------------------------- */

static json_t *words_json(const struct session *s)
{
	json_t *list = json_array();
	char **words = NULL;
	if (options_to_words(&cmd_test, s->args, not_passed, &words) < 0)
		json_add(&list, NULL);
	for (size_t i = 0; words && words[i]; i++)
		json_add(&list, json_string(words[i]));
	strings_free(words);
	json_add(&list, json_sprintf("--accel=%s", s->accel.backend->name));
	json_add(&list, json_string("--run-ignored=all"));
	return list;
}

static json_t *case_json(const struct session *s, const struct plan_case *c)
{
	json_t *o = json_object();
	bool threads = s->accel.backend->vcpu_threads && !c->test->host_only;
	bool boots = !c->skip && !c->problem && !c->test->host_only;
	json_put_text(&o, "name", c->name);
	json_put_text(&o, "suite", test_suite_name(c->test));
	json_put_text(&o, "topology", c->topology_text);
	json_put_text(&o, "scheduler", c->test->scheduler ? c->test->scheduler->name : "eevdf");
	json_put_text(&o, "kernel_label", c->kernel->label);
	json_put_u64(&o, "kernel", (uint64_t)(c->kernel - s->kernel));
	json_put_int(&o, "estimate_ns", c->estimate);
	json_put_u64(&o, "cpus", threads ? topology_cpus(&c->topology) : 1);
	json_put_u64(&o, "memory_mib", (boots ? c->memory_mib : 0) + MACHINE_MEMORY_MIB + TASK_MEMORY_MIB);
	return o;
}

/* Is there another kernel with the same version? Then the label names the directory of its results. */
static bool has_twin(const struct session *s, const struct kernel *k)
{
	for (size_t i = 0; i < s->kernels; i++)
		if (&s->kernel[i] != k && !strcmp(s->kernel[i].version, k->version))
			return true;
	return false;
}

/* Copies a kernel of the cache, so that nodes without it can take it from there. */
static int kernel_json(const struct session *s, const struct kernel *k, const char *dir, json_t **list,
		       struct err **err)
{
	_cleanup_free_ char *kernels = path_join(dir, "kernels"), *to = NULL, *from = NULL;
	char digest[STAGE_DIGEST_MAX] = "";
	json_t *o = json_object();
	if (k->key && kernels) {
		to = path_join(kernels, k->key);
		from = path_join(s->cache.root, k->key);
	}
	int r = k->key && !(to && from) ? -ENOMEM : to && !path_exists(to) ? stage_copy(from, to, digest, err) : 0;
	json_put_text(&o, "label", k->label);
	json_put_text(&o, "version", k->version);
	json_put_text(&o, "name", k->name);
	json_put_text(&o, "key", k->key);
	json_put_text(&o, "digest", *digest ? digest : NULL);
	json_put_text(&o, "results", has_twin(s, k) ? k->label : k->version);
	json_add(list, o);
	return r < 0 ? err_wrap(err, r, "copy kernel '%s' to the directory that nodes see", k->key) : 0;
}

/* A scheduler's program that was found beside the test binary. */
static int stage_schedulers(const struct session *s, const char *binary, const char *to, struct err **err)
{
	_cleanup_free_ char *home = path_dirname(binary);
	char digest[STAGE_DIGEST_MAX];
	for (size_t i = 0; home && i < s->plan.count; i++) {
		const char *path = s->plan.item[i].scheduler_path;
		_cleanup_free_ char *beside = path ? path_join(home, path_basename(path)) : NULL;
		_cleanup_free_ char *target = path ? path_join(to, path_basename(path)) : NULL;
		if (!path || !beside || !target || strcmp(path, beside) || path_exists(target))
			continue;
		int r = stage_copy(path, target, digest, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Copies a test binary to tests/NUMBER/, for nodes that do not have it under its own path. */
static int suite_json(const struct session *s, size_t i, const char *dir, json_t **list, struct err **err)
{
	_cleanup_free_ char *path = realpath(s->suite[i].path, NULL), *home = NULL, *to = NULL;
	char digest[STAGE_DIGEST_MAX] = "";
	json_t *o = json_object();
	if (asprintf(&home, "%s/tests/%zu", dir, i) < 0)
		home = NULL;
	to = home && path ? path_join(home, path_basename(path)) : NULL;
	int r = to ? mkdir_parents(home, 0755, err) : -ENOMEM;
	if (r == 0)
		r = stage_copy(path, to, digest, err);
	if (r == 0)
		r = stage_schedulers(s, path, home, err);
	json_put(&o, "path", json_string(s->suite[i].path));
	json_put_text(&o, "digest", digest);
	json_add(list, o);
	return r < 0 ? err_wrap(err, r, "copy '%s' to the directory that nodes see", s->suite[i].path) : 0;
}

static int put_files(struct session *s, const char *dir, json_t **o, struct err **err)
{
	json_t *kernels = json_array(), *suites = json_array();
	int r = 0;
	for (size_t i = 0; r == 0 && i < s->kernels; i++)
		r = kernel_json(s, &s->kernel[i], dir, &kernels, err);
	for (size_t i = 0; r == 0 && i < s->suites; i++)
		r = suite_json(s, i, dir, &suites, err);
	json_put(o, "kernels", kernels);
	json_put(o, "suites", suites);
	return r;
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

static void name_run(char *out, size_t size)
{
	uint32_t id = (uint32_t)getpid();
	time_t now = time(NULL);
	struct tm tm;
	getrandom(&id, sizeof(id), GRND_NONBLOCK);
	gmtime_r(&now, &tm);
	size_t len = strftime(out, size, "%Y%m%dT%H%M%S", &tm);
	snprintf(out + len, size - len, "_%06x", id & 0xffffff);
}

static int write_record(struct session *s, const char *dir, const char *id, struct slurm_record *ret, struct err **err)
{
	const struct test_args *a = s->args;
	_cleanup_free_ char *here = getcwd(NULL, 0);
	json_t *o = json_object(), *cases = json_array();
	json_put_u64(&o, "version", SLURM_VERSION);
	json_put_text(&o, "id", id);
	json_put(&o, "directory", here ? json_string(here) : NULL);
	json_put_text(&o, "partition", *a->slurm ? a->slurm : NULL);
	json_put_u64(&o, "tasks_most", a->slurm_jobs);
	json_put(&o, "sbatch", strings_json(&a->slurm_args));
	json_put_bool(&o, "labels", s->labels);
	json_put(&o, "words", words_json(s));
	for (size_t i = 0; i < s->plan.count; i++)
		json_add(&cases, case_json(s, &s->plan.item[i]));
	json_put(&o, "cases", cases);
	put_collection(s, &o);
	int r = put_files(s, dir, &o, err);
	if (r < 0) {
		json_decref(o);
		return r;
	}
	return slurm_record_start(ret, dir, o, err);
}

/* --- submitting --------------------------------------------------------------------------------------------------- */

static int stage_program(const char *dir, struct err **err)
{
	_cleanup_free_ char *to = path_join(dir, "bin/ktstr");
	char digest[STAGE_DIGEST_MAX];
	return to ? stage_copy("/proc/self/exe", to, digest, err) : -ENOMEM;
}

static char *run_parent(const struct test_args *a)
{
	_cleanup_free_ char *runs = rundir_root();
	return a->slurm_dir ? strdup(a->slurm_dir) : runs ? slurm_root(runs) : NULL;
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
	name_run(id, sizeof(id));
	dir = parent ? path_join(parent, id) : NULL;
	int r = dir ? cluster_look(s->reactor, *a->slurm ? a->slurm : NULL, &f->runner.cluster, err) : -ENOMEM;
	if (r == 0)
		r = slurm_record_create(dir, err);
	if (r == 0)
		r = stage_program(dir, err);
	if (r == 0)
		r = write_record(s, dir, id, record, err);
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
