/* SPDX-License-Identifier: GPL-2.0-only */
/* steps.h -- the blocking parts of a kernel job, for the offload pool; each gets the job, touches nothing shared. */
#ifndef KTSTR_KERNEL_STEPS_H
#define KTSTR_KERNEL_STEPS_H

#include "kernel/job.h"

int step_resolve(void *job); /* tools, version, key */
int step_prepare(void *job); /* the work directory, as far as an earlier process had got */
int step_fetched(void *job); /* marks it: a download that verified, a checkout */
int step_unpack(void *job);
int step_write_fragment(void *job); /* what the configuration is made from, and the fragment where make reads it */
int step_merge_config(void *job);   /* the fragment, behind a configuration that is not the lean one */
/* Quick, for the reactor's thread: the tree's own .config becomes the newest file of the configuration. */
void step_touch_own_config(const struct kernel_job *job);
int step_validate_config(void *job); /* what is lost is known before the build */
/* For the other steps: whether the tree has sched_ext at all; the finished configuration. */
bool kernel_job_tree_knows_scx(const struct kernel_job *job);
int kernel_job_config_text(struct kernel_job *job, struct buf *ret);
int step_validate(void *job);
int step_store(void *job); /* image, vmlinux, schedulers, metadata.json into an entry; then publishes */
int step_cleanup(void *job);

#endif
