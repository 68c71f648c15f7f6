/* SPDX-License-Identifier: GPL-2.0-only */
/* Attributes of tests and keys of schedulers: what they change before a machine starts. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "lists.h"
#include "run/filter.h"
#include "run/planner.h"
#include "run/rundir.h"
#include "run/scheduler_path.h"
#include "t.h"

/* --- tests -------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name, *more, *filter;
	bool ignored;
} ignored[] = {
	{ "one", "\"ignore\":0", NULL, false },
	{ "one", "\"ignore\":1", NULL, true },
	{ "one", "\"ignore\":1", "test(=ktstr/one)", false },
	{ "one", "\"ignore\":1", "test(~one)", true },
	{ "one", "\"ignore\":1", "all()", true },
	{ "one", "\"ignore\":1", "all() | test(=ktstr/one)", false },
	{ "one", "\"ignore\":1", "all() & !test(=ktstr/other)", true },
	{ "one", "\"ignore\":1", "scheduler(=eevdf)", true },
	{ "demo_one", "\"ignore\":0", NULL, true },
	{ "demo_one", "\"ignore\":2", NULL, false },
	{ "demo_one", "\"ignore\":0", "test(=ktstr/demo_one)", false },
	{ "one_demo_", "\"ignore\":0", NULL, false },
};

START_TEST(ignored_tests_are_asked_for_by_name)
{
	char text[2000];
	struct suite s;
	struct plan plan;
	_cleanup_(filter_free_p) struct filter *filter = NULL;
	snprintf(text, sizeof(text), LIST("", TEST_WITH("%s", "%s")), ignored[_i].more, ignored[_i].name);
	t_ok(list_parse(text, &s, NULL));
	if (ignored[_i].filter)
		t_ok(filter_parse(ignored[_i].filter, &filter, NULL));
	struct plan_request q = { .suites = &s, .suite_count = 1, .filter = filter };
	t_ok(plan_make(&q, &plan, NULL));
	ck_assert_uint_eq(plan.count, 1);
	ck_assert(plan.item[0].ignored == ignored[_i].ignored);
	ck_assert_uint_eq(plan_keep_ignored(&plan, false), ignored[_i].ignored);
	ck_assert_uint_eq(plan.count, !ignored[_i].ignored);
	plan_done(&plan);
	suite_done(&s);
}
END_TEST

START_TEST(a_budget_of_cpus_that_are_not_there_is_a_skip)
{
	static const struct {
		unsigned host, cap;
		bool skipped;
		unsigned budget;
	} rows[] = { { 0, 0, false, 4 }, { 4, 0, false, 4 }, { 3, 0, true, 4 }, { 3, 2, false, 2 } };
	struct suite s;
	struct plan plan;
	t_ok(list_parse(LIST("", TEST_WITH("one", "\"no_perf_mode\":1,\"cpu_budget\":4")), &s, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan_request q = {
			.suites = &s, .suite_count = 1, .host_cpus = rows[i].host, .cpu_cap = rows[i].cap
		};
		t_ok(plan_make(&q, &plan, NULL));
		ck_assert_uint_eq(plan.item[0].cpu_budget, rows[i].budget);
		ck_assert((plan.item[0].skip != NULL) == rows[i].skipped);
		ck_assert(!rows[i].skipped || strstr(plan.item[0].skip, "its cpu_budget is 4 CPUs, and ktstr may use "
									"3"));
		plan_done(&plan);
	}
	suite_done(&s);
}
END_TEST

/* --- schedulers' declarations ------------------------------------------------------------------------------------- */

#define SCHED_WITH(more)                                                                   \
	"{\"name\":\"s\"," more ",\"args\":[],\"sysctls\":[],\"kargs\":[],\"load_cpu\":0," \
	"\"attach_timeout_s\":20," CHECKS "}"

START_TEST(a_configuration_is_named_by_arguments)
{
	struct suite s;
	t_ok(list_parse(LIST(SCHED_WITH("\"binary\":\"b\",\"config_file\":\"etc/s.conf\",\"config_args\":[]"), ""), &s,
			NULL));
	ck_assert_str_eq(s.scheduler[0].config_args[0], "--config");
	ck_assert_str_eq(s.scheduler[0].config_args[1], "/include-files/s.conf");
	ck_assert_ptr_null(s.scheduler[0].config_args[2]);
	suite_done(&s);
	t_ok(list_parse(LIST(SCHED_WITH("\"binary\":\"b\",\"config_path\":\"/run/s\","
					"\"config_args\":[\"-c\",\"x={file},{file}\"]"),
			     ""),
			&s, NULL));
	ck_assert_str_eq(s.scheduler[0].config_args[0], "-c");
	ck_assert_str_eq(s.scheduler[0].config_args[1], "x=/run/s,/run/s");
	suite_done(&s);
}
END_TEST

