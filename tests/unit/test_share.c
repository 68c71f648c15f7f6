/* SPDX-License-Identifier: GPL-2.0-only */
/* Small shares that a test asks for itself, by weights, quotas and many workers, do not count against the scheduler. */
#include <string.h>

#include <ktstr/load.h>

#include "made.h"
#include "t.h"

/* Two loads of 2 workers each; the second one starves, as the test requests. */
static const struct {
	struct wire_cgroup heavy, light;
	bool scx;
	const char *unjudged; /* NULL: it fails */
} requests[] = {
	{ {}, {}, false, NULL },
	{ { .cpu_weight = 10000 }, { .cpu_weight = 1 }, false, "may count on 0.005 % of a CPU" },
	{ { .cpu_weight = 200 }, {}, false, NULL },
	{ { .nice = -20 }, { .nice = 19 }, false, "weights, quotas, policies" },
	{ { .nice = -5 }, { .nice = 5 }, false, NULL },
	{ {}, { .policy = KTSTR_POLICY_IDLE }, false, "may count on" },
	{ {}, { .quota_permyriad = 100 }, false, "may count on 0.5 % of a CPU, 5 ms in 1.0 s" },
	{ {}, { .quota_permyriad = 5000 }, false, NULL },
	{ { .policy = KTSTR_POLICY_FIFO }, {}, false, "may count on" },
	{ { .policy = KTSTR_POLICY_FIFO }, {}, true, "may count on 0 % of a CPU" },
};

static void starve_by_request(int i)
{
	made_begin();
	made.hello.cpus = 1;
	made_facts.has_scheduler = requests[i].scx;
	for (int light = 0; light < 2; light++) {
		const struct wire_cgroup *asked = light ? &requests[i].light : &requests[i].heavy;
		made_load(light ? "light" : "heavy", 2, 0);
		struct wire_cgroup *g = &made.cgroup[light];
		g->cpu_weight = asked->cpu_weight;
		g->quota_permyriad = asked->quota_permyriad;
		g->nice = asked->nice;
		g->policy = asked->policy;
		made_worker(light ? 0 : 5, light ? 999 : 10, light ? 0 : 500, 1);
		made_worker(light ? 0 : 5, light ? 999 : 10, light ? 0 : 500, 1);
	}
	made_result(KTSTR_PASS);
}

START_TEST(starvation_by_request_is_not_judged)
{
	starve_by_request(_i);
	if (requests[_i].unjudged)
		made_expect_unjudged(KTSTR_PASS, NULL, requests[_i].unjudged);
	else
		made_expect(KTSTR_FAIL, "cgroup 'light'");
	starve_by_request(_i); /* if the test asks for the check, an unjudged check is not a pass */
	made_limit(LIMIT_NOT_STUCK, KTSTR_ON);
	made_expect(requests[_i].unjudged ? KTSTR_INCONCLUSIVE : KTSTR_FAIL, "cgroup 'light'");
}
END_TEST

/* With many workers, waits may exceed the usual limit, but not by any amount. */
START_TEST(a_gap_limit_gives_way_to_a_small_share)
{
	for (unsigned gap_ms = 5000; gap_ms <= 25000; gap_ms += 20000) {
		made_begin();
		made.hello.cpus = 1;
		made_load("crowd", 200, 0); /* 40 ms at a share of 1/200: 8 s */
		for (unsigned i = 0; i < 200; i++) {
			made_worker(5, i ? 10 : gap_ms, 5, 1);
			made.worker[i].wire.wall_ns = 30000000000u;
		}
		made_result(KTSTR_PASS);
		if (gap_ms == 5000)
			made_expect_unjudged(KTSTR_PASS, NULL, "may count on 0.5 % of a CPU");
		else
			made_expect(KTSTR_FAIL, "made no progress for 25000 ms, from +20 to +25020 ms, then ran on "
						"cpu0 (limit 8000 ms)");
	}
	made_begin();
	made.hello.cpus = 1;
	made_load("crowd", 200, 0);
	made_limit(LIMIT_GAP, 3000); /* an explicit limit is never relaxed */
	for (unsigned i = 0; i < 200; i++)
		made_worker(5, i ? 10 : 3500, 5, 1);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_FAIL, "made no progress for 3500 ms");
}
END_TEST

/* The strict limit, 15, and the addition by the formula of share.h in a window of one second. */
static const struct {
	uint32_t workers, cpus;
	unsigned spread;
	bool set; /* set by the test: not relaxed */
	enum ktstr_verdict verdict;
} spreads[] = {
	{ 5, 2, 35, false, KTSTR_PASS },				  /* 15 + 4 + 100/6 */
	{ 5, 2, 37, false, KTSTR_FAIL }, { 4, 2, 19, false, KTSTR_PASS }, /* 15 + 4: they divide */
	{ 4, 2, 20, false, KTSTR_FAIL }, { 6, 4, 68, false, KTSTR_PASS }, /* 15 + 4 + 100/2 */
	{ 6, 4, 70, false, KTSTR_FAIL }, { 5, 2, 21, true, KTSTR_FAIL },
};

START_TEST(a_spread_limit_knows_what_a_window_can_show)
{
	made_begin();
	made_facts.limits.limit[LIMIT_SPREAD] = thresholds_default(true).limit[LIMIT_SPREAD];
	made.hello.cpus = spreads[_i].cpus;
	if (spreads[_i].set)
		made_limit(LIMIT_SPREAD, 15);
	made_load("a", spreads[_i].workers, 0);
	for (uint32_t i = 0; i < spreads[_i].workers; i++)
		made_worker(5, 10, 100 + (i ? 0 : 10 * spreads[_i].spread), 1);
	made_result(KTSTR_PASS);
	made_expect(spreads[_i].verdict, spreads[_i].verdict == KTSTR_FAIL ? "unfair cgroup 'a' (SpinWait)" : NULL);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, starvation_by_request_is_not_judged, 0, ARRAY_SIZE(requests));
	tcase_add_test(tc, a_gap_limit_gives_way_to_a_small_share);
	tcase_add_loop_test(tc, a_spread_limit_knows_what_a_window_can_show, 0, ARRAY_SIZE(spreads));
}

int main(void)
{
	return t_main("share", fill);
}
