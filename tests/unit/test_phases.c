/* SPDX-License-Identifier: GPL-2.0-only */
/* The course of a test: its phases, their metrics and changes, against values that were worked out by hand. */
#include <string.h>

#include "t.h"
#include "verdict/phases.h"

#define MS 1000000ull

static struct evidence e;
static struct phases p;
static struct cpu_reading cpus[64][2];
static int64_t events[64][1];
static struct reading readings[64];
static struct series series;

static void take(enum wire_type type, uint64_t at_ms, const void *payload, size_t len)
{
	t_ok(evidence_take(&e, type, at_ms * MS, payload, (uint32_t)len, NULL));
}

static void take_phase(enum wire_phase_kind kind, unsigned index, uint64_t at_ms, const char *name)
{
	struct wire_phase phase = { .kind = kind, .index = index };
	snprintf(phase.name, sizeof(phase.name), "%s", name);
	take(WIRE_PHASE, at_ms, &phase, sizeof(phase));
}

/* A step from @from_ms on that holds until @to_ms; its set-up takes 10 ms. */
static void take_step(unsigned index, uint64_t from_ms, uint64_t to_ms, uint64_t iterations, const char *name)
{
	struct wire_stimulus s = {
		.step_index = (uint16_t)index, .op_count = 2, .worker_count = 4, .total_iterations = iterations
	};
	take_phase(WIRE_PHASE_STEP_START, index, from_ms - 10, name);
	take(WIRE_STIMULUS, from_ms, &s, sizeof(s));
	take_phase(WIRE_PHASE_HOLD, index, from_ms, name);
	take_phase(WIRE_PHASE_STEP_END, index, to_ms, name);
}

/* The next sample: tasks of two CPUs, of which the second has two, and its local queue. */
static void sample(uint64_t at_ms, uint64_t running, uint64_t depth, int64_t fallbacks)
{
	unsigned i = series.count++;
	cpus[i][0] = (struct cpu_reading){ .nr_running = running, .local_dsq_nr = depth, .clock = 1 + at_ms };
	cpus[i][1] = (struct cpu_reading){ .nr_running = 2, .local_dsq_nr = depth, .clock = 2 + at_ms };
	events[i][0] = fallbacks;
	readings[i] = (struct reading){ .at_ns = at_ms * MS,
					.cpu = cpus[i],
					.cpus = 2,
					.scx = true,
					.has_events = true,
					.event = events[i],
					.events = 1 };
}

static void begin(void)
{
	e = (struct evidence){ .series = &series };
	series =
		(struct series){ .cpus = 2, .reading = readings, .events = 1, .event_name = { "select_cpu_fallback" } };
}

static void end(void)
{
	phases_done(&p);
	evidence_done(&e);
}

static bool near(double a, double b)
{
	return a - b < 1e-9 && b - a < 1e-9;
}

START_TEST(phases_follow_the_steps)
{
	begin();
	take_step(0, 1000, 1500, 0, "calm");
	take_step(1, 1600, 2000, 0, "");
	sample(950, 2, 0, 0);
	sample(1100, 4, 1, 10);
	sample(1200, 6, 3, 20);
	sample(1550, 9, 9, 21); /* between two steps */
	sample(1700, 2, 0, 30);
	t_ok(phases_of(&e, &p));
	ck_assert_uint_eq(p.count, 3);
	const struct phase *base = &p.phase[0], *calm = &p.phase[1], *last = &p.phase[2];
	ck_assert(base->baseline && base->from_ns == 990 * MS && base->to_ns == 1000 * MS && !base->samples);
	ck_assert_str_eq(calm->name, "calm");
	ck_assert(calm->from_ns == 1000 * MS && calm->to_ns == 1500 * MS && calm->samples == 2 && calm->step == 0);
	ck_assert(calm->has_stimulus && calm->stimulus.op_count == 2);
	ck_assert(near(calm->value[PHASE_imbalance], 2.5) && near(calm->max_imbalance, 3));
	ck_assert(near(calm->value[PHASE_dsq_depth], 2) && near(calm->max_dsq_depth, 3));
	ck_assert(near(calm->avg_nr_running, 3.5));
	ck_assert(phase_has(calm, PHASE_fallback_rate) && near(calm->value[PHASE_fallback_rate], 100));
	ck_assert(!phase_has(calm, PHASE_keep_last_rate) && !phase_has(calm, PHASE_iteration_rate));
	ck_assert(!*last->name && last->step == 1 && last->samples == 1 && !phase_has(last, PHASE_fallback_rate));
	end();
}
END_TEST

START_TEST(the_baseline_begins_when_the_scheduler_attaches)
{
	struct wire_sched enabled = { .event = WIRE_SCHED_ENABLED };
	begin();
	take(WIRE_SCHED, 500, &enabled, sizeof(enabled));
	take_step(0, 1000, 1500, 0, "a");
	sample(600, 2, 0, 0);
	t_ok(phases_of(&e, &p));
	ck_assert(p.phase[0].from_ns == 500 * MS && p.phase[0].samples == 1);
	end();
}
END_TEST

