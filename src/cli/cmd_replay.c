/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_replay.c -- ktstr replay: runs the tests of the last run again that did not pass. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/last_run.h"
#include "cli/out.h"
#include "cli/replay_pack.h"
#include "cli/shared_options.h"
#include "formats/model.h"

enum { SEED_KEEP, SEED_NEW };
static const char *const seed_words[] = { "keep", "new", NULL };

struct replay_args {
	struct strings packs;
	const char *dir, *filter, *profile, *nextest_profile;
	unsigned seed; /* SEED_KEEP or SEED_NEW */
	bool exec, with_new, json;
};

static const struct option_row replay_options[] = {
	OPT_STRING(struct replay_args, dir, "dir", 0, "ROOT",
		   "directory of all runs (default: KTSTR_SIDECAR_DIR, or where 'ktstr test' writes)"),
	OPT_STRING(struct replay_args, filter, "filter", 'E', "TEXT", "only tests that have TEXT in their name"),
	OPT_FLAG(struct replay_args, exec, "exec", 0, "run them; otherwise the filter expression is printed"),
	OPT_FLAG(struct replay_args, with_new, "new", 0, "also tests that were added to the suites since that run"),
	OPT_CHOICE(struct replay_args, seed, "seed", 0, "HOW", seed_words,
		   "repeat each test with the seed with which it did not pass, or draw a new one"),
	OPT_STRING(struct replay_args, profile, "profile", 0, "NAME", "as for 'ktstr test'"),
	OPT_STRING(struct replay_args, nextest_profile, "nextest-profile", 0, "NAME", "as for 'ktstr test'"),
	ROW_JSON(struct replay_args, "print JSON on standard output"),
	OPT_END,
};

/* A test of the run that has not passed. */
struct outstanding {
	const char *name; /* of the record */
	const char *why;
	uint64_t seed;
	bool chosen, ran;
};

/* The results in one directory of the run. */
struct run_results {
	const char *path; /* of the record */
	struct report_results results;
};

struct replay {
	const struct replay_args *args;
	char *root;	/* absolute */
	json_t *record; /* last_run.h */
	struct run_results *dir;
	size_t dirs;
	struct outstanding *item;
	size_t count, chosen;
};

/* Forgets the record and what was read for it. */
static void forget_record(struct replay *p)
{
	for (size_t i = 0; i < p->dirs; i++)
		report_results_done(&p->dir[i].results);
	free(p->dir);
	free(p->item);
	json_decref(p->record);
	p->dir = NULL;
	p->item = NULL;
	p->record = NULL;
	p->dirs = p->count = p->chosen = 0;
}

static void replay_done(struct replay *p)
{
	forget_record(p);
	free(p->root);
}

static const char *member(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key)) ?: "";
}

/* --- what is outstanding ------------------------------------------------------------------------------------------ */

