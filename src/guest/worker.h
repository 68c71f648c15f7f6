/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * worker.h -- worker processes and what is known of them.
 *
 * A worker's telemetry lives in memory that it shares with the engine, not in a message at its end: a worker that a
 * broken scheduler never runs again is still fully known.
 */
#ifndef KTSTR_GUEST_WORKER_H
#define KTSTR_GUEST_WORKER_H

#include <stdatomic.h>

#include <ktstr/load.h>
#include <ktstr/wire.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/time.h"
#include "guest/channel.h"
#include "guest/ctx.h"
#include "guest/ticks.h"

#define WORKERS_MAX	   4096
#define WORKER_SAMPLES_MAX 100000 /* reservoir of wake-up latencies, a worker */
/*
 * A worker looks at its CPU when 1024 work units are done, or 64 turns however small, and at the clock every fourth
 * time; at both where it begins to wait and where it goes on. A gap is the time between two looks at the clock, so it
 * is never seen shorter than it was, and longer by what the worker does in 4096 units, 256 turns, or 4 turns that are
 * longer than 1024 units each. Nothing is rounded to the kernel's tick.
 */
#define WORKER_LOOK_UNITS    1024
#define WORKER_LOOK_TURNS    64
#define WORKER_CLOCK_EVERY   4
#define WORKER_STOP_DEADLINE (5 * NSEC_PER_SEC)
#define WORKER_TURN	     (5 * NSEC_PER_MSEC)
#define START_OFFSET_MAX     (2 * NSEC_PER_MSEC)
#define WORKER_EPOCHS	     16 /* times in which different CPUs were allowed; what is later falls into the last */
#define WORKER_METRICS_MAX   16

/* What a worker could not do before it began; in slot->trouble. */
enum worker_trouble { TROUBLE_NONE, TROUBLE_MEM_POLICY, TROUBLE_USER, TROUBLE_WORK, TROUBLE_UNSUPPORTED };

