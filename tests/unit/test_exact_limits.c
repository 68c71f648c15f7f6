/* SPDX-License-Identifier: GPL-2.0-only */
/* Limits on the figures of a load: each fails, and passes just beside it; and what cannot be judged. */
#include <math.h>
#include <string.h>

#include "made.h"
#include "t.h"
#include "verdict/exact.h"

#define MS 1000000ull

/* A figure that no limit of these tests is about. */
static struct exact_evidence exact;

/* Two loads: 'a' with @figures, and 'b' without any durations. */
static void begin(struct exact_figures figures)
{
	made_begin();
	made_load("a", 1, 0);
	made_worker(5, 10, 500, 1);
	made_load("b", 1, 0);
	made_worker(5, 10, 500, 1);
	exact = (struct exact_evidence){ .loads = 2, .load = calloc(2, sizeof(*exact.load)) };
	ck_assert_ptr_nonnull(exact.load);
	exact.load[0] = figures;
	exact.load[1] = (struct exact_figures){ .home = { NAN, NAN, NAN } };
	made.exact = &exact;
	made_limit(LIMIT_IDLE_WAIT, KTSTR_OFF); /* the workers of these tests have no schedule of their own */
	made_limit(LIMIT_IDLE_WAKEUP, KTSTR_OFF);
	made_result(KTSTR_PASS);
}

static void expect(enum ktstr_verdict v, const char *cause)
{
	made_expect(v, cause);
	exact_evidence_done(&exact);
}

/* --- percentiles -------------------------------------------------------------------------------------------------- */

static struct exact_figures durations(uint64_t count)
{
	const struct exact_times t = { .count = count,
				       .p50 = 1 * MS,
				       .p90 = 2 * MS,
				       .p99 = 3 * MS,
				       .p999 = 4 * MS,
				       .max = 5 * MS,
				       .max_end_ns = 2000 * MS,
				       .tid = 40 };
	return (struct exact_figures){ .workers = 1, .wakeup = t, .wait = t, .home = { 1, 1, 1 } };
}

static const struct {
	enum threshold which;
	double ms; /* what it is */
	uint64_t least;
	const char *text;
} percentiles[] = {
	{ LIMIT_P50_WAKEUP, 1, 16, "half of its 5000 wake-ups took at most 1 ms (limit 900 us)" },
	{ LIMIT_P90_WAKEUP, 2, 16, "90 % of its 5000 wake-ups took at most 2 ms" },
	{ LIMIT_P99_WAKEUP, 3, 100, "99 % of its 5000 wake-ups took at most 3 ms" },
	{ LIMIT_P999_WAKEUP, 4, 1000, "99.9 % of its 5000 wake-ups took at most 4 ms" },
	{ LIMIT_LONGEST_WAKEUP, 5, 1, "all of its 5000 wake-ups took at most 5 ms" },
	{ LIMIT_P50_WAIT, 1, 16, "half of its 5000 waits took at most 1 ms" },
	{ LIMIT_P90_WAIT, 2, 16, "90 % of its 5000 waits took at most 2 ms" },
	{ LIMIT_P99_WAIT, 3, 100, "99 % of its 5000 waits took at most 3 ms" },
	{ LIMIT_P999_WAIT, 4, 1000, "99.9 % of its 5000 waits took at most 4 ms" },
};

START_TEST(a_percentile_has_a_limit)
{
	begin(durations(5000));
	made_limit(percentiles[_i].which, percentiles[_i].ms * 0.9);
	expect(KTSTR_FAIL, percentiles[_i].text);
	begin(durations(5000));
	made_limit(percentiles[_i].which, percentiles[_i].ms * 0.9);
	expect(KTSTR_FAIL, "the longest took 5 ms, of tid 40, until");
	begin(durations(5000));
	made_limit(percentiles[_i].which, percentiles[_i].ms);
	expect(KTSTR_PASS, NULL);
}
END_TEST

/* With fewer durations than that, a percentile is only the longest one. */
START_TEST(a_percentile_needs_durations)
{
	begin(durations(percentiles[_i].least));
	made_limit(percentiles[_i].which, percentiles[_i].ms * 0.9);
	expect(KTSTR_FAIL, "took at most");
	begin(durations(percentiles[_i].least - 1));
	made_limit(percentiles[_i].which, percentiles[_i].ms * 0.9);
	expect(KTSTR_INCONCLUSIVE, "the test has no load that it applies to");
}
END_TEST

