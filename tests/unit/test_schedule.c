/* SPDX-License-Identifier: GPL-2.0-only */
/* The schedule model: schedules made by hand, whose figures are computed by hand, and bounds. */
#include <string.h>

#include "schedule/model.h"
#include "t.h"

#define A    0xa000u /* keys of tasks, whose pids are their first digits */
#define B    0xb000u
#define C    0xc000u
#define CPUS 4

static struct schedule *s;

static void begin_with(struct schedule_config c)
{
	t_ok(schedule_new(&c, &s));
}

static void begin(void)
{
	begin_with((struct schedule_config){ .cpus = CPUS, .tasks = 16, .groups = 4, .intervals = 64, .idle_ns = 100 });
}

static void end(void)
{
	schedule_free(s);
}

static int32_t pid_of(uint64_t key)
{
	return (int32_t)(key >> 12);
}

static void queue(enum schedule_kind kind, uint64_t time, unsigned cpu, uint64_t task, enum schedule_reason reason)
{
	const struct schedule_event e = { .time_ns = time,
					  .clock_ns = time + 1, /* 0 would be unknown */
					  .kind = kind,
					  .cpu = cpu,
					  .task = task,
					  .pid = pid_of(task),
					  .reason = (uint8_t)reason,
					  .task_class = SCHEDULE_CLASS_FAIR };
	schedule_add(s, &e);
}

static void wake(uint64_t time, uint64_t task)
{
	queue(SCHEDULE_WAKE, time, 0, task, SCHEDULE_SLEEP);
}

static void enqueue(uint64_t time, unsigned cpu, uint64_t task)
{
	queue(SCHEDULE_ENQUEUE, time, cpu, task, SCHEDULE_SLEEP);
}

static void sleeps(uint64_t time, unsigned cpu, uint64_t task)
{
	queue(SCHEDULE_DEQUEUE, time, cpu, task, SCHEDULE_SLEEP);
}

static void switch_as(uint64_t time, unsigned cpu, uint64_t from, uint64_t to, enum schedule_leaving leaving)
{
	const struct schedule_event e = { .time_ns = time,
					  .clock_ns = time + 1, /* 0 would be unknown */
					  .task_clock_ns = time + 5,
					  .charged_ns = time + 5 - (leaving == SCHEDULE_SLEEPS ? 7 : 0),
					  .kind = SCHEDULE_SWITCH,
					  .cpu = cpu,
					  .task = from,
					  .next = to,
					  .pid = pid_of(from),
					  .next_pid = pid_of(to),
					  .leaving = (uint8_t)leaving };
	schedule_add(s, &e);
}

static void switches(uint64_t time, unsigned cpu, uint64_t from, uint64_t to)
{
	switch_as(time, cpu, from, to, SCHEDULE_RUNS);
}

static const struct schedule_task *task(uint64_t key)
{
	const struct schedule_task *t = schedule_find(s, pid_of(key));
	ck_assert_ptr_nonnull(t);
	return t;
}

static uint64_t run_time(int64_t pid, int64_t cpu, uint64_t from, uint64_t to)
{
	const struct schedule_filter f = { pid, SCHEDULE_ANY, cpu, SCHEDULE_RUNNING };
	uint64_t ns;
	t_ok(schedule_time(s, &f, from, to, &ns));
	return ns;
}

static bool lost_nothing(void)
{
	const struct schedule_losses none = { 0 };
	return !memcmp(schedule_losses(s), &none, sizeof(none));
}

/* --- one task ----------------------------------------------------------------------------------------------------- */

