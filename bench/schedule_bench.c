/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * schedule_bench.c -- what the schedule model costs for each event, beside keeping all events for later, as they are
 * and in the compact form of log.h: tasks that wake each other on many CPUs; and the worst case, in which many tasks
 * wait although many CPUs are idle.
 * Times are of this thread's CPU time. Prints one JSON object per line.
 *
 *   schedule_bench [CPUS [TASKS]]
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/rng.h"
#include "base/time.h"
#include "schedule/log.h"
#include "schedule/model.h"

#define EVENTS 1000000u
#define ROUNDS 5

static struct schedule_event event[EVENTS + 4];
static unsigned cpus = 8, tasks = 64;

static void put(unsigned i, struct schedule_event e, unsigned task, unsigned next)
{
	e.time_ns = e.clock_ns = e.task_clock_ns = e.charged_ns = 1000 + i * 500;
	e.task = task ? 0xffff888000000000 + task * 4096 : 0;
	e.next = next ? 0xffff888000000000 + next * 4096 : 0;
	e.pid = (int32_t)task;
	e.next_pid = (int32_t)next;
	e.task_class = SCHEDULE_CLASS_EXT;
	e.allowed_words = 1;
	e.allowed[0] = UINT64_MAX;
	event[i] = e;
}

/* A task on a random CPU wakes another one there, which runs next. The first one sleeps. */
static void make_ping_pong(void)
{
	struct rng rng = { 7 };
	unsigned running[SCHEDULE_CPUS_MAX], asleep = tasks, i = 0;
	for (; i < cpus; i++) {
		running[i] = i + 1;
		put(i, (struct schedule_event){ .kind = SCHEDULE_SWITCH, .cpu = i }, 0, i + 1);
	}
	for (; i < EVENTS; i += 4) {
		unsigned cpu = (unsigned)rng_below(&rng, cpus), prev = running[cpu], next = asleep;
		put(i, (struct schedule_event){ .kind = SCHEDULE_WAKE, .cpu = cpu }, next, 0);
		put(i + 1, (struct schedule_event){ .kind = SCHEDULE_ENQUEUE, .cpu = cpu }, next, 0);
		put(i + 2, (struct schedule_event){ .kind = SCHEDULE_DEQUEUE, .cpu = cpu }, prev, 0);
		put(i + 3, (struct schedule_event){ .kind = SCHEDULE_SWITCH, .cpu = cpu, .leaving = SCHEDULE_SLEEPS },
		    prev, next);
		running[cpu] = next;
		asleep = prev + cpus < tasks ? prev + cpus : prev;
		for (unsigned c = 0; c < cpus; c++)
			asleep = running[c] == asleep ? prev : asleep;
	}
}

/* All tasks wait. One CPU runs them in turn, and the others are idle. */
static void make_pile(void)
{
	unsigned i = 0;
	for (; i < tasks; i++)
		put(i, (struct schedule_event){ .kind = SCHEDULE_ENQUEUE }, 1 + i, 0);
	for (unsigned cpu = 1; cpu < cpus; cpu++) {
		put(i++, (struct schedule_event){ .kind = SCHEDULE_SWITCH, .cpu = cpu }, 0, tasks + cpu);
		put(i++, (struct schedule_event){ .kind = SCHEDULE_SWITCH, .cpu = cpu, .leaving = SCHEDULE_DEAD },
		    tasks + cpu, 0);
	}
	put(i, (struct schedule_event){ .kind = SCHEDULE_SWITCH }, 0, 1);
	for (unsigned on = 1; ++i < EVENTS; on = 1 + on % tasks)
		put(i, (struct schedule_event){ .kind = SCHEDULE_SWITCH }, on, 1 + on % tasks);
}

static double keep_all(void)
{
	struct schedule_event *kept = malloc(sizeof(event));
	if (!kept)
		abort();
	nsec_t began = nsec_clock(CLOCK_THREAD_CPUTIME_ID);
	for (unsigned i = 0; i < EVENTS; i++)
		memcpy(&kept[i], &event[i], sizeof(*kept));
	double took = (double)(nsec_clock(CLOCK_THREAD_CPUTIME_ID) - began);
	if (kept[EVENTS / 2].time_ns != event[EVENTS / 2].time_ns)
		abort();
	free(kept);
	return took / EVENTS;
}

/* As a machine keeps them, in the ring of blocks. The memory of the ring is there after the first round. */
static double keep_compact(void)
{
	static struct schedule_log *log;
	log = log ?: schedule_log_new(0);
	if (!log)
		abort();
	nsec_t began = nsec_clock(CLOCK_THREAD_CPUTIME_ID);
	for (unsigned i = 0; i < EVENTS; i++)
		schedule_log_add(log, &event[i]);
	double took = (double)(nsec_clock(CLOCK_THREAD_CPUTIME_ID) - began);
	if (!schedule_log_events(log))
		abort();
	return took / EVENTS;
}

static double feed_model(void)
{
	const struct schedule_config config = { .cpus = cpus, .idle_ns = 1000000 };
	struct schedule *s;
	if (schedule_new(&config, &s) < 0)
		abort();
	nsec_t began = nsec_clock(CLOCK_THREAD_CPUTIME_ID);
	for (unsigned i = 0; i < EVENTS; i++)
		schedule_add(s, &event[i]);
	double took = (double)(nsec_clock(CLOCK_THREAD_CPUTIME_ID) - began);
	if (!schedule_total(s)->runs || schedule_losses(s)->events)
		abort();
	schedule_free(s);
	return took / EVENTS;
}

static void print(const char *what, double (*measure)(void))
{
	double best = 1e18;
	for (unsigned round = 0; round < ROUNDS; round++)
		best = MIN_OF(best, measure());
	printf("{\"bench\":\"%s\",\"value\":%.1f,\"unit\":\"ns/event\",\"cpus\":%u,\"tasks\":%u}\n", what, best, cpus,
	       tasks);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	if ((argc > 1 && parse_u32_range(argv[1], 1, 64, &cpus) < 0) ||
	    (argc > 2 && parse_u32_range(argv[2], 1, 2000, &tasks) < 0) || tasks <= cpus)
		return 2;
	make_ping_pong();
	print("keep all events", keep_all);
	print("keep all events, compact", keep_compact);
	print("model: wake-ups", feed_model);
	make_pile();
	print("model: idle CPUs while tasks wait", feed_model);
	return 0;
}
