/* SPDX-License-Identifier: GPL-2.0-only */
/* Presets and constraints, the gauntlet's plan, partitions, times, budgets, several tries of one test. */
#include <string.h>

#include "run/budget.h"
#include "run/planner.h"
#include "t.h"
#include "topo/presets.h"
#include "verdict/flake.h"
#include "vmm/qemu/qemu.h"

/* --- presets ------------------------------------------------------------------------------------------------------ */

/* A name states the topology; the test keeps names and table in agreement. */
START_TEST(a_presets_name_says_its_topology)
{
	unsigned count = 0;
	for (const struct preset *p = presets; p->name; p++, count++) {
		char name[64], numa[16] = "";
		if (p->topology.numa_nodes > 1)
			snprintf(numa, sizeof(numa), "%unuma-", p->topology.numa_nodes);
		snprintf(name, sizeof(name), "%s%ucpu-%ullc-%s", numa, preset_cpus(p), p->topology.llcs,
			 p->topology.threads > 1 ? "smt" : "nosmt");
		ck_assert(topology_has_kinds(&p->topology) || !strcmp(p->name, name));
		t_ok(topology_check(&p->topology, NULL));
		ck_assert_ptr_eq(preset_find(p->name), p);
		ck_assert(!p->old || preset_find(p->old) == p);
	}
	ck_assert_uint_eq(count, 29);
}
END_TEST

START_TEST(presets_are_found_by_both_names)
{
	ck_assert_ptr_eq(preset_find("odd-3llc"), preset_find("9cpu-3llc-nosmt"));
	ck_assert_ptr_eq(preset_find("max-cpu"), preset_find("252cpu-14llc-smt"));
	ck_assert_ptr_null(preset_find("odd-4llc"));
	ck_assert_str_eq(preset_nearest("tiny-1lc")->name, "4cpu-1llc-nosmt");
	ck_assert_ptr_null(preset_nearest("nothing like any of them"));
}
END_TEST

#define DEFAULTS .min_llcs = 1, .max_llcs = 12, .min_cpus = 1, .max_cpus = 192, .min_numa_nodes = 1, .max_numa_nodes = 1

/* The number of gauntlet presets that a test gets under its constraints. */
static const struct {
	struct ktstr_constraints c;
	unsigned admitted;
} constraints[] = {
	{ { DEFAULTS }, 15 },
	{ { DEFAULTS, .requires_smt = KTSTR_ON }, 6 },
	{ { DEFAULTS, .requires_kinds = KTSTR_ON }, 3 },
	{ { 1, 15, 1, 252, 1, 4, KTSTR_OFF }, 25 },
	{ { 1, 15, 1, 252, 2, 4, KTSTR_OFF }, 6 },
	{ { 1, 12, 1, 8, 1, 1, KTSTR_OFF }, 3 },
	{ { 3, 3, 1, 192, 1, 1, KTSTR_OFF }, 2 },
	{ { 13, 14, 1, 192, 1, 1, KTSTR_OFF }, 0 },
};

START_TEST(constraints_choose_presets)
{
	unsigned admitted = 0;
	char why[120];
	for (const struct preset *p = presets; p->name; p++)
		admitted += !p->verifier_only && !preset_refused(p, &constraints[_i].c, why, sizeof(why));
	ck_assert_uint_eq(admitted, constraints[_i].admitted);
}
END_TEST

START_TEST(a_refusal_says_why)
{
	const struct ktstr_constraints c = { DEFAULTS }, smt = { DEFAULTS, .requires_smt = KTSTR_ON };
	char why[120];
	ck_assert_str_eq(preset_refused(preset_find("numa2-4llc"), &c, why, sizeof(why)),
			 "2 NUMA nodes, the test requires 1 to 1");
	ck_assert_str_eq(preset_refused(preset_find("near-max-llc"), &c, why, sizeof(why)),
			 "15 LLCs, the test requires 1 to 12");
	ck_assert_str_eq(preset_refused(preset_find("tiny-1llc"), &smt, why, sizeof(why)), "the test requires SMT");
}
END_TEST

