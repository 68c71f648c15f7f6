/* SPDX-License-Identifier: GPL-2.0-only */
/* test_tcg_checks.c -- which limits are judged on tcg, by how the guest's CPUs share time. */
#include "made.h"
#include "t.h"

#define ABSOLUTE "an absolute limit is not judged on tcg"
#define SHARED	 "all CPUs of a guest share one clock"

/* The workers do 100 and 300 units; or one of them has wake-ups of 1, 1 and 5 us, and 5 migrations in 10 units. */
static const struct {
	enum threshold which;
	double limit;
	uint32_t cpus;
	bool parallel, gate;
	enum ktstr_verdict verdict;
	const char *words;
} on_tcg[] = {
	{ LIMIT_ITERATION_RATE, 1000, 1, false, false, KTSTR_INCONCLUSIVE, ABSOLUTE },
	{ LIMIT_ITERATION_RATE, 1000, 1, false, true, KTSTR_FAIL, "below floor" },
	{ LIMIT_ITERATION_RATE, 1000, 2, false, true, KTSTR_INCONCLUSIVE, SHARED },
	{ LIMIT_ITERATION_RATE, 1000, 2, true, false, KTSTR_INCONCLUSIVE, ABSOLUTE },
	{ LIMIT_ITERATION_RATE, 1000, 2, true, true, KTSTR_FAIL, "below floor" },
	{ LIMIT_ITERATION_RATE, 1, 2, true, true, KTSTR_PASS, NULL },
	{ LIMIT_WORK_RATE, 1, 2, false, true, KTSTR_INCONCLUSIVE, SHARED },
	{ LIMIT_WORK_RATE, 1000, 2, true, false, KTSTR_INCONCLUSIVE, ABSOLUTE },
	{ LIMIT_WORK_RATE, 1000, 2, true, true, KTSTR_FAIL, "below floor" },
	{ LIMIT_WORK_RATE, 1, 2, true, true, KTSTR_PASS, NULL },
	{ LIMIT_THROUGHPUT_CV, 0.1, 2, false, false, KTSTR_INCONCLUSIVE, SHARED },
	{ LIMIT_THROUGHPUT_CV, 0.1, 1, false, false, KTSTR_FAIL, "throughput CV" },
	{ LIMIT_THROUGHPUT_CV, 0.1, 2, true, false, KTSTR_FAIL, "throughput CV" },
	{ LIMIT_THROUGHPUT_CV, 0.6, 2, true, false, KTSTR_PASS, NULL },
	{ LIMIT_P99_WAKE, 4999, 2, false, true, KTSTR_INCONCLUSIVE, SHARED },
	{ LIMIT_P99_WAKE, 4999, 1, false, true, KTSTR_FAIL, "p99 wake latency" },
	{ LIMIT_P99_WAKE, 4999, 2, true, false, KTSTR_INCONCLUSIVE, ABSOLUTE },
	{ LIMIT_P99_WAKE, 4999, 2, true, true, KTSTR_FAIL, "p99 wake latency" },
	{ LIMIT_P99_WAKE, 5000, 2, true, true, KTSTR_PASS, NULL },
	{ LIMIT_WAKE_CV, 0.8, 2, false, false, KTSTR_INCONCLUSIVE, SHARED },
	{ LIMIT_WAKE_CV, 0.8, 2, true, false, KTSTR_FAIL, "wake latency CV" },
	{ LIMIT_WAKE_CV, 0.81, 2, true, false, KTSTR_PASS, NULL },
	{ LIMIT_MIGRATION_RATIO, 0.4, 2, false, false, KTSTR_FAIL, "migration ratio" },
	{ LIMIT_SPREAD, 10, 2, false, false, KTSTR_INCONCLUSIVE, SHARED },
	{ LIMIT_SPREAD, 10, 1, false, false, KTSTR_PASS, NULL },
	{ LIMIT_SPREAD, 10, 2, true, false, KTSTR_PASS, NULL },
};

START_TEST(tcg_judges_what_its_clock_can_tell)
{
	const uint32_t sample[] = { 1000, 1000, 5000 };
	bool wakes = on_tcg[_i].which == LIMIT_P99_WAKE || on_tcg[_i].which == LIMIT_WAKE_CV ||
		     on_tcg[_i].which == LIMIT_MIGRATION_RATIO;
	made_begin();
	made_facts.emulated = true;
	made_facts.parallel_time = on_tcg[_i].parallel;
	made.hello.cpus = on_tcg[_i].cpus;
	made_limit(LIMIT_SPREAD, KTSTR_OFF);
	made_limit(on_tcg[_i].which, on_tcg[_i].limit);
	made_limit(LIMIT_GATE_ON_TCG, on_tcg[_i].gate ? KTSTR_ON : KTSTR_OFF);
	made_load("a", wakes ? 1 : 2, 0);
	if (wakes) {
		made_waker(10, 5, sample, 3);
	} else {
		made_worker(100, 1, 500, 1);
		made_worker(300, 1, 500, 1);
	}
	made_result(KTSTR_PASS);
	made_expect(on_tcg[_i].verdict, on_tcg[_i].words);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, tcg_judges_what_its_clock_can_tell, 0, ARRAY_SIZE(on_tcg));
}

int main(void)
{
	return t_main("tcg_checks", fill);
}
