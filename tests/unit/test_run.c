/* SPDX-License-Identifier: GPL-2.0-only */
/* Filters, suites, plans, schedulers' binaries: what happens before a machine starts. */
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "lists.h"
#include "run/filter.h"
#include "run/fleet.h"
#include "run/rundir.h"
#include "run/scheduler_path.h"
#include "t.h"
#include "vmm/kvm/backend.h"
#include "vmm/qemu/qemu.h"

/* --- filters ------------------------------------------------------------------------------------------------------ */

static const struct {
	const char *text;
	bool a, b; /* whether it matches test A, test B */
} filters[] = {
	{ "two", true, false },
	{ "test(~crowd)", false, true },
	{ "test(=ktstr/two_cgroups)", true, false },
	{ "test(=two_cgroups)", false, false },
	{ "test(/^ktstr.*s$/)", true, false },
	{ "!two", false, true },
	{ "not two", false, true },
	{ "two | crowd", true, true },
	{ "two and crowd", false, false },
	{ "scheduler(=simple) & topology(4c)", false, true },
	{ "(two | crowd) & !scheduler(simple)", true, false },
	{ "two or crowd and scheduler(nobody)", true, false },
	{ "test(two)+test(crowd)", true, true },
	{ "all() - crowd", true, false },
	{ "all()-test(two)", false, true },
	{ "all() - two + two", true, true },
	{ "two-crowd", false, false },
	{ "kernel(~6_12)", true, true },
	{ "binary(suite)", true, true },
	{ "test(~ = /re_not/)", false, false },
	{ "test(~ = /^ktstr.two/)", true, false },
	{ "test(~/crowd$/)", false, true },
	{ "test(#ktstr/*crowd)", false, true },
	{ "test(# ktstr/two_?groups)", true, false },
	{ "test(=old_name)", true, false },
	{ "!test(=old_name)", false, true },
	{ "all()", true, true },
	{ "all() & !none() & two", true, false },
	{ "none() | scheduler(simple)", false, true },
};

START_TEST(filter_matches)
{
	const struct filter_subject a = { { { "ktstr/two_cgroups", "old_name" },
					    { "kernel_6_12_1" },
					    { "1n1l2c1t" },
					    { "eevdf" },
					    { "/x/suite" } } };
	const struct filter_subject b = {
		{ { "ktstr/simple_crowd" }, { "kernel_6_12_1" }, { "1n2l4c1t" }, { "simple" }, { "/x/suite" } }
	};
	struct filter *f = NULL;
	t_ok(filter_parse(filters[_i].text, &f, NULL));
	ck_assert_msg(filter_match(f, &a) == filters[_i].a, "%s on A", filters[_i].text);
	ck_assert_msg(filter_match(f, &b) == filters[_i].b, "%s on B", filters[_i].text);
	filter_free(f);
}
END_TEST

static const struct {
	const char *text, *why;
} bad_filters[] = {
	{ "", "expected at 'the end'" },
	{ "two &", "expected at 'the end'" },
	{ "(two", "')' expected" },
	{ "two)", "expected at ')'" },
	{ "test()", "the text to match" },
	{ "test(x", "')' expected" },
	{ "test(/x)", "unfinished regular expression" },
	{ "test(/(/)", "does not compile" },
	{ "test(/(a{9}){9}/)", "too many repetitions" },
	{ "test(/a+++++++++/)", "too many repetitions" },
	{ "test(/a{10000}/)", "too many repetitions" },
	{ "colour(red)", "unknown field" },
	{ "two two", "'&', '-', '|', '+' or the end" },
};

START_TEST(filter_says_where_it_is_wrong)
{
	struct filter *f = NULL;
	struct err *err = NULL;
	t_errno(filter_parse(bad_filters[_i].text, &f, &err), EINVAL);
	ck_assert_int_eq(err_kind_of(err), ERR_USAGE);
	t_err_contains(&err, bad_filters[_i].why);
}
END_TEST

