/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handoff.c -- makes QEMU's main loop and its vCPU thread take turns. A library of its own, preloaded into QEMU.
 *
 * With -icount sleep=off and one thread for all vCPUs, a guest is a function of QEMU's command line, with one
 * exception. When all vCPUs sleep, the main loop advances the virtual clock to the next timer (QEMU 7.2:
 * softmmu/icount.c, icount_start_warp_timer()). Every timer wakes the main loop. If it runs after the last vCPU has
 * halted, but before the vCPU thread has accounted for the executed instructions, it advances the clock too far and
 * kicks vCPUs out of slices that the guest itself would not have ended. On a busy host this happened in three of twenty
 * runs.
 *
 * So only one of the two runs at a time. The vCPU thread has the turn until it waits for an interrupt (all vCPUs idle),
 * and gives it away after every TURN_LOCKS acquisitions of QEMU's big lock, which happen at points that only depend on
 * the guest. The main loop has the turn until it has nothing to do. Neither holds QEMU's big lock while it waits for
 * the turn.
 *
 * Some of what the vCPU thread starts is finished by the main loop: it asks for that by writing to an eventfd. For one
 * such file (handoff_watch()) the main loop has the turn soon after, and not only when the guest sleeps.
 *
 * The vCPU thread is recognised by the name that debug-threads=on gives it. In a QEMU without such a thread the library
 * changes nothing.
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmm/qemu/preload/handoff.h"

#define VCPU_THREAD "ALL CPUs/TCG"
#define TURN_LOCKS  1024

enum part { MAIN_LOOP, VCPU };

/* Global, because the functions below replace those of the C library, which take no context. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum part turn;
	bool vcpu_wants;	   /* it waits for its turn, or was woken */
	bool main_outside;	   /* in ppoll(2), because no vCPU wanted to run */
	pthread_mutex_t *big_lock; /* QEMU's; the vCPU thread sleeps on it */
	pthread_cond_t *vcpu_sleeps_on;
	bool by_request; /* see handoff_by_request() */
	unsigned locks;	 /* of the big lock by the vCPU thread, since the main loop's last turn */
	int watched;	 /* see handoff_watch(); -1: none */
	int written;	 /* see handoff_take_written() */
	bool main_asked; /* the vCPU thread wrote to that which is watched; only it reads and writes this */
} step = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .watched = -1, .written = -1 };

static struct {
	int (*ppoll)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
	int (*mutex_lock)(pthread_mutex_t *);
	int (*mutex_unlock)(pthread_mutex_t *);
	int (*cond_wait)(pthread_cond_t *, pthread_mutex_t *);
	int (*cond_broadcast)(pthread_cond_t *);
	int (*setname)(pthread_t, const char *);
	ssize_t (*write)(int, const void *, size_t);
} libc;

static __thread bool is_vcpu, is_main;
static __thread pthread_cond_t *last_woken;

__attribute__((constructor)) static void init(void)
{
	libc.ppoll = dlsym(RTLD_NEXT, "ppoll");
	libc.mutex_lock = dlsym(RTLD_NEXT, "pthread_mutex_lock");
	libc.mutex_unlock = dlsym(RTLD_NEXT, "pthread_mutex_unlock");
	libc.cond_wait = dlvsym(RTLD_NEXT, "pthread_cond_wait", "GLIBC_2.3.2");
	libc.cond_broadcast = dlvsym(RTLD_NEXT, "pthread_cond_broadcast", "GLIBC_2.3.2");
	libc.setname = dlsym(RTLD_NEXT, "pthread_setname_np");
	libc.write = dlsym(RTLD_NEXT, "write");
	is_main = true;
}

/* --- turns: all of these are called with step.lock held ----------------------------------------------------------- */

static void give_turn(enum part to)
{
	step.turn = to;
	libc.cond_broadcast(&step.changed);
}

static void vcpu_take(void)
{
	step.vcpu_wants = true;
	while (step.turn != VCPU) {
		if (step.main_outside)
			step.turn = VCPU;
		else
			libc.cond_wait(&step.changed, &step.lock);
	}
	step.locks = 0;
}

static void main_take(void)
{
	while (step.turn != MAIN_LOOP)
		libc.cond_wait(&step.changed, &step.lock);
}

/* --- the vCPU thread ---------------------------------------------------------------------------------------------- */

EXPORT int pthread_setname_np(pthread_t thread, const char *name)
{
	if (pthread_equal(thread, pthread_self()))
		is_vcpu = !strcmp(name, VCPU_THREAD);
	return libc.setname(thread, name);
}

/*
 * Gives the turn to the main loop while the vCPU thread sleeps. Once woken, the thread waits for its turn without the
 * big lock, which the main loop may need.
 */
static int vcpu_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	libc.mutex_lock(&step.lock);
	step.big_lock = mutex;
	step.vcpu_sleeps_on = cond;
	step.vcpu_wants = false;
	give_turn(MAIN_LOOP);
	libc.mutex_unlock(&step.lock);

	int r = libc.cond_wait(cond, mutex);
	libc.mutex_unlock(mutex);

	libc.mutex_lock(&step.lock);
	step.vcpu_sleeps_on = NULL;
	vcpu_take();
	libc.mutex_unlock(&step.lock);
	libc.mutex_lock(mutex);
	return r;
}

