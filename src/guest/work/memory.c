/* SPDX-License-Identifier: GPL-2.0-only */
/* memory.c -- work types that use memory: caches, page faults, nodes. */
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "guest/work/work.h"

struct cache_state {
	uint8_t *data;
	size_t bytes, stride, at;
};

void cache_begin(struct ktstr_worker *w)
{
	struct cache_state *s = calloc(1, sizeof(*s));
	if (!s)
		worker_refuse(w, TROUBLE_WORK, -ENOMEM, "memory");
	s->bytes = (size_t)or_default(w->work->size_kib, 32) * 1024;
	s->stride = or_default(w->work->stride, 64);
	s->data = work_memory(w, s->bytes);
	w->state = s;
}

static void touch(struct cache_state *s, unsigned accesses)
{
	volatile uint8_t *data = s->data;
	for (unsigned i = 0; i < accesses; i++) {
		data[s->at]++;
		s->at += s->stride;
		if (s->at >= s->bytes)
			s->at %= s->stride < s->bytes ? s->bytes : 1;
	}
}

void cache_pressure(struct ktstr_worker *w)
{
	touch(w->state, SPIN_UNITS);
	ktstr_worker_turn(w, SPIN_UNITS);
}

/* The time that a yield keeps it off the CPU is reported as its wake-up latency. */
void cache_yield(struct ktstr_worker *w)
{
	touch(w->state, SPIN_UNITS);
	int64_t before = worker_now(w);
	sched_yield();
	worker_sample_since(w, before);
	ktstr_worker_turn(w, SPIN_UNITS);
}

void cache_pipe(struct ktstr_worker *w)
{
	unsigned units = or_default(w->work->spin_iters, SPIN_UNITS);
	touch(w->state, units);
	trade_byte(w, units);
}

/* --- faults ------------------------------------------------------------------------------------------------------- */

struct fault_state {
	uint8_t *data;
	size_t pages;
	unsigned touched;
};

#define PAGE_BYTES 4096

void page_fault_begin(struct ktstr_worker *w)
{
	struct fault_state *s = calloc(1, sizeof(*s));
	size_t bytes = (size_t)or_default(w->work->size_kib, 4096) * 1024;
	if (!s)
		worker_refuse(w, TROUBLE_WORK, -ENOMEM, "memory");
	s->data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->data == MAP_FAILED)
		worker_refuse(w, TROUBLE_WORK, -errno, "memory");
	s->pages = bytes / PAGE_BYTES;
	madvise(s->data, bytes, MADV_NOHUGEPAGE);
	w->state = s;
}

void page_fault_churn(struct ktstr_worker *w)
{
	struct fault_state *s = w->state;
	unsigned touches = or_default(w->work->touches, 256);
	for (unsigned i = 0; i < touches; i++)
		((volatile uint8_t *)s->data)[rng_below(&w->rng, s->pages) * PAGE_BYTES] = 1;
	ktstr_worker_spin(w, or_default(w->work->spin_iters, 64));
	madvise(s->data, s->pages * PAGE_BYTES, MADV_DONTNEED);
	ktstr_worker_turn(w, touches);
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

struct numa_state {
	uint8_t *data;
	size_t bytes;
	unsigned node[64], nodes, at;
	nsec_t next;
};

static struct numa_state *numa_state(struct ktstr_worker *w, size_t bytes)
{
	struct numa_state *s = calloc(1, sizeof(*s));
	if (!s)
		worker_refuse(w, TROUBLE_WORK, -ENOMEM, "memory");
	for (unsigned i = 0; i < w->topology->cpus; i++) {
		unsigned node = w->topology->cpu[i].node, k = 0;
		while (k < s->nodes && s->node[k] != node)
			k++;
		if (k == s->nodes && k < 64)
			s->node[s->nodes++] = node;
	}
	if (s->nodes < 2)
		worker_refuse(w, TROUBLE_UNSUPPORTED, -ENODEV, "a second NUMA node");
	s->bytes = bytes;
	s->data = bytes ? work_memory(w, bytes) : NULL;
	s->next = nsec_now();
	w->state = s;
	return s;
}

void numa_sweep_begin(struct ktstr_worker *w)
{
	numa_state(w, (size_t)or_default(w->work->size_kib, 4096) * 1024);
}

/* Every interval, binds all of its memory to the next node and moves it there. Reads and writes it in between. */
void numa_sweep(struct ktstr_worker *w)
{
	struct numa_state *s = w->state;
	nsec_t now = nsec_now();
	if (now >= s->next) {
		unsigned long mask = 1ul << s->node[s->at++ % s->nodes];
		s->next = now + or_default(w->work->interval_ms, 100) * NSEC_PER_MSEC;
		syscall(SYS_mbind, s->data, s->bytes, MPOL_BIND, &mask, 65ul, MPOL_MF_MOVE);
	}
	for (size_t at = 0; at < s->bytes; at += PAGE_BYTES)
		((volatile uint8_t *)s->data)[at]++;
	ktstr_worker_turn(w, s->bytes / PAGE_BYTES);
}

void numa_migration_begin(struct ktstr_worker *w)
{
	numa_state(w, 0);
}

static void run_on_node(struct ktstr_worker *w, unsigned node)
{
	unsigned long mask[CPUSET_WORDS] = { 0 };
	for (unsigned i = 0; i < w->topology->cpus; i++)
		if (w->topology->cpu[i].node == node)
			mask[w->topology->cpu[i].cpu / 64] |= 1ul << w->topology->cpu[i].cpu % 64;
	syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask);
}

void numa_migration(struct ktstr_worker *w)
{
	struct numa_state *s = w->state;
	nsec_t now = nsec_now();
	if (now >= s->next) {
		s->next = now + or_default(w->work->interval_ms, 100) * NSEC_PER_MSEC;
		run_on_node(w, s->node[rng_below(&w->rng, s->nodes)]);
	}
	ktstr_worker_spin(w, SPIN_UNITS);
	ktstr_worker_turn(w, SPIN_UNITS);
}
