/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * channel.h -- the memory that the orchestrator and the library in QEMU share for the observer: a file with hooks, and
 * the present stop; one event ring (reactor/shmring.h) with the records; a file with counted instructions.
 *
 * A stop: the library fills in `stop` and `registers`, increments the eventfd QEMU_FD_STOPPED, and blocks until it can
 * read QEMU_FD_GO_ON. The orchestrator may change `hook`, `hooks`, `place` and `free_run` in between.
 *
 * A guest that has taken over QEMU may write anything to the file at any time, so the orchestrator copies each value
 * once and checks it. It also could make calls on the eventfds block.
 */
#ifndef KTSTR_VMM_QEMU_OBSERVER_CHANNEL_H
#define KTSTR_VMM_QEMU_OBSERVER_CHANNEL_H

#include "vmm/observe.h"

#define CHANNEL_MAGIC	0x42534f6bu /* "kOSB" */
#define CHANNEL_VERSION 9u

/* Descriptors in QEMU's process. */
enum { QEMU_FD_OBSERVER = 20, QEMU_FD_STOPPED, QEMU_FD_GO_ON, QEMU_FD_RECORDS, QEMU_FD_DOORBELL, QEMU_FD_PROFILE };

enum { CHANNEL_RECORD = 1 }; /* type of the ring's records: struct observe_record */

struct channel_hook {
	struct observe_hook hook;
	uint64_t hits;
	uint64_t in_force; /* see struct observe_hook_state */
};

struct channel_stop {
	uint32_t why, hook, vcpu, vcpus;
	uint64_t guest_ns, count;
};

struct channel {
	uint32_t magic, version, size, vcpus;
	uint64_t sample_ns;
	uint64_t until_ns; /* taken over at the start and after each stop: struct observe_until */
	uint32_t until_vcpu, at_end;
	uint64_t perturb_seed, perturb_span_ns;
	uint32_t perturb_one_in, perturb_hold_ns, perturb_depth, perturb_at, perturb_window_ns;
	uint32_t branches;
	struct observe_branch branch[OBSERVE_BRANCHES_MAX];
	uint32_t points_given; /* by the orchestrator; otherwise the library notes those that it takes */
	uint32_t points;
	uint32_t hooks;
	uint32_t free_run;	    /* the guest does not stop any more */
	uint32_t profiles;	    /* QEMU_FD_PROFILE is there */
	struct observe_place place; /* taken over at the start and after each stop */
	struct channel_stop stop;
	struct channel_hook hook[OBSERVE_HOOKS_MAX];
	struct observe_registers registers[OBSERVE_CPUS_MAX];
	struct observe_point point[OBSERVE_POINTS_MAX];
	struct observe_orders orders;
};

/* A file of its own, because it is large: the functions of the kernel, and what was counted. */
struct profile_channel {
	uint32_t magic, size;
	uint32_t functions, programs; /* by the orchestrator; programs only while the guest is stopped */
	uint32_t paths;
	uint32_t count_code;
	uint32_t pieces;
	uint64_t user, lost;
	struct observe_function function[OBSERVE_FUNCTIONS_MAX];
	struct observe_program program[OBSERVE_PROGRAMS_MAX];
	struct observe_program piece[OBSERVE_CODE_PIECES_MAX]; /* of the kernel, whose instructions are counted */
	struct observe_path path[OBSERVE_PATHS_MAX];
	uint64_t executions[OBSERVE_CODE_MAX];
};
_Static_assert(sizeof(struct observe_registers) == 19 * 8, "layout");
_Static_assert(sizeof(struct observe_record) == 160, "layout");
_Static_assert(sizeof(struct observe_read) == 40, "layout");
_Static_assert(sizeof(struct observe_place) == 80, "layout");
_Static_assert(sizeof(struct observe_path) == 24, "layout");

#endif
