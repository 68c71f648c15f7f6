/* SPDX-License-Identifier: GPL-2.0-only */
/* What `ktstr try` makes of sidecars: answers, numbers, lists of what a scheduler lacks, the line that asks again. */
#include <math.h>
#include <string.h>

#include <ktstr/scheduler.h>

#include "cli/card.h"
#include "run/replay.h"
#include "t.h"

/* --- answers and numbers ------------------------------------------------------------------------------------------ */

#define WINDOW                                                                                                \
	"\"windows\": [{\"complete\": true, \"from_ns\": 0, \"to_ns\": 1000, \"loads\": [{\"run_ns\": 900}, " \
	"{\"run_ns\": 100}]}]"
#define LOADS                                                                                              \
	"\"loads\": [{\"longest_wait_ns\": 5000000, \"median_wakeup_ns\": 4000, \"p99_wakeup_ns\": 7000, " \
	"\"longest_idle_wait_ns\": 0}, {\"longest_wait_ns\": 9000000, \"median_wakeup_ns\": 3000}]"
#define SIDECAR(verdict, supports)                                                                                     \
	"{\"verdict\": \"" verdict "\", \"schedule\": {" supports WINDOW ", " LOADS "}, \"duration_ns\": 2000000000, " \
	"\"measured\": [{\"name\": \"other\", \"value\": 1}, {\"name\": \"spread\", \"value\": 12.5}], "               \
	"\"stats\": {\"cgroups\": [{\"cgroup_name\": \"forks\", \"total_iterations\": 500}, "                          \
	"{\"cgroup_name\": \"barrier\", \"max_gap_ms\": 33}]}, \"replay\": \"ktstr try x\", "                          \
	"\"details\": [{\"verdict\": \"pass\", \"message\": \"no\"}, {\"verdict\": \"" verdict "\", "                  \
	"\"message\": \"because\"}]}"

static const struct {
	const char *question, *sidecar;
	enum answer answer;
	double number;
	const char *cause;
} cases[] = {
	{ "progress", SIDECAR("pass", ""), ANSWER_PASS, 9, NULL },
	{ "progress", SIDECAR("fail", ""), ANSWER_FAIL, 9, "because" },
	{ "progress", SIDECAR("inconclusive", ""), ANSWER_UNKNOWN, 9, "because" },
	{ "progress", SIDECAR("skip", ""), ANSWER_UNKNOWN, 9, "because" },
	{ "weights", SIDECAR("pass", "\"supports_cpu_weight\": true, "), ANSWER_PASS, 90, NULL },
	{ "weights", SIDECAR("pass", "\"supports_cpu_weight\": false, "), ANSWER_NOT_SUPPORTED, NAN, NULL },
	{ "weights", SIDECAR("pass", "\"supports_cpu_weight\": null, "), ANSWER_UNKNOWN, 90,
	  "it is not known whether the scheduler supports this; --lacks says what it does not" },
	{ "weights", "{\"verdict\": \"pass\", \"scheduler_lacks\": [\"weight\"], \"schedule\": null}",
	  ANSWER_NOT_SUPPORTED, NAN, NULL },
	{ "weights", SIDECAR("fail", "\"supports_cpu_weight\": false, "), ANSWER_FAIL, 90, "because" },
	{ "nice", SIDECAR("pass", "\"supports_cpu_weight\": false, \"supports_nice\": true, "), ANSWER_PASS, 90, NULL },
	{ "quota", SIDECAR("pass", "\"supports_quota\": true, "), ANSWER_PASS, 90, NULL },
	{ "hotplug", SIDECAR("skip", "\"supports_hotplug\": false, "), ANSWER_NOT_SUPPORTED, NAN, NULL },
	{ "hotplug", SIDECAR("skip", "\"supports_hotplug\": true, "), ANSWER_UNKNOWN, 9, "because" },
	{ "wakeup_far", SIDECAR("pass", ""), ANSWER_PASS, 4, NULL },
	{ "interactivity", SIDECAR("pass", ""), ANSWER_PASS, 7, NULL },
	{ "conservation", SIDECAR("pass", ""), ANSWER_PASS, 0, NULL },
	{ "spread", SIDECAR("pass", ""), ANSWER_PASS, 12.5, NULL },
	{ "grouping", SIDECAR("pass", ""), ANSWER_PASS, NAN, NULL },
	{ "forks", SIDECAR("pass", ""), ANSWER_PASS, 250, NULL },
	{ "kthreads", SIDECAR("pass", ""), ANSWER_PASS, 33, NULL },
	{ "progress", "{}", ANSWER_UNKNOWN, NAN, NULL },
	{ "weights", "[]", ANSWER_UNKNOWN, NAN, NULL },
};

