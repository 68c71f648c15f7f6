/* SPDX-License-Identifier: GPL-2.0-only */
/* steps.h -- the blocking parts of a kernel job, for the offload pool; each gets the job, touches nothing shared. */
#ifndef KTSTR_KERNEL_STEPS_H
#define KTSTR_KERNEL_STEPS_H

#include "kernel/job.h"

int step_resolve(void *job);	/* version, key, whether the tree knows sched_ext */
int step_unpack(void *job);
int step_config_input(void *job); /* writes the fragment where make reads it */
int step_validate(void *job);
int step_store(void *job);	/* image, vmlinux, schedulers, metadata.json into the work directory; then publishes */
int step_cleanup(void *job);

#endif
