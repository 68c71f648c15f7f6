/* SPDX-License-Identifier: GPL-2.0-only */
/* explore_session.c -- the rounds of `ktstr explore`: see run/campaign.h. */
#include <stdlib.h>

#include "base/text.h"
#include "cli/out.h"
#include "cli/test_session.h"
#include "kernel/cache.h"

#define ROUND_SLOTS 8 /* schedules in a round for each machine that can run at once: at its end, some wait */

static int open_campaign(struct session *s, const struct test_args *a, struct err **err)
{
	int found = cache_sibling_find("corpus", &s->corpus_cache, err);
	if (found < 0)
		return found;
	const struct campaign_config config = {
		.base = &s->plan,
		.perturb = s->perturb,
		.dir = s->corpus_cache,
		.seed = s->seed,
		.lag_ns = s->accel.lag_ns,
		.clones = s->snapshot_cache != NULL,
		.vary = (unsigned)a->vary,
		.signatures_most = (unsigned)a->until_signatures,
	};
	int r = campaign_open(&s->campaign, &config, err);
	if (r == 0 && s->campaign.earlier)
		say_printf("goes on after %lu schedule%s of earlier runs; --perturb seed=1 begins anew\n",
			   s->campaign.earlier, plural(s->campaign.earlier));
	return r;
}

/* Few tests have long rounds, so that no machine waits for long at the end of one. */
static unsigned round_size(const struct session *s, const struct test_args *a)
{
	unsigned whole = ROUND_SLOTS * session_slots(s, a);
	return MAX_OF(whole / (unsigned)MAX_OF(s->plan.count, (size_t)1), 1u);
}

static bool is_over(const struct session *s, const struct test_args *a)
{
	unsigned most = session_failures_most(a);
	if (s->counts.interrupted || (most && s->counts.failed >= most))
		return true;
	if (a->until_signatures && s->campaign.failures >= a->until_signatures)
		return true;
	return s->until && reactor_now(s->reactor) >= s->until;
}

/* What was learnt is kept also if the round failed or was interrupted. */
static int run_round(struct session *s, const struct test_args *a,
		     int (*run)(struct session *s, const struct test_args *a, struct err **err), struct err **err)
{
	_cleanup_err_ struct err *why = NULL;
	int r = run(s, a, err);
	int kept = campaign_save(&s->campaign, r < 0 ? &why : err);
	return r < 0 ? r : kept;
}

int session_explore(struct session *s, const struct test_args *a,
		    int (*run)(struct session *s, const struct test_args *a, struct err **err), struct err **err)
{
	uint64_t left = a->schedules;
	int r = open_campaign(s, a, err);
	s->until = a->explore_for ? reactor_now(s->reactor) + a->explore_for : 0;
	while (r == 0 && left && !is_over(s, a)) {
		unsigned count = (unsigned)MIN_OF(left, (uint64_t)round_size(s, a));
		r = campaign_plan(&s->campaign, count, err);
		if (r < 0 || !s->campaign.plan.count)
			break;
		r = run_round(s, a, run, err);
		left -= count;
	}
	return r;
}
