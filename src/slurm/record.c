/* SPDX-License-Identifier: GPL-2.0-only */
/* record.c -- see record.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "slurm/record.h"
#include "slurm/text.h"

static const char job_prefix[] = "ktstr-";

char *slurm_root(const char *runs_root)
{
	return path_join(runs_root, ".slurm");
}

int slurm_record_create(const char *dir, struct err **err)
{
	static const char *const below[] = { "bin", "tests", "kernels", "sources", "nodes", "tasks", "logs" };
	_cleanup_close_ int fd = -1;
	int r = dir_open(dir, true, "KTSTR_RUNS_ROOT (or --slurm-dir)", &fd, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(below); i++)
		if (mkdirat(fd, below[i], 0755) < 0 && errno != EEXIST)
			return FAIL_SYS(err, -errno, "create the directory '%s/%s'", dir, below[i]);
	return 0;
}

void slurm_record_done(struct slurm_record *r)
{
	free(r->dir);
	free(r->id);
	json_decref(r->manifest);
	json_decref(r->names);
	for (unsigned i = 0; i < r->rounds; i++)
		json_decref(r->round[i]);
	*r = (struct slurm_record){ 0 };
}

/* Fills in what is derived from the manifest. */
static int take_manifest(struct slurm_record *r, const char *dir, struct err **err)
{
	const json_t *cases = json_object_get(r->manifest, "cases");
	uint64_t version;
	const char *id;
	size_t i;
	json_t *c;
	int result = json_get_u64(r->manifest, "version", &version, err);
	if (result == 0)
		result = json_get_string(r->manifest, "id", &id, err);
	if (result < 0)
		return err_wrap(err, result, "read '%s/manifest.json'", dir);
	if (version != SLURM_VERSION || !json_array_size(cases))
		return FAIL(err, ERR_DATA, -EBADMSG, "'%s/manifest.json' is of another version of ktstr, or damaged",
			    dir);
	r->dir = realpath(dir, NULL);
	r->id = strdup(id);
	r->names = json_object();
	r->count = json_array_size(cases);
	json_array_foreach(cases, i, c)
		json_put(&r->names, json_string_value(json_object_get(c, "name")) ?: "", json_integer((json_int_t)i));
	return r->dir && r->id && r->names ? 0 : -ENOMEM;
}

int slurm_record_start(struct slurm_record *r, const char *dir, json_t *manifest, struct err **err)
{
	_cleanup_free_ char *path = path_join(dir, "manifest.json");
	*r = (struct slurm_record){ .manifest = manifest };
	int result = path && manifest ? take_manifest(r, dir, err) : -ENOMEM;
	if (result == 0)
		result = json_write_file(path, manifest, err);
	if (result < 0)
		slurm_record_done(r);
	return result;
}

static char *round_path(const struct slurm_record *r, unsigned number)
{
	char *path = NULL;
	return asprintf(&path, "%s/round-%u.json", r->dir, number) < 0 ? NULL : path;
}

static bool are_cases(const json_t *task, size_t count)
{
	const json_t *cases = json_object_get(task, "cases");
	size_t i;
	json_t *c;
	json_array_foreach(cases, i, c)
		if (!json_is_integer(c) || json_integer_value(c) < 0 || (uint64_t)json_integer_value(c) >= count)
			return false;
	return json_array_size(cases);
}

/* Its arrays are its tasks, one after the other, and each task has tests of the run. */
static bool is_sound(const struct slurm_record *r, const json_t *round)
{
	const json_t *tasks = json_object_get(round, "tasks");
	uint64_t next = r->tasks, end = r->tasks + json_array_size(tasks);
	size_t i;
	json_t *o;
	json_array_foreach(json_object_get(round, "arrays"), i, o) {
		json_int_t first = json_integer_value(json_object_get(o, "first"));
		json_int_t count = json_integer_value(json_object_get(o, "count"));
		if (first < 0 || (uint64_t)first != next || count < 1 || (uint64_t)count > end - next)
			return false;
		next += (uint64_t)count;
	}
	json_array_foreach(tasks, i, o)
		if (!are_cases(o, r->count))
			return false;
	return next == end && end > r->tasks;
}

static int read_round(struct slurm_record *r, const char *path, struct err **err)
{
	json_auto_t *round = NULL;
	int result = json_read_file(path, &round, err);
	if (result == 0 && !is_sound(r, round))
		result = FAIL(err, ERR_DATA, -EBADMSG,
			      "'%s' is damaged: its tasks are not those of the run; submit the tests again", path);
	if (result < 0)
		return result;
	r->tasks += (uint32_t)json_array_size(json_object_get(round, "tasks"));
	r->round[r->rounds++] = json_incref(round);
	return 0;
}