START_TEST(wake_up_wait_run_and_sleep)
{
	begin();
	switches(900, 1, B, 0);
	wake(1000, A);
	enqueue(1010, 1, A);
	ck_assert_int_eq(task(A)->state, SCHEDULE_RUNNABLE);
	switches(1050, 1, 0, A);
	ck_assert_int_eq(task(A)->state, SCHEDULE_RUNNING);
	sleeps(1200, 1, A);
	switch_as(1207, 1, A, 0, SCHEDULE_SLEEPS);
	const struct schedule_task *t = task(A);
	ck_assert_int_eq(t->state, SCHEDULE_SLEEPING);
	ck_assert_uint_eq(t->cpu, 1);
	ck_assert_uint_eq(t->since, 1207);
	ck_assert_uint_eq(t->sums.runs, 1);
	ck_assert_uint_eq(t->sums.preempted, 0);
	ck_assert_uint_eq(t->sums.slice.sum, 157);
	ck_assert_uint_eq(t->sums.wait.max, 40);
	ck_assert_uint_eq(t->sums.wakeup.max, 50);
	ck_assert_uint_eq(t->sums.wakeup.max_end, 1050);
	ck_assert_uint_eq(t->kernel.wait_ns, 40);
	ck_assert_uint_eq(t->kernel.run_ns, 150);
	ck_assert_uint_eq(schedule_cpu(s, 1)->busy_ns, 157);
	ck_assert_ptr_null(schedule_cpu(s, 1)->current);
	ck_assert(lost_nothing());
	end();
}
END_TEST

static void migrate(uint64_t time, unsigned cpu, uint64_t task)
{
	queue(SCHEDULE_MIGRATE, time, cpu, task, SCHEDULE_MOVE);
}

/* CPUs 0 and 1 share an LLC, and CPUs 0 to 2 a node. */
START_TEST(moves_have_a_distance)
{
	static const uint8_t node[] = { 0, 0, 0, 1 };
	static const uint16_t llc[] = { 0, 0, 1, 2 };
	begin_with((struct schedule_config){ .cpus = 4, .node = node, .llc = llc });
	migrate(10, 3, A); /* from where is not known */
	migrate(20, 2, A);
	migrate(30, 0, A);
	migrate(40, 1, A);
	migrate(50, 0, A);
	migrate(60, 2, A);
	const struct schedule_sums *sums = &task(A)->sums;
	ck_assert_uint_eq(sums->migrations, 6);
	ck_assert_uint_eq(sums->moved[SCHEDULE_WITHIN_LLC], 2);
	ck_assert_uint_eq(sums->moved[SCHEDULE_ACROSS_LLCS], 2);
	ck_assert_uint_eq(sums->moved[SCHEDULE_ACROSS_NODES], 1);
	ck_assert_mem_eq(schedule_total(s)->moved, sums->moved, sizeof(sums->moved));
	end();
}
END_TEST

START_TEST(spreads_are_merged)
{
	struct spread all = { 0 }, parts[2] = { 0 };
	for (uint64_t ns = 1; ns < 100000; ns += 7) {
		spread_add(&all, ns, ns);
		spread_add(&parts[ns % 3 != 0], ns, ns);
	}
	spread_merge(&parts[0], &parts[1]);
	ck_assert_mem_eq(&parts[0], &all, sizeof(all));
}
END_TEST

START_TEST(preempted_task_waits_and_goes_on)
{
	begin();
	switches(0, 0, 0, A);
	enqueue(100, 0, B);
	switches(130, 0, A, B); /* A ran 130, B waited 30 */
	switches(200, 0, B, A); /* B ran 70, A waited 70 */
	sleeps(260, 0, A);
	switch_as(260, 0, A, B, SCHEDULE_SLEEPS); /* A ran 60, B waited 60 */
	ck_assert_uint_eq(task(A)->sums.slice.sum, 190);
	ck_assert_uint_eq(task(A)->sums.slice.max, 130);
	ck_assert_uint_eq(task(A)->sums.preempted, 1);
	ck_assert_uint_eq(task(A)->sums.wait.sum, 70);
	ck_assert_uint_eq(task(A)->sums.wakeup.count, 0);
	ck_assert_uint_eq(task(B)->sums.wait.sum, 90);
	ck_assert_uint_eq(task(B)->sums.wait.max, 60);
	ck_assert_uint_eq(task(B)->sums.wakeup.count, 1);
	ck_assert_uint_eq(schedule_total(s)->runs, 4);
	ck_assert_uint_eq(schedule_total(s)->slice.sum, 260);
	ck_assert_uint_eq(task(A)->kernel.wait_ns, 70);
	ck_assert_uint_eq(task(A)->kernel.run_ns, 183);
	end();
}
END_TEST

