/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * remote.h -- a store of built kernels on an HTTP server (KTSTR_KERNEL_STORE), which a job asks before it builds.
 *
 * The store has KEY.tar.zst, an archive of the cache entry KEY, and KEY.tar.zst.sha256, a line of sha256sum(1).
 * An entry is used only if the archive has that checksum, its files match the checksums in the entry, and the entry is
 * one that this ktstr would have built. Every failure only leaves a note: the kernel is then built.
 */
#ifndef KTSTR_KERNEL_REMOTE_H
#define KTSTR_KERNEL_REMOTE_H

#include "kernel/job.h"

/* Begins to ask; the machine waits for the answer. False: there is no store, or the job has no use for one. */
bool remote_start(struct machine *m, struct kernel_job *job);
/* @result: the answer; 0: the entry is in the cache. Leaves a note that says so, or why it is not. */
void remote_end(struct kernel_job *job, int result);
/* Frees what is left after a cancel; else does nothing. */
void remote_done(struct kernel_job *job);

#endif
