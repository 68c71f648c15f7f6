/* SPDX-License-Identifier: GPL-2.0-only */
/* table.c -- the work types, one row each. */
#include <string.h>

#include "guest/work/work.h"

/* --- how many workers make a group -------------------------------------------------------------------------------- */

static unsigned pair(const struct ktstr_work *w)
{
	(void)w;
	return 2;
}

static unsigned fan_out(const struct ktstr_work *w)
{
	return or_default(w->fan_out, 4) + 1;
}

static unsigned contenders(const struct ktstr_work *w)
{
	return or_default(w->contenders, 4);
}

static unsigned herd(const struct ktstr_work *w)
{
	return or_default(w->waiters, 7) + 1;
}

static unsigned tiers(const struct ktstr_work *w)
{
	return or_default(w->high, 1) + or_default(w->medium, 1) + or_default(w->low, 1);
}

static unsigned imbalance(const struct ktstr_work *w)
{
	return or_default(w->producers, 2) + or_default(w->consumers, 1);
}

static unsigned epoll(const struct ktstr_work *w)
{
	return or_default(w->producers, 1) + or_default(w->consumers, 2);
}

static unsigned rt_and_cfs(const struct ktstr_work *w)
{
	return or_default(w->rt_workers, 1) + or_default(w->cfs_workers, 1);
}

static unsigned preempters(const struct ktstr_work *w)
{
	return or_default(w->cfs_workers, 2) + 1;
}

static unsigned chain(const struct ktstr_work *w)
{
	return or_default(w->depth, 4);
}

/* --- what is wrong with parameters -------------------------------------------------------------------------------- */

static const char *need_phases(const struct ktstr_work *w)
{
	return w->phases && w->phases->us ? NULL : "Sequence needs phases, each longer than 0";
}

static const char *need_function(const struct ktstr_work *w)
{
	return w->fn ? NULL : "Custom needs a function";
}

static const char *need_two(const struct ktstr_work *w)
{
	return chain(w) >= 2 ? NULL : "WakeChain needs a depth of 2 or more";
}

static const char *priority_range(const struct ktstr_work *w)
{
	return w->priority <= 99 ? NULL : "RtStarvation needs a priority of 1 to 99";
}

static const char *queue_range(const struct ktstr_work *w)
{
	if (w->rate_hz > 1000000)
		return "ProducerConsumerImbalance makes at most 1000000 items a second";
	return w->depth <= GROUP_QUEUE_MAX ? NULL : "ProducerConsumerImbalance holds at most 4096 items";
}

static const char *stride_range(const struct ktstr_work *w)
{
	return or_default(w->stride, 64) <= or_default(w->size_kib, 32) * 1024 ? NULL
									       : "its stride is longer than its memory";
}

static const char *sibling_range(const struct ktstr_work *w)
{
	return w->groups <= GROUP_PATHS_MAX && w->groups != 1 ? NULL : "it needs 2 to 8 groups";
}

static const char *share_range(const struct ktstr_work *w)
{
	return w->hit_permille <= 1000 ? NULL : "Taobench's share of hits is at most 1000 of 1000";
}

