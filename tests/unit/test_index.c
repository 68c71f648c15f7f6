/* SPDX-License-Identifier: GPL-2.0-only */
/* Results: what is read from a sidecar, and the index that remembers it. */
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/rng.h"
#include "formats/model.h"
#include "results/decimal.h"
#include "results/json_reader.h"
#include "stats/row_reader.h"
#include "stats/results.h"
#include "stats/sqlite.h"
#include "t.h"

#define RUN "6.12-abc1234"
#define GOOD                                                                                                           \
	"{\"test_name\":\"x\",\"verdict\":\"pass\",\"kernel_version\":\"6.12.1\",\"seed\":\"0x%x\",\"accel\":\"tcg\"," \
	"\"cpu_budget\":%d,\"stats\":{\"total_iterations\":%d,\"worst_spread\":2.5,\"worst_wake_latency_tail_ratio\":" \
	"3},\"monitor\":null,\"metrics\":[]}"

static char *root, *cache;

static void begin(void)
{
	root = t_tmpdir();
	cache = t_tmpdir();
}

static void end(void)
{
	t_rmdir(root);
	t_rmdir(cache);
}

static void write_text(const char *run, const char *name, const char *text)
{
	_cleanup_free_ char *dir = path_join(root, run), *path = path_join(dir, name);
	t_ok(mkdir_parents(dir, 0755, NULL));
	t_ok(file_write_atomic(path, text, strlen(text), 0644, NULL));
}

static void write_result(const char *run, const char *name, unsigned seed, int iterations)
{
	char text[1024];
	snprintf(text, sizeof(text), GOOD, seed, 0, iterations);
	write_text(run, name, text);
}

static void load_scope(struct results *r, enum scan_scope scope)
{
	struct results_query q = { .root = root, .cache = cache, .scope = scope };
	struct err *err = NULL;
	t_ok(results_load(&q, r, &err));
}

/* Loads, expects @read sidecars to be read, and returns the sum of all iterations. */
static double iterations(size_t rows, size_t read)
{
	struct results r;
	double sum = 0;
	load_scope(&r, SCAN_RUNS);
	ck_assert_uint_eq(r.pool.rows, rows);
	ck_assert_uint_eq(r.read, read);
	uint16_t metric = (uint16_t)metric_index(metric_find("total_iterations", 16));
	for (size_t i = 0; i < rows; i++)
		sum += row_value(&r.pool, &r.pool.row[i], metric);
	results_done(&r);
	return sum;
}

START_TEST(the_index_has_what_sidecars_have)
{
	begin();
	write_result(RUN, "a-1.ktstr.json", 1, 500);
	write_result(RUN, "b-1.ktstr.json", 2, 7);
	ck_assert_double_eq(iterations(2, 2), 507);
	ck_assert_double_eq(iterations(2, 0), 507);
	struct results r;
	load_scope(&r, SCAN_RUNS);
	const struct row *a = &r.pool.row[0];
	ck_assert_str_eq(r.pool.text[a->test], "x");
	ck_assert_str_eq(r.pool.text[a->directory], RUN);
	ck_assert_str_eq(r.pool.text[a->of[DIMENSION_KERNEL]], "6.12.1");
	ck_assert_str_eq(r.pool.text[a->of[DIMENSION_SEED]], "0x1");
	ck_assert_uint_eq(a->of[DIMENSION_CPU_BUDGET], 0);
	ck_assert_uint_eq(a->verdict, RESULT_PASS);
	uint16_t spread = (uint16_t)metric_index(metric_find("worst_spread", 12));
	uint16_t ratio = (uint16_t)metric_index(metric_find("worst_wake_latency_tail_ratio", 29));
	uint16_t gap = (uint16_t)metric_index(metric_find("worst_gap_ms", 12));
	ck_assert_double_eq(row_value(&r.pool, a, spread), 2.5);
	ck_assert_double_eq(row_value(&r.pool, a, ratio), 3);
	ck_assert_double_eq(row_value(&r.pool, a, gap), 0);
	/* Below 100 iterations the ratio is absent, not 0. */
	ck_assert(isnan(row_value(&r.pool, a + 1, ratio)));
	results_done(&r);
	end();
}
END_TEST

