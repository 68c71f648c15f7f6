/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * slurm_task.c -- one task of a run on Slurm, on a node. It runs its tests as `ktstr test` does, and its results go to
 * a directory of this attempt. A task that Slurm starts again runs what earlier attempts left.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/slurm.h"
#include "cli/test_session.h"
#include "reactor/child.h"
#include "slurm/stage.h"

static const int guarded_signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };

struct task {
	struct slurm_record record;
	uint32_t number;
	int attempt;
	char *dir;	       /* of this attempt */
	struct test_part part; /* its names are borrowed */
	const json_t *task;
	unsigned died; /* earlier attempts that ended without saying so */
	char **words;
	size_t word_count;
};

static void task_done(struct task *t)
{
	slurm_record_done(&t->record);
	free(t->dir);
	free(t->part.names);
	strings_free(t->words);
}

/* --- earlier attempts --------------------------------------------------------------------------------------------- */

/* Names of tests that have a result are put into @done. */
static void read_attempt(struct task *t, int attempt, json_t **done)
{
	_cleanup_free_ char *dir = slurm_task_path(&t->record, t->number, attempt);
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
		/* The attempt has ended, so nothing is waited for. */
		if (name && sidecar && json_is_true(json_object_get(event, "final")) && path_exists(sidecar) &&
		    slurm_result_use(dir, event, sidecar) != RESULT_VOID)
			json_put(done, name, json_true());
	}
}

