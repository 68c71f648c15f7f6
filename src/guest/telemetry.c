/* SPDX-License-Identifier: GPL-2.0-only */
/* telemetry.c -- what a worker notes about itself while it works. */
#include <cpuid.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "guest/worker.h"

bool ktstr_worker_stopped(const struct ktstr_worker *w)
{
	return atomic_load_explicit(&w->shared->stopped, memory_order_relaxed);
}

/*
 * QEMU's TCG leaves its execution loop at every PAUSE, which costs the host about fifty times what the guest is
 * charged. A spinning task is a spinning task to a scheduler either way.
 */
static bool pause_is_dear(void)
{
	unsigned eax, ebx = 0, ecx = 0, edx = 0;
	__cpuid(0x40000000, eax, ebx, ecx, edx);
	return ebx == 0x54474354u && ecx == 0x43544743u;	/* "TCGTCGTCGTCG" */
}

void ktstr_worker_spin(struct ktstr_worker *w, unsigned iterations)
{
	if (w->dear_pause) {
		for (unsigned i = 0; i < iterations; i++)
			__asm__ volatile("" : : "r"(i) : "memory");
		return;
	}
	for (unsigned i = 0; i < iterations; i++)
		__builtin_ia32_pause();
}

static void note_cpu(struct ktstr_worker *w)
{
	unsigned cpu = (unsigned)sched_getcpu();
	if (cpu >= WIRE_CPUS_MAX)
		return;
	struct wire_worker *r = &w->slot->report;
	r->cpus_used[cpu / 64] |= (uint64_t)1 << cpu % 64;
	r->migrations += cpu != w->cpu;
	w->cpu = cpu;
}

/* The time since the last look is a gap in which the worker wanted to run, however it was spent. */
void worker_checkpoint(struct ktstr_worker *w)
{
	struct wire_worker *r = &w->slot->report;
	nsec_t now = nsec_now();
	nsec_t last = atomic_load_explicit(&w->slot->last_check_ns, memory_order_relaxed);
	uint64_t gap = (uint64_t)(now - last);
	note_cpu(w);
	if (gap > r->max_gap_ns) {
		r->max_gap_ns = gap;
		r->max_gap_cpu = w->cpu;
		r->max_gap_at_ns = (uint64_t)(now - w->slot->began_ns);
	}
	atomic_store_explicit(&w->slot->last_check_ns, now, memory_order_relaxed);
}

void ktstr_worker_turn(struct ktstr_worker *w, uint64_t units)
{
	struct wire_worker *r = &w->slot->report;
	r->work_units += units;
	r->iterations++;
	r->counts_progress = 1;
	if (r->work_units >= w->next_check) {
		worker_checkpoint(w);
		w->next_check = r->work_units + WORKER_CHECK_UNITS;
	}
}

void ktstr_worker_block(struct ktstr_worker *w)
{
	worker_checkpoint(w);
	atomic_store_explicit(&w->slot->blocked, 1, memory_order_relaxed);
}

/* Algorithm R (Vitter, 1985): every sample is equally likely to be among those kept. */
static void keep_sample(struct ktstr_worker *w, uint64_t ns)
{
	uint64_t n = w->slot->report.wake_samples++;
	uint64_t at = n < WORKER_SAMPLES_MAX ? n : rng_below(&w->rng, n + 1);
	if (at < WORKER_SAMPLES_MAX)
		w->slot->sample[at] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

void ktstr_worker_woken(struct ktstr_worker *w, uint64_t latency_ns)
{
	atomic_store_explicit(&w->slot->last_check_ns, nsec_now(), memory_order_relaxed);
	atomic_store_explicit(&w->slot->blocked, 0, memory_order_relaxed);
	note_cpu(w);
	if (!ktstr_worker_stopped(w))
		keep_sample(w, latency_ns);
}

/* --- the worker's process ----------------------------------------------------------------------------------------- */

/* /proc/self/schedstat: time on CPU, time waiting to run, both ns, and the number of times it was put on a CPU. */
static void read_schedstat(uint64_t out[3])
{
	char text[96] = "";
	_cleanup_close_ int fd = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	memset(out, 0, 3 * sizeof(*out));
	if (n > 0)
		sscanf(text, "%lu %lu %lu", &out[0], &out[1], &out[2]);
}

static void on_stop(int sig)
{
	(void)sig;	/* only to interrupt a sleep; the flag is in shared memory */
}

static void await_start(struct ktstr_worker *w, nsec_t offset)
{
	struct sigaction act = { .sa_handler = on_stop };
	sigaction(SIGUSR1, &act, NULL);
	while (!atomic_load(&w->shared->started))
		syscall(SYS_futex, &w->shared->started, FUTEX_WAIT, 0, NULL, NULL, 0);
	struct timespec ts = nsec_to_timespec(offset);
	if (offset)
		nanosleep(&ts, NULL);
}

void worker_main(struct ktstr_worker *w, nsec_t start_offset)
{
	struct wire_worker *r = &w->slot->report;
	uint64_t before[3], after[3];
	w->dear_pause = pause_is_dear();
	await_start(w, start_offset);
	read_schedstat(before);
	nsec_t cpu_before = nsec_clock(CLOCK_THREAD_CPUTIME_ID);
	w->slot->began_ns = nsec_now();
	w->cpu = (unsigned)sched_getcpu();
	atomic_store(&w->slot->last_check_ns, w->slot->began_ns);
	r->counts_progress = w->type->turn != NULL;
	if (w->type->turn)
		while (!ktstr_worker_stopped(w))
			w->type->turn(w);
	else
		w->work->fn(w, w->work->arg);
	worker_checkpoint(w);
	r->wall_ns = (uint64_t)(nsec_now() - w->slot->began_ns);
	r->cpu_ns = (uint64_t)(nsec_clock(CLOCK_THREAD_CPUTIME_ID) - cpu_before);
	read_schedstat(after);
	r->run_ns = after[0] - before[0];
	r->run_delay_ns = after[1] - before[1];
	r->run_count = after[2] - before[2];
	r->end = WIRE_WORKER_COMPLETED;
	_exit(0);
}
