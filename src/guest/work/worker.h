/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * worker.h -- a worker and its telemetry, inside its process.
 *
 * The telemetry of a worker is in memory shared with the engine, not in a message at its end. If a broken scheduler
 * never runs a worker again, its telemetry is still complete.
 */
#ifndef KTSTR_GUEST_WORKER_H
#define KTSTR_GUEST_WORKER_H

#include <stdatomic.h>

#include <ktstr/load.h>
#include <ktstr/wire.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/time.h"
#include "guest/topology.h"
#include "guest/work/ticks.h"

#define WORKERS_MAX	   4096
#define WORKER_SAMPLES_MAX 100000 /* size of a worker's reservoir of wake-up latencies */
/*
 * A worker reads its CPU number after 1024 work units, or after 64 turns of any length, and the clock every fourth
 * time. It reads both when a wait begins and when it ends. A gap is the time between two readings of the clock. A
 * reported gap is never shorter than the true one. It is longer by at most 4096 units of work, 256 turns, or 4 turns
 * that are longer than 1024 units each. Gaps are not rounded to the kernel's tick.
 */
#define WORKER_LOOK_UNITS  1024
#define WORKER_LOOK_TURNS  64
#define WORKER_CLOCK_EVERY 4
#define START_OFFSET_MAX   (2 * NSEC_PER_MSEC)
#define WORKER_EPOCHS	   16 /* periods with different allowed CPUs; the last one takes all later periods */
#define WORKER_METRICS_MAX 16

/* slot->trouble: which setup step failed. */
enum worker_trouble { TROUBLE_NONE, TROUBLE_MEM_POLICY, TROUBLE_USER, TROUBLE_WORK, TROUBLE_UNSUPPORTED };

/* One worker's page in shared memory. */
struct worker_slot {
	struct wire_worker report;  /* written by the worker, read by the engine after its end */
	_Atomic int64_t last_check; /* ticks; 0 until it first ran */
	_Atomic uint32_t blocked;   /* 1: between block() and woken(): the worker waits by its own choice */
	/* Other processes write the fields below. They are apart from the fields that the worker writes every turn. */
	_Alignas(64) _Atomic uint32_t stop;
	_Atomic uint32_t epoch;	    /* index of the current `used`; the engine increments it after CPUs change */
	_Atomic int64_t gap_exempt; /* ticks: a gap that includes this time does not count */
	_Atomic uint32_t futex;	    /* futex word of the worker, for its work type */
	_Atomic int32_t ready;	    /* SIGNAL_STORM: its handler is installed; IRQ_WAKE: its socket is open */
	_Atomic int64_t stamp;	    /* ticks: when another task last woke it */
	_Atomic int32_t child;	    /* pid of a child that it waits for; 0: none */
	int64_t began_ns, began;    /* the same time; the second in ticks */
	int64_t ended_ns;	    /* 0: not ended; else a time not before `delay_sum` was read */
	uint64_t delay_sum;	    /* total ns of waiting for a CPU (schedstat), at its end */
	uint32_t trouble;	    /* enum worker_trouble */
	int32_t trouble_code;	    /* negative errno */
	char trouble_text[48];
	uint64_t used[WORKER_EPOCHS][CPUSET_WORDS];
	struct wire_metric metric[WORKER_METRICS_MAX];
	uint32_t metrics;
	uint32_t sample[WORKER_SAMPLES_MAX];
};

#define GROUP_QUEUE_MAX 4096
#define GROUP_PATHS_MAX 8

/* State shared by the workers of one group; indexed by the group's first member. */
struct work_group {
	_Atomic uint32_t lock;			/* 0 free, 1 held, 2 held and wanted; or a PI futex */
	_Atomic uint32_t generation;		/* incremented by the worker that wakes the others */
	_Atomic int64_t stamp;			/* ticks */
	_Atomic uint32_t head, tail;		/* of `queue`, counting up */
	_Atomic uint32_t items;			/* futex: how many are queued */
	_Atomic uint32_t next;			/* the member whose turn it is */
	_Atomic int64_t queue[GROUP_QUEUE_MAX]; /* ticks */
};

/* State shared by all workers of a worker set. */
struct worker_shared {
	_Atomic uint32_t started; /* futex: the latest batch that may run */
};

struct work_type;
struct worker_process;

/* /proc/TID/schedstat: ns on a CPU; ns of waiting for one; how often the task was put on one. */
struct schedstat {
	uint64_t ran, waited, runs;
};

/* own_delay.c: a worker's last reading of its own schedstat. */
struct own_delays {
	int file; /* its open schedstat; 0: not opened yet, negative: it cannot be read */
	struct schedstat sum;
	int64_t read_at; /* ticks: not after the reading */
	int64_t cost;	 /* ticks: the time that a reading takes if nothing interrupts it; 0: unknown */
};

