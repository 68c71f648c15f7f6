/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * payload.h -- running payloads. Each has a cgroup of its own inside the one in which it was started. The engine
 * enables no controllers there: a scheduler treats the payload as part of the outer cgroup, and the engine can find and
 * kill all of its descendants.
 *
 * Order of the files: payload.c (processes), payload_judge.c (metrics, checks, verdict).
 */
#ifndef KTSTR_GUEST_PAYLOAD_H
#define KTSTR_GUEST_PAYLOAD_H

#include <poll.h>

#include <ktstr/payload.h>
#include <ktstr/wire.h>

#include "base/err.h"
#include "base/json_numbers.h"
#include "base/tap.h"
#include "base/time.h"
#include "guest/ctx.h"

#define PAYLOADS_MAX	    64		      /* at once */
#define PAYLOAD_RUNS_MAX    1024	      /* in one test */
#define PAYLOAD_OUTPUT_MAX  ((size_t)4 << 20) /* per stream; more is an error (`flooded`) */
#define PAYLOAD_METRICS_MAX 1024	      /* per run; the rest is dropped */
#define PAYLOAD_ARGS_MAX    126
#define PAYLOAD_STOP_GRACE  (2 * NSEC_PER_SEC)
#define PAYLOAD_FDS_MAX	    (3 * PAYLOADS_MAX)

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

/* The problem of a declaration (static text), or NULL. */
const char *payload_problem(const struct ktstr_payload *p);
bool payload_declared(const struct ktstr_test *test, const struct ktstr_payload *p);

/*
 * Starts it. Returns -E2BIG if there are too many. A payload that fails to start is over at once and reports the reason
 * when it is judged.
 */
int payload_start(struct ktstr_ctx *t, const struct ktstr_payload_run *how, bool backdrop, struct payload **ret,
		  struct err **err);
/* Finds the running payload of a declaration: in @cgroup, or (NULL) the only one. Returns -ENOENT or -ENOTUNIQ. */
int payload_find(struct ktstr_ctx *t, const struct ktstr_payload *decl, const char *cgroup, struct payload **ret);
/* Waits for its end, at most until its deadline, then judges and reports it. */
enum ktstr_verdict payload_wait(struct ktstr_ctx *t, struct payload *p);
enum ktstr_verdict payload_kill(struct ktstr_ctx *t, struct payload *p);
/* Kills the payloads in @cgroup, or (NULL) all of the step or of the backdrop. Returns the worst verdict. */
enum ktstr_verdict payloads_end(struct ktstr_ctx *t, const char *cgroup, bool backdrop);
int payloads_move(struct ktstr_ctx *t, const char *from, const char *to, struct err **err);
/* Ends the remaining payloads and frees all. */
void payloads_done(struct ktstr_ctx *t);

/* For poll loops: the descriptors to poll, the next deadline, and the function that handles events. */
unsigned payloads_poll(const struct ktstr_ctx *t, struct pollfd *fd);
nsec_t payloads_deadline(const struct ktstr_ctx *t);
void payloads_serve(struct ktstr_ctx *t);

/* payload_judge.c: sets metrics, checks and verdict of a finished run, and sends its records. */
enum ktstr_verdict payload_judge(struct ktstr_ctx *t, struct payload *p);
/* Sets metrics and verdict without sending a record. Appends the causes to @why, one per line. */
enum ktstr_verdict payload_weigh(struct payload *p, struct buf *why);

#endif