START_TEST(a_scheduler_of_the_kernel_has_no_binary)
{
	struct suite s;
	t_ok(list_parse(LIST(SCHED_WITH("\"binary\":null,\"kernel_builtin_enable\":[\"echo 1 > /a\"],"
					"\"kernel_builtin_disable\":[\"echo 0 > /a\"],\"cgroup_parent\":\"/cells\""),
			     TEST("t", "\"s\"", "1")),
			&s, NULL));
	ck_assert_ptr_null(s.scheduler[0].binary);
	ck_assert_str_eq(s.scheduler[0].builtin_enable[0], "echo 1 > /a");
	ck_assert_str_eq(s.scheduler[0].builtin_disable[0], "echo 0 > /a");
	ck_assert_str_eq(test_workload_root(&s.test[0]), "/cells");
	ck_assert_ptr_null(s.test[0].problem);
	suite_done(&s);
}
END_TEST

static const struct {
	const char *more, *why; /* NULL: nothing is wrong */
} scheduler_values[] = {
	{ "\"kernels\":[\"6.12\",\"6.1..6.11\"],\"verifier_exclude_topologies\":[\"4cpu-1llc-nosmt\"]", NULL },
	{ "\"kernels\":[\"./linux\"]", "scheduler 's': kernels: kernel './linux': write a version (6.12.3)" },
	{ "\"verifier_exclude_topologies\":[\"nowhere\"]",
	  "scheduler 's': verifier_exclude_topologies: 'nowhere' is not a preset topology; 'ktstr test --gauntlet" },
};

/* It is the problem of its tests; others run. */
START_TEST(a_scheduler_that_is_wrong_stops_only_its_tests)
{
	char text[2000];
	struct suite s;
	snprintf(text, sizeof(text),
		 LIST(SCHED_WITH("\"binary\":\"b\",%s"), TEST("t", "\"s\"", "1") "," TEST("good", "null", "1")),
		 scheduler_values[_i].more);
	t_ok(list_parse(text, &s, NULL));
	ck_assert_ptr_null(s.test[1].problem);
	if (!scheduler_values[_i].why)
		ck_assert_ptr_null(s.test[0].problem);
	else
		ck_assert_msg(s.test[0].problem && strstr(s.test[0].problem, scheduler_values[_i].why), "%s",
			      s.test[0].problem ?: "no problem");
	suite_done(&s);
}
END_TEST

/* --- where programs are ------------------------------------------------------------------------------------------- */

/* A file of a program that can be executed, in @dir/@sub. */
static void make_program(const char *dir, const char *sub, const char *name)
{
	_cleanup_free_ char *where = path_join(dir, sub), *path = path_join(where, name);
	t_ok(mkdir_parents(where, 0755, NULL));
	t_ok(file_write_atomic(path, "x", 1, 0755, NULL));
}

/* Removes the program that is found first, again and again: the order in which the places are searched. */
static void expect_order(const char *dir, const char *kernel, const char *order)
{
	_cleanup_free_ char *test = path_join(dir, "build/deps/test");
	_cleanup_buf_ struct buf found = BUF_NULL;
	char *path = NULL;
	while (scheduler_locate("scx_y", test, kernel, &path, NULL) == 0) {
		buf_appendf(&found, "%s%s:%s", found.len ? " " : "", path + strlen(dir) + 1,
			    scheduler_source(path, "scx_y", test, kernel));
		ck_assert_int_eq(unlink(path), 0);
		free(path);
	}
	ck_assert_str_eq(buf_str(&found), order);
}

