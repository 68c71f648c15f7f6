/* SPDX-License-Identifier: GPL-2.0-only */
/* model.c -- see model.h: what each event does to its task and its CPU. */
#include "schedule/state.h"

#include <string.h>

#define TASKS_DEFAULT	  4096
#define TASKS_MAX	  (1u << 20)
#define GROUPS_DEFAULT	  256
#define GROUPS_MAX	  65535
#define INTERVALS_DEFAULT (1u << 18)

uint64_t schedule_span(struct schedule *s, uint64_t from, uint64_t to)
{
	if (to >= from)
		return to - from;
	s->losses.backwards++;
	return 0;
}

/* --- sums --------------------------------------------------------------------------------------------------------- */

/* Each duration and count is the task's and its group's; those of all tasks are the sums of all groups. */
static struct schedule_sums *group_sums(struct schedule *s, const struct task *t)
{
	return &s->group[t->public.group].sums;
}

#define ADD_SPREAD(s, t, member, ns, end) spread_add_both(&(t)->public.sums.member, &group_sums(s, t)->member, ns, end)
#define ADD_COUNT(s, t, member, n)              \
	do {                                    \
		uint64_t n_ = (n);              \
		(t)->public.sums.member += n_;  \
		group_sums(s, t)->member += n_; \
	} while (0)

static void add_sums(struct schedule_sums *to, const struct schedule_sums *from)
{
	to->runs += from->runs;
	to->preempted += from->preempted;
	to->migrations += from->migrations;
	for (unsigned i = 0; i < SCHEDULE_DISTANCES; i++)
		to->moved[i] += from->moved[i];
	spread_merge(&to->slice, &from->slice);
	spread_merge(&to->wait, &from->wait);
	spread_merge(&to->wakeup, &from->wakeup);
	spread_merge(&to->idle_wakeup, &from->idle_wakeup);
}

/* --- states of a task --------------------------------------------------------------------------------------------- */

static void set_state(struct task *t, enum schedule_state state, uint64_t time)
{
	t->public.state = state;
	t->public.since = time;
}

static void begin_wait(struct schedule *s, struct task *t, uint64_t time)
{
	set_state(t, SCHEDULE_RUNNABLE, time);
	t->runnable_since = time;
	t->runnable_group = t->public.group;
	t->allowed_since = time;
	t->allowed_changed = false;
	list_remove(&t->waiting);
	list_append(&s->waiting, &t->waiting);
	idle_wait_begins(s, t, time);
}

static void end_wait(struct schedule *s, struct task *t, uint64_t time)
{
	if (t->public.state != SCHEDULE_RUNNABLE)
		return;
	intervals_add(s, t, SCHEDULE_RUNNABLE, t->public.since, time);
	idle_wait_ends(s, t, time);
	list_remove(&t->waiting);
}

static void set_cpu(struct schedule *s, struct task *t, uint32_t cpu, uint64_t time)
{
	if (t->public.state == SCHEDULE_RUNNING)
		return;
	t->placed = true;
	if (t->public.cpu == cpu)
		return;
	if (t->public.state == SCHEDULE_RUNNABLE) {
		intervals_add(s, t, SCHEDULE_RUNNABLE, t->public.since, time);
		t->public.since = MAX_OF(t->public.since, time);
	}
	t->public.cpu = cpu;
}

static void set_allowed(struct schedule *s, struct task *t, const struct schedule_event *e)
{
	unsigned words = MIN_OF(e->allowed_words, SCHEDULE_WORDS);
	if (!words || (words == t->allowed_words && !memcmp(t->allowed, e->allowed, words * sizeof(*e->allowed))))
		return;
	if (t->public.state == SCHEDULE_RUNNABLE)
		idle_wait_ends(s, t, e->time_ns);
	memcpy(t->allowed, e->allowed, words * sizeof(*e->allowed));
	t->allowed_words = words;
	t->allowed_since = e->time_ns;
	t->allowed_changed = t->public.state == SCHEDULE_RUNNABLE;
	if (t->allowed_changed)
		idle_wait_begins(s, t, e->time_ns);
}

/* --- the kernel's own count --------------------------------------------------------------------------------------- */

/* As sched_info_enqueue(). */
static void kernel_enqueue(struct task *t, uint64_t clock)
{
	struct schedule_kernel_sums *k = &t->public.kernel;
	k->queued_since = k->queued_since ? k->queued_since : clock;
}

/* As sched_info_dequeue(). */
static void kernel_dequeue(struct task *t, uint64_t clock)
{
	struct schedule_kernel_sums *k = &t->public.kernel;
	if (k->queued_since)
		k->wait_ns += clock - k->queued_since;
	k->queued_since = 0;
}

