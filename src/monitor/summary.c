/* SPDX-License-Identifier: GPL-2.0-only */
/* summary.c -- see summary.h. */
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "monitor/summary.h"

double summary_imbalance(const struct reading *r)
{
	uint64_t most = 0, least = UINT64_MAX;
	for (unsigned i = 0; i < r->cpus; i++) {
		most = MAX_OF(most, r->cpu[i].nr_running);
		least = MIN_OF(least, r->cpu[i].nr_running);
	}
	return r->cpus ? (double)most / (double)MAX_OF(least, (uint64_t)1) : 1;
}

bool summary_is_plausible(const struct reading *r)
{
	for (unsigned i = 0; i < r->cpus; i++)
		if (r->cpu[i].local_dsq_nr > SUMMARY_DSQ_DEPTH_MAX)
			return false;
	return true;
}

bool summary_was_preempted(const struct cpu_reading *before, const struct cpu_reading *now, unsigned hz)
{
	uint64_t least = NSEC_PER_SEC / MAX_OF(hz, 1u) * SUMMARY_PREEMPTED_TICKS;
	if (!before->has_vcpu_time || !now->has_vcpu_time || now->vcpu_ns < before->vcpu_ns)
		return false;
	return now->vcpu_ns - before->vcpu_ns < least;
}

bool summary_is_stalled(const struct cpu_reading *before, const struct cpu_reading *now, unsigned hz)
{
	return now->clock && now->clock == before->clock && now->nr_running && before->nr_running &&
	       !summary_was_preempted(before, now, hz);
}

unsigned summary_warm_up(unsigned count)
{
	return count > SUMMARY_WARM_UP_SAMPLES + 1 ? SUMMARY_WARM_UP_SAMPLES : 0;
}

/* --- whether readings can be judged ------------------------------------------------------------------------------- */

/* More than one clock was read, and all are equal: of all CPUs and all readings. */
static bool clocks_stand_still(const struct reading *r, unsigned count)
{
	uint64_t first = 0, clocks = 0;
	for (unsigned i = 0; i < count; i++) {
		for (unsigned cpu = 0; cpu < r[i].cpus; cpu++) {
			if (clocks++ == 0)
				first = r[i].cpu[cpu].clock;
			else if (r[i].cpu[cpu].clock != first)
				return false;
		}
	}
	return clocks > 1;
}

const char *summary_unusable(const struct reading *r, unsigned count)
{
	if (!count)
		return "no monitor samples";
	for (unsigned i = 0; i < count; i++)
		if (!summary_is_plausible(&r[i]))
			return "monitor data not yet initialized";
	return clocks_stand_still(r, count) ? "monitor data not yet initialized" : NULL;
}

/* --- sums --------------------------------------------------------------------------------------------------------- */

struct sums {
	double imbalance, depth, running;
	uint64_t cpus;
};

static void add_reading(const struct reading *r, struct sums *sums, struct summary *ret)
{
	double imbalance = summary_imbalance(r);
	ret->max_imbalance = MAX_OF(ret->max_imbalance, imbalance);
	sums->imbalance += imbalance;
	for (unsigned i = 0; i < r->cpus; i++) {
		double depth = (double)r->cpu[i].local_dsq_nr;
		ret->max_dsq_depth = MAX_OF(ret->max_dsq_depth, depth);
		sums->depth += depth;
		sums->running += (double)r->cpu[i].nr_running;
	}
	sums->cpus += r->cpus;
}

/* The longest stall of one CPU. */
static void find_stalls(const struct reading *r, unsigned count, unsigned cpu, unsigned hz, struct summary *ret)
{
	unsigned run = 0;
	for (unsigned i = 1; i < count; i++) {
		bool both = cpu < r[i].cpus && cpu < r[i - 1].cpus;
		run = both && summary_is_stalled(&r[i - 1].cpu[cpu], &r[i].cpu[cpu], hz) ? run + 1 : 0;
		if (run > ret->longest_stall) {
			ret->longest_stall = run;
			ret->stalled_cpu = cpu;
		}
	}
}

static int64_t difference(int64_t now, int64_t before)
{
	int64_t delta;
	return __builtin_sub_overflow(now, before, &delta) || delta < 0 ? 0 : delta;
}

