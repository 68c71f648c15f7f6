/* SPDX-License-Identifier: GPL-2.0-only */
/* What --perturb accepts, and that its text says the same again. */
#include "run/perturb.h"
#include "run/perturb_file.h"
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
	char text[PERTURB_TEXT_MAX], again_text[PERTURB_TEXT_MAX];
	t_ok(perturb_parse(valid[_i].text, &p, NULL));
	ck_assert_uint_eq(p.seed, valid[_i].seed);
	ck_assert_uint_eq(p.one_in, valid[_i].one_in);
	ck_assert_uint_eq(p.hold_ns, valid[_i].hold_ns);
	ck_assert(perturb_on(&p));
	ck_assert_uint_eq(p.at, PERTURB_AT);
	t_ok(perturb_parse(perturb_format(&p, text), &again, NULL));
	ck_assert_str_eq(text, perturb_format(&again, again_text));
}
END_TEST

/* Each policy, written with all of its parts. */
static const struct {
	const char *text, *whole, *policy;
} policies[] = {
	{ "random,seed=7", "seed=7,one-in=3,hold=500000ns", "random" },
	{ "pct:3,seed=7", "pct:3,seed=7,hold=10000000ns", "pct" },
	{ "pct:3,seed=7,span=2s,hold=1ms,at=code", "pct:3,seed=7,hold=1000000ns,span=2000000000ns,at=code", "pct" },
	{ "window,seed=7", "window:1000000ns,seed=7,one-in=2,hold=500000ns", "window" },
	{ "window:2ms,seed=7,one-in=9", "window:2000000ns,seed=7,one-in=9,hold=500000ns", "window" },
	{ "window:2ms,at=ipis", "window:2000000ns,seed=0,one-in=2,hold=500000ns,at=windows+ipis", "window" },
	{ "at=windows+timers", "window:1000000ns,seed=0,one-in=2,hold=500000ns,at=windows+timers", "window" },
	{ "7,at=locks+tasks", "seed=7,one-in=3,hold=500000ns,at=tasks+locks", "random" },
	{ "7,at=tasks+queues+kfuncs+atomics+locks", "seed=7,one-in=3,hold=500000ns", "random" },
	{ "7,then=100:5,then=200:6", "seed=7,one-in=3,hold=500000ns,then=100:5,then=200:6", "random" },
};

START_TEST(policies_are_written_with_all_parts)
{
	struct observe_perturb p, again;
	char text[PERTURB_TEXT_MAX];
	t_ok(perturb_parse(policies[_i].text, &p, NULL));
	ck_assert_str_eq(perturb_format(&p, text), policies[_i].whole);
	ck_assert_str_eq(perturb_policy(&p), policies[_i].policy);
	ck_assert(perturb_on(&p));
	t_ok(perturb_parse(policies[_i].whole, &again, NULL));
	ck_assert_str_eq(perturb_format(&again, text), policies[_i].whole);
	ck_assert_uint_eq(perturb_hash(&p), perturb_hash(&again));
}
END_TEST

START_TEST(the_longest_text_fits)
{
	struct observe_perturb p = { .seed = UINT64_MAX,
				     .one_in = UINT32_MAX,
				     .hold_ns = OBSERVE_HOLD_NS_MAX,
				     .span_ns = PERTURB_SPAN_NS_MAX,
				     .at = OBSERVE_EVENTS | PERTURB_AT | PERTURB_OPS | PERTURB_RQ_LOCKS,
				     .window_ns = PERTURB_WINDOW_NS_MAX,
				     .branches = OBSERVE_BRANCHES_MAX };
	char text[PERTURB_TEXT_MAX];
	for (unsigned i = 0; i < OBSERVE_BRANCHES_MAX; i++)
		p.branch[i] = (struct observe_branch){ UINT64_MAX, UINT64_MAX };
	ck_assert_uint_lt(strlen(perturb_format(&p, text)) + 1, PERTURB_TEXT_MAX);
}
END_TEST

static const char *const wrong[] = { "",
				     "points=2,sum=3dab03a6",
				     "7,",
				     "seed=",
				     "seed=-1",
				     "one-in=0",
				     "hold=0ns",
				     "hold=5",
				     "hold=101ms",
				     "holds=5us",
				     "seed=7;8",
				     "one-in=a",
				     "7,8,x",
				     "=7",
				     "pct",
				     "pct:0",
				     "pct:65",
				     "pct=3",
				     "pct:3,one-in=2",
				     "pct:3,then=5:1",
				     "span=2s",
				     "pct:3,span=0s",
				     "window:0ns",
				     "window:2s",
				     "at=",
				     "at=tasks+",
				     "at=tasks+tasks",
				     "at=task",
				     "then=5",
				     "then=5:",
				     "then=5:1,then=5:2",
				     "then=6:1,then=5:2",
				     "then=1:1,then=2:1,then=3:1,then=4:1,then=5:1",
				     "seed:7",
				     "seed=18446744073709551616",
				     "random,random",
				     "random=3",
				     "7,8",
				     "7,seed=8",
				     "one-in=3,one-in=3",
				     "hold=1us,seed=1,hold=1us",
				     "pct:2,pct:3",
				     "window,window:1ms",
				     "at=tasks,at=locks",
				     "random,pct:2",
				     "pct:2,random",
				     "random,window:1ms" };

