/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The schedule model with any events: it stays within its memory, and its sums agree with each other. There are few
 * keys, pids and CPUs, so that events meet.
 */
#include "base/bug.h"
#include "fuzz.h"
#include "schedule/model.h"

#define CPUS 3

static struct schedule_event make_event(const uint8_t *d, uint64_t *time)
{
	*time += d[1] < 0xf0 ? d[1] : -(uint64_t)(d[1] & 7);
	return (struct schedule_event){
		.time_ns = d[0] == 0xff ? (uint64_t)d[1] << 56 : *time,
		.clock_ns = d[0] & 0x40 ? *time : 0,
		.task_clock_ns = d[0] & 0x40 ? *time : 0,
		.charged_ns = d[0] & 0x80 ? *time : 0,
		.kind = d[0] % (SCHEDULE_KIND_COUNT + 1),
		.cpu = d[2] % (CPUS + 1),
		.task = d[3] % 8,
		.next = d[4] % 8,
		.pid = d[3] % 8 + (d[3] & 0x80 ? 10 : 0),
		.next_pid = d[4] % 8,
		.group = d[5] % 6,
		.reason = d[6] % (SCHEDULE_REASON_COUNT + 1),
		.leaving = d[6] >> 4 & 3,
		.task_class = d[7] % (SCHEDULE_CLASS_COUNT + 1),
		.allowed_words = d[7] & 0x40 ? d[5] : 0,
		.allowed = { d[5] },
	};
}

static void add_sums(struct schedule_sums *sums, const struct schedule_sums *more)
{
	sums->runs += more->runs;
	sums->preempted += more->preempted;
	sums->migrations += more->migrations;
	sums->slice.sum += more->slice.sum;
	sums->wait.count += more->wait.count;
	sums->wakeup.count += more->wakeup.count;
}

static void check_sums(const struct schedule *s)
{
	const struct schedule_sums *all = schedule_total(s);
	struct schedule_sums groups = { 0 };
	for (unsigned i = 0; i < schedule_groups(s); i++)
		add_sums(&groups, &schedule_group(s, i)->sums);
	REQUIRE(groups.runs == all->runs && groups.preempted == all->preempted && groups.migrations == all->migrations);
	REQUIRE(groups.slice.sum == all->slice.sum && groups.wait.count == all->wait.count);
	REQUIRE(groups.wakeup.count == all->wakeup.count && all->wakeup.count <= all->wait.count);
}

static void check_cpus(const struct schedule *s)
{
	unsigned running = 0;
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		const struct schedule_task *t = schedule_cpu(s, cpu)->current;
		REQUIRE(!t || (t->state == SCHEDULE_RUNNING && t->cpu == cpu));
		running += t != NULL;
	}
	for (unsigned i = 0; i < schedule_tasks(s); i++) {
		running -= schedule_task(s, i)->state == SCHEDULE_RUNNING;
		schedule_longest_wait(s, schedule_task(s, i));
	}
	REQUIRE(running == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct schedule_config config = { .cpus = CPUS, .tasks = 6, .groups = 4, .intervals = 16, .idle_ns = 3 };
	const struct schedule_filter f = { SCHEDULE_ANY, SCHEDULE_ANY, SCHEDULE_ANY, SCHEDULE_RUNNING };
	struct schedule *s;
	uint64_t time = 1000, ns;
	if (schedule_new(&config, &s) < 0)
		return 0;
	for (; size >= 8; data += 8, size -= 8) {
		const struct schedule_event e = make_event(data, &time);
		schedule_add(s, &e);
	}
	check_sums(s);
	check_cpus(s);
	REQUIRE(schedule_tasks(s) <= config.tasks && schedule_groups(s) <= config.groups);
	schedule_time(s, &f, 0, UINT64_MAX, &ns);
	schedule_idle_while_runnable(s);
	schedule_free(s);
	return 0;
}
