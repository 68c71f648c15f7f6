/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest code that can be tested without a guest: tables, CPU sets, affinities, scenarios. */
#include <string.h>

#include "guest/builtin.h"
#include "guest/binary/registry.h"
#include "guest/load.h"
#include "guest/payload/declaration.h"
#include "guest/payload/judge.h"
#include "guest/place.h"
#include "guest/reap.h"
#include "guest/scenario/canned.h"
#include "guest/scenario/validate.h"
#include "guest/work/work.h"
#include "t.h"

static struct guest_topology topology;

static void machine(unsigned nodes, unsigned llcs, unsigned cores, unsigned threads)
{
	struct ktstr_topology t = { nodes, llcs, cores, threads };
	guest_topology_declared(&t, &topology);
}

static const char *resolved(struct ktstr_cpuset spec)
{
	static char text[CPUSET_TEXT_MAX], why[200];
	struct cpuset_bits set;
	if (cpuset_resolve(&topology, &spec, &set, why, sizeof(why)) < 0)
		return why;
	return cpuset_format(&set, text, sizeof(text));
}

START_TEST(work_types_are_complete)
{
	unsigned named = 0;
	for (unsigned i = 0; i < KTSTR_WORK_TYPE_MAX; i++) {
		const struct work_type *t = work_type_at(i);
		ck_assert_msg(t && t->name && t->does && t->measures, "row %u", i);
		ck_assert_msg(t->turn || i == KTSTR_WORK_CUSTOM, "%s does nothing", t->name);
		for (unsigned k = 0; k < i; k++)
			ck_assert_str_ne(t->name, work_type_at(k)->name);
		struct ktstr_work w;
		named += ktstr_work_from_name(t->name, &w) == 0 && w.type == i;
	}
	ck_assert_uint_eq(KTSTR_WORK_TYPE_MAX, 45);
	ck_assert_uint_eq(named, 43); /* not Sequence, not Custom */
	ck_assert(!work_type_at(KTSTR_WORK_TYPE_MAX));
}
END_TEST

START_TEST(older_names_of_work_types)
{
	struct ktstr_work w;
	t_ok(ktstr_work_from_name("CpuSpin", &w));
	ck_assert_int_eq(w.type, KTSTR_WORK_SPIN_WAIT);
	t_ok(ktstr_work_from_name("IoSync", &w));
	ck_assert_int_eq(w.type, KTSTR_WORK_IO_SYNC_WRITE);
	ck_assert_int_eq(ktstr_work_from_name("cpuspin", &w), -EINVAL);
	ck_assert_int_eq(ktstr_work_from_name("Custom", &w), -EINVAL);
}
END_TEST

