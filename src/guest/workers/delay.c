/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * delay.c -- the longest time for which a runnable worker waited for a CPU, as far as the engine sees it.
 *
 * Workers measure it themselves at their checkpoints (work/own_delay.c). For those without checkpoints, and for those
 * that never end, the engine reads the kernel's sums as well, periodically. If a sum grew by more than the time between
 * two readings, then one wait began before the first reading, earlier by at least the difference. Only one wait can
 * span that reading, because all others lie between the readings. The difference is therefore a lower bound of the
 * longest wait. Late readings never make a healthy scheduler look worse.
 */
#include <fcntl.h>
#include <stdio.h>

#include "guest/work/own_delay.h"
#include "guest/workers/delay.h"

#define SAMPLE_PERIOD (200 * NSEC_PER_MSEC)
/* A period's readings. More would keep the engine's CPU from a worker that has no other. */
#define SAMPLE_MAX 20

static void open_sum(struct worker_process *m)
{
	char path[48];
	snprintf(path, sizeof(path), "/proc/%d/schedstat", m->pid);
	m->schedstat = open(path, O_RDONLY | O_CLOEXEC);
}

/* The sum @delay was read after the engine's last reading and not later than @now. */
static void note_sum(struct worker_process *m, uint64_t delay, nsec_t now)
{
	uint64_t grown = delay - m->delay_sum, between = (uint64_t)(now - m->delay_read);
	bool exempt = m->gap_exempt >= m->delay_read; /* the delay in between is not the scheduler's doing */
	if (m->delay_read && !exempt && delay > m->delay_sum && grown > between)
		m->longest_delay = MAX_OF(m->longest_delay, grown - between);
}

static void sample_one(struct worker_process *m)
{
	struct schedstat sum;
	nsec_t before = nsec_now();
	if (m->schedstat < 0)
		open_sum(m);
	if (m->schedstat < 0 || !schedstat_read(m->schedstat, &sum))
		return;
	note_sum(m, sum.waited, nsec_now());
	m->delay_sum = sum.waited;
	m->delay_read = before;
}

nsec_t worker_set_sample(struct worker_set *c)
{
	nsec_t now = nsec_now();
	if (!c->count)
		return NSEC_NEVER;
	if (now < c->sample_due)
		return c->sample_due;
	unsigned read = 0;
	for (size_t looked = 0; looked < c->count && read < SAMPLE_MAX; looked++) {
		struct worker_process *m = &c->member[c->sample_next++ % c->count];
		if (m->pid <= 0 || m->over)
			continue;
		sample_one(m);
		read++;
	}
	c->sample_due = now + SAMPLE_PERIOD;
	return c->sample_due;
}

void worker_set_sample_last(struct worker_process *m, const struct worker_slot *s)
{
	if (s->ended_ns)
		note_sum(m, s->delay_sum, s->ended_ns);
	m->schedstat = fd_close(m->schedstat);
}