static int read_rounds(struct slurm_record *r, struct err **err)
{
	while (r->rounds < SLURM_ROUNDS_MAX) {
		_cleanup_free_ char *path = round_path(r, r->rounds + 1);
		if (!path)
			return -ENOMEM;
		if (!path_exists(path))
			return 0;
		int result = read_round(r, path, err);
		if (result < 0)
			return result;
	}
	return 0;
}

int slurm_record_open(struct slurm_record *ret, const char *dir, struct err **err)
{
	_cleanup_free_ char *path = path_join(dir, "manifest.json");
	*ret = (struct slurm_record){ 0 };
	int r = path ? json_read_file(path, &ret->manifest, err) : -ENOMEM;
	if (r == 0)
		r = take_manifest(ret, dir, err);
	if (r == 0)
		r = read_rounds(ret, err);
	if (r < 0)
		slurm_record_done(ret);
	return r;
}

const char *slurm_record_text(const struct slurm_record *r, const char *key)
{
	return json_string_value(json_object_get(r->manifest, key)) ?: "";
}

static const char *case_text(const json_t *c, const char *key)
{
	return json_string_value(json_object_get(c, key)) ?: "";
}

static uint64_t case_number(const json_t *c, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(c, key));
	return n > 0 ? (uint64_t)n : 0;
}

void slurm_record_case(const struct slurm_record *r, size_t i, struct slurm_case *ret)
{
	const json_t *c = json_array_get(json_object_get(r->manifest, "cases"), i);
	*ret = (struct slurm_case){
		.name = case_text(c, "name"),
		.suite = case_text(c, "suite"),
		.topology = case_text(c, "topology"),
		.scheduler = case_text(c, "scheduler"),
		.kernel_label = case_text(c, "kernel_label"),
		.kernel = case_number(c, "kernel"),
		.need = { .estimate = (nsec_t)case_number(c, "estimate_ns"),
			  .cpus = (unsigned)case_number(c, "cpus"),
			  .memory_mib = case_number(c, "memory_mib") },
	};
}

int slurm_record_find(const struct slurm_record *r, const char *name)
{
	const json_t *i = json_object_get(r->names, name);
	return i ? (int)json_integer_value(i) : -ENOENT;
}

/* --- rounds ------------------------------------------------------------------------------------------------------- */

static json_t *task_json(const struct division *d, const struct divide_task *t, const uint32_t *which)
{
	json_t *o = json_object(), *cases = json_array();
	for (size_t i = 0; i < t->count; i++) {
		uint32_t test = d->order[t->first + i];
		json_add(&cases, json_integer(which ? which[test] : test));
	}
	json_put(&o, "cases", cases);
	json_put_u64(&o, "places", t->places);
	json_put_u64(&o, "cpus", t->cpus);
	json_put_u64(&o, "memory_mib", t->memory_mib);
	json_put_int(&o, "estimate_ns", t->estimate);
	return o;
}

static bool same_needs(const struct divide_task *a, const struct divide_task *b)
{
	return a->cpus == b->cpus && a->memory_mib == b->memory_mib;
}

/* Tasks stand in the order of their length. An array ends where the next task has other needs. */
static json_t *arrays_json(const struct slurm_record *r, const struct division *d, uint32_t array_most)
{
	json_t *list = json_array();
	for (size_t i = 0, end; i < d->tasks; i = end) {
		nsec_t longest = 0;
		for (end = i; end < d->tasks && end - i < array_most && same_needs(&d->task[i], &d->task[end]); end++)
			longest = MAX_OF(longest, d->task[end].estimate);
		json_t *o = json_object();
		json_put_u64(&o, "first", r->tasks + i);
		json_put_u64(&o, "count", end - i);
		json_put_u64(&o, "cpus", d->task[i].cpus);
		json_put_u64(&o, "memory_mib", d->task[i].memory_mib);
		json_put_int(&o, "estimate_ns", longest);
		json_add(&list, o);
	}
	return list;
}

/* Several processes may follow a run: the file is whole when it appears, and only one of them makes it. -EEXIST. */
static int write_new(const char *path, const json_t *o, struct err **err)
{
	_cleanup_free_ char *temporary = NULL;
	if (asprintf(&temporary, "%s.%d", path, getpid()) < 0)
		return -ENOMEM;
	int r = json_write_file(temporary, o, err);
	if (r < 0)
		return r;
	int failed = link(temporary, path) < 0 ? -errno : 0;
	unlink(temporary);
	return failed && failed != -EEXIST ? FAIL_SYS(err, failed, "create '%s'", path) : failed;
}