static int note_directory(struct replay *p, const char *path)
{
	struct run_results *more = reallocarray(p->dir, p->dirs + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	p->dir = more;
	p->dir[p->dirs++] = (struct run_results){ .path = path };
	return 0;
}

/* A directory may have no results, if the run was interrupted early. */
static int read_directory(struct run_results *d, struct err **err)
{
	_cleanup_err_ struct err *why = NULL;
	int r = report_results_add_path(&d->results, d->path, &why);
	if (r == -ENOENT || r == -ENODATA)
		return 0;
	if (r < 0 && err)
		*err = TAKE_PTR(why);
	report_results_sort(&d->results);
	return r;
}

/* Reads the results in all directories of the run: one for each kernel, and for each commit of a replay. */
static int read_results(struct replay *p, struct err **err)
{
	json_auto_t *seen = json_object();
	size_t i;
	json_t *test;
	int r = 0;
	json_array_foreach(json_object_get(p->record, "tests"), i, test) {
		const char *run = member(test, "run");
		if (json_object_get(seen, run))
			continue;
		json_put(&seen, run, json_true());
		if (!seen || note_directory(p, run) < 0)
			return -ENOMEM;
	}
	for (i = 0; r == 0 && i < p->dirs; i++)
		r = read_directory(&p->dir[i], err);
	return r;
}

static void put_key(struct buf *key, const char *run, const char *suite, const char *name)
{
	buf_clear(key);
	buf_appendf(key, "%s\n%s\n%s", run, suite, name);
}

/* {directory, suite and name: [index of the directory, index of the result]} */
static json_t *index_results(const struct replay *p)
{
	json_t *map = json_object();
	_cleanup_buf_ struct buf key = BUF_NULL;
	for (size_t d = 0; d < p->dirs; d++)
		for (size_t i = 0; i < p->dir[d].results.count; i++) {
			const struct report_result *t = &p->dir[d].results.item[i];
			json_t *at = json_array();
			json_add(&at, json_u64(d));
			json_add(&at, json_u64(i));
			put_key(&key, p->dir[d].path, t->suite, t->name);
			json_put(&map, buf_str(&key), at);
		}
	return map;
}

static const struct report_result *find_result(const struct replay *p, const json_t *map, const json_t *test)
{
	_cleanup_buf_ struct buf key = BUF_NULL;
	put_key(&key, member(test, "run"), member(test, "suite"), member(test, "name"));
	const json_t *at = json_object_get(map, buf_str(&key));
	if (!at)
		return NULL;
	const struct run_results *d = &p->dir[json_integer_value(json_array_get(at, 0))];
	return &d->results.item[json_integer_value(json_array_get(at, 1))];
}

/* The seed of the last try that did not pass. The try that the result describes may have passed. */
static uint64_t bad_seed(const struct report_result *t)
{
	const json_t *tries = json_object_get(json_object_get(t->json, "flake"), "tries");
	for (size_t i = json_array_size(tries); i > 0; i--) {
		const json_t *one = json_array_get(tries, i - 1);
		const char *verdict = member(one, "verdict");
		if (!strcmp(verdict, "fail") || !strcmp(verdict, "inconclusive"))
			return strtoul(member(one, "seed"), NULL, 0);
	}
	return strtoul(t->seed, NULL, 0);
}

static void find_outstanding(struct replay *p, const json_t *map)
{
	uint64_t seed = strtoul(member(p->record, "seed"), NULL, 0);
	size_t i;
	json_t *test;
	json_array_foreach(json_object_get(p->record, "tests"), i, test) {
		const struct report_result *t = find_result(p, map, test);
		if (t && !t->bad)
			continue;
		p->item[p->count++] = (struct outstanding){
			.name = member(test, "name"),
			.why = t ? outcome_rows[t->outcome].phrase : "not run",
			.seed = t ? bad_seed(t) : seed,
		};
	}
}

static int load(struct replay *p, struct err **err)
{
	int r = read_results(p, err);
	if (r < 0)
		return r;
	json_auto_t *map = index_results(p);
	p->item = calloc(json_array_size(json_object_get(p->record, "tests")) + 1, sizeof(*p->item));
	if (!map || !p->item)
		return -ENOMEM;
	find_outstanding(p, map);
	return 0;
}

static int choose(struct replay *p, struct err **err)
{
	const char *part = p->args->filter;
	for (size_t i = 0; i < p->count; i++) {
		p->item[i].chosen = !part || strstr(p->item[i].name, part);
		p->chosen += p->item[i].chosen;
	}
	if (p->chosen || !p->count)
		return 0;
	return FAIL(err, ERR_USAGE, -ENOENT,
		    "no test that did not pass has '%s' in its name; without -E, 'ktstr replay' prints all %zu", part,
		    p->count);
}

/* --- running ------------------------------------------------------------------------------------------------------ */

static void put_filter(const struct replay *p, const uint64_t *seed, struct buf *out)
{
	const char *between = "";
	for (size_t i = 0; i < p->count; i++) {
		const struct outstanding *o = &p->item[i];
		if (!o->chosen || (seed && o->seed != *seed))
			continue;
		buf_appendf(out, "%stest(=%s)", between, o->name);
		between = " | ";
	}
}

static int set_variable(const char *name, const char *value)
{
	return setenv(name, value, /* overwrite= */ 1) < 0 ? -ENOMEM : 0;
}

/* The working directory and the variables of the run. */
static int enter_run(struct replay *p, struct err **err)
{
	const char *dir = member(p->record, "directory"), *name;
	json_t *value;
	int r = chdir(dir) < 0 ? -errno : 0;
	if (r < 0)
		return FAIL(err, ERR_DATA, r, "go to '%s', where the tests ran: %s; make it again, or run 'ktstr test'",
			    dir, strerror(-r));
	json_object_foreach(json_object_get(p->record, "environment"), name, value) {
		r = set_variable(name, json_string_value(value));
		if (r < 0)
			return r;
	}
	const char *run = member(json_array_get(json_object_get(p->record, "tests"), 0), "run");
	bool own = !strcmp(run, p->root);
	return set_variable(environment_variables[own ? ENV_SIDECAR_DIR : ENV_RUNS_ROOT].name, p->root);
}

static bool is_try_option(const char *word)
{
	return !strncmp(word, "--repeat=", 9) || !strncmp(word, "--retries=", 10) || !strncmp(word, "--require=", 10);
}

/* A command line under construction. The words are copies, because parsing changes them. */
struct words {
	char **item; /* NULL-terminated */
	size_t count;
	bool failed;
};

static void words_done(struct words *w)
{
	strings_free(w->item);
}

/* Adds @option (may be NULL) and @value (may be NULL: nothing is added). */
static void add_words(struct words *w, const char *option, const char *value)
{
	char **more = value ? reallocarray(w->item, w->count + 2, sizeof(*more)) : NULL;
	w->failed |= value && !more;
	if (!more)
		return;
	w->item = more;
	if (asprintf(&more[w->count], "%s%s%s", option ?: "", option ? "=" : "", value) < 0) {
		more[w->count] = NULL;
		w->failed = true;
		return;
	}
	more[++w->count] = NULL;
}

static void add_kernels(const struct replay *p, struct words *w)
{
	const json_t *environment = json_object_get(p->record, "environment");
	bool listed = json_object_get(environment, environment_variables[ENV_KERNEL_LIST].name);
	size_t i;
	json_t *kernel;
	json_array_foreach(json_object_get(p->record, "kernels"), i, kernel) {
		const char *name = member(kernel, "name");
		if (json_is_true(json_object_get(kernel, "image")))
			w->failed |= set_variable(environment_variables[ENV_TEST_KERNEL].name, name) < 0;
		else if (!listed)
			add_words(w, "--kernel", name);
	}
}

/* The command line that runs the chosen tests of one seed again, with what the run was asked for. */
static void make_words(const struct replay *p, uint64_t seed, struct words *w)
{
	bool keep = p->args->seed == SEED_KEEP;
	_cleanup_buf_ struct buf filter = BUF_NULL;
	char number[24];
	size_t i;
	json_t *word;
	snprintf(number, sizeof(number), "0x%lx", seed);
	put_filter(p, keep ? &seed : NULL, &filter);
	w->failed |= filter.failed;
	json_array_foreach(json_object_get(p->record, "words"), i, word)
		if (!keep || !is_try_option(json_string_value(word)))
			add_words(w, NULL, json_string_value(word));
	add_words(w, "--filter", buf_str(&filter));
	add_words(w, "--seed", number);
	add_words(w, "--profile", p->args->profile);
	add_words(w, "--nextest-profile", p->args->nextest_profile);
	if (p->args->json)
		add_words(w, NULL, "--json");
	add_kernels(p, w);
	add_words(w, NULL, "--");
	json_array_foreach(json_object_get(p->record, "paths"), i, word)
		add_words(w, NULL, json_string_value(word));
}

static int run_seed(const struct replay *p, uint64_t seed, struct err **err)
{
	_cleanup_(words_done) struct words w = { 0 };
	_cleanup_free_ struct test_args *args = calloc(1, sizeof(*args));
	make_words(p, seed, &w);
	if (!args || w.failed)
		return -ENOMEM;
	int r = options_parse(&cmd_test, w.item, args, err);
	if (r < 0)
		return r;
	args->is_replay = true;
	return cmd_test.run(args, err);
}

static int draw_seed(uint64_t *ret)
{
	return getrandom(ret, sizeof(*ret), 0) == sizeof(*ret) ? 0 : -errno;
}

/* One run for each seed; they mostly have the same. */
static int run_chosen(struct replay *p, struct err **err)
{
	uint64_t seed;
	if (p->args->seed == SEED_NEW) {
		int r = draw_seed(&seed);
		return r < 0 ? FAIL_SYS(err, r, "draw a seed") : run_seed(p, seed, err);
	}
	for (size_t i = 0; i < p->count; i++) {
		if (!p->item[i].chosen || p->item[i].ran)
			continue;
		seed = p->item[i].seed;
		for (size_t k = i; k < p->count; k++)
			p->item[k].ran |= p->item[k].chosen && p->item[k].seed == seed;
		int r = run_seed(p, seed, err);
		if (r < 0 || status_noted() == EXIT_INTERRUPTED)
			return r;
	}
	return 0;
}

/* Are tests of the run still outstanding, now that some were run again? */
static int check_rest(struct replay *p, struct err **err)
{
	forget_record(p);
	int r = last_run_read(p->root, &p->record, err);
	if (r == 0)
		r = load(p, err);
	if (r == 0 && p->count) {
		say_printf("%zu test%s of that run still did not pass; 'ktstr replay' names them\n", p->count,
			   plural(p->count));
		status_note(EXIT_OUTSTANDING);
	}
	return r;
}

static int execute(struct replay *p, struct err **err)
{
	_cleanup_free_ char *path = path_join(p->root, LAST_RUN_FILE);
	int r = path ? 0 : -ENOMEM;
	if (r == 0 && p->args->with_new)
		r = json_write_file(path, p->record, err);
	if (r == 0)
		r = enter_run(p, err);
	if (r == 0)
		r = run_chosen(p, err);
	return r == 0 ? check_rest(p, err) : r;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static json_t *outstanding_json(const struct outstanding *t)
{
	char seed[24];
	json_t *o = json_object();
	snprintf(seed, sizeof(seed), "0x%lx", t->seed);
	json_put_text(&o, "name", t->name);
	json_put_text(&o, "why", t->why);
	json_put_text(&o, "seed", seed);
	return o;
}

static void print_json(const struct replay *p, const char *filter)
{
	json_auto_t *o = json_object();
	json_t *tests = json_array();
	for (size_t i = 0; i < p->count; i++)
		if (p->item[i].chosen)
			json_add(&tests, outstanding_json(&p->item[i]));
	json_put_text(&o, "filter", filter);
	json_put_u64(&o, "outstanding", p->count);
	json_put(&o, "tests", tests);
	out_json(o, true);
}

static void print_chosen(const struct replay *p)
{
	_cleanup_buf_ struct buf filter = BUF_NULL;
	put_filter(p, NULL, &filter);
	if (p->args->json) {
		print_json(p, buf_str(&filter));
		return;
	}
	for (size_t i = 0; i < p->count; i++)
		if (p->item[i].chosen)
			say_printf("%s: %s\n", p->item[i].name, p->item[i].why);
	out_printf("%s\n", buf_str(&filter));
	say_printf("%zu test%s; --exec runs %s\n", p->chosen, plural(p->chosen), p->chosen == 1 ? "it" : "them");
}

static int find_root(struct replay *p, struct err **err)
{
	_cleanup_free_ char *usual = last_run_root();
	const char *root = p->args->dir ?: usual;
	if (!root)
		return -ENOMEM;
	int r = last_run_read(root, &p->record, err);
	p->root = r == 0 ? realpath(root, NULL) : NULL;
	return r == 0 && !p->root ? FAIL_SYS(err, -errno, "look for '%s'", root) : r;
}

/* Options that say nothing about a pack. --exec is what happens anyway. */
static bool is_about_results(const struct replay_args *a)
{
	return a->dir || a->filter || a->with_new || a->seed != SEED_KEEP || a->profile || a->nextest_profile;
}

static int run_replay(void *args, struct err **err)
{
	_cleanup_(replay_done) struct replay p = { .args = args };
	if (p.args->packs.count > 1)
		return FAIL(err, ERR_USAGE, -EINVAL, "replay one pack at a time, and not '%s'", p.args->packs.item[1]);
	if (p.args->packs.count && is_about_results(p.args))
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "replay: a pack is one run, and '%s' is one; --dir, --filter, --new, --seed and the "
			    "profiles choose among results, so leave them out",
			    p.args->packs.item[0]);
	if (p.args->packs.count)
		return replay_pack(p.args->packs.item[0], p.args->json, err);
	int r = find_root(&p, err);
	if (r == 0 && p.args->with_new)
		r = last_run_add_new(p.record, err);
	if (r == 0)
		r = load(&p, err);
	if (r == 0)
		r = choose(&p, err);
	if (r < 0)
		return r;
	if (!p.count)
		say_printf("every test of the last run passed, was skipped, or failed as known\n");
	if (p.args->exec && p.count)
		return execute(&p, err);
	if (p.count || p.args->json)
		print_chosen(&p);
	return 0;
}

const struct command cmd_replay = {
	.name = "replay",
	.group = GROUP_TESTS,
	.summary = "Run the tests of the last run again that did not pass, or a pack",
	.operands = "[PACK]",
	.text = "Finds the tests that failed, are inconclusive, or did not run because the run was interrupted, and "
		"prints a filter expression for them. With --exec it runs them: in the same directory, with the same "
		"options, kernels and environment variables, and each with the seed with which it did not pass. Their "
		"results replace the former ones, so that the next replay has only what is left.\n\n"
		"The exit status of --exec is that of 'ktstr test'. If all the tests that ran again passed but others "
		"of that run still did not (because of -E, or because they are new), it is 5.\n\n"
		"With a pack ('ktstr pack'), makes that run again. The exit status is 0 if the guest's events are the "
		"same as where the pack was made; otherwise it is 1, and what differs is printed: QEMU, ktstr, the "
		"CPU.",
	.option = replay_options,
	.example =
		(const struct example[]){
			{ "ktstr replay", "which tests did not pass" },
			{ "ktstr replay --exec", "run all of them again" },
			{ "ktstr replay --exec -E two_cgroups --seed new", "some of them, with another seed" },
			{ "ktstr replay race.pack", "is the run of a pack the same here?" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_RUNS_ROOT, ENV_SIDECAR_DIR, ENV_CARGO_TARGET_DIR, ENV_MAX },
	.files = FILES_CACHE | FILES_RESULTS | FILES_LOCKS,
	.judges = true,
	OPERANDS(struct replay_args, packs),
	.run = run_replay,
};
