/* SPDX-License-Identifier: GPL-2.0-only */
/* What is known of a test's schedules, which one is next, and that it is kept. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "run/corpus.h"
#include "t.h"

static struct observe_orders shown;

static const struct observe_orders *orders(unsigned bit)
{
	memset(&shown, 0, sizeof(shown));
	shown.word[bit / 64] = UINT64_C(1) << bit % 64;
	return &shown;
}

START_TEST(seeds_follow_each_other)
{
	struct corpus c;
	struct observe_perturb p = { .one_in = 3 };
	t_ok(corpus_open(&c, NULL, 0, NULL));
	for (uint64_t seed = 1; seed < 9; seed++) {
		corpus_choose(&c, 100, &p); /* nothing is known that could be varied */
		ck_assert_uint_eq(p.seed, seed);
		ck_assert_uint_eq(p.branches, 0);
		corpus_note(&c, &p, NULL, 50);
	}
	ck_assert_uint_eq(c.schedules, 8);
	ck_assert_uint_eq(c.entries, 0);
	corpus_done(&c);
}
END_TEST

START_TEST(only_new_orders_count)
{
	struct corpus c;
	const struct observe_perturb p = { .seed = 5, .one_in = 3 };
	t_ok(corpus_open(&c, NULL, 0, NULL));
	ck_assert_uint_eq(corpus_note(&c, &p, orders(7), 50), 1);
	ck_assert_uint_eq(corpus_note(&c, &p, orders(7), 50), 0);
	ck_assert_uint_eq(corpus_note(&c, &p, orders(64u * OBSERVE_ORDER_WORDS - 1), 50), 1);
	ck_assert_uint_eq(c.orders, 2);
	ck_assert_uint_eq(c.entries, 2);
	corpus_done(&c);
}
END_TEST

/* The same beginning, and another end behind the last branch; at last there is no room for branches. */
START_TEST(a_variation_branches)
{
	struct corpus c;
	struct observe_perturb p = { .seed = 5, .one_in = 3 };
	t_ok(corpus_open(&c, NULL, 0, NULL));
	for (unsigned n = 0; n < OBSERVE_BRANCHES_MAX; n++) {
		const struct observe_perturb parent = p;
		corpus_note(&c, &p, orders(n), 1000000);
		c.entry[0] = c.entry[c.entries - 1];
		c.entries = 1;
		corpus_choose(&c, 100, &p);
		ck_assert_uint_eq(p.seed, 5);
		ck_assert_uint_eq(p.branches, n + 1);
		ck_assert_uint_lt(p.branch[n].hit, 1000000);
		if (n)
			ck_assert_uint_gt(p.branch[n].hit, parent.branch[n - 1].hit);
	}
	corpus_note(&c, &p, orders(99), 1000000);
	c.entry[0] = c.entry[c.entries - 1];
	c.entries = 1;
	corpus_choose(&c, 100, &p);
	ck_assert_uint_eq(p.branches, 0);
	corpus_done(&c);
}
END_TEST

/* Times that were drawn cannot be drawn anew in the middle. */
START_TEST(a_depth_is_not_varied)
{
	struct corpus c;
	struct observe_perturb p = { .seed = 5, .depth = 3 };
	t_ok(corpus_open(&c, NULL, 0, NULL));
	corpus_note(&c, &p, orders(1), 50);
	corpus_choose(&c, 100, &p);
	ck_assert_uint_eq(p.branches, 0);
	ck_assert_uint_eq(p.seed, 1);
	corpus_done(&c);
}
END_TEST

static void dir_of(char out[64])
{
	strcpy(out, "/tmp/ktstr-corpus-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(out));
}

START_TEST(it_goes_on_where_it_stopped)
{
	struct corpus c, again;
	struct observe_perturb p = { .one_in = 3 }, first, second;
	char dir[64];
	dir_of(dir);
	t_ok(corpus_open(&c, dir, 77, NULL));
	for (unsigned i = 0; i < 3; i++) {
		corpus_choose(&c, 50, &p);
		corpus_note(&c, &p, orders(i), 1000);
	}
	t_ok(corpus_save(&c, NULL));
	t_ok(corpus_open(&again, dir, 77, NULL));
	ck_assert_uint_eq(again.schedules, 3);
	ck_assert_uint_eq(again.orders, 3);
	for (unsigned i = 0; i < 20; i++) {
		first = second = p;
		corpus_choose(&c, 50, &first);
		corpus_choose(&again, 50, &second);
		ck_assert_uint_eq(first.seed, second.seed);
		ck_assert_uint_eq(first.branches, second.branches);
		for (unsigned b = 0; b < first.branches; b++)
			ck_assert_uint_eq(first.branch[b].seed, second.branch[b].seed);
	}
	corpus_done(&again);
	corpus_done(&c);
	t_ok(remove_tree(dir, NULL));
}
END_TEST

static const char *const damaged[] = {
	"",
	"[]",
	"{\"corpus\": 2}",
	"{\"corpus\": 1, \"next_seed\": -4, \"orders\": [-1, 99999999, \"x\"], \"entries\": [7]}",
	"{\"corpus\": 1, \"entries\": [{\"branches\": [{\"event\": 5}, {\"event\": 4}]}]}",
	"{\"corpus\": 1, \"entries\": [{\"branches\": [1, 2, 3, 4, 5]}]}",
};

START_TEST(a_damaged_file_knows_nothing)
{
	struct corpus c;
	char dir[64], path[96];
	dir_of(dir);
	snprintf(path, sizeof(path), "%s/%016lx.json", dir, (unsigned long)77);
	t_ok(file_write_atomic(path, damaged[_i], strlen(damaged[_i]), 0600, NULL));
	t_ok(corpus_open(&c, dir, 77, NULL));
	ck_assert_uint_eq(c.orders, 0);
	ck_assert_uint_eq(c.next_seed, 1);
	for (size_t i = 0; i < c.entries; i++)
		ck_assert_uint_eq(c.entry[i].branches, 0);
	corpus_done(&c);
	t_ok(remove_tree(dir, NULL));
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, seeds_follow_each_other);
	tcase_add_test(tc, only_new_orders_count);
	tcase_add_test(tc, a_variation_branches);
	tcase_add_test(tc, a_depth_is_not_varied);
	tcase_add_test(tc, it_goes_on_where_it_stopped);
	tcase_add_loop_test(tc, a_damaged_file_knows_nothing, 0, ARRAY_SIZE(damaged));
}

int main(void)
{
	return t_main("corpus", fill);
}