START_TEST(wrong_text_is_named)
{
	struct observe_perturb p = { .seed = 99 };
	struct err *err = NULL;
	t_errno(perturb_parse(wrong[_i], &p, &err), EINVAL);
	ck_assert_uint_eq(p.seed, 99);
	err_free(err);
}
END_TEST

/* What is wrong, and what would be valid. */
static const struct {
	const char *text, *said;
} named[] = {
	{ "random,pct:2", "random, pct:D and window are policies; leave random out" },
	{ "seed=1,one-in=3,one-in=4", "a perturbation has 'one-in' twice, the second time as 'one-in=4'" },
	{ "3,seed=4", "a perturbation has 'seed' twice" },
	{ "pct:99", "'pct:99' is not valid in a perturbation; valid is pct:D, from 1 to 64" },
	{ "at=codes",
	  "valid is at=SET+SET, each set once: tasks, queues, kfuncs, atomics, locks, ops, rq-locks, windows, "
	  "ipis, timers, code" },
	{ "points=2", "'points=2' is not a part of a perturbation" },
};

START_TEST(errors_say_what_is_valid)
{
	struct observe_perturb p;
	struct err *err = NULL;
	t_errno(perturb_parse(named[_i].text, &p, &err), EINVAL);
	t_err_contains(&err, named[_i].said);
}
END_TEST

/* The table of parts names all sets. */
START_TEST(all_sets_are_valid)
{
	struct observe_perturb p;
	struct err *err = NULL;
	const char *word;
	uint32_t set;
	for (unsigned i = 0; (word = perturb_set_word(i, &set)); i++) {
		t_errno(perturb_parse("at=?", &p, &err), EINVAL);
		t_err_contains(&err, word);
	}
}
END_TEST

/* Files have these numbers, so they must not change. */
START_TEST(events_have_numbers)
{
	ck_assert_str_eq(perturb_event(0), "try_to_wake_up");
	ck_assert_str_eq(perturb_event(21), "bpf_map_lookup_elem");
	ck_assert_ptr_null(perturb_event(perturb_event_count()));
	for (uint32_t i = 0; i < perturb_event_count(); i++)
		ck_assert_int_eq(perturb_event_index(perturb_event_id(i)), (int)i);
	t_errno(perturb_event_index(PERTURB_FIRST_HOOK - 1), ENOENT);
}
END_TEST

START_TEST(sets_have_words)
{
	uint32_t all = 0, set;
	const char *word;
	for (unsigned i = 0; (word = perturb_set_word(i, &set)); i++) {
		ck_assert_uint_eq(perturb_set(word), set);
		ck_assert_uint_eq(all & set, 0);
		all |= set;
	}
	ck_assert_uint_eq(all & (PERTURB_AT | OBSERVE_EVENTS), PERTURB_AT | OBSERVE_EVENTS);
	ck_assert_uint_eq(perturb_set("task"), 0);
}
END_TEST

/* --- files -------------------------------------------------------------------------------------------------------- */

static const struct observe_point points[] = { { 3, PERTURB_FIRST_HOOK + 2, 500 },
					       { 9, PERTURB_FIRST_HOOK, OBSERVE_HOLD_NS_MAX } };

START_TEST(points_are_written_and_read)
{
	const struct observe_perturb how = { .seed = UINT64_MAX, .one_in = 3, .hold_ns = 500 };
	struct observe_perturb p;
	struct observe_point *again;
	char text[PERTURB_TEXT_MAX];
	json_auto_t *file = perturb_file_json(&how, points, ARRAY_SIZE(points));
	t_ok(perturb_file_parse(file, &p, &again, NULL));
	ck_assert_uint_eq(p.point_count, ARRAY_SIZE(points));
	ck_assert_uint_eq(p.seed, UINT64_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		ck_assert_uint_eq(again[i].hit, points[i].hit);
		ck_assert_uint_eq(again[i].hook, points[i].hook);
		ck_assert_uint_eq(again[i].hold_ns, points[i].hold_ns);
	}
	ck_assert(perturb_on(&p));
	ck_assert_str_eq(perturb_format(&p, text), "points=2,sum=3dab03a6");
	free(again);
}
END_TEST

/* Numbers of events mean something only beside the events that have them. */
START_TEST(files_say_which_events_count)
{
	const struct observe_point one = { 3, OBSERVE_EVENT_IDS + OBSERVE_IPI, 500 };
	struct observe_perturb how, p;
	struct observe_point *again;
	t_ok(perturb_parse("window:2ms,at=ipis+code", &how, NULL));
	json_auto_t *file = perturb_file_json(&how, &one, 1);
	t_ok(perturb_file_parse(file, &p, &again, NULL));
	ck_assert_uint_eq(p.at, OBSERVE_WINDOW | OBSERVE_IPI | OBSERVE_CODE);
	ck_assert_uint_eq(p.window_ns, 2000000);
	ck_assert_uint_eq(again[0].hook, one.hook);
	free(again);
}
END_TEST

