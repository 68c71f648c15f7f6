/* SPDX-License-Identifier: GPL-2.0-only */
/* sums.c -- see insns.h. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "insns/insns.h"

const char *const insns_event_names[INSNS_EVENTS] = { "switch", "wakeup", "tick" };

/* The functions whose instructions an event takes, and those whose calls are its number, in different kernels. */
static const struct {
	const char *function[2], *count[2];
} events[INSNS_EVENTS] = {
	[INSNS_SWITCH] = { { "__schedule" }, { "__switch_to" } },
	[INSNS_WAKEUP] = { { "try_to_wake_up" }, { "try_to_wake_up" } },
	[INSNS_TICK] = { { "sched_tick", "scheduler_tick" }, { "sched_tick", "scheduler_tick" } },
};

/* Is it the function, or the compiler's version of it ("name.constprop.0")? */
static bool is_function(const char *name, const char *const wanted[2])
{
	for (unsigned i = 0; i < 2 && wanted[i]; i++) {
		size_t len = strlen(wanted[i]);
		if (!strncmp(name, wanted[i], len) && (!name[len] || name[len] == '.'))
			return true;
	}
	return false;
}

/* Does the function call itself on this path, directly or not? Then its total is already counted. */
static bool is_recursive(const struct insns *p, uint32_t path)
{
	for (uint32_t at = p->path[path].caller; at; at = p->path[at].caller)
		if (p->path[at].function == p->path[path].function)
			return true;
	return false;
}

static void add_paths(const struct insns *p, enum insns_phase phase, uint64_t *total, struct insns_sum *sum)
{
	for (uint32_t i = 0; i < p->paths; i++)
		total[i] = p->path[i].in[phase].instructions;
	for (uint32_t i = p->paths; i-- > 1;)
		total[p->path[i].caller] += total[i];
	for (uint32_t i = 0; i < p->paths; i++) {
		struct insns_sum *s = &sum[p->path[i].function];
		s->own += p->path[i].in[phase].instructions;
		s->calls += p->path[i].in[phase].calls;
		if (i && !is_recursive(p, i))
			s->total += total[i];
	}
}

static int by_own(const void *a, const void *b)
{
	const struct insns_sum *x = a, *y = b;
	return x->own != y->own ? (x->own < y->own ? 1 : -1) : strcmp(x->name, y->name);
}

static int by_total(const void *a, const void *b)
{
	const struct insns_sum *x = a, *y = b;
	return x->total != y->total ? (x->total < y->total ? 1 : -1) : strcmp(x->name, y->name);
}

/* A scheduler that was attached twice has two programs with one name, which count as one. */
static void add_callback(struct insns_sums *s, const struct insns_sum *program)
{
	for (uint32_t i = 0; i < s->callbacks; i++) {
		struct insns_sum *c = &s->callback[i];
		if (strcmp(c->name, program->name))
			continue;
		c->own += program->own;
		c->total += program->total;
		c->calls += program->calls;
		return;
	}
	s->callback[s->callbacks++] = *program;
}

static void find_events(struct insns_sums *s)
{
	for (unsigned e = 0; e < INSNS_EVENTS; e++)
		s->event[e].name = insns_event_names[e];
	for (uint32_t i = 0; i < s->functions; i++) {
		const struct insns_sum *f = &s->function[i];
		s->kernel += f->own;
		if (f->calls && !strncmp(f->name, INSNS_PROGRAM, strlen(INSNS_PROGRAM)))
			add_callback(s, f);
		for (unsigned e = 0; e < INSNS_EVENTS; e++) {
			s->event[e].own += is_function(f->name, events[e].function) ? f->own : 0;
			s->event[e].total += is_function(f->name, events[e].function) ? f->total : 0;
			s->event[e].calls += is_function(f->name, events[e].count) ? f->calls : 0;
		}
	}
}

/* Functions that were not executed in this phase are left out. */
static void drop_unused(struct insns_sums *s)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < s->functions; i++)
		if (s->function[i].own || s->function[i].calls)
			s->function[kept++] = s->function[i];
	s->functions = kept;
}

int insns_sum_up(const struct insns *p, enum insns_phase phase, struct insns_sums *ret)
{
	_cleanup_free_ uint64_t *total = calloc(p->paths + 1, sizeof(*total));
	*ret = (struct insns_sums){ .phase = phase, .user = p->user[phase], .functions = p->functions };
	ret->function = calloc(p->functions + 1, sizeof(*ret->function));
	ret->callback = calloc(p->functions + 1, sizeof(*ret->callback));
	if (!total || !ret->function || !ret->callback) {
		insns_sums_done(ret);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < p->functions; i++)
		ret->function[i].name = p->function[i];
	add_paths(p, phase, total, ret->function);
	drop_unused(ret);
	qsort(ret->function, ret->functions, sizeof(*ret->function), by_own);
	find_events(ret);
	qsort(ret->callback, ret->callbacks, sizeof(*ret->callback), by_total);
	return 0;
}

void insns_sums_done(struct insns_sums *s)
{
	free(s->function);
	free(s->callback);
	*s = (struct insns_sums){ 0 };
}

double insns_per_call(const struct insns_sum *s)
{
	return s->calls ? (double)s->total / (double)s->calls : 0;
}
