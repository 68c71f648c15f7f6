/* SPDX-License-Identifier: GPL-2.0-only */
/* util.c -- helpers for work types. */
#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "guest/work/work.h"

struct moment moment_now(const struct ktstr_worker *w)
{
	nsec_t ns = nsec_now();
	return (struct moment){ ns, worker_now(w) };
}

/* Measures the lateness with the counter, at a tenth of the cost of another clock reading. */
void sleep_until(struct ktstr_worker *w, const struct moment *now, nsec_t wake)
{
	struct timespec ts = nsec_to_timespec(wake);
	worker_block_at(w, now->ticks);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	worker_woken_late(w, now->ticks, wake - now->ns);
}

void sleep_for(struct ktstr_worker *w, nsec_t length)
{
	struct moment now = moment_now(w);
	sleep_until(w, &now, now.ns + length);
}

/* Waiting times out, so that the worker notices a stop that came between its check of the word and the wait. */
long futex_wait(_Atomic uint32_t *word, uint32_t value)
{
	static const struct timespec timeout = { .tv_nsec = 100 * 1000 * 1000 };
	return syscall(SYS_futex, word, FUTEX_WAIT, value, &timeout, NULL, 0);
}

void futex_wake(_Atomic uint32_t *word, int count)
{
	syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

void *work_memory(struct ktstr_worker *w, size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		worker_refuse(w, TROUBLE_WORK, -errno, "memory");
	memset(p, 1, bytes);
	return p;
}

bool post(struct ktstr_worker *w, unsigned k)
{
	char byte = 0;
	ssize_t n;
	do
		n = write(w->peer[k].fd_out, &byte, 1);
	while (n < 0 && errno == EINTR && !ktstr_worker_stopped(w));
	return n == 1;
}

bool await_post(struct ktstr_worker *w)
{
	char byte;
	ssize_t n;
	do
		n = read(w->fd_in, &byte, 1);
	while (n < 0 && errno == EINTR && !ktstr_worker_stopped(w));
	return n == 1 && !ktstr_worker_stopped(w);
}

int own_policy(int policy, int priority)
{
	struct sched_param param = { .sched_priority = priority };
	return sched_setscheduler(0, policy, &param) < 0 ? -errno : 0;
}

bool futex_lock_take(struct ktstr_worker *w)
{
	_Atomic uint32_t *lock = &w->group->lock;
	uint32_t seen = 0;
	if (atomic_compare_exchange_strong(lock, &seen, 1))
		return false;
	if (seen != 2)
		seen = atomic_exchange(lock, 2);
	ktstr_worker_block(w);
	while (seen && !ktstr_worker_stopped(w)) {
		futex_wait(lock, 2);
		seen = atomic_exchange(lock, 2);
	}
	worker_woken_since(w, &w->group->stamp);
	return true;
}

void futex_lock_give(struct ktstr_worker *w)
{
	stamp(w, &w->group->stamp);
	if (atomic_exchange(&w->group->lock, 0) == 2)
		futex_wake(&w->group->lock, 1);
}

unsigned own_cpus(unsigned *cpu, unsigned max)
{
	unsigned long mask[CPUSET_WORDS] = { 0 };
	unsigned count = 0;
	/* sched_getaffinity(2) returns the CPUs that both the affinity and the cpuset allow. */
	if (syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask) < 0)
		return 0;
	for (unsigned c = 0; c < CPUSET_CPUS_MAX && count < max; c++)
		if (mask[c / 64] >> c % 64 & 1)
			cpu[count++] = c;
	return count;
}

void own_cpu(unsigned cpu)
{
	unsigned long mask[CPUSET_WORDS] = { 0 };
	mask[cpu / 64] = 1ul << cpu % 64;
	syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask);
}
