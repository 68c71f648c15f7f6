/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random schedules, and a second implementation of the model's figures: what each task and CPU does is written down for
 * every nanosecond, and all figures are counted from that.
 */
#include <string.h>

#include "base/rng.h"
#include "schedule/model.h"
#include "t.h"

#define TASKS 7
#define CPUS  3
#define STEPS 1500
#define SEEDS 60
#define START 1000

enum { SLEEPS = -1, WAITS = -2 }; /* else the CPU on which it runs */

struct truth {
	int8_t state[TASKS][STEPS];
	uint8_t allowed[TASKS][STEPS], generation[TASKS][STEPS];
	uint64_t runs[TASKS], preempted[TASKS], migrations[TASKS], wakeup_max[TASKS];
};

/* The schedule as it is now. */
static struct {
	struct rng rng;
	unsigned time;
	int state[TASKS], cpu[TASKS], on[CPUS]; /* on: task, or -1 */
	bool woken[TASKS], acted[TASKS];
	unsigned woken_at[TASKS];
	uint8_t allowed[TASKS], generation[TASKS];
} now;

static struct truth truth;
static struct schedule *s;

static unsigned below(unsigned n)
{
	return (unsigned)rng_below(&now.rng, n);
}

static void emit(struct schedule_event e, int task, int next)
{
	e.time_ns = START + now.time;
	e.task = task < 0 ? 0 : 0xf000 + (uint64_t)task;
	e.pid = task < 0 ? 0 : 10 + task;
	e.next = next < 0 ? 0 : 0xf000 + (uint64_t)next;
	e.next_pid = next < 0 ? 0 : 10 + next;
	schedule_add(s, &e);
}

static void emit_queue(enum schedule_kind kind, int task, int cpu, enum schedule_reason reason)
{
	emit((struct schedule_event){ .kind = kind,
				      .cpu = (uint32_t)cpu,
				      .reason = (uint8_t)reason,
				      .allowed_words = kind == SCHEDULE_ENQUEUE,
				      .allowed = { now.allowed[task] } },
	     task, -1);
}

static void move_to(int task, int cpu)
{
	if (now.cpu[task] == cpu)
		return;
	if (now.state[task] == WAITS)
		emit_queue(SCHEDULE_DEQUEUE, task, now.cpu[task], SCHEDULE_MOVE);
	emit_queue(SCHEDULE_MIGRATE, task, cpu, 0);
	if (now.state[task] == WAITS)
		emit_queue(SCHEDULE_ENQUEUE, task, cpu, SCHEDULE_MOVE);
	now.cpu[task] = cpu;
	truth.migrations[task]++;
}

/* A waiting task that may run on the CPU and has done nothing in this step, or -1. */
static int choose(int cpu)
{
	int first = (int)below(TASKS);
	for (int i = 0; i < TASKS; i++) {
		int t = (first + i) % TASKS;
		if (now.state[t] == WAITS && !now.acted[t] && now.allowed[t] >> cpu & 1)
			return t;
	}
	return -1;
}

static void switch_to(int cpu, int next, int state_of_prev)
{
	int prev = now.on[cpu];
	if (prev >= 0) {
		now.state[prev] = state_of_prev;
		truth.preempted[prev] += state_of_prev == WAITS;
		now.acted[prev] = true;
	}
	if (next >= 0) {
		move_to(next, cpu);
		truth.runs[next]++;
		if (now.woken[next] && now.time - now.woken_at[next] > truth.wakeup_max[next])
			truth.wakeup_max[next] = now.time - now.woken_at[next];
		now.woken[next] = false;
		now.state[next] = cpu;
		now.acted[next] = true;
	}
	now.on[cpu] = next;
	emit((struct schedule_event){ .kind = SCHEDULE_SWITCH, .cpu = (uint32_t)cpu }, prev, next);
}

static void act_on_cpu(int cpu)
{
	int prev = now.on[cpu], next = choose(cpu);
	if (prev >= 0 && now.acted[prev])
		return;
	if (prev < 0 && next >= 0 && !below(4)) {
		switch_to(cpu, next, 0);
	} else if (prev >= 0 && !below(9)) {
		emit_queue(SCHEDULE_DEQUEUE, prev, cpu, SCHEDULE_SLEEP);
		switch_to(cpu, below(2) ? next : -1, SLEEPS);
	} else if (prev >= 0 && next >= 0 && !below(9)) {
		switch_to(cpu, next, WAITS);
	}
}

static void act_on_task(int task)
{
	if (now.state[task] == SLEEPS && !now.woken[task] && !below(10)) {
		now.woken[task] = true;
		now.woken_at[task] = now.time;
		emit_queue(SCHEDULE_WAKE, task, 0, 0);
	}
	if (now.state[task] == SLEEPS && now.woken[task] && below(2)) {
		int cpu = (int)below(CPUS);
		if (now.allowed[task] >> cpu & 1)
			move_to(task, cpu);
		emit_queue(SCHEDULE_ENQUEUE, task, now.cpu[task], SCHEDULE_SLEEP);
		now.state[task] = WAITS;
		now.acted[task] = true;
	} else if (now.state[task] == WAITS && !now.acted[task] && !below(30)) {
		uint8_t allowed = (uint8_t)(1 + below((1 << CPUS) - 1));
		now.generation[task] += allowed != now.allowed[task];
		now.allowed[task] = allowed;
		emit_queue(SCHEDULE_DEQUEUE, task, now.cpu[task], SCHEDULE_CHANGE);
		emit_queue(SCHEDULE_ENQUEUE, task, now.cpu[task], SCHEDULE_CHANGE);
	}
}

