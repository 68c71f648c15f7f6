/* SPDX-License-Identifier: GPL-2.0-only */
/* metrics.c -- the table of metrics of threads, and of values computed from them. */
#include <linux/taskstats.h>
#include <stddef.h>
#include <string.h>

#include "ctprof/metrics.h"

const char *const section_names[] = { "primary",       "taskstats-delay", "derived",	   "cgroup-stats",
				      "cgroup-limits", "memory-stat",	  "memory-events", "pressure",
				      "host-pressure", "smaps-rollup",	  "sched-ext",	   NULL };
const char *const unit_names[] = { "", "count", "ns", "us", "bytes", "KiB", "ticks", "ratio" };
const char *const source_names[] = { "stat",   "schedstat",    "sched",	    "status",	 "io",
				     "cgroup", "smaps_rollup", "taskstats", "allocator", NULL };

#define SCHEDSTATS "[SCHEDSTATS]"
#define SCHED_INFO "[SCHED_INFO]"
#define IO	   "[TASK_IO_ACCOUNTING]"
#define HEAP	   "[allocator]"

#define ROW(word, u, r, s, k, t, m)                                                                             \
	{                                                                                                       \
		.name = word, .section = SECTION_PRIMARY, .unit = u, .rule = r, .source = SOURCE_##s, .key = k, \
		.tags = t, .meaning = m                                                                         \
	}
#define FIELD(word, u, r, s, n, t, m)                                                                             \
	{                                                                                                         \
		.name = word, .section = SECTION_PRIMARY, .unit = u, .rule = r, .source = SOURCE_##s, .field = n, \
		.tags = t, .meaning = m                                                                           \
	}

/*
 * struct taskstats grows at its end. The members below are newer than the headers of some systems, so they are found
 * behind the last one that all have. Version 15 had another order, and is not read.
 */
#define TASKSTATS_END  (offsetof(struct taskstats, wpcopy_delay_total) + 8)
#define TASKSTATS_PEAK (TASKSTATS_END + 16)

#define DELAY_ROW(word, what, u, r, at, from, m)                                                                  \
	{                                                                                                         \
		.name = word what, .section = SECTION_TASKSTATS_DELAY, .unit = u, .rule = r,                      \
		.source = SOURCE_TASKSTATS, .field = at, .since = from, .tags = "[TASK_DELAY_ACCT]", .meaning = m \
	}
/* @n: which pair of the peaks is this one's. */
#define DELAY_GROUP(word, n, count, total, from, m)                                                     \
	DELAY_ROW(word, "_delay_count", UNIT_COUNT, RULE_SUM, count, from, "waits " m),                 \
		DELAY_ROW(word, "_delay_total_ns", UNIT_NS, RULE_SUM, total, from, "time of waits " m), \
		DELAY_ROW(word, "_delay_max_ns", UNIT_NS, RULE_MAX, TASKSTATS_PEAK + 16 * n, 16,        \
			  "the longest wait " m),                                                       \
		DELAY_ROW(word, "_delay_min_ns", UNIT_NS, RULE_MIN, TASKSTATS_PEAK + 16 * n + 8, 16,    \
			  "the shortest wait " m)
