/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * idle.c -- pairs of a CPU that is idle and a task that waits although it may run there. Such a pair ends when the CPU
 * begins to run something, or when the task does not wait any more; only then it is looked at.
 */
#include "schedule/state.h"

bool idle_may_run(const struct task *t, unsigned cpu)
{
	return !t->allowed_words || (cpu / 64 < t->allowed_words && t->allowed[cpu / 64] >> cpu % 64 & 1);
}

static uint64_t pair_ns(const struct schedule *s, const struct task *t, unsigned cpu, uint64_t time)
{
	uint64_t from = MAX_OF(s->pairs_from, MAX_OF(s->cpu[cpu].public.since, t->allowed_since));
	return idle_may_run(t, cpu) && time > from ? time - from : 0;
}

static void note_pair(struct schedule_idle *p, uint64_t limit, uint64_t ns, uint64_t time, unsigned cpu, int32_t pid)
{
	if (ns <= limit)
		return;
	p->count++;
	if (ns <= p->longest_ns)
		return;
	p->longest_ns = ns;
	p->end_ns = time;
	p->cpu = cpu;
	p->pid = pid;
}

void idle_cpu_ends(struct schedule *s, unsigned cpu, uint64_t time)
{
	unsigned left = PAIRS_MAX;
	list_for_each(it, &s->waiting) {
		const struct task *t = list_entry(it, struct task, waiting);
		if (!left--) {
			s->losses.pairs++;
			return;
		}
		note_pair(&s->pairs, s->config.idle_ns, pair_ns(s, t, cpu, time), time, cpu, t->public.pid);
	}
}

static void add_pairs(const struct schedule *s, struct schedule_idle *p, const struct task *t, uint64_t time)
{
	for (unsigned word = 0; word < SCHEDULE_WORDS; word++) {
		for (uint64_t idle = s->idle[word]; idle; idle &= idle - 1) {
			unsigned cpu = word * 64 + (unsigned)__builtin_ctzll(idle);
			note_pair(p, s->config.idle_ns, pair_ns(s, t, cpu, time), time, cpu, t->public.pid);
		}
	}
}

void idle_wait_ends(struct schedule *s, const struct task *t, uint64_t time)
{
	add_pairs(s, &s->pairs, t, time);
}

void schedule_watch_idle(struct schedule *s, uint64_t time)
{
	s->pairs = (struct schedule_idle){ 0 };
	s->pairs_from = time;
}

struct schedule_idle schedule_idle_while_runnable(const struct schedule *s)
{
	struct schedule_idle p = s->pairs;
	list_for_each(it, &s->waiting)
		add_pairs(s, &p, list_entry(it, struct task, waiting), s->now);
	return p;
}
