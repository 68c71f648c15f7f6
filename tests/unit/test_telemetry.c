/* SPDX-License-Identifier: GPL-2.0-only */
/* The notes of a worker about itself: gaps, waits, samples, CPUs; by the counter, and by clocks that cost a call. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "guest/work/histogram.h"
#include "guest/work/own_delay.h"
#include "guest/work/work.h"
#include "guest/workers/delay.h"
#include "t.h"

#define PAUSE (20 * NSEC_PER_MSEC)

static struct worker_slot slot;
static struct ktstr_work work;
static nsec_t began, slept;

static struct ktstr_worker worker(bool counter, bool quiet)
{
	static const struct ticks asked = { .ns_q24 = 1 << 24 };
	memset(&slot, 0, sizeof(slot));
	work = (struct ktstr_work){ .type = KTSTR_WORK_SPIN_WAIT, .quiet = quiet };
	struct ktstr_worker w = { .slot = &slot, .work = &work, .type = work_type(&work), .clock = asked };
	if (counter)
		w.clock = *ticks();
	began = nsec_now();
	slept = 0;
	worker_begin(&w);
	return w;
}

static void pause_here(void)
{
	static const struct timespec length = { .tv_nsec = PAUSE };
	nsec_t before = nsec_now();
	nanosleep(&length, NULL);
	slept += nsec_now() - before;
}

/* Allows 0.1 % for a clock that was calibrated over 2 ms. */
static bool at_least(uint64_t ns, nsec_t least)
{
	return ns >= (uint64_t)(least - least / 1000);
}

START_TEST(a_tick_has_its_length)
{
	const struct ticks *t = ticks();
	ck_assert_ptr_eq(t, ticks());
	nsec_t outer = nsec_now();
	int64_t first = ticks_now(t);
	nsec_t inner = nsec_now();
	pause_here();
	inner = nsec_now() - inner;
	uint64_t ns = ticks_ns(t, ticks_now(t) - first);
	outer = nsec_now() - outer;
	ck_assert(at_least(ns, inner) && ns <= (uint64_t)(outer + outer / 1000));
	ck_assert_uint_eq(ticks_ns(t, -1), 0);
	ck_assert_uint_ge(ticks_ns(t, ns_ticks(t, PAUSE)), PAUSE - 2);
	ck_assert_uint_le(ticks_ns(t, ns_ticks(t, PAUSE)), PAUSE);
	ck_assert(fabs(ticks_length_ns(t) * (double)ns_ticks(t, PAUSE) - PAUSE) < 2);
}
END_TEST

/* The values 1 to @most, in a scattered order. */
static void note_all(struct histogram *h, unsigned most)
{
	for (unsigned i = 0; i < most; i++)
		histogram_note(h, 1 + (uint64_t)i * 7919 % most);
}

START_TEST(percentiles_are_at_most_one_in_32_too_high)
{
	static const double share[] = { 0.001, 0.01, 0.5, 0.9, 0.99, 0.999, 1 };
	static const unsigned most[] = { 100, 1000, 1000000 };
	struct histogram *h = calloc(1, sizeof(*h));
	ck_assert(histogram_percentile(h, 0.5) == 0);
	note_all(h, most[_i]);
	for (size_t i = 0; i < ARRAY_SIZE(share); i++) {
		double exact = ceil(most[_i] * share[i]), got = histogram_percentile(h, share[i]);
		ck_assert_msg(got > exact && got <= exact * 33 / 32 + 1, "%g of %u: %g", share[i], most[_i], got);
	}
	free(h);
}
END_TEST

