/* SPDX-License-Identifier: GPL-2.0-only */
/* contention.c -- see contention.h. */
#include "monitor/contention.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "monitor/summary.h"

static bool grow(struct contention *c)
{
	if (c->ticks < c->room)
		return true;
	unsigned room = c->room ? 2 * c->room : 64;
	uint64_t *more = reallocarray(c->wait_ns, room, sizeof(*more));
	if (!more)
		return false;
	c->wait_ns = more;
	c->room = room;
	return true;
}

static uint64_t increase(uint64_t before, uint64_t now)
{
	return now > before ? now - before : 0;
}

static bool begin(struct contention *c, unsigned vcpus)
{
	if (c->vcpus)
		return c->vcpus == vcpus;
	c->last = calloc(vcpus, sizeof(*c->last));
	c->vcpus = vcpus;
	return c->last != NULL;
}

void contention_tick(struct contention *c, const struct vcpu_time *now, unsigned vcpus, uint64_t held_ns)
{
	uint64_t wait = 0, cpu = 0, held = increase(c->held_ns, held_ns);
	unsigned known = 0, both = 0;
	for (unsigned i = 0; i < vcpus; i++)
		known += now[i].known;
	if (!known || c->failed)
		return;
	if (!begin(c, vcpus) || !grow(c)) {
		c->failed = true;
		return;
	}
	for (unsigned i = 0; i < vcpus; i++) {
		if (!now[i].known)
			continue;
		if (c->last[i].known) {
			wait += increase(c->last[i].wait_ns, now[i].wait_ns);
			cpu += increase(c->last[i].cpu_ns, now[i].cpu_ns);
			both++;
		}
		c->last[i] = now[i];
	}
	c->held_ns = held_ns;
	if (!both)
		return;
	c->wait_ns[c->ticks++] = wait + held;
	c->total_wait_ns += wait;
	c->cpu_ns += cpu;
}

bool contention_known(const struct contention *c)
{
	for (unsigned i = 0; i < c->vcpus && !c->failed; i++)
		if (!c->last[i].known)
			return false;
	return c->ticks && !c->failed;
}

bool contention_dilation(const struct contention *c, double *ret)
{
	if (!contention_known(c) || !c->cpu_ns)
		return false;
	*ret = 1 + (double)c->total_wait_ns / (double)c->cpu_ns;
	return true;
}

uint64_t contention_wait(const struct contention *c, uint64_t length_ns)
{
	return contention_known(c) ? summary_host_delay(c->wait_ns, c->ticks, c->tick_ns, length_ns) : 0;
}

void contention_done(struct contention *c)
{
	free(c->last);
	free(c->wait_ns);
	*c = (struct contention){ 0 };
}
