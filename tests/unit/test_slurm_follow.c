/* SPDX-License-Identifier: GPL-2.0-only */
/* What becomes of the tests of a run on Slurm: cancelled and timed out tasks, damaged results, several followers. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "slurm/built.h"
#include "slurm/files.h"
#include "slurm/text.h"
#include "t.h"

static void put(const char *dir, const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, name);
	t_ok(file_write_atomic(path, text, strlen(text), 0644, NULL));
}

/* --- the follower ------------------------------------------------------------------------------------------------- */

static uint32_t told[FOLLOW_EVENTS];

static void on_event(void *data, const struct follow_event *e)
{
	(void)data;
	told[e->kind] += e->count;
}

/* Three tests; task 0 has two of them, task 1 one. */
static void begin(struct follow *f)
{
	static const uint32_t first[] = { 0, 1 }, second[] = { 2 };
	memset(told, 0, sizeof(told));
	t_ok(follow_init(f, 3, on_event, NULL));
	ck_assert_int_eq(follow_add_task(f, first, 2, /* held= */ false), 0);
	ck_assert_int_eq(follow_add_task(f, second, 1, /* held= */ false), 1);
}

/* Answers of squeue, until files cannot come any more. @rest: task 1 waited, and is cancelled. */
static void answer(struct follow *f, enum slurm_state state, bool rest)
{
	for (int i = 0; i <= FOLLOW_GRACE; i++) {
		follow_rows_begin(f);
		follow_row(f, 0, state, "n1");
		if (rest)
			follow_rest_cancelled(f, 0, 2);
		else
			follow_row(f, 1, SLURM_PENDING, "");
		follow_rows_end(f);
		follow_step(f);
	}
}

START_TEST(tests_that_waited_when_their_array_was_cancelled_do_not_run)
{
	struct follow f;
	begin(&f);
	answer(&f, SLURM_RUNNING, /* rest= */ true);
	ck_assert_uint_eq(f.again, 0);
	ck_assert_uint_eq(told[FOLLOW_GIVEN_UP], 1);
	ck_assert(f.item[2].given_up && f.item[2].lost_by == SLURM_CANCELLED);
	ck_assert(!f.item[0].settled);
	follow_done(&f);
}
END_TEST

/* Of a task that reached its limit, the test that ran is lost, and those that had not begun are given back. */
START_TEST(a_test_that_ran_at_the_time_limit_is_lost)
{
	struct follow f;
	begin(&f);
	follow_begun(&f, 0, 1);
	follow_attempt(&f, 0, 0, FOLLOW_ATTEMPT_GIVEN_BACK);
	answer(&f, SLURM_TIMEOUT, /* rest= */ false);
	ck_assert_uint_eq(told[FOLLOW_LOST], 1);
	ck_assert_uint_eq(told[FOLLOW_RETURNED], 1);
	ck_assert_uint_eq(f.item[0].losses, 0);
	ck_assert_uint_eq(f.item[1].losses, 1);
	follow_done(&f);
}
END_TEST

START_TEST(a_test_that_is_too_long_twice_is_given_up)
{
	static const uint32_t long_one[] = { 1 };
	struct follow f;
	begin(&f);
	follow_begun(&f, 0, 1);
	follow_attempt(&f, 0, 0, FOLLOW_ATTEMPT_GIVEN_BACK);
	answer(&f, SLURM_TIMEOUT, /* rest= */ false);
	ck_assert_int_eq(follow_add_task(&f, long_one, 1, /* held= */ false), 2);
	follow_begun(&f, 2, 1);
	follow_attempt(&f, 2, 0, FOLLOW_ATTEMPT_GIVEN_BACK);
	for (int i = 0; i <= FOLLOW_GRACE; i++) {
		follow_rows_begin(&f);
		follow_row(&f, 2, SLURM_TIMEOUT, "n1");
		follow_rows_end(&f);
		follow_step(&f);
	}
	ck_assert(f.item[1].given_up && f.item[1].lost_by == SLURM_TIMEOUT);
	follow_done(&f);
}
END_TEST

START_TEST(a_preempted_test_is_not_lost)
{
	struct follow f;
	begin(&f);
	follow_begun(&f, 0, 1);
	follow_attempt(&f, 0, 0, FOLLOW_ATTEMPT_GIVEN_BACK);
	answer(&f, SLURM_PREEMPTED, /* rest= */ false);
	ck_assert_uint_eq(told[FOLLOW_RETURNED], 2);
	ck_assert_uint_eq(f.item[1].losses, 0);
	follow_done(&f);
}
END_TEST

START_TEST(nothing_of_a_cancelled_run_runs_again)
{
	static const uint32_t held[] = { 0, 1 };
	struct follow f;
	begin(&f);
	answer(&f, SLURM_NODE_FAIL, /* rest= */ false);
	ck_assert_uint_eq(f.again, 2);
	ck_assert_int_eq(follow_add_task(&f, held, 2, /* held= */ true), 2);
	follow_cancel(&f);
	for (int i = 0; i <= FOLLOW_GRACE; i++) {
		follow_rows_begin(&f);
		follow_rows_end(&f);
		follow_step(&f);
	}
	ck_assert(follow_is_over(&f));
	ck_assert_uint_eq(f.again, 0);
	ck_assert_uint_eq(f.given_up, 3);
	follow_done(&f);
}
END_TEST

