/* SPDX-License-Identifier: GPL-2.0-only */
/* manifest.c -- see manifest.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "run/cells.h"
#include "run/fleet.h"
#include "slurm/manifest.h"
#include "slurm/stage.h"

#define TASK_MEMORY_MIB 96 /* of ktstr itself, and of what it keeps of a running test */

void manifest_name(char *out, size_t size)
{
	uint32_t id = (uint32_t)getpid();
	time_t now = time(NULL);
	struct tm tm;
	getrandom(&id, sizeof(id), GRND_NONBLOCK);
	gmtime_r(&now, &tm);
	size_t len = strftime(out, size, "%Y%m%dT%H%M%S", &tm);
	snprintf(out + len, size - len, "_%06x", id & 0xffffff);
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

static json_t *case_json(const struct manifest_request *q, const struct plan_case *c)
{
	json_t *o = json_object();
	bool threads = q->threads && !c->test->host_only;
	/* What a kernel that is not built yet lacks is not known. */
	bool may_run = (!c->skip && !c->problem) || q->source[c->kernel - q->kernel];
	bool boots = may_run && !c->test->host_only;
	json_put_text(&o, "name", c->name);
	json_put_text(&o, "suite", test_suite_name(c->test));
	json_put_text(&o, "topology", c->topology_text);
	json_put_text(&o, "scheduler", c->test->scheduler ? c->test->scheduler->name : "eevdf");
	json_put_text(&o, "kernel_label", c->kernel->label);
	json_put_u64(&o, "kernel", (uint64_t)(c->kernel - q->kernel));
	json_put_int(&o, "estimate_ns", c->estimate);
	json_put_u64(&o, "cpus", threads ? topology_cpus(&c->topology) : 1);
	json_put_u64(&o, "memory_mib", (boots ? c->memory_mib : 0) + MACHINE_MEMORY_MIB + TASK_MEMORY_MIB);
	return o;
}

static json_t *cases_json(const struct manifest_request *q)
{
	json_t *cases = json_array();
	for (size_t i = 0; i < q->plan->count; i++)
		json_add(&cases, case_json(q, &q->plan->item[i]));
	return cases;
}

/* --- kernels ------------------------------------------------------------------------------------------------------ */

/* A kernel of the cache is copied, so that nodes without it can take it from there. */
static int stage_kernel(const struct manifest_request *q, const struct kernel *k, const char *dir, json_t **o,
			struct err **err)
{
	_cleanup_free_ char *kernels = path_join(dir, "kernels"), *from = path_join(q->cache_root, k->key);
	_cleanup_free_ char *to = kernels ? path_join(kernels, k->key) : NULL;
	char digest[STAGE_DIGEST_MAX] = "";
	int r = !to || !from ? -ENOMEM : path_exists(to) ? 0 : stage_copy(from, to, digest, err);
	json_put_text(o, "digest", *digest ? digest : NULL);
	return r < 0 ? err_wrap(err, r, "copy kernel '%s' to the directory that nodes see", k->key) : 0;
}

/* A job of the run builds it. A tarball is copied, because nodes need not have it. */
static int stage_source(const char *source, size_t i, const char *dir, json_t **o, struct err **err)
{
	_cleanup_free_ char *below = NULL, *home = NULL, *to = NULL;
	char digest[STAGE_DIGEST_MAX];
	json_put_text(o, "source", source);
	if (*source != '/')
		return 0;
	if (asprintf(&below, "sources/%zu/%s", i, path_basename(source)) < 0)
		return -ENOMEM;
	to = path_join(dir, below);
	home = to ? path_dirname(to) : NULL;
	json_put_text(o, "source_file", below);
	int r = home ? mkdir_parents(home, 0755, err) : -ENOMEM;
	if (r == 0)
		r = stage_copy(source, to, digest, err);
	return r < 0 ? err_wrap(err, r, "copy '%s' to the directory that nodes see", source) : 0;
}

static int kernel_json(const struct manifest_request *q, size_t i, const char *dir, json_t **list, struct err **err)
{
	const struct kernel *k = &q->kernel[i];
	json_t *o = json_object();
	int r = 0;
	json_put_text(&o, "label", k->label);
	json_put_text(&o, "version", k->version);
	json_put_text(&o, "name", k->name);
	json_put_text(&o, "key", k->key);
	if (q->source[i])
		r = stage_source(q->source[i], i, dir, &o, err);
	else if (k->key)
		r = stage_kernel(q, k, dir, &o, err);
	json_add(list, o);
	return r;
}

/* --- programs ---------------------------------------------------------------------------------------------------- */

/* A scheduler's program that was found beside the test binary. */
static int stage_schedulers(const struct manifest_request *q, const char *binary, const char *to, struct err **err)
{
	_cleanup_free_ char *home = path_dirname(binary);
	char digest[STAGE_DIGEST_MAX];
	for (size_t i = 0; home && i < q->plan->count; i++) {
		const struct sched_decl *s = q->plan->item[i].test->scheduler;
		const char *path = q->plan->item[i].scheduler_path;
		_cleanup_free_ char *beside = s && s->binary ? path_join(home, path_basename(s->binary)) : NULL;
		_cleanup_free_ char *target = s && s->binary ? path_join(to, path_basename(s->binary)) : NULL;
		/* Without a path, the kernel is not built yet: nobody has looked for the scheduler. */
		if (!beside || !target || (path ? strcmp(path, beside) != 0 : !path_exists(beside)) ||
		    path_exists(target))
			continue;
		int r = stage_copy(beside, target, digest, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Copies a program to @below/NUMBER/, for nodes that do not have it under its own path. */
static int program_json(const struct manifest_request *q, const char *program, const char *below, json_t **list,
			const char *dir, struct err **err)
{
	_cleanup_free_ char *path = realpath(program, NULL), *home = NULL, *to = NULL;
	char digest[STAGE_DIGEST_MAX] = "";
	json_t *o = json_object();
	if (asprintf(&home, "%s/%s/%zu", dir, below, json_array_size(*list)) < 0)
		home = NULL;
	to = home && path ? path_join(home, path_basename(path)) : NULL;
	int r = to ? mkdir_parents(home, 0755, err) : -ENOMEM;
	if (r == 0)
		r = stage_copy(path, to, digest, err);
	if (r == 0)
		r = stage_schedulers(q, path, home, err);
	json_put(&o, "path", json_string(program));
	json_put_text(&o, "digest", digest);
	json_add(list, o);
	return r < 0 ? err_wrap(err, r, "copy '%s' to the directory that nodes see", program) : 0;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static int stage_program(const char *dir, struct err **err)
{
	_cleanup_free_ char *to = path_join(dir, "bin/ktstr");
	char digest[STAGE_DIGEST_MAX];
	return to ? stage_copy("/proc/self/exe", to, digest, err) : -ENOMEM;
}

static int put_files(const struct manifest_request *q, const char *dir, json_t **o, struct err **err)
{
	json_t *kernels = json_array(), *suites = json_array(), *schedulers = json_array();
	int r = stage_program(dir, err);
	for (size_t i = 0; r == 0 && i < q->kernels; i++)
		r = kernel_json(q, i, dir, &kernels, err);
	for (char *const *p = q->binary; r == 0 && p && *p; p++)
		r = program_json(q, *p, "tests", &suites, dir, err);
	for (const char *const *p = q->scheduler; r == 0 && p && *p; p++)
		r = program_json(q, *p, "schedulers", &schedulers, dir, err);
	json_put(o, "kernels", kernels);
	json_put(o, "suites", suites);
	json_put(o, "schedulers", schedulers);
	return r;
}

int manifest_write(const struct manifest_request *q, const char *dir, json_t *asked, struct slurm_record *ret,
		   struct err **err)
{
	json_put_u64(&asked, "version", SLURM_VERSION);
	json_put(&asked, "cases", cases_json(q));
	int r = put_files(q, dir, &asked, err);
	if (r < 0) {
		json_decref(asked);
		return r;
	}
	return slurm_record_start(ret, dir, asked, err);
}
