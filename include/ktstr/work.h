/* SPDX-License-Identifier: GPL-2.0-only */
/* work.h -- types of work. A worker repeats its work until it is told to stop. */
#ifndef KTSTR_WORK_H
#define KTSTR_WORK_H

#pragma GCC system_header /* see language.h */

#include <stdbool.h>
#include <stdint.h>

#include <ktstr/language.h>

KTSTR_BEGIN_C

/*
 * Each comment has the type's parameters with their defaults ("burst_ms 50"), and the size of its groups if it is not
 * one worker ("pairs", "fan_out 4, + 1"). The number of workers must be a multiple of that size. "lat": wake-up
 * latencies are recorded. *_CHURN picks a random target at every turn, *_SWEEP takes them in order.
 */
enum ktstr_work_type {
	KTSTR_WORK_SPIN_WAIT,	/* spins with the pause hint */
	KTSTR_WORK_YIELD_HEAVY, /* sched_yield() at every turn */
	KTSTR_WORK_MIXED,	/* spins, then yields */
	/* The types IO_* use the test's disk (device.h), with O_DIRECT if it is raw, or a file in memory. */
	KTSTR_WORK_IO_SYNC_WRITE,	 /* 16 writes of 4 KiB to a stripe of its own, then fdatasync(). lat */
	KTSTR_WORK_IO_RAND_READ,	 /* reads 4 KiB at a random offset. lat */
	KTSTR_WORK_IO_CONVOY,		 /* writes in order, reads at random, fdatasync() every 16 turns. lat */
	KTSTR_WORK_BURSTY,		 /* spins for burst_ms 50, sleeps for sleep_ms 100. lat */
	KTSTR_WORK_IDLE_CHURN,		 /* the same with burst_ms 1, sleep_ms 5; `precise`: timer slack of 1 ns. lat */
	KTSTR_WORK_PIPE_IO,		 /* pairs: spins spin_iters 1024, then exchanges a byte with its partner. lat */
	KTSTR_WORK_FUTEX_PING_PONG,	 /* pairs: wakes its partner, waits for its own word; spin_iters 1024. lat */
	KTSTR_WORK_CACHE_PRESSURE,	 /* reads and writes size_kib 32 in steps of `stride` 64 bytes */
	KTSTR_WORK_CACHE_YIELD,		 /* the same, yielding after every pass. lat */
	KTSTR_WORK_CACHE_PIPE,		 /* pairs: spin_iters 1024 such accesses, then a byte to its partner. lat */
	KTSTR_WORK_FUTEX_FAN_OUT,	 /* fan_out 4, + 1: one wakes all others, which spin spin_iters 1024. lat */
	KTSTR_WORK_FAN_OUT_COMPUTE,	 /* fan_out 4, + 1: the woken sleep sleep_us 100, then do `operations` 5
				     * products of matrices that fill size_kib 256. lat */
	KTSTR_WORK_SEQUENCE,		 /* `phases`, in order, repeated. lat */
	KTSTR_WORK_FORK_EXIT,		 /* forks a child that exits at once, and waits for it. lat */
	KTSTR_WORK_NICE_SWEEP,		 /* raises its nice value by 1 at every turn, from -20 to 19. lat */
	KTSTR_WORK_AFFINITY_CHURN,	 /* spins spin_iters 1024, pins itself to a random allowed CPU, yields. lat */
	KTSTR_WORK_CROSS_AFFINITY_CHURN, /* pins a random worker of its cgroup to a random CPU; spin_iters 1024. lat */
	KTSTR_WORK_POLICY_CHURN,	 /* OTHER, BATCH, IDLE, FIFO 1, RR 1 in turn; spin_iters 1024. lat */
	KTSTR_WORK_PAGE_FAULT_CHURN, /* `touches` 256 first writes in size_kib 4096, spins spin_iters 64, unmaps all */
	KTSTR_WORK_MUTEX_CONTENTION, /* `contenders` 4: a lock held for hold_iters 256 of work_iters 1024. lat */
	KTSTR_WORK_THUNDERING_HERD,  /* `waiters` 7, + 1: all are woken every sleep_ms 5, `batches` 1000 times. lat */
	KTSTR_WORK_PRIORITY_INVERSION, /* `high` 1 + `medium` 1 + `low` 1: low holds a lock for hold_iters 4096, high
					* waits for it, all work work_iters 1024; `pi`: priority inheritance. lat */
	KTSTR_WORK_PRODUCER_CONSUMER_IMBALANCE, /* `producers` 2 + `consumers` 1: each producer makes rate_hz 1000 items
						 * per second; an item costs work_iters 4096; the queue holds `depth`
						 * 1024. lat */
	KTSTR_WORK_RT_STARVATION,    /* rt_workers 1 + cfs_workers 1: SCHED_FIFO `priority` 50 beside ordinary tasks;
				      * spin_iters 1024 */
	KTSTR_WORK_ASYMMETRIC_WAKER, /* pairs: an ordinary task and a SCHED_FIFO one wake each other; spin_iters 1024.
					lat */
	KTSTR_WORK_WAKE_CHAIN,	     /* a ring of `depth` 4 (2 or more): each works work_us 100 and wakes the next, by
				      * pipe or (`futex`) futex. lat */
	KTSTR_WORK_NUMA_WORKING_SET_SWEEP, /* binds size_kib 4096 to the next node every interval_ms 100 */
	KTSTR_WORK_NUMA_MIGRATION_CHURN,   /* moves to a random node every interval_ms 100 */
	KTSTR_WORK_CGROUP_CHURN,	   /* moves between `groups` 2 siblings of its cgroup every interval_ms 100 */
	KTSTR_WORK_CGROUP_ATTACH_STORM,	   /* moves children to a sibling of its cgroup while they exit. lat */
	KTSTR_WORK_SIGNAL_STORM,	   /* pairs: sends `signals` 16 to its partner, then works work_iters 1024 */
	KTSTR_WORK_PREEMPT_STORM, /* cfs_workers 2, + 1: a SCHED_FIFO task runs spin_iters 1024 every sleep_us 1000. lat
				   */
	KTSTR_WORK_EPOLL_STORM,	  /* `producers` 1 + `consumers` 2 on one epoll set, `events` 32 per turn. lat */
	KTSTR_WORK_ALU_HOT,	  /* four independent chains of multiplications, `width` wide */
	KTSTR_WORK_SMT_SIBLING_SPIN, /* pairs: spin on the two threads of one core */
	KTSTR_WORK_IPC_VARIANCE,  /* `period` 64 turns of hot_iters 100000 multiplications, then as many of cold_iters
				   * 1024 cache misses in size_kib 512 */
	KTSTR_WORK_TIMER_LATENCY, /* sleeps to absolute times interval_us 1000 apart. lat */
	KTSTR_WORK_NET_TRAFFIC,	  /* sends itself 16 packets of 1 KiB per turn, by AF_PACKET on the test's networks in
				   * turn (device.h), or else on the loopback device */
	KTSTR_WORK_IRQ_WAKE,	  /* pairs: exchanges a packet with its partner; the network's softirq wakes the
				   * receiver. spin_iters 1024. lat */
	KTSTR_WORK_SCHBENCH,	  /* schbench's pattern: message threads, workers, requests. lat */
	KTSTR_WORK_TAOBENCH,	  /* a cache server's pattern: fast hits, slow misses. lat */
	KTSTR_WORK_CUSTOM,	  /* the test's own function */
	KTSTR_WORK_TYPE_MAX,
};

