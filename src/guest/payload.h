/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * payload.h -- payloads while they run. Each has a cgroup of its own below the one that it was started in, without
 * controllers: to a scheduler it is in the outer one, and whatever it forks can be found and killed.
 *
 * Order of the files: payload.c (processes), payload_judge.c (what they printed, and what must hold).
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
#define PAYLOAD_OUTPUT_MAX  ((size_t)4 << 20) /* a stream; more is a flood */
#define PAYLOAD_METRICS_MAX 1024	      /* of one run; the rest is not told */
#define PAYLOAD_ARGS_MAX    126
#define PAYLOAD_STOP_GRACE  (2 * NSEC_PER_SEC)
#define PAYLOAD_FDS_MAX	    (3 * PAYLOADS_MAX)

enum payload_stream { PAYLOAD_STDOUT, PAYLOAD_STDERR, PAYLOAD_STREAMS };

/* One run. */
struct payload {
	const struct ktstr_payload *decl;
	const struct ktstr_payload_check *more_checks; /* or NULL */
	uint32_t index;				       /* in the order in which they began */
	char cgroup[WIRE_NAME_MAX];		       /* where it was started; "": beside the scenario's */
	char leaf[WIRE_NAME_MAX + 16];
	bool backdrop;
	bool begun, over, judged; /* begun: there was a process */
	bool killed, timed_out, flooded;
	unsigned stragglers; /* processes that it left behind */
	int start_error;     /* negative errno; 0: it was started */
	pid_t pid;
	int pidfd, exec_fd; /* exec_fd: an errno comes out when the program could not be executed */
	int fd[PAYLOAD_STREAMS];
	struct buf text[PAYLOAD_STREAMS];
	nsec_t started, ended, deadline;
	int status;			/* as waitpid(2) */
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

/* What is wrong with a declaration: a static sentence, or NULL. */
const char *payload_problem(const struct ktstr_payload *p);
bool payload_declared(const struct ktstr_test *test, const struct ktstr_payload *p);

/* Starts it; -E2BIG where there are too many. One that cannot be started is over at once, and says why when judged. */
int payload_start(struct ktstr_ctx *t, const struct ktstr_payload_run *how, bool backdrop, struct payload **ret,
		  struct err **err);
/* The live one of a declaration: in @cgroup, or the only one (NULL). -ENOENT, -ENOTUNIQ. */
int payload_find(struct ktstr_ctx *t, const struct ktstr_payload *decl, const char *cgroup, struct payload **ret);
/* Waits for its end, at most until its deadline, then judges and reports it. */
enum ktstr_verdict payload_wait(struct ktstr_ctx *t, struct payload *p);
enum ktstr_verdict payload_kill(struct ktstr_ctx *t, struct payload *p);
/* Kills those in a cgroup. NULL: all of the step, or of the backdrop. The gravest verdict. */
enum ktstr_verdict payloads_end(struct ktstr_ctx *t, const char *cgroup, bool backdrop);
int payloads_move(struct ktstr_ctx *t, const char *from, const char *to, struct err **err);
/* Ends what is left and frees all. */
void payloads_done(struct ktstr_ctx *t);

/* For whoever waits: descriptors that announce news, the time at which something must be done, and doing it. */
unsigned payloads_poll(const struct ktstr_ctx *t, struct pollfd *fd);
nsec_t payloads_deadline(const struct ktstr_ctx *t);
void payloads_serve(struct ktstr_ctx *t);

/* payload_judge.c: metrics, checks, verdict and records of a run that is over. */
enum ktstr_verdict payload_judge(struct ktstr_ctx *t, struct payload *p);
/* Fills metrics and the verdict, without a record: @why gets the causes, a line each. */
enum ktstr_verdict payload_weigh(struct payload *p, struct buf *why);

#endif
