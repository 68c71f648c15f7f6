/* SPDX-License-Identifier: GPL-2.0-only */
/* stats.c -- see stats.h. */
#include <math.h>
#include <string.h>

#include "verdict/exact.h"
#include "verdict/stats.h"

double worker_off_cpu_pct(const struct wire_worker *w)
{
	if (!w->wall_ns)
		return -1;
	uint64_t off = w->wall_ns > w->cpu_ns ? w->wall_ns - w->cpu_ns : 0;
	return (double)off / (double)w->wall_ns * 100.0;
}

double worker_work_rate(const struct wire_worker *w)
{
	return w->cpu_ns ? (double)w->work_units / ((double)w->cpu_ns / 1e9) : 0;
}

double worker_iteration_rate(const struct wire_worker *w)
{
	return w->wall_ns ? (double)w->iterations / ((double)w->wall_ns / 1e9) : 0;
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* p99 = sorted[ceil(n * .99) - 1], median = sorted[n / 2], CV = population standard deviation / mean. */
static void wake_stats(uint32_t *sample, uint64_t n, struct cgroup_stats *s)
{
	if (!n)
		return;
	qsort(sample, n, sizeof(*sample), compare_u32);
	uint64_t p99_at = (n * 99 + 99) / 100 - 1;
	double sum = 0, squares = 0;
	for (uint64_t i = 0; i < n; i++)
		sum += sample[i];
	double mean = sum / (double)n;
	for (uint64_t i = 0; i < n; i++)
		squares += (sample[i] - mean) * (sample[i] - mean);
	s->p99_wake_us = sample[p99_at] / 1000.0;
	s->median_wake_us = sample[n / 2] / 1000.0;
	s->wake_cv = n >= 2 && mean > 0 ? sqrt(squares / (double)n) / mean : 0;
	s->wake_tail_ratio = s->median_wake_us > 0 ? s->p99_wake_us / s->median_wake_us : 0;
}

static int pool_wakes(const struct evidence *e, uint32_t cgroup, struct cgroup_stats *s)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < e->worker_count; i++)
		n += e->worker[i].wire.cgroup == cgroup ? e->worker[i].samples : 0;
	_cleanup_free_ uint32_t *pool = malloc(n * sizeof(*pool) + 1);
	if (!pool)
		return -ENOMEM;
	n = 0;
	for (uint32_t i = 0; i < e->worker_count; i++) {
		if (e->worker[i].wire.cgroup != cgroup || !e->worker[i].samples)
			continue;
		memcpy(pool + n, e->worker[i].sample, e->worker[i].samples * sizeof(*pool));
		n += e->worker[i].samples;
	}
	wake_stats(pool, n, s);
	return 0;
}

/* As it was recorded, where it was. The worker itself knows only that its wait was at least so long. */
static uint64_t longest_wait(const struct evidence *e, const struct wire_worker *w)
{
	const struct exact_worker *x = exact_worker_at(e->exact, w->index);
	return x ? MAX_OF(x->longest_wait_ns, w->max_delay_ns) : w->max_delay_ns;
}

static void add_worker(const struct evidence *e, const struct wire_worker *w, struct cgroup_stats *s,
		       struct cpuset_bits *used)
{
	uint64_t longest = longest_wait(e, w);
	/* The kernel adds a wait to the sum when it is over; the longest one may last. */
	double off = worker_off_cpu_pct(w), delay_us = (double)MAX_OF(w->run_delay_ns, longest) / 1000.0;
	if (off >= 0) {
		if (!s->off_cpu_workers || off < s->min_off_cpu_pct) {
			s->min_off_cpu_pct = off;
			s->min_off_cpu_tid = w->tid;
		}
		if (!s->off_cpu_workers || off > s->max_off_cpu_pct) {
			s->max_off_cpu_pct = off;
			s->max_off_cpu_tid = w->tid;
		}
		s->avg_off_cpu_pct += off;
		s->off_cpu_workers++;
	}
	if (w->max_gap_ns / 1000000 > s->max_gap_ms) {
		s->max_gap_ms = w->max_gap_ns / 1000000;
		s->max_gap_cpu = w->max_gap_cpu;
	}
	for (size_t i = 0; i < CPUSET_WORDS; i++)
		used->word[i] |= w->cpus_used[i];
	s->workers++;
	s->counting += w->counts_progress != 0;
	s->migrations += w->migrations;
	s->iterations += w->iterations;
	s->wake_samples += w->wake_samples;
	s->mean_run_delay_us += delay_us;
	s->worst_run_delay_us = fmax(s->worst_run_delay_us, delay_us);
	s->max_run_delay_us = fmax(s->max_run_delay_us, (double)longest / 1000.0);
	s->max_wake_us = fmax(s->max_wake_us, (double)w->max_wake_ns / 1000.0);
}

/* CV over the workers' rates: population standard deviation / mean. */
static void compute_throughput(const struct evidence *e, uint32_t index, struct cgroup_stats *s)
{
	double sum = 0, squares = 0;
	for (uint32_t i = 0; i < e->worker_count; i++) {
		if (e->worker[i].wire.cgroup != index)
			continue;
		double rate = worker_work_rate(&e->worker[i].wire);
		sum += rate;
		squares += rate * rate;
	}
	double n = MAX_OF(s->workers, 1u), mean = sum / n, variance = squares / n - mean * mean;
	s->mean_work_rate = mean;
	s->throughput_cv = mean > 0 && variance > 0 ? sqrt(variance) / mean : 0;
}