/* sbatch has failed, but squeue shows the job for some time. */
START_TEST(a_job_that_slurm_refused_is_no_loss)
{
	static const uint32_t again[] = { 0, 1 };
	struct follow f;
	begin(&f);
	answer(&f, SLURM_NODE_FAIL, /* rest= */ false);
	ck_assert_int_eq(follow_add_task(&f, again, 2, /* held= */ true), 2);
	for (int i = 0; i <= FOLLOW_GRACE; i++) {
		follow_rows_begin(&f);
		follow_row(&f, 2, SLURM_FAILED, "");
		follow_rows_end(&f);
		follow_step(&f);
	}
	ck_assert(f.task[2].held && !f.task[2].settled);
	ck_assert_uint_eq(f.item[0].losses, 1);
	follow_done(&f);
}
END_TEST

START_TEST(rows_of_the_queue_are_read)
{
	struct slurm_row row;
	ck_assert(slurm_row_parse("ktstr-x-0|1_[2-3]|PENDING|Resources|", &row));
	ck_assert_str_eq(row.reason, "Resources");
	ck_assert_str_eq(row.node, "");
	ck_assert(slurm_row_parse("ktstr-x-0|1|CANCELLED|a | b|n1", &row));
	ck_assert_ptr_null(row.indices);
	ck_assert_str_eq(row.reason, "a | b");
	ck_assert_str_eq(row.node, "n1");
	ck_assert(!slurm_row_parse("ktstr-x-0|1_0|RUNNING|n1", &row));
}
END_TEST

/* --- results ------------------------------------------------------------------------------------------------------ */

#define EVENT "{\"name\": \"ktstr/a\", \"verdict\": \"fail\"}"

static const struct {
	const char *text;
	bool sound;
} sidecars[] = {
	{ EVENT, true },
	{ "{\"name\": \"ktstr/a\", \"verdict\": \"fail\"", false },
	{ "{\"name\": \"ktstr/b\", \"verdict\": \"fail\"}", false },
	{ "{\"name\": \"ktstr/a\", \"verdict\": \"pass\"}", false },
	{ "{\"name\": \"ktstr/a\"}", false },
	{ "[]", false },
	{ "", false },
};

START_TEST(a_sidecar_must_be_that_of_its_event)
{
	char *dir = t_tmpdir();
	_cleanup_free_ char *path = path_join(dir, "a.ktstr.json"), *link = path_join(dir, "link.ktstr.json");
	json_auto_t *event = json_loads(EVENT, 0, NULL);
	put(dir, "a.ktstr.json", sidecars[_i].text);
	ck_assert_int_eq(slurm_result_is_sound(event, path), sidecars[_i].sound);
	ck_assert_int_eq(symlink(path, link), 0);
	ck_assert(!slurm_result_is_sound(event, link));
	ck_assert(!slurm_result_is_sound(event, dir));
	t_rmdir(dir);
}
END_TEST

START_TEST(failures_that_were_reported_are_known_later)
{
	char *dir = t_tmpdir();
	struct reported r;
	t_ok(reported_read(dir, &r));
	ck_assert(!reported_has(&r, (struct reported_result){ 0, 0, 0 }));
	reported_done(&r);
	reported_add(dir, (struct reported_result){ 7, 1, 300 });
	reported_add(dir, (struct reported_result){ 2, 0, 5 });
	t_ok(reported_read(dir, &r));
	ck_assert_uint_eq(r.count, 2);
	ck_assert(reported_has(&r, (struct reported_result){ 7, 1, 300 }));
	ck_assert(reported_has(&r, (struct reported_result){ 2, 0, 5 }));
	ck_assert(!reported_has(&r, (struct reported_result){ 2, 0, 6 }));
	reported_done(&r);
	put(dir, REPORTED_FILE, "1 2\n3\n1 2\n3\n1 2\n3\nx\n\n1 2 3 4\n-1 2 3\n4 5 6\n9 9 9");
	t_ok(reported_read(dir, &r));
	ck_assert_uint_eq(r.count, 1);
	ck_assert(reported_has(&r, (struct reported_result){ 4, 5, 6 }));
	reported_done(&r);
	t_rmdir(dir);
}
END_TEST

/* --- the record --------------------------------------------------------------------------------------------------- */

#define CASES                                                                                                   \
	"[{\"name\": \"ktstr/a\", \"suite\": \"s\", \"kernel\": 0}, {\"name\": \"ktstr/b\", \"suite\": \"s\", " \
	"\"kernel\": 0}]"
#define KERNEL	 "{\"source\": \"6.12.3\"}"
#define MANIFEST "{\"version\": 1, \"id\": \"x1\", \"cases\": " CASES ", \"kernels\": [" KERNEL "]}"