/* One worker's page in shared memory. */
struct worker_slot {
	struct wire_worker report;  /* written by the worker, read by the engine after its end */
	_Atomic int64_t last_check; /* ticks; 0 until it first ran */
	_Atomic uint32_t blocked;   /* 1: between block() and woken(): waiting is its own choice */
	/* What others write, apart from what the worker does at every turn. */
	_Alignas(64) _Atomic uint32_t stop;
	_Atomic uint32_t epoch;	    /* which of `used` is current; moved on by the engine once the CPUs have changed */
	_Atomic int64_t gap_exempt; /* ticks: a gap around this time is not the scheduler's doing */
	_Atomic uint32_t futex;	    /* its own word, free for its work type */
	_Atomic int32_t ready;	    /* SIGNAL_STORM: it has its handler; IRQ_WAKE: its socket */
	_Atomic int64_t stamp;	    /* ticks: when somebody last woke it */
	_Atomic int32_t child;	    /* a process that it made and waits for; 0: none */
	int64_t began_ns, began;    /* the same time; the second in ticks */
	int64_t ended_ns;	    /* 0: it has not; else not before it read `delay_sum` */
	uint64_t delay_sum;	    /* ns that it ever waited for a CPU (schedstat), at its end */
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

/* What the workers of one group share; indexed by its first member. */
struct work_group {
	_Atomic uint32_t lock;			/* 0 free, 1 held, 2 held and wanted; or a PI futex */
	_Atomic uint32_t generation;		/* moved on by whoever wakes the others */
	_Atomic int64_t stamp;			/* ticks */
	_Atomic uint32_t head, tail;		/* of `queue`, counting up */
	_Atomic uint32_t items;			/* futex: how many are queued */
	_Atomic uint32_t next;			/* whose turn it is */
	_Atomic int64_t queue[GROUP_QUEUE_MAX]; /* ticks */
};

/* Shared by a worker set. */
struct worker_shared {
	_Atomic uint32_t started; /* futex: the latest batch that may run */
};

struct work_type;
struct worker_process;

/* A worker, in its own process. What its telemetry touches comes first: a cache line. */
struct ktstr_worker {
	struct worker_slot *slot; /* its own */
	int64_t undone;		  /* units until it looks at its CPU; see WORKER_LOOK_UNITS */
	int64_t max_gap;	  /* ticks */
	struct ticks clock;
	ptrdiff_t rseq_at;    /* of the CPU's number, from the thread's pointer; if `quick` */
	uint32_t noted_epoch; /* with `cpu`; unless `quick`, never one */
	unsigned cpu;
	uint32_t looks;
	bool quiet; /* no telemetry but turns */
	bool quick; /* telemetry without a call: the clock is the counter, and the CPU stands in memory */
	struct worker_slot *member_slot; /* of its group, by member number */
	struct work_group *group;
	const struct worker_process *peer; /* its group's members, for their descriptors and pids */
	struct worker_shared *shared;
	const struct ktstr_work *work;
	const struct work_type *type;
	const struct guest_topology *topology;
	const char *cgroup; /* its name below GUEST_CGROUP */
	void *state;	    /* the type's own */
	struct rng rng;
	int fd_in, fd_shared;		 /* its own inbox; its group's common descriptor */
	unsigned member, members;	 /* number within its group, and how many there are */
	unsigned worker_set_size;	 /* workers of its load */
	struct worker_slot *worker_slot; /* of its load */
	bool thread;
	bool dear_pause; /* the processor is emulated: see ktstr_worker_spin */
};

/* How much CPU time the test asked for, for a cgroup: along its path. */
struct cpu_terms {
	unsigned weight;	  /* 100 is the usual one; 0: none was set */
	unsigned quota_permyriad; /* 1/10000 of one CPU; 0: none */
};

/* A load in a cgroup, as it is reported. */
struct worker_record {
	struct ktstr_load load;
	char cgroup[WIRE_NAME_MAX];
	unsigned workers;
	uint32_t step;
	bool limited;		    /* there was a cpuset for some of its life */
	struct cpuset_bits allowed; /* all CPUs that it was ever allowed */
	uint64_t nodes;		    /* where its memory should be; 0: anywhere */
	struct cpu_terms terms;	    /* the least of all places where its workers were */
};

struct worker_process {
	uint32_t record;
	unsigned member, group_first; /* position in its group; index of the group's first worker */
	pid_t pid;		      /* of a thread: its number */
	pid_t leader;		      /* of a thread: its process; 0: it is one of its own */
	int pidfd;		      /* of the process; a load's threads have each their own copy */
	int fd_in, fd_out;	      /* inbox: a pipe or an eventfd */
	int fd_shared;		      /* on the group's first member: epoll set */
	uint32_t batch;
	nsec_t start_offset, released, gap_exempt; /* gap_exempt: when last; 0: never */
	int schedstat;				   /* delay.c: of the worker; -1: not opened yet */
	uint64_t delay_sum, longest_delay;	   /* as last read, and the longest wait that is certain; ns */
	nsec_t delay_read;			   /* when, at the earliest; 0: never */
	bool over;
	bool limited;
	char cgroup[WIRE_NAME_MAX];  /* where it is now */
	struct cpuset_bits affinity; /* given by the engine; empty: none */
	struct cpuset_bits allowed[WORKER_EPOCHS];
};

/* Workers that are reported together: those of a step, or of the backdrop. */
struct worker_set {
	struct worker_process *member;
	struct worker_slot *slot;
	struct work_group *group;
	struct worker_shared *shared;
	struct worker_record **record;
	const struct guest_topology *topology;
	const struct ticks *clock;
	size_t count, cap, records;
	uint32_t batch;
	nsec_t stopping;   /* when it was last told to */
	nsec_t sample_due; /* delay.c: the next reading */
	struct rng rng;
};

/* A place for workers: the cgroup's name, "" for the root, and the CPUs and nodes it has now. */
struct worker_place {
	const char *cgroup;
	bool limited;
	struct cpuset_bits cpus;
	uint64_t nodes;
	uint32_t step;
	struct cpu_terms terms;
};

int worker_set_init(struct worker_set *c, uint64_t seed, const struct guest_topology *topology, struct err **err);
/* Ends what still runs. */
void worker_set_done(struct worker_set *c);
/* Adds @count workers of one load; nothing runs yet. */
int worker_set_add(struct worker_set *c, const struct ktstr_load *load, unsigned count,
		   const struct worker_place *place, struct err **err);
/* Forks those added since, in an order drawn from the seed, places each, lets them go at offsets drawn from the seed.
 */
int worker_set_start(struct worker_set *c, struct err **err);
/* threads.c: all workers of @first's load as threads of one process, each waiting for its batch. */
int worker_set_start_threads(struct worker_set *c, size_t first, unsigned count, struct err **err);
bool load_threaded(const struct ktstr_load *load);
/* worker_set.c: in the worker's own process or thread. */
void worker_main(struct worker_set *c, size_t i) __attribute__((noreturn));
/* The cgroup's CPUs have changed: from now on others are allowed. */
void worker_set_allow(struct worker_set *c, const char *cgroup, const struct cpuset_bits *cpus, bool limited);
int worker_set_set_affinity(struct worker_set *c, const char *cgroup, const struct ktstr_affinity *affinity,
			    const struct cpuset_bits *pool, struct err **err);
/* Moves the workers of a cgroup to another one. */
int worker_set_move(struct worker_set *c, const char *from, const struct worker_place *to, struct err **err);
/* What happens until the next look of theirs at the clock is not the scheduler's doing. */
void worker_set_exempt_gap(struct worker_set *c, const char *cgroup);
/* Stops those of @cgroup, or all (NULL), and waits, 5 s together; whoever has not ended by then is killed. */
void worker_set_stop(struct worker_set *c, const char *cgroup);
/* delay.c: reads how long its workers have waited for a CPU, when that is due; returns when it will be again. */
nsec_t worker_set_sample(struct worker_set *c);
/* The last reading, of a worker that has ended. */
void worker_set_sample_last(struct worker_process *m, const struct worker_slot *s);
bool worker_set_has(const struct worker_set *c, const char *cgroup);
/*
 * Sends the cgroup records, then every worker's telemetry; both counters move on. Fail: a worker could not do what its
 * load says; Skip: nothing worse than that the machine lacks something; @why says what it was.
 */
enum ktstr_verdict worker_set_report(struct worker_set *c, struct channel *channel, uint32_t *cgroups,
				     uint32_t *workers, char *why, size_t size);
uint64_t worker_set_iterations(const struct worker_set *c);
unsigned worker_set_running(const struct worker_set *c);

/* checks.c: a load's own checks, behind its cgroup record. */
void checks_send(const struct ktstr_checks *c, uint32_t cgroup, struct channel *channel);

/* place.c: what the engine does to a worker from outside. */
int place_policy(pid_t pid, const struct ktstr_load *load);
int place_affinity(pid_t pid, const struct cpuset_bits *cpus);
/* Of worker number @index of its load; false: none of its own. */
bool affinity_resolve(const struct guest_topology *t, const struct ktstr_affinity *a, const struct cpuset_bits *pool,
		      unsigned index, struct rng *rng, struct cpuset_bits *ret);
/* place.c: what a worker does to itself. */
int place_memory(const struct ktstr_load *load);

/* In the worker's process: from its first to its last instruction there. */
void worker_run_load(struct ktstr_worker *w, const struct ktstr_load *load, uint32_t batch, nsec_t start_offset)
	__attribute__((noreturn));
/* Before its first turn: from now on it is looked at. */
void worker_begin(struct ktstr_worker *w);
/* Ends a turn in which there was a wait, and thereby a look: only counts it. */
void worker_count(struct ktstr_worker *w, uint64_t units);
/* Units of a turn that is still under way, so that a test that ends meanwhile sees them. */
void worker_progress(struct ktstr_worker *w, uint64_t units);
/* The time for telemetry, in ticks; 0 where there is none. */
static inline int64_t worker_now(const struct ktstr_worker *w)
{
	return w->quick ? ticks_counter() : w->quiet ? 0 : ticks_now(&w->clock);
}
/* ktstr_worker_block() of who has just asked for the time: @now is worker_now(). */
void worker_block_at(struct ktstr_worker *w, int64_t now);
/* The end of a wait between block() and this: @since is when it should have ended. */
void worker_woken_since(struct ktstr_worker *w, const _Atomic int64_t *since);
/* The same where it should have ended @after nanoseconds later than @since. */
void worker_woken_late(struct ktstr_worker *w, int64_t since, nsec_t after);
/* A latency that is not the end of such a wait. */
void worker_sample_since(struct ktstr_worker *w, int64_t since);
/* A measurement of the work type's own, sent with its telemetry. The unit is part of @name ("rps", "p99_us"). */
void worker_metric(struct ktstr_worker *w, const char *name, double value);
/* Cannot work here: says so and ends. -ENOSYS and the like become a Skip. */
void worker_refuse(struct ktstr_worker *w, enum worker_trouble trouble, int code, const char *what)
	__attribute__((noreturn));

#endif
