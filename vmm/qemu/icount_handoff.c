/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * icount_handoff.c -- QEMU's main loop and its vCPU thread take turns. Preloaded into QEMU; shares nothing with the
 * rest.
 *
 * Under -icount sleep=off, with one thread for all vCPUs, what a guest does is a function of QEMU's command line but
 * for one thing: when all vCPUs sleep, it is the main loop that moves the virtual clock on, to the next timer (QEMU
 * 7.2: softmmu/icount.c, icount_start_warp_timer()). Every timer wakes the main loop; should it look after the last
 * vCPU has halted, but before the vCPU thread has accounted for what it executed, it moves the clock too far, and kicks
 * vCPUs out of slices that the guest's own doings would not have ended. On a busy host that was seen in three runs of
 * twenty.
 *
 * So one of the two runs at a time. The vCPU thread has the turn until it waits for an interrupt (all vCPUs idle), and
 * every TURN_LOCKS acquisitions of QEMU's big lock, which come at places that are the guest's own; the main loop has it
 * until nothing is left to do. Neither holds QEMU's big lock while it waits for the turn.
 *
 * The vCPU thread is known by the name that debug-threads=on gives it. In a QEMU with no such thread nothing happens.
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

#define EXPORT	    __attribute__((visibility("default")))
#define VCPU_THREAD "ALL CPUs/TCG"
#define TURN_LOCKS  1024

enum part { MAIN_LOOP, VCPU };

/* One QEMU has one of these: the functions below replace the C library's, which take no context. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum part turn;
	bool vcpu_wants;	   /* it waits for its turn, or was woken and is on its way */
	bool main_outside;	   /* in ppoll(2), because no vCPU wanted to run */
	pthread_mutex_t *big_lock; /* QEMU's, the one that the vCPU thread sleeps on */
	pthread_cond_t *vcpu_sleeps_on;
	unsigned locks; /* of the big lock by the vCPU thread, since the main loop's last turn */
} step = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static struct {
	int (*ppoll)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
	int (*mutex_lock)(pthread_mutex_t *);
	int (*mutex_unlock)(pthread_mutex_t *);
	int (*cond_wait)(pthread_cond_t *, pthread_mutex_t *);
	int (*cond_broadcast)(pthread_cond_t *);
	int (*setname)(pthread_t, const char *);
} libc;

static __thread bool is_vcpu, is_main;

__attribute__((constructor)) static void init(void)
{
	libc.ppoll = dlsym(RTLD_NEXT, "ppoll");
	libc.mutex_lock = dlsym(RTLD_NEXT, "pthread_mutex_lock");
	libc.mutex_unlock = dlsym(RTLD_NEXT, "pthread_mutex_unlock");
	libc.cond_wait = dlvsym(RTLD_NEXT, "pthread_cond_wait", "GLIBC_2.3.2");
	libc.cond_broadcast = dlvsym(RTLD_NEXT, "pthread_cond_broadcast", "GLIBC_2.3.2");
	libc.setname = dlsym(RTLD_NEXT, "pthread_setname_np");
	is_main = true;
}

/* --- turns: all of these are called with step.lock held ----------------------------------------------------------- */

static void give(enum part to)
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

/* It sleeps: the main loop's turn. When woken, it waits for its own, without the lock that the main loop may need. */
static int vcpu_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	libc.mutex_lock(&step.lock);
	step.big_lock = mutex;
	step.vcpu_sleeps_on = cond;
	step.vcpu_wants = false;
	give(MAIN_LOOP);
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

/* A guest that never sleeps is not to keep the main loop from a shutdown or its monitor. */
static void vcpu_pause(void)
{
	libc.mutex_lock(&step.lock);
	if (++step.locks >= TURN_LOCKS && !step.main_outside) {
		give(MAIN_LOOP);
		vcpu_take();
	}
	libc.mutex_unlock(&step.lock);
}

EXPORT int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	if (is_vcpu && mutex == step.big_lock)
		vcpu_pause();
	/* Other libraries' constructors may come before ours. */
	if (!libc.mutex_lock)
		init();
	return libc.mutex_lock(mutex);
}

/* --- the main loop ------------------------------------------------------------------------------------------------ */

EXPORT int pthread_cond_broadcast(pthread_cond_t *cond)
{
	if (!libc.cond_broadcast)
		init();
	libc.mutex_lock(&step.lock);
	if (cond == step.vcpu_sleeps_on)
		step.vcpu_wants = true;
	libc.mutex_unlock(&step.lock);
	return libc.cond_broadcast(cond);
}

/* The main loop waits for the vCPU thread, as at shutdown. */
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

static bool passed(const struct timespec *end)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > end->tv_sec || (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

static struct timespec after(const struct timespec *timeout)
{
	struct timespec end;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += timeout->tv_sec + (end.tv_nsec + timeout->tv_nsec) / 1000000000;
	end.tv_nsec = (end.tv_nsec + timeout->tv_nsec) % 1000000000;
	return end;
}

/* Nothing to do for the main loop: true when the vCPU thread took its turn, and gave it back. */
static bool let_vcpu_run(void)
{
	libc.mutex_lock(&step.lock);
	bool wants = step.vcpu_wants;
	if (wants) {
		give(VCPU);
		main_take();
	} else {
		step.main_outside = true;
	}
	libc.mutex_unlock(&step.lock);
	return wants;
}

EXPORT int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	static const struct timespec now = { 0 };
	struct timespec end = { 0 };
	if (!libc.ppoll)
		init();
	if (!is_main)
		return libc.ppoll(fds, count, timeout, mask);
	if (timeout)
		end = after(timeout);
	do {
		int r = libc.ppoll(fds, count, &now, mask);
		if (r != 0 || (timeout && passed(&end)))
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