static void sum_events(const struct reading *r, unsigned count, struct summary *ret)
{
	const struct reading *first = NULL, *last = NULL;
	for (unsigned i = 0; i < count; i++) {
		if (!r[i].has_events)
			continue;
		for (unsigned e = 0; last && e < MIN_OF(r[i].events, (unsigned)SUMMARY_EVENTS_MAX); e++)
			ret->event_burst[e] = MAX_OF(ret->event_burst[e], difference(r[i].event[e], last->event[e]));
		first = first ? first : &r[i];
		last = &r[i];
	}
	ret->has_events = first && first != last;
	if (!ret->has_events)
		return;
	double seconds = (double)(last->at_ns - first->at_ns) / NSEC_PER_SEC;
	ret->events = MIN_OF(first->events, (unsigned)SUMMARY_EVENTS_MAX);
	for (unsigned e = 0; e < ret->events; e++) {
		ret->event_delta[e] = difference(last->event[e], first->event[e]);
		ret->event_rate[e] = seconds > 0 ? (double)ret->event_delta[e] / seconds : 0;
	}
}

static void sum_schedstats(const struct reading *first, const struct reading *last, struct summary *ret)
{
	double seconds = (double)ret->duration_ns / NSEC_PER_SEC;
	ret->has_schedstat = first == last ? 0 : first->has_schedstat & last->has_schedstat;
	for (unsigned i = 0; i < SCHEDSTAT_COUNT; i++) {
		uint64_t before = first->schedstat[i], now = last->schedstat[i];
		ret->schedstat_delta[i] = now > before ? now - before : 0;
		ret->schedstat_rate[i] = seconds > 0 ? (double)ret->schedstat_delta[i] / seconds : 0;
	}
}

void summary_of(const struct reading *r, unsigned count, unsigned hz, struct summary *ret)
{
	struct sums sums = { 0 };
	*ret = (struct summary){ .samples = count };
	for (unsigned i = 0; i < count; i++)
		add_reading(&r[i], &sums, ret);
	for (unsigned cpu = 0; count && cpu < r[0].cpus; cpu++)
		find_stalls(r, count, cpu, hz, ret);
	ret->stall_detected = ret->longest_stall > 0;
	if (count) {
		ret->avg_imbalance = sums.imbalance / count;
		ret->duration_ns = r[count - 1].at_ns - r[0].at_ns;
		sum_schedstats(&r[0], &r[count - 1], ret);
	}
	if (sums.cpus) {
		ret->avg_dsq_depth = sums.depth / (double)sums.cpus;
		ret->avg_nr_running = sums.running / (double)sums.cpus;
	}
	sum_events(r, count, ret);
}

bool summary_rate(const struct reading *before, const struct reading *now, int event, double *ret)
{
	if (event < 0 || !before->has_events || !now->has_events || now->at_ns <= before->at_ns ||
	    (unsigned)event >= MIN_OF(before->events, now->events))
		return false;
	double seconds = (double)(now->at_ns - before->at_ns) / NSEC_PER_SEC;
	*ret = (double)difference(now->event[event], before->event[event]) / seconds;
	return true;
}

/* --- latencies on a contended host -------------------------------------------------------------------------------- */

uint64_t summary_host_delay(const uint64_t *delay_ns, unsigned count, uint64_t tick_ns, uint64_t length_ns)
{
	uint64_t ticks = tick_ns ? length_ns / tick_ns + (length_ns % tick_ns != 0) + 1 : count;
	uint64_t window = 0, most = 0;
	for (unsigned i = 0; i < count; i++) {
		window += delay_ns[i];
		if (i >= ticks)
			window -= delay_ns[i - ticks];
		most = MAX_OF(most, window);
	}
	return most;
}

enum latency_verdict summary_judge_latency(uint64_t measured_ns, uint64_t limit_ns, uint64_t host_delay_ns)
{
	if (measured_ns <= limit_ns)
		return LATENCY_WITHIN;
	return measured_ns - limit_ns > host_delay_ns ? LATENCY_OVER : LATENCY_INDETERMINATE;
}