static const char *thread_range(const struct ktstr_work *w)
{
	return w->message_threads <= 64 && w->worker_threads <= 256
		       ? NULL
		       : "Schbench has at most 64 message threads and 256 workers each";
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

#define ROW(TYPE, NAME, ...) [KTSTR_WORK_##TYPE] = { .code = #TYPE, .name = NAME, ##__VA_ARGS__ }

static const struct work_type work_types[KTSTR_WORK_TYPE_MAX] = {
	ROW(SPIN_WAIT, "SpinWait", .does = "spins with the pause hint", .old = "CpuSpin", .turn = spin_wait,
	    .measures = "CPU time"),
	ROW(YIELD_HEAVY, "YieldHeavy", .does = "calls sched_yield() at every turn", .turn = yield_heavy,
	    .measures = "voluntary switches beside a rival"),
	ROW(MIXED, "Mixed", .does = "spins, then yields", .turn = mixed, .measures = "CPU time and switches"),
	ROW(IO_SYNC_WRITE, "IoSyncWrite", .does = "writes 64 KiB, then calls fdatasync()", .wakes = true,
	    .old = "IoSync", .begin = io_begin, .turn = io_sync_write, .measures = "bytes written, 64 KiB a turn"),
	ROW(IO_RAND_READ, "IoRandRead", .does = "reads 4 KiB at a random offset", .wakes = true, .begin = io_begin,
	    .turn = io_rand_read, .measures = "bytes read, 4 KiB a turn"),
	ROW(IO_CONVOY, "IoConvoy", .does = "writes in order, reads at random, calls fdatasync() every 16 turns",
	    .wakes = true, .begin = io_begin, .turn = io_convoy, .measures = "bytes both ways"),
	ROW(BURSTY, "Bursty", .does = "spins, then sleeps", .parameters = "burst_ms 50, sleep_ms 100", .wakes = true,
	    .turn = bursty, .measures = "share of CPU time, sleeps"),
	ROW(IDLE_CHURN, "IdleChurn", .does = "spins for a short time, then sleeps",
	    .parameters = "burst_ms 1, sleep_ms 5, precise off", .wakes = true, .begin = idle_churn_begin,
	    .turn = idle_churn, .measures = "share of CPU time, sleeps"),
	ROW(PIPE_IO, "PipeIo", .does = "spins, then exchanges a byte with its partner", .parameters = "spin_iters 1024",
	    .wakes = true, .group = pair, .turn = pipe_io, .inbox = INBOX_PIPE,
	    .measures = "bytes and switches a turn"),
	ROW(FUTEX_PING_PONG, "FutexPingPong", .does = "wakes its partner, then waits to be woken",
	    .parameters = "spin_iters 1024", .wakes = true, .group = pair, .turn = futex_ping_pong,
	    .measures = "switches a turn"),
	ROW(CACHE_PRESSURE, "CachePressure", .does = "reads and writes memory in steps",
	    .parameters = "size_kib 32, stride 64", .begin = cache_begin, .turn = cache_pressure, .check = stride_range,
	    .measures = "resident memory and CPU time"),
	ROW(CACHE_YIELD, "CacheYield", .does = "the same, and yields after every pass",
	    .parameters = "size_kib 32, stride 64", .wakes = true, .begin = cache_begin, .turn = cache_yield,
	    .check = stride_range, .measures = "resident memory and switches"),
	ROW(CACHE_PIPE, "CachePipe", .does = "reads and writes memory, then sends its partner a byte",
	    .parameters = "spin_iters 1024, size_kib 32, stride 64", .wakes = true, .group = pair, .begin = cache_begin,
	    .turn = cache_pipe, .inbox = INBOX_PIPE, .check = stride_range, .measures = "resident memory and bytes"),
	ROW(FUTEX_FAN_OUT, "FutexFanOut", .does = "one wakes all others, which spin",
	    .parameters = "fan_out 4, spin_iters 1024", .wakes = true, .group = fan_out, .turn = futex_fan_out,
	    .roles = true, .measures = "switches of receivers"),
	ROW(FAN_OUT_COMPUTE, "FanOutCompute", .does = "one wakes all others, which sleep and then multiply matrices",
	    .parameters = "fan_out 4, sleep_us 100, operations 5, size_kib 256", .wakes = true, .group = fan_out,
	    .begin = fan_out_begin, .turn = fan_out_compute, .roles = true,
	    .measures = "resident memory, switches of receivers"),
	ROW(SEQUENCE, "Sequence", .does = "runs phases in order, again and again", .parameters = "phases",
	    .begin = sequence_begin, .turn = sequence, .check = need_phases,
	    .measures = "share of CPU time by phase lengths"),
	ROW(FORK_EXIT, "ForkExit", .does = "forks a child that exits at once, and waits for it", .wakes = true,
	    .turn = fork_exit, .measures = "processes made"),
	ROW(NICE_SWEEP, "NiceSweep", .does = "raises its nice value by 1 at every turn, from -20 to 19",
	    .turn = nice_sweep, .end = nice_sweep_end, .moves = true, .measures = "nice values"),
	ROW(AFFINITY_CHURN, "AffinityChurn", .does = "spins, pins itself to a random CPU, yields",
	    .parameters = "spin_iters 1024", .begin = churn_begin, .turn = affinity_churn, .moves = true,
	    .measures = "masks of one CPU, migrations"),
	ROW(CROSS_AFFINITY_CHURN, "CrossAffinityChurn",
	    .does = "spins, pins a random worker of its cgroup to a random CPU", .parameters = "spin_iters 1024",
	    .begin = churn_begin, .turn = cross_affinity_churn, .moves = true,
	    .measures = "masks of one CPU, set by another"),
	ROW(POLICY_CHURN, "PolicyChurn", .does = "changes its policy at every turn: OTHER, BATCH, IDLE, FIFO, RR",
	    .parameters = "spin_iters 1024", .turn = policy_churn, .end = policy_churn_end, .moves = true,
	    .measures = "policies"),
	ROW(PAGE_FAULT_CHURN, "PageFaultChurn", .does = "touches new pages, spins, unmaps all",
	    .parameters = "touches 256, size_kib 4096, spin_iters 64", .begin = page_fault_begin,
	    .turn = page_fault_churn, .measures = "minor faults a turn"),
	ROW(MUTEX_CONTENTION, "MutexContention", .does = "works, a part of the time with a lock held",
	    .parameters = "contenders 4, hold_iters 256, work_iters 1024", .group = contenders,
	    .turn = mutex_contention, .roles = true, .measures = "switches by waits"),
	ROW(THUNDERING_HERD, "ThunderingHerd", .does = "one wakes all others at once",
	    .parameters = "waiters 7, sleep_ms 5, batches 1000", .wakes = true, .group = herd, .turn = thundering_herd,
	    .roles = true, .measures = "all wake up as often as the first"),
	ROW(PRIORITY_INVERSION, "PriorityInversion", .does = "a low priority holds a lock that a high one waits for",
	    .parameters = "high 1, medium 1, low 1, hold_iters 4096, work_iters 1024, pi off", .wakes = true,
	    .group = tiers, .begin = inversion_begin, .turn = priority_inversion, .roles = true, .moves = true,
	    .measures = "priorities, inherited or not"),
	ROW(PRODUCER_CONSUMER_IMBALANCE, "ProducerConsumerImbalance",
	    .does = "producers fill a queue faster than consumers empty it",
	    .parameters = "producers 2, consumers 1, rate_hz 1000, work_iters 4096, depth 1024", .wakes = true,
	    .group = imbalance, .begin = imbalance_begin, .turn = producer_consumer, .roles = true,
	    .check = queue_range, .measures = "rate of the producers' sleeps"),
	ROW(RT_STARVATION, "RtStarvation", .does = "SCHED_FIFO tasks spin beside ordinary tasks",
	    .parameters = "rt_workers 1, cfs_workers 1, priority 50, spin_iters 1024", .group = rt_and_cfs,
	    .begin = rt_starvation_begin, .turn = rt_starvation, .roles = true, .moves = true, .check = priority_range,
	    .measures = "policy, shares of CPU time"),
	ROW(ASYMMETRIC_WAKER, "AsymmetricWaker", .does = "an ordinary task and a SCHED_FIFO task wake each other",
	    .parameters = "spin_iters 1024", .wakes = true, .group = pair, .begin = asymmetric_begin,
	    .turn = futex_ping_pong, .roles = true, .moves = true, .measures = "policies, switches a turn"),
	ROW(WAKE_CHAIN, "WakeChain", .does = "a ring: each works and wakes the next",
	    .parameters = "depth 4, work_us 100, futex off", .wakes = true, .group = chain, .turn = wake_chain,
	    .inbox = INBOX_PIPE, .check = need_two, .measures = "one runs at a time, equal turns"),
	ROW(NUMA_WORKING_SET_SWEEP, "NumaWorkingSetSweep", .does = "binds its memory to the next node in each interval",
	    .parameters = "size_kib 4096, interval_ms 100", .begin = numa_sweep_begin, .turn = numa_sweep,
	    .measures = "nodes of its pages"),
	ROW(NUMA_MIGRATION_CHURN, "NumaMigrationChurn", .does = "moves to a random node in each interval",
	    .parameters = "interval_ms 100", .begin = numa_migration_begin, .turn = numa_migration, .moves = true,
	    .measures = "nodes of its CPUs"),
	ROW(CGROUP_CHURN, "CgroupChurn", .does = "moves between siblings of its cgroup in each interval",
	    .parameters = "groups 2, interval_ms 100", .begin = cgroup_churn_begin, .turn = cgroup_churn, .moves = true,
	    .siblings = true, .check = sibling_range, .measures = "cgroups it is seen in"),
	ROW(CGROUP_ATTACH_STORM, "CgroupAttachStorm",
	    .does = "moves children to a sibling of its cgroup while they exit", .wakes = true,
	    .begin = cgroup_churn_begin, .turn = cgroup_attach_storm, .siblings = true, .check = sibling_range,
	    .measures = "processes made"),
	ROW(SIGNAL_STORM, "SignalStorm", .does = "sends its partner signals, then works",
	    .parameters = "signals 16, work_iters 1024", .group = pair, .begin = signal_storm_begin,
	    .turn = signal_storm, .measures = "signals sent"),
	ROW(PREEMPT_STORM, "PreemptStorm", .does = "a SCHED_FIFO task wakes up often beside ordinary tasks",
	    .parameters = "cfs_workers 2, spin_iters 1024, sleep_us 1000", .wakes = true, .group = preempters,
	    .begin = preempt_storm_begin, .turn = preempt_storm, .roles = true, .moves = true,
	    .measures = "involuntary switches of the ordinary"),
	ROW(EPOLL_STORM, "EpollStorm", .does = "producers wake consumers, which wait on one epoll set",
	    .parameters = "producers 1, consumers 2, events 32", .wakes = true, .group = epoll, .turn = epoll_storm,
	    .inbox = INBOX_EPOLL, .roles = true, .measures = "reads and writes of 8 bytes"),
	ROW(ALU_HOT, "AluHot", .does = "multiplies in four independent chains", .parameters = "width", .turn = alu_hot,
	    .measures = "CPU time, no system calls"),
	ROW(SMT_SIBLING_SPIN, "SmtSiblingSpin", .does = "two spin on the two threads of one core", .group = pair,
	    .begin = smt_spin_begin, .turn = spin_wait, .moves = true, .measures = "masks of one CPU, of one core"),
	ROW(IPC_VARIANCE, "IpcVariance", .does = "alternates between multiplications and cache misses",
	    .parameters = "period 64, hot_iters 100000, cold_iters 1024, size_kib 512", .begin = ipc_variance_begin,
	    .turn = ipc_variance, .measures = "turns at two speeds"),
	ROW(TIMER_LATENCY, "TimerLatency", .does = "sleeps to absolute times; skips those that have passed",
	    .parameters = "interval_us 1000", .wakes = true, .begin = timer_latency_begin, .turn = timer_latency,
	    .measures = "rate of its sleeps"),
	ROW(NET_TRAFFIC, "NetTraffic", .does = "sends itself 16 packets of 1 KiB per turn", .begin = net_begin,
	    .turn = net_traffic, .measures = "packets"),
	ROW(IRQ_WAKE, "IrqWake", .does = "exchanges a packet with its partner, which a softirq wakes",
	    .parameters = "spin_iters 1024", .wakes = true, .group = pair, .begin = net_begin, .turn = irq_wake,
	    .measures = "packets, switches, network softirqs"),
	ROW(SCHBENCH, "Schbench", .does = "message threads, workers and requests, as in schbench",
	    .parameters =
		    "message_threads 1, worker_threads 4, size_kib 256, operations 5, sleep_us 100, requests_per_s",
	    .begin = schbench_begin, .turn = schbench, .end = schbench_end, .check = thread_range,
	    .measures = "threads, requests a second"),
	ROW(TAOBENCH, "Taobench", .does = "a cache server: fast hits, slow misses",
	    .parameters = "worker_threads 4, keys 10000, hit_permille 900, requests_per_s", .begin = taobench_begin,
	    .turn = taobench, .end = taobench_end, .check = share_range, .measures = "share of hits"),
	ROW(CUSTOM, "Custom", .does = "calls the function of the test", .parameters = "fn, arg, name",
	    .check = need_function, .measures = "whatever it does"),
};

const struct work_type *work_type_at(unsigned type)
{
	return type < KTSTR_WORK_TYPE_MAX ? &work_types[type] : NULL;
}

const struct work_type *work_type(const struct ktstr_work *work)
{
	return work_type_at(work->type);
}

const char *work_name(const struct ktstr_work *work)
{
	const struct work_type *type = work_type(work);
	return work->type == KTSTR_WORK_CUSTOM && work->name ? work->name : type ? type->name : "?";
}

unsigned work_group_size(const struct ktstr_work *work)
{
	const struct work_type *type = work_type(work);
	return type && type->group ? type->group(work) : 1;
}

/* Work types that need parameters cannot be created by name. */
int ktstr_work_from_name(const char *name, struct ktstr_work *ret)
{
	for (unsigned i = 0; i < KTSTR_WORK_TYPE_MAX; i++) {
		const struct work_type *t = &work_types[i];
		if (i == KTSTR_WORK_SEQUENCE || i == KTSTR_WORK_CUSTOM)
			continue;
		if (strcmp(name, t->name) && (!t->old || strcmp(name, t->old)))
			continue;
		*ret = (struct ktstr_work){ .type = (enum ktstr_work_type)i };
		return 0;
	}
	return -EINVAL;
}
