/* SPDX-License-Identifier: GPL-2.0-only */
/* metrics.c -- see metrics.h. */
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "stats/metrics.h"

/* One row: name, polarity, least, share, unit, kind, and then members by name. */
#define M(n, p, a, r, u, k, text, ...)                                                                    \
	{                                                                                                 \
		.name = n, .polarity = METRIC_##p, .least = a, .share = r, .unit = u, .kind = METRIC_##k, \
		.description = text, __VA_ARGS__                                                          \
	}
#define MONITOR	   .place = METRIC_IN_MONITOR
#define EVENTS	   .place = METRIC_IN_EVENTS
#define SCHEDSTAT  .place = METRIC_IN_SCHEDSTAT
#define RATE(n, d) .place = METRIC_DERIVED, .num = n, .den = d

#define SOFTIRQ(name, a) M("total_softirq_" name, INFO, a, .5, "", COUNTER, "soft interrupts of kind " name)

#define SCHED(name, kind, least, share, text) M(name, LOWER, least, share, "µs", kind, text)

const struct metric metrics[] = {
	/* --- every run --- */
	M("worst_spread", LOWER, 5, .25, "%", PEAK, "largest difference between workers' shares of a CPU",
	  .short_name = "spread"),
	M("worst_gap_ms", LOWER, 500, .5, "ms", PEAK, "longest time between two checkpoints of one worker",
	  .short_name = "gap_ms", .integer = true),
	M("total_migrations", LOWER, 2, .3, "", COUNTER, "changes of CPU of all workers", .short_name = "migrations",
	  .integer = true),
	M("worst_migration_ratio", LOWER, .05, .2, "", PEAK, "most migrations per iteration of a load",
	  .short_name = "migration_ratio"),
	M("max_imbalance_ratio", LOWER, 1, .25, "x", GAUGE_MAX, "longest run queue divided by the shortest",
	  .short_name = "imbalance", MONITOR),
	M("max_dsq_depth", LOWER, 10, .5, "", GAUGE_MAX, "longest local dispatch queue", .short_name = "dsq_depth",
	  .integer = true, .key = "max_local_dsq_depth", MONITOR),
	M("stall_count", LOWER, 1, .5, "", COUNTER, "runs in which a CPU with work stood still", .short_name = "stalls",
	  .integer = true, .key = "stall_detected", MONITOR),
	M("total_fallback", LOWER, 5, .3, "", COUNTER, "times that a CPU was chosen for the scheduler",
	  .short_name = "fallback", .integer = true, EVENTS),
	M("total_keep_last", LOWER, 5, .3, "", COUNTER, "times that a task went on because nothing was dispatched",
	  .short_name = "keep_last", .integer = true, .key = "total_dispatch_keep_last", EVENTS),
	M("worst_p99_wake_latency_us", LOWER, 50, .25, "µs", WAKE, "99th percentile of the wake-up latencies",
	  .short_name = "worst_p99_wake_latency_us"),
	M("worst_median_wake_latency_us", LOWER, 20, .25, "µs", WAKE, "median of the wake-up latencies"),
	M("worst_wake_latency_cv", LOWER, .1, .25, "", WAKE, "standard deviation of wake-up latencies by their mean",
	  .short_name = "worst_wake_latency_cv"),
	M("total_iterations", HIGHER, 2, .1, "", COUNTER, "iterations of all workers", .integer = true),
	M("worst_mean_run_delay_us", LOWER, 50, .25, "µs", RUN_DELAY, "mean time that a worker waited for a CPU",
	  .short_name = "worst_mean_run_delay_us"),
	M("worst_run_delay_us", LOWER, 100, .5, "µs", WORST, "longest time that a worker waited for a CPU in all",
	  .short_name = "worst_run_delay_us"),
	M("worst_wake_latency_tail_ratio", LOWER, .5, .25, "x", TAIL_RATIO,
	  "p99 divided by median of the wake-up latencies; absent below 100 iterations"),
	M("worst_iterations_per_worker", HIGHER, 10, .1, "", LOWEST, "iterations per worker of the slowest load"),
	M("worst_page_locality", HIGHER, .05, .1, "", LOWEST, "share of a load's pages that lie on its nodes"),
	M("worst_cross_node_migration_ratio", LOWER, .05, .2, "", PEAK, "pages that moved between nodes by all pages"),
	/* --- the monitor's samples --- */
	M("avg_imbalance_ratio", LOWER, .5, .25, "x", GAUGE_AVG, "longest run queue divided by the shortest", MONITOR),
	M("avg_dsq_depth", LOWER, 5, .5, "", GAUGE_AVG, "length of the local dispatch queues",
	  .key = "avg_local_dsq_depth", MONITOR),
	M("avg_nr_running", LOWER, .5, .2, "", GAUGE_AVG, "tasks that are ready or run, per CPU", MONITOR),
	M("total_run_delay", INFO, 1e6, .1, "ns", COUNTER, "time that tasks waited for a CPU", SCHEDSTAT),
	M("total_pcount", INFO, 100, .1, "", COUNTER, "times that a task was given a CPU", SCHEDSTAT),
	M("total_sched_count", INFO, 100, .1, "", COUNTER, "calls of schedule()", SCHEDSTAT),
	M("total_yld_count", INFO, 100, .1, "", COUNTER, "calls of sched_yield()", SCHEDSTAT),
	M("total_sched_goidle", INFO, 100, .1, "", COUNTER, "calls of schedule() that left a CPU idle", SCHEDSTAT),
	M("total_ttwu_count", INFO, 100, .1, "", COUNTER, "wake-ups", SCHEDSTAT),
	M("total_ttwu_local", INFO, 100, .1, "", COUNTER, "wake-ups on the waker's CPU", SCHEDSTAT),
	M("total_run_delay_ns_per_sched", LOWER, 1000, .15, "ns", RATE, "waiting time per call of schedule()",
	  RATE("total_run_delay", "total_sched_count")),
	M("ttwu_local_fraction", HIGHER, .05, .1, "", RATE, "share of wake-ups on the waker's CPU",
	  RATE("total_ttwu_local", "total_ttwu_count")),
	M("sched_goidle_fraction", INFO, .05, .1, "", RATE, "share of calls of schedule() that left a CPU idle",
	  RATE("total_sched_goidle", "total_sched_count")),
	/* --- counted instructions of the kernel (--profile-insns), while steps hold --- */
	M("insns_per_switch", LOWER, 1, .01, "insns", GAUGE_AVG, "instructions of __schedule() per switch of tasks"),
	M("insns_per_wakeup", LOWER, 1, .01, "insns", GAUGE_AVG, "instructions of try_to_wake_up() per call"),
	M("insns_per_tick", LOWER, 1, .01, "insns", GAUGE_AVG, "instructions of the scheduler's tick"),
	M("insns_per_call.*", LOWER, 1, .01, "insns", GAUGE_AVG,
	  "instructions of a BPF program per call, with what it calls"),
	/* --- the recorded schedule: of the load that is worst --- */
	M("sched_slice_mean_us", INFO, 10, .02, "µs", GAUGE_AVG, "mean time that a worker of a load stayed on a CPU"),
	SCHED("sched_wakeup_p50_us", PEAK, 20, .25, "half of a load's wake-ups took at most so long"),
	SCHED("sched_wakeup_p90_us", PEAK, 50, .25, "90 % of a load's wake-ups took at most so long"),
	SCHED("sched_wakeup_p99_us", PEAK, 50, .25, "99 % of a load's wake-ups took at most so long"),
	SCHED("sched_wakeup_p999_us", PEAK, 100, .25, "99.9 % of a load's wake-ups took at most so long"),
	SCHED("sched_wakeup_max_us", WORST, 200, .5, "longest wake-up of a worker"),
	SCHED("sched_wait_p50_us", PEAK, 20, .25, "half of a load's waits for a CPU took at most so long"),
	SCHED("sched_wait_p90_us", PEAK, 50, .25, "90 % of a load's waits for a CPU took at most so long"),
	SCHED("sched_wait_p99_us", PEAK, 50, .25, "99 % of a load's waits for a CPU took at most so long"),
	SCHED("sched_wait_p999_us", PEAK, 100, .25, "99.9 % of a load's waits for a CPU took at most so long"),
	SCHED("sched_wait_max_us", WORST, 200, .5, "longest wait of a worker for a CPU"),
	M("sched_llc_migration_rate", LOWER, 2, .3, "1/cpu-s", PEAK,
	  "migrations to another LLC per second of CPU time"),
	M("sched_llc_stability", HIGHER, .05, .1, "", LOWEST,
	  "share of CPU time in the LLC where each worker ran most"),
	/* --- timers --- */
	M("worst_p99_timer_latency_us", LOWER, 50, .25, "µs", TIMER, "99th percentile of the timer latencies"),
	M("worst_median_timer_latency_us", LOWER, 20, .25, "µs", TIMER, "median of the timer latencies"),
	M("worst_p999_timer_latency_us", LOWER, 100, .25, "µs", TIMER, "99.9th percentile of the timer latencies"),
	M("worst_timer_latency_us", LOWER, 200, .25, "µs", WORST, "longest timer latency"),
	/* --- throughput --- */
	M("total_phase_iterations", HIGHER, 100, .1, "", COUNTER, "iterations while a phase held"),
	M("total_phase_duration_sec", HIGHER, 1, .3, "s", COUNTER, "length of the phases"),
	M("iteration_rate", HIGHER, 1, .3, "iter/s", RATE, "iterations per second of the phases",
	  RATE("total_phase_iterations", "total_phase_duration_sec")),
	M("total_cpu_time_sec", HIGHER, 1, .3, "s", COUNTER, "CPU time of the workers"),
	M("total_iterations_pooled", HIGHER, 100, .1, "", COUNTER, "iterations of the workers with a known CPU time"),
	M("iterations_per_cpu_sec", HIGHER, 10, .1, "iter/cpu-s", RATE, "iterations per second of CPU time",
	  RATE("total_iterations_pooled", "total_cpu_time_sec")),
	M("worst_iterations_per_cpu_sec", HIGHER, 10, .1, "iter/cpu-s", LOWEST,
	  "iterations per second of CPU time of the slowest load"),
	M("system_time_ns", LOWER, 1e6, .3, "ns", COUNTER, "CPU time in the kernel"),
	M("user_time_ns", LOWER, 1e6, .3, "ns", COUNTER, "CPU time in user space"),
	/* --- interrupts; absent without IRQ_TIME_ACCOUNTING --- */
	M("total_hardirqs", INFO, 1000, .5, "", COUNTER, "interrupts"),
	SOFTIRQ("net_rx", 500),
	SOFTIRQ("net_tx", 500),
	SOFTIRQ("hi", 1000),
	SOFTIRQ("timer", 1000),
	SOFTIRQ("block", 1000),
	SOFTIRQ("irq_poll", 1000),
	SOFTIRQ("tasklet", 1000),
	SOFTIRQ("sched", 1000),
	SOFTIRQ("hrtimer", 1000),
	SOFTIRQ("rcu", 1000),
	M("total_irq_time_ns", INFO, 1e6, .5, "ns", COUNTER, "time in interrupts"),
	M("total_softirq_time_ns", INFO, 1e6, .5, "ns", COUNTER, "time in soft interrupts"),
	M("total_steal_time_ns", INFO, 1e6, .5, "ns", COUNTER, "time that the host took away"),
	M("total_phase_wall_sec", INFO, 1, .3, "s", COUNTER, "length of the phases", .hidden = true),
	M("total_phase_wall_ns", INFO, 1e9, .3, "ns", COUNTER, "length of the phases times CPUs", .hidden = true),
	M("avg_irq_util", LOWER, 20, .3, "", GAUGE_AVG, "the kernel's estimate of time in interrupts, of 1024"),
	M("max_avg_irq_util", LOWER, 50, .3, "", GAUGE_MAX, "the same, of the busiest CPU"),
	M("hardirq_rate", INFO, 10, .3, "irq/s", RATE, "interrupts per second",
	  RATE("total_hardirqs", "total_phase_wall_sec")),
	M("net_rx_softirq_rate", INFO, 10, .3, "irq/s", RATE, "soft interrupts for received packets per second",
	  RATE("total_softirq_net_rx", "total_phase_wall_sec")),
	M("irq_time_fraction", LOWER, .02, .3, "", RATE, "share of time in interrupts",
	  RATE("total_irq_time_ns", "total_phase_wall_ns")),
	M("max_cpu_hardirqs", INFO, 500, .5, "", GAUGE_MAX, "interrupts of the CPU with most"),
	M("max_cpu_hardirq_concentration", LOWER, 1, .3, "x", GAUGE_MAX, "the same, divided by the mean over CPUs"),
	M("psi_irq_full_avg10", INFO, 1, .3, "%", GAUGE_AVG, "pressure by interrupts"),
	M("max_cgroup_psi_irq_avg10", INFO, 1, .3, "%", GAUGE_MAX,
	  "pressure by interrupts in the control group with most"),
	M("total_irq_pressure_us", INFO, 1000, .3, "µs", COUNTER, "time lost to interrupts"),
	/* --- benchmarks --- */
	M("schbench_loop_count", HIGHER, 10, .1, "", COUNTER, "schbench: loops"),
	M("schbench_worker_run_delay_ns_per_sched", LOWER, 1000, .15, "ns", GAUGE_AVG,
	  "schbench: waiting time per switch"),
	M("schbench_wakeup_p50_us", LOWER, 20, .25, "µs", GAUGE_AVG, "schbench: median wake-up latency"),
	M("schbench_wakeup_p99_us", LOWER, 50, .25, "µs", GAUGE_AVG, "schbench: 99th percentile of wake-up latencies"),
	M("schbench_wakeup_max_us", LOWER, 200, .25, "µs", WORST, "schbench: longest wake-up latency"),
	M("schbench_request_p50_us", LOWER, 20, .25, "µs", GAUGE_AVG, "schbench: median request latency"),
	M("schbench_request_p99_us", LOWER, 50, .25, "µs", GAUGE_AVG, "schbench: 99th percentile of its latencies"),
	M("schbench_request_max_us", LOWER, 200, .25, "µs", WORST, "schbench: longest request latency"),
	M("schbench_rps_p20", HIGHER, 1, .1, "req/s", GAUGE_AVG, "schbench: 20th percentile of the request rate"),
	M("schbench_rps_p50", HIGHER, 1, .1, "req/s", GAUGE_AVG, "schbench: median request rate"),
	M("schbench_rps_p90", HIGHER, 1, .1, "req/s", GAUGE_AVG, "schbench: 90th percentile of the request rate"),
	M("schbench_rps_min", HIGHER, 1, .1, "req/s", LOWEST, "schbench: lowest request rate"),
	M("schbench_rps_max", HIGHER, 1, .1, "req/s", GAUGE_MAX, "schbench: highest request rate"),
	M("taobench_total_qps", HIGHER, 1, .1, "req/s", GAUGE_AVG, "taobench: requests per second"),
	M("sched_delay_msg_us", LOWER, 50, .25, "µs", PER_PHASE, "scheduling delay of message threads"),
	M("sched_delay_worker_us", LOWER, 50, .25, "µs", PER_PHASE, "scheduling delay of workers"),
	{ NULL },
};

