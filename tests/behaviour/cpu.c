/* SPDX-License-Identifier: GPL-2.0-only */
/* cpu.c -- types that compute, yield, sleep, read and write. */
#include "behaviour.h"

static void computes(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	for (unsigned i = 0; i < s->workers; i++) {
		ktstr_expect(t, wants(s, i) > 0.9 && share(s, i) > 0.5,
			     "%s: on a CPU for %.2f of the time and waiting for one for %.2f, not all of it", name,
			     share(s, i), wants(s, i) - share(s, i));
		ktstr_expect(t, s->worker[i].voluntary <= 3, "%s: %lu voluntary switches", name,
			     s->worker[i].voluntary);
	}
}

static uint64_t spin_switches;

/* Two spinning tasks on one CPU: the reference for tasks that yield. */
static void spin_rivals(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	spin_switches = s->worker[0].involuntary + s->worker[1].involuntary;
	ktstr_expect(t, spin_switches > 5 && spin_switches < 1000, "%s: %lu switches", name, spin_switches);
}

static void yields(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	uint64_t switches = s->worker[0].involuntary + s->worker[1].involuntary;
	ktstr_expect(t, switches > 3 * spin_switches, "%s: %lu switches, spinning has %lu", name, switches,
		     spin_switches);
	ktstr_expect(t, share(s, 0) + share(s, 1) > 0.85, "%s: yielding is not sleeping", name);
}

static void writes(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	const struct seen *w = &s->worker[0];
	ktstr_expect(t, w->turns > 10, "%s: %lu turns", name, w->turns);
	ktstr_expect(t, w->written_bytes >= w->turns * 64226 && w->written_bytes <= w->turns * 66846,
		     "%s: %lu bytes in %lu turns", name, w->written_bytes, w->turns);
	ktstr_expect(t, w->read_bytes <= own_bytes(s, w, 0), "%s: it read %lu bytes in %lu readings", name,
		     w->read_bytes, w->reads);
}

static void reads(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	const struct seen *w = &s->worker[0];
	ktstr_expect(t, w->turns > 10, "%s: %lu turns", name, w->turns);
	ktstr_expect(t, w->read_bytes >= w->turns * 4015 && w->read_bytes <= w->turns * 4177,
		     "%s: %lu bytes in %lu turns", name, w->read_bytes, w->turns);
}

static void reads_and_writes(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	const struct seen *w = &s->worker[0];
	reads(t, s, name);
	/* Turns go on between the readings of the two numbers. */
	ktstr_expect(t, w->writes * 100 >= w->turns * 98, "%s: %lu writes in %lu turns", name, w->writes, w->turns);
}

/* Works 20 ms of every 50 ms. */
static void bursts(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	ktstr_expect(t, share(s, 0) > 0.3 && share(s, 0) < 0.5, "%s: on a CPU for %.2f of the time, not 0.4", name,
		     share(s, 0));
	ktstr_expect(t, s->worker[0].voluntary >= 4 && s->worker[0].voluntary <= 8, "%s: %lu sleeps", name,
		     s->worker[0].voluntary);
}

/* Works 1 ms of every 6 ms. */
static void idles(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	double rate = per_s(s, s->worker[0].voluntary);
	ktstr_expect(t, share(s, 0) > 0.1 && share(s, 0) < 0.25, "%s: on a CPU for %.2f of the time, not 0.17", name,
		     share(s, 0));
	ktstr_expect(t, rate > 130 && rate < 180, "%s: %.0f sleeps a second, not 167", name, rate);
}

static void idles_precisely(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	idles(t, s, name);
	ktstr_expect(t, s->worker[0].slack_ns == 1, "%s: timer slack %lu ns", name, s->worker[0].slack_ns);
}

/* Spins 10 ms, sleeps 20 ms, computes 10 ms. */
static void phases(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	ktstr_expect(t, share(s, 0) > 0.4 && share(s, 0) < 0.65, "%s: on a CPU for %.2f of the time, not 0.5", name,
		     share(s, 0));
	ktstr_expect(t, s->worker[0].voluntary >= 5 && s->worker[0].voluntary <= 10, "%s: %lu sleeps", name,
		     s->worker[0].voluntary);
}

static void phases_with_io(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	ktstr_expect(t, s->worker[0].written_bytes >= 65536, "%s: wrote %lu bytes", name, s->worker[0].written_bytes);
}

static void ticks(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	double rate = per_s(s, s->worker[0].turns);
	ktstr_expect(t, rate > 450 && rate < 510, "%s: %.0f turns a second, not 500", name, rate);
	ktstr_expect(t, s->worker[0].slack_ns == 1, "%s: timer slack %lu ns", name, s->worker[0].slack_ns);
	ktstr_expect(t, per_s(s, s->worker[0].voluntary) > 400, "%s: it does not sleep", name);
}

/* Turns of arithmetic and of memory differ in time, because the guest's clock counts instructions. */
static void two_speeds(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	computes(t, s, name);
	ktstr_expect(t, s->worker[0].rss_kib > 512, "%s: resident are %lu KiB, without its cold memory", name,
		     s->worker[0].rss_kib);
}

KTSTR_TEST(behaviour_cpu, .cores = 4, .duration_s = 10, .checks = { .not_stuck = KTSTR_OFF })
{
	return ktstr_run_steps(
		t, KTSTR_STEPS(SEE("SpinWait", computes, 2),
			       SEE("SpinWait on one CPU", spin_rivals, 2, .cpuset = KTSTR_CPUS("1")),
			       SEE("YieldHeavy", yields, 2, WORK(YIELD_HEAVY), .cpuset = KTSTR_CPUS("1")),
			       SEE("Mixed", yields, 2, WORK(MIXED), .cpuset = KTSTR_CPUS("1")),
			       SEE("AluHot", computes, 1, WORK(ALU_HOT)),
			       SEE("AluHot scalar", computes, 1, WORK(ALU_HOT, .width = KTSTR_WIDTH_SCALAR)),
			       SEE("IpcVariance", two_speeds, 1, WORK(IPC_VARIANCE, .hot_iters = 2000, .period = 8)),
			       SEE("IoSyncWrite", writes, 1, WORK(IO_SYNC_WRITE)),
			       SEE("IoRandRead", reads, 1, WORK(IO_RAND_READ)),
			       SEE("IoConvoy", reads_and_writes, 1, WORK(IO_CONVOY)),
			       SEE("Bursty", bursts, 1, WORK(BURSTY, .burst_ms = 20, .sleep_ms = 30)),
			       SEE("IdleChurn", idles, 1, WORK(IDLE_CHURN)),
			       SEE("IdleChurn, precise", idles_precisely, 1, WORK(IDLE_CHURN, .precise = true)),
			       SEE("Sequence", phases, 1,
				   WORK(SEQUENCE, .phases = KTSTR_PHASES({ KTSTR_PHASE_SPIN, 10000 },
									 { KTSTR_PHASE_SLEEP, 20000 },
									 { KTSTR_PHASE_ALU_HOT, 10000 }))),
			       SEE("Sequence with IO", phases_with_io, 1,
				   WORK(SEQUENCE,
					.phases = KTSTR_PHASES({ KTSTR_PHASE_YIELD, 2000 }, { KTSTR_PHASE_IO, 4000 }))),
			       SEE("TimerLatency", ticks, 1, WORK(TIMER_LATENCY, .interval_us = 2000))));
}