START_TEST(groups_by_parameters)
{
	static const struct {
		struct ktstr_work work;
		unsigned size;
	} cases[] = {
		{ { .type = KTSTR_WORK_SPIN_WAIT }, 1 },
		{ { .type = KTSTR_WORK_PIPE_IO }, 2 },
		{ { .type = KTSTR_WORK_FUTEX_FAN_OUT }, 5 },
		{ { .type = KTSTR_WORK_FUTEX_FAN_OUT, .fan_out = 7 }, 8 },
		{ { .type = KTSTR_WORK_MUTEX_CONTENTION }, 4 },
		{ { .type = KTSTR_WORK_THUNDERING_HERD }, 8 },
		{ { .type = KTSTR_WORK_PRIORITY_INVERSION, .medium = 3 }, 5 },
		{ { .type = KTSTR_WORK_PRODUCER_CONSUMER_IMBALANCE }, 3 },
		{ { .type = KTSTR_WORK_RT_STARVATION }, 2 },
		{ { .type = KTSTR_WORK_WAKE_CHAIN, .depth = 6 }, 6 },
		{ { .type = KTSTR_WORK_PREEMPT_STORM }, 3 },
		{ { .type = KTSTR_WORK_EPOLL_STORM, .producers = 2, .consumers = 2 }, 4 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_uint_eq(work_group_size(&cases[i].work), cases[i].size);
}
END_TEST

START_TEST(declared_topology_is_what_sysfs_shows)
{
	machine(2, 4, 2, 2);
	ck_assert_uint_eq(topology.cpus, 16);
	ck_assert_uint_eq(topology_llcs(&topology), 4);
	ck_assert_uint_eq(topology.cpu[7].node, 0);
	ck_assert_uint_eq(topology.cpu[8].node, 1);
	ck_assert_uint_eq(cpuset_count(&topology.usable), 15);
	machine(1, 1, 2, 1);
	ck_assert_uint_eq(cpuset_count(&topology.usable), 2);
}
END_TEST

START_TEST(cpusets_by_arithmetic)
{
	machine(2, 2, 4, 1); /* CPUs 0-7, usable 0-6 */
	ck_assert_str_eq(resolved(KTSTR_LLC(0)), "0-3");
	ck_assert_str_eq(resolved(KTSTR_LLC(1)), "4-6");
	ck_assert_str_eq(resolved(KTSTR_NODE(1)), "4-6");
	ck_assert_str_eq(resolved(KTSTR_DISJOINT(0, 3)), "0-1");
	ck_assert_str_eq(resolved(KTSTR_DISJOINT(2, 3)), "4-6");
	ck_assert_str_eq(resolved(KTSTR_OVERLAP(1, 3, 0.5)), "1-4");
	ck_assert_str_eq(resolved(KTSTR_OVERLAP(0, 3, 1.0)), "0-3");
	ck_assert_str_eq(resolved(KTSTR_RANGE(0.25, 0.75)), "1-4");
	ck_assert_str_eq(resolved(KTSTR_RANGE(0, 1)), "0-6");
	ck_assert_str_eq(resolved(KTSTR_CPUS("7")), "7");
	ck_assert_str_eq(resolved((struct ktstr_cpuset){ 0 }), "0-7");
	ck_assert_str_eq(resolved(KTSTR_DISJOINT(7, 8)), "not enough usable CPUs (7) for 8 parts");
}
END_TEST

START_TEST(affinities_within_the_pool)
{
	struct rng rng = { 7 };
	struct cpuset_bits pool, set;
	char text[CPUSET_TEXT_MAX];
	machine(1, 2, 2, 2);
	t_ok(cpuset_parse("0-2,4-7", &pool));
	for (unsigned i = 0; i < 50; i++) {
		struct ktstr_affinity some = KTSTR_AFFINITY(RANDOM_SUBSET, .count = i % 8);
		ck_assert(affinity_resolve(&topology, &some, &pool, i, &rng, &set));
		ck_assert_uint_eq(cpuset_count(&set), i % 8 ? i % 8 : 3);
		ck_assert(!(set.word[0] & ~pool.word[0]));
	}
	ck_assert(affinity_resolve(&topology, &KTSTR_AFFINITY(LLC_ALIGNED), &pool, 0, &rng, &set));
	ck_assert_str_eq(cpuset_format(&set, text, sizeof(text)), "4-7");
	ck_assert(affinity_resolve(&topology, &KTSTR_AFFINITY(SINGLE_CPU), &pool, 3, &rng, &set));
	ck_assert_str_eq(cpuset_format(&set, text, sizeof(text)), "0");
	/* Cores with both threads in the pool: 0-1, 4-5, 6-7. */
	static const char *const pairs[] = { "0", "1", "4", "5", "6", "7", "0" };
	for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++) {
		ck_assert(affinity_resolve(&topology, &KTSTR_AFFINITY(SMT_PAIR), &pool, i, &rng, &set));
		ck_assert_str_eq(cpuset_format(&set, text, sizeof(text)), pairs[i]);
	}
	ck_assert(!affinity_resolve(&topology, &(struct ktstr_affinity){ 0 }, &pool, 0, &rng, &set));
	machine(2, 2, 2, 2);
	ck_assert(affinity_resolve(&topology, &KTSTR_AFFINITY(NODE, .count = 0), &pool, 0, &rng, &set));
	ck_assert_str_eq(cpuset_format(&set, text, sizeof(text)), "0-2");
	for (unsigned i = 0; i < 20; i++) {
		struct ktstr_affinity some = KTSTR_AFFINITY(RANDOM_SUBSET, .count = 1, .list = "5,7");
		ck_assert(affinity_resolve(&topology, &some, &pool, i, &rng, &set));
		ck_assert(cpuset_count(&set) == 1 && (cpuset_has(&set, 5) || cpuset_has(&set, 7)));
	}
}
END_TEST

START_TEST(pairs_of_threads)
{
	struct smt_pair pair[GUEST_CPUS_MAX];
	struct cpuset_bits pool;
	machine(1, 2, 2, 4); /* four threads a core: only the first two in the pool are a pair */
	t_ok(cpuset_parse("0-3,5,7,8,12-15", &pool));
	static const unsigned expected[][2] = { { 0, 1 }, { 5, 7 }, { 12, 13 } };
	ck_assert_uint_eq(topology_smt_pairs(&topology, &pool, pair), ARRAY_SIZE(expected));
	for (unsigned i = 0; i < ARRAY_SIZE(expected); i++)
		ck_assert(pair[i].cpu[0] == expected[i][0] && pair[i].cpu[1] == expected[i][1]);
	machine(1, 2, 4, 1);
	ck_assert_uint_eq(topology_smt_pairs(&topology, &topology.all, pair), 0);
	machine(1, 15, 8, 2);
	ck_assert_uint_eq(topology_smt_pairs(&topology, &topology.all, pair), 120);
	ck_assert(pair[119].cpu[0] == 238 && pair[119].cpu[1] == 239);
	for (unsigned i = 0; i < topology.cpus / 2; i++) { /* siblings as firmware of many machines numbers them */
		topology.cpu[i + 120] = topology.cpu[i];
		topology.cpu[i].core = topology.cpu[i + 120].core = (uint16_t)i;
		topology.cpu[i + 120].cpu = (uint16_t)(i + 120);
	}
	ck_assert_uint_eq(topology_smt_pairs(&topology, &topology.all, pair), 120);
	ck_assert(pair[7].cpu[0] == 7 && pair[7].cpu[1] == 127);
}
END_TEST

START_TEST(shares_of_workers_round_up)
{
	struct ktstr_test test = { .workers_per_cgroup = 3 };
	ck_assert_uint_eq(load_workers(&test, &(struct ktstr_load){ .workers_share = 0.5 }, 7), 4);
	ck_assert_uint_eq(load_workers(&test, &(struct ktstr_load){ .workers_share = 2 }, 7), 14);
	ck_assert_uint_eq(load_workers(&test, &(struct ktstr_load){ .workers_share = 0.1 }, 10), 1);
	ck_assert_uint_eq(load_workers(&test, &(struct ktstr_load){ .workers = 9 }, 7), 9);
	ck_assert_uint_eq(load_workers(&test, &(struct ktstr_load){ 0 }, 7), 3);
}
END_TEST

START_TEST(loads_have_what_their_cgroup_says_for_all)
{
	struct ktstr_load merged;
	const struct ktstr_cgroup g = {
		.name = "g",
		.no_workers = true,
		.nice = KTSTR_NICE(3),
		.comm = "c",
		.uid = 7,
		.numa_node = KTSTR_ON_NODE(1),
		.checks = { .max_gap_ms = 5, .isolation = KTSTR_OFF },
		.loads = KTSTR_LOADS({ .workers = 2 }, { .workers = 1,
							 .nice = KTSTR_NICE(0),
							 .comm = "own",
							 .gid = 2,
							 .checks = { .max_gap_ms = KTSTR_OFF, .not_stuck = KTSTR_ON } })
	};
	const struct ktstr_load *l = cgroup_load(&g, 0, &merged);
	ck_assert(l->workers == 2 && l->nice.value == 3 && !strcmp(l->comm, "c") && l->uid == 7);
	ck_assert(l->numa_node.set && l->numa_node.value == 1);
	ck_assert(l->checks.max_gap_ms == 5 && l->checks.isolation == KTSTR_OFF);
	l = cgroup_load(&g, 1, &merged);
	ck_assert(l->nice.set && l->nice.value == 0 && !strcmp(l->comm, "own") && l->uid == 7 && l->gid == 2);
	ck_assert(l->checks.max_gap_ms == KTSTR_OFF && l->checks.isolation == KTSTR_OFF);
	ck_assert(l->checks.not_stuck == KTSTR_ON && l->checks.max_spread_pct == 0);
	ck_assert_ptr_null(cgroup_load(&g, 2, &merged));
}
END_TEST

/* On a machine that is large enough, every canned scenario is possible. */
START_TEST(canned_scenarios_on_all_machines)
{
	static const unsigned shapes[][4] = { { 1, 1, 1, 1 },  { 1, 1, 2, 1 }, { 1, 1, 4, 1 }, { 1, 2, 2, 1 },
					      { 1, 3, 3, 1 },  { 2, 4, 4, 1 }, { 1, 7, 2, 1 }, { 4, 8, 4, 1 },
					      { 1, 14, 9, 2 }, { 2, 2, 1, 2 } };
	unsigned checked = 0;
	for (const struct ktstr_canned *c = ktstr_canned_list(); c->name; c++)
		for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
			_cleanup_err_ struct err *err = NULL;
			_cleanup_buf_ struct buf text = BUF_NULL;
			struct ktstr_test test = { .name = "t" };
			machine(shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3]);
			if (cpuset_count(&topology.usable) < c->min_cpus || topology_llcs(&topology) < c->min_llcs ||
			    shapes[i][0] < c->min_nodes)
				continue;
			int r = scenario_check(&test, &topology, &canned_find(c->name)->scenario, NULL, &err);
			err_format(err, &text);
			ck_assert_msg(r == 0, "'%s' on shape %zu: %s", c->name, i, buf_str(&text));
			checked++;
		}
	ck_assert_uint_gt(checked, 550);
}
END_TEST

