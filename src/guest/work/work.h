/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * work.h -- the work types: a row of the table for each, run turn by turn.
 *
 * A turn is short, counts itself (ktstr_worker_turn) and marks its waits (ktstr_worker_block, _woken).
 */
#ifndef KTSTR_GUEST_WORK_H
#define KTSTR_GUEST_WORK_H

#include "guest/work/worker.h"

#define SPIN_UNITS 1024

enum work_inbox { INBOX_NONE, INBOX_PIPE, INBOX_EPOLL };

struct work_type {
	const char *code;				  /* as in KTSTR_WORK(): "SPIN_WAIT" */
	const char *name;				  /* PascalCase, as in reports */
	const char *old;				  /* an older name, still accepted */
	unsigned (*group)(const struct ktstr_work *work); /* size of a group; NULL: one */
	void (*begin)(struct ktstr_worker *w);		  /* once, in the worker */
	void (*turn)(struct ktstr_worker *w);		  /* called until stopped */
	void (*end)(struct ktstr_worker *w);		  /* once; may report metrics */
	enum work_inbox inbox;
	bool roles;		/* workers differ by role or by lock ownership: shares are not compared */
	bool wakes;		/* every worker measures wake-up latencies in normal operation */
	bool moves;		/* changes its own affinity, policy or cgroup */
	bool siblings;		/* needs siblings of its cgroup */
	const char *does;	/* what a turn does, in a few words */
	const char *parameters; /* those it uses, with defaults: "burst_ms 50, sleep_ms 100"; NULL: none */
	const char *measures;	/* the measurements that a test gets */
	const char *(*check)(const struct ktstr_work *work); /* the problem of its parameters, or NULL */
};

const struct work_type *work_type(const struct ktstr_work *work);
const struct work_type *work_type_at(unsigned type);
const char *work_name(const struct ktstr_work *work);
unsigned work_group_size(const struct ktstr_work *work);

static inline unsigned or_default(unsigned value, unsigned otherwise)
{
	return value ? value : otherwise;
}

/* --- helpers: util.c ---------------------------------------------------------------------------------------------- */

/* Records the time at which a task is woken, for worker_woken_since(). */
static inline void stamp(const struct ktstr_worker *w, _Atomic int64_t *when)
{
	atomic_store_explicit(when, worker_now(w), memory_order_release);
}

/* One time on both clocks. */
struct moment {
	nsec_t ns;
	int64_t ticks;
};
struct moment moment_now(const struct ktstr_worker *w);
/* Sleeps from @now until an absolute time. Counts as a voluntary wait, with its lateness as a sample. */
void sleep_until(struct ktstr_worker *w, const struct moment *now, nsec_t wake);
void sleep_for(struct ktstr_worker *w, nsec_t length);
long futex_wait(_Atomic uint32_t *word, uint32_t value); /* at most 100 ms */
void futex_wake(_Atomic uint32_t *word, int count);
/*
 * From true to false the worker waits by its own choice, as between block() and woken(), but the length of the wait is
 * not measured.
 */
static inline void worker_waits(struct ktstr_worker *w, bool waits)
{
	atomic_store_explicit(&w->slot->blocked, waits, memory_order_relaxed);
}
/* Allocates and touches private memory, or refuses to work. */
void *work_memory(struct ktstr_worker *w, size_t bytes);
/* Writes one byte to the inbox of member @k of the group. */
bool post(struct ktstr_worker *w, unsigned k);
/* Waits for a byte in its own inbox. Returns false if told to stop. */
bool await_post(struct ktstr_worker *w);
/* One turn of @units between two members: stamps, sends a byte to the other one and waits for the answer. wake.c. */
void trade_byte(struct ktstr_worker *w, unsigned units);
/* Sets the worker's own scheduling policy; negative errno. */
int own_policy(int policy, int priority);
/* The group's lock: 0 free, 1 held, 2 wanted (Drepper, "Futexes are tricky", 2011). Returns true if it had to wait. */
bool futex_lock_take(struct ktstr_worker *w);
void futex_lock_give(struct ktstr_worker *w);
/* The CPUs that the worker may use now. */
unsigned own_cpus(unsigned *cpu, unsigned max);
void own_cpu(unsigned cpu);

