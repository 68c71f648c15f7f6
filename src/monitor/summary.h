/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * summary.h -- what a series of samples says: ratios, stalls, sums, rates. Pure functions on the few values that they
 * need, so that they are the same for a run of the simulator, of tcg and of kvm.
 */
#ifndef KTSTR_MONITOR_SUMMARY_H
#define KTSTR_MONITOR_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#define SUMMARY_WARM_UP_SAMPLES 20    /* of the start, not judged where two more are left */
#define SUMMARY_DSQ_DEPTH_MAX	10000 /* a deeper local queue is garbage */
#define SUMMARY_EVENTS_MAX	32
#define SUMMARY_PREEMPTED_TICKS 10

/* Counters of run queues that are summed over all CPUs, as in struct cpu_sample. */
#define SUMMARY_SCHEDSTATS(X) \
	X(run_delay)          \
	X(pcount)             \
	X(sched_count)        \
	X(yld_count)          \
	X(sched_goidle)       \
	X(ttwu_count)         \
	X(ttwu_local)
#define AS_SCHEDSTAT(name) SCHEDSTAT_##name,
enum schedstat { SUMMARY_SCHEDSTATS(AS_SCHEDSTAT) SCHEDSTAT_COUNT };
#undef AS_SCHEDSTAT

/* Of one CPU at one moment. A clock of 0 was never read. */
struct cpu_reading {
	uint64_t nr_running, local_dsq_nr, clock;
	bool has_vcpu_time;
	uint64_t vcpu_ns; /* CPU time of the vCPU's thread on the host */
};

struct reading {
	uint64_t at_ns;
	const struct cpu_reading *cpu; /* the same number of CPUs in all readings of a series */
	unsigned cpus;
	bool scx; /* a scheduler of sched_ext was attached */
	bool has_events;
	const int64_t *event; /* counters so far */
	unsigned events;      /* at most SUMMARY_EVENTS_MAX */
	uint64_t schedstat[SCHEDSTAT_COUNT];
	unsigned has_schedstat; /* bit of each that all CPUs have */
};

/* max(nr_running) / max(1, min(nr_running)); 1 of no CPU, 0 where nothing runs. */
double summary_imbalance(const struct reading *r);
/* False: a queue is deeper than any can be. */
bool summary_is_plausible(const struct reading *r);
/* The host did not let the vCPU run for long enough: @hz ticks a second. Unknown times: false. */
bool summary_was_preempted(const struct cpu_reading *before, const struct cpu_reading *now, unsigned hz);
/* The CPU had work both times and its clock did not move, although its vCPU could run. */
bool summary_is_stalled(const struct cpu_reading *before, const struct cpu_reading *now, unsigned hz);

/* How many of @count readings the warm-up takes from the start. */
unsigned summary_warm_up(unsigned count);

struct summary {
	unsigned samples;
	double max_imbalance, avg_imbalance, max_dsq_depth, avg_dsq_depth, avg_nr_running;
	bool stall_detected;
	unsigned longest_stall; /* samples in a row in which one CPU stood still */
	unsigned stalled_cpu;	/* of the longest stall */
	bool has_events;
	unsigned events;
	int64_t event_delta[SUMMARY_EVENTS_MAX];   /* last minus first, at least 0 */
	double event_rate[SUMMARY_EVENTS_MAX];	   /* a second */
	int64_t event_burst[SUMMARY_EVENTS_MAX];   /* the largest from one sample to the next */
	unsigned has_schedstat;			   /* bit of each */
	uint64_t schedstat_delta[SCHEDSTAT_COUNT]; /* last minus first, at least 0 */
	double schedstat_rate[SCHEDSTAT_COUNT];	   /* a second */
	uint64_t duration_ns;
};

/* NULL: the readings can be judged; else why not (static text). */
const char *summary_unusable(const struct reading *r, unsigned count);
/* Of @count readings, without a warm-up of its own. */
void summary_of(const struct reading *r, unsigned count, unsigned hz, struct summary *ret);

/*
 * The increase of one event counter from one reading to the next, a second. False: a counter is missing, or no time has
 * passed.
 */
bool summary_rate(const struct reading *before, const struct reading *now, int event, double *ret);

/*
 * What a contended host can have added to a latency of @length_ns: the largest sum of @delay_ns, one a tick, over any
 * ceil(length / tick) + 1 ticks in a row.
 */
uint64_t summary_host_delay(const uint64_t *delay_ns, unsigned count, uint64_t tick_ns, uint64_t length_ns);

enum latency_verdict {
	LATENCY_WITHIN,	       /* not above the limit */
	LATENCY_OVER,	       /* above, by more than the host can have added */
	LATENCY_INDETERMINATE, /* above, and the host may have been why */
};

enum latency_verdict summary_judge_latency(uint64_t measured_ns, uint64_t limit_ns, uint64_t host_delay_ns);

#endif