START_TEST(canned_scenarios_by_name)
{
	static const char *const names[] = {
		"steady",
		"steady_llc",
		"oversubscribed",
		"cpuset_apply",
		"cpuset_clear",
		"cpuset_resize",
		"cgroup_add",
		"cgroup_remove",
		"affinity_change",
		"affinity_pinned",
		"host_contention",
		"mixed_workloads",
		"nested_steady",
		"nested_task_move",
		"custom_rapid_churn",
		"custom_cache_yield_wake_affine",
		"cgroup_4way_load_imbalance",
		"cpuset_cross_llc_race",
		"no_ctrl_load_imbalance",
		"stall_recovery",
	};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_msg(canned_find(names[i]), "%s", names[i]);
	ck_assert(!canned_find("stead") && !canned_find("") && !canned_find("steady "));
	for (const struct ktstr_canned *c = ktstr_canned_list(); c->name; c++)
		ck_assert_msg(!strcmp(canned_find(c->name)->info.name, c->name), "'%s' is two scenarios", c->name);
}
END_TEST

/* A scenario of random operations is either rejected with a message or accepted; no input breaks the check. */
START_TEST(random_scenarios_are_checked)
{
	static const char *const names[] = { "a", "b", "a/c", "x", NULL, "" };
	struct rng rng = { 11 };
	machine(2, 2, 2, 2);
	unsigned accepted = 0;
	for (unsigned n = 0; n < 20000; n++) {
		struct ktstr_op ops[3];
		for (unsigned i = 0; i < 2; i++)
			ops[i] = (struct ktstr_op){
				.kind = (enum ktstr_op_kind)rng_below(&rng, KTSTR_OP_KIND_MAX),
				.cgroup = names[rng_below(&rng, ARRAY_SIZE(names))],
				.other = names[rng_below(&rng, ARRAY_SIZE(names))],
				.cpuset = { (enum ktstr_cpuset_kind)rng_below(&rng, KTSTR_CPUSET_KIND_MAX + 1u),
					    (unsigned)rng_below(&rng, 4), (unsigned)rng_below(&rng, 4), 0.5, 0.1, 0.9,
					    "0-3" },
				.load = { .work.type = (enum ktstr_work_type)rng_below(&rng, KTSTR_WORK_TYPE_MAX + 1u),
					  .workers = (unsigned)rng_below(&rng, 9) },
			};
		ops[2].kind = KTSTR_OP_KIND_MAX;
		struct ktstr_step steps[] = { { .name = "s", .ops = ops }, { .name = NULL } };
		struct ktstr_scenario s = { .steps = steps, .backdrop.cgroups = KTSTR_CGROUPS({ .name = "a" }) };
		struct ktstr_test test = { .name = "t" };
		_cleanup_err_ struct err *err = NULL;
		int r = scenario_check(&test, &topology, &s, NULL, &err);
		ck_assert(r == 0 || (err && err->msg));
		accepted += r == 0;
	}
	ck_assert_uint_gt(accepted, 0);
}
END_TEST

