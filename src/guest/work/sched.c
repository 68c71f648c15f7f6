/* SPDX-License-Identifier: GPL-2.0-only */
/* sched.c -- work types that change their scheduling parameters, and real-time tasks next to ordinary ones. */
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "guest/work/work.h"

/* Yields, and records the time off the CPU. */
static void yield_sampled(struct ktstr_worker *w)
{
	int64_t before = worker_now(w);
	sched_yield();
	worker_sample_since(w, before);
}

/* Starts from nice -20 if that is allowed, else from 0. */
void nice_sweep(struct ktstr_worker *w)
{
	int least = geteuid() == 0 ? -20 : 0;
	unsigned range = (unsigned)(20 - least);
	ktstr_worker_spin(w, 512);
	setpriority(PRIO_PROCESS, 0, least + (int)(w->slot->report.iterations % range));
	yield_sampled(w);
	ktstr_worker_turn(w, 512);
}

void nice_sweep_end(struct ktstr_worker *w)
{
	(void)w;
	setpriority(PRIO_PROCESS, 0, 0);
}

/* --- churn -------------------------------------------------------------------------------------------------------- */

struct churn_state {
	unsigned cpu[CPUSET_CPUS_MAX], cpus;
};

void churn_begin(struct ktstr_worker *w)
{
	struct churn_state *s = calloc(1, sizeof(*s));
	if (!s)
		worker_refuse(w, TROUBLE_WORK, -ENOMEM, "memory");
	s->cpus = own_cpus(s->cpu, CPUSET_CPUS_MAX);
	if (!s->cpus)
		worker_refuse(w, TROUBLE_WORK, -errno, "sched_getaffinity");
	w->state = s;
}

void affinity_churn(struct ktstr_worker *w)
{
	struct churn_state *s = w->state;
	unsigned units = or_default(w->work->spin_iters, SPIN_UNITS);
	ktstr_worker_spin(w, units);
	own_cpu(s->cpu[rng_below(&w->rng, s->cpus)]);
	yield_sampled(w);
	ktstr_worker_turn(w, units);
}

void cross_affinity_churn(struct ktstr_worker *w)
{
	struct churn_state *s = w->state;
	unsigned units = or_default(w->work->spin_iters, SPIN_UNITS);
	unsigned cpu = s->cpu[rng_below(&w->rng, s->cpus)];
	pid_t victim = w->worker_slot[rng_below(&w->rng, w->worker_set_size)].report.tid;
	unsigned long mask[CPUSET_WORDS] = { 0 };
	mask[cpu / 64] = 1ul << cpu % 64;
	ktstr_worker_spin(w, units);
	if (victim > 0)
		syscall(SYS_sched_setaffinity, victim, sizeof(mask), mask);
	yield_sampled(w);
	ktstr_worker_turn(w, units);
}

void policy_churn(struct ktstr_worker *w)
{
	static const struct {
		int policy, priority;
	} order[] = {
		{ SCHED_OTHER, 0 }, { SCHED_BATCH, 0 }, { SCHED_IDLE, 0 }, { SCHED_FIFO, 1 }, { SCHED_RR, 1 },
	};
	unsigned units = or_default(w->work->spin_iters, SPIN_UNITS);
	size_t at = w->slot->report.iterations % ARRAY_SIZE(order);
	ktstr_worker_spin(w, units);
	own_policy(order[at].policy, order[at].priority);
	yield_sampled(w);
	ktstr_worker_turn(w, units);
}

void policy_churn_end(struct ktstr_worker *w)
{
	(void)w;
	own_policy(SCHED_OTHER, 0);
}

/* --- real time ---------------------------------------------------------------------------------------------------- */

void rt_starvation_begin(struct ktstr_worker *w)
{
	bool is_rt = w->member < or_default(w->work->rt_workers, 1);
	int r = is_rt ? own_policy(SCHED_FIFO, (int)or_default(w->work->priority, 50)) : 0;
	if (r < 0)
		worker_refuse(w, TROUBLE_WORK, r, "SCHED_FIFO");
}

void rt_starvation(struct ktstr_worker *w)
{
	unsigned units = or_default(w->work->spin_iters, SPIN_UNITS);
	ktstr_worker_spin(w, units);
	ktstr_worker_turn(w, units);
}

/* Member 0 is the real-time one. */
void preempt_storm_begin(struct ktstr_worker *w)
{
	int r = w->member == 0 ? own_policy(SCHED_FIFO, 1) : 0;
	if (r < 0)
		worker_refuse(w, TROUBLE_WORK, r, "SCHED_FIFO");
}

void preempt_storm(struct ktstr_worker *w)
{
	unsigned units = or_default(w->work->spin_iters, SPIN_UNITS);
	ktstr_worker_spin(w, units);
	ktstr_worker_turn(w, units);
	if (w->member == 0)
		sleep_for(w, or_default(w->work->sleep_us, 1000) * NSEC_PER_USEC);
}