static uint64_t nodes_with_cpus(const struct evidence *e)
{
	uint64_t nodes = 0;
	for (uint32_t i = 0; i < e->cpus; i++)
		nodes |= e->cpu[i].node < 64 ? (uint64_t)1 << e->cpu[i].node : 0;
	return nodes;
}

static void count_pages(const struct evidence *e, uint32_t index, struct cgroup_stats *s)
{
	uint64_t fast = nodes_with_cpus(e), wanted = e->cgroup[index].nodes;
	for (uint32_t i = 0; i < e->worker_count; i++) {
		const struct wire_worker *w = &e->worker[i].wire;
		if (w->cgroup != index)
			continue;
		/* All workers read the same counter of the machine, so the largest difference is the right one. */
		s->migrated_pages = MAX_OF(s->migrated_pages, w->pages_migrated);
		for (unsigned n = 0; n < WIRE_NODES_MAX; n++) {
			s->pages += w->numa_pages[n];
			s->local_pages += wanted >> n & 1 ? w->numa_pages[n] : 0;
			s->slow_pages += fast >> n & 1 ? 0 : w->numa_pages[n];
		}
	}
	s->page_locality = s->pages && wanted ? (double)s->local_pages / (double)s->pages : 0;
	s->cross_node_migration_ratio = s->pages ? (double)s->migrated_pages / (double)s->pages : 0;
}

static int compute_cgroup(const struct evidence *e, uint32_t index, struct cgroup_stats *s)
{
	struct cpuset_bits used = { 0 };
	*s = (struct cgroup_stats){ .name = e->cgroup[index].name, .work = e->cgroup[index].work };
	for (uint32_t i = 0; i < e->worker_count; i++)
		if (e->worker[i].wire.cgroup == index)
			add_worker(e, &e->worker[i].wire, s, &used);
	s->cpus = cpuset_count(&used);
	s->spread_pct = s->max_off_cpu_pct - s->min_off_cpu_pct;
	s->avg_off_cpu_pct /= MAX_OF(s->off_cpu_workers, 1);
	s->mean_run_delay_us /= MAX_OF(s->workers, 1);
	s->migration_ratio = s->iterations ? (double)s->migrations / (double)s->iterations : 0;
	s->iterations_per_worker = s->workers ? (double)s->iterations / s->workers : 0;
	compute_throughput(e, index, s);
	count_pages(e, index, s);
	return pool_wakes(e, index, s);
}

static void fold_cgroup(struct scenario_stats *all, const struct cgroup_stats *s)
{
	all->workers += s->workers;
	all->cpus += s->cpus;
	all->migrations += s->migrations;
	all->iterations += s->iterations;
	if (s->max_gap_ms > all->worst_gap_ms) {
		all->worst_gap_ms = s->max_gap_ms;
		all->worst_gap_cpu = s->max_gap_cpu;
	}
	all->worst_spread_pct = fmax(all->worst_spread_pct, s->spread_pct);
	all->worst_migration_ratio = fmax(all->worst_migration_ratio, s->migration_ratio);
	all->worst_p99_wake_us = fmax(all->worst_p99_wake_us, s->p99_wake_us);
	all->worst_median_wake_us = fmax(all->worst_median_wake_us, s->median_wake_us);
	all->worst_wake_cv = fmax(all->worst_wake_cv, s->wake_cv);
	all->worst_wake_tail_ratio = fmax(all->worst_wake_tail_ratio, s->wake_tail_ratio);
	all->worst_mean_run_delay_us = fmax(all->worst_mean_run_delay_us, s->mean_run_delay_us);
	all->worst_run_delay_us = fmax(all->worst_run_delay_us, s->worst_run_delay_us);
	all->worst_cross_node_migration_ratio =
		fmax(all->worst_cross_node_migration_ratio, s->cross_node_migration_ratio);
	if (s->page_locality > 0 && (all->worst_page_locality == 0 || s->page_locality < all->worst_page_locality))
		all->worst_page_locality = s->page_locality;
	/* The lowest that is not zero: other checks find a cgroup without iterations. */
	double per = s->iterations_per_worker;
	if (per > 0 && (all->worst_iterations_per_worker == 0 || per < all->worst_iterations_per_worker))
		all->worst_iterations_per_worker = per;
}

int stats_compute(const struct evidence *e, struct scenario_stats *ret)
{
	*ret = (struct scenario_stats){ .cgroups = e->cgroup_count };
	ret->cgroup = calloc(e->cgroup_count + 1, sizeof(*ret->cgroup));
	if (!ret->cgroup)
		return -ENOMEM;
	for (uint32_t i = 0; i < e->cgroup_count; i++) {
		int r = compute_cgroup(e, i, &ret->cgroup[i]);
		if (r < 0) {
			stats_done(ret);
			return r;
		}
		fold_cgroup(ret, &ret->cgroup[i]);
	}
	return 0;
}

void stats_done(struct scenario_stats *s)
{
	free(s->cgroup);
	*s = (struct scenario_stats){ 0 };
}