/* --- payloads ----------------------------------------------------------------------------------------------------- */

#define PAYLOAD(...)                                      \
	{                                                 \
		.name = "p", .binary = "b", ##__VA_ARGS__ \
	}
#define CHECKED(...) PAYLOAD(.output = KTSTR_OUTPUT_JSON, .checks = KTSTR_PAYLOAD_CHECKS(__VA_ARGS__))
#define TEXT(...)    PAYLOAD(.output = KTSTR_OUTPUT_TEXT, .metrics = KTSTR_METRICS(__VA_ARGS__))

static const struct {
	struct ktstr_payload payload;
	const char *problem;
} bad_payloads[] = {
	{ PAYLOAD(), NULL },
	{ CHECKED(KTSTR_WITHIN("a", 1, 1), KTSTR_EXIT_CODE(255)), NULL },
	{ { .name = "", .binary = "b" }, "its name" },
	{ { .name = "p" }, "names no binary" },
	{ { .name = "p", .binary = "dir/" }, "names no binary" },
	{ PAYLOAD(.kit = "/abs"), "relative path" },
	{ PAYLOAD(.kit = "a/../b"), "relative path" },
	{ { .name = "p", .binary = "a/b", .kit = "k" }, "a name, not a path" },
	{ PAYLOAD(.tap_test = "x"), "tap_test needs" },
	{ PAYLOAD(.checks = KTSTR_PAYLOAD_CHECKS(KTSTR_EXISTS("a"))), "need its output" },
	{ CHECKED(KTSTR_EXISTS("")), "names no metric" },
	{ CHECKED(KTSTR_EXIT_CODE(256)), "more than 255" },
	{ CHECKED(KTSTR_WITHIN("a", 2, 1)), "ends before it begins" },
	{ CHECKED(KTSTR_AT_LEAST("a", __builtin_nan(""))), "not a number" },
	{ PAYLOAD(.metrics = KTSTR_METRICS({ "a", KTSTR_TARGET_VALUE, __builtin_inf() })), "target" },
	{ PAYLOAD(.metrics = KTSTR_METRICS({ "a", .unit = "sixteen_bytes_it" })), "15 bytes" },
	{ PAYLOAD(.checks = KTSTR_PAYLOAD_CHECKS(KTSTR_AT_MOST(KTSTR_WALL_TIME, 1))), NULL },
	{ TEXT({ "a", .pattern = "a: ([0-9]+)" }, { KTSTR_WALL_TIME, KTSTR_LOWER_BETTER }), NULL },
	{ TEXT({ "a" }), "needs a pattern" },
	{ PAYLOAD(.output = KTSTR_OUTPUT_TEXT), "needs metrics with patterns" },
	{ TEXT({ "a", .pattern = "a: ([0-9]+" }), "not a valid POSIX extended regular expression" },
	{ TEXT({ "a", .pattern = "a: [0-9]+" }), "exactly one group" },
	{ TEXT({ "a", .pattern = "(a): ([0-9]+)" }), "exactly one group" },
	{ TEXT({ KTSTR_WALL_TIME, .pattern = "(.)" }), "the wall time has no pattern" },
	{ PAYLOAD(.metrics = KTSTR_METRICS({ "a", .pattern = "(.)" })), "needs its output to be TEXT" },
};

