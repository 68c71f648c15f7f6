/* SPDX-License-Identifier: GPL-2.0-only */
/* Profiles of instructions: sums by function, and files that others have written. */
#include "insns/insns.h"
#include "t.h"

/* schedule calls pick, which calls the callback, which calls itself; an interrupt is a path of its own. */
static const char text[] =
	"{\"format\": 1, \"test\": \"ktstr/a\", \"topology\": \"1n1l2c1t\", \"kernel\": \"6.12\", \"seed\": 7, "
	"\"lost\": 0,"
	" \"user\": {\"hold\": 5, \"boot\": null, \"all\": 9},"
	" \"functions\": [\"[unknown]\", \"__schedule\", \"pick\", \"bpf:a_dispatch\", \"__switch_to\", "
	"\"asm_exc_nmi\"],"
	" \"paths\": [[0,0,0,0,0,0,0,0], [0,1,100,4,0,0,300,12], [1,2,40,4,0,0,40,4], [2,3,8,2,0,0,8,2],"
	" [3,3,2,2,0,0,2,2], [1,4,10,2,0,0,30,6], [0,5,1000,1,0,0,1000,1]]}";

static void parse(const char *json, struct insns *ret)
{
	json_auto_t *o = json_loads(json, 0, NULL);
	ck_assert_ptr_nonnull(o);
	t_ok(insns_parse(o, ret, NULL));
}

static const struct insns_sum *find(const struct insns_sums *s, const char *name)
{
	for (uint32_t i = 0; i < s->functions; i++)
		if (!strcmp(s->function[i].name, name))
			return &s->function[i];
	ck_abort_msg("no function '%s'", name);
	return NULL;
}

START_TEST(sums_are_those_of_the_paths)
{
	struct insns p;
	struct insns_sums s;
	parse(text, &p);
	t_ok(insns_sum_up(&p, INSNS_HOLD, &s));
	ck_assert_uint_eq(s.kernel, 1160);
	ck_assert_uint_eq(s.user, 5);
	ck_assert_uint_eq(s.functions, 5);
	ck_assert_str_eq(s.function[0].name, "asm_exc_nmi");
	ck_assert_uint_eq(find(&s, "__schedule")->total, 160);
	ck_assert_uint_eq(find(&s, "pick")->total, 50);
	/* A function that calls itself is counted once. */
	ck_assert_uint_eq(find(&s, "bpf:a_dispatch")->total, 10);
	ck_assert_uint_eq(find(&s, "bpf:a_dispatch")->own, 10);
	ck_assert_uint_eq(find(&s, "bpf:a_dispatch")->calls, 4);
	ck_assert_uint_eq(s.callbacks, 1);
	ck_assert_double_eq(insns_per_call(&s.callback[0]), 2.5);
	ck_assert_uint_eq(s.event[INSNS_SWITCH].total, 160);
	ck_assert_uint_eq(s.event[INSNS_SWITCH].calls, 2);
	ck_assert_uint_eq(s.event[INSNS_WAKEUP].calls, 0);
	insns_sums_done(&s);
	insns_done(&p);
}
END_TEST

START_TEST(metrics_are_those_of_the_hold)
{
	struct insns p;
	parse(text, &p);
	json_auto_t *m = insns_metrics(&p);
	ck_assert_uint_eq(json_object_size(m), 2);
	ck_assert_double_eq(json_number_value(json_object_get(m, "insns_per_switch")), 80);
	ck_assert_double_eq(json_number_value(json_object_get(m, "insns_per_call.a_dispatch")), 2.5);
	p.has[INSNS_HOLD] = false;
	json_auto_t *none = insns_metrics(&p);
	ck_assert_uint_eq(json_object_size(none), 0);
	insns_done(&p);
}
END_TEST

START_TEST(stacks_are_sorted_and_complete)
{
	struct insns p;
	_cleanup_buf_ struct buf out = BUF_NULL;
	parse(text, &p);
	t_ok(insns_collapsed(&p, INSNS_HOLD, &out));
	ck_assert_str_eq(buf_str(&out), "__schedule 100\n"
					"__schedule;__switch_to 10\n"
					"__schedule;pick 40\n"
					"__schedule;pick;bpf:a_dispatch 8\n"
					"__schedule;pick;bpf:a_dispatch;bpf:a_dispatch 2\n"
					"asm_exc_nmi 1000\n");
	insns_done(&p);
}
END_TEST

START_TEST(a_written_profile_is_read_again)
{
	struct insns p, again;
	parse(text, &p);
	json_auto_t *o = insns_json(&p);
	t_ok(insns_parse(o, &again, NULL));
	json_auto_t *second = insns_json(&again);
	ck_assert(json_equal(o, second));
	ck_assert(!again.has[INSNS_BOOT] && again.has[INSNS_HOLD]);
	insns_done(&p);
	insns_done(&again);
}
END_TEST

/* A caller that comes later, or does not exist; a function that does not exist; numbers that are none. */
static const char *const wrong[] = {
	"[]",
	"{\"format\": 2, \"functions\": [\"a\"], \"paths\": [[0,0,0,0,0,0,0,0]]}",
	"{\"format\": 1, \"functions\": [], \"paths\": [[0,0,0,0,0,0,0,0]]}",
	"{\"format\": 1, \"functions\": [\"a\"], \"paths\": []}",
	"{\"format\": 1, \"functions\": [\"a\"], \"paths\": [[0,0,0,0,0,0,0,0], [1,0,0,0,0,0,0,0]]}",
	"{\"format\": 1, \"functions\": [\"a\"], \"paths\": [[0,1,0,0,0,0,0,0]]}",
	"{\"format\": 1, \"functions\": [\"a\"], \"paths\": [[0,0,0,0,0,0,0]]}",
	"{\"format\": 1, \"functions\": [\"a\"], \"paths\": [[0,0,-1,0,0,0,0,0]]}",
	"{\"format\": 1, \"functions\": [7], \"paths\": [[0,0,0,0,0,0,0,0]]}",
};

START_TEST(wrong_files_are_refused)
{
	struct insns p;
	_cleanup_err_ struct err *err = NULL;
	json_auto_t *o = json_loads(wrong[_i], 0, NULL);
	t_errno(insns_parse(o, &p, &err), EBADMSG);
}
END_TEST

static const struct {
	const char *symbol, *name;
} names[] = {
	{ "bpf_prog_0123456789abcdef_simple_enqueue", "bpf:simple_enqueue" },
	{ "bpf_prog_0123456789abcdef", "bpf:0123456789abcdef" },
	{ "bpf_prog_short_name", "bpf:short_name" },
	{ "bpf__sched_ext_ops_enqueue", "bpf__sched_ext_ops_enqueue" },
};

START_TEST(programs_lose_their_tag)
{
	char name[64];
	insns_program_name(names[_i].symbol, name, sizeof(name));
	ck_assert_str_eq(name, names[_i].name);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, sums_are_those_of_the_paths);
	tcase_add_test(tc, metrics_are_those_of_the_hold);
	tcase_add_test(tc, stacks_are_sorted_and_complete);
	tcase_add_test(tc, a_written_profile_is_read_again);
	tcase_add_loop_test(tc, wrong_files_are_refused, 0, ARRAY_SIZE(wrong));
	tcase_add_loop_test(tc, programs_lose_their_tag, 0, ARRAY_SIZE(names));
}

int main(void)
{
	return t_main("insns", fill);
}