/* What two steps have, and the change that is found between them; 0: none is. */
static const struct {
	uint64_t running[2], depth[2];
	int64_t fallbacks[2]; /* in 100 ms */
	enum phase_metric metric;
	double delta;
	bool better;
} changes[] = {
	{ { 3, 4 }, { 0, 0 }, { 0, 0 }, 0, 0, false }, /* 1.5 to 2: not more than 0.5 */
	{ { 3, 5 }, { 0, 0 }, { 0, 0 }, PHASE_imbalance, 1, false },
	{ { 5, 3 }, { 0, 0 }, { 0, 0 }, PHASE_imbalance, -1, true },
	{ { 2, 2 }, { 0, 3 }, { 0, 0 }, 0, 0, false },
	{ { 2, 2 }, { 0, 4 }, { 0, 0 }, PHASE_dsq_depth, 4, false },
	{ { 2, 2 }, { 0, 0 }, { 1, 2 }, 0, 0, false }, /* 10 a second more */
	{ { 2, 2 }, { 0, 0 }, { 9, 2 }, PHASE_fallback_rate, -70, true },
};

START_TEST(changes_are_found)
{
	begin();
	take_step(0, 1000, 1500, 0, "a");
	take_step(1, 1600, 2000, 0, "b");
	for (unsigned i = 0; i < 2; i++) {
		sample(1100 + 600 * i, changes[_i].running[i], changes[_i].depth[i], 100 * i);
		sample(1200 + 600 * i, changes[_i].running[i], changes[_i].depth[i],
		       100 * i + changes[_i].fallbacks[i]);
	}
	t_ok(phases_of(&e, &p));
	const struct phase *b = &p.phase[2];
	ck_assert_uint_eq(b->changes, changes[_i].delta != 0);
	if (b->changes)
		ck_assert(b->change[0].metric == changes[_i].metric && near(b->change[0].delta, changes[_i].delta) &&
			  b->change[0].better == changes[_i].better);
	end();
}
END_TEST

START_TEST(throughput_is_that_of_the_workers_or_of_the_stimuli)
{
	struct wire_cgroup g = { .workers = 1, .step = 1 };
	struct wire_worker w = { .end = WIRE_WORKER_COMPLETED, .iterations = 300 };
	begin();
	take_step(0, 1000, 1500, 100, "a");
	take_step(1, 2000, 2400, 600, "b");
	take(WIRE_CGROUP, 3000, &g, sizeof(g));
	take(WIRE_WORKER, 3000, &w, sizeof(w));
	t_ok(phases_of(&e, &p));
	/* 500 in the 500 ms of `a`, by what all workers had done when `b` began; 300 of the worker in 400 ms. */
	ck_assert(near(p.phase[1].value[PHASE_iteration_rate], 1000));
	ck_assert(near(p.phase[2].value[PHASE_iteration_rate], 750));
	ck_assert_uint_eq(p.phase[2].changes, 0); /* 25 % less */
	end();
}
END_TEST

START_TEST(stalls_are_counted_and_nonsense_is_left_out)
{
	begin();
	take_step(0, 1000, 1500, 0, "a");
	sample(1100, 2, 0, 0);
	sample(1200, 2, 0, 0);
	sample(1300, 2, 10001, 0);
	sample(1400, 2, 0, 0);
	cpus[1][0].clock = cpus[3][0].clock = cpus[0][0].clock;
	t_ok(phases_of(&e, &p));
	ck_assert(p.phase[1].samples == 3 && p.phase[1].stalls == 2);
	end();
}
END_TEST

START_TEST(without_steps_or_samples_there_is_little)
{
	begin();
	t_ok(phases_of(&e, &p));
	ck_assert_uint_eq(p.count, 0);
	end();
	begin();
	e.series = NULL;
	take_step(0, 1000, 1500, 0, "a");
	t_ok(phases_of(&e, &p));
	ck_assert(p.count == 2 && !p.phase[1].samples && !p.phase[1].has);
	end();
}
END_TEST

/* A guest that hangs sends nothing more, but is still looked at. */
START_TEST(the_last_hold_of_a_guest_that_hangs_has_its_later_samples)
{
	for (unsigned hangs = 0; hangs < 2; hangs++) {
		begin();
		take_phase(WIRE_PHASE_STEP_START, 0, 990, "a");
		take_phase(WIRE_PHASE_HOLD, 0, 1000, "a");
		for (unsigned i = 0; i < 20; i++)
			sample(1000 + i * 100, 1, 0, 0);
		if (hangs)
			snprintf(e.late_in, sizeof(e.late_in), "running");
		t_ok(phases_of(&e, &p));
		ck_assert_uint_eq(p.count, 2);
		ck_assert_uint_eq(p.phase[1].to_ns, hangs ? 2900 * MS : 1000 * MS);
		end();
	}
}
END_TEST

START_TEST(no_guest_makes_too_many_phases)
{
	begin();
	for (unsigned i = 0; i < PHASES_MAX + 5; i++)
		take_phase(WIRE_PHASE_HOLD, 0, 1000, "again");
	t_ok(phases_of(&e, &p));
	ck_assert(p.count == PHASES_MAX && p.lost == 6);
	end();
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, phases_follow_the_steps);
	tcase_add_test(tc, the_baseline_begins_when_the_scheduler_attaches);
	tcase_add_loop_test(tc, changes_are_found, 0, ARRAY_SIZE(changes));
	tcase_add_test(tc, throughput_is_that_of_the_workers_or_of_the_stimuli);
	tcase_add_test(tc, stalls_are_counted_and_nonsense_is_left_out);
	tcase_add_test(tc, without_steps_or_samples_there_is_little);
	tcase_add_test(tc, the_last_hold_of_a_guest_that_hangs_has_its_later_samples);
	tcase_add_test(tc, no_guest_makes_too_many_phases);
}

int main(void)
{
	return t_main("phases", fill);
}