START_TEST(payload_declarations_are_checked)
{
	const char *problem = payload_problem(&bad_payloads[_i].payload);
	if (!bad_payloads[_i].problem)
		ck_assert_msg(!problem, "%s", problem);
	else
		ck_assert_msg(problem && strstr(problem, bad_payloads[_i].problem), "%s", problem ? problem : "(none)");
}
END_TEST

/* Lines as these programs print them. */
#define HACKBENCH "Running in process mode with 10 groups using 40 file descriptors each (== 400 tasks)\nTime: 0.095\n"
#define PERF_BENCH                                                                                        \
	"# Running 'sched/pipe' benchmark:\n# Executed 1000000 pipe operations between two processes\n\n" \
	"     Total time: 5.112 [sec]\n\n       5.112341 usecs/op\n         195605 ops/sec\n"
#define STRESS_NG                                                                                       \
	"stress-ng: metrc: [77] stressor       bogo ops real time  usr time  sys time   bogo ops/s\r\n" \
	"stress-ng: metrc: [77] switch           812345      2.00      0.51      3.42    406172.50\r\n"

static const struct ktstr_payload
	hackbench = TEXT({ "time", .pattern = "^Time: ([0-9.]+)$" }),
	perf_bench = { .name = "p",
		       .binary = "b",
		       .output = KTSTR_OUTPUT_TEXT,
		       .metrics = KTSTR_METRICS({ "usecs_op", .pattern = "([0-9.]+) usecs/op" },
						{ "ops", .pattern = "([0-9]+) ops/sec" },
						{ "total", .pattern = "Total time: +?([0-9.]+) \\[sec\\]" }),
		       .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_WITHIN("usecs_op", 5.112341, 5.112341),
						      KTSTR_WITHIN("ops", 195605, 195605),
						      KTSTR_WITHIN("total", 5.112, 5.112)) },
	stress_ng = { .name = "p",
		      .binary = "b",
		      .output = KTSTR_OUTPUT_TEXT,
		      .metrics = KTSTR_METRICS({ "rate", .pattern = "metrc:.* switch .* ([0-9.]+)$" }),
		      .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_WITHIN("rate", 406172.5, 406172.5)) },
	not_a_number = TEXT({ "mode", .pattern = "in ([a-z]+) mode" }),
	timed = PAYLOAD(.checks = KTSTR_PAYLOAD_CHECKS(KTSTR_WITHIN(KTSTR_WALL_TIME, 2e9, 3e9)));

