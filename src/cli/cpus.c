/* SPDX-License-Identifier: GPL-2.0-only */
/* cpus.c -- see cpus.h. */
#include <signal.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/cpus.h"
#include "cli/out.h"
#include "reactor/signal.h"

#define SAY_AFTER NSEC_PER_SEC

static void on_signal(void *data, int sig)
{
	struct admit *a = data;
	(void)sig;
	machine_cancel(&a->machine);
}

static void say_who(const struct admit *a, unsigned cpus)
{
	_cleanup_buf_ struct buf who = BUF_NULL;
	admit_name_holders(a, &who);
	say_printf("note: waiting for %u CPU%s; held by %s (see 'ktstr locks')\n", cpus, plural(cpus), buf_str(&who));
}

/* Runs the reactor until the claim is granted or refused, or the user interrupts. */
static int await(struct reactor *r, struct admit *a, struct claim *c, unsigned cpus, struct err **err)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP };
	struct signals signals;
	nsec_t say = reactor_now(r) + SAY_AFTER;
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
		sigaddset(&set, ending[i]);
	int result = signals_init(&signals, r, &set, on_signal, a, err);
	while (result >= 0 && c->state != CLAIM_READY) {
		result = reactor_turn(r, say);
		if (reactor_now(r) < say || a->trying)
			continue;
		say_who(a, cpus);
		say = NSEC_NEVER;
	}
	signals_done(&signals);
	if (say == NSEC_NEVER && result >= 0 && c->result >= 0)
		say_printf("note: got the CPUs\n");
	return result < 0 ? result : c->result;
}

static int claim_cpus(struct reactor *r, struct admit *a, unsigned cpus, struct cpu_hold *ret, struct err **err)
{
	struct cpu_request request = { PLAN_BUDGET, .cpus = cpus, .rotate = (unsigned)getpid() };
	struct claim *c = admit_ask(a, &request, (struct claim_need){ 0 });
	int result = c ? await(r, a, c, cpus, err) : -ENOMEM;
	if (result == 0) {
		ret->plan = c->plan;
		ret->locks = claim_take_locks(c);
	} else if (c && c->err && err) {
		*err = TAKE_PTR(c->err);
	}
	if (c)
		admit_release(a, c);
	return result;
}

/* If the user set a cap, a note says when only affinity enforces it. Without a cap, affinity alone is sufficient. */
static int enter_sandbox(struct cpu_hold *h, bool said, struct err **err)
{
	int r = sandboxes_open("", NULL, &h->groups);
	if (r == 0)
		r = sandbox_make(&h->groups, &h->plan, said, &h->sandbox, err);
	if (r == 0 && *h->sandbox.note && (said || h->sandbox.path))
		say_printf("note: %s; builds are kept to their CPUs by affinity%s\n", h->sandbox.note,
			   h->sandbox.path ? " too" : " alone");
	return r;
}

int cpu_hold_take(struct reactor *r, unsigned cpus, bool said, struct cpu_hold *ret, struct err **err)
{
	struct host_resources_config config = { .bypass = cpu_budget_environment(NULL).bypass,
						.give_up = ADMIT_GIVE_UP };
	struct host_resources resources;
	*ret = CPU_HOLD_NULL;
	int result = host_resources_open(r, &config, &resources, err);
	if (result < 0)
		return result;
	if (*resources.note)
		say_printf("warning: %s\n", resources.note);
	result = claim_cpus(r, &resources.admit, cpus, ret, err);
	host_resources_close(&resources);
	if (result == 0 && ret->plan.nodes > 1)
		say_printf("note: the %u CPUs are in %u NUMA nodes, because no smaller set of nodes has so many free "
			   "CPUs\n",
			   cpus, ret->plan.nodes);
	if (result == 0)
		result = enter_sandbox(ret, said, err);
	return result;
}

void cpu_hold_release(struct cpu_hold *h)
{
	sandbox_remove(&h->groups, &h->sandbox);
	sandboxes_close(&h->groups);
	lock_set_release(&h->locks);
	*h = CPU_HOLD_NULL;
}