enum ktstr_phase_kind { KTSTR_PHASE_SPIN, KTSTR_PHASE_SLEEP, KTSTR_PHASE_YIELD, KTSTR_PHASE_IO, KTSTR_PHASE_ALU_HOT };

/* One phase of SEQUENCE. IO and YIELD repeat until it is over. */
struct ktstr_work_phase {
	enum ktstr_phase_kind kind;
	unsigned us; /* length, not 0 */
};
#define KTSTR_PHASES(...) KTSTR_LIST(struct ktstr_work_phase, __VA_ARGS__, { .us = 0 })

/* Width of the multiplications of ALU_HOT, in bits. */
enum ktstr_width { KTSTR_WIDTH_WIDEST, KTSTR_WIDTH_SCALAR, KTSTR_WIDTH_128, KTSTR_WIDTH_256 };

struct ktstr_worker;
typedef void ktstr_work_fn(struct ktstr_worker *w, void *arg);

/* Parameters. 0: the type's default, see the list above. A type ignores the parameters that it does not use. */
struct ktstr_work {
	enum ktstr_work_type type;
	unsigned burst_ms, sleep_ms, sleep_us, work_us, interval_us, interval_ms;
	unsigned spin_iters, work_iters, hold_iters, hot_iters, cold_iters;
	unsigned size_kib, stride, touches;
	unsigned fan_out, operations, contenders, waiters, batches, depth, groups, signals, events, period, rate_hz;
	unsigned high, medium, low, producers, consumers, rt_workers, cfs_workers, priority;
	bool precise, pi, futex;
	enum ktstr_width width;
	const struct ktstr_work_phase *phases;
	/*
	 * SCHBENCH: schbench's -m -t -F (KiB) -n -s (us) -R; TAOBENCH: keys, hit share in 1/1000, arrivals per second.
	 */
	unsigned message_threads, worker_threads, requests_per_s, keys, hit_permille;
	const char *name;  /* CUSTOM: for reports */
	ktstr_work_fn *fn; /* CUSTOM: runs until ktstr_worker_stopped() */
	void *arg;
	bool quiet; /* counts turns, but records no other telemetry: to measure the cost of telemetry */
};

#define KTSTR_WORK(TYPE, ...) KTSTR_VALUE(ktstr_work, .type = KTSTR_WORK_##TYPE, ##__VA_ARGS__)

/* "SpinWait"; also the older names "CpuSpin", "IoSync". -EINVAL: unknown name. Case matters. */
int ktstr_work_from_name(const char *name, struct ktstr_work *ret);

/* For custom functions. Progress of a worker is not judged if it counts neither units nor iterations. */
bool ktstr_worker_stopped(const struct ktstr_worker *w);
void ktstr_worker_spin(struct ktstr_worker *w, unsigned iterations);
/* Ends one turn: counts it, and reads the clock and the CPU's number in some turns. */
void ktstr_worker_turn(struct ktstr_worker *w, uint64_t units);
/* Call these around an intended wait. Its time does not count as a gap; woken() records the latency of the wake-up. */
void ktstr_worker_block(struct ktstr_worker *w);
void ktstr_worker_woken(struct ktstr_worker *w, uint64_t latency_ns);
/* Instead of woken(), if the latency of the wake-up has no meaning. */
void ktstr_worker_resume(struct ktstr_worker *w);

KTSTR_END_C

#endif
