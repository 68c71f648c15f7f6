/* SPDX-License-Identifier: GPL-2.0-only */
/* Limits, merged from their layers. */
#include "t.h"
#include "verdict/thresholds.h"

static struct limit merged(enum threshold which, struct ktstr_checks scheduler, struct ktstr_checks test)
{
	return thresholds_merge(false, &scheduler, &test).limit[which];
}

/* Limits that a scheduler and a test set, and the result; value -1: not checked. */
static const struct {
	enum threshold which;
	struct ktstr_checks scheduler, test;
	double value;
	enum threshold_origin origin;
} layers[] = {
	{ LIMIT_GAP, {}, {}, 3000, FROM_DEFAULT },
	{ LIMIT_GAP, { .max_gap_ms = 10 }, {}, 10, FROM_SCHEDULER },
	{ LIMIT_GAP, { .max_gap_ms = 10 }, { .max_gap_ms = 20 }, 20, FROM_TEST },
	{ LIMIT_GAP, { .max_gap_ms = 10 }, { .max_gap_ms = KTSTR_OFF }, -1, FROM_TEST },
	{ LIMIT_GAP, { .max_gap_ms = KTSTR_OFF }, {}, -1, FROM_SCHEDULER },
	{ LIMIT_GAP, { .max_gap_ms = KTSTR_OFF }, { .max_gap_ms = 5 }, 5, FROM_TEST },
	{ LIMIT_SPREAD, {}, { .max_spread_pct = KTSTR_OFF }, -1, FROM_TEST },
	{ LIMIT_MIGRATION_RATIO, {}, {}, -1, FROM_DEFAULT },
	{ LIMIT_MIGRATION_RATIO, {}, { .max_migration_ratio = KTSTR_ZERO }, 0, FROM_TEST },
	{ LIMIT_MIGRATION_RATIO, { .max_migration_ratio = 0.5 }, { .max_migration_ratio = KTSTR_ZERO }, 0, FROM_TEST },
	{ LIMIT_NOT_STUCK, {}, {}, 1, FROM_DEFAULT },
	{ LIMIT_NOT_STUCK, { .not_stuck = KTSTR_OFF }, {}, -1, FROM_SCHEDULER },
	{ LIMIT_NOT_STUCK, { .not_stuck = KTSTR_OFF }, { .not_stuck = KTSTR_ON }, 1, FROM_TEST },
	{ LIMIT_ISOLATION, {}, { .isolation = KTSTR_OFF }, -1, FROM_TEST },
	{ LIMIT_GATE_ON_TCG, {}, {}, -1, FROM_DEFAULT },
	{ LIMIT_GATE_ON_TCG, { .gate_on_tcg = KTSTR_ON }, {}, 1, FROM_SCHEDULER },
	{ LIMIT_GATE_ON_TCG, { .gate_on_tcg = KTSTR_ON }, { .gate_on_tcg = KTSTR_OFF }, -1, FROM_TEST },
	{ LIMIT_PAGE_LOCALITY, {}, { .min_page_locality = 0.5 }, 0.5, FROM_TEST },
	{ LIMIT_IMBALANCE, {}, {}, 4, FROM_DEFAULT },
	{ LIMIT_DSQ_DEPTH, {}, { .max_local_dsq_depth = 7 }, 7, FROM_TEST },
	{ LIMIT_STALL, {}, {}, 1, FROM_DEFAULT },
	{ LIMIT_STALL, { .fail_on_stall = KTSTR_OFF }, {}, -1, FROM_SCHEDULER },
	{ LIMIT_SUSTAINED, {}, {}, 5, FROM_DEFAULT },
	{ LIMIT_FALLBACK_RATE, { .max_fallback_rate = KTSTR_ZERO }, {}, 0, FROM_SCHEDULER },
	{ LIMIT_KEEP_LAST_RATE, {}, {}, 100, FROM_DEFAULT },
	{ LIMIT_ENFORCE, {}, {}, -1, FROM_DEFAULT },
	{ LIMIT_ENFORCE, { .enforce = KTSTR_ON }, {}, 1, FROM_SCHEDULER },
	{ LIMIT_ENFORCE, { .enforce = KTSTR_ON }, { .enforce = KTSTR_OFF }, -1, FROM_TEST },
};

START_TEST(a_field_is_unset_set_or_off)
{
	struct limit l = merged(layers[_i].which, layers[_i].scheduler, layers[_i].test);
	ck_assert_int_eq(l.on, layers[_i].value >= 0);
	ck_assert(l.value == (l.on ? layers[_i].value : 0));
	ck_assert_int_eq(l.origin, layers[_i].origin);
}
END_TEST

START_TEST(release_limits_are_stricter)
{
	struct thresholds t = thresholds_default(true);
	ck_assert(t.limit[LIMIT_GAP].value == 2000 && t.limit[LIMIT_SPREAD].value == 15);
	ck_assert_int_eq(threshold_find("max_gap_ms"), LIMIT_GAP);
	ck_assert_int_eq(threshold_find("max_imbalance_ratio"), LIMIT_IMBALANCE);
	t_errno(threshold_find("max_gap"), ENOENT);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, a_field_is_unset_set_or_off, 0, ARRAY_SIZE(layers));
	tcase_add_test(tc, release_limits_are_stricter);
}

int main(void)
{
	return t_main("thresholds", fill);
}
