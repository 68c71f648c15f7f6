/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * own_delay.c -- the longest time for which a runnable worker waited for a CPU, measured by the worker.
 *
 * A worker's clock does not show it: the worker knows when it went to sleep and when it ran again, but not when it was
 * woken. The kernel knows: /proc/TID/schedstat sums up the times for which a task was runnable and waited for a CPU,
 * and adds each wait when it ends. It also counts how often the task was put on a CPU.
 *
 * Each worker reads its own sums, at a checkpoint at least one period after the last reading. A wait that is longer
 * than the period is therefore followed by a reading. The period is as short as it can be without costing more than a
 * small share of the worker's CPU time: long for a worker that mostly sleeps, and where the processor is emulated.
 *
 * If the task was put on a CPU once since the last reading, the growth of the sum is the length of that wait. Otherwise
 * the growth consists of several waits: the longest is at least their mean. It is at most their sum, and at most the
 * time between the two checkpoints around it.
 *
 * A worker without checkpoints reads only at its start and end. The engine adds what it sees from outside:
 * workers/delay.c.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/work/own_delay.h"

#define READ_PERIOD	(2 * NSEC_PER_MSEC)
#define READ_PERIOD_MAX NSEC_PER_SEC
#define COST_SHARE	1000 /* readings take at most this part of the worker's CPU time, up to the longest period */

bool schedstat_read(int file, struct schedstat *ret)
{
	char text[96], *waited, *runs;
	ssize_t n = pread(file, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return false;
	text[n] = '\0';
	/* Not sscanf(), which takes longer than the kernel to write the text. */
	ret->ran = strtoull(text, &waited, 10);
	ret->waited = strtoull(waited, &runs, 10);
	char *end = runs;
	ret->runs = strtoull(runs, &end, 10);
	return end > runs;
}

/* The worker waited for @grown ns, @runs times, since its last reading. @last: its last checkpoint before now. */
static void note_own(struct ktstr_worker *w, uint64_t grown, uint64_t runs, int64_t last, int64_t now)
{
	struct wire_worker *r = &w->slot->report;
	int64_t before = MAX_OF(last - w->delays.read_at, (int64_t)0);
	uint64_t most = MIN_OF(grown, ticks_ns(&w->clock, MAX_OF(now - last, before)));
	uint64_t least = MIN_OF(grown / MAX_OF(runs, (uint64_t)1), most);
	bool exempt = atomic_load(&w->slot->gap_exempt) >= w->delays.read_at;
	bool whole_life = last == w->slot->began; /* only a part of it is exempt */
	if (!runs || (exempt && !whole_life))
		return;
	r->max_delay_most_ns = MAX_OF(r->max_delay_most_ns, most);
	if (exempt || least <= r->max_delay_ns)
		return;
	r->max_delay_ns = least;
	r->max_delay_cpu = (uint32_t)sched_getcpu();
	r->max_delay_end_ns = w->slot->began ? ticks_ns(&w->clock, now - w->slot->began) : 0;
}

/*
 * The time until the next reading, in ticks, if the worker runs for the same share of the time as in the last @elapsed
 * ticks. If it was not put on a CPU again, it ran all the time, although the kernel may not have added that yet.
 */
static int64_t read_period(const struct ktstr_worker *w, const struct schedstat *grown, int64_t elapsed)
{
	double passed_ns = (double)ticks_ns(&w->clock, elapsed), ran_ns = grown->runs ? (double)grown->ran : passed_ns;
	double period = (double)w->delays.cost * COST_SHARE * passed_ns / MAX_OF(ran_ns, 1.0);
	double least = (double)ns_ticks(&w->clock, READ_PERIOD), most = (double)ns_ticks(&w->clock, READ_PERIOD_MAX);
	return (int64_t)MIN_OF(MAX_OF(period, least), most);
}

static bool open_own(struct ktstr_worker *w)
{
	w->delays.file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	if (w->delays.file == 0) /* 0 means "not opened yet" */
		w->delays.file = fcntl(0, F_DUPFD_CLOEXEC, 3);
	return w->delays.file > 0 && schedstat_read(w->delays.file, &w->delays.sum) && w->delays.sum.runs;
}

static bool fell(const struct schedstat *now, const struct schedstat *before)
{
	return now->ran < before->ran || now->waited < before->waited || now->runs < before->runs;
}

void worker_read_delays(struct ktstr_worker *w, int64_t last)
{
	struct own_delays *d = &w->delays;
	struct schedstat sum;
	int64_t from = ticks_now(&w->clock);
	bool first = !d->file;
	w->delay_due = INT64_MAX;
	if (first)
		w->slot->report.delay_known = open_own(w);
	if (!w->slot->report.delay_known)
		return;
	if (!schedstat_read(d->file, &sum) || fell(&sum, &d->sum)) {
		w->slot->report.delay_known = 0;
		return;
	}
	int64_t now = ticks_now(&w->clock), elapsed = from - d->read_at;
	struct schedstat grown = { sum.ran - d->sum.ran, sum.waited - d->sum.waited, sum.runs - d->sum.runs };
	if (!first) {
		note_own(w, grown.waited, grown.runs, last, now);
		d->cost = d->cost ? MIN_OF(d->cost, now - from) : now - from; /* longer ones were interrupted */
	}
	d->sum = sum;
	d->read_at = from;
	if (!w->quiet)
		w->delay_due = from + (first ? 0 : read_period(w, &grown, elapsed));
}
