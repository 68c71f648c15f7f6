/* SPDX-License-Identifier: GPL-2.0-only */
/* explore_session.c -- the rounds of `ktstr explore`: see run/campaign.h. */
#include <stdlib.h>

#include "base/dir.h"
#include "base/text.h"
#include "cli/out.h"
#include "cli/test_session.h"
#include "kernel/cache.h"

#define ROUND_SLOTS 8 /* schedules in a round for each machine that can run at once: at its end, some wait */

/* A campaign runs without a corpus; the next one cannot use what this one learns. */
static void warn_of_no_corpus(const struct err *why)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	err_format(why, &text);
	say_printf("warning: %s; the next campaign will not go on after this one\n", buf_str(&text));
}

/* A directory that others can write to is refused. */
static int find_corpus(struct session *s, struct err **err)
{
	_cleanup_err_ struct err *why = NULL;
	_cleanup_close_ int fd = -1;
	int r = cache_sibling_find("corpus", &s->corpus_cache, &why);
	if (r == 0)
		r = dir_open(s->corpus_cache, true, "XDG_CACHE_HOME", &fd, &why);
	if (r == -EPERM) {
		*err = TAKE_PTR(why);
		return r;
	}
	if (r == 0)
		return 0;
	warn_of_no_corpus(why);
	free(TAKE_PTR(s->corpus_cache));
	return 0;
}

static int open_campaign(struct session *s, const struct test_args *a, struct err **err)
{
	int found = find_corpus(s, err);
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

static void keep_corpus(struct session *s)
{
	_cleanup_err_ struct err *why = NULL;
	if (s->corpus_lost || campaign_save(&s->campaign, &why) == 0)
		return;
	warn_of_no_corpus(why);
	s->corpus_lost = true;
}

/* What was learnt is kept also if the round failed or was interrupted. */
static int run_round(struct session *s, const struct test_args *a,
		     int (*run)(struct session *s, const struct test_args *a, struct err **err), struct err **err)
{
	int r = run(s, a, err);
	keep_corpus(s);
	return r;
}

/* Schedules that no round has planned, because the campaign ended. With a time alone, their number has no meaning. */
static void count_unplanned(struct session *s, const struct test_args *a, uint64_t left)
{
	if (a->explore_for && a->schedules == SCHEDULES_MAX)
		return;
	for (size_t i = 0; i < s->plan.count; i++) {
		unsigned more = schedules_apply(&s->plan.item[i]) ? (unsigned)left : 0;
		s->counts.total += more;
		s->counts.not_run += more;
	}
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
	if (r == 0)
		count_unplanned(s, a, left);
	return r;
}
