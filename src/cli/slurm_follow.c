/* SPDX-License-Identifier: GPL-2.0-only */
/* slurm_follow.c -- see slurm.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "reactor/interrupt.h"
#include "cli/out.h"
#include "cli/slurm.h"
#include "report/events.h"

/* --- what is printed ---------------------------------------------------------------------------------------------- */

static enum known_outcome known_of(const json_t *event, bool *ret_flaky)
{
	const json_t *known = json_object_get(event, "known_fail");
	const char *outcome = json_string_value(json_object_get(known, "outcome"));
	*ret_flaky = json_is_true(json_object_get(known, "flaky"));
	for (enum known_outcome o = KNOWN_XFAIL; outcome && o <= KNOWN_XPASS; o++)
		if (!strcmp(outcome, known_outcome_name(o)))
			return o;
	return 0;
}

static struct event_kind kind_of(const json_t *event)
{
	const char *verdict = json_string_value(json_object_get(event, "verdict"));
	struct event_kind k = { .verdict = KTSTR_INCONCLUSIVE, .flaky = json_is_true(json_object_get(event, "flaky")) };
	k.known = known_of(event, &k.known_is_flaky);
	for (enum ktstr_verdict v = KTSTR_PASS; verdict && v <= KTSTR_SKIP; v++)
		if (!strcmp(verdict, verdict_name(v)))
			k.verdict = v;
	return k;
}

static const char *text_of(const json_t *event, const char *key)
{
	return json_string_value(json_object_get(event, key)) ?: "";
}

static void print_line(const struct slurm_following *f, const struct slurm_case *t, const json_t *event,
		       const char *node)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	struct term term = term_probe(STDOUT_FILENO);
	char wall[TIME_TEXT_MAX];
	const char *cause = text_of(event, "cause");
	event_word(kind_of(event), &term, &text);
	text_append_columns(&text, t->name, MAX_OF(f->name_columns, text_columns(t->name)), /* pad= */ true);
	buf_appendf(&text, "  %-12s  %7s  %s\n", t->topology,
		    nsec_format(MAX_OF((nsec_t)json_integer_value(json_object_get(event, "wall_ns")), (nsec_t)0), wall),
		    node);
	if (*cause && strcmp(text_of(event, "verdict"), "pass"))
		text_append_wrapped(&text, cause, term.tty ? term.columns : 0, EVENT_INDENT);
	output_buf(f->lines, &text);
}

static void on_result(void *data, uint32_t test, uint32_t task, const json_t *event, const char *sidecar)
{
	struct slurm_following *f = data;
	const struct follow_task *t = &f->runner.follow.task[task];
	struct slurm_case c;
	slurm_record_case(f->runner.record, test, &c);
	(void)sidecar;
	f->flaky += json_is_true(json_object_get(event, "flaky"));
	if (!f->json) {
		print_line(f, &c, event, t->node);
		return;
	}
	json_auto_t *o = json_copy((json_t *)event);
	json_put_text(&o, "node", t->node);
	json_put_u64(&o, "task", task);
	out_json(o, false);
}

/* " (see LOG)", or what to look at if there is none. The caller frees. */
static char *advice_about(const struct slurm_following *f, const struct follow_event *e)
{
	const struct slurm_record *record = f->runner.record;
	_cleanup_free_ char *log = slurm_task_log(record, e->task);
	char *text = NULL;
	int n = 0;
	if (e->kind == FOLLOW_LOST && !e->began && e->state == SLURM_FAILED)
		n = asprintf(&text, " (it did not begin: does that node see '%s'?)", record->dir);
	else if (log && path_exists(log))
		n = asprintf(&text, " (see %s)", log);
	return n < 0 ? NULL : text;
}

static void on_event(void *data, const struct follow_event *e)
{
	const char *node = *e->node ? e->node : "an unknown node", *s = plural(e->count);
	_cleanup_free_ char *advice = advice_about(data, e);
	switch (e->kind) {
	case FOLLOW_RESTARTED:
		say_printf(
			"note: task %u was started again by Slurm (%s); %u test%s without a result run%s once more\n",
			e->task, node, e->count, s, e->count == 1 ? "s" : "");
		break;
	case FOLLOW_LOST:
		say_printf("warning: task %u on %s %s; %u test%s of it %s lost and run%s once more%s\n", e->task, node,
			   slurm_state_text(e->state), e->count, s, e->count == 1 ? "is" : "are",
			   e->count == 1 ? "s" : "", advice ?: "");
		break;
	case FOLLOW_RETURNED:
		say_printf("note: task %u on %s %s; %u test%s of it did not come to an end and run%s again\n", e->task,
			   node, slurm_state_text(e->state), e->count, s, e->count == 1 ? "s" : "");
		break;
	case FOLLOW_GIVEN_UP:
		say_printf("warning: task %u on %s %s; %u test%s of it %s no result%s\n", e->task, node,
			   slurm_state_text(e->state), e->count, s, e->count == 1 ? "has" : "have", advice ?: "");
		break;
	case FOLLOW_EVENTS:
		break;
	}
}