/* The presets whose APIC ids are within the limit of QEMU's TCG. */
START_TEST(tcg_has_all_presets_but_three)
{
	char text[200];
	for (const struct preset *p = presets; p->name; p++) {
		struct vm_config c = { .topology = p->topology,
				       .memory_mib = guest_memory_mib(&p->topology, 0),
				       .lag_ns = QEMU_LAG_NS };
		bool refused = qemu_backend.refuses(&c, text, sizeof(text)) != NULL;
		bool largest = strstr(p->name, "252cpu") || p->verifier_only;
		ck_assert_msg(refused == largest, "%s", p->name);
	}
}
END_TEST

/* --- the plan ----------------------------------------------------------------------------------------------------- */

static struct test_decl decls[] = {
	{ .name = (char *)"small",
	  .file = (char *)"a.c",
	  .topology = { 1, 1, 4, 1 },
	  .constraints = { DEFAULTS },
	  .duration = 2 * NSEC_PER_SEC,
	  .workers_per_cgroup = 2,
	  .binary = "/x" },
	{ .name = (char *)"smt",
	  .file = (char *)"a.c",
	  .topology = { 1, 1, 2, 2 },
	  .constraints = { DEFAULTS, .requires_smt = KTSTR_ON },
	  .duration = 12 * NSEC_PER_SEC,
	  .workers_per_cgroup = 4,
	  .binary = "/x" },
};
static const struct suite suite = { .test = decls, .tests = ARRAY_SIZE(decls) };

static struct plan make(const char *filter)
{
	struct plan plan;
	struct filter *f = NULL;
	struct plan_request q = { .suites = &suite, .suite_count = 1, .gauntlet = true };
	if (filter)
		t_ok(filter_parse(filter, &f, NULL));
	q.filter = f;
	t_ok(plan_make(&q, &plan, NULL));
	filter_free(f);
	return plan;
}

START_TEST(the_gauntlet_is_tests_times_presets)
{
	struct plan p = make(NULL);
	ck_assert_uint_eq(p.count, 1 + 15 + 1 + 6);
	ck_assert_str_eq(p.item[0].name, "ktstr/small");
	ck_assert_str_eq(p.item[1].name, "gauntlet/small/4cpu-1llc-nosmt");
	ck_assert_str_eq(p.item[3].topology_text, "1n3l3c1t");
	ck_assert_msg(p.item[0].variant != p.item[1].variant, "its own topology, and a file of its own");
	plan_done(&p);
}
END_TEST

START_TEST(filters_know_presets_by_both_names)
{
	struct plan p = make("test(=gauntlet/small/tiny-2llc)");
	ck_assert_uint_eq(p.count, 1);
	ck_assert_str_eq(p.item[0].name, "gauntlet/small/4cpu-2llc-nosmt");
	plan_done(&p);
	p = make("test(/^gauntlet/) & topology(=odd-3llc)");
	ck_assert_uint_eq(p.count, 1);
	plan_done(&p);
	p = make("test(gauntlet) & !topology(~nosmt)");
	ck_assert_uint_eq(p.count, 12);
	plan_done(&p);
}
END_TEST

START_TEST(several_kernels_are_named_behind_the_preset)
{
	struct kernel kernels[] = { { .label = (char *)"kernel_a", .version = (char *)"a", .boot = (char *)"/a" },
				    { .label = (char *)"kernel_b", .version = (char *)"b", .boot = (char *)"/b" } };
	struct plan plan;
	struct plan_request q = { .suites = &suite,
				  .suite_count = 1,
				  .gauntlet = true,
				  .kernels = kernels,
				  .kernel_count = 2,
				  .labels = true };
	t_ok(plan_make(&q, &plan, NULL));
	ck_assert_uint_eq(plan.count, 2 * 23);
	ck_assert_str_eq(plan.item[17].name, "gauntlet/small/4cpu-1llc-nosmt/kernel_b");
	plan_done(&plan);
}
END_TEST

/* --- partitions --------------------------------------------------------------------------------------------------- */

START_TEST(partitions_divide_without_rest_or_overlap)
{
	static const char *const kinds[] = { "count", "hash" };
	struct plan whole = make(NULL);
	size_t sum = 0;
	for (unsigned i = 1; i <= 4; i++) {
		char text[32];
		struct partition part;
		snprintf(text, sizeof(text), "%s:%u/4", kinds[_i], i);
		t_ok(partition_parse(text, &part, NULL));
		struct plan p = make(NULL);
		plan_partition(&p, &part);
		sum += p.count;
		if (_i == 0)
			ck_assert_str_eq(p.item[1].name, whole.item[i + 3].name);
		plan_done(&p);
	}
	ck_assert_uint_eq(sum, whole.count);
	plan_done(&whole);
}
END_TEST