START_TEST(sidecars_become_answers)
{
	json_auto_t *sidecar = json_loads(cases[_i].sidecar, 0, NULL);
	const struct question *q = question_find(cases[_i].question);
	struct card c = { .scheduler = "mine" };
	ck_assert(sidecar && q);
	struct card_row *row = card_row(&c, q);
	t_ok(card_take(row, sidecar, /* reference= */ false));
	ck_assert_str_eq(answer_names[row->answer], answer_names[cases[_i].answer]);
	ck_assert(isnan(cases[_i].number) ? isnan(row->number) : fabs(row->number - cases[_i].number) < 1e-9);
	ck_assert(cases[_i].cause ? row->cause && !strcmp(row->cause, cases[_i].cause) : !row->cause);
	ck_assert_uint_eq(card_count(&c, cases[_i].answer), 1);
	card_done(&c);
}
END_TEST

/* EEVDF's number is only shown of what it passes. */
START_TEST(numbers_of_the_reference)
{
	static const char *const sidecars[] = { SIDECAR("pass", ""), SIDECAR("fail", "") };
	for (size_t i = 0; i < 2; i++) {
		json_auto_t *sidecar = json_loads(sidecars[i], 0, NULL);
		struct card c = { .scheduler = "mine" };
		struct card_row *row = card_row(&c, question_find("progress"));
		t_ok(card_take(row, sidecar, /* reference= */ true));
		ck_assert(!row->asked && isnan(row->number) && card_count(&c, ANSWER_UNKNOWN) == 0);
		ck_assert(i ? isnan(row->reference) : row->reference > 8.9);
		card_done(&c);
	}
}
END_TEST

START_TEST(questions_are_complete)
{
	size_t count = 0;
	for (const struct question *q = questions; q->name; q++, count++) {
		ck_assert_ptr_eq(question_find(q->name), q);
		ck_assert(q->shows && q->unit && q->judged && q->number && strlen(q->name) < 15);
	}
	ck_assert_uint_ge(count, 14);
	ck_assert_uint_le(count, CARD_ROWS_MAX);
	ck_assert_ptr_null(question_find("weight"));
}
END_TEST

/* --- what a scheduler lacks --------------------------------------------------------------------------------------- */

START_TEST(lacks_are_written_and_read)
{
	static const struct {
		unsigned lacks;
		const char *text;
	} lists[] = { { 0, "" },
		      { KTSTR_LACKS(NOTHING), "nothing" },
		      { KTSTR_LACKS(NICE), "nice" },
		      { KTSTR_LACKS(HOTPLUG, WEIGHT), "weight,hotplug" },
		      { KTSTR_LACKS(HOTPLUG, WEIGHT, NICE), "weight,nice,hotplug" },
		      { KTSTR_LACKS(QUOTA, HOTPLUG, WEIGHT, NICE), "weight,nice,quota,hotplug" } };
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		_cleanup_buf_ struct buf text = BUF_NULL;
		unsigned lacks = 0;
		char words[64], *save = NULL;
		lacks_format(lists[i].lacks, &text);
		ck_assert_str_eq(buf_str(&text), lists[i].text);
		snprintf(words, sizeof(words), "%s", lists[i].text);
		for (char *w = strtok_r(words, ",", &save); w; w = strtok_r(NULL, ",", &save))
			t_ok(lacks_add(w, &lacks));
		ck_assert_uint_eq(lacks, lists[i].lacks);
		ck_assert_int_eq(lacks_add("weights", &lacks), -EINVAL);
	}
}
END_TEST

/* --- the line that asks again ------------------------------------------------------------------------------------- */

static char binary[] = "./scx mine", name[] = "scx_mine", slice[] = "--slice", five[] = "5";
static char *args[] = { slice, five, NULL };

START_TEST(questions_are_asked_again)
{
	const struct question_decl weights = { question_find("weights") };
	struct sched_decl plain = { .name = name, .binary = name }, full = {
		.name = name, .binary = binary, .args = args, .load_cpu = 1, .lacks = KTSTR_LACKS(NICE)
	};
	const struct {
		const struct sched_decl *scheduler;
		bool clone;
		const char *line;
	} lines[] = {
		{ &plain, true,
		  "ktstr try --question weights --no-reference --kernel k --accel tcg --seed 0x7 scx_mine" },
		{ NULL, false,
		  "ktstr try --question weights --no-reference --eevdf --kernel k --accel tcg --start boot --seed "
		  "0x7" },
		{ &full, true,
		  "ktstr try --question weights --no-reference --load-cpu 0 --lacks nice --kernel k --accel tcg --seed "
		  "0x7 './scx mine' -- --slice 5" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_buf_ struct buf line = BUF_NULL;
		const struct replay_facts facts = { .question = &weights,
						    .scheduler = lines[i].scheduler,
						    .clone = lines[i].clone,
						    .test = "try/scx_mine/weights",
						    .binary = "/proc/1/fd/4",
						    .kernel = "k",
						    .accel = "tcg",
						    .perf = PLAN_PERF_NONE,
						    .seed = 7 };
		replay_line(&facts, &line);
		ck_assert_str_eq(buf_str(&line), lines[i].line);
	}
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, sidecars_become_answers, 0, ARRAY_SIZE(cases));
	tcase_add_test(tc, numbers_of_the_reference);
	tcase_add_test(tc, questions_are_complete);
	tcase_add_test(tc, lacks_are_written_and_read);
	tcase_add_test(tc, questions_are_asked_again);
}

int main(void)
{
	return t_main("try", fill);
}
