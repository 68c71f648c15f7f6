/* SPDX-License-Identifier: GPL-2.0-only */
/* runs.c -- prepares points of a history, and runs the test at them; see bisect.h. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/environment.h"
#include "base/exit_status.h"
#include "base/file.h"
#include "base/json.h"
#include "base/result_name.h"
#include "base/text.h"
#include "bisect/bisect.h"
#include "kernel/cache.h"
#include "kernel/git.h"
#include "results/one.h"
#include "worktree/program.h"

#define SEEDS_PER_POINT 100003 /* runs at different points have different seeds */
#define WORDS_MAX	200
#define LOG		"run.log"
#define ERROR_MARK	"error: "

int bisect_bench_open(struct bisect_bench *b, const struct bisect_settings *s, const struct bisect_points *p,
		      struct err **err)
{
	_cleanup_free_ char *root = NULL;
	*b = (struct bisect_bench){ .settings = s, .points = p };
	for (size_t i = 0; i < BISECT_KEEP; i++)
		b->place[i].tree = WORKTREE_NULL;
	b->is_ready = calloc(p->history.count, sizeof(*b->is_ready));
	int r = cache_sibling_find("bisect", &root, err);
	if (r < 0)
		return r;
	if (!b->is_ready || asprintf(&b->dir, "%s/run-%d", root, getpid()) < 0)
		return b->dir = NULL, -ENOMEM;
	r = remove_tree(b->dir, err);
	if (r == 0)
		r = mkdir_parents(b->dir, 0755, err);
	return r < 0 ? err_wrap(err, r, BISECT_NEEDS_CACHE) : 0;
}

void bisect_bench_done(struct bisect_bench *b)
{
	for (size_t i = 0; i < BISECT_KEEP && b->points; i++)
		worktree_done(b->points->project, &b->place[i].tree);
	if (b->dir)
		remove_tree(b->dir, NULL);
	free(b->dir);
	free(b->is_ready);
	*b = (struct bisect_bench){ 0 };
}

/* --- check-outs --------------------------------------------------------------------------------------------------- */

static struct bisect_place *find_place(struct bisect_bench *b, size_t point)
{
	for (size_t i = 0; i < BISECT_KEEP; i++)
		if (b->place[i].is_used && b->place[i].point == point)
			return &b->place[i];
	return NULL;
}

static void give_up(struct bisect_bench *b, struct bisect_place *place)
{
	if (place->is_used)
		b->is_ready[place->point] = false;
	worktree_done(b->points->project, &place->tree);
	place->is_used = false;
}

/* A free one, or that of the check-out that was not used for longest. */
static struct bisect_place *make_place(struct bisect_bench *b)
{
	struct bisect_place *oldest = &b->place[0];
	for (size_t i = 0; i < BISECT_KEEP && oldest->is_used; i++)
		if (!b->place[i].is_used || b->place[i].used < oldest->used)
			oldest = &b->place[i];
	give_up(b, oldest);
	return oldest;
}

static void copy_reason(char reason[BISECT_REASON_MAX], const struct err *err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	err_format(err, &text);
	text_copy_line(reason, BISECT_REASON_MAX, buf_str(&text), strlen(buf_str(&text)));
}

/* A commit that cannot be built, or lacks the directory, is no reason to stop. */
static bool is_of_commit(int r, const struct err *e)
{
	enum err_kind kind = err_kind_of(e);
	return (r == -EIO && kind == ERR_DATA) || (r == -ENOENT && kind == ERR_USAGE);
}

static int check_out(struct bisect_bench *b, size_t point, struct bisect_place *place, struct err **err)
{
	const struct bisect_settings *s = b->settings;
	struct worktree_spec spec = { .word = "bisect", .phrase = "the commit" };
	snprintf(spec.commit, sizeof(spec.commit), "%s", b->points->point[point].key);
	worktree_set_label(&spec, false);
	int r = project_tree(b->points->project, spec.commit, spec.tree, err);
	if (r == 0)
		r = worktree_make(b->points->project, &spec, s->say, &place->tree, err);
	if (r < 0)
		return r;
	place->is_used = true;
	place->point = point;
	b->builds++;
	return worktree_build(&place->tree, &spec, s->build, s->say, err);
}

int bisect_prepare(struct bisect_bench *b, size_t point, char reason[BISECT_REASON_MAX], struct err **err)
{
	_cleanup_err_ struct err *why = NULL;
	struct bisect_place *place = find_place(b, point);
	*reason = '\0';
	if (b->settings->kind == BISECT_COMMITS && !place) {
		place = make_place(b);
		int r = check_out(b, point, place, &why);
		if (r < 0) {
			give_up(b, place);
			copy_reason(reason, why);
			if (is_of_commit(r, why))
				return 1;
			if (err)
				*err = TAKE_PTR(why);
			return r;
		}
	}
	if (place)
		place->used = ++b->clock;
	b->is_ready[point] = true;
	return 0;
}