START_TEST(only_changed_files_are_read_again)
{
	begin();
	write_result(RUN, "a-1.ktstr.json", 1, 100);
	write_result(RUN, "b-1.ktstr.json", 2, 200);
	ck_assert_double_eq(iterations(2, 2), 300);
	write_result(RUN, "b-1.ktstr.json", 2, 999); /* the same size */
	ck_assert_double_eq(iterations(2, 1), 1099);
	write_result(RUN "/sub", "c-1.ktstr.json", 2, 1);
	ck_assert_double_eq(iterations(3, 1), 1100);
	_cleanup_free_ char *gone = path_join(root, RUN "/a-1.ktstr.json");
	ck_assert_int_eq(unlink(gone), 0);
	ck_assert_double_eq(iterations(2, 0), 1000);
	ck_assert_double_eq(iterations(2, 0), 1000);
	end();
}
END_TEST

static char *index_file(void)
{
	_cleanup_buf_ struct buf command = BUF_NULL;
	char *path = NULL, line[4096];
	buf_appendf(&command, "ls -d %s/*.sqlite", cache);
	FILE *f = popen(buf_str(&command), "r");
	if (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		path = strdup(line);
	}
	pclose(f);
	ck_assert_ptr_nonnull(path);
	return path;
}

START_TEST(a_damaged_index_is_made_again)
{
	static const size_t damage[] = { 0, 20, 60, 8192, 3 * 8192 + 8, 5 * 8192 };
	begin();
	for (unsigned i = 0; i < 200; i++) {
		char name[32];
		snprintf(name, sizeof(name), "a-%u.ktstr.json", i);
		write_result(RUN, name, i, 1000);
	}
	ck_assert_double_eq(iterations(200, 200), 200000);
	_cleanup_free_ char *path = index_file();
	for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
		char rubbish[64];
		memset(rubbish, 0xa5, sizeof(rubbish));
		int fd = open(path, O_WRONLY | O_CLOEXEC);
		ck_assert_int_eq(pwrite(fd, rubbish, sizeof(rubbish), (off_t)damage[i]), sizeof(rubbish));
		close(fd);
		struct results r;
		load_scope(&r, SCAN_RUNS);
		ck_assert_uint_eq(r.read, 200);
		results_done(&r);
		ck_assert_double_eq(iterations(200, 0), 200000);
	}
	ck_assert_int_eq(truncate(path, 8192), 0);
	ck_assert_double_eq(iterations(200, 200), 200000);
	ck_assert_int_eq(truncate(path, 0), 0);
	ck_assert_double_eq(iterations(200, 200), 200000);
	end();
}
END_TEST

