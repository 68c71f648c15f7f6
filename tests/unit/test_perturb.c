/* SPDX-License-Identifier: GPL-2.0-only */
/* What --perturb accepts, and that its text says the same again. */
#include "run/perturb.h"
#include "run/perturb_file.h"
#include "t.h"

static const struct {
	const char *text;
	uint64_t seed;
	uint32_t one_in, hold_ns;
} valid[] = {
	{ "7", 7, PERTURB_ONE_IN, PERTURB_HOLD_NS },
	{ "0x10", 16, PERTURB_ONE_IN, PERTURB_HOLD_NS },
	{ "seed=18446744073709551615", UINT64_MAX, PERTURB_ONE_IN, PERTURB_HOLD_NS },
	{ "seed=7,one-in=1,hold=2us", 7, 1, 2000 },
	{ "hold=100ms,seed=1,one-in=4294967295", 1, UINT32_MAX, 100000000 },
};

START_TEST(valid_text_is_read_and_written)
{
	struct observe_perturb p, again;
	char text[PERTURB_TEXT_MAX];
	t_ok(perturb_parse(valid[_i].text, &p, NULL));
	ck_assert_uint_eq(p.seed, valid[_i].seed);
	ck_assert_uint_eq(p.one_in, valid[_i].one_in);
	ck_assert_uint_eq(p.hold_ns, valid[_i].hold_ns);
	ck_assert(perturb_on(&p));
	t_ok(perturb_parse(perturb_format(&p, text), &again, NULL));
	ck_assert_mem_eq(&p, &again, sizeof(p));
}
END_TEST

static const char *const wrong[] = { "",
				     "points=2,sum=3dab03a6",
				     "7,",
				     "seed=",
				     "seed=-1",
				     "one-in=0",
				     "hold=0ns",
				     "hold=5",
				     "hold=101ms",
				     "holds=5us",
				     "seed=7;8",
				     "one-in=a",
				     "7,8,x",
				     "=7",
				     "seed=18446744073709551616" };

START_TEST(wrong_text_is_named)
{
	struct observe_perturb p = { .seed = 99 };
	struct err *err = NULL;
	t_errno(perturb_parse(wrong[_i], &p, &err), EINVAL);
	ck_assert_uint_eq(p.seed, 99);
	err_free(err);
}
END_TEST

START_TEST(hooks_have_names)
{
	ck_assert_str_eq(perturb_function(PERTURB_FIRST_HOOK), "try_to_wake_up");
	ck_assert_ptr_null(perturb_function(PERTURB_FIRST_HOOK - 1));
	ck_assert_ptr_null(perturb_function(PERTURB_FIRST_HOOK + PERTURB_HOOKS_MAX));
}
END_TEST

/* --- files -------------------------------------------------------------------------------------------------------- */

static const struct observe_point points[] = { { 3, PERTURB_FIRST_HOOK + 2, 500 },
					       { 9, PERTURB_FIRST_HOOK, OBSERVE_HOLD_NS_MAX } };

START_TEST(points_are_written_and_read)
{
	const struct observe_perturb how = { .seed = UINT64_MAX, .one_in = 3, .hold_ns = 500 };
	struct observe_perturb p;
	struct observe_point *again;
	char text[PERTURB_TEXT_MAX];
	json_auto_t *file = perturb_file_json(&how, points, ARRAY_SIZE(points));
	t_ok(perturb_file_parse(file, &p, &again, NULL));
	ck_assert_uint_eq(p.point_count, ARRAY_SIZE(points));
	ck_assert_uint_eq(p.seed, UINT64_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		ck_assert_uint_eq(again[i].hit, points[i].hit);
		ck_assert_uint_eq(again[i].hook, points[i].hook);
		ck_assert_uint_eq(again[i].hold_ns, points[i].hold_ns);
	}
	ck_assert(perturb_on(&p));
	ck_assert_str_eq(perturb_format(&p, text), "points=2,sum=3dab03a6");
	free(again);
}
END_TEST

/* A subset, down to none: then nothing is held back, but the run is a perturbed one. */
START_TEST(a_file_may_have_no_points)
{
	json_auto_t *file = json_loads("{\"perturb\": 1, \"points\": []}", 0, NULL);
	struct observe_perturb p;
	struct observe_point *none;
	t_ok(perturb_file_parse(file, &p, &none, NULL));
	ck_assert_uint_eq(p.point_count, 0);
	ck_assert(perturb_on(&p));
	free(none);
}
END_TEST

static const char *const wrong_files[] = {
	"[]",
	"{}",
	"{\"perturb\": 1}",
	"{\"perturb\": 2, \"points\": []}",
	"{\"perturb\": 1, \"points\": [3]}",
	"{\"perturb\": 1, \"points\": [[1, 2]]}",
	"{\"perturb\": 1, \"points\": [[1, 2, 3, 4]]}",
	"{\"perturb\": 1, \"points\": [[1, 2, 0]]}",
	"{\"perturb\": 1, \"points\": [[1, 2, 100000001]]}",
	"{\"perturb\": 1, \"points\": [[-1, 2, 3]]}",
	"{\"perturb\": 1, \"points\": [[1, 99, 3]]}",
	"{\"perturb\": 1, \"points\": [[1, 2, 3], [1, 2, 3]]}",
	"{\"perturb\": 1, \"points\": [[2, 2, 3], [1, 2, 3]]}",
};

START_TEST(wrong_files_are_refused)
{
	json_auto_t *file = json_loads(wrong_files[_i], 0, NULL);
	struct observe_perturb p;
	struct observe_point *none;
	struct err *err = NULL;
	ck_assert_ptr_nonnull(file);
	t_errno(perturb_file_parse(file, &p, &none, &err), EBADMSG);
	ck_assert_ptr_nonnull(err);
	err_free(err);
}
END_TEST

START_TEST(files_are_told_from_texts)
{
	ck_assert(perturb_is_file("a.json"));
	ck_assert(perturb_is_file("./a"));
	ck_assert(!perturb_is_file("seed=7,one-in=3,hold=500us"));
	ck_assert(!perturb_is_file(".json"));
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, points_are_written_and_read);
	tcase_add_test(tc, a_file_may_have_no_points);
	tcase_add_loop_test(tc, wrong_files_are_refused, 0, ARRAY_SIZE(wrong_files));
	tcase_add_test(tc, files_are_told_from_texts);
	tcase_add_loop_test(tc, valid_text_is_read_and_written, 0, ARRAY_SIZE(valid));
	tcase_add_loop_test(tc, wrong_text_is_named, 0, ARRAY_SIZE(wrong));
	tcase_add_test(tc, hooks_have_names);
}

int main(void)
{
	return t_main("perturb", fill);
}