/* --- command lines ------------------------------------------------------------------------------------------------ */

struct words {
	char *item[WORDS_MAX + 1];
	size_t count;
	bool failed;
};

static void add_word(struct words *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void add_word(struct words *w, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (w->count < WORDS_MAX && vasprintf(&w->item[w->count], fmt, ap) >= 0)
		w->item[++w->count] = NULL;
	else
		w->failed = true;
	va_end(ap);
}

static void words_done(struct words *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->item[i]);
	*w = (struct words){ 0 };
}

static void add_kernel(const struct bisect_bench *b, size_t point, struct words *w)
{
	const struct bisect_settings *s = b->settings;
	if (s->kind == BISECT_KERNELS)
		add_word(w, "--kernel=%s", b->points->point[point].key);
	else if (s->kind == BISECT_TREE)
		add_word(w, "--kernel=git+file://%s#%s", b->points->tree, b->points->point[point].key);
	else if (s->kernel)
		add_word(w, "--kernel=%s", s->kernel);
}

/* @scenario: the file of a point that is one; or NULL. */
static void make_words(const struct bisect_bench *b, size_t point, unsigned run, const char *program,
		       const char *scenario, struct words *w)
{
	const struct bisect_settings *s = b->settings;
	add_word(w, "%s", program);
	add_word(w, "test");
	for (size_t i = 0; s->options[i]; i++)
		add_word(w, "%s", s->options[i]);
	add_kernel(b, point, w);
	/* A seed that fails at one point is likely to fail at others, and would count twice: each point has its own. */
	uint64_t number = point * SEEDS_PER_POINT + run;
	add_word(w, "--seed=%lu", s->seed + (s->perturb ? 0 : number));
	if (s->perturb)
		add_word(w, "--perturb=seed=%lu%s", s->perturb_seed + number, s->perturb);
	if (s->filter && !scenario)
		add_word(w, "--filter=%s", s->filter);
	add_word(w, "--");
	if (scenario)
		add_word(w, "%s", scenario);
	for (size_t i = 0; !scenario && s->paths[i]; i++)
		add_word(w, "%s", s->paths[i]);
}

/* The scenario file with the first arguments of its scheduler; a new reference. */
static json_t *with_arguments(const json_t *scenario, size_t count)
{
	json_t *copy = json_deep_copy(scenario);
	json_t *args = json_object_get(json_array_get(json_object_get(copy, "schedulers"), 0), "args");
	while (json_array_size(args) > count)
		json_array_remove(args, json_array_size(args) - 1);
	return copy;
}

void bisect_command_line(const struct bisect_bench *b, size_t point, unsigned run, struct buf *out)
{
	struct words w = { 0 };
	const struct bisect_settings *s = b->settings;
	make_words(b, point, run, "ktstr", s->scenario ? "FILE.json" : NULL, &w);
	for (size_t i = 0; s->environment[i]; i++)
		buf_appendf(out, "%s ", s->environment[i]);
	for (size_t i = 0; i < w.count; i++) {
		buf_puts(out, i ? " " : "");
		text_append_quoted(out, w.item[i]);
	}
	words_done(&w);
}

/* --- runs --------------------------------------------------------------------------------------------------------- */

/* One run, and what it needs. */
struct slot {
	struct words words;
	char *results, *log, *scenario, *sidecars;
	const char **environment;
	int status;
};

static void slot_done(struct slot *s)
{
	words_done(&s->words);
	free(s->results);
	free(s->log);
	free(s->scenario);
	free(s->sidecars);
	free(s->environment);
}

static int write_scenario(const struct bisect_bench *b, size_t point, const char *path, struct err **err)
{
	json_auto_t *file = with_arguments(b->settings->scenario, point);
	return file ? json_write_file(path, file, err) : -ENOMEM;
}

static int set_environment(const struct bisect_bench *b, struct slot *s)
{
	size_t count = 0;
	while (b->settings->environment[count])
		count++;
	s->environment = calloc(count + 2, sizeof(*s->environment));
	if (!s->environment ||
	    asprintf(&s->sidecars, "%s=%s", environment_variables[ENV_SIDECAR_DIR].name, s->results) < 0)
		return s->sidecars = NULL, -ENOMEM;
	memcpy(s->environment, b->settings->environment, count * sizeof(*s->environment));
	s->environment[count] = s->sidecars;
	return 0;
}

