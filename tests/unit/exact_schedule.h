/* SPDX-License-Identifier: GPL-2.0-only */
/* exact_schedule.h -- a schedule made by hand, event by event, and its figures as evidence. */
#ifndef KTSTR_TESTS_EXACT_SCHEDULE_H
#define KTSTR_TESTS_EXACT_SCHEDULE_H

#include <string.h>

#include "made.h"
#include "run/exact.h"
#include "t.h"

#define MS    1000000ull
#define START (1000 * MS) /* records of made.c have this time, too */
#define CPUS  3

static uint8_t nodes[CPUS];
static uint16_t llcs[CPUS];
static struct exact exact;
static struct exact_evidence measured;

/* Workers of made.c have the numbers from 40 on. */
enum { FIRST = 40, SECOND = 41, THIRD = 42 };

static inline void begin(void)
{
	const struct schedule_config config = { .cpus = CPUS, .node = nodes, .llc = llcs };
	struct wire_phase hold = { .kind = WIRE_PHASE_HOLD };
	made_begin();
	made.hello.cpus = CPUS;
	made_facts.has_scheduler = false;
	exact = (struct exact){ .recorded = 1, .cpus = CPUS };
	memcpy(exact.llc, llcs, sizeof(llcs));
	t_ok(schedule_new(&config, &exact.model));
	made_take(WIRE_PHASE, &hold, sizeof(hold));
}

static inline void add_workers(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		made_worker(5, 10, 500, 1);
}

static inline uint64_t key_of(int pid)
{
	return pid ? 0x1000 + (uint64_t)pid * 64 : 0;
}

static inline void add(enum schedule_kind kind, uint64_t time, unsigned cpu, int pid, uint64_t allowed, uint8_t reason)
{
	const struct schedule_event e = { .time_ns = START + time,
					  .kind = kind,
					  .cpu = cpu,
					  .task = key_of(pid),
					  .pid = pid,
					  .reason = reason,
					  .group = kind == SCHEDULE_GROUP ? 77 : 0,
					  .task_class = SCHEDULE_CLASS_FAIR,
					  .allowed_words = allowed != 0,
					  .allowed = { allowed } };
	schedule_add(exact.model, &e);
}

static inline void switch_as(uint64_t time, unsigned cpu, int from, int to, enum schedule_leaving leaving)
{
	const struct schedule_event e = { .time_ns = START + time,
					  .kind = SCHEDULE_SWITCH,
					  .cpu = cpu,
					  .task = key_of(from),
					  .next = key_of(to),
					  .pid = from,
					  .next_pid = to,
					  .leaving = (uint8_t)leaving };
	schedule_add(exact.model, &e);
}

static inline void switches(uint64_t time, unsigned cpu, int from, int to)
{
	switch_as(time, cpu, from, to, SCHEDULE_RUNS);
}

static inline void wakes_among(uint64_t time, unsigned cpu, int pid, uint64_t allowed)
{
	add(SCHEDULE_WAKE, time, cpu, pid, 0, SCHEDULE_SLEEP);
	add(SCHEDULE_ENQUEUE, time, cpu, pid, allowed, SCHEDULE_SLEEP);
}

static inline void wakes(uint64_t time, unsigned cpu, int pid)
{
	wakes_among(time, cpu, pid, (1 << CPUS) - 1);
}

static inline void sleeps(uint64_t time, unsigned cpu, int pid)
{
	add(SCHEDULE_DEQUEUE, time, cpu, pid, 0, SCHEDULE_SLEEP);
	switch_as(time, cpu, pid, 0, SCHEDULE_SLEEPS);
}

/* It is not known what a CPU does until it switches. */
static inline void all_idle(uint64_t time)
{
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		switch_as(time, cpu, 9000 + (int)cpu, 0, SCHEDULE_DEAD);
}

static inline void measure(uint64_t last_ms)
{
	made_result(KTSTR_PASS);
	made.last_ns = START + last_ms * MS;
	t_ok(exact_measure(&exact, &made, (struct exact_subject){ made_facts.has_scheduler, made_facts.lacks },
			   &measured));
	made.exact = &measured;
}

static inline void done(void)
{
	exact_evidence_done(&measured);
	schedule_free(exact.model);
}

static inline void expect(enum ktstr_verdict v, const char *cause, const char *unjudged)
{
	made_expect_unjudged(v, cause, unjudged);
	done();
}

#endif
