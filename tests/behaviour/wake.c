/* SPDX-License-Identifier: GPL-2.0-only */
/* wake.c -- types in which tasks wake, signal, block and fork each other. */
#include "behaviour.h"

/*
 * Work of a worker that holds the token, or is woken to compute: more than the cost of a wake-up, also when emulated.
 */
#define HOP_US	 1000
#define PRODUCTS 60u

/* Partners alternate: their numbers of turns differ by little, and each waits for the other about once per turn. */
static void equal_turns(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	for (unsigned i = 0; i < s->workers; i++) {
		uint64_t a = s->worker[i].turns, b = s->worker[0].turns;
		ktstr_expect(t, a > 20, "%s: worker %u made %lu turns", name, i, a);
		ktstr_expect(t, a * 10 <= b * 13 && b * 10 <= a * 13, "%s: %lu and %lu turns", name, a, b);
	}
}

static void sleeps_each_turn(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	equal_turns(t, s, name);
	for (unsigned i = 0; i < s->workers; i++)
		ktstr_expect(t, s->worker[i].voluntary * 3 >= s->worker[i].turns, "%s: %lu waits in %lu turns", name,
			     s->worker[i].voluntary, s->worker[i].turns);
}

static void trades_bytes(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	sleeps_each_turn(t, s, name);
	for (unsigned i = 0; i < s->workers; i++) {
		const struct seen *w = &s->worker[i];
		ktstr_expect(t, w->written_bytes + 4 >= w->turns && w->written_bytes <= w->turns + 4,
			     "%s: %lu bytes written in %lu turns", name, w->written_bytes, w->turns);
		ktstr_expect(
			t, w->read_bytes + 4 >= w->turns && w->read_bytes <= w->turns + 4 + own_bytes(s, w, w->turns),
			"%s: %lu bytes read in %lu turns, by %lu readings", name, w->read_bytes, w->turns, w->reads);
	}
}

static void trades_without_bytes(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	sleeps_each_turn(t, s, name);
	ktstr_expect(t, s->worker[0].writes == 0, "%s: it writes", name);
}

static void mixed_classes(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	for (unsigned i = 0; i < 2; i++) {
		ktstr_expect(t, s->worker[i].turns > 20, "%s: %lu turns", name, s->worker[i].turns);
		ktstr_expect(t, s->worker[i].policies == (i ? 2 : 1), "%s: worker %u has policies %lx", name, i,
			     s->worker[i].policies);
	}
	ktstr_expect(t, s->worker[1].voluntary * 3 >= s->worker[1].turns, "%s: the real-time one does not wait", name);
}

/*
 * One works at a time, so all of them together use little more than one CPU. A worker that has woken the next one runs
 * for a short time until it sleeps: where processors run in parallel, both count in that time.
 */
static void one_at_a_time(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	double sum = 0;
	sleeps_each_turn(t, s, name);
	for (unsigned i = 0; i < s->workers; i++)
		sum += share(s, i);
	ktstr_expect(t, sum < 1.5, "%s: %.2f CPUs at a time", name, sum);
}

/*
 * A receiver makes one turn for each time that it finds the waker's word changed. Waking up takes longer than the
 * waker's next turn, so it sleeps for some of them only.
 */
static void one_wakes_all(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	ktstr_expect(t, s->worker[0].voluntary < s->worker[0].turns / 4, "%s: the waker waits", name);
	for (unsigned i = 1; i < s->workers; i++) {
		ktstr_expect(t, s->worker[i].turns > 20, "%s: receiver %u made %lu turns", name, i, s->worker[i].turns);
		ktstr_expect(t, s->worker[i].turns <= s->worker[0].turns + 2, "%s: receiver %u: %lu turns, waker: %lu",
			     name, i, s->worker[i].turns, s->worker[0].turns);
		ktstr_expect(t, s->worker[i].voluntary * 20 >= s->worker[i].turns,
			     "%s: receiver %u: %lu waits, %lu turns", name, i, s->worker[i].voluntary,
			     s->worker[i].turns);
	}
}

/* Three matrices of 22 x 22 fit into 12 KiB. */
static void receivers_compute(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	for (unsigned i = 1; i < s->workers; i++) {
		ktstr_expect(t, s->worker[i].turns > 5, "%s: receiver %u made %lu products", name, i,
			     s->worker[i].turns);
		ktstr_expect(t, share(s, i) > 0.1, "%s: receiver %u computes for %.2f of the time", name, i,
			     share(s, i));
		ktstr_expect(t, s->worker[i].voluntary + 2 >= s->worker[i].turns / PRODUCTS,
			     "%s: %lu waits for %lu products", name, s->worker[i].voluntary, s->worker[i].turns);
	}
}

/* All seven wake up every 5 ms. */
static void herd_wakes(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	uint64_t batches = s->worker[0].turns;
	ktstr_expect(t, per_s(s, batches) > 120 && per_s(s, batches) < 205, "%s: %.0f batches a second", name,
		     per_s(s, batches));
	for (unsigned i = 1; i < s->workers; i++)
		ktstr_expect(t,
			     s->worker[i].turns + 3 >= batches && s->worker[i].turns <= batches + 3 &&
				     s->worker[i].voluntary + 5 >= batches,
			     "%s: worker %u woke up %lu times for %lu batches", name, i, s->worker[i].turns, batches);
}

