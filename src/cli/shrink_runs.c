/* SPDX-License-Identifier: GPL-2.0-only */
/* shrink_runs.c -- runs candidates of `ktstr shrink` as processes of `ktstr test`; see shrink.h. */
#include <stdio.h>
#include <string.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/result_name.h"
#include "base/text.h"
#include "cli/shrink.h"
#include "cli/status.h"
#include "results/one.h"
#include "worktree/program.h"

#define WORDS_MAX 160

struct slot {
	const struct shrink_base *base;
	struct shrink_run *run;
	char *dir, *results, *scenario, *points, *sidecars;
	const char **env;
	char *word[WORDS_MAX];
	size_t words;
	int result;
	struct err *err;
};

void shrink_run_done(struct shrink_run *r)
{
	json_decref(r->result);
	json_decref(r->taken);
	r->result = r->taken = NULL;
}

/* --- one run ------------------------------------------------------------------------------------------------------ */

static void add_word(struct slot *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void add_word(struct slot *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (s->words + 1 < WORDS_MAX && vasprintf(&s->word[s->words], fmt, ap) >= 0)
		s->word[++s->words] = NULL;
	else
		s->result = -ENOMEM;
	va_end(ap);
}

static void drop_words(struct slot *s)
{
	for (size_t i = 0; i < s->words; i++)
		free(s->word[i]);
	s->words = 0;
	s->word[0] = NULL;
}

/* A later try has another seed. What chance did after a branch has no meaning for it. */
static const char *policy_of_try(const struct shrink_base *b, const struct shrink_run *r, char out[PERTURB_TEXT_MAX])
{
	struct observe_perturb p = b->perturb;
	p.seed += r->tried;
	p.branches = r->tried ? 0 : p.branches;
	if (r->one_in)
		p.one_in = r->one_in;
	return perturb_format(&p, out);
}

static void add_perturb(struct slot *s)
{
	char text[PERTURB_TEXT_MAX];
	const struct shrink_base *b = s->base;
	if (s->run->points)
		add_word(s, "--perturb=%s", s->points);
	else if (perturb_on(&b->perturb))
		add_word(s, "--perturb=%s", policy_of_try(b, s->run, text));
}

static void make_words(struct slot *s)
{
	const struct shrink_base *b = s->base;
	drop_words(s);
	add_word(s, "%s", b->program);
	add_word(s, "test");
	for (size_t i = 0; b->options[i]; i++)
		add_word(s, "%s", b->options[i]);
	if (s->run->write_scenario)
		add_word(s, "--write-scenario=%s", s->run->write_scenario);
	add_perturb(s);
	if (!s->run->scenario)
		add_word(s, "--filter=%s", b->filter);
	add_word(s, "--");
	if (s->run->scenario)
		add_word(s, "%s", s->scenario);
	for (size_t i = 0; !s->run->scenario && b->paths[i]; i++)
		add_word(s, "%s", b->paths[i]);
}

#define ERROR_MARK "error: "

static void keep_line(void *data, const char *line)
{
	struct slot *s = data;
	/* It becomes a part of a message of ours. */
	line += strncmp(line, ERROR_MARK, strlen(ERROR_MARK)) ? 0 : strlen(ERROR_MARK);
	if (*line)
		text_copy_line(s->run->said, sizeof(s->run->said), line, strlen(line));
}

/* A candidate that makes no sense has no result. It is not run, but any other reason is one to stop. */
static bool is_refused(int status)
{
	return status == EXIT_BAD_DATA || status == EXIT_BAD_USAGE;
}

/* Does the run that has ended decide? */
static bool judge_try(struct slot *s, int status)
{
	struct shrink_run *r = s->run;
	char failure[FAILURE_NAME_MAX];
	r->tried++;
	if (result_read_one(s->results, SIDECAR_SUFFIX, &r->result) == 0) {
		r->accepted = failure_name(r->result, failure) && (!r->wanted || !strcmp(failure, r->wanted));
		result_read_one(s->results, PERTURB_SUFFIX, &r->taken);
	} else if (!is_refused(status))
		s->result = FAIL(&s->err, ERR_MISSING, -EIO, "a candidate could not run: %s", r->said);
	r->cut = !r->accepted && r->tried < r->tries && nsec_now() >= s->base->until;
	return r->accepted || r->tried >= r->tries || r->cut;
}

static int start_try(struct slot *s)
{
	int r = remove_tree(s->results, &s->err);
	if (r == 0)
		r = mkdir_parents(s->results, 0755, &s->err);
	make_words(s);
	return r < 0 ? r : s->result;
}

/* A status that is not 0 is a failed test, or a candidate that makes no sense. */
static bool try_again(void *data, int status)
{
	struct slot *s = data;
	bool ended = judge_try(s, status);
	if (s->result == 0 && !ended)
		s->result = start_try(s);
	return s->result == 0 && !ended;
}

/* --- several ------------------------------------------------------------------------------------------------------ */

static int write_json(const char *path, const json_t *value, struct err **err)
{
	return value ? json_write_file(path, value, err) : 0;
}

/* The base's environment, and where the results go. */
static int make_environment(struct slot *s)
{
	size_t count = 0;
	while (s->base->environment[count])
		count++;
	s->env = calloc(count + 2, sizeof(*s->env));
	if (!s->env || asprintf(&s->sidecars, "%s=%s", environment_variables[ENV_SIDECAR_DIR].name, s->results) < 0)
		return s->sidecars = NULL, -ENOMEM;
	memcpy(s->env, s->base->environment, count * sizeof(*s->env));
	s->env[count] = s->sidecars;
	return 0;
}

static int open_slot(struct slot *s, const struct shrink_base *b, struct shrink_run *run, unsigned number,
		     struct err **err)
{
	*s = (struct slot){ .base = b, .run = run };
	if (asprintf(&s->dir, "%s/%u", b->dir, number) < 0)
		return s->dir = NULL, -ENOMEM;
	s->results = path_join(s->dir, "results");
	s->scenario = path_join(s->dir, "scenario.json");
	s->points = path_join(s->dir, "points.json");
	int r = s->results && s->scenario && s->points ? mkdir_parents(s->dir, 0755, err) : -ENOMEM;
	if (r == 0)
		r = write_json(s->scenario, run->scenario, err);
	if (r == 0)
		r = write_json(s->points, run->points, err);
	if (r == 0)
		r = make_environment(s);
	return r;
}

static void close_slot(struct slot *s)
{
	drop_words(s);
	free(s->sidecars);
	free(s->env);
	free(s->dir);
	free(s->results);
	free(s->scenario);
	free(s->points);
	err_free(s->err);
}

static int slot_error(struct slot *s, struct err **err)
{
	if (s->result < 0 && err && s->err)
		*err = TAKE_PTR(s->err);
	return s->result;
}

static int run_slots(struct slot *slot, unsigned count, struct err **err)
{
	_cleanup_free_ struct program *program = calloc(count, sizeof(*program));
	_cleanup_free_ int *status = calloc(count, sizeof(*status));
	int result = program && status ? 0 : -ENOMEM;
	for (unsigned i = 0; i < count && result == 0; i++) {
		struct slot *s = &slot[i];
		program[i] = (struct program){ .what = "run",
					       .argv = (const char *const *)s->word,
					       .env = s->env,
					       .on_line = keep_line,
					       .again = try_again,
					       .data = s };
		s->result = start_try(s);
		result = slot_error(s, err);
	}
	if (result == 0)
		result = programs_run(program, count, status, err);
	for (unsigned i = 0; i < count && result == 0; i++)
		result = slot_error(&slot[i], err);
	return result;
}

int shrink_runs(const struct shrink_base *b, struct shrink_run *run, unsigned count, struct err **err)
{
	struct slot *slot = calloc(count, sizeof(*slot));
	unsigned open = 0;
	int result = slot ? 0 : -ENOMEM;
	while (result == 0 && open < count) {
		result = open_slot(&slot[open], b, &run[open], open, err);
		open++;
	}
	if (result == 0)
		result = run_slots(slot, count, err);
	for (unsigned i = 0; i < open; i++)
		close_slot(&slot[i]);
	free(slot);
	return result;
}