START_TEST(a_hash_partition_depends_on_the_name_alone)
{
	struct partition part;
	t_ok(partition_parse("hash:2/3", &part, NULL));
	struct plan all = make(NULL), some = make("test(~llc-smt)");
	plan_partition(&all, &part);
	plan_partition(&some, &part);
	for (size_t i = 0; i < some.count; i++) {
		bool found = false;
		for (size_t k = 0; k < all.count; k++)
			found = found || !strcmp(all.item[k].name, some.item[i].name);
		ck_assert(found);
	}
	plan_done(&all);
	plan_done(&some);
}
END_TEST

static const char *const bad_partitions[] = { "",
					      "count:",
					      "count:0/3",
					      "count:4/3",
					      "count:1",
					      "hash:1/0",
					      "1/2",
					      "slice:1/",
					      "count:1/2x",
					      "count:-1/2",
					      "hash:11111111111111111/2" };

START_TEST(an_invalid_partition_is_refused)
{
	struct partition part;
	struct err *err = NULL;
	t_errno(partition_parse(bad_partitions[_i], &part, &err), EINVAL);
	ck_assert_int_eq(err_kind_of(err), ERR_USAGE);
	t_err_contains(&err, "is not a valid partition");
}
END_TEST

/* --- times -------------------------------------------------------------------------------------------------------- */

static void add_run(json_t *durations, const char *name, const char *accel, const char *when, json_int_t wall)
{
	const char *verdict = wall == 3 ? "inconclusive" : wall % 2 ? "pass" : "fail";
	json_auto_t *sidecar = json_pack("{s:s, s:s, s:s, s:s, s:I}", "name", name, "accel", accel, "verdict", verdict,
					 "timestamp", when, "wall_ns", wall);
	durations_add(durations, sidecar);
}

START_TEST(times_come_from_the_newest_run_else_from_the_model)
{
	json_auto_t *durations = json_object();
	struct plan p = make(NULL);
	add_run(durations, "ktstr/small", "tcg", "2026-01-02T00:00:00Z", 7);
	add_run(durations, "ktstr/small", "tcg", "2026-01-01T00:00:00Z", 5);
	add_run(durations, "ktstr/small", "tcg", "2026-01-03T00:00:00Z", 3); /* interrupted */
	add_run(durations, "ktstr/smt", "kvm", "2026-01-01T00:00:00Z", 5);
	add_run(durations, "ktstr/smt", "tcg", "2026-01-01T00:00:00Z", -5);
	json_array_append_new(json_object_get(durations, "nonsense"), json_null());
	plan_estimate(&p, "tcg", durations);
	ck_assert(p.item[0].estimate_known && p.item[0].estimate == 7);
	ck_assert(!p.item[16].estimate_known && p.item[16].estimate > 8 * NSEC_PER_SEC);
	plan_estimate(&p, "kvm", durations);
	ck_assert(!p.item[0].estimate_known && p.item[0].estimate == 14 * NSEC_PER_SEC);
	plan_done(&p);
}
END_TEST

START_TEST(estimates_follow_how_cpus_share_time)
{
	struct ktstr_topology one = { .numa_nodes = 1, .llcs = 1, .cores = 1, .threads = 1 };
	struct ktstr_topology wide = { .numa_nodes = 1, .llcs = 8, .cores = 4, .threads = 2 };
	nsec_t boot = estimate_model("tcg", true, &wide, 0, 1);
	ck_assert_int_eq(boot, 8 * NSEC_PER_SEC);
	ck_assert_int_lt(estimate_model("tcg", true, &one, 0, 1), boot);
	/* A guest second of 64 busy CPUs: in parallel each executes all of it, else they divide it among them. */
	ck_assert_int_gt(estimate_model("tcg", true, &wide, NSEC_PER_SEC, 1) - boot, 32 * NSEC_PER_SEC);
	ck_assert_int_lt(estimate_model("tcg", false, &wide, NSEC_PER_SEC, 1), boot);
}
END_TEST