#define STRUCT_DELAY(word, n, member, from, m)                           \
	DELAY_GROUP(word, n, offsetof(struct taskstats, member##_count), \
		    offsetof(struct taskstats, member##_delay_total), from, m)

const struct metric_row metric_rows[] = {
	[METRIC_RUN_TIME] = FIELD("run_time_ns", UNIT_NS, RULE_SUM, SCHEDSTAT, 1, SCHED_INFO, "time on a CPU"),
	[METRIC_WAIT_TIME] =
		FIELD("wait_time_ns", UNIT_NS, RULE_SUM, SCHEDSTAT, 2, SCHED_INFO, "time runnable, without a CPU"),
	[METRIC_TIMESLICES] =
		FIELD("timeslices", UNIT_COUNT, RULE_SUM, SCHEDSTAT, 3, SCHED_INFO, "times that it got a CPU"),
	[METRIC_WAKEUPS_AFFINE] = ROW("nr_wakeups_affine", UNIT_COUNT, RULE_SUM, SCHED, "nr_wakeups_affine",
				      "[cfs-only] " SCHEDSTATS, "wake-ups that moved it to the waker's CPU"),
	[METRIC_WAKEUPS_AFFINE_ATTEMPTS] =
		ROW("nr_wakeups_affine_attempts", UNIT_COUNT, RULE_SUM, SCHED, "nr_wakeups_affine_attempts",
		    "[cfs-only] " SCHEDSTATS, "wake-ups that considered the waker's CPU"),
	[METRIC_SLEEP_SUM] = ROW("voluntary_sleep_ns", UNIT_NS, RULE_SUM, SCHED, "sum_sleep_runtime",
				 "[non-ext] " SCHEDSTATS, "time in interruptible sleep"),
	[METRIC_BLOCK_SUM] = ROW("block_sum", UNIT_NS, RULE_SUM, SCHED, "sum_block_runtime", "[non-ext] " SCHEDSTATS,
				 "time in uninterruptible sleep"),
	[METRIC_IOWAIT_SUM] = ROW("iowait_sum", UNIT_NS, RULE_SUM, SCHED, "iowait_sum", "[non-ext] " SCHEDSTATS,
				  "time asleep for I/O"),
	[METRIC_IOWAIT_COUNT] = ROW("iowait_count", UNIT_COUNT, RULE_SUM, SCHED, "iowait_count",
				    "[non-ext] " SCHEDSTATS, "sleeps for I/O"),
	[METRIC_VOLUNTARY_CSW] = ROW("voluntary_csw", UNIT_COUNT, RULE_SUM, STATUS, "voluntary_ctxt_switches", "",
				     "switches because it slept"),
	[METRIC_NONVOLUNTARY_CSW] = ROW("nonvoluntary_csw", UNIT_COUNT, RULE_SUM, STATUS, "nonvoluntary_ctxt_switches",
					"", "switches because it was preempted"),
	[METRIC_RCHAR] = ROW("rchar", UNIT_BYTES, RULE_SUM, IO, "rchar", IO, "bytes of read calls"),
	[METRIC_READ_BYTES] = ROW("read_bytes", UNIT_BYTES, RULE_SUM, IO, "read_bytes", IO, "bytes read from storage"),
	[METRIC_ALLOCATED] =
		ROW("allocated_bytes", UNIT_BYTES, RULE_SUM, ALLOCATOR, "", HEAP, "bytes that jemalloc gave out"),
	[METRIC_DEALLOCATED] =
		ROW("deallocated_bytes", UNIT_BYTES, RULE_SUM, ALLOCATOR, "", HEAP, "bytes that jemalloc got back"),
	[METRIC_NR_THREADS] = ROW("nr_threads", UNIT_COUNT, RULE_MAX, STATUS, "Threads", "",
				  "threads of the process; of leaders only"),
	[METRIC_POLICY] = FIELD("policy", UNIT_NONE, RULE_MODE, STAT, 41, "", "scheduling policy"),
	[METRIC_STATE] = FIELD("state", UNIT_NONE, RULE_MODE, STAT, 3, "", "state, as one letter"),
	[METRIC_EXT_ENABLED] = ROW("ext_enabled", UNIT_NONE, RULE_MODE, SCHED, "ext.enabled", "[SCHED_CLASS_EXT]",
				   "a sched_ext scheduler has it"),
	[METRIC_AFFINITY] =
		ROW("cpu_affinity", UNIT_NONE, RULE_AFFINITY, STATUS, "Cpus_allowed_list", "", "CPUs that it may use"),

	ROW("nr_wakeups", UNIT_COUNT, RULE_SUM, SCHED, "nr_wakeups", SCHEDSTATS, "wake-ups"),
	ROW("nr_wakeups_local", UNIT_COUNT, RULE_SUM, SCHED, "nr_wakeups_local", SCHEDSTATS,
	    "wake-ups on the waker's CPU"),
	ROW("nr_wakeups_remote", UNIT_COUNT, RULE_SUM, SCHED, "nr_wakeups_remote", SCHEDSTATS,
	    "wake-ups on another CPU"),
	ROW("nr_wakeups_sync", UNIT_COUNT, RULE_SUM, SCHED, "nr_wakeups_sync", SCHEDSTATS,
	    "wake-ups by a waker that sleeps next"),
	ROW("nr_wakeups_migrate", UNIT_COUNT, RULE_SUM, SCHED, "nr_wakeups_migrate", SCHEDSTATS,
	    "wake-ups that moved it"),
	ROW("nr_wakeups_idle", UNIT_COUNT, RULE_SUM, SCHED, "nr_wakeups_idle", "[dead] " SCHEDSTATS,
	    "no kernel counts it any more"),
	ROW("nr_wakeups_passive", UNIT_COUNT, RULE_SUM, SCHED, "nr_wakeups_passive", "[dead] " SCHEDSTATS,
	    "no kernel counts it any more"),
	ROW("nr_migrations", UNIT_COUNT, RULE_SUM, SCHED, "se.nr_migrations", "", "moves to another CPU"),
	ROW("nr_migrations_cold", UNIT_COUNT, RULE_SUM, SCHED, "nr_migrations_cold", "[dead] " SCHEDSTATS,
	    "no kernel counts it any more"),
	ROW("nr_forced_migrations", UNIT_COUNT, RULE_SUM, SCHED, "nr_forced_migrations", "[cfs-only] " SCHEDSTATS,
	    "moves in spite of warm caches"),
	ROW("nr_failed_migrations_affine", UNIT_COUNT, RULE_SUM, SCHED, "nr_failed_migrations_affine",
	    "[cfs-only] " SCHEDSTATS, "moves that its affinity forbade"),
	ROW("nr_failed_migrations_running", UNIT_COUNT, RULE_SUM, SCHED, "nr_failed_migrations_running",
	    "[cfs-only] " SCHEDSTATS, "moves that failed because it ran"),
	ROW("nr_failed_migrations_hot", UNIT_COUNT, RULE_SUM, SCHED, "nr_failed_migrations_hot",
	    "[cfs-only] " SCHEDSTATS, "moves that warm caches forbade"),
	ROW("wait_sum", UNIT_NS, RULE_SUM, SCHED, "wait_sum", "[non-ext] " SCHEDSTATS, "time in run queues"),
	ROW("wait_count", UNIT_COUNT, RULE_SUM, SCHED, "wait_count", "[non-ext] " SCHEDSTATS, "stays in run queues"),
	ROW("core_forceidle_sum", UNIT_NS, RULE_SUM, SCHED, "core_forceidle_sum", "[SCHED_CORE] " SCHEDSTATS,
	    "time that it forced a sibling to idle"),
	ROW("wait_max", UNIT_NS, RULE_MAX, SCHED, "wait_max", "[non-ext] " SCHEDSTATS,
	    "the longest stay in a run queue"),
	ROW("sleep_max", UNIT_NS, RULE_MAX, SCHED, "sleep_max", "[non-ext] " SCHEDSTATS,
	    "the longest interruptible sleep"),
	ROW("block_max", UNIT_NS, RULE_MAX, SCHED, "block_max", "[non-ext] " SCHEDSTATS,
	    "the longest uninterruptible sleep"),
	ROW("exec_max", UNIT_NS, RULE_MAX, SCHED, "exec_max", SCHEDSTATS,
	    "the longest time between two updates of its run time"),
	ROW("slice_max", UNIT_NS, RULE_MAX, SCHED, "slice_max", "[cfs-only] " SCHEDSTATS,
	    "the longest time on a CPU in one go"),
	ROW("fair_slice_ns", UNIT_NS, RULE_MAX, SCHED, "se.slice", "[fair-policy]", "its slice"),
	FIELD("minflt", UNIT_COUNT, RULE_SUM, STAT, 10, "", "page faults without I/O"),
	FIELD("majflt", UNIT_COUNT, RULE_SUM, STAT, 12, "", "page faults with I/O"),
	FIELD("utime_clock_ticks", UNIT_TICKS, RULE_SUM, STAT, 14, "", "time in user space"),
	FIELD("stime_clock_ticks", UNIT_TICKS, RULE_SUM, STAT, 15, "", "time in the kernel"),
	FIELD("priority", UNIT_NONE, RULE_RANGE, STAT, 18, "", "priority, as the kernel shows it"),
	FIELD("nice", UNIT_NONE, RULE_RANGE, STAT, 19, "", "nice value"),
	FIELD("processor", UNIT_NONE, RULE_RANGE, STAT, 39, "", "the CPU that it used last"),
	FIELD("rt_priority", UNIT_NONE, RULE_RANGE, STAT, 40, "", "real-time priority"),
	ROW("wchar", UNIT_BYTES, RULE_SUM, IO, "wchar", IO, "bytes of write calls"),
	ROW("syscr", UNIT_COUNT, RULE_SUM, IO, "syscr", IO, "read calls"),
	ROW("syscw", UNIT_COUNT, RULE_SUM, IO, "syscw", IO, "write calls"),
	ROW("write_bytes", UNIT_BYTES, RULE_SUM, IO, "write_bytes", IO, "bytes to be written to storage"),
	ROW("cancelled_write_bytes", UNIT_BYTES, RULE_SUM, IO, "cancelled_write_bytes", IO,
	    "bytes that were removed before they were written"),

	STRUCT_DELAY("cpu", 0, cpu, 1, "for a CPU"),
	STRUCT_DELAY("blkio", 1, blkio, 1, "for block I/O"),
	STRUCT_DELAY("swapin", 2, swapin, 1, "for pages to be swapped in"),
	STRUCT_DELAY("freepages", 3, freepages, 7, "for memory to be reclaimed"),
	STRUCT_DELAY("thrashing", 4, thrashing, 9, "for pages that were evicted too early"),
	STRUCT_DELAY("compact", 5, compact, 11, "for memory to be compacted"),
	STRUCT_DELAY("wpcopy", 6, wpcopy, 13, "for a copy of a page that was written to"),
	DELAY_GROUP("irq", 7, TASKSTATS_END, TASKSTATS_END + 8, 14, "while interrupts were handled"),
	DELAY_ROW("hiwater_rss", "_bytes", UNIT_BYTES, RULE_MAX, offsetof(struct taskstats, hiwater_rss), 3,
		  "the most memory that the process used"),
	DELAY_ROW("hiwater_vm", "_bytes", UNIT_BYTES, RULE_MAX, offsetof(struct taskstats, hiwater_vm), 3,
		  "the most address space of the process"),
	{ .name = NULL },
};

_Static_assert(sizeof(metric_rows) / sizeof(metric_rows[0]) <= METRIC_ROWS_MAX, "more bits are needed");

/* The row after the last one that is not of taskstats. */
#define ROWS_OF_DELAYS (DELAY_MAX * DELAY_ROWS)
#define FIRST_DELAY    (sizeof(metric_rows) / sizeof(metric_rows[0]) - 1 - 2 - ROWS_OF_DELAYS)
#define DELAY(d, what) (FIRST_DELAY + DELAY_##d * DELAY_ROWS + DELAY_##what)

#define DERIVED(word, u, f, x, y, m)                                                                         \
	{                                                                                                    \
		.name = word, .unit = u, .form = f, .a = x, .b = y, .section = SECTION_DERIVED, .meaning = m \
	}
#define AVERAGE(word, d)                                                                                       \
	{                                                                                                      \
		.name = "avg_" word "_delay_ns", .unit = UNIT_NS, .form = FORM_QUOTIENT, .a = DELAY(d, TOTAL), \
		.b = DELAY(d, COUNT), .section = SECTION_TASKSTATS_DELAY, .meaning = "mean of " word "_delay"  \
	}

const struct derived_row derived_rows[] = {
	DERIVED("affine_success_ratio", UNIT_RATIO, FORM_QUOTIENT, METRIC_WAKEUPS_AFFINE,
		METRIC_WAKEUPS_AFFINE_ATTEMPTS, "nr_wakeups_affine / nr_wakeups_affine_attempts"),
	DERIVED("avg_wait_ns", UNIT_NS, FORM_QUOTIENT, METRIC_WAIT_TIME, METRIC_TIMESLICES,
		"wait_time_ns / timeslices"),
	DERIVED("cpu_efficiency", UNIT_RATIO, FORM_SHARE, METRIC_RUN_TIME, METRIC_WAIT_TIME,
		"run_time_ns / (run_time_ns + wait_time_ns)"),
	DERIVED("avg_slice_ns", UNIT_NS, FORM_QUOTIENT, METRIC_RUN_TIME, METRIC_TIMESLICES, "run_time_ns / timeslices"),
	DERIVED("involuntary_csw_ratio", UNIT_RATIO, FORM_SHARE, METRIC_NONVOLUNTARY_CSW, METRIC_VOLUNTARY_CSW,
		"nonvoluntary_csw / all switches"),
	DERIVED("disk_io_fraction", UNIT_RATIO, FORM_QUOTIENT, METRIC_READ_BYTES, METRIC_RCHAR, "read_bytes / rchar"),
	DERIVED("live_heap_estimate", UNIT_BYTES, FORM_DIFFERENCE, METRIC_ALLOCATED, METRIC_DEALLOCATED,
		"allocated_bytes - deallocated_bytes"),
	DERIVED("avg_iowait_ns", UNIT_NS, FORM_QUOTIENT, METRIC_IOWAIT_SUM, METRIC_IOWAIT_COUNT,
		"iowait_sum / iowait_count"),
	AVERAGE("cpu", CPU),
	AVERAGE("blkio", BLKIO),
	AVERAGE("swapin", SWAPIN),
	AVERAGE("freepages", FREEPAGES),
	AVERAGE("thrashing", THRASHING),
	AVERAGE("compact", COMPACT),
	AVERAGE("wpcopy", WPCOPY),
	AVERAGE("irq", IRQ),
	{ .name = "total_offcpu_delay_ns",
	  .unit = UNIT_NS,
	  .form = FORM_OFF_CPU,
	  .section = SECTION_TASKSTATS_DELAY,
	  .meaning = "all delays; of swapin and thrashing, which overlap, the larger one" },
	{ .name = NULL },
};

unsigned metric_row_count(void)
{
	return sizeof(metric_rows) / sizeof(metric_rows[0]) - 1;
}

unsigned metric_delay(unsigned delay, unsigned what)
{
	return FIRST_DELAY + delay * DELAY_ROWS + what;
}

const struct metric_row *metric_row_find(const char *name)
{
	for (const struct metric_row *m = metric_rows; m->name; m++)
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}