/* Between two queues it still waits; the kernel does not count the time between them. */
START_TEST(migrated_task_waits_once)
{
	begin();
	enqueue(1000, 0, A);
	queue(SCHEDULE_DEQUEUE, 1100, 0, A, SCHEDULE_MOVE);
	queue(SCHEDULE_MIGRATE, 1105, 2, A, 0);
	queue(SCHEDULE_ENQUEUE, 1120, 2, A, SCHEDULE_MOVE);
	switches(1200, 2, 0, A);
	ck_assert_uint_eq(task(A)->sums.wait.count, 1);
	ck_assert_uint_eq(task(A)->sums.wait.max, 200);
	ck_assert_uint_eq(task(A)->sums.migrations, 1);
	ck_assert_uint_eq(task(A)->kernel.wait_ns, 180);
	ck_assert_uint_eq(task(A)->kernel.migrations, 1);
	struct schedule_filter f = { pid_of(A), SCHEDULE_ANY, 0, SCHEDULE_RUNNABLE };
	uint64_t ns;
	t_ok(schedule_time(s, &f, 0, 2000, &ns));
	ck_assert_uint_eq(ns, 105);
	f.cpu = 2;
	t_ok(schedule_time(s, &f, 0, 2000, &ns));
	ck_assert_uint_eq(ns, 95);
	end();
}
END_TEST

START_TEST(sleeper_that_moves_keeps_sleeping)
{
	begin();
	switches(0, 0, 0, A);
	sleeps(10, 0, A);
	switch_as(10, 0, A, 0, SCHEDULE_SLEEPS);
	queue(SCHEDULE_DEQUEUE, 20, 0, A, SCHEDULE_MOVE);
	queue(SCHEDULE_ENQUEUE, 30, 1, A, SCHEDULE_MOVE);
	ck_assert_int_eq(task(A)->state, SCHEDULE_SLEEPING);
	enqueue(40, 1, A);
	switches(45, 1, 0, A);
	ck_assert_uint_eq(task(A)->sums.wait.max, 5);
	end();
}
END_TEST

START_TEST(change_while_it_runs_is_no_sleep)
{
	begin();
	switches(0, 0, 0, A);
	queue(SCHEDULE_DEQUEUE, 10, 0, A, SCHEDULE_CHANGE);
	queue(SCHEDULE_ENQUEUE, 10, 0, A, SCHEDULE_CHANGE);
	switches(50, 0, A, B);
	ck_assert_int_eq(task(A)->state, SCHEDULE_RUNNABLE);
	ck_assert_uint_eq(task(A)->kernel.run_ns, 50);
	end();
}
END_TEST

/* It is woken after it left the queue, before its CPU has switched. */
START_TEST(woken_before_the_switch_it_never_slept)
{
	begin();
	switches(0, 0, 0, A);
	sleeps(10, 0, A);
	wake(12, A);
	enqueue(14, 0, A);
	switches(20, 0, A, B);
	ck_assert_int_eq(task(A)->state, SCHEDULE_RUNNABLE);
	switches(30, 0, B, A);
	ck_assert_uint_eq(task(A)->sums.wait.max, 10);
	ck_assert_uint_eq(task(A)->sums.wakeup.max, 18);
	end();
}
END_TEST

START_TEST(dead_task_makes_room_for_one_with_its_address)
{
	begin();
	switches(0, 0, 0, A);
	switch_as(40, 0, A, 0, SCHEDULE_DEAD);
	ck_assert_int_eq(task(A)->state, SCHEDULE_GONE);
	struct schedule_event e = { .time_ns = 50, .kind = SCHEDULE_ENQUEUE, .task = A, .pid = 77 };
	schedule_add(s, &e);
	ck_assert_uint_eq(schedule_tasks(s), 2);
	ck_assert_uint_eq(task(A)->sums.slice.sum, 40);
	ck_assert_int_eq(schedule_find(s, 77)->state, SCHEDULE_RUNNABLE);
	end();
}
END_TEST

/* --- idle while runnable ------------------------------------------------------------------------------------------ */

static void let_idle(uint64_t time, unsigned cpu)
{
	sleeps(time, cpu, C + cpu);
	switch_as(time, cpu, C + cpu, 0, SCHEDULE_SLEEPS);
}

