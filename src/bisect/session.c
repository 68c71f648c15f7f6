/* SPDX-License-Identifier: GPL-2.0-only */
/* session.c -- the course of a bisection; see bisect.h. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "bisect/bisect.h"

#define UNUSABLE_MAX 3 /* runs at a point without one that counts */

/* --- what is known ------------------------------------------------------------------------------------------------ */

static unsigned count_of(const json_t *record, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(record, key));
	return n > 0 && n <= UINT16_MAX ? (unsigned)n : 0;
}

static unsigned runs_of(const struct bisect_tally *t)
{
	return t->failed + t->passed + t->unusable;
}

/* The point cannot be built, or most of its runs end without a verdict: it tells nothing about the fault. */
static bool is_untestable(const struct bisect_tally *t)
{
	return t->refused || t->unusable >= UNUSABLE_MAX + 2 * (t->failed + t->passed);
}

static void take_record(struct bisect_session *s, size_t point, const json_t *record)
{
	struct bisect_tally *t = &s->tally[point];
	const char *reason = json_string_value(json_object_get(record, "untestable"));
	t->failed = count_of(record, "failed");
	t->passed = count_of(record, "passed");
	t->unusable = count_of(record, "unusable");
	t->failing_run = count_of(record, "failing_run");
	t->refused = reason;
	if (reason)
		text_copy_line(t->last, sizeof(t->last), reason, strlen(reason));
	posterior_tell(&s->posterior, point, t->failed, t->passed);
	if (is_untestable(t))
		posterior_skip(&s->posterior, point);
	s->known += runs_of(t);
	/* Check-outs were removed at the end; kernels are cached. */
	s->bench.is_ready[point] = runs_of(t) && s->settings->kind != BISECT_COMMITS;
}

static void take_journal(struct bisect_session *s)
{
	const char *wanted = json_string_value(json_object_get(s->journal.root, "failure"));
	if (s->settings->wanted || wanted)
		snprintf(s->wanted, sizeof(s->wanted), "%s", s->settings->wanted ?: wanted);
	for (size_t i = 0; i < s->points.history.count; i++) {
		const json_t *record = bisect_journal_find(&s->journal, s->points.point[i].key);
		if (record)
			take_record(s, i, record);
	}
	if (s->known)
		s->settings->say("note: %u run%s of an earlier command %s known; without '%s', all are made again\n",
				 s->known, plural(s->known), s->known == 1 ? "is" : "are", s->journal.path);
}

static int note_point(struct bisect_session *s, size_t point, struct err **err)
{
	const struct bisect_tally *t = &s->tally[point];
	json_t *record = json_object(), *points = json_incref(json_object_get(s->journal.root, "points"));
	json_put_u64(&record, "failed", t->failed);
	json_put_u64(&record, "passed", t->passed);
	json_put_u64(&record, "unusable", t->unusable);
	json_put_u64(&record, "failing_run", t->failing_run);
	if (is_untestable(t))
		json_put_text(&record, "untestable", t->last);
	json_put(&points, s->points.point[point].key, record);
	json_put(&s->journal.root, "points", points);
	json_put_text(&s->journal.root, "failure", *s->wanted ? s->wanted : NULL);
	return bisect_journal_save(&s->journal, err);
}

/* --- costs -------------------------------------------------------------------------------------------------------- */

/* Wall times of rounds of runs: the first at each point includes what it takes to prepare it. */
struct rounds {
	double first_ns, later_ns;
	unsigned first, later;
};

static void note_round(struct rounds *r, struct posterior_cost *cost, bool is_first, double ns)
{
	*(is_first ? &r->first_ns : &r->later_ns) += ns;
	*(is_first ? &r->first : &r->later) += 1;
	double first = r->first ? r->first_ns / r->first : 0;
	cost->run = r->later ? r->later_ns / r->later : first;
	cost->prepare = first > cost->run ? first - cost->run : 0;
}

/* --- one step ----------------------------------------------------------------------------------------------------- */

static const char *const phases[] = {
	[PHASE_CALIBRATE] = "the bad end",
	[PHASE_CHECK_GOOD] = "the good end",
	[PHASE_SEARCH] = "search",
	[PHASE_VERIFY] = "verify",
};

static void say_untestable(const struct bisect_session *s, size_t point)
{
	s->settings->say("cannot be tested: %s: %s\n", s->points.point[point].label, s->tally[point].last);
}

static void put_remaining(unsigned runs, struct buf *out)
{
	buf_appendf(out, "; about %u more run%s", runs, plural(runs));
}