void handoff_let_main_run(void)
{
	libc.mutex_lock(&step.lock);
	if (!step.main_outside) {
		step.main_asked = false;
		give_turn(MAIN_LOOP);
		vcpu_take();
	}
	libc.mutex_unlock(&step.lock);
}

EXPORT int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	/* Lets the main loop run for shutdown and monitor even if the guest never sleeps. */
	if (is_vcpu && !step.by_request && mutex == step.big_lock && (++step.locks >= TURN_LOCKS || step.main_asked))
		handoff_let_main_run();
	/* Other libraries' constructors may come before ours. */
	if (!libc.mutex_lock)
		init();
	return libc.mutex_lock(mutex);
}

EXPORT ssize_t write(int fd, const void *data, size_t size)
{
	if (!libc.write)
		init();
	if (is_vcpu) {
		step.written = fd;
		step.main_asked |= fd >= 0 && fd == step.watched;
	}
	return libc.write(fd, data, size);
}

int handoff_take_written(void)
{
	int fd = step.written;
	step.written = -1;
	return fd;
}

void handoff_watch(int fd)
{
	step.watched = fd;
}

bool handoff_main_is_asked(void)
{
	return step.main_asked;
}

bool handoff_is_vcpu(void)
{
	return is_vcpu;
}

pthread_cond_t *handoff_last_woken(void)
{
	return last_woken;
}

void handoff_by_request(void)
{
	step.by_request = true;
}

/* --- the main loop ------------------------------------------------------------------------------------------------ */

EXPORT int pthread_cond_broadcast(pthread_cond_t *cond)
{
	if (!libc.cond_broadcast)
		init();
	last_woken = cond;
	libc.mutex_lock(&step.lock);
	if (cond == step.vcpu_sleeps_on)
		step.vcpu_wants = true;
	libc.mutex_unlock(&step.lock);
	return libc.cond_broadcast(cond);
}

/* The main loop waits for the vCPU thread here, for instance at shutdown. */
static int main_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	libc.mutex_lock(&step.lock);
	step.main_outside = true;
	libc.cond_broadcast(&step.changed);
	libc.mutex_unlock(&step.lock);
	int r = libc.cond_wait(cond, mutex);
	libc.mutex_unlock(mutex);
	libc.mutex_lock(&step.lock);
	step.main_outside = false;
	main_take();
	libc.mutex_unlock(&step.lock);
	libc.mutex_lock(mutex);
	return r;
}

EXPORT int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	if (!libc.cond_wait)
		init();
	if (is_vcpu)
		return vcpu_wait(cond, mutex);
	return is_main && step.big_lock ? main_wait(cond, mutex) : libc.cond_wait(cond, mutex);
}

static bool has_passed(const struct timespec *end)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > end->tv_sec || (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

static struct timespec deadline_after(const struct timespec *timeout)
{
	struct timespec end;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += timeout->tv_sec + (end.tv_nsec + timeout->tv_nsec) / 1000000000;
	end.tv_nsec = (end.tv_nsec + timeout->tv_nsec) % 1000000000;
	return end;
}

/* The main loop is idle. Returns true when the vCPU thread took its turn and gave it back. */
static bool let_vcpu_run(void)
{
	libc.mutex_lock(&step.lock);
	bool wants = step.vcpu_wants;
	if (wants) {
		give_turn(VCPU);
		main_take();
	} else {
		step.main_outside = true;
	}
	libc.mutex_unlock(&step.lock);
	return wants;
}

/* With QEMU's big lock, the main loop waits for something of its own, such as the first sectors of a disk. */
static bool holds_big_lock(void)
{
	static bool (*locked)(void);
	static bool looked;
	if (!looked) {
		void *f = dlsym(RTLD_DEFAULT, "qemu_mutex_iothread_locked");
		f = f ? f : dlsym(RTLD_DEFAULT, "bql_locked"); /* since 9.0 */
		memcpy(&locked, &f, sizeof(f));
	}
	looked = true;
	return locked && locked();
}

EXPORT int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	static const struct timespec now = { 0 };
	struct timespec end = { 0 };
	if (!libc.ppoll)
		init();
	if (!is_main || holds_big_lock())
		return libc.ppoll(fds, count, timeout, mask);
	if (timeout)
		end = deadline_after(timeout);
	do {
		int r = libc.ppoll(fds, count, &now, mask);
		if (r != 0 || (timeout && has_passed(&end)))
			return r;
	} while (let_vcpu_run());

	int r = libc.ppoll(fds, count, timeout, mask);
	int saved = errno;
	libc.mutex_lock(&step.lock);
	step.main_outside = false;
	main_take();
	libc.mutex_unlock(&step.lock);
	errno = saved;
	return r;
}
