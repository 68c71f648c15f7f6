/* SPDX-License-Identifier: GPL-2.0-only */
/* cpu.c -- work types that compute, yield and sleep. */
#include <sched.h>
#include <sys/prctl.h>

#include "guest/work/work.h"

void spin_wait(struct ktstr_worker *w)
{
	ktstr_worker_spin(w, SPIN_UNITS);
	ktstr_worker_turn(w, SPIN_UNITS);
}

void yield_heavy(struct ktstr_worker *w)
{
	sched_yield();
	ktstr_worker_turn(w, 1);
}

void mixed(struct ktstr_worker *w)
{
	ktstr_worker_spin(w, SPIN_UNITS);
	sched_yield();
	ktstr_worker_turn(w, SPIN_UNITS);
}

static void spin_for(struct ktstr_worker *w, nsec_t length)
{
	nsec_t until = nsec_now() + length;
	while (nsec_now() < until && !ktstr_worker_stopped(w)) {
		ktstr_worker_spin(w, SPIN_UNITS);
		ktstr_worker_turn(w, SPIN_UNITS);
	}
}

void bursty(struct ktstr_worker *w)
{
	spin_for(w, or_default(w->work->burst_ms, 50) * NSEC_PER_MSEC);
	sleep_for(w, or_default(w->work->sleep_ms, 100) * NSEC_PER_MSEC);
}

void idle_churn_begin(struct ktstr_worker *w)
{
	if (w->work->precise)
		prctl(PR_SET_TIMERSLACK, 1);
}

void idle_churn(struct ktstr_worker *w)
{
	spin_for(w, or_default(w->work->burst_ms, 1) * NSEC_PER_MSEC);
	sleep_for(w, or_default(w->work->sleep_ms, 5) * NSEC_PER_MSEC);
}

/* --- arithmetic --------------------------------------------------------------------------------------------------- */

typedef uint32_t u32x4 __attribute__((vector_size(16)));
typedef uint32_t u32x8 __attribute__((vector_size(32)));

/* Four independent chains, to keep as many multiplications in flight as the processor can. */
#define ALU_CHAINS(name, type, one, attributes)                           \
	static void attributes name(unsigned steps)                       \
	{                                                                 \
		type a = one * 3, b = one * 5, c = one * 7, d = one * 11; \
		for (unsigned i = 0; i < steps; i++) {                    \
			a = a * a + one;                                  \
			b = b * b + one;                                  \
			c = c * c + one;                                  \
			d = d * d + one;                                  \
		}                                                         \
		type sum = a + b + c + d;                                 \
		__asm__ volatile("" : : "m"(sum) : "memory");             \
	}

#define ONE_SCALAR ((uint64_t)1)
#define ONE_128	   ((u32x4){ 1, 1, 1, 1 })
#define ONE_256	   ((u32x8){ 1, 1, 1, 1, 1, 1, 1, 1 })
ALU_CHAINS(alu_scalar, uint64_t, ONE_SCALAR, )
#ifdef __x86_64__
ALU_CHAINS(alu_128, u32x4, ONE_128, __attribute__((target("sse4.1"))))
ALU_CHAINS(alu_256, u32x8, ONE_256, __attribute__((target("avx2"))))
#define HAS_128 __builtin_cpu_supports("sse4.1")
#define HAS_256 __builtin_cpu_supports("avx2")
#else /* aarch64 always has vectors of 128 bits; those of 256 are pairs of them */
ALU_CHAINS(alu_128, u32x4, ONE_128, )
ALU_CHAINS(alu_256, u32x8, ONE_256, )
#define HAS_128 true
#define HAS_256 false
#endif

void alu_steps(enum ktstr_width width, unsigned steps)
{
	bool has_256 = HAS_256, has_128 = HAS_128;
	if (has_256 && (width == KTSTR_WIDTH_WIDEST || width == KTSTR_WIDTH_256))
		alu_256(steps);
	else if (has_128 && width != KTSTR_WIDTH_SCALAR)
		alu_128(steps);
	else
		alu_scalar(steps);
}

void alu_hot(struct ktstr_worker *w)
{
	alu_steps(w->work->width, SPIN_UNITS);
	ktstr_worker_turn(w, SPIN_UNITS);
}

