/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * own_delay.c -- the longest time for which a runnable worker waited for a CPU, measured by the worker.
 *
 * A worker's clock does not show it: the worker knows when it went to sleep and when it ran again, but not when it was
 * woken. The kernel knows: /proc/TID/schedstat sums up the times for which a task was runnable and waited for a CPU,
 * and adds each wait when it ends. It also counts how often the task was put on a CPU.
 *
 * Each worker reads its own sums, at a checkpoint at least one period after the last reading; after a quick wake-up, at
 * least ten periods after it, because a worker that mostly sleeps would spend its CPU time on readings. A wait that is
 * longer than the period is therefore followed by a reading. If the task was put on a CPU once since the last reading,
 * the growth of the sum is the length of that wait. Otherwise the growth consists of several waits: the longest is at
 * least their mean. It is at most their sum, and at most the time between the two checkpoints around it.
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

#define READ_PERIOD	     (2 * NSEC_PER_MSEC)
#define READ_PERIOD_EMULATED (20 * NSEC_PER_MSEC) /* a reading takes about 30 us there */
#define SHORT_WAKE	     (250 * NSEC_PER_USEC)
#define SHORT_WAKE_PERIODS   10

bool schedstat_read(int file, uint64_t *ret_waited, uint64_t *ret_runs)
{
	char text[96];
	ssize_t n = pread(file, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return false;
	text[n] = '\0';
	/* Not sscanf(), which takes longer than the kernel to write the text. */
	char *waited = strchr(text, ' '), *runs = waited ? strchr(waited + 1, ' ') : NULL;
	if (!runs)
		return false;
	*ret_waited = strtoull(waited + 1, NULL, 10);
	*ret_runs = strtoull(runs + 1, NULL, 10);
	return true;
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

static nsec_t read_period(const struct ktstr_worker *w)
{
	return w->dear_pause ? READ_PERIOD_EMULATED : READ_PERIOD;
}

static bool open_own(struct ktstr_worker *w)
{
	w->delays.file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	if (w->delays.file == 0) /* 0 means "not opened yet" */
		w->delays.file = fcntl(0, F_DUPFD_CLOEXEC, 3);
	return w->delays.file > 0 && schedstat_read(w->delays.file, &w->delays.sum, &w->delays.runs) && w->delays.runs;
}

bool worker_delays_due(const struct ktstr_worker *w, int64_t now, int64_t waited)
{
	if (now < w->delay_due)
		return false;
	int64_t since_reading = now - w->delays.read_at;
	return (nsec_t)ticks_ns(&w->clock, waited) > SHORT_WAKE ||
	       (nsec_t)ticks_ns(&w->clock, since_reading) > SHORT_WAKE_PERIODS * read_period(w);
}

void worker_read_delays(struct ktstr_worker *w, int64_t last)
{
	struct own_delays *d = &w->delays;
	uint64_t sum = 0, runs = 0;
	int64_t from = ticks_now(&w->clock);
	bool first = !d->file;
	w->delay_due = INT64_MAX;
	if (first)
		w->slot->report.delay_known = open_own(w);
	if (!w->slot->report.delay_known)
		return;
	if (!schedstat_read(d->file, &sum, &runs) || sum < d->sum || runs < d->runs) {
		w->slot->report.delay_known = 0;
		return;
	}
	int64_t now = ticks_now(&w->clock);
	if (!first)
		note_own(w, sum - d->sum, runs - d->runs, last, now);
	*d = (struct own_delays){ .file = d->file, .sum = sum, .runs = runs, .read_at = from };
	if (!w->quiet)
		w->delay_due = from + ns_ticks(&w->clock, read_period(w));
}
