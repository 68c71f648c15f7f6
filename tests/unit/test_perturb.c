/* SPDX-License-Identifier: GPL-2.0-only */
/* What --perturb accepts, and that its text says the same again. */
#include "run/perturb.h"
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

static const char *const wrong[] = { "",	 "x",	     "7,",     "seed=",	     "seed=-1",
				     "one-in=0", "hold=0ns", "hold=5", "hold=101ms", "holds=5us",
				     "seed=7;8", "one-in=a", "7,8,x",  "=7",	     "seed=18446744073709551616" };

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

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, valid_text_is_read_and_written, 0, ARRAY_SIZE(valid));
	tcase_add_loop_test(tc, wrong_text_is_named, 0, ARRAY_SIZE(wrong));
	tcase_add_test(tc, hooks_have_names);
}

int main(void)
{
	return t_main("perturb", fill);
}