START_TEST(a_histogram_has_room_for_every_value)
{
	struct histogram *h = calloc(1, sizeof(*h));
	unsigned last = 0;
	for (uint64_t value = 0; value < 4096; value++) {
		unsigned b = histogram_bucket(value);
		ck_assert(b == last || b == last + 1);
		last = b;
	}
	ck_assert_uint_eq(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
	histogram_note(h, UINT64_MAX);
	histogram_note(h, 0);
	ck_assert(histogram_percentile(h, 0.5) == 1);
	ck_assert(histogram_percentile(h, 1) == 0x1p64);
	free(h);
}
END_TEST

START_TEST(time_between_turns_is_a_gap)
{
	struct ktstr_worker w = worker(_i, false);
	ktstr_worker_turn(&w, WORKER_LOOK_UNITS);
	pause_here();
	for (unsigned i = 0; i < WORKER_CLOCK_EVERY; i++)
		ktstr_worker_turn(&w, WORKER_LOOK_UNITS);
	ck_assert(at_least(slot.report.max_gap_ns, PAUSE));
	ck_assert_uint_le(slot.report.max_gap_ns, nsec_now() - began + PAUSE / 1000);
	ck_assert(at_least(slot.report.max_gap_at_ns, PAUSE));
	ck_assert_uint_eq(slot.report.work_units, WORKER_LOOK_UNITS * (WORKER_CLOCK_EVERY + 1));
	ck_assert_uint_eq(slot.report.iterations, WORKER_CLOCK_EVERY + 1);
}
END_TEST

/* At most 256 turns between two looks at the clock, however short the turns are. */
START_TEST(small_turns_are_looked_at)
{
	struct ktstr_worker w = worker(_i, false);
	pause_here();
	for (unsigned i = 0; i < WORKER_LOOK_TURNS * WORKER_CLOCK_EVERY; i++)
		ktstr_worker_turn(&w, 1);
	ck_assert(at_least(slot.report.max_gap_ns, PAUSE));
}
END_TEST

START_TEST(a_meant_wait_is_no_gap)
{
	struct ktstr_worker w = worker(_i, false);
	ktstr_worker_block(&w);
	ck_assert(atomic_load(&slot.blocked));
	pause_here();
	ktstr_worker_resume(&w);
	ck_assert(!atomic_load(&slot.blocked));
	ktstr_worker_block(&w);
	ck_assert_uint_le(slot.report.max_gap_ns, nsec_now() - began - slept + PAUSE / 1000);
	ck_assert_uint_eq(slot.report.wake_samples, 0);
}
END_TEST

/* A worker has just read the time: the gap ends there, and later looks continue from there. */
START_TEST(a_wait_begins_when_it_is_said_to)
{
	struct ktstr_worker w = worker(_i, false);
	ktstr_worker_block(&w);
	ktstr_worker_resume(&w);
	int64_t now = worker_now(&w);
	worker_block_at(&w, now);
	ck_assert(atomic_load(&slot.blocked));
	ck_assert(atomic_load(&slot.last_check) >= now);
	ktstr_worker_resume(&w);
	pause_here();
	worker_block_at(&w, worker_now(&w));
	ck_assert(at_least(slot.report.max_gap_ns, PAUSE));
}
END_TEST

START_TEST(a_pardoned_gap_is_none_and_the_next_is_one)
{
	struct ktstr_worker w = worker(_i, false);
	atomic_store(&slot.gap_exempt, ticks_now(&w.clock));
	pause_here();
	ktstr_worker_block(&w);
	ck_assert_uint_eq(slot.report.max_gap_ns, 0);
	ktstr_worker_resume(&w);
	pause_here();
	ktstr_worker_block(&w);
	ck_assert(at_least(slot.report.max_gap_ns, PAUSE));
}
END_TEST

START_TEST(a_wake_up_is_sampled_from_its_stamp)
{
	struct ktstr_worker w = worker(_i, false);
	stamp(&w, &slot.stamp);
	ktstr_worker_block(&w);
	pause_here();
	worker_woken_since(&w, &slot.stamp);
	worker_sample_since(&w, atomic_load(&slot.stamp));
	worker_woken_late(&w, atomic_load(&slot.stamp), PAUSE / 2);
	ktstr_worker_woken(&w, (uint64_t)1 << 40);
	nsec_t whole = nsec_now() - began;
	ck_assert_uint_eq(slot.report.wake_samples, 4);
	ck_assert(at_least(slot.sample[0], PAUSE) && slot.sample[0] <= whole + PAUSE / 1000);
	ck_assert_uint_ge(slot.sample[1], slot.sample[0]);
	ck_assert(slot.sample[2] >= slot.sample[1] - PAUSE / 2 && slot.sample[2] <= whole - PAUSE / 2 + PAUSE / 1000);
	ck_assert_uint_eq(slot.sample[3], UINT32_MAX);
	atomic_store(&slot.stop, 1);
	worker_woken_since(&w, &slot.stamp);
	ck_assert_uint_eq(slot.report.wake_samples, 4);
}
END_TEST

START_TEST(samples_are_a_choice_of_all)
{
	struct ktstr_worker w = worker(_i, false);
	for (unsigned i = 0; i < 2 * WORKER_SAMPLES_MAX; i++)
		ktstr_worker_woken(&w, i < WORKER_SAMPLES_MAX ? 1 : 2);
	unsigned later = 0;
	for (unsigned i = 0; i < WORKER_SAMPLES_MAX; i++)
		later += slot.sample[i] == 2;
	ck_assert_uint_eq(slot.report.wake_samples, 2 * WORKER_SAMPLES_MAX);
	ck_assert_uint_ge(later, WORKER_SAMPLES_MAX * 49 / 100);
	ck_assert_uint_le(later, WORKER_SAMPLES_MAX * 51 / 100);
}
END_TEST

static unsigned cpus_noted(const uint64_t *word)
{
	unsigned n = 0;
	for (size_t k = 0; k < CPUSET_WORDS; k++)
		n += (unsigned)__builtin_popcountl(word[k]);
	return n;
}

/* Every change of epoch is noted with the current CPU, also if the CPU has not changed. */
START_TEST(a_cpu_counts_for_the_epoch_it_is_seen_in)
{
	struct ktstr_worker w = worker(_i, false);
	unsigned cpu[CPUSET_CPUS_MAX], cpus = own_cpus(cpu, CPUSET_CPUS_MAX);
	own_cpu(cpu[0]);
	ktstr_worker_block(&w);
	atomic_store(&slot.epoch, 1);
	own_cpu(cpu[cpus - 1]);
	uint64_t migrations = slot.report.migrations;
	worker_woken_since(&w, &slot.stamp);
	ck_assert_uint_eq(slot.report.migrations, migrations + (cpus > 1));
	atomic_store(&slot.epoch, 2);
	ktstr_worker_turn(&w, 0);
	for (unsigned e = 0; e < 3; e++)
		ck_assert_uint_eq(cpus_noted(slot.used[e]), 1);
	ck_assert(slot.used[0][cpu[0] / 64] >> cpu[0] % 64 & 1);
	ck_assert(slot.used[1][cpu[cpus - 1] / 64] >> cpu[cpus - 1] % 64 & 1);
	ck_assert_int_eq(memcmp(slot.used[1], slot.used[2], sizeof(slot.used[1])), 0);
}
END_TEST

START_TEST(without_telemetry_only_turns_count)
{
	struct ktstr_worker w = worker(_i, true);
	pause_here();
	for (unsigned i = 0; i < 1000; i++)
		ktstr_worker_turn(&w, WORKER_LOOK_UNITS);
	stamp(&w, &slot.stamp);
	ktstr_worker_block(&w);
	worker_woken_since(&w, &slot.stamp);
	worker_woken_late(&w, 1, 1);
	worker_block_at(&w, 1);
	worker_sample_since(&w, 1);
	ck_assert_uint_eq(slot.report.iterations, 1000);
	ck_assert_uint_eq(slot.report.max_gap_ns, 0);
	ck_assert_uint_eq(slot.report.wake_samples, 0);
	ck_assert_uint_eq(cpus_noted(slot.report.cpus_used), 0);
	ck_assert_int_eq(atomic_load(&slot.stamp), 0);
}
END_TEST

/* A file in the place of /proc/TID/schedstat. */
static void write_runs(int fd, uint64_t delay_ns, unsigned runs)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "1 %lu %u\n", delay_ns, runs);
	ck_assert(ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) == n);
}

