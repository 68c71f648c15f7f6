/* SPDX-License-Identifier: GPL-2.0-only */
/* work.c -- the work types: one turn each, and the table that names them. */
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "guest/worker.h"

#define SPIN_UNITS 1024

static unsigned or_default(unsigned value, unsigned otherwise)
{
	return value ? value : otherwise;
}

static void spin_wait(struct ktstr_worker *w)
{
	ktstr_worker_spin(w, SPIN_UNITS);
	ktstr_worker_turn(w, SPIN_UNITS);
}

static void yield_heavy(struct ktstr_worker *w)
{
	sched_yield();
	ktstr_worker_turn(w, 1);
}

static void mixed(struct ktstr_worker *w)
{
	ktstr_worker_spin(w, SPIN_UNITS);
	sched_yield();
	ktstr_worker_turn(w, SPIN_UNITS);
}

static void bursty(struct ktstr_worker *w)
{
	nsec_t until = nsec_now() + or_default(w->work->burst_ms, 50) * NSEC_PER_MSEC;
	while (nsec_now() < until && !ktstr_worker_stopped(w)) {
		ktstr_worker_spin(w, SPIN_UNITS);
		ktstr_worker_turn(w, SPIN_UNITS);
	}
	nsec_t wake = nsec_now() + or_default(w->work->sleep_ms, 100) * NSEC_PER_MSEC;
	struct timespec ts = nsec_to_timespec(wake);
	ktstr_worker_block(w);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	nsec_t late = nsec_now() - wake;
	ktstr_worker_woken(w, late > 0 ? (uint64_t)late : 0);
}

/* How long ago the partner said "go on": the latency of being woken. */
static uint64_t since_stamp(struct ktstr_worker *w)
{
	nsec_t ago = nsec_now() - atomic_load(&w->slot->stamp_ns);
	return ago > 0 ? (uint64_t)ago : 0;
}

static void stamp(struct worker_slot *slot)
{
	atomic_store(&slot->stamp_ns, nsec_now());
}

static void pipe_io(struct ktstr_worker *w)
{
	unsigned units = or_default(w->work->spin_iters, SPIN_UNITS);
	char byte = 0;
	ktstr_worker_spin(w, units);
	stamp(w->partner);
	if (write(w->pipe_out, &byte, 1) != 1)
		return;
	ktstr_worker_block(w);
	ssize_t n = read(w->pipe_in, &byte, 1);
	ktstr_worker_woken(w, since_stamp(w));
	if (n == 1)
		ktstr_worker_turn(w, units);
}

/* The first of the pair moves first: it finds its word at 0, the second one waits for the first. */
static void futex_ping_pong(struct ktstr_worker *w)
{
	unsigned units = or_default(w->work->spin_iters, SPIN_UNITS);
	static const struct timespec patience = { .tv_nsec = 100 * 1000 * 1000 };
	if (w->member == 0 || w->slot->report.iterations) {
		ktstr_worker_spin(w, units);
		stamp(w->partner);
		atomic_store(&w->partner->futex, 1);
		syscall(SYS_futex, &w->partner->futex, FUTEX_WAKE, 1, NULL, NULL, 0);
	}
	ktstr_worker_block(w);
	while (!atomic_load(&w->slot->futex) && !ktstr_worker_stopped(w))
		syscall(SYS_futex, &w->slot->futex, FUTEX_WAIT, 0, &patience, NULL, 0);
	atomic_store(&w->slot->futex, 0);
	ktstr_worker_woken(w, since_stamp(w));
	ktstr_worker_turn(w, units);
}

static void fork_exit(struct ktstr_worker *w)
{
	pid_t pid = fork();
	if (pid == 0) {
		stamp(w->slot);
		_exit(0);
	}
	if (pid < 0)
		return;
	ktstr_worker_block(w);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	ktstr_worker_woken(w, since_stamp(w));
	ktstr_worker_turn(w, 1);
}

static const struct work_type work_types[KTSTR_WORK_TYPE_MAX] = {
	[KTSTR_WORK_SPIN_WAIT] = { "SpinWait", 1, spin_wait },
	[KTSTR_WORK_YIELD_HEAVY] = { "YieldHeavy", 1, yield_heavy },
	[KTSTR_WORK_MIXED] = { "Mixed", 1, mixed },
	[KTSTR_WORK_BURSTY] = { "Bursty", 1, bursty },
	[KTSTR_WORK_PIPE_IO] = { "PipeIo", 2, pipe_io },
	[KTSTR_WORK_FUTEX_PING_PONG] = { "FutexPingPong", 2, futex_ping_pong },
	[KTSTR_WORK_FORK_EXIT] = { "ForkExit", 1, fork_exit },
	[KTSTR_WORK_CUSTOM] = { "Custom", 1, NULL },
};

const struct work_type *work_type(const struct ktstr_work *work)
{
	return work->type < KTSTR_WORK_TYPE_MAX ? &work_types[work->type] : NULL;
}

const char *work_name(const struct ktstr_work *work)
{
	const struct work_type *type = work_type(work);
	return work->type == KTSTR_WORK_CUSTOM && work->name ? work->name : type ? type->name : "?";
}