START_TEST(idle_cpu_and_waiting_task_are_a_pair)
{
	begin();
	switches(900, 0, 0, B);
	let_idle(1000, 1);
	enqueue(1200, 0, A);
	ck_assert_uint_eq(schedule_idle_while_runnable(s).longest_ns, 0);
	let_idle(1500, 2);
	enqueue(2000, 0, C); /* only for the time */
	ck_assert_uint_eq(schedule_idle_while_runnable(s).longest_ns, 800);
	switches(2200, 2, 0, C);
	struct schedule_idle i = schedule_idle_while_runnable(s);
	ck_assert_uint_eq(i.longest_ns, 1000); /* CPU 1, which is still idle */
	ck_assert_uint_eq(i.cpu, 1);
	ck_assert_int_eq(i.pid, pid_of(A));
	switches(2500, 0, B, A);
	i = schedule_idle_while_runnable(s);
	ck_assert_uint_eq(i.longest_ns, 1300);
	ck_assert_uint_eq(i.end_ns, 2500);
	ck_assert_uint_eq(i.cpu, 1);
	/* CPU 2: A 700, C 200; CPU 1: A 1300, C 200. B waits since 2500. */
	ck_assert_uint_eq(i.count, 4);
	end();
}
END_TEST

START_TEST(idle_cpus_count_from_a_given_time)
{
	begin();
	let_idle(1000, 1);
	enqueue(2000, 0, A);
	enqueue(4000, 0, B);
	ck_assert_uint_eq(schedule_idle_while_runnable(s).longest_ns, 2000);
	schedule_watch_idle(s, 3500);
	ck_assert_uint_eq(schedule_idle_while_runnable(s).longest_ns, 500);
	switches(4300, 1, 0, A);
	ck_assert_uint_eq(schedule_idle_while_runnable(s).longest_ns, 800);
	ck_assert_uint_eq(schedule_idle_while_runnable(s).count, 2);
	end();
}
END_TEST

static void enqueue_for(uint64_t time, uint64_t task_, uint64_t cpus)
{
	const struct schedule_event e = { .time_ns = time,
					  .kind = SCHEDULE_ENQUEUE,
					  .task = task_,
					  .pid = pid_of(task_),
					  .reason = SCHEDULE_CHANGE,
					  .allowed_words = 1,
					  .allowed = { cpus } };
	schedule_add(s, &e);
}

START_TEST(only_allowed_cpus_count)
{
	begin();
	let_idle(0, 1);
	let_idle(0, 2);
	enqueue(1000, 0, A);
	enqueue_for(1000, A, 1 << 0 | 1 << 2);
	enqueue_for(1400, A, 1 << 0 | 1 << 1);
	switches(2000, 0, 0, A);
	struct schedule_idle i = schedule_idle_while_runnable(s);
	ck_assert_uint_eq(i.count, 2);
	ck_assert_uint_eq(i.longest_ns, 600);
	ck_assert_uint_eq(i.cpu, 1);
	end();
}
END_TEST

/* What ran when the events began is not known. It sleeps if its queue was left. */
START_TEST(first_switch_of_a_cpu_has_no_time)
{
	begin();
	let_idle(1000, 1);
	switches(1000, 2, A, 0);
	ck_assert_int_eq(task(C)->state, SCHEDULE_SLEEPING);
	ck_assert_int_eq(task(A)->state, SCHEDULE_RUNNABLE);
	ck_assert_uint_eq(schedule_total(s)->slice.count, 0);
	ck_assert(lost_nothing());
	end();
}
END_TEST

/* --- windows ------------------------------------------------------------------------------------------------------ */

START_TEST(windows_are_exact)
{
	begin();
	switches(1000, 0, 0, A);
	switches(2000, 0, A, B);
	switches(2500, 0, B, A);
	enqueue(2600, 1, C); /* only for the time */
	ck_assert_uint_eq(run_time(pid_of(A), SCHEDULE_ANY, 0, 3000), 1100);
	ck_assert_uint_eq(run_time(pid_of(A), SCHEDULE_ANY, 1900, 2550), 150);
	ck_assert_uint_eq(run_time(pid_of(B), 0, 1900, 2550), 500);
	ck_assert_uint_eq(run_time(SCHEDULE_ANY, 0, 1900, 2550), 650);
	ck_assert_uint_eq(run_time(SCHEDULE_ANY, 1, 1900, 2550), 0);
	ck_assert_uint_eq(run_time(SCHEDULE_ANY, 0, 2550, 1900), 0);
	end();
}
END_TEST

