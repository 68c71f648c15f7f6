/* SPDX-License-Identifier: GPL-2.0-only */
/* Declarations as JSON and as C: what is written is read again, and what is not data is refused by its name. */
#include <string.h>

#include "declare/read.h"
#include "declare/write.h"
#include "t.h"

static const struct ktstr_scheduler one = { .name = "one",
					    .binary = "scx_one",
					    .args = KTSTR_ARGS("-a", "b \"c\""),
					    .topology = { .nodes = { { 2, 512 }, { 1, 256 } },
							  .distances = { 10, 20, 20, 10 } },
					    .checks = { .max_gap_ms = KTSTR_OFF, .max_spread_pct = KTSTR_ZERO } };
static const struct ktstr_scheduler other = { .name = "other", .binary = "scx_other" };

static const struct ktstr_test test = {
	.name = "many",
	.scheduler = &one,
	.staged = KTSTR_STAGED(&other, &one),
	.cores = 4,
	.duration_s = 3,
	.requires_smt = KTSTR_OFF,
	.expect_err = KTSTR_ON,
	.expect_finding = KTSTR_FINDING_STUCK,
	.known_fail = KTSTR_KNOWN_FAIL({ .kernel = "6.12", .reason = "known" }),
	.config = "two\nlines",
	.bpf_map_write = KTSTR_MAP_WRITES({ "limit", 3 }),
	.checks = { .isolation = KTSTR_OFF, .max_gap_ms = 12.5 },
};

static const struct ktstr_cgroup added = { .name = "added", .workers = 2, .no_workers = true };
static const struct ktstr_scenario scenario = {
	.backdrop = { .ops = KTSTR_OPS(KTSTR_OP(ADD_CGROUP, .cgroup = "a")),
		      .cgroups = KTSTR_CGROUPS(
			      { .name = "b",
				.work = { .type = KTSTR_WORK_SEQUENCE,
					  .phases = KTSTR_PHASES({ KTSTR_PHASE_SPIN, 5 }, { KTSTR_PHASE_IO, 6 }) },
				.nice = KTSTR_NICE(-5),
				.numa_node = KTSTR_ON_NODE(1),
				.policy = { .kind = KTSTR_POLICY_FIFO, .priority = 3 },
				.limits = { .memory_max = KTSTR_UNLIMITED, .pids_max = 7 },
				.loads = KTSTR_LOADS({ .workers = 1 }, { .workers_share = 0.5 }),
				.cpuset = { .kind = KTSTR_CPUSET_DISJOINT, .index = 1, .of = 3 } }) },
	.steps = KTSTR_STEPS(
		{ .name = "s",
		  .ops = KTSTR_OPS(KTSTR_OP(ADD_CGROUP_DEF, .def = &added),
				   KTSTR_OP(REPLACE_SCHEDULER, .scheduler = &other),
				   KTSTR_OP(SET_AFFINITY, .cgroup = "a",
					    .affinity = { .kind = KTSTR_AFFINITY_EXACT, .list = "0-1" })),
		  .hold = { .ms = 250 } },
		{ .name = "t", .cgroups = KTSTR_CGROUPS({ .name = "c", .work = { .type = KTSTR_WORK_BURSTY } }) }),
};

START_TEST(what_is_written_is_read)
{
	_cleanup_buf_ struct buf text = BUF_NULL, again = BUF_NULL;
	struct declaration *d;
	t_ok(declare_write(&test, &scenario, &text, NULL));
	t_ok(declaration_parse(buf_str(&text), text.len, "file", &d, NULL));
	ck_assert_str_eq(d->test.name, "many");
	ck_assert_str_eq(d->test.staged[0]->name, "other");
	ck_assert_ptr_eq(d->test.staged[1], d->test.scheduler);
	ck_assert_int_eq(d->scenario.steps[0].ops[1].kind, KTSTR_OP_REPLACE_SCHEDULER);
	ck_assert_ptr_eq(d->scenario.steps[0].ops[1].scheduler, d->test.staged[0]);
	ck_assert_int_eq(d->scenario.steps[0].ops[3].kind, KTSTR_OP_KIND_MAX);
	ck_assert_ptr_null(d->scenario.steps[2].name);
	ck_assert(d->scenario.backdrop.cgroups[0].nice.set && d->scenario.backdrop.cgroups[0].nice.value == -5);
	ck_assert(d->test.scheduler->checks.max_gap_ms == KTSTR_OFF &&
		  d->test.scheduler->checks.max_spread_pct == KTSTR_ZERO);
	t_ok(declare_write(&d->test, &d->scenario, &again, NULL));
	ck_assert_str_eq(buf_str(&text), buf_str(&again));
	declaration_free(d);
}
END_TEST

