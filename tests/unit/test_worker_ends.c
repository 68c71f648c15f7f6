/* SPDX-License-Identifier: GPL-2.0-only */
/* Workers that end too early or not at all: what is said of them, and before which other findings. */
#include <signal.h>
#include <string.h>

#include "made.h"
#include "t.h"

static void last_worker_ended(enum wire_worker_end end, int code, uint8_t state, uint8_t child_state)
{
	struct wire_worker *w = &made.worker[made.worker_count - 1].wire;
	w->end = end;
	w->end_code = code;
	w->state = state;
	w->child_state = child_state;
}

static const struct {
	enum wire_worker_end end;
	int code;
	uint8_t state, child_state;
	const char *words;
} ends[] = {
	{ WIRE_WORKER_SIGNALED, SIGSEGV, 0, 0, "worker tid 40 was killed by SIGSEGV" },
	{ WIRE_WORKER_EXITED, 3, 0, 0, "worker tid 40 exited with status 3 before it was stopped" },
	{ WIRE_WORKER_EXITED, -1, 0, 0, "worker tid 40 ended before it was stopped; its exit status is lost" },
	{ WIRE_WORKER_TIMED_OUT, 0, 'R', 0, "worker tid 40 did not get to run within 5 s of being told to stop" },
	{ WIRE_WORKER_TIMED_OUT, 0, 'D', 0, "worker tid 40 waits in the kernel and did not end within 5 s" },
	{ WIRE_WORKER_TIMED_OUT, 57, 'S', 'R',
	  "worker tid 40 waits for its child 57, which is ready to run, but does not run" },
};

START_TEST(a_bad_end_says_whose_fault_it_was)
{
	made_begin();
	made_load("a", 1, 0);
	made_worker(ends[_i].child_state ? 0 : 5, 10, 500, 1);
	last_worker_ended(ends[_i].end, ends[_i].code, ends[_i].state, ends[_i].child_state);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_FAIL, ends[_i].words);
}
END_TEST

START_TEST(workers_that_end_alike_are_one_finding)
{
	made_begin();
	made_load("a", 3, 0);
	for (unsigned i = 0; i < 3; i++) {
		made_worker(5, 10, 500, 1);
		last_worker_ended(WIRE_WORKER_SIGNALED, i == 1 ? SIGKILL : SIGSEGV, 0, 0);
	}
	made_result(KTSTR_PASS);
	t_ok(judge(&made, &made_facts, &made_judgement));
	ck_assert_uint_eq(made_judgement.details, 2);
	ck_assert(strstr(made_judgement.detail[0].text, "killed by SIGSEGV; so did 1 more"));
	ck_assert(strstr(made_judgement.detail[1].text, "tid 41 was killed by SIGKILL"));
	judgement_done(&made_judgement);
	made_end();
}
END_TEST

/* A worker that was killed or stopped is named before what it did not do, and before those that waited for it. */
START_TEST(an_end_that_explains_others_comes_first)
{
	static const struct {
		enum wire_worker_end end;
		int code;
		uint8_t state;
		const char *cause, *next;
	} rows[] = {
		{ WIRE_WORKER_SIGNALED, SIGKILL, 0, "worker tid 41 was killed by SIGKILL", "tid 40 starved" },
		{ WIRE_WORKER_EXITED, 0, 0, "worker tid 41 exited with status 0", "tid 40 starved" },
		{ WIRE_WORKER_TIMED_OUT, 0, 'T', "worker tid 41 is stopped and did not end", "tid 40 starved" },
		{ WIRE_WORKER_TIMED_OUT, 0, 'R', "tid 40 starved", "tid 40 made no progress" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		made_begin();
		made_load("a", 1, 0);
		made_worker(0, 5000, 500, 1);
		made_load("b", 1, 0);
		made_worker(0, 5000, 500, 1);
		last_worker_ended(rows[i].end, rows[i].code, rows[i].state, 0);
		made_result(KTSTR_PASS);
		t_ok(judge(&made, &made_facts, &made_judgement));
		const char *cause = made_judgement.detail[0].text, *next = made_judgement.detail[1].text;
		ck_assert_msg(strstr(cause, rows[i].cause), "%s", cause);
		ck_assert_msg(strstr(next, rows[i].next), "%s", next);
		judgement_done(&made_judgement);
		made_end();
	}
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, an_end_that_explains_others_comes_first);
	tcase_add_loop_test(tc, a_bad_end_says_whose_fault_it_was, 0, ARRAY_SIZE(ends));
	tcase_add_test(tc, workers_that_end_alike_are_one_finding);
}

int main(void)
{
	return t_main("worker_ends", fill);
}
