/* SPDX-License-Identifier: GPL-2.0-only */
/* Report cards of `ktstr try` with every kind of answer: wide, with colours, narrow, and as JSON. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/card.h"

static void fill(struct card *c)
{
	static const struct {
		const char *question;
		enum answer answer;
		double number, reference;
		const char *cause;
	} rows[] = {
		{ "progress", ANSWER_PASS, 24.04, 18.2, NULL },
		{ "fairness", ANSWER_PASS, 99.4, 98.71, NULL },
		{ "weights", ANSWER_FAIL, 50.02, 99.1,
		  "cgroup 'heavy' got 50.0 % of the CPU time in 1.00 s in which all workers were ready to run: by its "
		  "cpu.weight it should get 99.0 %, and without 50.0 % (limit 74.5 %)" },
		{ "quota", ANSWER_NOT_SUPPORTED, NAN, 50.1, NULL },
		{ "wakeup_near", ANSWER_PASS, 4.6, 4.1, NULL },
		{ "interactivity", ANSWER_PASS, 11534, 812, NULL },
		{ "forks", ANSWER_PASS, 746, 801, NULL },
		{ "hotplug", ANSWER_UNKNOWN, NAN, NAN, "the host was too busy; run fewer tests at a time (--jobs)" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct card_row *r = card_row(c, question_find(rows[i].question));
		r->asked = true;
		r->answer = rows[i].answer;
		r->number = rows[i].number;
		r->reference = rows[i].reference;
		r->reference_answer = isnan(rows[i].reference) ? ANSWER_FAIL : ANSWER_PASS;
		r->cached = i < 2;
		r->cause = rows[i].cause ? strdup(rows[i].cause) : NULL;
		r->replay = rows[i].cause ? strdup("ktstr try --question x --seed 0x7 ./scx_mine") : NULL;
	}
}

int main(void)
{
	static const struct {
		const char *title;
		struct term term;
	} terms[] = { { "not a terminal", { .fd = -1 } },
		      { "100 columns, colours", { .fd = -1, .columns = 100, .colour = true } },
		      { "48 columns", { .fd = -1, .columns = 48 } } };
	struct card c = { .scheduler = "scx_mine", .kernel = "6.12.117", .backend = "tcg", .seed = 7 };
	fill(&c);
	for (size_t i = 0; i < ARRAY_SIZE(terms); i++) {
		_cleanup_buf_ struct buf out = BUF_NULL;
		card_render(&c, &terms[i].term, &out);
		printf("=== %s\n%s", terms[i].title, buf_str(&out));
	}
	_cleanup_buf_ struct buf out = BUF_NULL;
	json_auto_t *o = card_json(&c);
	json_print(o, true, &out);
	printf("=== JSON\n%s", buf_str(&out));
	card_done(&c);
	return 0;
}
