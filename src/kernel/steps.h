/* SPDX-License-Identifier: GPL-2.0-only */
/* steps.h -- the blocking parts of a kernel job. They run in the offload pool, and access only their job. */
#ifndef KTSTR_KERNEL_STEPS_H
#define KTSTR_KERNEL_STEPS_H

#include "kernel/job.h"

int step_resolve(void *job); /* checks tools; determines version and key */
int step_prepare(void *job); /* gets the work directory, possibly with work of an earlier process */
int step_fetched(void *job); /* checks a download or checkout, and marks it as complete */
int step_unpack(void *job);
int step_write_fragment(void *job); /* chooses the configuration's source; writes the fragment */
int step_merge_config(void *job);   /* appends the fragment to a configuration that is not the lean one */
/* Quick, so the reactor's thread may call it. Makes the tree's own .config newer than the generated files. */
void step_touch_own_config(const struct kernel_job *job);
int step_validate_config(void *job); /* finds missing options before the compilation */
/* For the other steps: whether the tree has sched_ext; the text of the finished configuration. */
bool kernel_job_tree_knows_scx(const struct kernel_job *job);
int kernel_job_config_text(struct kernel_job *job, struct buf *ret);
int step_validate(void *job);
int step_store(void *job); /* stores image, vmlinux, schedulers and metadata.json in an entry, then publishes it */
int step_cleanup(void *job);

#endif
