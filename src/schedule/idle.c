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

/*
 * Schedulers may keep tasks near their memory: EEVDF leaves small imbalances between nodes as they are, and sched_ext's
 * global queue is one for each node.
 */
static bool could_run(const struct schedule *s, const struct task *t, unsigned cpu)
{
	return idle_may_run(t, cpu) && s->cpu[cpu].node == s->cpu[t->public.cpu].node;
}

static bool is_idle(const struct schedule *s, unsigned cpu)
{
	return s->idle[cpu / 64] >> cpu % 64 & 1;
}

static uint64_t pair_ns(const struct schedule *s, const struct task *t, unsigned cpu, uint64_t time)
{
	uint64_t from = MAX_OF(s->pairs_from, MAX_OF(s->cpu[cpu].idle_since, t->allowed_since));
	return could_run(s, t, cpu) && time > from ? time - from : 0;
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

/* --- idle CPUs that are wanted ------------------------------------------------------------------------------------ */

#define ROOT_GROUP 1 /* cgroup v2: the number of its first directory */

static bool is_ordinary(const struct schedule *s, const struct task *t)
{
	uint64_t group = s->group[t->public.group].id;
	bool ordinary = t->public.task_class == SCHEDULE_CLASS_FAIR || t->public.task_class == SCHEDULE_CLASS_EXT;
	return ordinary && group && group != ROOT_GROUP;
}

/* A task other than @without that waits and may run there. */
static const struct task *find_wanting(struct schedule *s, unsigned cpu, const struct task *without)
{
	unsigned left = PAIRS_MAX;
	list_for_each(it, &s->waiting) {
		const struct task *t = list_entry(it, struct task, waiting);
		if (!left--) {
			s->losses.pairs++;
			return NULL;
		}
		if (t != without && could_run(s, t, cpu) && is_ordinary(s, t))
			return t;
	}
	return NULL;
}

/*
 * A short task of the kernel, or a moment in which nobody waits, does not begin the time anew: a gap takes away four
 * times its length. So only a CPU that is unused for more than four fifths of a time gathers something in it.
 */
#define GAP_COSTS 4

static void begin_wanted(struct cpu *c, uint64_t time)
{
	if (c->wanted)
		return;
	c->wanted = true;
	c->wanted_since = time;
	uint64_t lost = GAP_COSTS * (time - c->wanted_ended);
	c->gathered = c->gathered > lost ? c->gathered - lost : 0;
	if (c->gathered)
		return;
	c->wanted_first = time;
	c->wanted_sum = 0;
}

static void end_wanted(struct cpu *c, const struct task *t, uint64_t time)
{
	struct schedule_unused *u = &c->public.unused;
	if (!c->wanted)
		return;
	c->wanted = false;
	if (time <= c->wanted_since)
		return;
	c->wanted_ended = time;
	c->gathered += time - c->wanted_since;
	c->wanted_sum += time - c->wanted_since;
	if (c->gathered > u->gathered_ns)
		*u = (struct schedule_unused){ c->gathered, c->wanted_sum, c->wanted_first, time,
					       t ? t->public.pid : 0 };
}

void idle_wait_begins(struct schedule *s, const struct task *t, uint64_t time)
{
	for (unsigned word = 0; word < s->words && is_ordinary(s, t); word++) {
		for (uint64_t idle = s->idle[word]; idle; idle &= idle - 1) {
			unsigned cpu = word * 64 + (unsigned)__builtin_ctzll(idle);
			if (could_run(s, t, cpu))
				begin_wanted(&s->cpu[cpu], time);
		}
	}
}

/* The last task that waited for a CPU ends its time; another one carries it on. */
static void leave_wanted(struct schedule *s, const struct task *t, uint64_t time)
{
	for (unsigned word = 0; word < s->words; word++) {
		for (uint64_t idle = s->idle[word]; idle; idle &= idle - 1) {
			unsigned cpu = word * 64 + (unsigned)__builtin_ctzll(idle);
			if (s->cpu[cpu].wanted && !find_wanting(s, cpu, t))
				end_wanted(&s->cpu[cpu], t, time);
		}
	}
}

struct schedule_unused schedule_unused(const struct schedule *s, unsigned cpu)
{
	struct cpu c = s->cpu[cpu];
	const struct task *t = list_empty(&s->waiting) ? NULL : list_entry(s->waiting.next, struct task, waiting);
	end_wanted(&c, t, s->now);
	return c.public.unused;
}

/* --- pairs -------------------------------------------------------------------------------------------------------- */

void idle_cpu_begins(struct schedule *s, unsigned cpu, uint64_t time)
{
	if (s->cpu[cpu].public.offline)
		return;
	s->idle[cpu / 64] |= UINT64_C(1) << cpu % 64;
	s->cpu[cpu].idle_since = time;
	if (find_wanting(s, cpu, NULL))
		begin_wanted(&s->cpu[cpu], time);
}

static void end_pairs_of_cpu(struct schedule *s, unsigned cpu, uint64_t time)
{
	unsigned left = PAIRS_MAX;
	list_for_each(it, &s->waiting) {
		struct task *t = list_entry(it, struct task, waiting);
		if (!left--) {
			s->losses.pairs++;
			return;
		}
		uint64_t ns = pair_ns(s, t, cpu, time);
		note_pair(&s->pairs, s->config.idle_ns, ns, time, cpu, t->public.pid);
		note_pair(&t->public.idle, s->config.idle_ns, ns, time, cpu, t->public.pid);
	}
}

void idle_forget(struct schedule *s, unsigned cpu)
{
	s->idle[cpu / 64] &= ~(UINT64_C(1) << cpu % 64);
	s->cpu[cpu].wanted = false;
}

void idle_cpu_ends(struct schedule *s, unsigned cpu, uint64_t time)
{
	if (!is_idle(s, cpu))
		return;
	end_pairs_of_cpu(s, cpu, time);
	end_wanted(&s->cpu[cpu], find_wanting(s, cpu, NULL), time);
	idle_forget(s, cpu);
}

static void add_pairs(const struct schedule *s, struct schedule_idle *p, const struct task *t, uint64_t time)
{
	for (unsigned word = 0; word < s->words; word++) {
		for (uint64_t idle = s->idle[word]; idle; idle &= idle - 1) {
			unsigned cpu = word * 64 + (unsigned)__builtin_ctzll(idle);
			note_pair(p, s->config.idle_ns, pair_ns(s, t, cpu, time), time, cpu, t->public.pid);
		}
	}
}

void idle_wait_ends(struct schedule *s, struct task *t, uint64_t time)
{
	add_pairs(s, &s->pairs, t, time);
	add_pairs(s, &t->public.idle, t, time);
	leave_wanted(s, t, time);
}

uint64_t idle_since_wakeup(const struct schedule *s, const struct task *t, uint64_t time)
{
	uint64_t longest = 0, woken = t->allowed_changed ? MAX_OF(t->woken_at, t->allowed_since) : t->woken_at;
	for (unsigned word = 0; word < s->words; word++) {
		for (uint64_t idle = s->idle[word]; idle; idle &= idle - 1) {
			unsigned cpu = word * 64 + (unsigned)__builtin_ctzll(idle);
			uint64_t from = MAX_OF(woken, s->cpu[cpu].idle_since);
			if (could_run(s, t, cpu) && time > from)
				longest = MAX_OF(longest, time - from);
		}
	}
	return longest;
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

struct schedule_idle schedule_task_idle(const struct schedule *s, const struct schedule_task *t)
{
	struct schedule_idle p = t->idle;
	if (t->state == SCHEDULE_RUNNABLE)
		add_pairs(s, &p, container_of(t, const struct task, public), s->now);
	return p;
}

unsigned schedule_waiting_for(const struct schedule *s, unsigned cpu, const struct schedule_task **ret)
{
	unsigned count = 0, left = PAIRS_MAX;
	*ret = NULL;
	list_for_each(it, &s->waiting) {
		const struct task *t = list_entry(it, struct task, waiting);
		if (!left--)
			break;
		if (!idle_may_run(t, cpu))
			continue;
		if (!count++)
			*ret = &t->public;
	}
	return count;
}
