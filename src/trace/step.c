/* SPDX-License-Identifier: GPL-2.0-only */
/* step.c -- see step.h. */
#include "trace/step.h"

#define INTERVALS 16 /* nobody asks the model for intervals here */

int stepper_new(struct schedule_log_reader *reader, struct stepper **ret)
{
	const struct schedule_config config = { .cpus = schedule_log_about(reader)->cpus, .intervals = INTERVALS };
	_cleanup_(stepper_free_p) struct stepper *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->reader = reader;
	int r = schedule_new(&config, &s->model);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

void stepper_free(struct stepper *s)
{
	if (s)
		schedule_free(s->model);
	free(s);
}

static struct step_task task_of(const struct stepper *s, const struct schedule_task *t)
{
	return t ? (struct step_task){ t->pid, schedule_group(s->model, t->group)->id } : (struct step_task){ 0 };
}

/* --- wake-ups ----------------------------------------------------------------------------------------------------- */

static struct step_wake *wake_slot(struct stepper *s, uint64_t key)
{
	return &s->wake[(key * 0x9e3779b97f4a7c15u >> 32) % STEP_WAKES];
}

static void note_wake(struct stepper *s, const struct schedule_event *e)
{
	const struct schedule_cpu *c = schedule_cpu(s->model, e->cpu);
	*wake_slot(s, e->task) = (struct step_wake){ e->task, e->time_ns, e->cpu, c->current ? c->current->pid : 0 };
}

static struct step_wake find_wake(struct stepper *s, uint64_t key)
{
	const struct step_wake *w = wake_slot(s, key);
	return w->key == key ? *w : (struct step_wake){ 0 };
}

static void forget_wake(struct stepper *s, uint64_t key)
{
	struct step_wake *w = wake_slot(s, key);
	if (w->key == key)
		*w = (struct step_wake){ 0 };
}

/* --- switches ----------------------------------------------------------------------------------------------------- */

static void see_before_switch(struct stepper *s, const struct schedule_event *e, struct step *ret)
{
	const struct schedule_cpu *c = schedule_cpu(s->model, e->cpu);
	bool same = c->known && (c->current ? c->current->key : 0) == e->task;
	const struct schedule_task *next = e->next ? schedule_find_key(s->model, e->next) : NULL;
	ret->kind = STEP_SWITCH;
	ret->since_known = same;
	ret->since_ns = same ? c->since : e->time_ns;
	ret->task = task_of(s, c->current && same ? c->current : NULL);
	if (next && next->state == SCHEDULE_RUNNABLE) {
		ret->next_known = true;
		ret->next_since_ns = schedule_waits_since(next);
	}
	ret->wake = e->next ? find_wake(s, e->next) : (struct step_wake){ 0 };
}

static void see_after_switch(struct stepper *s, const struct schedule_event *e, struct step *ret)
{
	const struct schedule_task *task = e->task ? schedule_find_key(s->model, e->task) : NULL, *longest;
	ret->becomes = task ? task->state : SCHEDULE_GONE;
	ret->task = e->task ? (struct step_task){ e->pid, task ? task_of(s, task).group : ret->task.group }
			    : (struct step_task){ 0 };
	ret->next = e->next ? (struct step_task){ e->next_pid, task_of(s, schedule_find_key(s->model, e->next)).group }
			    : (struct step_task){ 0 };
	forget_wake(s, e->next);
	ret->waiting = schedule_waiting_for(s->model, e->cpu, &longest);
	ret->longest = task_of(s, longest);
	ret->longest_since_ns = longest ? schedule_waits_since(longest) : 0;
}

/* --- queues ------------------------------------------------------------------------------------------------------- */

static void see_before_queue(struct stepper *s, const struct schedule_event *e, struct step *ret)
{
	const struct schedule_task *t = schedule_find_key(s->model, e->task);
	ret->since_known = t && t->state == SCHEDULE_SLEEPING;
	ret->since_ns = ret->since_known ? t->since : e->time_ns;
	ret->from_cpu = t ? t->cpu : e->cpu;
	ret->next_known = t && t->state == SCHEDULE_RUNNABLE;
	ret->next_since_ns = ret->next_known ? schedule_waits_since(t) : e->time_ns;
	ret->wake = find_wake(s, e->task);
}

static void see_after_queue(struct stepper *s, const struct schedule_event *e, struct step *ret)
{
	const struct schedule_task *t = schedule_find_key(s->model, e->task);
	bool was_waiting = ret->next_known;
	ret->task = (struct step_task){ e->pid, task_of(s, t).group };
	if (t && t->state == SCHEDULE_RUNNABLE && !was_waiting)
		ret->kind = STEP_READY;
	else if (was_waiting && ret->from_cpu != e->cpu)
		ret->kind = STEP_MOVES;
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static void see_before(struct stepper *s, const struct schedule_event *e, struct step *ret)
{
	if (e->kind == SCHEDULE_SWITCH)
		see_before_switch(s, e, ret);
	else if (e->kind == SCHEDULE_ENQUEUE || e->kind == SCHEDULE_MIGRATE)
		see_before_queue(s, e, ret);
	else if (e->kind == SCHEDULE_WAKE)
		note_wake(s, e);
	else if (e->kind == SCHEDULE_OFFLINE || e->kind == SCHEDULE_ONLINE)
		ret->kind = e->kind == SCHEDULE_OFFLINE ? STEP_OFFLINE : STEP_ONLINE;
}

static void see_after(struct stepper *s, const struct schedule_event *e, struct step *ret)
{
	if (e->kind == SCHEDULE_SWITCH)
		see_after_switch(s, e, ret);
	else if (e->kind == SCHEDULE_ENQUEUE || e->kind == SCHEDULE_MIGRATE)
		see_after_queue(s, e, ret);
}

int stepper_next(struct stepper *s, struct step *ret, struct err **err)
{
	struct schedule_event e;
	int r = schedule_log_next(s->reader, &e, err);
	if (r <= 0)
		return r;
	*ret = (struct step){ .time_ns = e.time_ns, .cpu = e.cpu };
	see_before(s, &e, ret);
	schedule_add(s->model, &e);
	see_after(s, &e, ret);
	s->events++;
	return 1;
}

bool stepper_current(const struct stepper *s, unsigned cpu, struct step_task *ret, uint64_t *since_ns)
{
	const struct schedule_cpu *c = schedule_cpu(s->model, cpu);
	*ret = task_of(s, c->current);
	*since_ns = c->since;
	return c->known;
}