START_TEST(the_longest_begins_first)
{
	struct plan p = make(NULL);
	plan_estimate(&p, "kvm", NULL);
	nsec_t unordered = plan_makespan(&p, 3), sum = plan_makespan(&p, 1);
	plan_order(&p);
	for (size_t i = 1; i < p.count; i++)
		ck_assert(p.item[i - 1].estimate >= p.item[i].estimate);
	ck_assert_str_eq(p.item[p.count - 1].name, "gauntlet/small/12cpu-3llc-smt");
	ck_assert(plan_makespan(&p, 3) <= unordered && plan_makespan(&p, 1) == sum);
	ck_assert(plan_makespan(&p, 3) >= sum / 3);
	plan_done(&p);
}
END_TEST

/* --- budgets ------------------------------------------------------------------------------------------------------ */

START_TEST(budgets_are_positive_numbers)
{
	nsec_t ns;
	ck_assert(budget_parse("300", &ns) && ns == 300 * NSEC_PER_SEC);
	ck_assert(budget_parse("0.5", &ns) && ns == NSEC_PER_SEC / 2);
	static const char *const bad[] = { "", "0", "-1", "x", "5x", "inf", "nan", "1e99" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(!budget_parse(bad[i], &ns), "%s", bad[i]);
}
END_TEST

#define ITEMS_MAX 400

/*
 * A trap for a greedy choice: the cheap item with the most coverage per second leaves no room for the item that covers
 * all.
 */
START_TEST(the_wrong_first_choice_is_not_kept)
{
	const struct budget_item item[] = { { 0x3, 1, "cheap" }, { 0xff, 10, "dear" } };
	struct budget_report greedy, select;
	bool keep[2];
	t_ok(budget_greedy(item, 2, 10, keep));
	budget_measure(item, 2, keep, &greedy);
	t_ok(budget_select(item, 2, 10, keep));
	budget_measure(item, 2, keep, &select);
	ck_assert_uint_eq(greedy.features, 2);
	ck_assert_uint_eq(select.features, 8);
}
END_TEST

static struct plan budget_plan;

static size_t budget_items(struct budget_item *item)
{
	budget_plan = make(NULL);
	plan_estimate(&budget_plan, "tcg", NULL);
	for (size_t i = 0; i < budget_plan.count; i++)
		item[i] = (struct budget_item){ budget_features(&budget_plan.item[i]), budget_plan.item[i].estimate,
						budget_plan.item[i].name };
	return budget_plan.count;
}

/*
 * On a real gauntlet, at every budget: within the budget, at least as many features as the reference's rule, and more
 * pairs.
 */
START_TEST(the_selector_covers_at_least_what_greedy_does)
{
	struct budget_item item[ITEMS_MAX];
	bool keep[ITEMS_MAX];
	unsigned more = 0;
	size_t count = budget_items(item);
	for (nsec_t secs = 5; secs <= 1800; secs += 5) {
		struct budget_report greedy, select;
		t_ok(budget_greedy(item, count, secs * NSEC_PER_SEC, keep));
		budget_measure(item, count, keep, &greedy);
		t_ok(budget_select(item, count, secs * NSEC_PER_SEC, keep));
		budget_measure(item, count, keep, &select);
		ck_assert(greedy.used <= secs * NSEC_PER_SEC && select.used <= secs * NSEC_PER_SEC);
		ck_assert_uint_ge(select.features, greedy.features);
		more += select.features > greedy.features || select.pairs > greedy.pairs;
	}
	ck_assert_uint_gt(more, 180);
	plan_done(&budget_plan);
}
END_TEST

START_TEST(a_budget_keeps_a_part_of_the_plan)
{
	struct plan p = make(NULL);
	struct budget_report report;
	plan_estimate(&p, "kvm", NULL);
	p.item[3].skip = strdup("not here");
	t_ok(plan_budget(&p, 60 * NSEC_PER_SEC, &report));
	ck_assert(report.kept == p.count && report.total == 22 && report.used <= 60 * NSEC_PER_SEC && p.count > 1);
	for (size_t i = 0; i < p.count; i++)
		ck_assert(!p.item[i].skip && p.item[i].name);
	plan_done(&p);
}
END_TEST

/* --- several tries ------------------------------------------------------------------------------------------------ */

#define P KTSTR_PASS
#define F KTSTR_FAIL
#define I KTSTR_INCONCLUSIVE
#define S KTSTR_SKIP

static const struct {
	struct flake_policy policy;
	unsigned count;
	enum ktstr_verdict tries[5];
	bool final, flaky;
	enum ktstr_verdict verdict;
	bool cut;
} folds[] = {
	{ { 0, 0, 0 }, 1, { P }, true, false, P },
	{ { 0, 0, 0 }, 1, { F }, true, false, F },
	{ { 2, 0, 0 }, 1, { F }, false, false, F },
	{ { 2, 0, 0 }, 2, { F, P }, true, true, P },
	{ { 2, 0, 0 }, 2, { F, I }, false, false, I },
	{ { 2, 0, 0 }, 3, { F, I, F }, true, false, F },
	{ { 2, 0, 0 }, 1, { S }, true, false, S },
	{ { 0, 3, 3 }, 1, { P }, false, false, P },
	{ { 0, 3, 3 }, 3, { P, P, P }, true, false, P },
	{ { 0, 3, 3 }, 3, { P, F, P }, true, false, F },
	{ { 0, 3, 2 }, 3, { P, F, P }, true, true, P },
	{ { 0, 3, 2 }, 3, { P, P, F }, true, true, P },
	{ { 0, 3, 2 }, 3, { P, I, F }, true, false, I },
	{ { 0, 3, 3 }, 3, { F, F, P }, true, false, F },
	{ { 0, 3, 3 }, 1, { S }, true, false, S },
	/* Fail outranks Inconclusive over all tries. */
	{ { 1, 0, 0 }, 2, { F, I }, true, false, F },
	{ { 1, 0, 0 }, 2, { I, F }, true, false, F },
	{ { 1, 0, 0 }, 2, { I, I }, true, false, I },
	{ { 1, 0, 0 }, 2, { I, P }, true, true, P },
	{ { 2, 0, 0 }, 2, { F, S }, true, false, F },
	{ { 2, 0, 0 }, 2, { I, S }, true, false, I },
	{ { 0, 3, 2 }, 2, { P, S }, true, false, I },
	{ { 0, 3, 3 }, 2, { F, S }, true, false, F },
	/* Also when the run is interrupted. */
	{ { 0, 0, 0 }, 1, { I }, true, false, I, .cut = true },
	{ { 2, 0, 0 }, 2, { F, I }, true, false, F, .cut = true },
	{ { 2, 0, 0 }, 1, { F }, true, false, F, .cut = true },
	{ { 2, 0, 0 }, 1, { P }, true, false, P, .cut = true },
	{ { 0, 40, 40 }, 4, { F, F, F, I }, true, false, F, .cut = true },
	{ { 0, 40, 40 }, 2, { F, P }, true, false, F, .cut = true },
	{ { 0, 40, 40 }, 3, { P, P, I }, true, false, I, .cut = true },
	{ { 0, 40, 2 }, 3, { P, P, I }, true, true, P, .cut = true },
	{ { 0, 4, 2 }, 2, { F, I }, true, false, I, .cut = true },
	{ { 0, 4, 2 }, 4, { F, F, F, I }, true, false, F, .cut = true },
};

static void try_once(struct flake_history *h, unsigned number, enum ktstr_verdict v)
{
	struct judgement j = { .verdict = v };
	if (v != KTSTR_PASS)
		judgement_add(&j, DETAIL_HARNESS, v, "cause %u", number);
	t_ok(flake_note(h, number, number * 100, &j));
	judgement_done(&j);
}

START_TEST(tries_fold_into_one_result)
{
	struct flake_history h = { 0 };
	for (unsigned i = 0; i < folds[_i].count; i++)
		try_once(&h, i + 1, folds[_i].tries[i]);
	struct flake_outcome o = flake_fold(&folds[_i].policy, &h, folds[_i].cut);
	ck_assert_int_eq(o.final, folds[_i].final);
	ck_assert_int_eq(o.flaky, folds[_i].flaky);
	ck_assert_int_eq(o.verdict, folds[_i].verdict);
	flake_done(&h);
}
END_TEST

/* An interrupted retry does not hide an earlier failure. */
START_TEST(an_interrupted_retry_keeps_the_failure)
{
	struct flake_policy policy = { .retries = 3 };
	struct flake_history h = { 0 };
	struct judgement j = { .verdict = KTSTR_INCONCLUSIVE };
	judgement_add(&j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE, "interrupted");
	try_once(&h, 1, KTSTR_INCONCLUSIVE);
	try_once(&h, 2, KTSTR_FAIL);
	try_once(&h, 3, KTSTR_INCONCLUSIVE);
	struct flake_outcome o = flake_fold(&policy, &h, /* cut= */ true);
	flake_apply(&policy, &h, &o, &j);
	ck_assert_int_eq(j.verdict, KTSTR_FAIL);
	ck_assert_str_eq(judgement_cause(&j)->text, "attempt 2: cause 2");
	judgement_done(&j);
	flake_done(&h);
}
END_TEST

START_TEST(a_refused_skip_says_why)
{
	struct judgement j = { .verdict = KTSTR_SKIP };
	judgement_add(&j, DETAIL_SKIP, KTSTR_SKIP, "no second NUMA node");
	judgement_refuse_skip(&j);
	ck_assert_int_eq(j.verdict, KTSTR_FAIL);
	ck_assert_str_eq(judgement_cause(&j)->text,
			 "skipped, which KTSTR_NO_SKIP_MODE does not allow: no second NUMA node");
	judgement_refuse_skip(&j);
	ck_assert_uint_eq(j.details, 2);
	judgement_done(&j);
}
END_TEST

START_TEST(the_last_judgement_becomes_the_results)
{
	struct flake_policy policy = { .repeat = 2, .require = 2 };
	struct flake_history h = { 0 };
	struct judgement j = { .verdict = KTSTR_PASS };
	try_once(&h, 1, KTSTR_FAIL);
	try_once(&h, 2, KTSTR_FAIL);
	try_once(&h, 2, KTSTR_PASS); /* judged again: replaced, not added */
	ck_assert_uint_eq(h.count, 2);
	struct flake_outcome o = flake_fold(&policy, &h, /* cut= */ false);
	flake_apply(&policy, &h, &o, &j);
	ck_assert_int_eq(j.verdict, KTSTR_FAIL);
	ck_assert_str_eq(judgement_cause(&j)->text, "passed 1 of 2 tries, 2 are required; try 1: cause 1");
	judgement_done(&j);
	flake_done(&h);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, a_presets_name_says_its_topology);
	tcase_add_test(tc, presets_are_found_by_both_names);
	tcase_add_loop_test(tc, constraints_choose_presets, 0, ARRAY_SIZE(constraints));
	tcase_add_test(tc, a_refusal_says_why);
	tcase_add_test(tc, tcg_has_all_presets_but_three);
	tcase_add_test(tc, the_gauntlet_is_tests_times_presets);
	tcase_add_test(tc, filters_know_presets_by_both_names);
	tcase_add_test(tc, several_kernels_are_named_behind_the_preset);
	tcase_add_loop_test(tc, partitions_divide_without_rest_or_overlap, 0, 2);
	tcase_add_test(tc, a_hash_partition_depends_on_the_name_alone);
	tcase_add_loop_test(tc, an_invalid_partition_is_refused, 0, ARRAY_SIZE(bad_partitions));
	tcase_add_test(tc, times_come_from_the_newest_run_else_from_the_model);
	tcase_add_test(tc, estimates_follow_how_cpus_share_time);
	tcase_add_test(tc, the_longest_begins_first);
	tcase_add_test(tc, budgets_are_positive_numbers);
	tcase_add_test(tc, the_wrong_first_choice_is_not_kept);
	tcase_add_test(tc, the_selector_covers_at_least_what_greedy_does);
	tcase_add_test(tc, a_budget_keeps_a_part_of_the_plan);
	tcase_add_loop_test(tc, tries_fold_into_one_result, 0, ARRAY_SIZE(folds));
	tcase_add_test(tc, the_last_judgement_becomes_the_results);
	tcase_add_test(tc, an_interrupted_retry_keeps_the_failure);
	tcase_add_test(tc, a_refused_skip_says_why);
}

int main(void)
{
	return t_main("gauntlet", fill);
}
