/* SPDX-License-Identifier: GPL-2.0-only */
/* common.c -- see behaviour.h. */
#include "behaviour.h"

double share(const struct sight *s, unsigned worker)
{
	const struct seen *w = &s->worker[worker];
	return w->ns ? (double)w->run_ns / (double)w->ns : 0;
}

double wants(const struct sight *s, unsigned worker)
{
	const struct seen *w = &s->worker[worker];
	return w->ns ? (double)(w->run_ns + w->wait_ns) / (double)w->ns : 0;
}

double per_s(const struct sight *s, uint64_t count)
{
	return s->ns ? (double)count / ((double)s->ns / 1e9) : 0;
}

uint64_t own_bytes(const struct sight *s, const struct seen *w, uint64_t reads)
{
	const uint64_t period_ns = 2000000, line_bytes = 64;
	uint64_t own = w->reads > reads ? w->reads - reads : 0, most = s->ns / period_ns + 1;
	return (own < most ? own : most) * line_bytes;
}

void watch_step(struct ktstr_ctx *t, void *arg)
{
	static struct sight sight;
	const struct look *look = arg;
	ktstr_ctx_sleep_us(t, 10000); /* they begin at different times */
	observe(t, look->ms ? look->ms : LOOK_MS, look->step_us ? look->step_us : 10000, look->signals, &sight);
	sight_print(&sight, look->name);
	ktstr_expect(t, sight.workers > 0, "%s: no worker was seen", look->name);
	for (unsigned i = 0; i < sight.workers; i++)
		ktstr_expect(t, sight.worker[i].run_ns > 0, "%s: worker %u never ran", look->name, i);
	if (sight.workers)
		look->judge(t, &sight, look->name);
}