/* A worker's private state, in its own process. Telemetry uses the first cache line. */
struct ktstr_worker {
	struct worker_slot *slot; /* its own */
	int64_t undone;		  /* units until it looks at its CPU; see WORKER_LOOK_UNITS */
	int64_t max_gap;	  /* ticks */
	int64_t delay_due;	  /* ticks: when its waits for a CPU are read again at the earliest */
	struct ticks clock;
	ptrdiff_t rseq_at;    /* offset of the CPU number from the thread pointer; valid if `quick` */
	uint32_t noted_epoch; /* epoch noted with `cpu`; EPOCH_UNKNOWN unless `quick` */
	unsigned cpu;
	uint32_t looks;
	bool quiet;			 /* no telemetry except the turns */
	bool quick;			 /* telemetry without a call: clock from the counter, CPU number from memory */
	struct worker_slot *member_slot; /* slots of its group, by member number */
	struct work_group *group;
	const struct worker_process *peer; /* members of its group: their descriptors and pids */
	struct worker_shared *shared;
	const struct ktstr_work *work;
	const struct work_type *type;
	const struct guest_topology *topology;
	const char *cgroup; /* its name below GUEST_CGROUP */
	void *state;	    /* state of the work type */
	struct own_delays delays;
	struct rng rng;
	int fd_in, fd_shared;		 /* its inbox; the descriptor shared by its group */
	unsigned member, members;	 /* index in its group; size of the group */
	unsigned worker_set_size;	 /* number of workers of its load */
	struct worker_slot *worker_slot; /* slots of its load */
	bool thread;
	bool dear_pause; /* the processor is emulated: see ktstr_worker_spin */
};

/*
 * A worker as the engine knows it. Its group reads the pids and the descriptors of the inboxes; the rest is the
 * engine's.
 */
struct worker_process {
	uint32_t record;
	unsigned member, group_first; /* position in its group; index of the group's first worker */
	pid_t pid;		      /* for a thread: its tid */
	pid_t leader;		      /* for a thread: its process; 0: a process of its own */
	int pidfd;		      /* of the process; each thread of a load has its own copy */
	int fd_in, fd_out;	      /* inbox: a pipe or an eventfd */
	int fd_shared;		      /* epoll set, on the group's first member */
	uint32_t batch;
	nsec_t start_offset, released, gap_exempt; /* gap_exempt: the last exempt time; 0: never */
	int schedstat;				   /* delay.c: its open schedstat file; -1: not opened yet */
	uint64_t delay_sum, longest_delay;	   /* last reading; lower bound of the longest wait; ns */
	nsec_t delay_read;			   /* earliest time of that reading; 0: none yet */
	bool over;
	bool limited;
	char cgroup[WIRE_NAME_MAX];  /* its current cgroup */
	struct cpuset_bits affinity; /* set by the engine; empty: none */
	struct cpuset_bits allowed[WORKER_EPOCHS];
};

/* Runs a worker from start to exit, in its own process or thread. */
void worker_run_load(struct ktstr_worker *w, const struct ktstr_load *load, uint32_t batch, nsec_t start_offset)
	__attribute__((noreturn));
/* Starts the telemetry, before the first turn. */
void worker_begin(struct ktstr_worker *w);
/* Counts a turn that included a wait. It needs no look at the clock, because the wait had one. */
void worker_count(struct ktstr_worker *w, uint64_t units);
/* Counts units of a turn in progress, so that they are reported if the test ends before the turn. */
void worker_progress(struct ktstr_worker *w, uint64_t units);
/* The current time in ticks; 0 if telemetry is off. */
static inline int64_t worker_now(const struct ktstr_worker *w)
{
	return w->quick ? ticks_counter() : w->quiet ? 0 : ticks_now(&w->clock);
}
/* ktstr_worker_block() for a caller that has the time already: @now is worker_now(). */
void worker_block_at(struct ktstr_worker *w, int64_t now);
/* Ends a wait that block() began. @since is the time at which it should have ended. */
void worker_woken_since(struct ktstr_worker *w, const _Atomic int64_t *since);
/* The same, if the wait should have ended @after nanoseconds after @since. */
void worker_woken_late(struct ktstr_worker *w, int64_t since, nsec_t after);
/* Adds a latency sample that is not the end of such a wait. */
void worker_sample_since(struct ktstr_worker *w, int64_t since);
/* Sends a measurement of the work type with its telemetry. The unit is part of @name ("rps", "p99_us"). */
void worker_metric(struct ktstr_worker *w, const char *name, double value);
/* Reports that the worker cannot work here and ends it. -ENOSYS and similar errors become a Skip. */
void worker_refuse(struct ktstr_worker *w, enum worker_trouble trouble, int code, const char *what)
	__attribute__((noreturn));

#endif
