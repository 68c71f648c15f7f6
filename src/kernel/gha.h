/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gha.h -- the cache of GitHub's workflows as a store of built kernels (KTSTR_GHA_CACHE=1): a job looks there before it
 * builds, and uploads what it built.
 *
 * Both versions of the protocol are spoken: the results service (ACTIONS_RESULTS_URL) and, where only that is there,
 * the older cache service (ACTIONS_CACHE_URL). ACTIONS_RUNTIME_TOKEN is the key to both. A kernel is one blob, an
 * archive of its entry with a checksum (entry_archive.h). Every failure leaves a note, and no more.
 */
#ifndef KTSTR_KERNEL_GHA_H
#define KTSTR_KERNEL_GHA_H

#include "kernel/job.h"

/* Begins to look up; the machine waits for the answer. False: there is no such cache, or the job has no use for one. */
bool gha_lookup_start(struct machine *m, struct kernel_job *job);
/* Begins to upload the entry that the job has stored. False as above, or the entry came from the cache. */
bool gha_upload_start(struct machine *m, struct kernel_job *job);
/* @result: of what was started last; a failure leaves a note. */
void gha_end(struct kernel_job *job, int result);
/* Frees what is left after a cancel; else does nothing. */
void gha_done(struct kernel_job *job);

#endif
