/* SPDX-License-Identifier: GPL-2.0-only */
/* fleet_second.c -- failed runs that are made again, to record the calls that lead to the failure. */
#include "run/fleet.h"

/* It has no verdict. */
static int judge_second(void *attempt)
{
	struct attempt *a = attempt;
	struct fleet *f = a->owner;
	if (a->sandbox.path)
		sandbox_remove(&f->groups, &a->sandbox);
	return 0;
}

/* The first run stores what the second one said. */
static int store_second(void *attempt)
{
	(void)attempt;
	return 0;
}

static void on_second_ended(struct attempt *a, int result)
{
	struct fleet *f = a->owner;
	(void)result;
	if (a->sandbox.path)
		sandbox_remove(&f->groups, &a->sandbox);
}

void fleet_set_second_env(struct fleet *f)
{
	f->second_env = (struct attempt_env){ .backend = f->config.accel->backend,
					      .admit = &f->resources.admit,
					      .prepare = attempt_prepare,
					      .judge = judge_second,
					      .store = store_second,
					      .ended = on_second_ended };
}
