/* SPDX-License-Identifier: GPL-2.0-only */
/* net.c -- types that send packets. */
#include "behaviour.h"

#define A_TURN 16u

/* As many packets arrive as were sent; the two numbers are read one after the other, so they differ a little. */
static bool about(uint64_t packets, uint64_t sent)
{
	return packets * 20 >= sent * 19 && packets * 20 <= sent * 21;
}

/* The loopback device receives all packets of the worker, and no others. */
static void sends_to_itself(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	uint64_t turns = s->worker[0].turns;
	ktstr_expect(t, turns > 20, "%s: %lu turns", name, turns);
	ktstr_expect(t, about(s->packets, turns * A_TURN), "%s: %lu packets received in %lu turns", name, s->packets,
		     turns);
	ktstr_expect(t, s->net_softirqs > turns, "%s: %lu network softirqs in %lu turns", name, s->net_softirqs, turns);
	/*
	 * The rest is the softirqs that receive its packets, which CONFIG_IRQ_TIME_ACCOUNTING does not count as its
	 * time: 0.19 as measured; twice as much is allowed.
	 */
	ktstr_expect(t, wants(s, 0) > 0.6, "%s: it works for %.2f", name, wants(s, 0));
}

/* Each member sends one packet per turn, receives one in a softirq, and waits for it. */
static void woken_by_packets(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	uint64_t turns = s->worker[0].turns + s->worker[1].turns;
	for (unsigned i = 0; i < 2; i++) {
		const struct seen *w = &s->worker[i];
		ktstr_expect(t, w->turns > 20, "%s: worker %u made %lu turns", name, i, w->turns);
		ktstr_expect(t, w->voluntary * 3 >= w->turns, "%s: %lu waits in %lu turns", name, w->voluntary,
			     w->turns);
	}
	ktstr_expect(t, about(s->packets, turns), "%s: %lu packets received in %lu turns", name, s->packets, turns);
	ktstr_expect(t, s->net_softirqs * 10 >= turns * 9, "%s: %lu network softirqs in %lu turns", name,
		     s->net_softirqs, turns);
}

KTSTR_TEST(behaviour_net, .cores = 4, .duration_s = 2, .checks = { .not_stuck = KTSTR_OFF })
{
	return ktstr_run_steps(t, KTSTR_STEPS(SEE("NetTraffic", sends_to_itself, 1, WORK(NET_TRAFFIC)),
					      SEE("IrqWake", woken_by_packets, 2, WORK(IRQ_WAKE))));
}
