/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * perturb.c -- holds vCPUs back at events, so that others go on first (struct observe_perturb), and notes in which
 * orders vCPUs reach the same objects. All of it runs on the vCPU thread. Where a vCPU is held depends on the seed and
 * the guest alone.
 */
#include <stdlib.h>

#include "base/rng.h"
#include "vmm/qemu/observer/observer.h"

#define OBJECTS	   (1u << 14)
#define ORDER_BITS 6
/*
 * Where x86-64 kernels put the instructions that BPF programs become, and modules, which guests do not have
 * (Documentation/arch/x86/x86_64/mm.rst).
 */
#define CODE_START  UINT64_C(0xffffffffa0000000)
#define CODE_END    UINT64_C(0xffffffffff000000)
#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

_Static_assert(1 << ORDER_BITS == OBSERVE_ORDER_FUNCTIONS, "a function fits");

/* The last two executions of hooks with one first argument. */
struct object {
	uint64_t argument;
	uint8_t older, newer; /* functions */
	uint8_t count;	      /* how many of them there are */
	bool crossed;	      /* they were by different vCPUs */
	uint16_t vcpu;	      /* of the newer one */
};

/* Global, because QEMU's callbacks take no context. */
static struct {
	void (*hold)(int64_t ns);
	struct rng rng;
	uint64_t hits;
	uint32_t next;	 /* of the points that were given, or of the times that were drawn */
	uint32_t branch; /* the next one */
	uint64_t began;	 /* guest time of the first event */
	uint64_t time[OBSERVE_DEPTH_MAX];
	uint64_t window[OBSERVE_CPUS_MAX]; /* the last one in which a vCPU had a turn */
	struct object object[OBJECTS];	   /* by a hash of the argument: a later one takes the place of another */
} here;

void perturb_start(void (*hold)(int64_t ns))
{
	const struct channel *c = stop_channel();
	here.hold = hold;
	here.rng = (struct rng){ c ? c->perturb_seed : 0 };
}

/* --- whether, and for how long ------------------------------------------------------------------------------------ */

static uint32_t given_hold(const struct channel *c, uint64_t hit)
{
	if (here.next == c->points || here.next == OBSERVE_POINTS_MAX || c->point[here.next].hit != hit)
		return 0;
	return c->point[here.next++].hold_ns;
}

static uint32_t draw_ns(const struct channel *c)
{
	return 1 + (uint32_t)rng_below(&here.rng, c->perturb_hold_ns);
}

static void take_branch(const struct channel *c, uint64_t hit)
{
	if (here.branch == c->branches || here.branch == OBSERVE_BRANCHES_MAX || c->branch[here.branch].hit != hit)
		return;
	here.rng = (struct rng){ c->branch[here.branch++].seed };
}

/* The number of draws at an event does not depend on what is drawn. */
static uint32_t chance_hold(const struct channel *c, uint64_t hit)
{
	take_branch(c, hit);
	bool chosen = c->perturb_one_in && !rng_below(&here.rng, c->perturb_one_in);
	uint32_t ns = draw_ns(c);
	return chosen ? ns : 0;
}

static int earlier(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static uint32_t depth_of(const struct channel *c)
{
	return c->perturb_depth < OBSERVE_DEPTH_MAX ? c->perturb_depth : OBSERVE_DEPTH_MAX;
}

static void draw_times(const struct channel *c, uint64_t now)
{
	here.began = now;
	for (uint32_t i = 0; i < depth_of(c); i++)
		here.time[i] = rng_below(&here.rng, c->perturb_span_ns);
	qsort(here.time, depth_of(c), sizeof(here.time[0]), earlier);
}

/* Several times that have come hold one vCPU once. */
static uint32_t timed_hold(const struct channel *c, uint64_t hit, uint64_t now)
{
	uint32_t due = here.next;
	if (!hit)
		draw_times(c, now);
	while (here.next < depth_of(c) && now >= here.began && here.time[here.next] <= now - here.began)
		here.next++;
	return here.next > due ? draw_ns(c) : 0;
}

/* The next event is one of @id. Notes the point, if there is room; otherwise nobody could repeat it. */
static uint32_t hold_at(struct channel *c, uint32_t id, uint64_t now)
{
	uint64_t hit = here.hits++;
	if (c->points_given)
		return given_hold(c, hit);
	uint32_t ns = c->perturb_depth ? timed_hold(c, hit, now) : chance_hold(c, hit);
	if (!ns || c->points == OBSERVE_POINTS_MAX)
		return 0;
	c->point[c->points++] = (struct observe_point){ .hit = hit, .hook = id, .hold_ns = ns };
	return ns;
}

/* --- orders ------------------------------------------------------------------------------------------------------- */

static void set_bit(struct observe_orders *o, unsigned bit)
{
	o->word[bit / 64] |= UINT64_C(1) << bit % 64;
}

void perturb_note_order(const struct observe_hook *h, unsigned vcpu)
{
	struct channel *c = stop_channel();
	uint64_t argument = stop_first_argument();
	struct object *o = &here.object[argument * HASH_FACTOR >> 50];
	uint8_t function = h->id % OBSERVE_ORDER_FUNCTIONS;
	if (o->argument != argument)
		*o = (struct object){ .argument = argument };
	bool crosses = o->count && o->vcpu != vcpu;
	if (crosses && o->count > 1) {
		unsigned three = ((unsigned)o->older << 2 * ORDER_BITS) | ((unsigned)o->newer << ORDER_BITS) | function;
		set_bit(&c->orders, 2 * three + o->crossed);
	}
	*o = (struct object){ .argument = argument,
			      .older = o->newer,
			      .newer = function,
			      .count = o->count ? 2 : 1,
			      .crossed = crosses,
			      .vcpu = (uint16_t)vcpu };
}

/* --- events ------------------------------------------------------------------------------------------------------- */

void perturb_hit(const struct observe_hook *h, unsigned left)
{
	struct channel *c = stop_channel();
	uint32_t ns = hold_at(c, h->id, c->perturb_depth ? stop_time(left) : 0);
	if (ns && here.hold)
		here.hold(ns);
}

bool perturb_wants_code(uint64_t address)
{
	return stop_channel()->perturb_at & OBSERVE_CODE && address >= CODE_START && address < CODE_END;
}

void perturb_code(unsigned left)
{
	struct channel *c = stop_channel();
	uint32_t ns = hold_at(c, OBSERVE_EVENT_IDS + OBSERVE_CODE, c->perturb_depth ? stop_time(left) : 0);
	if (ns && here.hold)
		here.hold(ns);
}

int64_t perturb_turn(unsigned vcpu)
{
	struct channel *c = stop_channel();
	if (!(c->perturb_at & OBSERVE_WINDOW) || !c->perturb_window_ns || vcpu >= OBSERVE_CPUS_MAX)
		return 0;
	uint64_t now = stop_turn_time(), window = now / c->perturb_window_ns;
	if (here.window[vcpu] == window)
		return 0;
	here.window[vcpu] = window;
	return hold_at(c, OBSERVE_EVENT_IDS + OBSERVE_WINDOW, now);
}

int64_t perturb_interrupt(enum observe_event kind)
{
	struct channel *c = stop_channel();
	return c->perturb_at & kind ? hold_at(c, OBSERVE_EVENT_IDS + kind, stop_turn_time()) : 0;
}
