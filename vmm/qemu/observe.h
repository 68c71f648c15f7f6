/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * observe.h -- the orchestrator's side of the observer in QEMU (observer/), as a machine: WAIT > STOPPED > GO_ON >
 * WAIT. After a cancel the guest runs on without stops: RELEASE > RELEASED, and DRAIN once its process has ended.
 */
#ifndef KTSTR_VMM_QEMU_OBSERVE_H
#define KTSTR_VMM_QEMU_OBSERVE_H

#include "reactor/child.h"
#include "reactor/shmpump.h"
#include "vmm/qemu/observer/channel.h"
#include "vmm/vm.h"

#define OBSERVER_FDS 6

struct qemu_observer {
	struct machine machine;
	struct vm *vm; /* NULL: the machine is not observed */
	struct observe_config config;
	struct channel *channel;	 /* shared: see channel.h */
	struct profile_channel *profile; /* the same; NULL: instructions are not counted */
	int channel_fd, stopped_fd, go_on_fd, profile_fd;
	struct shmring_area area;
	struct shmpump pump;
	bool pumps;
	unsigned vcpus, hooks, programs;
	struct observe_stop stop;
	struct observe_registers registers[OBSERVE_CPUS_MAX]; /* of `stop` */
	struct observe_hook hook[OBSERVE_HOOKS_MAX];	      /* ours, as the channel's may be overwritten */
	struct notice resumed, child_ended;
	uint64_t count; /* read from or written to an eventfd */
	void (*ended)(struct vm *vm);
};

#define QEMU_OBSERVER_NULL       \
	((struct qemu_observer){ \
		.channel_fd = -1, .stopped_fd = -1, .go_on_fd = -1, .profile_fd = -1, .area = SHMRING_AREA_NULL })

/* Makes the channel. qemu_observer_done() is due whatever the result. */
int qemu_observer_init(struct qemu_observer *o, struct vm *vm, const struct vm_config *c, struct err **err);
/* Writes the descriptors for the child, and returns their number. */
unsigned qemu_observer_fds(const struct qemu_observer *o, struct child_fd out[OBSERVER_FDS]);
/* Starts the machine; it calls @ended at its end, which comes after qemu_observer_child_ended(). */
int qemu_observer_start(struct qemu_observer *o, struct reactor *r, struct machine *parent,
			void (*ended)(struct vm *vm), struct err **err);
/* The guest is to stop no more. */
void qemu_observer_release(struct qemu_observer *o);
void qemu_observer_child_ended(struct qemu_observer *o);
void qemu_observer_done(struct qemu_observer *o);

/* See vm_backend. */
unsigned qemu_observer_points(const struct qemu_observer *o, struct observe_point *out, unsigned max);
bool qemu_observer_orders(const struct qemu_observer *o, struct observe_orders *ret);
/* See vm_backend: all of these only while the guest is stopped. */
bool qemu_observer_profile(const struct qemu_observer *o, struct observe_profile *ret);
/* See vm_backend: all of these only while the guest is stopped. */
void qemu_observer_resume(struct qemu_observer *o);
int qemu_observer_set_hook(struct qemu_observer *o, const struct observe_hook *h, struct err **err);
void qemu_observer_set_until(struct qemu_observer *o, const struct observe_until *until);
void qemu_observer_set_place(struct qemu_observer *o, const struct observe_place *place);
int qemu_observer_add_program(struct qemu_observer *o, const struct observe_program *p);
int qemu_observer_hook_state(const struct qemu_observer *o, uint32_t id, struct observe_hook_state *ret);

#endif