/* As sched_info_arrive(). */
static void kernel_arrive(struct task *t, const struct schedule_event *e)
{
	t->public.kernel.runs += t->public.kernel.queued_since != 0;
	kernel_dequeue(t, e->clock_ns);
	t->public.kernel.on_since = e->task_clock_ns;
}

/* As update_curr(): a task that falls asleep is not charged for all that its CPU does until it switches. */
static void kernel_charge(struct task *t, const struct schedule_event *e)
{
	struct schedule_kernel_sums *k = &t->public.kernel;
	if (k->on_since && e->charged_ns > k->on_since)
		k->run_ns += e->charged_ns - k->on_since;
	k->on_since = 0;
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static struct task *task_of(struct schedule *s, const struct schedule_event *e)
{
	return tasks_get(s, e->task, e->pid);
}

static void handle_wake(struct schedule *s, const struct schedule_event *e)
{
	struct task *t = task_of(s, e);
	if (!t || t->public.state == SCHEDULE_RUNNABLE || (t->public.state == SCHEDULE_RUNNING && !t->leaves))
		return;
	t->woken = true;
	t->woken_at = e->time_ns;
}

/* It can run from now on, unless it already does. */
static void wake_up(struct schedule *s, struct task *t, const struct schedule_event *e)
{
	t->leaves = false;
	if (t->public.state == SCHEDULE_RUNNING || t->public.state == SCHEDULE_RUNNABLE)
		return;
	if (!t->woken)
		t->woken_at = e->time_ns;
	t->woken = true;
	begin_wait(s, t, e->time_ns);
}

static void handle_enqueue(struct schedule *s, const struct schedule_event *e)
{
	struct task *t = task_of(s, e);
	if (!t)
		return;
	set_cpu(s, t, e->cpu, e->time_ns);
	set_allowed(s, t, e);
	t->public.task_class = e->task_class;
	if (e->group)
		t->public.group = groups_get(s, e->group);
	if (e->reason == SCHEDULE_SLEEP)
		wake_up(s, t, e);
	else if (e->reason == SCHEDULE_MOVE && t->public.state == SCHEDULE_UNKNOWN)
		begin_wait(s, t, e->time_ns);
	if (e->reason != SCHEDULE_CHANGE && e->clock_ns)
		kernel_enqueue(t, e->clock_ns);
}

static void fall_asleep(struct schedule *s, struct task *t, const struct schedule_event *e)
{
	if (t->public.state == SCHEDULE_RUNNING) {
		t->leaves = true;
		return;
	}
	end_wait(s, t, e->time_ns);
	if (t->public.state != SCHEDULE_SLEEPING)
		set_state(t, SCHEDULE_SLEEPING, e->time_ns);
}

static void handle_dequeue(struct schedule *s, const struct schedule_event *e)
{
	struct task *t = task_of(s, e);
	if (!t)
		return;
	if (e->reason == SCHEDULE_SLEEP)
		fall_asleep(s, t, e);
	if (e->reason != SCHEDULE_CHANGE && e->clock_ns)
		kernel_dequeue(t, e->clock_ns);
}

static enum schedule_distance distance(const struct schedule *s, unsigned from, unsigned to)
{
	const struct cpu *a = &s->cpu[from], *b = &s->cpu[to];
	return a->node != b->node ? SCHEDULE_ACROSS_NODES
	       : a->llc != b->llc ? SCHEDULE_ACROSS_LLCS
				  : SCHEDULE_WITHIN_LLC;
}

static void handle_migrate(struct schedule *s, const struct schedule_event *e)
{
	struct task *t = task_of(s, e);
	if (!t)
		return;
	enum schedule_distance far = distance(s, t->public.cpu, e->cpu);
	t->public.kernel.migrations++;
	ADD_COUNT(s, t, migrations, 1);
	ADD_COUNT(s, t, moved[far], t->placed);
	set_cpu(s, t, e->cpu, e->time_ns);
}

static void handle_group(struct schedule *s, const struct schedule_event *e)
{
	struct task *t = task_of(s, e);
	if (t)
		t->public.group = groups_get(s, e->group);
}

static void handle_tick(struct schedule *s, const struct schedule_event *e)
{
	s->cpu[e->cpu].public.ticks++;
}

static void handle_offline(struct schedule *s, const struct schedule_event *e)
{
	idle_cpu_ends(s, e->cpu, e->time_ns);
	s->cpu[e->cpu].public.offline = true;
}

static void handle_online(struct schedule *s, const struct schedule_event *e)
{
	struct schedule_cpu *c = &s->cpu[e->cpu].public;
	c->offline = false;
	if (c->known && !c->current)
		idle_cpu_begins(s, e->cpu, e->time_ns);
}

/* --- switches ----------------------------------------------------------------------------------------------------- */

static void add_slice(struct schedule *s, struct cpu *c, struct task *t, uint64_t time)
{
	uint64_t ns = schedule_span(s, t->public.since, time);
	ADD_SPREAD(s, t, slice, ns, time);
	intervals_add(s, t, SCHEDULE_RUNNING, t->public.since, time);
	c->public.busy_ns += ns;
}

static void leave_cpu(struct schedule *s, struct task *t, const struct schedule_event *e)
{
	bool sleeps = t->leaves || e->leaving == SCHEDULE_DEAD;
	t->leaves = false;
	set_allowed(s, t, e);
	if (e->clock_ns) {
		kernel_charge(t, e);
		if (e->leaving == SCHEDULE_RUNS)
			kernel_enqueue(t, e->clock_ns);
	}
	if (sleeps) {
		set_state(t, SCHEDULE_SLEEPING, e->time_ns);
	} else {
		ADD_COUNT(s, t, preempted, 1);
		begin_wait(s, t, e->time_ns);
	}
	if (e->leaving == SCHEDULE_DEAD)
		tasks_end(s, t);
}

/* The CPU ran something else than the model knows: since when is not known, so no time is counted. */
static struct task *correct_current(struct schedule *s, struct cpu *c, const struct schedule_event *e)
{
	if (c->public.known)
		s->losses.gaps++;
	idle_forget(s, e->cpu);
	if (c->current)
		set_state(c->current, SCHEDULE_UNKNOWN, e->time_ns);
	c->current = NULL;
	struct task *t = e->task ? task_of(s, e) : NULL;
	if (!t)
		return NULL;
	end_wait(s, t, e->time_ns);
	tasks_leave_cpus(s, t);
	t->leaves |= t->public.state == SCHEDULE_SLEEPING;
	set_state(t, SCHEDULE_UNKNOWN, e->time_ns);
	t->placed = true;
	t->public.cpu = e->cpu;
	return t;
}

static void leave(struct schedule *s, struct cpu *c, const struct schedule_event *e)
{
	bool is_known = c->public.known && (c->current ? c->current->public.key : 0) == e->task;
	struct task *t = is_known ? c->current : correct_current(s, c, e);
	if (is_known && t)
		add_slice(s, c, t, e->time_ns);
	c->current = NULL;
	if (t)
		leave_cpu(s, t, e);
}

static void add_wait(struct schedule *s, struct task *t, uint64_t time)
{
	uint64_t wait = schedule_span(s, t->runnable_since, time);
	if (wait >= t->public.sums.wait.max)
		t->public.longest_wait_group = t->runnable_group;
	ADD_SPREAD(s, t, wait, wait, time);
	if (!t->woken)
		return;
	ADD_SPREAD(s, t, wakeup, schedule_span(s, t->woken_at, time), time);
	ADD_SPREAD(s, t, idle_wakeup, idle_since_wakeup(s, t, time), time);
}

/* The kernel moves a task whose mask changes a moment later, so that wait says nothing. */
static void note_outside(struct task *t, const struct schedule_event *e)
{
	struct schedule_outside *o = &t->public.outside;
	if (t->allowed_changed || idle_may_run(t, e->cpu))
		return;
	if (!o->count++) {
		o->time_ns = e->time_ns;
		o->cpu = e->cpu;
	}
}

static void arrive(struct schedule *s, struct cpu *c, const struct schedule_event *e)
{
	struct task *t = tasks_get(s, e->next, e->next_pid);
	if (!t)
		return;
	if (t->public.state == SCHEDULE_RUNNING)
		s->losses.gaps++;
	tasks_leave_cpus(s, t);
	if (t->public.state == SCHEDULE_RUNNABLE) {
		add_wait(s, t, e->time_ns);
		note_outside(t, e);
	}
	end_wait(s, t, e->time_ns);
	ADD_COUNT(s, t, runs, 1);
	if (e->clock_ns)
		kernel_arrive(t, e);
	t->woken = t->leaves = false;
	t->placed = true;
	t->public.cpu = e->cpu;
	set_state(t, SCHEDULE_RUNNING, e->time_ns);
	c->current = t;
}

static void handle_switch(struct schedule *s, const struct schedule_event *e)
{
	struct cpu *c = &s->cpu[e->cpu];
	leave(s, c, e);
	c->public.known = true;
	c->public.since = e->time_ns;
	/* The task that comes could have run here for as long as this CPU was idle, so that ends after it has come. */
	if (e->next)
		arrive(s, c, e);
	idle_cpu_ends(s, e->cpu, e->time_ns);
	if (!e->next)
		idle_cpu_begins(s, e->cpu, e->time_ns);
	c->public.current = c->current ? &c->current->public : NULL;
}

typedef void handle_fn(struct schedule *s, const struct schedule_event *e);

static handle_fn *const handlers[SCHEDULE_KIND_COUNT] = {
	[SCHEDULE_SWITCH] = handle_switch,   [SCHEDULE_WAKE] = handle_wake,	  [SCHEDULE_ENQUEUE] = handle_enqueue,
	[SCHEDULE_DEQUEUE] = handle_dequeue, [SCHEDULE_MIGRATE] = handle_migrate, [SCHEDULE_GROUP] = handle_group,
	[SCHEDULE_TICK] = handle_tick,	     [SCHEDULE_OFFLINE] = handle_offline, [SCHEDULE_ONLINE] = handle_online,
};

void schedule_add(struct schedule *s, const struct schedule_event *e)
{
	bool needs_task = e->kind != SCHEDULE_SWITCH && e->kind < SCHEDULE_TICK;
	if (e->kind >= SCHEDULE_KIND_COUNT || e->cpu >= s->config.cpus || (needs_task && !e->task) ||
	    e->reason >= SCHEDULE_REASON_COUNT || e->task_class >= SCHEDULE_CLASS_COUNT ||
	    (e->kind == SCHEDULE_SWITCH && e->task == e->next)) {
		s->losses.events++;
		return;
	}
	s->now = MAX_OF(s->now, e->time_ns);
	handlers[e->kind](s, e);
}

/* --- life, and readers -------------------------------------------------------------------------------------------- */

int schedule_new(const struct schedule_config *config, struct schedule **ret)
{
	struct schedule *s;
	if (!config->cpus || config->cpus > SCHEDULE_CPUS_MAX || config->tasks > TASKS_MAX ||
	    config->groups > GROUPS_MAX)
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->config = *config;
	s->config.tasks = config->tasks ? config->tasks : TASKS_DEFAULT;
	s->config.groups = config->groups ? config->groups : GROUPS_DEFAULT;
	s->config.intervals = config->intervals ? config->intervals : INTERVALS_DEFAULT;
	s->cpu = calloc(config->cpus, sizeof(*s->cpu));
	s->interval = calloc(s->config.intervals, sizeof(*s->interval));
	s->total = calloc(1, sizeof(*s->total));
	s->words = (config->cpus + 63) / 64;
	if (tasks_init(s) < 0 || !s->cpu || !s->interval || !s->total) {
		schedule_free(s);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < config->cpus; i++) {
		s->cpu[i].node = config->node ? config->node[i] : 0;
		s->cpu[i].llc = config->llc ? config->llc[i] : 0;
	}
	s->config.node = NULL;
	s->config.llc = NULL;
	*ret = s;
	return 0;
}

void schedule_free(struct schedule *s)
{
	if (!s)
		return;
	tasks_done(s);
	free(s->cpu);
	free(s->interval);
	free(s->total);
	free(s);
}

uint64_t schedule_now(const struct schedule *s)
{
	return s->now;
}

unsigned schedule_tasks(const struct schedule *s)
{
	return s->tasks;
}

const struct schedule_task *schedule_task(const struct schedule *s, unsigned index)
{
	return index < s->tasks ? &s->task[index]->public : NULL;
}

const struct schedule_task *schedule_find(const struct schedule *s, int32_t pid)
{
	const struct task *best = NULL;
	for (unsigned i = 0; i < s->tasks; i++) {
		if (s->task[i]->public.pid == pid && (!best || s->task[i]->serial > best->serial))
			best = s->task[i];
	}
	return best ? &best->public : NULL;
}

unsigned schedule_groups(const struct schedule *s)
{
	return s->groups;
}

const struct schedule_group *schedule_group(const struct schedule *s, unsigned index)
{
	return index < s->groups ? &s->group[index] : NULL;
}

const struct schedule_cpu *schedule_cpu(const struct schedule *s, unsigned cpu)
{
	return cpu < s->config.cpus ? &s->cpu[cpu].public : NULL;
}

const struct schedule_sums *schedule_total(const struct schedule *s)
{
	*s->total = (struct schedule_sums){ 0 };
	for (unsigned i = 0; i < s->groups; i++)
		add_sums(s->total, &s->group[i].sums);
	return s->total;
}

const struct schedule_losses *schedule_losses(const struct schedule *s)
{
	return &s->losses;
}

uint64_t schedule_longest_wait(const struct schedule *s, const struct schedule_task *t)
{
	const struct task *task = container_of(t, const struct task, public);
	uint64_t lasting =
		t->state == SCHEDULE_RUNNABLE && s->now > task->runnable_since ? s->now - task->runnable_since : 0;
	return MAX_OF(lasting, t->sums.wait.max);
}

uint32_t schedule_longest_wait_group(const struct schedule *s, const struct schedule_task *t)
{
	const struct task *task = container_of(t, const struct task, public);
	return schedule_longest_wait(s, t) > t->sums.wait.max ? task->runnable_group : t->longest_wait_group;
}

uint64_t schedule_waits_since(const struct schedule_task *t)
{
	return container_of(t, const struct task, public)->runnable_since;
}
