/* SPDX-License-Identifier: GPL-2.0-only */
/* shrink_runs.c -- runs candidates of `ktstr shrink` as processes of `ktstr test`; see shrink.h. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/result_name.h"
#include "base/text.h"
#include "reactor/interrupt.h"
#include "cli/shrink.h"
#include "cli/status.h"
#include "kernel/command.h"
#include "results/one.h"

#define STOP_DEADLINE (20 * NSEC_PER_SEC) /* for `ktstr test` to end its machines */
#define WORDS_MAX     160

enum { SHRINK_TRY, SHRINK_STOP, SHRINK_REAP, SHRINK_COUNT };

struct slot {
	struct machine machine;
	struct command_run command;
	const struct shrink_base *base;
	struct shrink_run *run;
	char *dir, *results, *scenario, *points;
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
	return WIFEXITED(status) && (WEXITSTATUS(status) == EXIT_BAD_DATA || WEXITSTATUS(status) == EXIT_BAD_USAGE);
}

/* Does the run that has ended decide? */
static bool judge_try(struct slot *s)
{
	struct shrink_run *r = s->run;
	char failure[FAILURE_NAME_MAX];
	r->tried++;
	if (result_read_one(s->results, SIDECAR_SUFFIX, &r->result) == 0) {
		r->accepted = failure_name(r->result, failure) && (!r->wanted || !strcmp(failure, r->wanted));
		result_read_one(s->results, PERTURB_SUFFIX, &r->taken);
	} else if (!is_refused(s->command.child.status))
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

static int run_try(struct machine *m, int result)
{
	struct slot *s = container_of(m, struct slot, machine);
	_cleanup_free_ char *sidecars = NULL;
	_cleanup_free_ const char **env = NULL;
	size_t count = 0;
	while (s->base->environment[count])
		count++;
	env = calloc(count + 2, sizeof(*env));
	if (!env || asprintf(&sidecars, "%s=%s", environment_variables[ENV_SIDECAR_DIR].name, s->results) < 0)
		return s->result = -ENOMEM;
	memcpy(env, s->base->environment, count * sizeof(*env));
	env[count] = sidecars;
	if (command_is_idle(&s->command) && (s->result = start_try(s)) < 0)
		return s->result;
	struct command_spec spec = { .what = "run", .argv = (const char *const *)s->word, .env = env, .guarded = true };
	int r = command_drive(m, result, &s->command, &spec, &s->err);
	if (r == 0)
		return SHRINK_TRY;
	/* A status that is not 0 is a failed test, or a candidate that makes no sense. */
	if (r < 0 && !(r == -EIO && s->command.child.status))
		return s->result = r;
	s->err = err_free(s->err);
	bool ended = judge_try(s);
	if (s->result < 0)
		return s->result;
	if (ended)
		return MACHINE_END;
	command_done(&s->command);
	command_init(&s->command);
	s->command.on_line = keep_line;
	s->command.data = s;
	machine_nop(m);
	return SHRINK_TRY;
}

/* The first signal is a request. */
static int stop_run(struct machine *m, int result)
{
	struct slot *s = container_of(m, struct slot, machine);
	(void)result;
	if (!s->command.child.running)
		return SHRINK_REAP;
	child_kill(&s->command.child, SIGTERM);
	machine_wait_child(m, &s->command.child);
	return SHRINK_STOP;
}

static int reap_run(struct machine *m, int result)
{
	struct slot *s = container_of(m, struct slot, machine);
	(void)result;
	return command_reap(m, &s->command) ? MACHINE_END : SHRINK_REAP;
}

static void slot_ended(struct machine *m, int result)
{
	struct slot *s = container_of(m, struct slot, machine);
	if (s->result == 0)
		s->result = result;
}

static const struct machine_state shrink_states[SHRINK_COUNT] = {
	[SHRINK_TRY] = { "try", run_try, DEADLINE_NONE, SHRINK_STOP, TO(SHRINK_TRY) | TO_END },
	[SHRINK_STOP] = { "stop", stop_run, STOP_DEADLINE, SHRINK_REAP, TO(SHRINK_STOP) | TO(SHRINK_REAP) },
	[SHRINK_REAP] = { "reap", reap_run, DEADLINE_NONE, 0, TO(SHRINK_REAP) | TO_END },
};

static const struct machine_type shrink_type = { "shrink", shrink_states, SHRINK_COUNT, slot_ended };

/* --- several ------------------------------------------------------------------------------------------------------ */

static int write_json(const char *path, const json_t *value, struct err **err)
{
	return value ? json_write_file(path, value, err) : 0;
}

static int open_slot(struct slot *s, const struct shrink_base *b, struct shrink_run *run, unsigned number,
		     struct err **err)
{
	*s = (struct slot){ .base = b, .run = run };
	command_init(&s->command);
	s->command.on_line = keep_line;
	s->command.data = s;
	if (asprintf(&s->dir, "%s/%u", b->dir, number) < 0)
		return s->dir = NULL, -ENOMEM;
	s->results = path_join(s->dir, "results");
	s->scenario = path_join(s->dir, "scenario.json");
	s->points = path_join(s->dir, "points.json");
	int r = s->results && s->scenario && s->points ? mkdir_parents(s->dir, 0755, err) : -ENOMEM;
	if (r == 0)
		r = write_json(s->scenario, run->scenario, err);
	return r == 0 ? write_json(s->points, run->points, err) : r;
}

static void close_slot(struct slot *s)
{
	command_done(&s->command);
	drop_words(s);
	free(s->dir);
	free(s->results);
	free(s->scenario);
	free(s->points);
	err_free(s->err);
}

static int run_slots(struct reactor *r, struct slot *slot, unsigned count, struct err **err)
{
	struct signals signals;
	int result = interrupt_watch(&signals, r, err);
	if (result < 0)
		return result;
	for (unsigned i = 0; i < count; i++)
		machine_start(r, &slot[i].machine, &shrink_type, NULL, "candidate %u", i);
	result = reactor_run(r);
	signals_done(&signals);
	if (signals.caught)
		return FAIL(err, ERR_INTERRUPTED, -ECANCELED, "interrupted");
	for (unsigned i = 0; i < count && result == 0; i++) {
		result = slot[i].result;
		if (result < 0 && err)
			*err = TAKE_PTR(slot[i].err);
	}
	return result;
}

int shrink_runs(const struct shrink_base *b, struct shrink_run *run, unsigned count, struct err **err)
{
	_cleanup_(reactor_free_p) struct reactor *r = NULL;
	struct slot *slot = calloc(count, sizeof(*slot));
	unsigned open = 0;
	int result = slot ? reactor_new(&r, err) : -ENOMEM;
	while (result == 0 && open < count) {
		result = open_slot(&slot[open], b, &run[open], open, err);
		open++;
	}
	if (result == 0)
		result = run_slots(r, slot, count, err);
	for (unsigned i = 0; i < open; i++)
		close_slot(&slot[i]);
	free(slot);
	return result;
}
