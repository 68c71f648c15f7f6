/* SPDX-License-Identifier: GPL-2.0-only */
/* Figures of loads and control groups, and waits of other tasks, from schedules made by hand. */
#include <math.h>
#include <string.h>

#include "exact_schedule.h"

/*
 * Two loads of cgroup 'a' and one of 'b'. The first worker wakes up 20 times, each of which takes 1 ms, and runs three
 * quarters of its time on CPU 0, which is alone in its LLC.
 */
START_TEST(figures_of_loads_and_cgroups)
{
	llcs[1] = llcs[2] = 1;
	begin();
	for (unsigned i = 0; i < 3; i++) {
		made_load(i == 1 ? "b" : "a", 1, 0);
		add_workers(1);
	}
	all_idle(0);
	for (uint64_t i = 0; i < 20; i++) {
		unsigned cpu = i % 4 == 3 ? 1 : 0;
		add(SCHEDULE_MIGRATE, (1000 + 10 * i) * MS, cpu, FIRST, 0, SCHEDULE_MOVE);
		wakes(1000 * MS + 10 * i * MS, cpu, FIRST);
		switches((1001 + 10 * i) * MS, cpu, 0, FIRST);
		sleeps((1005 + 10 * i) * MS, cpu, FIRST);
	}
	wakes(1300 * MS, 2, THIRD);
	switches(1302 * MS, 2, 0, THIRD);
	sleeps(1310 * MS, 2, THIRD);
	measure(2000);
	const struct exact_figures *first = &measured.load[0], *a = &measured.cgroup[0].figures;
	ck_assert_uint_eq(measured.cgroups, 2);
	ck_assert_uint_eq(measured.cgroup[1].first, 1);
	ck_assert_uint_eq(first->workers, 1);
	ck_assert_uint_eq(first->wakeup.count, 20);
	ck_assert_uint_eq(first->wakeup.p50, 1 * MS);
	ck_assert_uint_eq(first->wakeup.max, 1 * MS);
	ck_assert_int_eq(first->wakeup.tid, FIRST);
	ck_assert_uint_eq(first->run_ns, 80 * MS);
	/* Each turn on CPU 1 comes and goes, and the first move is from an unknown CPU. */
	ck_assert_uint_eq(first->migrations, 20);
	ck_assert_uint_eq(first->moves[EXACT_LLC], 9);
	ck_assert_double_eq_tol(first->home[EXACT_CPU], 0.75, 1e-9);
	ck_assert_double_eq_tol(first->home[EXACT_LLC], 0.75, 1e-9);
	ck_assert_double_eq_tol(first->home[EXACT_NODE], 1, 1e-9);
	ck_assert_uint_eq(measured.load[1].wakeup.count, 0);
	ck_assert(isnan(measured.load[1].home[EXACT_CPU]));
	ck_assert_uint_eq(a->workers, 2);
	ck_assert_uint_eq(a->wakeup.count, 21);
	ck_assert_uint_eq(a->wakeup.max, 2 * MS);
	ck_assert_int_eq(a->wakeup.tid, THIRD);
	ck_assert_uint_eq(a->run_ns, 88 * MS);
	made_end();
	done();
}
END_TEST

/* A process that the worker makes is in its control group, and waits as long as a worker may not. */
START_TEST(a_child_waits_too_long)
{
	bool too_long = _i;
	begin();
	made_load("a", 1, 0);
	add_workers(1);
	all_idle(0);
	for (int pid = FIRST; pid <= SECOND; pid++)
		add(SCHEDULE_GROUP, 1 * MS, 0, pid, 0, 0);
	wakes_among(2 * MS, 0, FIRST, 1);
	switches(2 * MS, 0, 0, FIRST);
	wakes_among(10 * MS, 0, SECOND, 1);
	if (!too_long) {
		switches(20 * MS, 0, FIRST, SECOND);
		sleeps(30 * MS, 0, SECOND);
		switches(30 * MS, 0, 0, FIRST);
	}
	sleeps(4000 * MS, 0, FIRST);
	measure(4000);
	expect(too_long ? KTSTR_FAIL : KTSTR_PASS,
	       too_long ? "tid 41, which is not a worker, was ready to run, but did not run, for 3990 ms, to the end "
			  "of the "
			  "test (limit 3000 ms)"
			: NULL,
	       NULL);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, figures_of_loads_and_cgroups);
	tcase_add_loop_test(tc, a_child_waits_too_long, 0, 2);
}

int main(void)
{
	return t_main("exact_figures", fill);
}
