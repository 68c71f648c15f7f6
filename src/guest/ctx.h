/* SPDX-License-Identifier: GPL-2.0-only */
/* ctx.h -- the state of a running test, and what every part of the engine does with it. */
#ifndef KTSTR_GUEST_CTX_H
#define KTSTR_GUEST_CTX_H

#include <ktstr/test.h>

#include "base/buf.h"
#include "base/rng.h"
#include "base/time.h"
#include "guest/channel.h"
#include "guest/topology.h"

struct stage;
struct wait_source;
struct payloads;

/* What needs attention while the engine waits: see wait.h. */
enum wait_source_kind { WAIT_WORKERS, WAIT_PAYLOADS, WAIT_SOURCE_KIND_MAX };

/* On the host, scenarios and payloads are checked and not run. */
struct dry_run {
	struct buf problem; /* the first problem found, else empty */
	struct buf limits;  /* a line for each limit that a load sets itself */
};

/* What became of the test's expectations, in memory that is shared with all processes that the test forks. */
struct expectations {
	_Atomic bool failed;
	_Atomic bool unsent; /* a failed one could not be sent to PID 1 */
};

struct ktstr_ctx {
	const struct ktstr_test *test;
	struct channel channel;
	struct guest_topology *topology;
	struct rng rng;
	const struct ktstr_work *work_override; /* or NULL */
	bool canned;				/* a canned scenario: its work types may all be swapped */
	uint64_t seed;
	nsec_t duration;
	nsec_t started; /* when the body started */
	int scheduler_pid;
	bool scheduler_gone;		   /* PID 1 reported it */
	struct expectations *expectations; /* NULL in a dry run */
	uint32_t workers_reported, cgroups_reported, steps_run;
	uint32_t described;					/* scenarios that the host was told of */
	struct payloads *payloads;				/* payloads that were started, or NULL */
	struct stage *stage;					/* the running scenario, or NULL */
	struct dry_run *dry;					/* or NULL */
	bool in_step;						/* what starts now ends with the step */
	const struct wait_source *source[WAIT_SOURCE_KIND_MAX]; /* or NULL */
};

void ctx_detail(struct ktstr_ctx *t, enum ktstr_verdict verdict, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

void ctx_phase(struct ktstr_ctx *t, enum wire_phase_kind kind, uint32_t index, const char *name);

#endif