int slurm_record_add_round(struct slurm_record *r, const struct division *d, const uint32_t *which, uint32_t array_most,
			   struct err **err)
{
	_cleanup_free_ char *path = round_path(r, r->rounds + 1);
	json_t *o = json_object(), *tasks = json_array();
	if (r->rounds == SLURM_ROUNDS_MAX) {
		json_decref(o);
		json_decref(tasks);
		return FAIL(err, ERR_IMPOSSIBLE, -ELOOP, "tests were lost in %d rounds; look at %s/logs",
			    SLURM_ROUNDS_MAX, r->dir);
	}
	for (size_t i = 0; i < d->tasks; i++)
		json_add(&tasks, task_json(d, &d->task[i], which));
	json_put_u64(&o, "version", SLURM_VERSION);
	json_put_u64(&o, "first", r->tasks);
	json_put(&o, "arrays", arrays_json(r, d, MAX_OF(array_most, 1u)));
	json_put(&o, "tasks", tasks);
	int result = path && o ? write_new(path, o, err) : -ENOMEM;
	if (result == 0) {
		r->round[r->rounds++] = o;
		r->tasks += (uint32_t)d->tasks;
		return 0;
	}
	json_decref(o);
	if (result != -EEXIST)
		return result;
	result = read_round(r, path, err);
	return result < 0 ? result : -EEXIST;
}

const json_t *slurm_record_task(const struct slurm_record *r, uint32_t task)
{
	for (unsigned i = 0; i < r->rounds; i++) {
		const json_t *tasks = json_object_get(r->round[i], "tasks");
		if (task < json_array_size(tasks))
			return json_array_get(tasks, task);
		task -= (uint32_t)json_array_size(tasks);
	}
	return NULL;
}

char *slurm_task_path(const struct slurm_record *r, uint32_t task, int attempt)
{
	char *path = NULL;
	int n = attempt < 0 ? asprintf(&path, "%s/tasks/%u", r->dir, task)
			    : asprintf(&path, "%s/tasks/%u/%d", r->dir, task, attempt);
	return n < 0 ? NULL : path;
}

/* The array that has a task. */
static bool find_array(const struct slurm_record *r, uint32_t task, uint32_t *first, uint32_t *count)
{
	for (unsigned i = 0; i < r->rounds; i++) {
		size_t k;
		json_t *array;
		json_array_foreach(json_object_get(r->round[i], "arrays"), k, array) {
			*first = (uint32_t)json_integer_value(json_object_get(array, "first"));
			*count = (uint32_t)json_integer_value(json_object_get(array, "count"));
			if (task >= *first && task - *first < *count)
				return true;
		}
	}
	return false;
}

uint32_t slurm_array_length(const struct slurm_record *r, uint32_t first)
{
	uint32_t found, count;
	return find_array(r, first, &found, &count) && found == first ? count : 0;
}

char *slurm_task_log(const struct slurm_record *r, uint32_t task)
{
	uint32_t first = task, count;
	char name[SLURM_NAME_MAX], *path = NULL;
	find_array(r, task, &first, &count);
	slurm_job_name(r, first, name, sizeof(name));
	return asprintf(&path, "%s/logs/%s.%u.log", r->dir, name, task - first) < 0 ? NULL : path;
}

bool slurm_is_cancelled(const struct slurm_record *r)
{
	_cleanup_free_ char *path = path_join(r->dir, CANCELLED_FILE);
	return path && path_exists(path);
}

void slurm_job_name(const struct slurm_record *r, uint32_t first, char *out, size_t size)
{
	snprintf(out, size, "%s%s-%u", job_prefix, r->id, first);
}

void slurm_side_job_name(const struct slurm_record *r, const char *what, char *out, size_t size)
{
	snprintf(out, size, "%s%s-%s", job_prefix, r->id, what);
}

void slurm_probe_job_name(const struct slurm_record *r, const char *node, char *out, size_t size)
{
	snprintf(out, size, "%s%s-probe-%s", job_prefix, r->id, node);
}

int64_t slurm_job_first(const struct slurm_record *r, const char *name)
{
	size_t prefix = strlen(job_prefix), id = strlen(r->id);
	uint32_t first;
	if (strncmp(name, job_prefix, prefix) || strncmp(name + prefix, r->id, id) || name[prefix + id] != '-' ||
	    parse_u32_range(name + prefix + id + 1, 0, UINT32_MAX, &first) < 0)
		return -ENOENT;
	return first;
}