START_TEST(forgotten_intervals_are_told)
{
	const struct schedule_filter f = { SCHEDULE_ANY, SCHEDULE_ANY, SCHEDULE_ANY, SCHEDULE_RUNNING };
	uint64_t ns;
	begin();
	for (unsigned i = 0; i < 100; i++) /* two intervals each: a run and a wait */
		switches(1000 + i * 10, 0, i % 2 ? A : i ? B : 0, i % 2 ? B : A);
	ck_assert_uint_gt(schedule_losses(s)->intervals, 100);
	ck_assert_int_eq(schedule_time(s, &f, 0, 5000, &ns), -ERANGE);
	t_ok(schedule_time(s, &f, 1900, 1950, &ns));
	ck_assert_uint_eq(ns, 50);
	end();
}
END_TEST

/* --- groups ------------------------------------------------------------------------------------------------------- */

static void move_to_group(uint64_t time, uint64_t task_, uint64_t group)
{
	const struct schedule_event e = {
		.time_ns = time, .kind = SCHEDULE_GROUP, .task = task_, .pid = pid_of(task_), .group = group
	};
	schedule_add(s, &e);
}

START_TEST(groups_have_their_own_sums)
{
	begin();
	move_to_group(0, A, 70);
	move_to_group(0, B, 80);
	switches(0, 0, 0, A);
	switches(100, 0, A, B);
	switches(130, 0, B, A);
	ck_assert_uint_eq(schedule_groups(s), 3);
	ck_assert_uint_eq(schedule_group(s, 1)->id, 70);
	ck_assert_uint_eq(schedule_group(s, 1)->sums.slice.sum, 100);
	ck_assert_uint_eq(schedule_group(s, 1)->sums.wait.sum, 30);
	ck_assert_uint_eq(schedule_group(s, 2)->sums.slice.sum, 30);
	const struct schedule_filter f = { SCHEDULE_ANY, 1, SCHEDULE_ANY, SCHEDULE_RUNNING };
	uint64_t ns;
	t_ok(schedule_time(s, &f, 50, 200, &ns));
	ck_assert_uint_eq(ns, 50);
	move_to_group(140, B, 90);
	move_to_group(150, C, 91);
	ck_assert_uint_eq(task(C)->group, 0);
	ck_assert_uint_eq(schedule_losses(s)->groups, 1);
	end();
}
END_TEST

/* --- bounds ------------------------------------------------------------------------------------------------------- */

START_TEST(clocks_of_two_cpus_may_differ)
{
	begin();
	enqueue(1003, 1, A); /* by CPU 0, whose clock is ahead */
	switches(1000, 1, 0, A);
	ck_assert_uint_eq(task(A)->sums.wait.count, 1);
	ck_assert_uint_eq(task(A)->sums.wait.sum, 0);
	ck_assert_uint_eq(schedule_losses(s)->backwards, 2); /* its wait, and its wake-up */
	ck_assert_uint_eq(schedule_now(s), 1003);
	end();
}
END_TEST

START_TEST(ended_tasks_are_forgotten_for_room)
{
	begin_with((struct schedule_config){ .cpus = 1, .tasks = 2, .groups = 2, .intervals = 8 });
	switches(0, 0, 0, A);
	switch_as(10, 0, A, B, SCHEDULE_DEAD);
	enqueue(20, 0, C);
	ck_assert_uint_eq(schedule_losses(s)->tasks, 1);
	ck_assert_ptr_null(schedule_find(s, pid_of(A)));
	enqueue(30, 0, A);
	ck_assert_uint_eq(schedule_losses(s)->no_room, 1);
	ck_assert_uint_eq(schedule_total(s)->slice.sum, 10);
	end();
}
END_TEST