#define ROUND(arrays, cases) "{\"arrays\": [" arrays "], \"tasks\": [{\"cases\": " cases "}]}"
#define ARRAY		     "{\"first\": 0, \"count\": 1}"

static void make_run(const char *dir)
{
	t_ok(slurm_record_create(dir, NULL));
	put(dir, "manifest.json", MANIFEST);
}

static const struct {
	const char *round;
	bool sound;
} rounds[] = {
	{ ROUND(ARRAY, "[0, 1]"), true },
	{ "{}", false },
	{ ROUND("", "[0, 1]"), false },
	{ ROUND(ARRAY, "[]"), false },
	{ ROUND(ARRAY, "[2]"), false },
	{ ROUND(ARRAY, "[-1]"), false },
	{ ROUND(ARRAY, "[\"0\"]"), false },
	{ ROUND("{\"first\": 1, \"count\": 1}", "[0]"), false },
	{ ROUND("{\"first\": 0, \"count\": 4294967297}", "[0]"), false },
};

START_TEST(a_damaged_round_is_an_error)
{
	char *dir = t_tmpdir();
	struct slurm_record r;
	struct err *err = NULL;
	make_run(dir);
	put(dir, "round-1.json", rounds[_i].round);
	ck_assert_int_eq(slurm_record_open(&r, dir, &err) == 0, rounds[_i].sound);
	if (!rounds[_i].sound)
		t_err_contains(&err, "round-1.json' is damaged");
	slurm_record_done(&r);
	t_rmdir(dir);
}
END_TEST

/* Two processes follow one run: the second gets the round of the first. */
START_TEST(a_round_is_made_once)
{
	static const uint32_t order[] = { 1, 0 };
	struct divide_task one = { .first = 0, .count = 1, .places = 1, .cpus = 1 };
	struct divide_task two = { .first = 0, .count = 2, .places = 1, .cpus = 1 };
	struct division first = { .task = &one, .tasks = 1, .order = (uint32_t *)order };
	struct division second = { .task = &two, .tasks = 1, .order = (uint32_t *)order };
	char *dir = t_tmpdir();
	struct slurm_record a, b;
	make_run(dir);
	t_ok(slurm_record_open(&a, dir, NULL));
	t_ok(slurm_record_open(&b, dir, NULL));
	t_ok(slurm_record_add_round(&a, &first, NULL, 100, NULL));
	ck_assert_int_eq(slurm_record_add_round(&b, &second, NULL, 100, NULL), -EEXIST);
	ck_assert_uint_eq(b.rounds, 1);
	ck_assert_uint_eq(b.tasks, 1);
	ck_assert_uint_eq(json_array_size(json_object_get(slurm_record_task(&b, 0), "cases")), 1);
	ck_assert_uint_eq(slurm_array_length(&b, 0), 1);
	ck_assert_uint_eq(slurm_array_length(&b, 1), 0);
	_cleanup_free_ char *log = slurm_task_log(&b, 0);
	ck_assert_ptr_nonnull(strstr(log, "/logs/ktstr-x1-0.0.log"));
	slurm_record_done(&a);
	slurm_record_done(&b);
	t_rmdir(dir);
}
END_TEST

START_TEST(a_built_kernel_names_no_other_directory)
{
	static const char *const texts[] = { "\"key\": \"k\", \"version\": \"../../x\"",
					     "\"key\": \"../k\", \"version\": \"6\"",
					     "\"key\": \"\", \"version\": \"6\"",
					     "\"key\": \"k\", \"version\": \"a b\"" };
	char *dir = t_tmpdir();
	struct slurm_record r;
	make_run(dir);
	t_ok(slurm_record_open(&r, dir, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_free_ char *text = NULL;
		struct err *err = NULL;
		ck_assert_int_gt(asprintf(&text, "{\"kernels\": [{\"index\": 0, %s}]}", texts[i]), 0);
		put(dir, BUILT_FILE, text);
		ck_assert_int_lt(slurm_built_read(&r, &err), 0);
		t_err_contains(&err, "is not the name of a file");
	}
	slurm_record_done(&r);
	t_rmdir(dir);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, tests_that_waited_when_their_array_was_cancelled_do_not_run);
	tcase_add_test(tc, a_test_that_ran_at_the_time_limit_is_lost);
	tcase_add_test(tc, a_test_that_is_too_long_twice_is_given_up);
	tcase_add_test(tc, a_preempted_test_is_not_lost);
	tcase_add_test(tc, nothing_of_a_cancelled_run_runs_again);
	tcase_add_test(tc, a_job_that_slurm_refused_is_no_loss);
	tcase_add_test(tc, rows_of_the_queue_are_read);
	tcase_add_loop_test(tc, a_sidecar_must_be_that_of_its_event, 0, ARRAY_SIZE(sidecars));
	tcase_add_test(tc, failures_that_were_reported_are_known_later);
	tcase_add_loop_test(tc, a_damaged_round_is_an_error, 0, ARRAY_SIZE(rounds));
	tcase_add_test(tc, a_round_is_made_once);
	tcase_add_test(tc, a_built_kernel_names_no_other_directory);
}

int main(void)
{
	return t_main("slurm_follow", fill);
}