START_TEST(a_load_has_its_own_limit)
{
	made_begin();
	made_load("a", 1, 0);
	made_check("max_p99_wakeup_ms", 2);
	made_worker(5, 10, 500, 1);
	exact = (struct exact_evidence){ .loads = 1, .load = calloc(1, sizeof(*exact.load)) };
	ck_assert_ptr_nonnull(exact.load);
	exact.load[0] = durations(_i ? 5000 : 12);
	made.exact = &exact;
	made_limit(LIMIT_IDLE_WAIT, KTSTR_OFF);
	made_limit(LIMIT_IDLE_WAKEUP, KTSTR_OFF);
	made_result(KTSTR_PASS);
	expect(_i ? KTSTR_FAIL : KTSTR_INCONCLUSIVE,
	       _i ? "99 % of its 5000 wake-ups took at most 3 ms (limit 2 ms)"
		  : "the load had 12 wake-ups, and 99 % of them mean something only of 100 or more");
}
END_TEST

/* --- places ------------------------------------------------------------------------------------------------------- */

static const struct {
	enum threshold which;
	double broken, kept;
	const char *text;
} places[] = {
	{ LIMIT_MIGRATION_RATE, 24, 25, "25 migrations per second of CPU time (limit 24)" },
	{ LIMIT_LLC_MIGRATION_RATE, 7, 7.5, "7.5 migrations to another LLC per second of CPU time (limit 7)" },
	{ LIMIT_LLC_STABILITY, 0.76, 0.75,
	  "its workers spent 0.75 of their CPU time in the LLC where each of them ran most (limit 0.76)" },
};

static const struct exact_figures moved = {
	.workers = 1, .run_ns = 2000 * MS, .migrations = 50, .moves = { 35, 10, 5 }, .home = { 0.5, 0.75, 1 }
};

START_TEST(a_place_has_a_limit)
{
	begin(moved);
	made_limit(places[_i].which, places[_i].broken);
	expect(KTSTR_FAIL, places[_i].text);
	begin(moved);
	made_limit(places[_i].which, places[_i].kept);
	expect(KTSTR_PASS, NULL);
}
END_TEST

START_TEST(nobody_ran)
{
	begin((struct exact_figures){ .home = { NAN, NAN, NAN } });
	made_limit(places[_i].which, places[_i].broken);
	expect(KTSTR_INCONCLUSIVE, "the test has no load that it applies to");
}
END_TEST

/* --- what was not recorded ---------------------------------------------------------------------------------------- */

START_TEST(nothing_was_recorded)
{
	static const char *const of_load[] = { NULL, "max_p99_wakeup_ms", "min_llc_stability", "max_idle_wait_ms" };
	made_begin();
	made_load("a", 1, 0);
	if (of_load[_i])
		made_check(of_load[_i], 0.5);
	made_worker(5, 10, 500, 1);
	made.no_exact = "the guest ran on kvm";
	if (!of_load[_i])
		made_limit(LIMIT_P99_WAKEUP, 2);
	made_result(KTSTR_PASS);
	made_expect_unjudged(KTSTR_INCONCLUSIVE,
			     "cannot be judged: the schedule was not recorded: the guest ran on kvm",
			     "the schedule was not recorded");
}
END_TEST

START_TEST(all_cpus_share_a_clock)
{
	begin(durations(5000));
	made_limit(LIMIT_P99_WAKEUP, 2);
	made.hello.cpus = 2;
	made_facts.emulated = true;
	made_facts.parallel_time = false;
	expect(KTSTR_INCONCLUSIVE, "all CPUs of a guest share one clock");
	made_facts.emulated = false;
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, a_percentile_has_a_limit, 0, ARRAY_SIZE(percentiles));
	tcase_add_loop_test(tc, a_percentile_needs_durations, 0, ARRAY_SIZE(percentiles));
	tcase_add_loop_test(tc, a_load_has_its_own_limit, 0, 2);
	tcase_add_loop_test(tc, a_place_has_a_limit, 0, ARRAY_SIZE(places));
	tcase_add_loop_test(tc, nobody_ran, 0, ARRAY_SIZE(places));
	tcase_add_loop_test(tc, nothing_was_recorded, 0, 4);
	tcase_add_test(tc, all_cpus_share_a_clock);
}

int main(void)
{
	return t_main("exact_limits", fill);
}