static const struct ktstr_payload ends = PAYLOAD(), numbers = CHECKED(KTSTR_AT_MOST("a", 5), KTSTR_EXISTS("b")),
				  dotted = CHECKED(KTSTR_AT_MOST("a.b", 5)),
				  fails = PAYLOAD(.checks = KTSTR_PAYLOAD_CHECKS(KTSTR_EXIT_CODE(3))),
				  taps = PAYLOAD(.output = KTSTR_OUTPUT_TAP),
				  one_tap = PAYLOAD(.output = KTSTR_OUTPUT_TAP, .tap_test = "x");

static const struct {
	struct payload run;
	const char *out, *err;
	enum ktstr_verdict verdict;
	const char *why;
} weights[] = {
	{ { .decl = &ends }, "", "", KTSTR_PASS, "" },
	{ { .decl = &ends, .status = 3 << 8 }, "", "", KTSTR_FAIL, "exited with status 3, not 0" },
	{ { .decl = &fails, .status = 3 << 8 }, "", "", KTSTR_PASS, "" },
	{ { .decl = &fails }, "", "", KTSTR_FAIL, "exited with status 0, not 3" },
	{ { .decl = &ends, .status = 11 }, "", "", KTSTR_FAIL, "was killed by SIGSEGV" },
	{ { .decl = &ends, .status = 15, .killed = true }, "", "", KTSTR_PASS, "" },
	{ { .decl = &ends, .status = 9, .timed_out = true, .ended = 1500000000 }, "", "", KTSTR_FAIL, "within 1.5s" },
	{ { .decl = &ends, .status = 9, .flooded = true }, "", "", KTSTR_FAIL, "more than 4 MiB" },
	{ { .decl = &ends, .status = REAP_STATUS_LOST }, "", "", KTSTR_INCONCLUSIVE, "its exit status is lost" },
	{ { .decl = &ends, .start_error = -2 }, "", "", KTSTR_FAIL, "'/include-files/b': No such file" },
	{ { .decl = &ends, .stragglers = 2 }, "", "", KTSTR_FAIL, "left 2 processes behind" },
	{ { .decl = &numbers }, "{\"a\":5,\"b\":0}", "", KTSTR_PASS, "" },
	{ { .decl = &numbers }, "words", "{\"a\":5,\"b\":0}", KTSTR_PASS, "" },
	{ { .decl = &numbers }, "{\"a\":5.5,\"b\":0}", "", KTSTR_FAIL, "metric 'a' is 5.5, more than 5" },
	{ { .decl = &numbers }, "{\"a\":5}", "", KTSTR_FAIL, "metric 'b' not found" },
	{ { .decl = &numbers }, "", "", KTSTR_FAIL, "printed no JSON" },
	{ { .decl = &numbers }, "{\"a\":5,", "", KTSTR_FAIL, "printed broken JSON" },
	{ { .decl = &numbers }, "{\"a\":5,\"a\":500,\"b\":0}", "", KTSTR_FAIL, "an object has the same key twice" },
	{ { .decl = &numbers }, "", "{\"a\":5,\"a\":500,\"b\":0}", KTSTR_FAIL, "an object has the same key twice" },
	{ { .decl = &numbers }, "{\"b\":5,\"b\":5}", "{\"a\":5,\"b\":0}", KTSTR_FAIL, "the same key twice" },
	{ { .decl = &dotted }, "{\"a.b\":5,\"a\":{\"b\":9}}", "", KTSTR_FAIL, "more than one number for metric 'a.b'" },
	{ { .decl = &numbers, .killed = true }, "", "", KTSTR_INCONCLUSIVE, "not found in what it printed until" },
	{ { .decl = &taps }, "ok 1 x\n", "", KTSTR_PASS, "" },
	{ { .decl = &taps }, "ok 1 x # SKIP y\n", "", KTSTR_SKIP, "was skipped: x # SKIP y" },
	{ { .decl = &taps }, "nothing", "", KTSTR_FAIL, "gave no result" },
	{ { .decl = &taps }, "1..5\nok 1\nok 2\n", "", KTSTR_FAIL, "planned 5 results and gave 2\n" },
	{ { .decl = &taps }, "ok 1\nok 2\n1..1\n", "", KTSTR_FAIL, "planned 1 result and gave 2\n" },
	{ { .decl = &taps }, "1..2\n", "", KTSTR_FAIL, "planned 2 results and gave 0" },
	{ { .decl = &taps, .killed = true }, "1..2\nok\n", "", KTSTR_INCONCLUSIVE, "gave 1 until it was ended" },
	{ { .decl = &taps }, "1..1\nok 1\n1..1\nok 1\n", "", KTSTR_PASS, "" },
	{ { .decl = &taps }, "1..2\nok\nnot ok\n", "", KTSTR_FAIL, "says 'not ok'" },
	{ { .decl = &taps }, "ok 1\nBail out!\n", "", KTSTR_FAIL, "stopped early and says 'Bail out!'" },
	{ { .decl = &taps }, "Bail out! no fuel\n1..3", "", KTSTR_FAIL, "says 'Bail out! no fuel'\n" },
	{ { .decl = &taps }, "1..2\nnot ok 1 x # TODO y\nok 2 z\n", "", KTSTR_PASS, "" },
	{ { .decl = &taps }, "1..2\nnot ok 1 x # SKIP y\nok 2 z\n", "", KTSTR_PASS, "" },
	{ { .decl = &taps }, "not ok 1 x # TODO y\n", "", KTSTR_SKIP, "was skipped: x # TODO y" },
	{ { .decl = &taps }, "1..0 # SKIP no CPU\n", "", KTSTR_SKIP, "was skipped: # SKIP no CPU" },
	{ { .decl = &taps }, "1..0\n", "", KTSTR_SKIP, "was skipped: it planned no test" },
	{ { .decl = &one_tap }, "1..0\n", "", KTSTR_SKIP, "was skipped" },
	{ { .decl = &one_tap }, "1..5\nok 1 x\nBail out!\n", "", KTSTR_PASS, "" },
	{ { .decl = &one_tap }, "1..5\nok 1 y\n", "", KTSTR_FAIL, "gave no result for 'x'" },
	{ { .decl = &one_tap }, "1..5\nok 1 y\nBail out! z\n", "", KTSTR_FAIL, "says 'Bail out! z'" },
	{ { .decl = &hackbench }, HACKBENCH, "", KTSTR_PASS, "" },
	{ { .decl = &hackbench }, "Time: 0.095", "", KTSTR_PASS, "" },
	{ { .decl = &hackbench }, "words\n", HACKBENCH, KTSTR_PASS, "" },
	{ { .decl = &hackbench }, "", "", KTSTR_FAIL, "printed no line that one of its patterns matches" },
	{ { .decl = &hackbench }, "Time: 0.0.9\n", "", KTSTR_FAIL, "'time': what its pattern matches is not a number" },
	{ { .decl = &not_a_number }, HACKBENCH, "", KTSTR_FAIL, "'mode': what its pattern matches is not a number" },
	{ { .decl = &perf_bench }, PERF_BENCH, "", KTSTR_PASS, "" },
	{ { .decl = &perf_bench }, "195605 ops/sec\n", "", KTSTR_FAIL, "metric 'usecs_op' not found" },
	{ { .decl = &stress_ng }, STRESS_NG, "", KTSTR_PASS, "" },
	{ { .decl = &timed, .started = 1, .ended = 2500000001 }, "", "", KTSTR_PASS, "" },
	{ { .decl = &timed, .started = 1, .ended = 3500000001 },
	  "",
	  "",
	  KTSTR_FAIL,
	  "'wall_time_ns' is 3.5e+09, not in" },
};