static void write_schedstat(int fd, uint64_t delay_ns)
{
	write_runs(fd, delay_ns, 1);
}

/* A worker whose last reading was one wait of @was ns, and that made its next checkpoint PAUSE later. */
static struct ktstr_worker reader(uint64_t was, int64_t *ret_last)
{
	struct ktstr_worker w = worker(true, false);
	w.delays = (struct own_delays){ .file = memfd_create("schedstat", MFD_CLOEXEC), .sum = { 1, was, 1 } };
	w.delays.read_at = *ret_last = ticks_now(&w.clock);
	slot.report.delay_known = 1;
	pause_here();
	return w;
}

/* A worker reads its own waits. One wait between two readings is exact; of several, only a range is known. */
START_TEST(a_worker_knows_its_longest_wait)
{
	static const struct {
		uint64_t grown;
		unsigned runs;
		uint64_t least, most;
		bool exempt, known;
	} cases[] = {
		{ 5000000, 1, 5000000, 5000000, false, true },
		{ PAUSE / 2, 4, PAUSE / 8, PAUSE / 2, false, true },
		{ PAUSE / 2, 1, 0, 0, true, true },
		{ 0, 2, 0, 0, false, true },
		{ (uint64_t)-5, 1, 0, 0, false, false }, /* a sum that falls is not one */
	};
	int64_t last;
	struct ktstr_worker w = reader(7, &last);
	if (cases[_i].exempt)
		atomic_store(&slot.gap_exempt, ticks_now(&w.clock));
	write_runs(w.delays.file, 7 + cases[_i].grown, 1 + cases[_i].runs);
	slot.began = last - 1;
	worker_read_delays(&w, last);
	ck_assert_uint_eq(slot.report.delay_known, cases[_i].known);
	ck_assert_uint_eq(slot.report.max_delay_ns, cases[_i].least);
	ck_assert_uint_eq(slot.report.max_delay_most_ns, cases[_i].most);
	ck_assert(w.delay_due > last || !cases[_i].known);
	close(w.delays.file);
}
END_TEST

