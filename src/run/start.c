/* SPDX-License-Identifier: GPL-2.0-only */
/* start.c -- see start.h. */
#include "run/start.h"

#include <string.h>

/*
 * A machine without a snapshot: none is started, its vCPUs are pinned (attempt.c), or its kernel is at another address
 * each time (fleet.c).
 */
static bool must_boot(const struct plan_case *c)
{
	return c->skip || c->problem || c->perf || c->test->host_only || c->test->kaslr;
}

static const char *const *kargs_of(const struct plan_case *c)
{
	static const char *const none[] = { NULL };
	return c->test->scheduler && c->test->scheduler->kargs ? (const char *const *)c->test->scheduler->kargs : none;
}

static bool same_kargs(const struct plan_case *a, const struct plan_case *b)
{
	const char *const *x = kargs_of(a), *const *y = kargs_of(b);
	while (*x && *y && !strcmp(*x, *y)) {
		x++;
		y++;
	}
	return !*x && !*y;
}

/* A template has the libraries of one test binary. */
static const char *program_of(const struct plan_case *c)
{
	return c->test->program ?: c->test->binary;
}

static bool same_template(const struct plan_case *a, const struct plan_case *b)
{
	return a->kernel == b->kernel && a->memory_mib == b->memory_mib && a->icount_shift == b->icount_shift &&
	       a->lag_ns == b->lag_ns && a->time_dilation == b->time_dilation &&
	       !memcmp(&a->topology, &b->topology, sizeof(a->topology)) && !strcmp(program_of(a), program_of(b)) &&
	       same_kargs(a, b);
}

bool start_can_be_shared(const struct plan *plan, const struct plan_case *c, unsigned tries)
{
	if (must_boot(c))
		return false;
	for (size_t i = 0; i < plan->count; i++)
		if (&plan->item[i] != c && !must_boot(&plan->item[i]) && same_template(&plan->item[i], c))
			return true;
	return tries > 1;
}