static void forget_run(struct payload *p)
{
	for (unsigned i = 0; i < p->metrics; i++)
		free((char *)p->metric[i].name);
	free(p->metric);
	buf_done(&p->text[0]);
	buf_done(&p->text[1]);
}

START_TEST(payloads_are_weighed)
{
	struct payload p = weights[_i].run;
	_cleanup_buf_ struct buf why = BUF_NULL;
	buf_puts(&p.text[PAYLOAD_STDOUT], weights[_i].out);
	buf_puts(&p.text[PAYLOAD_STDERR], weights[_i].err);
	ck_assert_int_eq(payload_weigh(&p, &why), weights[_i].verdict);
	ck_assert_msg(strstr(buf_str(&why), weights[_i].why), "%s", buf_str(&why));
	ck_assert_msg(*weights[_i].why || !why.len, "%s", buf_str(&why));
	forget_run(&p);
}
END_TEST

START_TEST(metrics_of_a_payload_have_a_limit)
{
	static const struct ktstr_payload many = PAYLOAD(.output = KTSTR_OUTPUT_JSON);
	struct payload p = { .decl = &many };
	_cleanup_buf_ struct buf why = BUF_NULL;
	buf_puts(&p.text[PAYLOAD_STDOUT], "[0");
	for (int i = 0; i < 2 * PAYLOAD_METRICS_MAX; i++)
		buf_puts(&p.text[PAYLOAD_STDOUT], ",1");
	buf_puts(&p.text[PAYLOAD_STDOUT], "]");
	ck_assert_int_eq(payload_weigh(&p, &why), KTSTR_PASS);
	ck_assert_uint_eq(p.metrics, PAYLOAD_METRICS_MAX);
	ck_assert(p.truncated);
	forget_run(&p);
}
END_TEST