/* No wait is longer than the time between the checkpoints around it. */
START_TEST(a_wait_lies_between_two_checkpoints)
{
	int64_t last;
	struct ktstr_worker w = reader(7, &last);
	write_runs(w.delays.file, 7 + 1000 * PAUSE, 1001);
	slot.began = last - 1;
	worker_read_delays(&w, last);
	ck_assert(at_least(slot.report.max_delay_most_ns, PAUSE));
	ck_assert_uint_le(slot.report.max_delay_most_ns, (uint64_t)(nsec_now() - began) + PAUSE / 1000);
	ck_assert_uint_eq(slot.report.max_delay_ns, PAUSE * 1000 / 1000);
	close(w.delays.file);
}
END_TEST

static void read_schedstat(struct worker_set *c)
{
	c->sample_due = 0;
	worker_set_sample(c);
}

/* If the sum grew by more than the time since the last reading, the wait began before it; it is never overestimated. */
START_TEST(a_wait_is_never_seen_longer_than_it_was)
{
	const uint64_t wait = 5000000000u;
	struct worker_process m = { .pid = 1, .schedstat = memfd_create("schedstat", MFD_CLOEXEC) };
	struct worker_set c = { .member = &m, .count = 1 };
	static struct worker_slot last;
	write_schedstat(m.schedstat, 7);
	read_schedstat(&c);
	ck_assert_uint_eq(m.longest_delay, 0); /* delays before the first reading are unknown */
	write_schedstat(m.schedstat, 7 + wait);
	nsec_t from = m.delay_read;
	read_schedstat(&c);
	nsec_t between = nsec_now() - from;
	ck_assert_uint_le(m.longest_delay, wait);
	ck_assert_uint_ge(m.longest_delay, wait - (uint64_t)between);
	uint64_t longest = m.longest_delay;
	pause_here();
	write_schedstat(m.schedstat, 7 + wait + PAUSE / 2); /* as on a busy CPU: less than the elapsed time */
	read_schedstat(&c);
	ck_assert_uint_eq(m.longest_delay, longest);
	m.gap_exempt = nsec_now();
	write_schedstat(m.schedstat, 7 + 10 * wait);
	read_schedstat(&c);
	ck_assert_uint_eq(m.longest_delay, longest); /* this delay is not the scheduler's fault */
	last.delay_sum = 7 + 12 * wait;
	last.ended_ns = nsec_now();
	worker_set_sample_last(&m, &last);
	ck_assert_uint_ge(m.longest_delay, wait + wait / 2);
	ck_assert_uint_le(m.longest_delay, 2 * wait);
	ck_assert_int_eq(m.schedstat, -1);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, a_tick_has_its_length);
	tcase_add_loop_test(tc, percentiles_are_at_most_one_in_32_too_high, 0, 3);
	tcase_add_test(tc, a_histogram_has_room_for_every_value);
	tcase_add_loop_test(tc, time_between_turns_is_a_gap, 0, 2);
	tcase_add_loop_test(tc, small_turns_are_looked_at, 0, 2);
	tcase_add_loop_test(tc, a_meant_wait_is_no_gap, 0, 2);
	tcase_add_loop_test(tc, a_wait_begins_when_it_is_said_to, 0, 2);
	tcase_add_loop_test(tc, a_pardoned_gap_is_none_and_the_next_is_one, 0, 2);
	tcase_add_loop_test(tc, a_wake_up_is_sampled_from_its_stamp, 0, 2);
	tcase_add_loop_test(tc, samples_are_a_choice_of_all, 0, 2);
	tcase_add_loop_test(tc, a_cpu_counts_for_the_epoch_it_is_seen_in, 0, 2);
	tcase_add_loop_test(tc, without_telemetry_only_turns_count, 0, 2);
	tcase_add_loop_test(tc, a_worker_knows_its_longest_wait, 0, 5);
	tcase_add_test(tc, a_wait_lies_between_two_checkpoints);
	tcase_add_test(tc, a_wait_is_never_seen_longer_than_it_was);
}

int main(void)
{
	return t_main("telemetry", fill);
}
