/* SPDX-License-Identifier: GPL-2.0-only */
/* last_run.c -- see last_run.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/last_run.h"
#include "cli/out.h"

#define LAST_RUN_VERSION 1

/* Options that a replay sets itself, and those of output. */
static const char *const not_repeated[] = { "accel",	      "dry-run",   "eager",	 "filter",    "json",
					    "kernel",	      "keep-runs", "list",	 "relevant",  "report",
					    "seed",	      "trace",	   "partition",	 "base",      "base-ref",
					    "default-branch", "slurm",	   "slurm-jobs", "slurm-arg", "slurm-dir",
					    "detach",	      NULL };

char *last_run_root(void)
{
	const char *said = environment_get(ENV_SIDECAR_DIR);
	return said ? strdup(said) : rundir_root();
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static json_t *words_json(const struct session *s, const struct test_args *a)
{
	json_t *list = json_array();
	char **words = NULL;
	if (options_to_words(&cmd_test, a, not_repeated, &words) < 0)
		json_add(&list, NULL);
	for (size_t i = 0; words && words[i]; i++)
		json_add(&list, json_string(words[i]));
	strings_free(words);
	json_add(&list, json_sprintf("--accel=%s", s->accel.backend->name));
	return list;
}

/* Bytes that are not UTF-8 make the value NULL, and so the whole record: such a run cannot be repeated by it. */
static json_t *strings_json(const char *const *list, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		json_add(&array, json_string(list[i]));
	return array;
}

static json_t *environment_json(const struct session *s)
{
	json_t *o = json_object();
	for (char **e = s->environment; e && *e; e++) {
		_cleanup_free_ char *name = strndup(*e, strcspn(*e, "="));
		json_put(&o, name ?: "", name ? json_string(*e + strlen(name) + 1) : NULL);
	}
	const char *list = s->list.kernel.count ? environment_get(ENV_KERNEL_LIST) : NULL;
	if (list)
		json_put(&o, environment_variables[ENV_KERNEL_LIST].name, json_string(list));
	return o;
}

static json_t *new_record(const struct session *s, const struct test_args *a)
{
	_cleanup_free_ char *here = getcwd(NULL, 0);
	json_t *o = json_object();
	json_put_u64(&o, "version", LAST_RUN_VERSION);
	json_put(&o, "directory", here ? json_string(here) : NULL);
	json_put(&o, "seed", json_sprintf("0x%lx", s->seed));
	json_put(&o, "words", words_json(s, a));
	json_put(&o, "filter", a->filter ? json_string(a->filter) : json_null());
	json_put_bool(&o, "part", a->partition || environment_get(ENV_BUDGET_SECS) || a->relevant);
	json_put_bool(&o, "all_ignored", a->run_ignored == IGNORED_TOO);
	json_put_bool(&o, "gauntlet", a->gauntlet);
	json_put(&o, "paths", strings_json(a->paths.item, a->paths.count));
	json_put(&o, "environment", environment_json(s));
	json_put(&o, "kernels", json_array());
	json_put(&o, "tests", json_array());
	return o;
}

static json_t *kernel_json(const struct kernel *k)
{
	json_t *o = json_object();
	json_put(&o, "name", k->name ? json_string(k->name) : NULL);
	json_put(&o, "label", k->label ? json_string(k->label) : NULL);
	json_put_bool(&o, "image", k->image);
	return o;
}

static json_t *test_json(const struct session *s, const struct plan_case *c)
{
	const struct rundir *d = &s->rundir[c->kernel - s->kernel];
	_cleanup_free_ char *path = realpath(d->path, NULL);
	json_t *o = json_object();
	json_put(&o, "name", json_string(c->name));
	json_put_text(&o, "suite", path_basename(c->test->binary));
	json_put(&o, "run", path ? json_string(path) : NULL);
	return o;
}

static json_t *described_test_json(const struct session *s, const struct plan_case *c)
{
	json_t *o = json_object();
	json_put(&o, "name", json_string(c->name));
	json_put_text(&o, "suite", path_basename(c->test->binary));
	json_put_u64(&o, "kernel", (uint64_t)(c->kernel - s->kernel));
	return o;
}

json_t *last_run_describe(const struct session *s, const struct test_args *a)
{
	json_t *o = new_record(s, a), *kernels = json_array(), *tests = json_array();
	for (size_t i = 0; i < s->kernels; i++)
		json_add(&kernels, kernel_json(&s->kernel[i]));
	for (size_t i = 0; i < s->plan.count; i++)
		json_add(&tests, described_test_json(s, &s->plan.item[i]));
	json_put(&o, "kernels", kernels);
	json_put(&o, "tests", tests);
	return o;
}

/* A replay: its tests have their results in its directories now, because the commit of the project may be another. */
static int move_results(const struct session *s, const char *root, const char *path, struct err **err)
{
	json_auto_t *record = NULL, *runs = json_object();
	int r = last_run_read(root, &record, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->plan.count; i++)
		json_put(&runs, s->plan.item[i].name, test_json(s, &s->plan.item[i]));
	size_t i;
	json_t *test;
	if (!runs)
		return -ENOMEM;
	json_array_foreach(json_object_get(record, "tests"), i, test) {
		const json_t *now = json_object_get(runs, json_string_value(json_object_get(test, "name")));
		if (now && json_object_set(test, "run", json_object_get(now, "run")) < 0)
			return -ENOMEM;
	}
	return json_write_file(path, record, err);
}

static bool add_kernels_and_tests(const struct session *s)
{
	json_auto_t *kernels = json_incref(json_object_get(s->record, "kernels"));
	json_auto_t *tests = json_incref(json_object_get(s->record, "tests"));
	for (size_t i = s->first; i < s->kernels; i++)
		json_add(&kernels, kernel_json(&s->kernel[i]));
	for (size_t i = 0; i < s->plan.count; i++)
		json_add(&tests, test_json(s, &s->plan.item[i]));
	return kernels && tests;
}

/* Not an error of the run, whose tests are not to be lost for it. */
static void warn(const struct err *why)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	err_format(why, &text);
	say_printf("warning: 'ktstr replay' will not know this run: %s\n", buf_str(&text));
}

