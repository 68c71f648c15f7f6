/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of metrics: what every row must have. docs/METRICS.md pins the values. */
#include <string.h>

#include "stats/metrics.h"
#include "t.h"

START_TEST(names_are_unique_and_found)
{
	for (const struct metric *m = metrics; m->name; m++) {
		ck_assert_ptr_eq(metric_find(m->name, strlen(m->name)), m);
		ck_assert_ptr_eq(metrics + metric_index(m), m);
	}
	ck_assert_ptr_null(metric_find("worst_sprea", 11));
	ck_assert_ptr_null(metric_find("worst_spreads", 13));
	ck_assert_uint_ge(metrics_count(), 19);
}
END_TEST

START_TEST(every_row_is_complete)
{
	for (const struct metric *m = metrics; m->name; m++) {
		ck_assert_msg(m->polarity > METRIC_UNKNOWN && m->polarity < METRIC_POLARITY_MAX, "%s", m->name);
		ck_assert_msg(m->unit && m->description && *m->description, "%s", m->name);
		ck_assert_msg(m->least > 0 && m->share > 0 && m->share < 1, "%s", m->name);
		ck_assert_msg(strlen(metric_kind_name(m->kind)) > 0, "%s", m->name);
		ck_assert_msg((m->kind == METRIC_RATE) == (m->place == METRIC_DERIVED), "%s", m->name);
	}
}
END_TEST

START_TEST(rates_are_made_of_registered_counters)
{
	unsigned rates = 0;
	for (const struct metric *m = metrics; m->name; m++) {
		ck_assert_msg((m->kind == METRIC_RATE) == (m->num && m->den), "%s", m->name);
		if (m->kind != METRIC_RATE)
			continue;
		const struct metric *num = metric_find(m->num, strlen(m->num));
		const struct metric *den = metric_find(m->den, strlen(m->den));
		ck_assert_msg(num && num->kind == METRIC_COUNTER && den && den->kind == METRIC_COUNTER, "%s", m->name);
		rates++;
	}
	ck_assert_uint_ge(rates, 8);
}
END_TEST

/* The 19 metrics of every run and what they count as a change. */
START_TEST(the_oldest_metrics_keep_their_limits)
{
	static const struct {
		const char *name;
		enum metric_polarity polarity;
		double least, share;
	} known[] = {
		{ "worst_spread", METRIC_LOWER, 5, .25 },
		{ "worst_gap_ms", METRIC_LOWER, 500, .5 },
		{ "total_migrations", METRIC_LOWER, 2, .3 },
		{ "worst_migration_ratio", METRIC_LOWER, .05, .2 },
		{ "max_imbalance_ratio", METRIC_LOWER, 1, .25 },
		{ "max_dsq_depth", METRIC_LOWER, 10, .5 },
		{ "stall_count", METRIC_LOWER, 1, .5 },
		{ "total_fallback", METRIC_LOWER, 5, .3 },
		{ "total_keep_last", METRIC_LOWER, 5, .3 },
		{ "worst_p99_wake_latency_us", METRIC_LOWER, 50, .25 },
		{ "worst_median_wake_latency_us", METRIC_LOWER, 20, .25 },
		{ "worst_wake_latency_cv", METRIC_LOWER, .1, .25 },
		{ "total_iterations", METRIC_HIGHER, 2, .1 },
		{ "worst_mean_run_delay_us", METRIC_LOWER, 50, .25 },
		{ "worst_run_delay_us", METRIC_LOWER, 100, .5 },
		{ "worst_wake_latency_tail_ratio", METRIC_LOWER, .5, .25 },
		{ "worst_iterations_per_worker", METRIC_HIGHER, 10, .1 },
		{ "worst_page_locality", METRIC_HIGHER, .05, .1 },
		{ "worst_cross_node_migration_ratio", METRIC_LOWER, .05, .2 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		ck_assert_str_eq(metrics[i].name, known[i].name);
		ck_assert_msg(metrics[i].polarity == known[i].polarity && metrics[i].least == known[i].least &&
				      metrics[i].share == known[i].share,
			      "%s", known[i].name);
	}
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, names_are_unique_and_found);
	tcase_add_test(tc, every_row_is_complete);
	tcase_add_test(tc, rates_are_made_of_registered_counters);
	tcase_add_test(tc, the_oldest_metrics_keep_their_limits);
}

int main(void)
{
	return t_main("metrics", fill);
}
