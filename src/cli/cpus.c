/* SPDX-License-Identifier: GPL-2.0-only */
/* cpus.c -- see cpus.h. */
#include <signal.h>
#include <stdio.h>

#include "cli/cpus.h"
#include "reactor/signal.h"

#define SAY_AFTER	NSEC_PER_SEC

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
	fprintf(stderr, "waiting for %u CPUs; held by %s (see 'ktstr locks')\n", cpus, buf_str(&who));
}

/* Turns the reactor until the claim is served, refused, or the person gives up. */
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
	return result < 0 ? result : c->result;
}

static int claim_cpus(struct reactor *r, const struct admit_config *config, unsigned cpus, struct cpu_hold *ret,
		      struct err **err)
{
	struct plan_request request = { PLAN_BUDGET, .cpus = cpus, .rotate = (unsigned)getpid() };
	struct admit admit;
	int result = admit_start(r, &admit, config, err);
	if (result < 0)
		return result;
	struct claim *c = admit_ask(&admit, &request, 0, 0);
	result = c ? await(r, &admit, c, cpus, err) : -ENOMEM;
	if (result == 0) {
		ret->plan = c->plan;
		ret->locks = claim_take_locks(c);
		ret->planned = true;
	} else if (c && c->err && err) {
		*err = TAKE_PTR(c->err);
	}
	if (c)
		admit_release(&admit, c);
	admit_stop(&admit);
	return result;
}

static int with_locks(struct reactor *r, struct admit_config *config, unsigned cpus, struct cpu_hold *ret,
		      struct err **err)
{
	struct lock_dir dir = LOCK_DIR_NULL;
	bool bypass = budget_environment(NULL).bypass != NULL;
	int result = bypass ? 0 : lock_dir_open(lock_dir_path(), NULL, &dir, err);
	config->dir = bypass ? NULL : &dir;
	if (result == 0)
		result = claim_cpus(r, config, cpus, ret, err);
	lock_dir_done(&dir);
	return result;
}

int cpu_hold_take(struct reactor *r, unsigned cpus, struct cpu_hold *ret, struct err **err)
{
	_cleanup_err_ struct err *why = NULL;
	struct host host = HOST_NULL;
	struct admit_config config = { .host = &host, .give_up = ADMIT_GIVE_UP };
	_cleanup_buf_ struct buf text = BUF_NULL;
	*ret = CPU_HOLD_NULL;
	int result = host_read("", &host, &why);
	if (result == 0)
		result = cpus_allowed(&config.allowed, &why);
	if (result < 0) {
		err_format(why, &text);
		fprintf(stderr, "warning: %s; no CPUs are reserved\n", buf_str(&text));
		return 0;
	}
	result = with_locks(r, &config, cpus, ret, err);
	host_done(&host);
	if (result == 0 && ret->plan.nodes > 1)
		fprintf(stderr, "the %u CPUs lie in %u NUMA nodes: no fewer have as many\n", cpus, ret->plan.nodes);
	return result;
}

void cpu_hold_release(struct cpu_hold *h)
{
	lock_set_release(&h->locks);
	*h = CPU_HOLD_NULL;
}