/* Forgets the record of an earlier run, which must not be taken for this one's. */
static int write_or_forget(const char *path, const json_t *record)
{
	_cleanup_err_ struct err *why = NULL;
	if (record && json_write_file(path, record, &why) == 0)
		return 0;
	if (why)
		warn(why);
	unlink(path);
	return 0;
}

int last_run_write(struct session *s, const struct test_args *a, struct err **err)
{
	_cleanup_free_ char *root = last_run_root(), *path = root ? path_join(root, LAST_RUN_FILE) : NULL;
	if (path && a->is_replay)
		return move_results(s, root, path, err);
	if (!s->record)
		s->record = new_record(s, a);
	bool made = path && add_kernels_and_tests(s);
	return path ? write_or_forget(path, made ? s->record : NULL) : 0;
}

int last_run_write_described(json_t *record, const struct rundir *dir, const char *const *kernel_names, size_t kernels,
			     struct err **err)
{
	_cleanup_free_ char *root = last_run_root(), *path = root ? path_join(root, LAST_RUN_FILE) : NULL;
	size_t i;
	json_t *item;
	if (!path)
		return -ENOMEM;
	json_array_foreach(json_object_get(record, "tests"), i, item) {
		uint64_t kernel = (uint64_t)json_integer_value(json_object_get(item, "kernel"));
		_cleanup_free_ char *of = kernel < kernels ? realpath(dir[kernel].path, NULL) : NULL;
		if (!of)
			return FAIL(err, ERR_DATA, -EBADMSG, "the run has no results of kernel %lu", kernel);
		json_put_text(&item, "run", of);
	}
	/* A kernel that was built for the run has its name only now. */
	json_array_foreach(json_object_get(record, "kernels"), i, item)
		if (i < kernels && kernel_names[i])
			json_put_text(&item, "name", kernel_names[i]);
	return write_or_forget(path, record);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static bool is_list_of(const json_t *list, json_type type)
{
	size_t i;
	json_t *value;
	json_array_foreach(list, i, value)
		if (json_typeof(value) != type)
			return false;
	return json_is_array(list);
}

static bool has_strings(const json_t *list, const char *const *keys)
{
	size_t i;
	json_t *value;
	json_array_foreach(list, i, value)
		for (const char *const *key = keys; *key; key++)
			if (!json_is_string(json_object_get(value, *key)))
				return false;
	return true;
}

static bool is_valid(json_t *o)
{
	static const char *const kernel_keys[] = { "name", "label", NULL };
	static const char *const test_keys[] = { "name", "suite", "run", NULL };
	const char *name;
	json_t *value;
	const json_t *kernels = json_object_get(o, "kernels"), *tests = json_object_get(o, "tests");
	json_object_foreach(json_object_get(o, "environment"), name, value)
		if (!json_is_string(value))
			return false;
	return json_is_string(json_object_get(o, "directory")) && json_is_string(json_object_get(o, "seed")) &&
	       is_list_of(json_object_get(o, "words"), JSON_STRING) &&
	       is_list_of(json_object_get(o, "paths"), JSON_STRING) &&
	       json_is_object(json_object_get(o, "environment")) && is_list_of(kernels, JSON_OBJECT) &&
	       has_strings(kernels, kernel_keys) && is_list_of(tests, JSON_OBJECT) && has_strings(tests, test_keys);
}

int last_run_read(const char *root, json_t **ret, struct err **err)
{
	_cleanup_free_ char *path = path_join(root, LAST_RUN_FILE);
	uint64_t version;
	if (!path)
		return -ENOMEM;
	if (!path_exists(path))
		return FAIL(err, ERR_DATA, -ENOENT,
			    "there is no run in '%s' that could be repeated; 'ktstr test' makes one, and --dir names "
			    "another directory of runs",
			    root);
	json_auto_t *o = NULL;
	int r = json_read_file(path, &o, err);
	if (r == 0)
		r = json_get_u64(o, "version", &version, NULL);
	if (r == 0 && (version != LAST_RUN_VERSION || !is_valid(o)))
		r = -EBADMSG;
	if (r < 0)
		return FAIL(err, ERR_DATA, r, "'%s' is not the record of a run; run 'ktstr test' again", path);
	*ret = TAKE_PTR(o);
	return 0;
}