static void write_down(void)
{
	for (int t = 0; t < TASKS; t++) {
		truth.state[t][now.time] = (int8_t)now.state[t];
		truth.allowed[t][now.time] = now.allowed[t];
		truth.generation[t][now.time] = now.generation[t];
	}
}

static void make_schedule(uint64_t seed)
{
	memset(&now, 0, sizeof(now));
	memset(&truth, 0, sizeof(truth));
	now.rng.state = seed;
	for (int t = 0; t < TASKS; t++) {
		now.state[t] = SLEEPS;
		now.allowed[t] = (1 << CPUS) - 1;
	}
	/* All CPUs are known, and idle. */
	for (int cpu = 0; cpu < CPUS; cpu++) {
		now.on[cpu] = -1;
		emit((struct schedule_event){ .kind = SCHEDULE_SWITCH, .cpu = (uint32_t)cpu }, -1, 100 + cpu);
		emit_queue(SCHEDULE_DEQUEUE, 0, cpu, SCHEDULE_CHANGE);
		emit((struct schedule_event){ .kind = SCHEDULE_SWITCH, .cpu = (uint32_t)cpu, .leaving = SCHEDULE_DEAD },
		     100 + cpu, -1);
	}
	for (now.time = 0; now.time < STEPS; now.time++) {
		memset(now.acted, 0, sizeof(now.acted));
		for (int cpu = 0; cpu < CPUS; cpu++)
			act_on_cpu(cpu);
		for (int t = 0; t < TASKS; t++)
			act_on_task(t);
		write_down();
	}
	/* Only the time of this event counts. */
	emit((struct schedule_event){ .kind = SCHEDULE_TICK }, -1, -1);
}

/* --- counting ----------------------------------------------------------------------------------------------------- */

static uint64_t count_state(int task, int state, unsigned from, unsigned to)
{
	uint64_t n = 0;
	for (unsigned i = from; i < to; i++)
		n += truth.state[task][i] == state;
	return n;
}

static uint64_t count_runs(int task, unsigned from, unsigned to)
{
	uint64_t n = 0;
	for (int cpu = 0; cpu < CPUS; cpu++)
		n += count_state(task, cpu, from, to);
	return n;
}

static uint64_t longest_wait(int task)
{
	uint64_t longest = 0, length = 0;
	for (unsigned i = 0; i < STEPS; i++) {
		length = truth.state[task][i] == WAITS ? length + 1 : 0;
		longest = MAX_OF(longest, length);
	}
	return longest;
}

static bool is_idle(int cpu, unsigned time)
{
	for (int t = 0; t < TASKS; t++) {
		if (truth.state[t][time] == cpu)
			return false;
	}
	return true;
}

static uint64_t longest_pair(int task, int cpu)
{
	uint64_t longest = 0, length = 0;
	for (unsigned i = 0; i < STEPS; i++) {
		bool pair = truth.state[task][i] == WAITS && is_idle(cpu, i) && truth.allowed[task][i] >> cpu & 1;
		if (i && truth.generation[task][i] != truth.generation[task][i - 1])
			length = 0;
		length = pair ? length + 1 : 0;
		longest = MAX_OF(longest, length);
	}
	return longest;
}

static uint64_t time_of(int64_t pid, int64_t cpu, enum schedule_state state, unsigned from, unsigned to)
{
	const struct schedule_filter f = { pid, SCHEDULE_ANY, cpu, state };
	uint64_t ns;
	t_ok(schedule_time(s, &f, START + from, START + to, &ns));
	return ns;
}

static void compare_task(int task)
{
	const struct schedule_task *t = schedule_find(s, 10 + task);
	ck_assert_ptr_nonnull(t);
	ck_assert_uint_eq(t->sums.runs, truth.runs[task]);
	ck_assert_uint_eq(t->sums.preempted, truth.preempted[task]);
	ck_assert_uint_eq(t->sums.migrations, truth.migrations[task]);
	ck_assert_uint_eq(t->sums.wakeup.max, truth.wakeup_max[task]);
	ck_assert_uint_eq(schedule_longest_wait(s, t), longest_wait(task));
	ck_assert_uint_eq(time_of(10 + task, SCHEDULE_ANY, SCHEDULE_RUNNING, 0, STEPS), count_runs(task, 0, STEPS));
	ck_assert_uint_eq(time_of(10 + task, SCHEDULE_ANY, SCHEDULE_RUNNABLE, 0, STEPS),
			  count_state(task, WAITS, 0, STEPS));
	for (unsigned i = 0; i < 8; i++) {
		unsigned from = below(STEPS), to = from + below(STEPS - from);
		int cpu = (int)below(CPUS);
		ck_assert_uint_eq(time_of(10 + task, cpu, SCHEDULE_RUNNING, from, to),
				  count_state(task, cpu, from, to));
	}
}

START_TEST(figures_are_those_of_a_second_implementation)
{
	uint64_t pair = 0;
	t_ok(schedule_new(&(struct schedule_config){ .cpus = CPUS, .tasks = 64 }, &s));
	make_schedule((uint64_t)_i);
	ck_assert_uint_eq(schedule_losses(s)->gaps + schedule_losses(s)->events + schedule_losses(s)->backwards, 0);
	for (int t = 0; t < TASKS; t++) {
		if (schedule_find(s, 10 + t))
			compare_task(t);
		for (int cpu = 0; cpu < CPUS; cpu++)
			pair = MAX_OF(pair, longest_pair(t, cpu));
	}
	ck_assert_uint_gt(schedule_total(s)->runs, 100);
	ck_assert_uint_eq(schedule_idle_while_runnable(s).longest_ns, pair);
	schedule_free(s);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, figures_are_those_of_a_second_implementation, 0, SEEDS);
}

int main(void)
{
	return t_main("schedule_random", fill);
}