size_t metrics_count(void)
{
	return ARRAY_SIZE(metrics) - 1;
}

const struct metric *metric_find(const char *name, size_t len)
{
	for (const struct metric *m = metrics; m->name; m++)
		if (!strncmp(m->name, name, len) && !m->name[len])
			return m;
	return NULL;
}

bool metric_pattern_matches(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);
	return len && pattern[len - 1] == '*' ? !strncmp(pattern, name, len - 1) : !strcmp(pattern, name);
}

const struct metric *metric_find_family(const char *name)
{
	for (const struct metric *m = metrics; m->name; m++)
		if (strcmp(m->name, name) && metric_pattern_matches(m->name, name))
			return m;
	return NULL;
}

size_t metric_index(const struct metric *m)
{
	return (size_t)(m - metrics);
}

const char *metric_polarity_name(enum metric_polarity polarity)
{
	static const char *const names[METRIC_POLARITY_MAX] = { "unknown", "higher", "lower", "target",
								"informational" };
	return names[polarity];
}

const char *metric_kind_name(enum metric_kind kind)
{
	static const char *const names[METRIC_KIND_MAX] = {
		[METRIC_COUNTER] = "counter",
		[METRIC_PEAK] = "peak",
		[METRIC_GAUGE_AVG] = "gauge(avg)",
		[METRIC_GAUGE_MAX] = "gauge(max)",
		[METRIC_RATE] = "rate",
		[METRIC_WAKE] = "distribution(wake)",
		[METRIC_RUN_DELAY] = "distribution(run_delay)",
		[METRIC_TIMER] = "distribution(timer)",
		[METRIC_WORST] = "distribution(worst)",
		[METRIC_LOWEST] = "worst_lowest",
		[METRIC_TAIL_RATIO] = "wake_tail_ratio",
		[METRIC_PER_PHASE] = "per_phase",
	};
	return names[kind];
}

unsigned metrics_fingerprint(void)
{
	struct siphash h;
	siphash_init(&h);
	for (const struct metric *m = metrics; m->name; m++) {
		siphash_string(&h, m->name);
		siphash_string(&h, m->key ? m->key : "");
		siphash_update(&h, &m->place, sizeof(m->place));
	}
	return (unsigned)siphash_final(&h);
}
