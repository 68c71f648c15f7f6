/* SPDX-License-Identifier: GPL-2.0-only */
/* follow.c -- see follow.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slurm/follow.h"

static const char *const state_texts[SLURM_STATE_MAX] = {
	[SLURM_PENDING] = "waits",
	[SLURM_RUNNING] = "runs",
	[SLURM_ENDING] = "ends",
	[SLURM_COMPLETED] = "ended without all results",
	[SLURM_CANCELLED] = "was cancelled",
	[SLURM_PREEMPTED] = "was preempted",
	[SLURM_TIMEOUT] = "reached its time limit",
	[SLURM_OUT_OF_MEMORY] = "ran out of memory",
	[SLURM_NODE_FAIL] = "lost its node",
	[SLURM_FAILED] = "failed",
	[SLURM_GONE] = "is not known to Slurm any more",
};

const char *slurm_state_text(enum slurm_state s)
{
	return s < SLURM_STATE_MAX ? state_texts[s] : "?";
}

int follow_init(struct follow *f, size_t count, follow_event_fn *event, void *data)
{
	*f = (struct follow){
		.item = calloc(count + 1, sizeof(*f->item)), .count = count, .open = count, .event = event, .data = data
	};
	return f->item ? 0 : -ENOMEM;
}

void follow_done(struct follow *f)
{
	for (size_t i = 0; i < f->tasks; i++)
		free(f->task[i].cases);
	free(f->task);
	free(f->item);
	*f = (struct follow){ 0 };
}

static bool make_room(struct follow *f)
{
	if (f->tasks < f->room)
		return true;
	size_t room = f->room ? 2 * f->room : 64;
	struct follow_task *task = reallocarray(f->task, room, sizeof(*task));
	if (!task)
		return false;
	f->task = task;
	f->room = room;
	return true;
}

int follow_add_task(struct follow *f, const uint32_t *cases, uint32_t count, bool held)
{
	uint32_t *copy = calloc(count + 1, sizeof(*copy));
	if (!copy || !make_room(f)) {
		free(copy);
		return -ENOMEM;
	}
	struct follow_task *t = &f->task[f->tasks];
	memcpy(copy, cases, count * sizeof(*copy));
	*t = (struct follow_task){ .cases = copy, .count = count, .held = held };
	for (uint32_t i = 0; i < count; i++) {
		struct follow_case *c = &f->item[cases[i]];
		t->open += !c->settled;
		c->tasks++;
		c->task = (uint32_t)f->tasks;
		f->again -= c->again;
		c->again = false;
	}
	return (int)f->tasks++;
}

void follow_submitted(struct follow *f, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count && i < f->tasks; i++)
		f->task[i].held = false;
}

static void tell(struct follow *f, enum follow_event_kind kind, uint32_t task, uint32_t count)
{
	const struct follow_task *t = &f->task[task];
	const struct follow_event e = {
		.kind = kind, .task = task, .count = count, .state = t->state, .began = t->attempts, .node = t->node
	};
	if (f->event && count)
		f->event(f->data, &e);
}

/* --- what squeue says --------------------------------------------------------------------------------------------- */

void follow_rows_begin(struct follow *f)
{
	for (size_t i = 0; i < f->tasks; i++)
		f->task[i].seen = f->task[i].rest_cancelled = false;
}

void follow_row(struct follow *f, uint32_t task, enum slurm_state state, const char *node)
{
	if (task >= f->tasks)
		return;
	struct follow_task *t = &f->task[task];
	/* Slurm keeps a job for a while that it refused to take. */
	if (t->held && slurm_state_ended(state))
		return;
	/* A task that ended and waits again was requeued. */
	if (!slurm_state_ended(state))
		t->late = 0;
	t->seen = true;
	t->held = false;
	t->state = state;
	if (*node)
		snprintf(t->node, sizeof(t->node), "%s", node);
}

void follow_rest_cancelled(struct follow *f, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count && i < f->tasks; i++)
		f->task[i].rest_cancelled = true;
}

/*
 * A task that squeue does not list has ended some time ago, or was cancelled while it waited. The state in which it was
 * last seen ended is kept.
 */
void follow_rows_end(struct follow *f)
{
	for (size_t i = 0; i < f->tasks; i++) {
		struct follow_task *t = &f->task[i];
		if (t->settled || t->held)
			continue;
		if (!t->seen && !slurm_state_ended(t->state))
			t->state = t->rest_cancelled && t->state == SLURM_PENDING ? SLURM_CANCELLED : SLURM_GONE;
		if (slurm_state_ended(t->state) && t->late < UINT8_MAX)
			t->late++;
	}
}

/* --- what files say ----------------------------------------------------------------------------------------------- */

void follow_attempt(struct follow *f, uint32_t task, uint32_t attempt, enum follow_attempt_state state)
{
	struct follow_task *t = task < f->tasks ? &f->task[task] : NULL;
	if (!t || attempt >= FOLLOW_ATTEMPTS_MAX)
		return;
	if (attempt + 1 > t->attempts) {
		t->attempts = attempt + 1;
		if (attempt && !t->settled && !slurm_state_ended(t->state))
			tell(f, FOLLOW_RESTARTED, task, t->open);
	}
	if (state != FOLLOW_ATTEMPT_OPEN)
		t->ended |= (uint64_t)1 << attempt;
	if (state == FOLLOW_ATTEMPT_GIVEN_BACK)
		t->returned |= (uint64_t)1 << attempt;
}

static bool task_has(const struct follow_task *t, uint32_t test)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (t->cases[i] == test)
			return true;
	return false;
}

