/* SPDX-License-Identifier: GPL-2.0-only */
/* made_samples.c -- see made_samples.h. */
#include "made_samples.h"
#include "verdict/exact.h"
#include "monitor/series.h"
#include "t.h"

/* Two samples of one CPU in each step; in the second, its local queue is longer. */
static struct cpu_reading cpus[] = { { .nr_running = 2, .clock = 5 },
				     { .nr_running = 6, .local_dsq_nr = 5, .clock = 6 } };
static int64_t counters[4] = { 0, 1, 2, 3 };
static struct reading readings[4];
static struct series_program program = { .name = "enqueue", .verified_insns = 9, .has_stats = true };
static struct vcpu_time vcpu = { .known = true };
static uint64_t waits[] = { 4000000 };
static const struct series series = { .cpus = 1,
				      .count = 4,
				      .reading = readings,
				      .program = &program,
				      .programs = 1,
				      .events = 1,
				      .event_name = { "dispatch_keep_last" },
				      .host = { .tick_ns = 100000000,
						.vcpus = 1,
						.last = &vcpu,
						.wait_ns = waits,
						.ticks = 1,
						.cpu_ns = 16000000,
						.total_wait_ns = 4000000 } };

/* The recorded schedule of a worker, and one window. */
static void record(struct evidence *e)
{
	static struct exact_share share = { .run_ns = 5, .ready_ns = 9 };
	static struct exact_worker worker = { .known = true, .run_ns = 5, .runs = 2, .wakeups = 1 };
	static struct exact_window window = {
		.from_ns = 1000000000, .to_ns = 1500000000, .complete = true, .share = &share
	};
	static struct exact_figures load = { .workers = 1, .run_ns = 5, .home = { .5, 1, 1 } };
	static struct exact_cgroup cgroup = { .figures = { .workers = 1, .run_ns = 5, .home = { .5, 1, 1 } } };
	static const struct exact_evidence exact = { .worker = &worker,
						     .workers = 1,
						     .window = &window,
						     .windows = 1,
						     .loads = 1,
						     .load = &load,
						     .cgroup = &cgroup,
						     .cgroups = 1,
						     .weight = EXACT_SUPPORTED,
						     .events = 12 };
	e->exact = &exact;
}

void made_samples(struct evidence *e, struct judgement *j, unsigned step)
{
	for (unsigned i = 0; i < 4; i++) {
		struct wire_phase p = { .kind = i % 2 ? WIRE_PHASE_STEP_END : WIRE_PHASE_HOLD, .index = step + i / 2 };
		readings[i] = (struct reading){ .at_ns = (1100 + i / 2 * 1000 + i % 2 * 200) * NSEC_PER_MSEC,
						.cpu = &cpus[i / 2],
						.cpus = 1,
						.has_events = true,
						.event = &counters[i],
						.events = 1,
						.has_schedstat = 1 };
		t_ok(evidence_take(e, WIRE_PHASE, (1000 + i * 500) * NSEC_PER_MSEC, &p, sizeof(p), NULL));
	}
	e->series = &series;
	j->monitor_judged = true;
	judgement_violation(j, "broken");
	record(e);
}