/* Changes the index behind our back. */
static void change_index(const char *path, const char *sql)
{
	struct sqlite_api api;
	sqlite3 *db;
	t_ok(sqlite_load(&api, NULL));
	ck_assert_int_eq(api.open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	ck_assert_int_eq(api.exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	api.close_v2(db);
}

/* As a power failure could leave it: SQLite sees nothing wrong. */
START_TEST(an_index_that_lacks_something_is_made_again)
{
	static const char *const losses[] = { "DELETE FROM value WHERE id = 3",
					      "DELETE FROM value",
					      "DELETE FROM text WHERE id = 2",
					      "DELETE FROM text",
					      "DELETE FROM sidecar WHERE id = 2",
					      "INSERT INTO value(metric, value) VALUES(0, 1)",
					      "UPDATE value SET metric = 60000 WHERE id = 1" };
	begin();
	for (unsigned i = 0; i < 3; i++) {
		char name[32];
		snprintf(name, sizeof(name), "a-%u.ktstr.json", i);
		write_result(RUN, name, i, 1000);
	}
	ck_assert_double_eq(iterations(3, 3), 3000);
	_cleanup_free_ char *path = index_file();
	for (size_t i = 0; i < ARRAY_SIZE(losses); i++) {
		change_index(path, losses[i]);
		ck_assert_double_eq(iterations(3, 3), 3000);
		ck_assert_double_eq(iterations(3, 0), 3000);
	}
	change_index(path, "DELETE FROM sidecar");
	ck_assert_double_eq(iterations(3, 3), 3000);
	ck_assert_double_eq(iterations(3, 0), 3000);
	end();
}
END_TEST

/* Many rows and values are stored at once; these do not fill the last statement. */
START_TEST(an_index_of_many_files_is_whole)
{
	double sum = 0;
	begin();
	for (unsigned i = 0; i < 1003; i++) {
		char run[32], name[32];
		snprintf(run, sizeof(run), "6.12-%u", i % 7);
		snprintf(name, sizeof(name), "a-%u.ktstr.json", i);
		write_result(run, name, i, (int)i);
		sum += i;
	}
	ck_assert_double_eq(iterations(1003, 1003), sum);
	ck_assert_double_eq(iterations(1003, 0), sum);
	write_result("6.12-3", "a-3.ktstr.json", 3, 1003);
	ck_assert_double_eq(iterations(1003, 1), sum + 1000);
	ck_assert_double_eq(iterations(1003, 0), sum + 1000);
	end();
}
END_TEST

START_TEST(of_equal_names_the_first_counts)
{
	begin();
	write_text(RUN, "a-1.ktstr.json",
		   "{\"test_name\":\"x\",\"verdict\":\"pass\",\"stats\":{\"total_iterations\":7,\"total_iterations\":9,"
		   "\"ext_metrics\":{\"total_iterations\":8,\"own\":1,\"own\":2}}}");
	ck_assert_double_eq(iterations(1, 1), 7);
	ck_assert_double_eq(iterations(1, 0), 7);
	end();
}
END_TEST

START_TEST(the_cache_may_be_reached_through_a_link)
{
	begin();
	char *real = cache;
	cache = path_join(root, ".link");
	ck_assert_int_eq(symlink(real, cache), 0);
	write_result(RUN, "a-1.ktstr.json", 1, 5);
	ck_assert_double_eq(iterations(1, 1), 5);
	ck_assert_double_eq(iterations(1, 0), 5);
	free(cache);
	cache = real;
	end();
}
END_TEST

START_TEST(without_an_index_everything_works)
{
	begin();
	write_result(RUN, "a-1.ktstr.json", 1, 5);
	free(cache);
	cache = NULL;
	ck_assert_double_eq(iterations(1, 1), 5);
	ck_assert_double_eq(iterations(1, 1), 5);
	cache = path_join(root, RUN "/a-1.ktstr.json"); /* not a directory */
	ck_assert_double_eq(iterations(1, 1), 5);
	end();
}
END_TEST

START_TEST(earlier_runs_are_apart)
{
	struct results r;
	begin();
	write_result(RUN, "a-1.ktstr.json", 1, 100);
	write_result(".history/" RUN "/20260101T000000Z-1", "a-1.ktstr.json", 1, 50);
	write_result(".locks", "a-1.ktstr.json", 1, 50);
	ck_assert_double_eq(iterations(1, 1), 100);
	load_scope(&r, SCAN_WITH_HISTORY);
	ck_assert_uint_eq(r.pool.rows, 2);
	ck_assert_uint_eq(r.read, 1);
	results_done(&r);
	/* Without history its rows stay in the index. */
	ck_assert_double_eq(iterations(1, 0), 100);
	load_scope(&r, SCAN_WITH_HISTORY);
	ck_assert_uint_eq(r.read, 0);
	results_done(&r);
	end();
}
END_TEST

START_TEST(what_is_not_a_sidecar_is_counted)
{
	struct results r;
	begin();
	write_text(RUN, "a-1.ktstr.json", "{\"test_name\": \"x\",\n \"verdict\": pass}");
	write_text(RUN, "b-1.ktstr.json", "{}");
	write_text(RUN, "c-1.ktstr.json", "");
	write_result(RUN, "d-1.ktstr.json", 1, 100);
	write_text(RUN, "d-1.failure-dump.json", "{}");
	write_text(RUN, "e-1.ktstr.json",
		   "{\"test_name\": \"x\", \"verdict\": \"pass\",\n \"stats\": {\"worst_spread\": nil}}");
	for (int turn = 0; turn < 2; turn++) {
		load_scope(&r, SCAN_RUNS);
		ck_assert_uint_eq(r.pool.rows, 5);
		ck_assert_uint_eq(r.invalid, 4);
		ck_assert_uint_eq(r.read, turn ? 0 : 5);
		ck_assert_str_eq(r.pool.text[r.pool.row[4].error], "line 2, column 28: a value is not JSON");
		ck_assert_str_eq(r.pool.text[r.pool.row[0].error], "line 2, column 13: a value is not JSON");
		ck_assert_str_eq(r.pool.text[r.pool.row[1].error], "it has no test_name or no verdict");
		ck_assert_str_eq(r.pool.text[r.pool.row[2].error], "line 1, column 1: the text ends too early");
		results_done(&r);
	}
	end();
}
END_TEST

/* --- one sidecar -------------------------------------------------------------------------------------------------- */

static struct pool pool;

static const struct row *record_of(const char *text)
{
	pool_done(&pool);
	struct row *row = pool_add_row(&pool);
	struct row_names names;
	row_names_init(&names);
	row_read(&pool, &names, row, text, strlen(text));
	return row;
}

static double value_of(const struct row *row, const char *name)
{
	for (uint32_t i = row->first; i < row->first + row->values; i++)
		if (!strcmp(pool_metric_name(&pool, pool.metric[i]), name))
			return pool.value[i];
	return NAN;
}

#define HEAD "{\"test_name\":\"x\",\"verdict\":\"fail\","

START_TEST(the_monitor_gives_metrics_and_rates)
{
	const struct row *row = record_of(
		HEAD "\"monitor\":{\"stall_detected\":true,\"max_local_dsq_depth\":4,\"event_deltas\":{\"total_fallback"
		     "\":3,\"total_dispatch_keep_last\":8},\"schedstat_deltas\":{\"total_run_delay\":1000,"
		     "\"total_sched_count\":10,\"total_ttwu_count\":0,\"total_ttwu_local\":0}}}");
	ck_assert_double_eq(value_of(row, "stall_count"), 1);
	ck_assert_double_eq(value_of(row, "max_dsq_depth"), 4);
	ck_assert_double_eq(value_of(row, "total_fallback"), 3);
	ck_assert_double_eq(value_of(row, "total_keep_last"), 8);
	ck_assert_double_eq(value_of(row, "total_run_delay_ns_per_sched"), 100);
	/* Nothing is divided by 0. */
	ck_assert(isnan(value_of(row, "ttwu_local_fraction")));
	pool_done(&pool);
}
END_TEST

START_TEST(payloads_give_metrics_of_their_own)
{
	const struct row *row = record_of(
		HEAD
		"\"metrics\":[{\"metrics\":[{\"name\":\"a.b\",\"value\":1.5,\"polarity\":\"higher_better\",\"unit\":"
		"\"ms\"}],\"payload\":\"p\"},{\"payload\":\"p\",\"metrics\":[{\"name\":\"a.b\",\"value\":2,"
		"\"polarity\":\"higher_better\"},{\"name\":\"none\",\"value\":null}]}]}");
	ck_assert_double_eq(value_of(row, "p.a.b"), 1.5);
	ck_assert_double_eq(value_of(row, "p.a.b#2"), 2);
	ck_assert(isnan(value_of(row, "p.none")));
	ck_assert_int_eq(pool_metric_polarity(&pool, pool.metric[row->first]), METRIC_HIGHER);
	ck_assert_str_eq(pool_metric_unit(&pool, pool.metric[row->first]), "ms");
	pool_done(&pool);
}
END_TEST

/* A file of one seed says what the try with that seed did, not what all tries did together. */
START_TEST(the_verdict_is_that_of_the_own_seed)
{
	static const char tries[] = "\"flake\":{\"tries\":[{\"seed\":\"0x1\",\"verdict\":\"fail\"},{\"seed\":\"0x2\","
				    "\"verdict\":\"pass\"}]},";
	char text[512];
	snprintf(text, sizeof(text), HEAD "%s\"seed\":\"0x2\"}", tries);
	ck_assert_uint_eq(record_of(text)->verdict, RESULT_PASS);
	snprintf(text, sizeof(text), HEAD "%s\"seed\":\"0x3\"}", tries);
	ck_assert_uint_eq(record_of(text)->verdict, RESULT_FAIL);
	pool_done(&pool);
}
END_TEST

/* Not 0: that would be the best of all values. */
START_TEST(numbers_too_large_are_not_measured)
{
	const struct row *row = record_of(HEAD "\"stats\":{\"worst_gap_ms\":1e999,\"worst_spread\":1}}");
	ck_assert_uint_eq(row->state, RESULT_VALID);
	ck_assert(isnan(row_value(&pool, row, (uint16_t)metric_index(metric_find("worst_gap_ms", 12)))));
	ck_assert(pool_has_value(&pool, row, (uint16_t)metric_index(metric_find("worst_gap_ms", 12))));
	ck_assert_double_eq(row_value(&pool, row, (uint16_t)metric_index(metric_find("worst_spread", 12))), 1);
	pool_done(&pool);
}
END_TEST

START_TEST(texts_are_made_printable)
{
	const struct row *row = record_of(HEAD "\"scheduler\":\"a\\u001b[31m\\n\\ud83d\\ude00\\ud800\"}");
	ck_assert_str_eq(pool.text[row->of[DIMENSION_SCHEDULER]], "a?[31m?\xf0\x9f\x98\x80\xef\xbf\xbd");
	pool_done(&pool);
}
END_TEST

/* Strings with brackets, quotes and backslashes, at all places of a block of characters that is passed at once. */
START_TEST(values_are_passed_like_skipped)
{
	static const char *const values[] = { "{\"a\":\"]\"}",
					      "[\"\\\"\",\"}\"]",
					      "[\"\\\\\",[{}],\"\\\\\\\"[\"]",
					      "{\"\\\"{\":[1,{}]}",
					      "\"[\"",
					      "17" };
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		for (int before = 0; before < 140; before++) {
			_cleanup_free_ char *text = NULL;
			ck_assert(asprintf(&text, "{\"%*s\":[%s],\"b\":[\"%*s\"],\"c\":{\"d\":[]}}", before, "",
					   values[i], 140 - before, "") > 0);
			struct json_reader r;
			json_reader_init(&r, text, strlen(text));
			json_reader_pass(&r);
			ck_assert_msg(json_reader_end(&r), "%s: %s", text, r.error);
			for (size_t cut = 1; cut < strlen(text); cut += 7) {
				json_reader_init(&r, text, cut);
				json_reader_pass(&r);
				ck_assert_msg(!json_reader_end(&r), "%.*s", (int)cut, text);
			}
		}
}
END_TEST

START_TEST(brackets_are_checked_where_nothing_is_read)
{
	static const char *const bad[] = { "[}", "{]", "{\"a\":[}]", "[\"a]", "[[]" };
	struct json_reader r;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		for (int spaces = 0; spaces < 70; spaces++) {
			_cleanup_free_ char *text = NULL;
			ck_assert(asprintf(&text, "[%*s%s]", spaces, "", bad[i]) > 0);
			json_reader_init(&r, text, strlen(text));
			json_reader_pass(&r);
			ck_assert_msg(!json_reader_end(&r), "%s", text);
		}
}
END_TEST

START_TEST(what_is_not_json_is_refused)
{
	static const char *const bad[] = { "",		 "{",	      "[1,]",  "[1 2]",	 "{\"a\"}",  "{\"a\":}",
					   "{\"a\":1,}", "{1:2}",     "[01]",  "[1.]",	 "[1e]",     "[-]",
					   "[+1]",	 "[tru]",     "[nul]", "\"\n\"", "\"a",	     "[]]",
					   "[1}",	 "{\"a\":1]", "1 2",   "\"\\\"", "[\"a\\\"]" },
				 *const good[] = { "{}",
						   "[]",
						   " [ ] ",
						   "[[],{}]",
						   "-0",
						   "1e5",
						   "[1.5E-3,\"\\\\\"]",
						   "{\"a\":{\"b\":[{}]}}",
						   "null",
						   "[true,false]" };
	struct json_reader r;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		json_reader_init(&r, bad[i], strlen(bad[i]));
		json_reader_skip(&r);
		ck_assert_msg(!json_reader_end(&r), "%s", bad[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		json_reader_init(&r, good[i], strlen(good[i]));
		json_reader_skip(&r);
		ck_assert_msg(json_reader_end(&r), "%s: %s", good[i], r.error);
	}
}
END_TEST

static void check_number(const char *text)
{
	double value = -1;
	ck_assert_msg(decimal_value(text, strlen(text), &value), "%s", text);
	ck_assert_msg(value == strtod(text, NULL), "%s: %.17g instead of %.17g", text, value, strtod(text, NULL));
}

/* As strtod() rounds: also halves between two doubles, and numbers a little above and below them. */
START_TEST(numbers_are_rounded_once)
{
	static const char *const texts[] = { "0",
					     "-0.0",
					     "0.1",
					     "1.5",
					     "9007199254740993",
					     "9007199254740992.5",
					     "9007199254740993.0",
					     "9007199254740993.1",
					     "4503599627370497.5",
					     "4503599627370496.5",
					     "18446744073709551615",
					     "9999999999999999999",
					     "0.0000000000000000001",
					     "0.9999999999999999999",
					     "123456789.123456789e-5",
					     "1e308",
					     "5e-324" };
	struct rng r = { .state = 7 };
	double value;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		check_number(texts[i]);
	for (int i = 0; i < 200000; i++) {
		char text[40];
		uint64_t digits = rng_next(&r) >> rng_next(&r) % 64;
		int places = (int)(rng_next(&r) % 21), len = snprintf(text, sizeof(text), "%0*lu", places + 1, digits);
		memmove(text + len - places + 1, text + len - places, (size_t)places + 1);
		text[len - places] = '.';
		text[len + (places ? 1 : 0)] = '\0';
		check_number(text);
		snprintf(text, sizeof(text), "%.17g", (double)digits / 1048573);
		check_number(text);
	}
	ck_assert(!decimal_value("1e999", 5, &value));
}
END_TEST

/* Programs that print every digit of a double write some hundred. */
START_TEST(long_numbers_have_their_value)
{
	char text[2000];
	double value;
	snprintf(text, sizeof(text), "%.70f", 0.1);
	check_number(text);
	snprintf(text, sizeof(text), "%.1074f", 5e-324);
	check_number(text);
	snprintf(text, sizeof(text), "%01300d", 0);
	ck_assert(!decimal_value(text, strlen(text), &value));
}
END_TEST

/* Reports and statistics read the same file, and say the same of it. */
START_TEST(reports_and_statistics_agree)
{
	static const char text[] =
		"{\"schema\":{\"name\":\"ktstr.result\"},\"flake\":{\"tries\":[{\"seed\":\"0x1\",\"verdict\":\"fail\","
		"\"cause\":"
		"\"a\\tb\"},{\"seed\":\"0x2\",\"verdict\":\"pass\"}],\"final\":true,\"passed\":1},\"flaky\":"
		"true,"
		"\"verdict\":\"pass\",\"test_name\":\"x\\u001b\",\"name\":\"ktstr/x\",\"seed\":\"0x2\",\"stats\":"
		"{\"worst_spread\":2.5}}";
	struct report_results r = RESULTS_NULL;
	begin();
	write_text(RUN "/deep/er", "a" SIDECAR_SUFFIX, text);
	t_ok(report_results_add_path(&r, root, NULL));
	const struct row *row = record_of(text);
	ck_assert_uint_eq(r.count, 1);
	ck_assert_int_eq(r.item[0].outcome, OUTCOME_FLAKY);
	ck_assert_uint_eq(r.item[0].tries, 2);
	ck_assert_str_eq(r.item[0].cause, "a?b");
	ck_assert_str_eq(r.item[0].test, "x?");
	ck_assert_str_eq(pool.text[row->test], r.item[0].test);
	ck_assert_int_eq(row->verdict, RESULT_PASS);
	ck_assert_double_eq(value_of(row, "worst_spread"), r.item[0].measure[MEASURE_SPREAD]);
	report_results_done(&r);
	pool_done(&pool);
	end();
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, reports_and_statistics_agree);
	tcase_add_test(tc, the_index_has_what_sidecars_have);
	tcase_add_test(tc, only_changed_files_are_read_again);
	tcase_add_test(tc, a_damaged_index_is_made_again);
	tcase_add_test(tc, an_index_that_lacks_something_is_made_again);
	tcase_add_test(tc, an_index_of_many_files_is_whole);
	tcase_add_test(tc, of_equal_names_the_first_counts);
	tcase_add_test(tc, the_cache_may_be_reached_through_a_link);
	tcase_add_test(tc, without_an_index_everything_works);
	tcase_add_test(tc, earlier_runs_are_apart);
	tcase_add_test(tc, what_is_not_a_sidecar_is_counted);
	tcase_add_test(tc, the_monitor_gives_metrics_and_rates);
	tcase_add_test(tc, payloads_give_metrics_of_their_own);
	tcase_add_test(tc, the_verdict_is_that_of_the_own_seed);
	tcase_add_test(tc, numbers_too_large_are_not_measured);
	tcase_add_test(tc, texts_are_made_printable);
	tcase_add_test(tc, values_are_passed_like_skipped);
	tcase_add_test(tc, brackets_are_checked_where_nothing_is_read);
	tcase_add_test(tc, what_is_not_json_is_refused);
	tcase_add_test(tc, numbers_are_rounded_once);
	tcase_add_test(tc, long_numbers_have_their_value);
}

int main(void)
{
	return t_main("index", fill);
}