/* The test is settled: no task that has it waits for it any more. */
static void settle(struct follow *f, uint32_t test)
{
	struct follow_case *c = &f->item[test];
	c->settled = true;
	f->open--;
	f->again -= c->again;
	c->again = false;
}

enum follow_answer follow_result(struct follow *f, uint32_t task, uint32_t attempt, uint32_t test)
{
	if (task >= f->tasks || test >= f->count || !task_has(&f->task[task], test))
		return FOLLOW_STRANGE;
	struct follow_case *c = &f->item[test];
	if (c->settled) {
		/* The same result that is read again is no second one. */
		f->duplicates += c->given_up || c->by_task != task || c->by_attempt != attempt;
		return FOLLOW_AGAIN;
	}
	c->by_task = task;
	c->by_attempt = attempt;
	settle(f, test);
	return FOLLOW_NEW;
}

void follow_begun(struct follow *f, uint32_t task, uint32_t test)
{
	if (task < f->tasks && test < f->count && task_has(&f->task[task], test))
		f->item[test].begun = task + 1;
}

/* --- conclusions -------------------------------------------------------------------------------------------------- */

bool follow_wants_files(const struct follow *f, uint32_t task)
{
	const struct follow_task *t = &f->task[task];
	return !t->settled && (t->state != SLURM_PENDING || t->attempts);
}

static bool has_ended(const struct follow_task *t, uint32_t attempt)
{
	return t->ended >> attempt & 1;
}

/*
 * How often the tests that a task left open were lost in it: in each attempt that died, and in the last one unless it
 * gave them back. A task that ended before it began lost them once.
 */
static uint8_t losses_of(const struct follow_task *t)
{
	uint32_t last = t->attempts - 1, losses = 0;
	if (!t->attempts)
		return 1;
	for (uint32_t i = 0; i < last; i++)
		losses += !has_ended(t, i);
	losses += !(t->returned >> last & 1);
	return (uint8_t)MIN_OF(losses, (uint32_t)FOLLOW_LOSSES_MAX);
}

/* It was running when the time of its task was over, and would be so again. */
static bool ran_too_long(const struct follow_task *t, uint32_t number, const struct follow_case *c)
{
	return t->state == SLURM_TIMEOUT && c->begun == number + 1;
}

static bool may_run_again(const struct follow *f, const struct follow_case *c, enum slurm_state state)
{
	return !f->cancelled && state != SLURM_CANCELLED && c->losses < FOLLOW_LOSSES_MAX &&
	       c->tasks < FOLLOW_TASKS_MAX;
}

/* The task has ended without a result of this test. */
static enum follow_event_kind settle_open(struct follow *f, uint32_t number, uint32_t test, uint8_t losses)
{
	const struct follow_task *t = &f->task[number];
	struct follow_case *c = &f->item[test];
	if (ran_too_long(t, number, c))
		losses = MAX_OF(losses, (uint8_t)1);
	c->losses = (uint8_t)(c->losses + losses);
	c->lost_by = t->state;
	if (may_run_again(f, c, t->state)) {
		c->again = true;
		f->again++;
		return losses ? FOLLOW_LOST : FOLLOW_RETURNED;
	}
	c->given_up = true;
	settle(f, test);
	return FOLLOW_GIVEN_UP;
}

static void settle_task(struct follow *f, uint32_t number)
{
	struct follow_task *t = &f->task[number];
	uint8_t losses = t->state == SLURM_CANCELLED ? 0 : losses_of(t);
	uint32_t count[FOLLOW_EVENTS] = { 0 };
	t->settled = true;
	for (uint32_t i = 0; i < t->count; i++) {
		const struct follow_case *c = &f->item[t->cases[i]];
		if (!c->settled && !c->again && c->task == number)
			count[settle_open(f, number, t->cases[i], losses)]++;
	}
	f->lost += count[FOLLOW_LOST];
	f->given_up += count[FOLLOW_GIVEN_UP];
	tell(f, FOLLOW_LOST, number, count[FOLLOW_LOST]);
	tell(f, FOLLOW_RETURNED, number, count[FOLLOW_RETURNED]);
	tell(f, FOLLOW_GIVEN_UP, number, count[FOLLOW_GIVEN_UP]);
}

static uint32_t count_open(const struct follow *f, const struct follow_task *t)
{
	uint32_t open = 0;
	for (uint32_t i = 0; i < t->count; i++)
		open += !f->item[t->cases[i]].settled;
	return open;
}

/*
 * A task is settled as soon as all its tests are. Otherwise Slurm must say that it ended, and its files get some time
 * to arrive, unless its last file is there.
 */
void follow_step(struct follow *f)
{
	for (uint32_t i = 0; i < f->tasks; i++) {
		struct follow_task *t = &f->task[i];
		if (t->settled)
			continue;
		t->open = count_open(f, t);
		/* An earlier attempt may have left results that this host does not see yet. */
		bool told = t->attempts == 1 && has_ended(t, 0);
		if (!t->open)
			t->settled = true;
		else if (slurm_state_ended(t->state) && (t->late >= FOLLOW_GRACE || (told && t->late >= 2)))
			settle_task(f, i);
	}
}

void follow_take_again(struct follow *f, uint32_t *ret)
{
	size_t n = 0;
	for (size_t i = 0; i < f->count; i++)
		if (f->item[i].again)
			ret[n++] = (uint32_t)i;
}

void follow_cancel(struct follow *f)
{
	f->cancelled = true;
	/* Slurm will never know them. */
	for (uint32_t i = 0; i < f->tasks; i++)
		f->task[i].held = false;
	for (uint32_t i = 0; i < f->count; i++) {
		if (!f->item[i].again)
			continue;
		f->item[i].given_up = true;
		f->given_up++;
		settle(f, i);
	}
}
