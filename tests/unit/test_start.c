/* SPDX-License-Identifier: GPL-2.0-only */
/* Which machines of a plan start as clones with `--start auto`. */
#include "run/start.h"
#include "t.h"

static struct kernel kernels[2];
static char nosmt[] = "nosmt", *kargs[] = { nosmt, NULL };
static struct sched_decl with_kargs = { .kargs = kargs }, without = { 0 };
static struct test_decl tests[] = {
	{ .binary = "build/suite" },
	{ .binary = "build/other" },
	{ .binary = "build/suite", .scheduler = &with_kargs },
	{ .binary = "build/suite", .scheduler = &without },
	{ .binary = "build/suite", .host_only = true },
	{ .binary = "a.json", .program = "build/suite" },
	{ .binary = "build/suite", .kaslr = true },
};

/* Two cases that can be clones of one machine, unless a row changes something in the second. */
#define OF(t, k, mib, lag) .test = &tests[t], .kernel = &kernels[k], .memory_mib = mib, .lag_ns = lag
#define CASE		   OF(0, 0, 256, 5000)

static char text[] = "";

static const struct {
	struct plan_case other;
	bool shared;
} cases[] = {
	{ { CASE }, true },
	{ { CASE, .variant = 7 }, true },
	{ { OF(3, 0, 256, 5000) }, true },
	{ { OF(5, 0, 256, 5000) }, true },
	{ { OF(0, 1, 256, 5000) }, false },
	{ { OF(0, 0, 512, 5000) }, false },
	{ { OF(0, 0, 256, 0) }, false },
	{ { CASE, .icount_shift = 1 }, false },
	{ { CASE, .topology.cores = 4 }, false },
	{ { OF(1, 0, 256, 5000) }, false },
	{ { OF(2, 0, 256, 5000) }, false },
	{ { OF(4, 0, 256, 5000) }, false },
	{ { OF(6, 0, 256, 5000) }, false },
	{ { CASE, .perf = true }, false },
	{ { CASE, .skip = text }, false },
	{ { CASE, .problem = text }, false },
};

START_TEST(two_machines_share_one)
{
	struct plan_case both[] = { { CASE }, cases[_i].other };
	const struct plan plan = { both, 2 };
	ck_assert_int_eq(start_can_be_shared(&plan, &both[0], 0), cases[_i].shared);
	ck_assert_int_eq(start_can_be_shared(&plan, &both[1], 0), cases[_i].shared);
}
END_TEST

START_TEST(one_machine_is_shared_by_its_tries)
{
	struct plan_case alone = { CASE }, pinned = { CASE, .perf = true };
	const struct plan plan = { &alone, 1 };
	ck_assert(!start_can_be_shared(&plan, &alone, 0));
	ck_assert(!start_can_be_shared(&plan, &alone, 1));
	ck_assert(start_can_be_shared(&plan, &alone, 2));
	ck_assert(!start_can_be_shared(&(struct plan){ &pinned, 1 }, &pinned, 2));
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, two_machines_share_one, 0, ARRAY_SIZE(cases));
	tcase_add_test(tc, one_machine_is_shared_by_its_tries);
}

int main(void)
{
	return t_main("start", fill);
}