/* With several kernels, a scheduler that comes with one of them is not an error on the others. */
START_TEST(a_kernels_own_scheduler_is_skipped_on_another)
{
	static const struct {
		bool has, labels;
		const char *skip; /* NULL: an error */
	} runs[] = { { true, true, "kernel a does not come with scx_y, as another kernel of this run does" },
		     { false, true, NULL },
		     { true, false, NULL } };
	char *dir = t_tmpdir();
	_cleanup_free_ char *old = path_join(dir, "old"), *new = path_join(dir, "new");
	struct suite s;
	t_ok(list_parse(LIST(SCHED_WITH("\"binary\":\"scx_y\""), TEST("t", "\"s\"", "1")), &s, NULL));
	struct kernel kernels[] = {
		{ .label = (char *)"kernel_a", .version = (char *)"a", .boot = (char *)"/a", .schedulers = old },
		{ .label = (char *)"kernel_b", .version = (char *)"b", .boot = (char *)"/b", .schedulers = new },
	};
	make_program(dir, "old", "scx_x");
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		struct plan plan;
		make_program(dir, "new", runs[i].has ? "scx_y" : "scx_z");
		t_ok(plan_make(&(struct plan_request){ .suites = &s,
						       .suite_count = 1,
						       .kernels = kernels,
						       .kernel_count = 2,
						       .labels = runs[i].labels },
			       &plan, NULL));
		const struct plan_case *c = &plan.item[0];
		ck_assert_int_eq(c->problem != NULL, !runs[i].skip);
		if (runs[i].skip)
			ck_assert_str_eq(c->skip, runs[i].skip);
		plan_done(&plan);
		_cleanup_free_ char *made = path_join(new, "scx_y");
		unlink(made);
	}
	suite_done(&s);
	t_rmdir(dir);
}
END_TEST

START_TEST(scheduler_places_are_searched_in_order)
{
	static const char *const places[] = { "build/deps", "build", "out/release", "out/debug", "kernel", "path" };
	_cleanup_free_ char *path = strdup(getenv("PATH"));
	char *dir = t_tmpdir();
	_cleanup_free_ char *out = path_join(dir, "out"), *kernel = path_join(dir, "kernel"),
			    *first = path_join(dir, "path");
	setenv("CARGO_TARGET_DIR", out, 1);
	setenv("PATH", first, 1);
	for (int mode = 0; mode < 2; mode++) {
		for (size_t i = 0; i < ARRAY_SIZE(places); i++)
			make_program(dir, places[i], "scx_y");
		if (mode)
			setenv("KTSTR_CARGO_TEST_MODE", "1", 1);
		expect_order(dir, kernel,
			     mode ? "path/scx_y:path build/deps/scx_y:sibling build/scx_y:sibling "
				    "out/release/scx_y:target_release out/debug/scx_y:target_debug kernel/scx_y:kernel"
				  : "build/deps/scx_y:sibling build/scx_y:sibling out/release/scx_y:target_release "
				    "out/debug/scx_y:target_debug kernel/scx_y:kernel path/scx_y:path");
	}
	unsetenv("KTSTR_CARGO_TEST_MODE");
	unsetenv("CARGO_TARGET_DIR");
	setenv("PATH", path, 1);
	t_rmdir(dir);
}
END_TEST

START_TEST(run_directories_are_in_the_target_directory)
{
	const struct {
		const char *target, *root, *wanted;
	} rows[] = { { NULL, NULL, "target/ktstr" }, { "/t", NULL, "/t/ktstr" }, { "/t", "/r", "/r" } };
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsetenv("CARGO_TARGET_DIR");
		unsetenv("KTSTR_RUNS_ROOT");
		if (rows[i].target)
			setenv("CARGO_TARGET_DIR", rows[i].target, 1);
		if (rows[i].root)
			setenv("KTSTR_RUNS_ROOT", rows[i].root, 1);
		_cleanup_free_ char *root = rundir_root();
		ck_assert_str_eq(root, rows[i].wanted);
	}
	unsetenv("CARGO_TARGET_DIR");
	unsetenv("KTSTR_RUNS_ROOT");
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, ignored_tests_are_asked_for_by_name, 0, ARRAY_SIZE(ignored));
	tcase_add_test(tc, a_budget_of_cpus_that_are_not_there_is_a_skip);
	tcase_add_test(tc, a_configuration_is_named_by_arguments);
	tcase_add_test(tc, a_scheduler_of_the_kernel_has_no_binary);
	tcase_add_loop_test(tc, a_scheduler_that_is_wrong_stops_only_its_tests, 0, ARRAY_SIZE(scheduler_values));
	tcase_add_test(tc, a_kernels_own_scheduler_is_skipped_on_another);
	tcase_add_test(tc, scheduler_places_are_searched_in_order);
	tcase_add_test(tc, run_directories_are_in_the_target_directory);
}

int main(void)
{
	return t_main("attributes", fill);
}
