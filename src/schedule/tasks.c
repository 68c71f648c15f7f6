/* SPDX-License-Identifier: GPL-2.0-only */
/* tasks.c -- the tasks that the model remembers, by key, and their groups. */
#include "schedule/state.h"

#define SLOTS_PER_TASK 2

int tasks_init(struct schedule *s)
{
	for (s->slots = 1; s->slots < s->config.tasks * SLOTS_PER_TASK; s->slots *= 2)
		;
	s->task = calloc(s->config.tasks, sizeof(struct task *));
	s->slot = calloc(s->slots, sizeof(struct task *));
	s->group = calloc(s->config.groups, sizeof(*s->group));
	s->groups = 1;
	list_init(&s->waiting);
	list_init(&s->gone);
	return s->task && s->slot && s->group ? 0 : -ENOMEM;
}

void tasks_done(struct schedule *s)
{
	for (unsigned i = 0; i < s->tasks; i++)
		free(s->task[i]);
	free(s->task);
	free(s->slot);
	free(s->group);
}

/* --- by key ------------------------------------------------------------------------------------------------------- */

static unsigned home_of(const struct schedule *s, uint64_t key)
{
	return (unsigned)(key * 0x9e3779b97f4a7c15u >> 32) & (s->slots - 1);
}

/* The slot with this key, or the free one where it would be. There always is a free one. */
static unsigned find_slot(const struct schedule *s, uint64_t key)
{
	unsigned at = home_of(s, key);
	while (s->slot[at] && s->slot[at]->public.key != key)
		at = (at + 1) & (s->slots - 1);
	return at;
}

/* Later entries of the same run move up, so that no search ends too early. */
static void clear_slot(struct schedule *s, unsigned free_at)
{
	unsigned mask = s->slots - 1;
	for (unsigned at = (free_at + 1) & mask; s->slot[at]; at = (at + 1) & mask) {
		unsigned home = home_of(s, s->slot[at]->public.key);
		if (((at - home) & mask) < ((at - free_at) & mask))
			continue;
		s->slot[free_at] = s->slot[at];
		free_at = at;
	}
	s->slot[free_at] = NULL;
}

/* --- tasks -------------------------------------------------------------------------------------------------------- */

/* A new one, or that of the task that ended first. */
static struct task *get_room(struct schedule *s)
{
	if (s->tasks < s->config.tasks) {
		struct task *t = calloc(1, sizeof(*t));
		if (!t)
			return NULL;
		t->index = s->tasks;
		return s->task[s->tasks++] = t;
	}
	struct list *oldest = list_pop(&s->gone);
	if (!oldest)
		return NULL;
	s->losses.tasks++;
	return list_entry(oldest, struct task, waiting);
}

static struct task *make_task(struct schedule *s, uint64_t key, int32_t pid)
{
	struct task *t = get_room(s);
	if (!t) {
		s->losses.no_room++;
		return NULL;
	}
	*t = (struct task){ .public = { .key = key, .pid = pid, .since = s->now },
			    .serial = s->next_serial++,
			    .index = t->index };
	list_init(&t->waiting);
	s->slot[find_slot(s, key)] = t;
	return t;
}

struct task *tasks_get(struct schedule *s, uint64_t key, int32_t pid)
{
	struct task *t = s->slot[find_slot(s, key)];
	/* The kernel uses memory of ended tasks again; the end of this one was not seen. */
	if (t && pid && t->public.pid && pid != t->public.pid) {
		tasks_end(s, t);
		t = NULL;
	}
	if (!t)
		return make_task(s, key, pid);
	if (!t->public.pid)
		t->public.pid = pid;
	return t;
}

const struct schedule_task *schedule_find_key(const struct schedule *s, uint64_t key)
{
	const struct task *t = s->slot[find_slot(s, key)];
	return t ? &t->public : NULL;
}

void tasks_leave_cpus(struct schedule *s, const struct task *t)
{
	for (unsigned i = 0; t->public.state == SCHEDULE_RUNNING && i < s->config.cpus; i++) {
		struct cpu *c = &s->cpu[i];
		if (c->current != t)
			continue;
		c->current = NULL;
		c->public.current = NULL;
		c->public.known = false;
	}
}

void tasks_end(struct schedule *s, struct task *t)
{
	tasks_leave_cpus(s, t);
	clear_slot(s, find_slot(s, t->public.key));
	list_remove(&t->waiting);
	list_append(&s->gone, &t->waiting);
	t->public.state = SCHEDULE_GONE;
	t->public.since = s->now;
}

/* --- groups ------------------------------------------------------------------------------------------------------- */

uint32_t groups_get(struct schedule *s, uint64_t id)
{
	for (unsigned i = 0; i < s->groups; i++) {
		if (s->group[i].id == id)
			return i;
	}
	if (s->groups == s->config.groups) {
		s->losses.groups++;
		return 0;
	}
	s->group[s->groups].id = id;
	return s->groups++;
}
