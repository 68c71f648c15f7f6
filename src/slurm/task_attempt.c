/* SPDX-License-Identifier: GPL-2.0-only */
/* task_attempt.c -- see task_attempt.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "run/list_json.h"
#include "slurm/task_attempt.h"
#include "slurm/built.h"
#include "slurm/files.h"
#include "slurm/node_kernel.h"
#include "slurm/stage.h"

void task_attempt_done(struct task_attempt *t)
{
	slurm_record_done(&t->record);
	free(t->dir);
	free(t->names);
}

bool task_attempt_has_work(const struct task_attempt *t)
{
	return t->count && t->died < FOLLOW_LOSSES_MAX;
}

/* --- earlier attempts --------------------------------------------------------------------------------------------- */

/* Names of tests that have a result are put into @done. */
static void read_attempt(struct task_attempt *t, int number, json_t **done)
{
	_cleanup_free_ char *dir = slurm_task_path(&t->record, t->number, number);
	_cleanup_free_ char *events = dir ? path_join(dir, EVENTS_FILE) : NULL;
	_cleanup_free_ char *end = dir ? path_join(dir, DONE_FILE) : NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
	t->died += end && !path_exists(end);
	if (!events || !path_exists(events) || file_read(events, BUF_BYTES_MAX / 2, &text, NULL) < 0)
		return;
	for (const char *line = buf_str(&text), *next; (next = strchr(line, '\n')); line = next + 1) {
		json_auto_t *event = json_loadb(line, (size_t)(next - line), 0, NULL);
		const char *name = json_string_value(json_object_get(event, "name"));
		const char *sidecar = json_string_value(json_object_get(event, "sidecar"));
		if (name && sidecar && json_is_true(json_object_get(event, "final")) && path_exists(sidecar) &&
		    slurm_result_use(dir, event, sidecar, ATTEMPT_ENDED) == RESULT_COUNTS &&
		    slurm_result_is_sound(event, sidecar))
			json_put(done, name, json_true());
	}
}