START_TEST(missed_switch_is_a_gap)
{
	begin();
	switches(100, 0, 0, A);
	switches(300, 0, B, C); /* where A went is not known */
	ck_assert_uint_eq(schedule_losses(s)->gaps, 1);
	ck_assert_uint_eq(task(A)->sums.slice.count, 0);
	ck_assert_int_eq(task(A)->state, SCHEDULE_UNKNOWN);
	switches(400, 1, 0, C); /* it also runs on CPU 0 */
	ck_assert_uint_eq(schedule_losses(s)->gaps, 2);
	ck_assert_ptr_null(schedule_cpu(s, 0)->current);
	end();
}
END_TEST

START_TEST(events_without_meaning_are_counted)
{
	const struct schedule_event bad[] = {
		{ .kind = SCHEDULE_KIND_COUNT, .task = A },
		{ .kind = SCHEDULE_SWITCH, .cpu = CPUS, .task = A },
		{ .kind = SCHEDULE_SWITCH, .task = A, .next = A },
		{ .kind = SCHEDULE_WAKE },
		{ .kind = SCHEDULE_ENQUEUE, .task = A, .reason = SCHEDULE_REASON_COUNT },
		{ .kind = SCHEDULE_ENQUEUE, .task = A, .task_class = SCHEDULE_CLASS_COUNT },
	};
	struct schedule *none;
	begin();
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		schedule_add(s, &bad[i]);
	ck_assert_uint_eq(schedule_losses(s)->events, ARRAY_SIZE(bad));
	ck_assert_uint_eq(schedule_tasks(s), 0);
	t_errno(schedule_new(&(struct schedule_config){ .cpus = 0 }, &none), EINVAL);
	t_errno(schedule_new(&(struct schedule_config){ .cpus = SCHEDULE_CPUS_MAX + 1 }, &none), EINVAL);
	end();
}
END_TEST

START_TEST(percentiles_are_within_an_eighth)
{
	struct spread p = { 0 };
	ck_assert_uint_eq(spread_percentile(&p, 500), 0);
	for (uint64_t i = 1; i <= 100000; i++)
		spread_add(&p, i * 100, i);
	for (unsigned per_mille = 10; per_mille <= 1000; per_mille += 10) {
		uint64_t exact = UINT64_C(10000) * per_mille, found = spread_percentile(&p, per_mille);
		ck_assert_uint_ge(found, exact);
		ck_assert_uint_le(found, exact + exact / 8);
	}
	ck_assert_uint_eq(spread_percentile(&p, 1000), p.max);
	spread_add(&p, UINT64_MAX, 1);
	ck_assert_uint_eq(spread_percentile(&p, 1000), UINT64_MAX);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, wake_up_wait_run_and_sleep);
	tcase_add_test(tc, preempted_task_waits_and_goes_on);
	tcase_add_test(tc, migrated_task_waits_once);
	tcase_add_test(tc, moves_have_a_distance);
	tcase_add_test(tc, spreads_are_merged);
	tcase_add_test(tc, sleeper_that_moves_keeps_sleeping);
	tcase_add_test(tc, change_while_it_runs_is_no_sleep);
	tcase_add_test(tc, woken_before_the_switch_it_never_slept);
	tcase_add_test(tc, dead_task_makes_room_for_one_with_its_address);
	tcase_add_test(tc, idle_cpu_and_waiting_task_are_a_pair);
	tcase_add_test(tc, idle_cpus_count_from_a_given_time);
	tcase_add_test(tc, only_allowed_cpus_count);
	tcase_add_test(tc, first_switch_of_a_cpu_has_no_time);
	tcase_add_test(tc, windows_are_exact);
	tcase_add_test(tc, forgotten_intervals_are_told);
	tcase_add_test(tc, groups_have_their_own_sums);
	tcase_add_test(tc, clocks_of_two_cpus_may_differ);
	tcase_add_test(tc, ended_tasks_are_forgotten_for_room);
	tcase_add_test(tc, missed_switch_is_a_gap);
	tcase_add_test(tc, events_without_meaning_are_counted);
	tcase_add_test(tc, percentiles_are_within_an_eighth);
}

int main(void)
{
	return t_main("schedule", fill);
}