static int slot_open(const struct bisect_bench *b, size_t point, unsigned run, unsigned number, struct slot *s,
		     struct err **err)
{
	char name[32];
	*s = (struct slot){ 0 };
	snprintf(name, sizeof(name), "%u", number);
	s->results = path_join(b->dir, name);
	s->log = s->results ? path_join(s->results, LOG) : NULL;
	snprintf(name, sizeof(name), "%u.scenario.json", number);
	if (b->settings->kind == BISECT_ARGUMENTS)
		s->scenario = path_join(b->dir, name);
	int r = s->log ? remove_tree(s->results, err) : -ENOMEM;
	if (r == 0)
		r = mkdir_parents(s->results, 0755, err);
	if (r == 0 && s->scenario)
		r = write_scenario(b, point, s->scenario, err);
	if (r == 0)
		r = set_environment(b, s);
	if (r == 0)
		make_words(b, point, run, b->settings->program, s->scenario, &s->words);
	return r == 0 && s->words.failed ? -ENOMEM : r;
}

/* The line of the output that says why. */
static void read_reason(const struct slot *s, char out[BISECT_REASON_MAX])
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	file_read(s->log, 1 << 20, &text, NULL);
	const char *line = strstr(buf_str(&text), ERROR_MARK);
	if (line)
		text_copy_line(out, BISECT_REASON_MAX, line + strlen(ERROR_MARK),
			       strcspn(line, "\n") - strlen(ERROR_MARK));
	else
		snprintf(out, BISECT_REASON_MAX, "'ktstr test' ended with status %d and no result", s->status);
}

/* Another failure, a skip or an inconclusive run neither shows the fault nor its absence. */
static void judge_result(const json_t *result, unsigned run, char wanted[FAILURE_NAME_MAX], struct bisect_tally *t)
{
	char name[FAILURE_NAME_MAX];
	const char *verdict = json_string_value(json_object_get(result, "verdict")) ?: "";
	bool failed = failure_name(result, name);
	if (failed && !*wanted)
		memcpy(wanted, name, FAILURE_NAME_MAX);
	if (failed && !strcmp(name, wanted)) {
		t->failing_run = t->failed ? t->failing_run : run;
		t->failed++;
	} else if (!strcmp(verdict, "pass")) {
		t->passed++;
	} else {
		t->unusable++;
		text_copy_line(t->last, sizeof(t->last), name, strlen(name));
	}
}

static int judge_run(const struct slot *s, unsigned run, char wanted[FAILURE_NAME_MAX], struct bisect_tally *t,
		     struct err **err)
{
	json_t *result = NULL;
	if (s->status == EXIT_INTERRUPTED)
		return FAIL(err, ERR_INTERRUPTED, -ECANCELED, "interrupted");
	if (result_count(s->results, SIDECAR_SUFFIX) > 1)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "bisect: the filter selects more than one test; name one: -E 'test(=ktstr/NAME)'");
	if (result_read_one(s->results, SIDECAR_SUFFIX, &result) == 0) {
		judge_result(result, run, wanted, t);
	} else {
		t->unusable++;
		t->refused = true;
		read_reason(s, t->last);
	}
	json_decref(result);
	/* That is not the point's fault, and must not be kept as if it were. */
	if (t->refused && (s->status == EXIT_NO_OUTPUT || s->status == EXIT_CONTENTION || s->status == EXIT_BUG))
		return FAIL(err, s->status == EXIT_CONTENTION ? ERR_BUSY : ERR_MISSING, -EIO,
			    "a run was not possible: %s", t->last);
	return 0;
}

static int run_slots(const struct bisect_bench *b, size_t point, struct slot *slot, unsigned count, struct err **err)
{
	struct program program[BISECT_JOBS_MAX] = { 0 };
	int status[BISECT_JOBS_MAX] = { 0 };
	struct bisect_place *place = find_place((struct bisect_bench *)b, point);
	for (unsigned i = 0; i < count; i++)
		program[i] = (struct program){ .what = "ktstr test",
					       .argv = (const char *const *)slot[i].words.item,
					       .env = slot[i].environment,
					       .cwd = place ? place->tree.directory : NULL,
					       .log = slot[i].log };
	int r = programs_run(program, count, status, err);
	for (unsigned i = 0; i < count; i++)
		slot[i].status = status[i];
	return r;
}

int bisect_make_runs(struct bisect_bench *b, size_t point, unsigned first, unsigned count,
		     char wanted[FAILURE_NAME_MAX], struct bisect_tally *t, struct err **err)
{
	struct slot *slot = calloc(count, sizeof(*slot));
	unsigned open = 0;
	int r = slot ? 0 : -ENOMEM;
	while (r == 0 && open < count) {
		r = slot_open(b, point, first + open, open, &slot[open], err);
		open++;
	}
	if (r == 0)
		r = run_slots(b, point, slot, count, err);
	for (unsigned i = 0; i < open && r == 0; i++)
		r = judge_run(&slot[i], first + i, wanted, t, err);
	for (unsigned i = 0; i < open; i++)
		slot_done(&slot[i]);
	free(slot);
	return r;
}