/* The first number that no attempt has: an earlier attempt may still run on a node that Slurm lost sight of. */
static int claim_attempt(struct task *t, json_t **done, struct err **err)
{
	_cleanup_free_ char *all = slurm_task_path(&t->record, t->number, -1);
	if (!all)
		return -ENOMEM;
	if (mkdir(all, 0755) < 0 && errno != EEXIST)
		return FAIL_SYS(err, -errno, "create '%s'", all);
	for (t->attempt = 0; t->attempt < FOLLOW_ATTEMPTS_MAX; t->attempt++) {
		t->dir = slurm_task_path(&t->record, t->number, t->attempt);
		if (!t->dir)
			return -ENOMEM;
		if (mkdir(t->dir, 0755) == 0)
			return 0;
		if (errno != EEXIST)
			return FAIL_SYS(err, -errno, "create '%s'", t->dir);
		free(TAKE_PTR(t->dir));
		read_attempt(t, t->attempt, done);
	}
	return FAIL(err, ERR_IMPOSSIBLE, -ELOOP, "the task was started %d times", FOLLOW_ATTEMPTS_MAX);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The tests of the task that have no result yet. */
static int take_tests(struct task *t, const json_t *done)
{
	const json_t *cases = json_object_get(t->task, "cases");
	size_t i;
	json_t *number;
	t->part.names = calloc(json_array_size(cases) + 1, sizeof(*t->part.names));
	if (!t->part.names)
		return -ENOMEM;
	json_array_foreach(cases, i, number) {
		struct slurm_case c;
		slurm_record_case(&t->record, (size_t)json_integer_value(number), &c);
		if (!json_object_get(done, c.name))
			t->part.names[t->part.count++] = c.name;
	}
	qsort(t->part.names, t->part.count, sizeof(*t->part.names), compare_names);
	t->part.labels = json_is_true(json_object_get(t->record.manifest, "labels"));
	t->part.commit = slurm_record_text(&t->record, "commit");
	return 0;
}

static int open_task(struct task *t, const char *dir, const char *number, struct err **err)
{
	json_auto_t *done = json_object();
	if (parse_u32_range(number, 0, UINT32_MAX - 1, &t->number) < 0)
		return FAIL(err, ERR_USAGE, -EINVAL, "'%s' is not the number of a task", number);
	int r = slurm_record_open(&t->record, dir, err);
	if (r < 0)
		return r;
	t->task = slurm_record_task(&t->record, t->number);
	if (!t->task)
		return FAIL(err, ERR_DATA, -ENOENT, "the run %s has no task %u", t->record.id, t->number);
	r = claim_attempt(t, &done, err);
	return r == 0 ? take_tests(t, done) : r;
}

/* --- kernels ------------------------------------------------------------------------------------------------------ */

static bool task_needs_kernel(const struct task *t, size_t kernel)
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

/* Takes the kernel from the run's directory, unless the node has it. What arrives otherwise than it left is refused. */
static int fetch_kernel(const struct task *t, const struct cache *cache, const json_t *kernel, struct err **err)
{
	const char *key = json_string_value(json_object_get(kernel, "key"));
	const char *wanted = json_string_value(json_object_get(kernel, "digest"));
	char digest[STAGE_DIGEST_MAX] = "", holder[128];
	enum work_stage stage;
	_cleanup_free_ char *work = NULL, *copy = NULL, *from = NULL, *kernels = path_join(t->record.dir, "kernels");
	_cleanup_(entry_done) struct cache_entry entry = { 0 };
	_cleanup_close_ int lock = -1;
	if (cache_get(cache, key, &entry) == 0 && !entry.error_kind && cache_check_entry(&entry, NULL) == 0)
		return 0;
	int r = 0;
	/* Another task of this node may be copying it. */
	for (unsigned i = 0; (r = cache_lock(cache, key, &lock, holder, sizeof(holder), NULL)) == -EBUSY && i < 600;
	     i++)
		nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
	if (r < 0)
		return FAIL_SYS(err, r, "lock the cache for kernel '%s' on this node", key);
	entry_done(&entry);
	entry = (struct cache_entry){ 0 };
	if (cache_get(cache, key, &entry) == 0 && !entry.error_kind && cache_check_entry(&entry, NULL) == 0)
		return 0;
	r = cache_workdir(cache, key, &work, &stage, err);
	if (r < 0)
		return r;
	from = kernels ? path_join(kernels, key) : NULL;
	copy = path_join(work, "entry");
	r = from && copy ? stage_copy(from, copy, digest, err) : -ENOMEM;
	if (r == 0 && wanted && strcmp(digest, wanted))
		r = FAIL(err, ERR_DATA, -EBADMSG, "kernel '%s' arrived damaged on this node", key);
	if (r == 0)
		r = cache_publish(cache, key, copy, err);
	cache_work_remove(work, NULL);
	return r;
}

/* Names the kernels of the task as the whole run does: LABEL=KERNEL;... */
static int set_kernels(const struct task *t, struct err **err)
{
	_cleanup_(cache_done) struct cache cache = { 0 };
	_cleanup_buf_ struct buf list = BUF_NULL;
	size_t i;
	json_t *kernel;
	int r = cache_open(&cache, err);
	json_array_foreach(json_object_get(t->record.manifest, "kernels"), i, kernel) {
		const char *name = json_string_value(json_object_get(kernel, "name"));
		if (r < 0 || !name || !task_needs_kernel(t, i))
			continue;
		if (json_is_string(json_object_get(kernel, "key")))
			r = fetch_kernel(t, &cache, kernel, err);
		buf_appendf(&list, "%s%s=%s", list.len ? ";" : "", json_string_value(json_object_get(kernel, "label")),
			    name);
	}
	if (r < 0 || list.failed)
		return r < 0 ? r : -ENOMEM;
	unsetenv(environment_variables[ENV_TEST_KERNEL].name);
	return setenv(environment_variables[ENV_KERNEL_LIST].name, buf_str(&list), true) < 0 ? -ENOMEM : 0;
}

/* --- the command line of `ktstr test` ----------------------------------------------------------------------------- */

static int add_word(struct task *t, char *word)
{
	char **more = word ? reallocarray(t->words, t->word_count + 2, sizeof(*more)) : NULL;
	if (!more) {
		free(word);
		return -ENOMEM;
	}
	t->words = more;
	more[t->word_count++] = word;
	more[t->word_count] = NULL;
	return 0;
}

/* The test binary under its own path if this node has the same file there, else the copy in the run's directory. */
static char *suite_path(const struct task *t, const json_t *suite, size_t i)
{
	const char *path = json_string_value(json_object_get(suite, "path")) ?: "";
	const char *wanted = json_string_value(json_object_get(suite, "digest")) ?: "";
	char digest[STAGE_DIGEST_MAX] = "", *copy = NULL;
	if (stage_digest(path, digest, NULL) == 0 && !strcmp(digest, wanted))
		return strdup(path);
	return asprintf(&copy, "%s/tests/%zu/%s", t->record.dir, i, path_basename(path)) < 0 ? NULL : copy;
}

static int make_words(struct task *t)
{
	size_t i;
	json_t *item;
	char *word = NULL;
	int r = 0;
	json_array_foreach(json_object_get(t->record.manifest, "words"), i, item)
		r = r == 0 ? add_word(t, strdup(json_string_value(item) ?: "")) : r;
	if (r == 0 && asprintf(&word, "--report=ndjson=%s/" EVENTS_FILE, t->dir) >= 0)
		r = add_word(t, word);
	word = NULL;
	if (r == 0 && asprintf(&word, "--jobs=%lld", json_integer_value(json_object_get(t->task, "places"))) >= 0)
		r = add_word(t, word);
	json_array_foreach(json_object_get(t->record.manifest, "suites"), i, item)
		r = r == 0 ? add_word(t, suite_path(t, item, i)) : r;
	return r;
}

static int run_tests(struct task *t, struct err **err)
{
	struct test_args args = { .part = &t->part };
	/* Paths in the words are relative to where the run was submitted, if the node has that directory. */
	if (chdir(slurm_record_text(&t->record, "directory")) < 0)
		say_printf("note: this node has no directory '%s'\n", slurm_record_text(&t->record, "directory"));
	unsetenv(environment_variables[ENV_BUDGET_SECS].name);
	if (setenv(environment_variables[ENV_SIDECAR_DIR].name, t->dir, true) < 0)
		return -ENOMEM;
	int r = set_kernels(t, err);
	if (r == 0)
		r = make_words(t);
	if (r == 0)
		r = options_parse(&cmd_test, t->words, &args, err);
	return r == 0 ? test_run(&args, err) : r;
}

/* --- two processes ------------------------------------------------------------------------------------------------ */

static int write_ending(const struct task *t)
{
	_cleanup_free_ char *path = path_join(t->dir, ENDING_FILE);
	return path ? file_write_atomic(path, "", 0, 0644, NULL) : -ENOMEM;
}

/* The last file of an attempt. Tests that an attempt gave back run elsewhere, and are not lost. */
static int write_done(const struct task *t, int status, struct err **err)
{
	_cleanup_free_ char *path = path_join(t->dir, DONE_FILE), *ending = path_join(t->dir, ENDING_FILE);
	json_auto_t *o = json_object();
	char how[64];
	json_put_bool(&o, "given_back", ending && path_exists(ending));
	json_put_text(&o, "end", child_describe(status, how, sizeof(how)));
	return path && o ? json_write_file(path, o, err) : -ENOMEM;
}

/*
 * Waits for the process that runs the tests. Slurm's signals reach both processes; the first one of them is noted at
 * once, because tests that fail from then on were ended by it.
 */
static int guard(const struct task *t, pid_t child, const sigset_t *set, struct err **err)
{
	bool told = false;
	int status;
	for (;;) {
		int sig = sigwaitinfo(set, NULL);
		if (sig > 0 && sig != SIGCHLD && !told) {
			told = true;
			write_ending(t);
			kill(child, SIGTERM);
		}
		if (waitpid(child, &status, WNOHANG) == child)
			break;
	}
	int r = write_done(t, status, err);
	return r < 0 ? r : WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

/* Forks before anything else is started. The child returns from here as an ordinary `ktstr test`. */
static int run_guarded(struct task *t, struct err **err)
{
	sigset_t set, before;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(guarded_signals); i++)
		sigaddset(&set, guarded_signals[i]);
	sigprocmask(SIG_BLOCK, &set, &before);
	pid_t child = fork();
	if (child < 0)
		return FAIL_SYS(err, -errno, "start a process for the tests");
	if (child)
		return guard(t, child, &set, err);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return t->part.count && t->died < FOLLOW_LOSSES_MAX ? run_tests(t, err) : 0;
}

int slurm_task_main(char **argv, struct err **err)
{
	_cleanup_(task_done) struct task t = { 0 };
	if (!argv[0] || !argv[1])
		return FAIL(err, ERR_USAGE, -EINVAL, "slurm task: the directory of a run and a number are needed");
	int r = open_task(&t, argv[0], argv[1], err);
	if (r < 0)
		return r;
	if (t.died >= FOLLOW_LOSSES_MAX)
		say_printf("note: the task died %u times and is not run again\n", t.died);
	return run_guarded(&t, err);
}
