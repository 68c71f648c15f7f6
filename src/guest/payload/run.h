/* SPDX-License-Identifier: GPL-2.0-only */
/* run.h -- one run of a payload. */
#ifndef KTSTR_GUEST_PAYLOAD_RUN_H
#define KTSTR_GUEST_PAYLOAD_RUN_H

#include <ktstr/payload.h>
#include <ktstr/wire.h>

#include "base/buf.h"
#include "base/time.h"

#define PAYLOAD_RUNS_MAX    1024	      /* in one test */
#define PAYLOAD_OUTPUT_MAX  ((size_t)4 << 20) /* per stream; more is an error (`flooded`) */
#define PAYLOAD_METRICS_MAX 1024	      /* per run; the rest is dropped */

enum payload_stream { PAYLOAD_STDOUT, PAYLOAD_STDERR, PAYLOAD_STREAMS };

/* One run. */
struct payload {
	const struct ktstr_payload *decl;
	const struct ktstr_payload_check *more_checks; /* or NULL */
	uint32_t index;				       /* in the order in which they began */
	char cgroup[WIRE_NAME_MAX];		       /* where it was started; "": next to the scenario's cgroups */
	char leaf[WIRE_NAME_MAX + 16];
	bool backdrop;
	bool begun, over, judged; /* begun: the process was created */
	bool killed, timed_out, flooded;
	bool is_reply;	     /* the text is a language model's reply about its output */
	unsigned stragglers; /* processes that were left at its end */
	int start_error;     /* negative errno; 0: it started */
	pid_t pid;
	int pidfd, exec_fd; /* exec_fd: delivers the errno of a failed execv(3) */
	int fd[PAYLOAD_STREAMS];
	struct buf text[PAYLOAD_STREAMS];
	nsec_t started, ended, deadline;
	int status;			/* as waitpid(2) returns it */
	enum wire_metric_stream stream; /* of the metrics */
	struct ktstr_metric *metric;
	unsigned metrics;
	bool truncated;
	enum ktstr_verdict verdict;
};

struct payloads {
	struct payload *run[PAYLOAD_RUNS_MAX];
	unsigned count;
};

#endif