static void event_storm(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	const struct seen *p = &s->worker[0];
	/* 32 events a turn. A turn takes 50 us, so some end between the readings of the two numbers. */
	ktstr_expect(t, p->writes >= p->turns * 31 && p->writes <= p->turns * 33 && p->written_bytes == p->writes * 8,
		     "%s: %lu events of %lu bytes in %lu turns", name, p->writes, p->written_bytes, p->turns);
	for (unsigned i = 1; i < s->workers; i++)
		ktstr_expect(t, s->worker[i].reads > 10 && s->worker[i].voluntary > 10,
			     "%s: consumer %u: %lu reads, %lu waits", name, i, s->worker[i].reads,
			     s->worker[i].voluntary);
}

/* Sixteen signals per turn, counted by the kernel's tracepoint. */
static void signals(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct seen *w = &s->worker[i];
		ktstr_expect(t, w->turns > 20, "%s: %lu turns", name, w->turns);
		ktstr_expect(t, w->count[COUNT_SIGNALS] >= w->turns * 12 && w->count[COUNT_SIGNALS] <= w->turns * 20,
			     "%s: %lu signals in %lu turns", name, w->count[COUNT_SIGNALS], w->turns);
	}
}

static void forks(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	ktstr_expect(t, s->worker[0].turns > 10, "%s: %lu turns", name, s->worker[0].turns);
	ktstr_expect(t, s->forks + 4 >= s->worker[0].turns && s->forks <= s->worker[0].turns + 4,
		     "%s: %lu processes made in %lu turns", name, s->forks, s->worker[0].turns);
}

/*
 * Four workers hold the lock for most of their time: about one works at a time, the others wait. Any of them may get
 * the lock next.
 */
static void contends(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	uint64_t waits = 0, turns = 0;
	double sum = 0;
	for (unsigned i = 0; i < s->workers; i++) {
		waits += s->worker[i].voluntary;
		sum += share(s, i);
		turns += s->worker[i].turns;
	}
	ktstr_expect(t, turns > 50, "%s: %lu turns", name, turns);
	ktstr_expect(t, waits > 50, "%s: %lu waits", name, waits);
	ktstr_expect(t, sum < 1.9, "%s: %.2f CPUs at a time", name, sum);
}

/* Two producers make at most 500 items per second each; the consumer is slower and never idle. */
static void produces(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	for (unsigned i = 0; i < 2; i++)
		ktstr_expect(t, per_s(s, s->worker[i].turns) > 100 && per_s(s, s->worker[i].turns) < 515,
			     "%s: producer %u makes %.0f items a second, not up to 500", name, i,
			     per_s(s, s->worker[i].turns));
	ktstr_expect(t, share(s, 2) > 0.85 && s->worker[2].turns > 10, "%s: the consumer works for %.2f", name,
		     share(s, 2));
	ktstr_expect(t, s->worker[2].turns < s->worker[0].turns + s->worker[1].turns, "%s: it keeps up", name);
}

KTSTR_TEST(behaviour_wake, .cores = 4, .duration_s = 10, .checks = { .not_stuck = KTSTR_OFF })
{
	return ktstr_run_steps(
		t, KTSTR_STEPS(SEE("PipeIo", trades_bytes, 2, WORK(PIPE_IO)),
			       SEE("CachePipe", trades_bytes, 2, WORK(CACHE_PIPE)),
			       SEE("FutexPingPong", trades_without_bytes, 2, WORK(FUTEX_PING_PONG)),
			       SEE("AsymmetricWaker", mixed_classes, 2, WORK(ASYMMETRIC_WAKER)),
			       SEE("WakeChain", one_at_a_time, 4, WORK(WAKE_CHAIN, .work_us = HOP_US)),
			       SEE("WakeChain by futex", one_at_a_time, 3,
				   WORK(WAKE_CHAIN, .depth = 3, .futex = true, .work_us = HOP_US)),
			       SEE("FutexFanOut", one_wakes_all, 5, WORK(FUTEX_FAN_OUT, .spin_iters = 64)),
			       SEE("FanOutCompute", receivers_compute, 5,
				   WORK(FAN_OUT_COMPUTE, .size_kib = 12, .operations = PRODUCTS, .sleep_us = 2000)),
			       SEE("ThunderingHerd", herd_wakes, 8, WORK(THUNDERING_HERD)),
			       SEE("EpollStorm", event_storm, 3, WORK(EPOLL_STORM)),
			       { .name = "SignalStorm",
				 .watch = watch_step,
				 .hold = KTSTR_HOLD_MS(LOOK_MS),
				 .arg = &(struct look){ .name = "SignalStorm", .judge = signals, .signals = true },
				 .cgroups = KTSTR_CGROUPS({ .name = "g", .workers = 2, WORK(SIGNAL_STORM) }) },
			       SEE("ForkExit", forks, 1, WORK(FORK_EXIT)),
			       SEE("CgroupAttachStorm", forks, 1, WORK(CGROUP_ATTACH_STORM)),
			       SEE("MutexContention", contends, 4, WORK(MUTEX_CONTENTION, .hold_iters = 65536)),
			       SEE("ProducerConsumerImbalance", produces, 3,
				   WORK(PRODUCER_CONSUMER_IMBALANCE, .rate_hz = 500, .work_iters = 200000))));
}