START_TEST(c_has_what_an_author_would_write)
{
	static const char *const parts[] = {
		"KTSTR_SCHEDULER(one,\n\t.binary = \"scx_one\",\n\t.args = KTSTR_ARGS(\"-a\", \"b \\\"c\\\"\")",
		"KTSTR_TEST(many,\n\t.scheduler = &one,\n\t.staged = KTSTR_STAGED(&other, &one)",
		".requires_smt = KTSTR_OFF",
		".max_spread_pct = KTSTR_ZERO",
		".config = \"two\\nlines\"",
		".phases = KTSTR_PHASES(",
		".nice = { .set = true, .value = -5 }",
		".memory_max = UINT64_MAX",
		".kind = KTSTR_OP_ADD_CGROUP_DEF",
		".def = &(const struct ktstr_cgroup){ .name = \"added\"",
		".scheduler = &other",
		"return ktstr_run_scenario(t, KTSTR_SCENARIO(",
	};
	_cleanup_buf_ struct buf text = BUF_NULL;
	t_ok(declare_source(&test, &scenario, &text, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		ck_assert_msg(strstr(buf_str(&text), parts[i]), "no '%s' in:\n%s", parts[i], buf_str(&text));
}
END_TEST

START_TEST(empty_lists_are_left_out)
{
	const struct ktstr_test plain = { .name = "x", .sched_args = (const char *const[]){ NULL } };
	const struct ktstr_op none[] = { { .kind = KTSTR_OP_KIND_MAX } };
	const struct ktstr_step steps[] = { { .name = "s", .ops = none }, { .name = NULL } };
	const struct ktstr_scenario with = { .steps = steps };
	_cleanup_buf_ struct buf text = BUF_NULL;
	t_ok(declare_source(&plain, &with, &text, NULL));
	ck_assert_ptr_null(strstr(buf_str(&text), "OPS("));
	ck_assert_ptr_null(strstr(buf_str(&text), "ARGS("));
}
END_TEST

/* --- what is not data --------------------------------------------------------------------------------------------- */

static void watch(struct ktstr_ctx *t, void *arg)
{
	(void)t;
	(void)arg;
}

static const struct {
	struct ktstr_step step;
	const char *problem;
} refused[] = {
	{ { .name = "s", .watch = watch }, "test 'x': a step 's': its 'watch' is a function" },
	{ { .name = "s", .ops = KTSTR_OPS(KTSTR_OP(CALL, .fn = watch)) }, "an operation: its 'fn' is a function" },
	{ { .name = "s", .ops = KTSTR_OPS({ .kind = 77 }) }, "'kind' is not known" },
};

START_TEST(what_is_not_data_is_named)
{
	const struct ktstr_test plain = { .name = "x" };
	const struct ktstr_step steps[] = { refused[_i].step, { .name = NULL } };
	const struct ktstr_scenario with = { .steps = steps };
	_cleanup_buf_ struct buf text = BUF_NULL, why = BUF_NULL;
	struct err *err = NULL;
	ck_assert_int_lt(declare_write(&plain, &with, &text, &err), 0);
	err_format(err, &why);
	ck_assert_msg(strstr(buf_str(&why), refused[_i].problem), "%s", buf_str(&why));
	err_free(err);
}
END_TEST

/* --- what anybody may write --------------------------------------------------------------------------------------- */

#define FILE_OF(test, steps)                                                                              \
	"{\"ktstr_scenario\": 1, \"schedulers\": [{\"name\": \"s\", \"binary\": \"b\"}], \"test\": " test \
	", \"scenario\": {\"steps\": " steps "}}"
#define STEP(text) FILE_OF("{\"name\": \"t\"}", "[{\"name\": \"s\", " text "}]")

static const struct {
	const char *text, *problem;
} wrong[] = {
	{ "[]", "not a scenario file" },
	{ "{", "line 1" },
	{ "{\"ktstr_scenario\": 2}", "version 2" },
	{ "{\"ktstr_scenario\": 1, \"x\": 1}", "'x' is not a key" },
	{ "{\"ktstr_scenario\": 1}", "a test is not an object" },
	{ FILE_OF("{}", "[]"), "test: it has no name" },
	{ FILE_OF("{\"name\": \"t\", \"scheduler\": \"z\"}", "[]"), "'scheduler' is not the name of one" },
	{ FILE_OF("{\"name\": \"t\", \"post_vm\": 1}", "[]"), "'post_vm' is a function" },
	{ FILE_OF("{\"name\": \"t\", \"cores\": -1}", "[]"), "'cores' is not a whole number" },
	{ FILE_OF("{\"name\": \"t\", \"cores\": 4294967296}", "[]"), "'cores' is not a whole number" },
	{ FILE_OF("{\"name\": \"t\", \"cores\": 1.5}", "[]"), "'cores' is not a whole number" },
	{ FILE_OF("{\"name\": \"t\\n\"}", "[]"), "'name' is not a printable text" },
	{ FILE_OF("{\"name\": \"t\", \"checks\": {\"max_gap_ms\": -1}}", "[]"), "'max_gap_ms' is not a limit" },
	{ FILE_OF("{\"name\": \"t\", \"checks\": {\"max_gap_ms\": true}}", "[]"), "'max_gap_ms' is not a limit" },
	{ FILE_OF("{\"name\": \"t\", \"distances\": [256]}", "[]"), "'distances' is not a whole number" },
	{ FILE_OF("{\"name\": \"t\"}", "[{}]"), "steps[0]: a step lacks" },
	{ FILE_OF("{\"name\": \"t\"}", "5"), "'steps' is not a list" },
	{ STEP("\"hold\": 5"), "hold: a hold is not an object" },
	{ STEP("\"factory\": 1"), "'factory' is a function" },
	{ STEP("\"ops\": [{\"kind\": \"kind_max\"}]"), "'kind_max', which is not one of its words" },
	{ STEP("\"cgroups\": [{\"name\": \"a\", \"workerz\": 2}]"),
	  "cgroups[0]: 'workerz' is not a field of a cgroup" },
	{ STEP("\"cgroups\": [{\"name\": \"a\", \"loads\": [{}]}]"), "loads[0]: a load lacks" },
	{ STEP("\"cgroups\": [{\"name\": \"a\", \"work\": {\"type\": 5}}]"), "work: 'type' is not a word" },
	{ STEP("\"cgroups\": [{\"name\": \"a\", \"nice\": 99999999999}]"), "'nice' is not a whole number" },
	{ STEP("\"cgroups\": [{\"name\": \"a\", \"limits\": {\"memory_max\": \"most\"}}]"), "'memory_max' is not" },
};

START_TEST(mistakes_are_named_with_their_place)
{
	_cleanup_buf_ struct buf why = BUF_NULL;
	struct declaration *d;
	struct err *err = NULL;
	t_errno(declaration_parse(wrong[_i].text, strlen(wrong[_i].text), "file", &d, &err), EBADMSG);
	err_format(err, &why);
	ck_assert_msg(strstr(buf_str(&why), wrong[_i].problem), "%s", buf_str(&why));
	err_free(err);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, what_is_written_is_read);
	tcase_add_test(tc, c_has_what_an_author_would_write);
	tcase_add_test(tc, empty_lists_are_left_out);
	tcase_add_loop_test(tc, what_is_not_data_is_named, 0, ARRAY_SIZE(refused));
	tcase_add_loop_test(tc, mistakes_are_named_with_their_place, 0, ARRAY_SIZE(wrong));
}

int main(void)
{
	return t_main("declare", fill);
}