/* Of a point that only goes on passing, a line for each doubling of its runs is enough. */
static void say_point(struct bisect_session *s, const struct strategy_step *step)
{
	const struct bisect_tally *t = &s->tally[step->point];
	_cleanup_buf_ struct buf line = BUF_NULL;
	if (s->said.point == step->point && s->said.failed == t->failed && s->said.phase == step->phase &&
	    runs_of(t) < 2 * s->said.runs)
		return;
	s->said.point = step->point;
	s->said.runs = runs_of(t);
	s->said.failed = t->failed;
	s->said.phase = step->phase;
	buf_appendf(&line, "%s: %s: %u of %u runs fail", phases[step->phase], s->points.point[step->point].label,
		    t->failed, t->failed + t->passed);
	if (t->unusable)
		buf_appendf(&line, ", %u do not count (%s)", t->unusable, t->last);
	if (step->phase == PHASE_SEARCH)
		put_remaining(posterior_remaining(&s->posterior, s->settings->error), &line);
	s->settings->say("%s\n", buf_str(&line));
}

static int make_round(struct bisect_session *s, size_t point, unsigned count, struct err **err)
{
	struct bisect_tally *t = &s->tally[point], before = *t;
	bool had_name = *s->wanted;
	int r = bisect_make_runs(&s->bench, point, runs_of(t), count, s->wanted, t, err);
	s->runs += runs_of(t) - runs_of(&before);
	if (r < 0)
		return r;
	if (!had_name && *s->wanted)
		s->settings->say("the failure: %s\n", s->wanted);
	posterior_tell(&s->posterior, point, t->failed - before.failed, t->passed - before.passed);
	return note_point(s, point, err);
}

static int skip_point(struct bisect_session *s, size_t point, struct err **err)
{
	s->tally[point].refused = true;
	posterior_skip(&s->posterior, point);
	say_untestable(s, point);
	return note_point(s, point, err);
}

static int make_step(struct bisect_session *s, const struct strategy_step *step, struct rounds *rounds,
		     struct err **err)
{
	struct bisect_tally *t = &s->tally[step->point], before = *t;
	bool was_ready = s->bench.is_ready[step->point];
	nsec_t began = nsec_now();
	int r = bisect_prepare(&s->bench, step->point, t->last, err);
	if (r > 0)
		return skip_point(s, step->point, err);
	while (r == 0 && !is_untestable(t) && t->failed - before.failed < step->max_fail &&
	       runs_of(t) - runs_of(&before) < step->runs && !s->over) {
		unsigned left = step->runs - (runs_of(t) - runs_of(&before));
		r = make_round(s, step->point, MIN_OF(left, s->settings->jobs), err);
		note_round(rounds, &s->cost, !was_ready, (double)(nsec_now() - began));
		was_ready = true;
		began = nsec_now();
		s->over = began >= s->until;
	}
	if (r == 0 && is_untestable(t))
		return skip_point(s, step->point, err);
	if (r == 0)
		say_point(s, step);
	return r;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

void bisect_session_done(struct bisect_session *s)
{
	bisect_bench_done(&s->bench);
	posterior_done(&s->posterior);
	bisect_journal_done(&s->journal);
	bisect_points_done(&s->points);
	free(s->tally);
}

static int open_session(struct bisect_session *s, struct err **err)
{
	int r = bisect_points_find(s->settings, &s->points, err);
	if (r == 0)
		r = bisect_journal_open(&s->journal, s->settings, &s->points, err);
	if (r == 0)
		r = bisect_bench_open(&s->bench, s->settings, &s->points, err);
	if (r == 0)
		r = posterior_init(&s->posterior, &s->points.history);
	if (r < 0)
		return r;
	s->tally = calloc(s->points.history.count, sizeof(*s->tally));
	s->cost = (struct posterior_cost){ .run = 1, .is_ready = s->bench.is_ready, .batch = s->settings->jobs };
	if (!s->tally)
		return -ENOMEM;
	take_journal(s);
	return 0;
}

/* An interrupted command goes on from its journal. */
static int keep_going(struct bisect_session *s, struct err **err)
{
	const struct strategy strategy = { .error = s->settings->error,
					   .calibrate_max = s->settings->calibrate_max,
					   .runs_max = s->settings->runs_max };
	struct strategy_step step;
	struct rounds rounds = { 0 };
	int r = 0;
	while (r == 0 && !s->over) {
		s->answer = strategy_next(&strategy, &s->posterior, &s->cost, &step);
		if (s->answer != STRATEGY_RUN)
			return 0;
		r = make_step(s, &step, &rounds, err);
	}
	/* The last runs before the end of the budget may have decided. */
	if (r == 0)
		s->answer = strategy_next(&strategy, &s->posterior, &s->cost, &step);
	if (r == 0 && s->answer == STRATEGY_RUN)
		s->answer = STRATEGY_LIMIT;
	if (r == -ECANCELED)
		s->settings->say("note: %u run%s kept; the same command goes on with them\n", s->known + s->runs,
				 s->known + s->runs == 1 ? " is" : "s are");
	return r;
}

int bisect_session_run(const struct bisect_settings *s, struct bisect_session *ret, struct err **err)
{
	nsec_t began = nsec_now();
	*ret = (struct bisect_session){ .settings = s, .until = began + s->budget };
	int r = open_session(ret, err);
	if (r == 0) {
		size_t between = ret->points.history.count - 2;
		s->say("%zu point%s between the ends\n", between, plural(between));
		r = keep_going(ret, err);
	}
	ret->wall = nsec_now() - began;
	return r;
}
