/* SPDX-License-Identifier: GPL-2.0-only */
/* intervals.c -- the latest intervals of all tasks, and what is read from them in a window of time. */
#include "schedule/state.h"

static struct schedule_interval make_interval(const struct task *t, enum schedule_state state, uint64_t start,
					      uint64_t end)
{
	return (struct schedule_interval){ .start = start,
					   .end = end,
					   .serial = t->serial,
					   .pid = t->public.pid,
					   .cpu = t->public.cpu,
					   .group = (uint16_t)t->public.group,
					   .state = (uint8_t)state,
					   .task_class = (uint8_t)t->public.task_class };
}

void intervals_add(struct schedule *s, const struct task *t, enum schedule_state state, uint64_t start, uint64_t end)
{
	struct schedule_interval *i = &s->interval[s->intervals % s->config.intervals];
	if (end <= start)
		return;
	if (s->intervals >= s->config.intervals) {
		s->losses.intervals++;
		s->forgotten_end = MAX_OF(s->forgotten_end, i->end);
	}
	*i = make_interval(t, state, start, end);
	s->intervals++;
}

struct walk {
	const struct schedule_filter *filter;
	uint64_t from, to;
	int (*fn)(void *data, const struct schedule_interval *i);
	void *data;
};

static bool is_meant(const struct schedule_filter *f, const struct schedule_interval *i)
{
	return i->state == f->state && (f->pid == SCHEDULE_ANY || f->pid == i->pid) &&
	       (f->group == SCHEDULE_ANY || f->group == i->group) && (f->cpu == SCHEDULE_ANY || f->cpu == i->cpu);
}

static int visit(const struct walk *w, struct schedule_interval i)
{
	i.start = MAX_OF(i.start, w->from);
	i.end = MIN_OF(i.end, w->to);
	return i.start < i.end && is_meant(w->filter, &i) ? w->fn(w->data, &i) : 0;
}

static int visit_present(const struct schedule *s, const struct walk *w, const struct task *t)
{
	if (t->public.state != SCHEDULE_RUNNING && t->public.state != SCHEDULE_RUNNABLE)
		return 0;
	return visit(w, make_interval(t, t->public.state, t->public.since, s->now));
}

int schedule_walk(const struct schedule *s, const struct schedule_filter *f, uint64_t from, uint64_t to,
		  int (*fn)(void *data, const struct schedule_interval *i), void *data)
{
	const struct walk w = { f, from, to, fn, data };
	uint64_t first = s->intervals > s->config.intervals ? s->intervals - s->config.intervals : 0;
	int r = s->losses.intervals && s->forgotten_end > from ? -ERANGE : 0;
	for (uint64_t i = first; i < s->intervals && r == 0; i++)
		r = visit(&w, s->interval[i % s->config.intervals]);
	for (unsigned i = 0; i < s->tasks && r == 0; i++)
		r = visit_present(s, &w, s->task[i]);
	return r;
}

static int add_time(void *data, const struct schedule_interval *i)
{
	*(uint64_t *)data += i->end - i->start;
	return 0;
}

int schedule_time(const struct schedule *s, const struct schedule_filter *f, uint64_t from, uint64_t to, uint64_t *ret)
{
	*ret = 0;
	return schedule_walk(s, f, from, to, add_time, ret);
}