/* A subset, down to none: then nothing is held back, but the run is a perturbed one. */
START_TEST(a_file_may_have_no_points)
{
	json_auto_t *file = json_loads("{\"perturb\": 1, \"points\": []}", 0, NULL);
	struct observe_perturb p;
	struct observe_point *none;
	t_ok(perturb_file_parse(file, &p, &none, NULL));
	ck_assert_uint_eq(p.point_count, 0);
	ck_assert_uint_eq(p.at, PERTURB_AT); /* as files were before they said it */
	ck_assert(perturb_on(&p));
	free(none);
}
END_TEST

static const char *const wrong_files[] = {
	"[]",
	"{}",
	"{\"perturb\": 1}",
	"{\"perturb\": 2, \"points\": []}",
	"{\"perturb\": 1, \"points\": [3]}",
	"{\"perturb\": 1, \"points\": [[1, 2]]}",
	"{\"perturb\": 1, \"points\": [[1, 2, 3, 4]]}",
	"{\"perturb\": 1, \"points\": [[1, 2, 0]]}",
	"{\"perturb\": 1, \"points\": [[1, 2, 100000001]]}",
	"{\"perturb\": 1, \"points\": [[-1, 2, 3]]}",
	"{\"perturb\": 1, \"points\": [[1, 99, 3]]}",
	"{\"perturb\": 1, \"points\": [[1, 2, 3], [1, 2, 3]]}",
	"{\"perturb\": 1, \"points\": [[2, 2, 3], [1, 2, 3]]}",
	"{\"perturb\": 1, \"points\": [], \"at\": []}",
	"{\"perturb\": 1, \"points\": [], \"at\": [\"task\"]}",
	"{\"perturb\": 1, \"points\": [], \"at\": [\"windows\"]}",
	"{\"perturb\": 1, \"points\": [], \"at\": [\"windows\"], \"window_ns\": 0}",
};

START_TEST(wrong_files_are_refused)
{
	json_auto_t *file = json_loads(wrong_files[_i], 0, NULL);
	struct observe_perturb p;
	struct observe_point *none;
	struct err *err = NULL;
	ck_assert_ptr_nonnull(file);
	t_errno(perturb_file_parse(file, &p, &none, &err), EBADMSG);
	ck_assert_ptr_nonnull(err);
	err_free(err);
}
END_TEST

static const struct {
	const char *points, *said;
} named_points[] = {
	{ "3", "its \"points\" is to be a list of points, each [event, function, hold_ns]" },
	{ "[[1, 2, 5], 7]", "points[1], '7', is not valid: a point is [event, function, hold_ns], three numbers" },
	{ "[[\"x\", 2, 5]]", "points[0], '[\"x\",2,5]', is not valid: its event is to be a number from 0 on" },
	{ "[[1, 99, 5]]", "points[0], '[1,99,5]', is not valid: its function is to be an index of \"functions\"" },
	{ "[[1, 2, 0]]", "its hold_ns is to be a number from 1 to 100000000" },
	{ "[[4, 2, 9], [4, 2, 9]]", "points[1], '[4,2,9]', is not valid: its event is to come after" },
};

START_TEST(wrong_points_are_named)
{
	struct observe_perturb p;
	struct observe_point *none;
	struct err *err = NULL;
	char text[200];
	snprintf(text, sizeof(text), "{\"perturb\": 1, \"points\": %s}", named_points[_i].points);
	json_auto_t *file = json_loads(text, 0, NULL);
	t_errno(perturb_file_parse(file, &p, &none, &err), EBADMSG);
	t_err_contains(&err, named_points[_i].said);
}
END_TEST

START_TEST(files_are_told_from_texts)
{
	ck_assert(perturb_is_file("a.json"));
	ck_assert(perturb_is_file("./a"));
	ck_assert(!perturb_is_file("seed=7,one-in=3,hold=500us"));
	ck_assert(!perturb_is_file(".json"));
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, points_are_written_and_read);
	tcase_add_test(tc, files_say_which_events_count);
	tcase_add_test(tc, a_file_may_have_no_points);
	tcase_add_loop_test(tc, wrong_files_are_refused, 0, ARRAY_SIZE(wrong_files));
	tcase_add_test(tc, files_are_told_from_texts);
	tcase_add_loop_test(tc, valid_text_is_read_and_written, 0, ARRAY_SIZE(valid));
	tcase_add_loop_test(tc, wrong_text_is_named, 0, ARRAY_SIZE(wrong));
	tcase_add_loop_test(tc, errors_say_what_is_valid, 0, ARRAY_SIZE(named));
	tcase_add_test(tc, all_sets_are_valid);
	tcase_add_loop_test(tc, wrong_points_are_named, 0, ARRAY_SIZE(named_points));
	tcase_add_loop_test(tc, policies_are_written_with_all_parts, 0, ARRAY_SIZE(policies));
	tcase_add_test(tc, the_longest_text_fits);
	tcase_add_test(tc, events_have_numbers);
	tcase_add_test(tc, sets_have_words);
}

int main(void)
{
	return t_main("perturb", fill);
}
