/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * recorder.h -- records calls of functions while a run is made again (monitor/repro.h): adds its hooks to those of the
 * machine's watch, and further ones when a scheduler is about to be enabled, because its code has no address before.
 */
#ifndef KTSTR_RUN_RECORDER_H
#define KTSTR_RUN_RECORDER_H

#include "monitor/repro.h"
#include "vmm/vm.h"

#define RECORDER_FIRST_HOOK 64 /* lower ids are those of the watch */
#define RECORDER_HOOKS_MAX  (OBSERVE_HOOKS_MAX - 16)

struct recorder {
	struct repro_plan plan;
	struct repro_trace trace;
	struct observe_hook hook[RECORDER_HOOKS_MAX]; /* what the machine starts with, also those of its owner */
	unsigned hooks;
	unsigned function[RECORDER_HOOKS_MAX]; /* of hook RECORDER_FIRST_HOOK + i */
	unsigned recorded;		       /* hooks that record, so far */
};

/* Returns NULL, or why nothing can be recorded; @ret is NULL then. */
const char *recorder_new(const struct kernel_image *image, const struct layout *layout, const json_t *dump,
			 struct recorder **ret);
void recorder_free(struct recorder *r);
/* Adds its hooks to the others that the machine starts with. */
void recorder_prepare(struct recorder *r, struct observe_config *observe);
/*
 * The guest stands still where it begins bpf_scx_reg(), which gets a struct sched_ext_ops whose members can be called:
 * hooks the operations of that scheduler.
 */
void recorder_arm(struct recorder *r, struct vm *vm, const struct inspect_config *config);
/* The failure is there again, and the guest stands still: calls from now on are not recorded. */
void recorder_stop(struct recorder *r, uint64_t guest_ns);

#endif