/* The first number that no attempt has: an earlier attempt may still run on a node that Slurm lost sight of. */
static int claim_attempt(struct task_attempt *t, json_t **done, struct err **err)
{
	_cleanup_free_ char *all = slurm_task_path(&t->record, t->number, -1);
	if (!all)
		return -ENOMEM;
	if (mkdir(all, 0755) < 0 && errno != EEXIST)
		return FAIL_SYS(err, -errno, "create '%s'", all);
	for (int i = 0; i < FOLLOW_ATTEMPTS_MAX; i++) {
		t->dir = slurm_task_path(&t->record, t->number, i);
		if (!t->dir)
			return -ENOMEM;
		if (mkdir(t->dir, 0755) == 0)
			return 0;
		if (errno != EEXIST)
			return FAIL_SYS(err, -errno, "create '%s'", t->dir);
		free(TAKE_PTR(t->dir));
		read_attempt(t, i, done);
	}
	return FAIL(err, ERR_IMPOSSIBLE, -ELOOP, "the task was started %d times", FOLLOW_ATTEMPTS_MAX);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The tests of the task that have no result yet. */
static int take_tests(struct task_attempt *t, const json_t *done)
{
	const json_t *cases = json_object_get(t->task, "cases");
	size_t i;
	json_t *number;
	t->names = calloc(json_array_size(cases) + 1, sizeof(*t->names));
	if (!t->names)
		return -ENOMEM;
	json_array_foreach(cases, i, number) {
		struct slurm_case c;
		slurm_record_case(&t->record, (size_t)json_integer_value(number), &c);
		if (!json_object_get(done, c.name))
			t->names[t->count++] = c.name;
	}
	qsort(t->names, t->count, sizeof(*t->names), compare_names);
	return 0;
}

int task_attempt_open(struct task_attempt *t, const char *dir, const char *number, struct err **err)
{
	json_auto_t *done = json_object();
	if (parse_u32_range(number, 0, UINT32_MAX - 1, &t->number) < 0)
		return FAIL(err, ERR_USAGE, -EINVAL, "'%s' is not the number of a task", number);
	int r = slurm_record_open(&t->record, dir, err);
	if (r < 0)
		return r;
	/* The array waits for the job that builds, so its result is there. */
	r = slurm_built_read(&t->record, err);
	if (r == 0)
		r = FAIL(err, ERR_MISSING, -ENOENT, "the kernels of the run %s are not built yet", t->record.id);
	if (r < 0)
		return r;
	t->task = slurm_record_task(&t->record, t->number);
	if (!t->task)
		return FAIL(err, ERR_DATA, -ENOENT, "the run %s has no task %u", t->record.id, t->number);
	r = claim_attempt(t, &done, err);
	return r == 0 ? take_tests(t, done) : r;
}

/* --- kernels ------------------------------------------------------------------------------------------------------ */

static bool task_needs_kernel(const struct task_attempt *t, size_t kernel)
{
	size_t i;
	json_t *number;
	json_array_foreach(json_object_get(t->task, "cases"), i, number) {
		struct slurm_case c;
		slurm_record_case(&t->record, (size_t)json_integer_value(number), &c);
		if (c.kernel == kernel)
			return true;
	}
	return false;
}

/* Names the kernels of the task as the whole run does: LABEL=KERNEL;... */
int task_attempt_kernels(const struct task_attempt *t, struct reactor *r, char **ret, struct err **err)
{
	_cleanup_buf_ struct buf list = BUF_NULL;
	size_t i;
	json_t *kernel;
	int result = 0;
	json_array_foreach(json_object_get(t->record.manifest, "kernels"), i, kernel) {
		const char *name = json_string_value(json_object_get(kernel, "name"));
		const char *key = json_string_value(json_object_get(kernel, "key"));
		if (result < 0 || !name || !task_needs_kernel(t, i))
			continue;
		if (key)
			result = node_kernel_fetch(r, &t->record, key,
						   json_string_value(json_object_get(kernel, "digest")), err);
		buf_appendf(&list, "%s%s=%s", list.len ? ";" : "", json_string_value(json_object_get(kernel, "label")),
			    name);
	}
	if (result < 0)
		return result;
	*ret = list.failed ? NULL : strdup(buf_str(&list));
	return *ret ? 0 : -ENOMEM;
}

/* --- the command line of `ktstr test` ----------------------------------------------------------------------------- */

struct words {
	char **item; /* NULL-terminated */
	size_t count;
};

static int add_word(struct words *w, char *word)
{
	char **more = word ? reallocarray(w->item, w->count + 2, sizeof(*more)) : NULL;
	if (!more) {
		free(word);
		return -ENOMEM;
	}
	w->item = more;
	more[w->count++] = word;
	more[w->count] = NULL;
	return 0;
}

/*
 * Adds the program under its own path if this node has the same file there, else the copy in the run's directory.
 * @option: that names it; "": it is an operand.
 */
static int add_program(const struct task_attempt *t, struct words *w, const char *option, const json_t *program,
		       const char *below, size_t i)
{
	const char *path = json_string_value(json_object_get(program, "path")) ?: "";
	const char *wanted = json_string_value(json_object_get(program, "digest")) ?: "";
	char digest[STAGE_DIGEST_MAX] = "", *word = NULL;
	bool same = stage_digest(path, digest, NULL) == 0 && !strcmp(digest, wanted);
	int n = same ? asprintf(&word, "%s%s", option, path)
		     : asprintf(&word, "%s%s/%s/%zu/%s", option, t->record.dir, below, i, path_basename(path));
	return n < 0 ? -ENOMEM : add_word(w, word);
}

static int make_words(const struct task_attempt *t, struct words *w)
{
	size_t i;
	json_t *item;
	char *word = NULL;
	int r = 0;
	json_array_foreach(json_object_get(t->record.manifest, "words"), i, item)
		r = r == 0 ? add_word(w, strdup(json_string_value(item) ?: "")) : r;
	if (r == 0 && asprintf(&word, "--report=ndjson=%s/" EVENTS_FILE, t->dir) >= 0)
		r = add_word(w, word);
	word = NULL;
	if (r == 0 && asprintf(&word, "--jobs=%lld", json_integer_value(json_object_get(t->task, "places"))) >= 0)
		r = add_word(w, word);
	json_array_foreach(json_object_get(t->record.manifest, "schedulers"), i, item)
		r = r == 0 ? add_program(t, w, "--scheduler-bin=", item, "schedulers", i) : r;
	json_array_foreach(json_object_get(t->record.manifest, "suites"), i, item)
		r = r == 0 ? add_program(t, w, "", item, "tests", i) : r;
	return r;
}

char **task_attempt_words(const struct task_attempt *t)
{
	struct words w = { 0 };
	if (make_words(t, &w) == 0)
		return w.item;
	strings_free(w.item);
	return NULL;
}
