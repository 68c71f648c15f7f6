/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * reactor.h -- one thread, one loop: operations go to a backend, their completions come back to a ready queue, and
 * only the loop runs them. Nothing re-enters the reactor: a completion may start operations, never run others.
 *
 * Two backends stand behind the same interface: io_uring (uring.c) and a simulation with a virtual clock and seeded
 * faults (sim.c). Everything here is for the reactor's own thread; the offload pool alone crosses threads.
 */
#ifndef KTSTR_REACTOR_REACTOR_H
#define KTSTR_REACTOR_REACTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/list.h"
#include "base/time.h"

struct reactor;
struct machine;
struct child;
struct child_spec;
struct offload_job;

/* --- operations --------------------------------------------------------------------------------------------------- */

enum op_kind { OP_NOP, OP_READ, OP_WRITE, OP_POLL, OP_FSYNC, OP_KIND_MAX };

enum op_phase {
	OP_IDLE,   /* the caller's to fill, reuse or free */
	OP_FLYING, /* the backend's: the op and its buffer must stay where they are */
	OP_READY,  /* completed, waiting for the loop */
};

struct op;
typedef void op_done_fn(struct op *op);

/* Caller-owned. Zero it, fill kind and arguments, submit. From submission to `done` it and its buffer stay put. */
struct op {
	struct list node; /* ready queue */
	void *impl;	  /* the backend's, while flying */
	op_done_fn *done; /* called once, by the loop, with `result` set and the phase IDLE again */
	void *buf;	  /* READ, WRITE: memory; must live until `done`, cancelled or not */
	uint64_t offset;  /* READ, WRITE: file offset, or OP_STREAM */
	int fd;
	int result;   /* as the system call: >= 0, or negative errno; -ECANCELED after a cancel that won */
	uint32_t len; /* READ, WRITE: bytes; POLL: events */
	uint8_t kind, phase;
};

#define OP_STREAM UINT64_MAX /* no offset: sockets, pipes, and files at their own position */

void op_submit(struct reactor *r, struct op *op);
/* Asks the backend to end a flying op soon; `done` still comes, with -ECANCELED or with the result that was faster. */
void op_cancel(struct reactor *r, struct op *op);
/* For backends and in-process completions: queues @op for the loop. */
void op_complete(struct reactor *r, struct op *op, int result);

/* --- timers ------------------------------------------------------------------------------------------------------- */

struct timer {
	nsec_t at;
	size_t slot; /* heap position + 1; 0 = not armed */
	void (*fire)(struct timer *t);
};

/* Arms or re-arms @t for the reactor's time @at. */
void timer_arm(struct reactor *r, struct timer *t, nsec_t at);
void timer_disarm(struct reactor *r, struct timer *t);

/* --- the backend's table ------------------------------------------------------------------------------------------ */

struct backend {
	const char *name;
	void (*submit)(struct reactor *r, struct op *op);
	void (*cancel)(struct reactor *r, struct op *op);
	/* Flushes submissions and collects completions with op_complete(); sleeps until @until at most (0: not at all).
	 */
	int (*wait)(struct reactor *r, nsec_t until);
	nsec_t (*now)(struct reactor *r);
	/* Starts a process; its end is reported by child_exited(). */
	int (*spawn)(struct reactor *r, struct child *c, const struct child_spec *spec, struct err **err);
	void (*kill)(struct reactor *r, struct child *c, int sig);
	bool slices; /* it waits in slices of TIME_SLICE, so that a loop that was stopped is noticed */
	/* Runs a blocking function elsewhere; its end is reported by offload_finished(). */
	void (*offload)(struct reactor *r, struct offload_job *job);
	void (*free)(struct reactor *r);
};

/* --- the loop ----------------------------------------------------------------------------------------------------- */

/* Observes every change of state of every machine: traces, the live view of developers, tests. May be NULL. */
typedef void machine_observe_fn(void *data, const struct machine *m, unsigned from, unsigned to);

struct reactor {
	const struct backend *backend;
	void *impl;	      /* the backend's own state */
	struct list ready;    /* ops whose `done` is due */
	struct list doomed;   /* machines that ended this round */
	struct list machines; /* live ones */
	struct timer **heap;
	size_t timers, heap_cap;
	nsec_t now;  /* cached once a turn */
	nsec_t away; /* how long the loop was stopped from outside, so far: time_away() */
	bool stopping;
	uint64_t files_before; /* how many files might be open before we raised that; children get it back */
	struct {
		uint64_t turns, ops, steps;
		nsec_t in_handlers, in_wait;
	} stats;
	machine_observe_fn *observe;
	void *observe_data;
};

#define REACTOR_READY_BUDGET 4096 /* completions run before timers get their turn */

/* The io_uring backend. On refusal the error says which setting forbids it and how to allow it. */
int reactor_new(struct reactor **ret, struct err **err);
/* Every machine must have ended. */
struct reactor *reactor_free(struct reactor *r);
DEFINE_CLEANUP(struct reactor *, reactor_free)

/* Turns until no machine is left, or reactor_stop(). */
int reactor_run(struct reactor *r);
/* One turn; sleeps at most until @until. */
int reactor_turn(struct reactor *r, nsec_t until);
void reactor_stop(struct reactor *r);
nsec_t reactor_now(const struct reactor *r);
/* Cancels every machine that has no parent; the rest follows from theirs. */
void reactor_cancel_all(struct reactor *r);
/* A line a machine: path, state, for how long, what it waits for (SIGUSR1). */
void reactor_describe(const struct reactor *r, struct buf *out);

/* For backends. */
struct reactor *reactor_alloc(const struct backend *backend, void *impl);

#endif