START_TEST(filter_depth_is_limited)
{
	char deep[400];
	struct filter *f = NULL;
	memset(deep, '(', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	t_errno(filter_parse(deep, &f, NULL), EINVAL);
	memset(deep, '!', sizeof(deep) - 1);
	t_errno(filter_parse(deep, &f, NULL), EINVAL);
}
END_TEST

/* --- suites ------------------------------------------------------------------------------------------------------- */

START_TEST(suite_reads_a_list)
{
	struct suite s;
	t_ok(list_parse(LIST(SCHED("simple"), TEST("one", "\"simple\"", "1") "," TEST("two", "null", "2")), &s, NULL));
	ck_assert_uint_eq(s.tests, 2);
	ck_assert_str_eq(s.test[0].scheduler->args[0], "-x");
	ck_assert_ptr_null(s.test[1].scheduler);
	ck_assert_uint_eq(s.test[1].topology.llcs, 2);
	suite_done(&s);
}
END_TEST

#define EXTRA(staged, rate)                                                                                            \
	"{\"name\":\"t\",\"file\":\"a.c\",\"line\":3,\"problem\":null,\"scheduler\":null,\"numa_nodes\":1,\"llcs\":1," \
	"\"cores\":2,\"threads\":1,\"memory_mib\":0,\"duration_ms\":2000,\"workers_per_cgroup\":2,\"sched_args\":[],"  \
	"\"constraints\":{\"min_llcs\":1,\"max_llcs\":12,\"min_cpus\":1,\"max_cpus\":192,"                             \
	"\"min_numa_nodes\":1,\"max_numa_nodes\":1,\"requires_smt\":2,\"requires_kinds\":2},"                          \
	"\"include_files\":[],\"expect_err\":1,\"expect_scx_error_contains\":\"words\",\"staged\":[" staged "],"       \
	"\"checks\":{\"not_stuck\":true,\"max_gap_ms\":0,\"max_spread_pct\":false,\"min_work_rate\":" rate "}}"

START_TEST(suite_reads_staged_schedulers_and_rates)
{
	struct suite s;
	t_ok(list_parse(LIST(SCHED("simple"), EXTRA("\"simple\"", "2.5")), &s, NULL));
	ck_assert_str_eq(s.test[0].staged[0]->name, "simple");
	ck_assert_ptr_null(s.test[0].staged[1]);
	ck_assert_str_eq(s.test[0].expect_contains, "words");
	ck_assert_ptr_null(s.test[0].expect_matches);
	const struct ktstr_checks *c = &s.test[0].checks;
	ck_assert(c->min_work_rate == 2.5 && c->max_throughput_cv == 0 && c->max_spread_pct == KTSTR_OFF);
	ck_assert(c->max_gap_ms == KTSTR_ZERO && c->not_stuck == KTSTR_ON && c->isolation == KTSTR_UNSET);
	suite_done(&s);
}
END_TEST

static const struct {
	const char *text, *why;
} bad_lists[] = {
	{ "", "line 1" },
	{ LIST("{\"name\":3}", ""), "schedulers[0]: name: expected a string" },
	{ LIST("", "{\"file\":\"f\"}"), "tests[0]: name" },
};

START_TEST(suite_names_what_is_wrong)
{
	struct suite s;
	struct err *err = NULL;
	t_errno(list_parse(bad_lists[_i].text, &s, &err), EBADMSG);
	ck_assert_int_eq(err_kind_of(err), ERR_DATA);
	t_err_contains(&err, bad_lists[_i].why);
}
END_TEST

/* A wrongly declared test before a correct one. */
static const struct {
	const char *text, *why;
} bad_tests[] = {
	{ LIST("", EXTRA("\"nobody\"", "1") "," TEST("good", "null", "1")), "staged[0]: scheduler 'nobody' is not "
									    "declared" },
	{ LIST("", EXTRA("", "-1") "," TEST("good", "null", "1")), "min_work_rate: expected a number of 0 or more" },
	{ LIST("", TEST("one", "\"nobody\"", "1") "," TEST("good", "null", "1")), "scheduler 'nobody' is not "
										  "declared" },
	{ LIST("", "{\"name\":\"x\",\"file\":\"a.c\",\"line\":3}," TEST("good", "null", "1")), "numa_nodes" },
	{ LIST("", TEST("x", "null", "-1") "," TEST("good", "null", "1")), "llcs: expected a non-negative integer" },
	{ LIST("", TEST("a)", "null", "1") "," TEST("good", "null", "1")), "its name may have only letters, digits" },
	{ LIST("", TEST("wide", "null", "300") "," TEST("good", "null", "1")),
	  "topology: llcs is 300, must be 1 to 256" },
};

START_TEST(a_test_that_is_wrong_stops_no_other)
{
	struct suite s;
	struct plan plan;
	t_ok(list_parse(bad_tests[_i].text, &s, NULL));
	struct plan_request q = { .suites = &s, .suite_count = 1, .gauntlet = true };
	t_ok(plan_make(&q, &plan, NULL));
	ck_assert_uint_gt(plan.count, 2);
	ck_assert_ptr_nonnull(plan.item[0].problem);
	ck_assert_msg(!strncmp(plan.item[0].problem, "a.c:3: ", 7), "%s", plan.item[0].problem);
	ck_assert_msg(strstr(plan.item[0].problem, bad_tests[_i].why), "%s", plan.item[0].problem);
	ck_assert_str_eq(plan.item[1].name, "ktstr/good");
	for (size_t i = 1; i < plan.count; i++)
		ck_assert_ptr_null(plan.item[i].problem);
	plan_done(&plan);
	suite_done(&s);
}
END_TEST

/* --- plans
 * ------------------------------------------------------------------------------------------------------------ */

START_TEST(plan_is_tests_times_kernels)
{
	struct suite s;
	struct plan plan;
	t_ok(list_parse(LIST("", TEST("one", "null", "1") "," TEST("two", "null", "1")), &s, NULL));
	struct kernel kernels[] = { { .label = (char *)"kernel_a", .version = (char *)"a", .boot = (char *)"/a" },
				    { .label = (char *)"kernel_b", .version = (char *)"b", .boot = (char *)"/b" } };
	struct plan_request q = {
		.suites = &s, .suite_count = 1, .kernels = kernels, .kernel_count = 2, .labels = true
	};
	t_ok(plan_make(&q, &plan, NULL));
	ck_assert_uint_eq(plan.count, 4);
	ck_assert_str_eq(plan.item[1].name, "ktstr/one/kernel_b");
	plan_done(&plan);
	q.kernel_count = 1;
	q.labels = false;
	t_ok(plan_make(&q, &plan, NULL));
	ck_assert_str_eq(plan.item[0].name, "ktstr/one");
	plan_done(&plan);
	suite_done(&s);
}
END_TEST

START_TEST(two_tests_of_one_name_are_one_error)
{
	struct suite s[2];
	struct plan plan;
	t_ok(suite_parse("/b1/t", LIST("", TEST("one", "null", "1")), strlen(LIST("", TEST("one", "null", "1"))), &s[0],
			 NULL));
	t_ok(suite_parse("/b2/t", LIST("", TEST("two", "null", "1") "," TEST("one", "null", "1")),
			 strlen(LIST("", TEST("two", "null", "1") "," TEST("one", "null", "1"))), &s[1], NULL));
	struct plan_request q = { .suites = s, .suite_count = 2 };
	t_ok(plan_make(&q, &plan, NULL));
	ck_assert_uint_eq(plan.count, 2);
	ck_assert_ptr_nonnull(plan.item[0].problem);
	ck_assert_ptr_nonnull(strstr(plan.item[0].problem, "it is in '/b1/t' (a.c:3) and in '/b2/t' (a.c:3)"));
	ck_assert_ptr_null(plan.item[1].problem);
	plan_done(&plan);
	q.first_duplicate = true;
	t_ok(plan_make(&q, &plan, NULL));
	ck_assert_uint_eq(plan.count, 2);
	ck_assert_ptr_null(plan.item[0].problem);
	ck_assert_str_eq(plan.item[0].test->binary, "/b1/t");
	plan_done(&plan);
	suite_done(&s[0]);
	suite_done(&s[1]);
}
END_TEST

START_TEST(perf_only_skips_the_others)
{
	struct suite s;
	struct plan plan;
	t_ok(list_parse(LIST("", TEST("plain", "null", "1")), &s, NULL));
	struct plan_request q = { .suites = &s, .suite_count = 1, .perf_only = true };
	t_ok(plan_make(&q, &plan, NULL));
	ck_assert_ptr_nonnull(strstr(plan.item[0].skip, "KTSTR_PERF_ONLY"));
	plan_done(&plan);
	suite_done(&s);
}
END_TEST

START_TEST(plan_skips_what_the_backend_cannot_offer)
{
	struct suite s;
	struct plan plan;
	t_ok(list_parse(LIST("", TEST("many", "null", "200")), &s, NULL));
	struct kernel kernel = { .label = (char *)"k", .version = (char *)"v", .boot = (char *)"/k" };
	struct plan_request q = {
		.suites = &s, .suite_count = 1, .kernels = &kernel, .kernel_count = 1, .backend = &qemu_backend
	};
	t_ok(plan_make(&q, &plan, NULL));
	ck_assert_ptr_nonnull(strstr(plan.item[0].skip, "APIC id 399"));
	plan_done(&plan);
	suite_done(&s);
}
END_TEST

/* The request, the test's declaration and the backend decide: perf mode or not, or a Skip. */
START_TEST(plan_knows_who_is_in_perf_mode)
{
	static const struct {
		enum plan_perf perf;
		bool declared, against, kvm, in, skipped;
	} rows[] = {
		{ PLAN_PERF_DECLARED, false, false, true, false, false },
		{ PLAN_PERF_DECLARED, true, false, true, true, false },
		{ PLAN_PERF_DECLARED, true, false, false, true, true },
		{ PLAN_PERF_ALL, false, false, true, true, false },
		{ PLAN_PERF_ALL, false, true, true, false, false },
		{ PLAN_PERF_ALL, false, false, false, true, true },
		{ PLAN_PERF_NONE, false, false, true, false, false },
		{ PLAN_PERF_NONE, true, false, true, false, true },
		{ PLAN_PERF_NONE, true, false, false, false, true },
	};
	struct kernel kernel = { .label = (char *)"k", .version = (char *)"v", .boot = (char *)"/k" };
	struct suite s;
	struct plan plan;
	t_ok(list_parse(LIST("", TEST("one", "null", "1")), &s, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		s.test[0].performance_mode = rows[i].declared;
		s.test[0].no_perf_mode = rows[i].against;
		struct plan_request q = { .suites = &s,
					  .suite_count = 1,
					  .kernels = &kernel,
					  .kernel_count = 1,
					  .perf = rows[i].perf,
					  .backend = rows[i].kvm ? &kvm_backend : &qemu_backend };
		t_ok(plan_make(&q, &plan, NULL));
		ck_assert_msg(plan.item[0].perf == rows[i].in, "row %zu", i);
		ck_assert_msg((plan.item[0].skip != NULL) == rows[i].skipped, "row %zu: %s", i, plan.item[0].skip);
		plan_done(&plan);
	}
	suite_done(&s);
}
END_TEST

START_TEST(scheduler_binary_is_looked_for_in_order)
{
	char *dir = t_tmpdir(), *binary = path_join(dir, "scx_x"), *test = path_join(dir, "test"), *found = NULL;
	struct err *err = NULL;
	t_errno(scheduler_locate("scx_x", test, NULL, &found, &err), ENOENT);
	t_err_contains(&err, "scheduler 'scx_x' not found in ");
	t_ok(file_write_atomic(binary, "x", 1, 0755, NULL));
	t_ok(scheduler_locate("scx_x", test, NULL, &found, NULL));
	ck_assert_str_eq(found, binary);
	free(found);
	setenv("KTSTR_SCHEDULER_BIN_SCX_X", "/no/such/file", 1);
	t_errno(scheduler_locate("scx_x", test, NULL, &found, &err), ENOENT);
	t_err_contains(&err, "/no/such/file");
	unsetenv("KTSTR_SCHEDULER_BIN_SCX_X");
	free(binary);
	free(test);
	t_rmdir(dir);
}
END_TEST

START_TEST(guest_memory_grows_with_cpus_and_nodes)
{
	struct ktstr_topology small = { 1, 1, 2, 1 }, big = { 1, 4, 4, 2 }, nodes = { 3, 3, 1, 1 };
	ck_assert_uint_eq(guest_memory_mib(&small, 0), 256);
	ck_assert_uint_eq(guest_memory_mib(&small, 1000), 1000);
	ck_assert_uint_eq(guest_memory_mib(&big, 0), 2048);
	ck_assert_uint_eq(guest_memory_mib(&nodes, 0) % 3, 0);
	ck_assert_uint_ge(guest_memory_mib(&nodes, 0), 768);
}
END_TEST

/* --- requests of machines to the host ----------------------------------------------------------------------------- */

static const struct {
	const char *name;
	bool threads, no_perf, perf;
	unsigned host, cap, budget;
	struct ktstr_topology machine;
	enum plan_tier tier;
	struct ktstr_topology wanted;
	unsigned cpus;
} requests[] = {
	{ "tcg runs on one thread", .host = 8, .machine = { 1, 4, 4, 2 }, .tier = PLAN_DEFAULT,
	  .wanted = { 1, 1, 1, 1 } },
	{ "perf mode is kvm's", .perf = true, .host = 8, .machine = { 1, 2, 4, 1 }, .tier = PLAN_DEFAULT,
	  .wanted = { 1, 1, 1, 1 } },
	{ "kvm as declared", .threads = true, .host = 8, .machine = { 1, 2, 4, 1 }, .tier = PLAN_DEFAULT,
	  .wanted = { 1, 2, 4, 1 } },
	{ "kvm, wider than the host", .threads = true, .host = 8, .machine = { 1, 3, 4, 1 }, .tier = PLAN_DEFAULT,
	  .wanted = { 1, 1, 8, 1 } },
	{ "kvm, wider than the cap", .threads = true, .host = 8, .cap = 2, .machine = { 1, 1, 4, 1 },
	  .tier = PLAN_DEFAULT, .wanted = { 1, 1, 2, 1 } },
	{ "kvm in perf mode", .threads = true, .perf = true, .host = 8, .machine = { 1, 2, 2, 1 },
	  .tier = PLAN_PERFORMANCE, .wanted = { 1, 2, 2, 1 } },
	{ "a budget is 30 %", .no_perf = true, .host = 64, .machine = { 1, 2, 2, 1 }, .tier = PLAN_BUDGET,
	  .wanted = { 1, 1, 1, 1 }, .cpus = 20 },
	{ "and the vCPUs at least", .threads = true, .no_perf = true, .host = 8, .machine = { 1, 2, 3, 1 },
	  .tier = PLAN_BUDGET, .wanted = { 1, 1, 6, 1 }, .cpus = 6 },
	{ "unless there is a cap", .threads = true, .no_perf = true, .host = 8, .cap = 3, .machine = { 1, 2, 3, 1 },
	  .tier = PLAN_BUDGET, .wanted = { 1, 1, 3, 1 }, .cpus = 3 },
	{ "a test's own budget", .threads = true, .budget = 3, .host = 8, .machine = { 1, 2, 3, 1 },
	  .tier = PLAN_BUDGET, .wanted = { 1, 1, 6, 1 }, .cpus = 3 },
	{ "a test's own budget, without perf mode", .no_perf = true, .budget = 3, .host = 64, .machine = { 1, 2, 2, 1 },
	  .tier = PLAN_BUDGET, .wanted = { 1, 1, 1, 1 }, .cpus = 3 },
	{ "a cap wins over it", .budget = 5, .host = 8, .cap = 2, .machine = { 1, 1, 4, 1 }, .tier = PLAN_BUDGET,
	  .wanted = { 1, 1, 1, 1 }, .cpus = 2 },
};

START_TEST(machines_ask_for_what_they_need)
{
	const struct vm_backend backend = { .vcpu_threads = requests[_i].threads };
	const struct accel_choice accel = { .backend = &backend };
	struct plan_case c = { .topology = requests[_i].machine,
			       .perf = requests[_i].perf,
			       .cpu_budget = requests[_i].budget };
	struct fleet *f = calloc(1, sizeof(*f));
	ck_assert_ptr_nonnull(f);
	f->config =
		(struct fleet_config){ .accel = &accel, .no_perf = requests[_i].no_perf, .cpu_cap = requests[_i].cap };
	f->resources.cpus = requests[_i].host;
	f->cpus = requests[_i].cap ? requests[_i].cap : requests[_i].host;
	struct cpu_request q = fleet_request(f, &c);
	ck_assert_msg(q.tier == requests[_i].tier && q.cpus == requests[_i].cpus, "%s", requests[_i].name);
	ck_assert_msg(q.topology.llcs == requests[_i].wanted.llcs && q.topology.cores == requests[_i].wanted.cores &&
			      q.topology.threads == requests[_i].wanted.threads,
		      "%s", requests[_i].name);
	/* Two machines with the same topology use different CPUs of a budget. */
	ck_assert(!requests[_i].no_perf || fleet_request(f, &c).rotate != q.rotate);
	free(f);
}
END_TEST

/* --- payloads ----------------------------------------------------------------------------------------------------- */

#define WITH_PAYLOADS(list)                                                                                            \
	"{\"name\":\"t\",\"file\":\"a.c\",\"line\":3,\"problem\":null,\"scheduler\":null,\"numa_nodes\":1,\"llcs\":1," \
	"\"cores\":2,\"threads\":1,\"memory_mib\":0,\"duration_ms\":2000,\"workers_per_cgroup\":2,\"sched_args\":[],"  \
	"\"constraints\":{\"min_llcs\":1,\"max_llcs\":12,\"min_cpus\":1,\"max_cpus\":192,"                             \
	"\"min_numa_nodes\":1,\"max_numa_nodes\":1,\"requires_smt\":2,\"requires_kinds\":2},\"expect_err\":0,"         \
	"\"include_files\":[],\"payload\":\"one\",\"payloads\":[" list "]," CHECKS "}"

START_TEST(suite_reads_payloads)
{
	struct suite s;
	t_ok(list_parse(
		LIST("", WITH_PAYLOADS("{\"name\":\"one\",\"binary\":\"b\",\"kit\":null,\"include_files\":[\"x\"]},"
				       "{\"name\":\"two\",\"binary\":\"c\",\"kit\":\"k\",\"include_files\":[]}")),
		&s, NULL));
	ck_assert_uint_eq(s.test[0].payloads, 2);
	ck_assert_str_eq(s.test[0].payload, "one");
	ck_assert_str_eq(s.test[0].payload_list[0].include_files[0], "x");
	ck_assert_ptr_null(s.test[0].payload_list[0].kit);
	ck_assert_str_eq(s.test[0].payload_list[1].kit, "k");
	suite_done(&s);
	t_ok(list_parse(LIST("", WITH_PAYLOADS("{\"name\":\"one\"}")), &s, NULL));
	ck_assert_str_eq(s.test[0].problem, "payloads[0]: binary: expected a string");
	suite_done(&s);
}
END_TEST

static const struct {
	const char *lines[4], *commit;
} checkouts[] = {
	{ { "# branch.oid 0123456789abcdef0123456789abcdef01234567", "# branch.head main" }, "0123456" },
	{ { "# branch.oid 0123456789abcdef0123456789abcdef01234567", "# stash 1", "1 .M N... 100644 a b", "1 M. c" },
	  "0123456-dirty" },
	{ { "# branch.oid 0123456789abcdef0123456789abcdef01234567", "? new", "! ignored" }, "0123456" },
	{ { "# branch.oid (initial)", "1 A. N... 0 0 0 file" }, "unknown" },
	{ { "fatal: not a git repository (or any of the parent directories): .git" }, "unknown" },
};

START_TEST(a_checkout_says_its_commit)
{
	char commit[COMMIT_TEXT_MAX] = COMMIT_UNKNOWN;
	for (size_t i = 0; i < ARRAY_SIZE(checkouts[_i].lines) && checkouts[_i].lines[i]; i++)
		checkout_take_line(commit, checkouts[_i].lines[i]);
	ck_assert_str_eq(commit, checkouts[_i].commit);
}
END_TEST

/* --- run directories ---------------------------------------------------------------------------------------------- */

static int open_run(struct rundir *d, struct err **err)
{
	static const char *const no_suites[] = { NULL };
	static const struct plan no_plan = { 0 };
	return rundir_open("6.12", "abc1234", &(struct rundir_scope){ no_suites, &no_plan, false, 0 }, d, err);
}

START_TEST(run_directory_is_not_reached_through_links)
{
	char *dir = t_tmpdir();
	_cleanup_free_ char *root = path_join(dir, "runs"), *run = path_join(root, "6.12-abc1234");
	_cleanup_free_ char *locks = path_join(root, ".locks"), *lock = path_join(locks, "6.12-abc1234.lock");
	_cleanup_free_ char *victim = path_join(dir, "victim"), *sidecar = path_join(run, "x.ktstr.json");
	struct rundir d = RUNDIR_NULL;
	struct err *err = NULL;
	setenv("KTSTR_RUNS_ROOT", root, 1);
	t_ok(mkdir_parents(locks, 0755, NULL));
	t_ok(symlink(victim, lock));
	t_errno(open_run(&d, &err), ELOOP);
	t_err_contains(&err, "open lock");
	ck_assert(!path_exists(victim));
	t_ok(unlink(lock));
	t_ok(open_run(&d, NULL));
	t_ok(file_write_atomic_at(d.fd, "x.ktstr.json", "{}", 2, 0644, NULL));
	ck_assert(path_exists(sidecar));
	rundir_done(&d);
	t_ok(remove_tree(run, NULL));
	t_ok(mkdir(victim, 0755));
	t_ok(symlink(victim, run));
	t_errno(open_run(&d, &err), ELOOP);
	t_err_contains(&err, "6.12-abc1234");
	t_ok(chmod(root, 0777));
	t_errno(open_run(&d, &err), EPERM);
	t_err_contains(&err, "set KTSTR_RUNS_ROOT");
	unsetenv("KTSTR_RUNS_ROOT");
	t_rmdir(dir);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, run_directory_is_not_reached_through_links);
	tcase_add_loop_test(tc, a_checkout_says_its_commit, 0, ARRAY_SIZE(checkouts));
	tcase_add_loop_test(tc, machines_ask_for_what_they_need, 0, ARRAY_SIZE(requests));
	tcase_add_test(tc, suite_reads_payloads);
	tcase_add_loop_test(tc, filter_matches, 0, ARRAY_SIZE(filters));
	tcase_add_loop_test(tc, filter_says_where_it_is_wrong, 0, ARRAY_SIZE(bad_filters));
	tcase_add_test(tc, filter_depth_is_limited);
	tcase_add_test(tc, suite_reads_a_list);
	tcase_add_test(tc, suite_reads_staged_schedulers_and_rates);
	tcase_add_loop_test(tc, suite_names_what_is_wrong, 0, ARRAY_SIZE(bad_lists));
	tcase_add_loop_test(tc, a_test_that_is_wrong_stops_no_other, 0, ARRAY_SIZE(bad_tests));
	tcase_add_test(tc, perf_only_skips_the_others);
	tcase_add_test(tc, plan_is_tests_times_kernels);
	tcase_add_test(tc, two_tests_of_one_name_are_one_error);
	tcase_add_test(tc, plan_skips_what_the_backend_cannot_offer);
	tcase_add_test(tc, plan_knows_who_is_in_perf_mode);
	tcase_add_test(tc, scheduler_binary_is_looked_for_in_order);
	tcase_add_test(tc, guest_memory_grows_with_cpus_and_nodes);
}

int main(void)
{
	return t_main("run", fill);
}
