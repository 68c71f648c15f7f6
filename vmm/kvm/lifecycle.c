/* SPDX-License-Identifier: GPL-2.0-only */
/* lifecycle.c -- see lifecycle.h. */
#include <sys/eventfd.h>

#include "base/file.h"
#include "vmm/kvm/lifecycle.h"

int lifecycle_init(struct lifecycle *l)
{
	*l = (struct lifecycle){ .ended_fd = -1 };
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->changed, NULL);
	l->ended_fd = eventfd(0, EFD_CLOEXEC);
	return l->ended_fd < 0 ? -errno : 0;
}

void lifecycle_done(struct lifecycle *l)
{
	l->ended_fd = fd_close(l->ended_fd);
	err_free(TAKE_PTR(l->err));
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
}

void lifecycle_end(struct lifecycle *l, enum kvm_guest_end how, uint32_t code, struct err *err)
{
	pthread_mutex_lock(&l->lock);
	if (l->end == KVM_GUEST_RUNS) {
		l->end = how;
		l->exit_code = code;
		l->err = TAKE_PTR(err);
		eventfd_write(l->ended_fd, 1);
	}
	atomic_store(&l->command, KVM_COMMAND_END);
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
	err_free(err);
}

void lifecycle_park(struct lifecycle *l)
{
	pthread_mutex_lock(&l->lock);
	l->parked = true;
	/* Pause immediately: the vCPU that wrote to the park port must not execute further. */
	if (l->end == KVM_GUEST_RUNS)
		atomic_store(&l->command, KVM_COMMAND_PAUSE);
	eventfd_write(l->ended_fd, 1);
	pthread_mutex_unlock(&l->lock);
}

int lifecycle_wait(struct lifecycle *l, struct err **err)
{
	int r = 0;
	pthread_mutex_lock(&l->lock);
	while (l->end == KVM_GUEST_RUNS)
		pthread_cond_wait(&l->changed, &l->lock);
	if (l->end == KVM_GUEST_FAILED) {
		r = -EIO;
		if (err)
			*err = TAKE_PTR(l->err);
	}
	pthread_mutex_unlock(&l->lock);
	return r;
}