static const struct {
	const char *line, *text, *path; /* path: NULL if the line is not valid */
} lines[] = {
	{ "echo 1 > /sys/a", "1", "/sys/a" },
	{ "echo 1>/sys/a", "1", "/sys/a" },
	{ "echo  NO_A  B >  /sys/a ", "NO_A  B", "/sys/a" },
	{ "echo 1 >> /sys/a", NULL, NULL },
	{ "echo 1 > sys/a", NULL, NULL },
	{ "echo > /sys/a", NULL, NULL },
	{ "echo 1 > /sys/a b", NULL, NULL },
	{ "echo \"1\" > /sys/a", NULL, NULL },
	{ "echo 1 > /sys/a; reboot", NULL, NULL },
	{ "echo 1 > /sys/a > /sys/b", NULL, NULL },
	{ "echo 1", NULL, NULL },
	{ "echoes 1 > /sys/a", NULL, NULL },
	{ "printf 1 > /sys/a", NULL, NULL },
	{ "", NULL, NULL },
};

START_TEST(a_line_writes_a_text_to_a_file)
{
	struct builtin_line parsed;
	bool good = builtin_line_parse(lines[_i].line, &parsed);
	ck_assert_msg(good == (lines[_i].path != NULL), "%s", lines[_i].line);
	if (good) {
		ck_assert_str_eq(parsed.text, lines[_i].text);
		ck_assert_str_eq(parsed.path, lines[_i].path);
	}
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, a_line_writes_a_text_to_a_file, 0, ARRAY_SIZE(lines));
	tcase_add_test(tc, work_types_are_complete);
	tcase_add_test(tc, older_names_of_work_types);
	tcase_add_test(tc, groups_by_parameters);
	tcase_add_test(tc, declared_topology_is_what_sysfs_shows);
	tcase_add_test(tc, cpusets_by_arithmetic);
	tcase_add_test(tc, affinities_within_the_pool);
	tcase_add_test(tc, pairs_of_threads);
	tcase_add_test(tc, shares_of_workers_round_up);
	tcase_add_test(tc, loads_have_what_their_cgroup_says_for_all);
	tcase_add_test(tc, canned_scenarios_on_all_machines);
	tcase_add_test(tc, canned_scenarios_by_name);
	tcase_add_test(tc, random_scenarios_are_checked);
	tcase_add_loop_test(tc, payload_declarations_are_checked, 0, ARRAY_SIZE(bad_payloads));
	tcase_add_loop_test(tc, payloads_are_weighed, 0, ARRAY_SIZE(weights));
	tcase_add_test(tc, metrics_of_a_payload_have_a_limit);
}

int main(void)
{
	return t_main("guest", fill);
}
