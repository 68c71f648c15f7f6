/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * delay.c -- the longest time for which a worker was kept off the CPU while it was ready to run, seen from outside.
 *
 * A worker cannot see it itself: it knows when it went to sleep and when it ran again, but not when it was woken. The
 * kernel knows: /proc/TID/schedstat adds up all the time that a task was ready and waited for a CPU, each wait when it
 * ends. So the engine reads the sums now and then. When a sum grew by more than the time between two readings, then the
 * wait that was under way at the first of them began at least that much earlier; there is only one such wait, for all
 * others lie between the readings. The difference is therefore less than the longest wait, never more, by less than the
 * time between two readings; a healthy scheduler cannot be accused, however late the engine looks.
 *
 * A worker takes the last reading itself, when it ends.
 */
#include <fcntl.h>
#include <stdio.h>

#include "guest/worker.h"

#define SAMPLE_PERIOD	  (200 * NSEC_PER_MSEC)
#define SAMPLE_PER_WORKER (10 * NSEC_PER_MSEC) /* many workers are read less often: it costs no more time */

static bool read_sum(const struct worker_process *m, uint64_t *ret)
{
	char text[96];
	ssize_t n = pread(m->schedstat, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return sscanf(text, "%*u %lu", ret) == 1;
}

static void open_sum(struct worker_process *m)
{
	char path[48];
	snprintf(path, sizeof(path), "/proc/%d/schedstat", m->pid);
	m->schedstat = open(path, O_RDONLY | O_CLOEXEC);
}

/* The sum @delay was read between the engine's last reading and @now, at the latest. */
static void note_sum(struct worker_process *m, uint64_t delay, nsec_t now)
{
	uint64_t grown = delay - m->delay_sum, between = (uint64_t)(now - m->delay_read);
	bool exempt = m->gap_exempt >= m->delay_read; /* what came in between is not the scheduler's doing */
	if (m->delay_read && !exempt && delay > m->delay_sum && grown > between)
		m->longest_delay = MAX_OF(m->longest_delay, grown - between);
}

static void sample_one(struct worker_process *m)
{
	uint64_t delay;
	nsec_t before = nsec_now();
	if (m->schedstat < 0)
		open_sum(m);
	if (m->schedstat < 0 || !read_sum(m, &delay))
		return;
	note_sum(m, delay, nsec_now());
	m->delay_sum = delay;
	m->delay_read = before;
}

nsec_t worker_set_sample(struct worker_set *c)
{
	nsec_t now = nsec_now();
	if (!c->count)
		return NSEC_NEVER;
	if (now < c->sample_due)
		return c->sample_due;
	unsigned running = 0;
	for (size_t i = 0; i < c->count; i++) {
		struct worker_process *m = &c->member[i];
		if (m->pid <= 0 || m->over)
			continue;
		sample_one(m);
		running++;
	}
	c->sample_due = now + MAX_OF(SAMPLE_PERIOD, running * SAMPLE_PER_WORKER);
	return c->sample_due;
}

void worker_set_sample_last(struct worker_process *m, const struct worker_slot *s)
{
	if (s->ended_ns)
		note_sum(m, s->delay_sum, s->ended_ns);
	m->schedstat = fd_close(m->schedstat);
}
