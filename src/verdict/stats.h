/* SPDX-License-Identifier: GPL-2.0-only */
/* stats.h -- statistics of workers' telemetry, for each load in a cgroup and for the whole scenario. */
#ifndef KTSTR_VERDICT_STATS_H
#define KTSTR_VERDICT_STATS_H

#include "verdict/evidence.h"

struct cgroup_stats {
	const char *name, *work; /* borrowed from the evidence */
	uint32_t workers, cpus;	 /* cpus: number of different CPUs that were used */
	double avg_off_cpu_pct, min_off_cpu_pct, max_off_cpu_pct, spread_pct;
	int min_off_cpu_tid, max_off_cpu_tid; /* whose these are */
	uint32_t off_cpu_workers;	      /* workers with a wall time; the four above are about these */
	uint32_t counting;		      /* workers that count their progress */
	uint64_t max_gap_ms;
	uint32_t max_gap_cpu;
	uint64_t migrations, iterations;
	double migration_ratio; /* migrations / iterations; 0 without iterations */
	uint64_t wake_samples;
	double p99_wake_us, median_wake_us, wake_cv, wake_tail_ratio;
	double mean_run_delay_us, worst_run_delay_us; /* of all waits of a worker together */
	double max_run_delay_us;		      /* longest single wait of a worker, at least */
	double max_wake_us;
	double iterations_per_worker;
	double mean_work_rate, throughput_cv;			 /* work units per CPU second */
	uint64_t pages, local_pages, slow_pages, migrated_pages; /* local: on the nodes where they should be */
	double page_locality, cross_node_migration_ratio;	 /* 0 without pages */
};

struct scenario_stats {
	struct cgroup_stats *cgroup;
	uint32_t cgroups;
	uint64_t workers, cpus, migrations, iterations;
	double worst_spread_pct, worst_migration_ratio, worst_p99_wake_us, worst_median_wake_us, worst_wake_cv;
	double worst_mean_run_delay_us, worst_run_delay_us, worst_wake_tail_ratio, worst_iterations_per_worker;
	double worst_page_locality, worst_cross_node_migration_ratio;
	uint64_t worst_gap_ms;
	uint32_t worst_gap_cpu;
};

int stats_compute(const struct evidence *e, struct scenario_stats *ret);
void stats_done(struct scenario_stats *s);
/* Share of a worker's wall time in which it was not on a CPU, percent; negative if it has no wall time. */
double worker_off_cpu_pct(const struct wire_worker *w);
/* Work units per second of CPU time; 0 without CPU time. */
double worker_work_rate(const struct wire_worker *w);
/* Iterations per second of wall time; 0 without wall time. */
double worker_iteration_rate(const struct wire_worker *w);

#endif