/* Pins the group's two members to two threads of one core. Refuses to work if no core has two usable threads. */
void smt_spin_begin(struct ktstr_worker *w)
{
	unsigned cpu[CPUSET_CPUS_MAX], count = own_cpus(cpu, CPUSET_CPUS_MAX);
	unsigned wanted = (unsigned)(w->member_slot - w->worker_slot) / 2;
	struct smt_pair pair[GUEST_CPUS_MAX];
	struct cpuset_bits own = { 0 };
	for (unsigned i = 0; i < count; i++)
		cpuset_add(&own, cpu[i]);
	unsigned pairs = topology_smt_pairs(w->topology, &own, pair);
	if (!pairs)
		worker_refuse(w, TROUBLE_UNSUPPORTED, -ENODEV, "two threads of one core");
	own_cpu(pair[wanted % pairs].cpu[w->member]);
}

/* --- phases ------------------------------------------------------------------------------------------------------- */

struct ipc_state {
	unsigned turns;
	uint32_t at;
	uint32_t *cold;
	uint32_t entries;
};

/* A random cycle through all lines (Sattolo's shuffle), which no prefetcher predicts. */
void ipc_variance_begin(struct ktstr_worker *w)
{
	const unsigned line = 64 / sizeof(uint32_t);
	struct ipc_state *s = calloc(1, sizeof(*s));
	if (!s)
		worker_refuse(w, TROUBLE_WORK, -ENOMEM, "memory");
	s->entries = or_default(w->work->size_kib, 512) * 1024 / 64;
	s->cold = work_memory(w, (size_t)s->entries * 64);
	for (uint32_t i = 0; i < s->entries; i++)
		s->cold[i * line] = i;
	for (uint32_t i = s->entries - 1; i > 0; i--) {
		uint32_t k = (uint32_t)rng_below(&w->rng, i), held = s->cold[i * line];
		s->cold[i * line] = s->cold[k * line];
		s->cold[k * line] = held;
	}
	w->state = s;
}

void ipc_variance(struct ktstr_worker *w)
{
	struct ipc_state *s = w->state;
	unsigned period = or_default(w->work->period, 64);
	if (s->turns++ / period % 2 == 0) {
		alu_steps(KTSTR_WIDTH_WIDEST, or_default(w->work->hot_iters, 100000));
	} else {
		unsigned cold = or_default(w->work->cold_iters, 1024);
		for (unsigned i = 0; i < cold; i++)
			s->at = ((volatile uint32_t *)s->cold)[s->at * 16];
	}
	ktstr_worker_turn(w, SPIN_UNITS);
}

struct timer_state {
	nsec_t next;
};

void timer_latency_begin(struct ktstr_worker *w)
{
	struct timer_state *s = calloc(1, sizeof(*s));
	if (!s)
		worker_refuse(w, TROUBLE_WORK, -ENOMEM, "memory");
	prctl(PR_SET_TIMERSLACK, 1);
	s->next = nsec_now();
	w->state = s;
}

/* Wakes at absolute times on a grid. Missed grid points are skipped. */
void timer_latency(struct ktstr_worker *w)
{
	struct timer_state *s = w->state;
	nsec_t step = or_default(w->work->interval_us, 1000) * NSEC_PER_USEC;
	struct moment now = moment_now(w);
	s->next += step;
	if (s->next < now.ns)
		s->next += (now.ns - s->next) / step * step + step;
	sleep_until(w, &now, s->next);
	worker_count(w, 1);
}

void sequence_begin(struct ktstr_worker *w)
{
	io_begin(w);
}

static void one_phase(struct ktstr_worker *w, const struct ktstr_work_phase *p)
{
	struct moment now = moment_now(w);
	nsec_t until = now.ns + p->us * NSEC_PER_USEC;
	if (p->kind == KTSTR_PHASE_SLEEP) {
		sleep_until(w, &now, until);
		worker_count(w, 1);
		return;
	}
	while (nsec_now() < until && !ktstr_worker_stopped(w)) {
		if (p->kind == KTSTR_PHASE_YIELD)
			sched_yield();
		else if (p->kind == KTSTR_PHASE_IO)
			io_phase(w);
		else if (p->kind == KTSTR_PHASE_ALU_HOT)
			alu_steps(w->work->width, SPIN_UNITS);
		else
			ktstr_worker_spin(w, SPIN_UNITS);
		ktstr_worker_turn(w, p->kind == KTSTR_PHASE_YIELD ? 1 : SPIN_UNITS);
	}
}

void sequence(struct ktstr_worker *w)
{
	for (const struct ktstr_work_phase *p = w->work->phases; p->us && !ktstr_worker_stopped(w); p++)
		one_phase(w, p);
}