static void on_note(void *data, enum runner_note note, const char *text)
{
	(void)data;
	switch (note) {
	case RUNNER_SILENT:
		say_printf("warning: Slurm does not answer now (%s); waiting for it\n", text);
		break;
	case RUNNER_ANSWERS:
		say_printf("note: Slurm answers again\n");
		break;
	case RUNNER_REFUSED:
		say_printf("warning: lost tests cannot be submitted now (%s); trying again\n", text);
		break;
	case RUNNER_NOT_TAKEN:
		say_printf("warning: Slurm does not take the lost tests (%s); they do not run again\n", text);
		break;
	case RUNNER_WAITS:
		say_printf("note: no task runs; squeue's reason is '%s'\n", text);
		break;
	case RUNNER_CANCELLED:
		say_printf("note: the run was cancelled; tests that did not run yet do not run\n");
		break;
	case RUNNER_BUILDS:
		say_printf("job %s builds the kernels that are missing; the tests wait for it\n", text);
		break;
	case RUNNER_BUILT:
		say_printf("the kernels are built\n");
		break;
	case RUNNER_EXCLUDED:
		say_printf("note: node %s is left out from now on\n", text);
		break;
	}
}

/* --- following ---------------------------------------------------------------------------------------------------- */

int slurm_take_arguments(struct slurm_following *f)
{
	const struct slurm_record *record = f->runner.record;
	const json_t *list = json_object_get(record->manifest, "sbatch");
	const char *partition = slurm_record_text(record, "partition");
	size_t count = json_array_size(list);
	f->sbatch = calloc(count + 1, sizeof(*f->sbatch));
	if (!f->sbatch)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		f->sbatch[i] = json_string_value(json_array_get(list, i)) ?: "";
	f->runner.submit.args = f->sbatch;
	f->runner.submit.arg_count = count;
	f->runner.submit.partition = *partition ? partition : NULL;
	f->runner.tasks_most = (uint64_t)json_integer_value(json_object_get(record->manifest, "tasks_most"));
	for (size_t i = 0; i < record->count; i++) {
		struct slurm_case c;
		slurm_record_case(record, i, &c);
		f->name_columns = MAX_OF(f->name_columns, text_columns(c.name));
	}
	return 0;
}

int slurm_submit_first(struct slurm_following *f, struct err **err)
{
	struct runner *r = &f->runner;
	int result = runner_add_round(r, NULL, r->record->count, err);
	if (result == 0)
		result = runner_submit(r, err);
	if (result == 0)
		say_printf("submitted %u task%s to %s%s (job%s %s%s)\n", r->record->tasks, plural(r->record->tasks),
			   r->submit.partition ? "partition " : "the default partition", r->submit.partition ?: "",
			   slurm_array_length(r->record, 0) == r->record->tasks ? "" : "s up to", r->job,
			   f->detach ? "" : "; 'squeue --me' shows it");
	return result;
}

static int follow_to_end(struct slurm_following *f, struct err **err)
{
	struct signals signals;
	int r = interrupt_watch(&signals, f->runner.reactor, err);
	if (r < 0)
		return r;
	r = runner_follow(&f->runner, err);
	signals_done(&signals);
	if (r == -ECANCELED)
		say_printf(
			"note: the jobs go on; 'ktstr slurm collect %s' waits for them, 'ktstr slurm cancel %s' ends "
			"them\n",
			f->runner.record->dir, f->runner.record->dir);
	return r;
}

int slurm_open(struct slurm_following *f, struct err **err)
{
	struct runner *r = &f->runner;
	f->lines = f->json || strcmp(slurm_record_text(r->record, "command"), "verifier") ? &standard_output
											  : &standard_error;
	r->on_result = on_result;
	r->on_event = on_event;
	r->on_note = on_note;
	r->data = f;
	int result = f->sbatch ? 0 : slurm_take_arguments(f);
	return result == 0 ? runner_init(r, err) : result;
}

int slurm_follow(struct slurm_following *f, struct err **err)
{
	int result = follow_to_end(f, err);
	return result == 0 ? slurm_collect(f, err) : result;
}

void slurm_close(struct slurm_following *f)
{
	runner_done(&f->runner);
	free(f->sbatch);
	f->sbatch = NULL;
}
