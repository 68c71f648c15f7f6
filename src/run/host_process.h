/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host_process.h -- a test binary's process on the host, with a channel on which it sends records: the body of a
 * host_only test, or a post_vm function. Does what PID 1 does in a guest. Blocks, so it runs on the offload pool.
 */
#ifndef KTSTR_RUN_HOST_PROCESS_H
#define KTSTR_RUN_HOST_PROCESS_H

#include "base/time.h"
#include "reactor/offload.h"
#include "verdict/evidence.h"

#define HOST_PROCESS_ARGUMENTS_MAX 16

struct host_process {
	const char *argv[HOST_PROCESS_ARGUMENTS_MAX + 1]; /* of the test binary */
	nsec_t limit;					  /* host time; then it is killed */
	const struct buf *input;			  /* for its descriptor 4; NULL: it has none */
	struct offload_job *job;			  /* ends it early when it is cancelled */
	struct evidence *evidence; /* gets its records, its output, and how it ended (test_exit, exit) */
};

/* Runs it to its end, and kills what it leaves behind. An error: it could not be started. */
int host_process_run(const struct host_process *p);

#endif
