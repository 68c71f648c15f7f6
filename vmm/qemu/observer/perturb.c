/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * perturb.c -- holds vCPUs back at hooks of the kind OBSERVE_HOLD, so that others go on first (struct observe_perturb).
 * All of it runs on the vCPU thread. Where a vCPU is held depends on the seed and the guest alone.
 */
#include "base/rng.h"
#include "vmm/qemu/observer/observer.h"

/* Global, because QEMU's callbacks take no context. */
static struct {
	void (*hold)(int64_t ns);
	struct rng rng;
	uint64_t hits;
	uint32_t next; /* of the points that were given */
} here;

void perturb_start(void (*hold)(int64_t ns))
{
	const struct channel *c = stop_channel();
	here.hold = hold;
	here.rng = (struct rng){ c ? c->perturb_seed : 0 };
}

static uint32_t given_hold(const struct channel *c, uint64_t hit)
{
	if (here.next == c->points || here.next == OBSERVE_POINTS_MAX || c->point[here.next].hit != hit)
		return 0;
	return c->point[here.next++].hold_ns;
}

/* The number of draws does not depend on how many points there is room for. */
static uint32_t drawn_hold(struct channel *c, uint64_t hit, uint32_t hook)
{
	bool chosen = c->perturb_one_in && !rng_below(&here.rng, c->perturb_one_in);
	uint32_t ns = 1 + (uint32_t)rng_below(&here.rng, c->perturb_hold_ns);
	if (!chosen || c->points == OBSERVE_POINTS_MAX)
		return 0;
	c->point[c->points++] = (struct observe_point){ .hit = hit, .hook = hook, .hold_ns = ns };
	return ns;
}

void perturb_hit(const struct observe_hook *h)
{
	struct channel *c = stop_channel();
	uint64_t hit = here.hits++;
	uint32_t ns = c->points_given ? given_hold(c, hit) : drawn_hold(c, hit, h->id);
	if (ns && here.hold)
		here.hold(ns);
}