/* --- turns, by kind ----------------------------------------------------------------------------------------------- */

/* cpu.c */
void spin_wait(struct ktstr_worker *w);
void yield_heavy(struct ktstr_worker *w);
void mixed(struct ktstr_worker *w);
void bursty(struct ktstr_worker *w);
void idle_churn_begin(struct ktstr_worker *w);
void idle_churn(struct ktstr_worker *w);
void alu_hot(struct ktstr_worker *w);
void alu_steps(enum ktstr_width width, unsigned steps);
void smt_spin_begin(struct ktstr_worker *w);
void ipc_variance_begin(struct ktstr_worker *w);
void ipc_variance(struct ktstr_worker *w);
void timer_latency_begin(struct ktstr_worker *w);
void timer_latency(struct ktstr_worker *w);
void sequence_begin(struct ktstr_worker *w);
void sequence(struct ktstr_worker *w);

/* memory.c */
void cache_begin(struct ktstr_worker *w);
void cache_pressure(struct ktstr_worker *w);
void cache_yield(struct ktstr_worker *w);
void cache_pipe(struct ktstr_worker *w);
void page_fault_begin(struct ktstr_worker *w);
void page_fault_churn(struct ktstr_worker *w);
void numa_sweep_begin(struct ktstr_worker *w);
void numa_sweep(struct ktstr_worker *w);
void numa_migration_begin(struct ktstr_worker *w);
void numa_migration(struct ktstr_worker *w);

/* io.c */
void io_begin(struct ktstr_worker *w);
void io_sync_write(struct ktstr_worker *w);
void io_rand_read(struct ktstr_worker *w);
void io_convoy(struct ktstr_worker *w);
void io_phase(struct ktstr_worker *w);

/* net.c */
void net_begin(struct ktstr_worker *w);
void net_traffic(struct ktstr_worker *w);
void irq_wake(struct ktstr_worker *w);

/* wake.c */
void pipe_io(struct ktstr_worker *w);
void futex_ping_pong(struct ktstr_worker *w);
void futex_fan_out(struct ktstr_worker *w);
void fan_out_begin(struct ktstr_worker *w);
void fan_out_compute(struct ktstr_worker *w);
void thundering_herd(struct ktstr_worker *w);
void wake_chain(struct ktstr_worker *w);
void asymmetric_begin(struct ktstr_worker *w);
void epoll_storm(struct ktstr_worker *w);
void signal_storm_begin(struct ktstr_worker *w);
void signal_storm(struct ktstr_worker *w);

/* lock.c */
void mutex_contention(struct ktstr_worker *w);
void inversion_begin(struct ktstr_worker *w);
void priority_inversion(struct ktstr_worker *w);
void imbalance_begin(struct ktstr_worker *w);
void producer_consumer(struct ktstr_worker *w);

/* sched.c */
void nice_sweep(struct ktstr_worker *w);
void nice_sweep_end(struct ktstr_worker *w);
void churn_begin(struct ktstr_worker *w);
void affinity_churn(struct ktstr_worker *w);
void cross_affinity_churn(struct ktstr_worker *w);
void policy_churn(struct ktstr_worker *w);
void policy_churn_end(struct ktstr_worker *w);
void rt_starvation_begin(struct ktstr_worker *w);
void rt_starvation(struct ktstr_worker *w);
void preempt_storm_begin(struct ktstr_worker *w);
void preempt_storm(struct ktstr_worker *w);

/* fork.c */
void fork_exit(struct ktstr_worker *w);
void cgroup_churn_begin(struct ktstr_worker *w);
void cgroup_churn(struct ktstr_worker *w);
void cgroup_attach_storm(struct ktstr_worker *w);

/* engines.c */
void schbench_begin(struct ktstr_worker *w);
void schbench(struct ktstr_worker *w);
void schbench_end(struct ktstr_worker *w);
void taobench_begin(struct ktstr_worker *w);
void taobench(struct ktstr_worker *w);
void taobench_end(struct ktstr_worker *w);

#endif
