/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * reactor.h -- a loop on one thread. Operations go to a backend, their completions go to a ready queue, and only the
 * loop runs them. Nothing re-enters the reactor: a completion may start operations, but does not run others.
 *
 * Two backends have the same interface: io_uring (uring.c), and a simulation with a virtual clock and seeded faults
 * (sim.c). All functions are for the reactor's own thread; only the offload pool uses other threads.
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
	OP_IDLE,   /* owned by the caller, who may fill, reuse or free it */
	OP_FLYING, /* owned by the backend: the op and its buffer must stay in place */
	OP_READY,  /* completed, waiting for the loop */
};

struct op;
typedef void op_done_fn(struct op *op);

/*
 * Owned by the caller, who zeroes it, fills in kind and arguments, and submits it. It and its buffer stay in place
 * until `done`.
 */
struct op {
	struct list node; /* ready queue */
	void *impl;	  /* for the backend, while flying */
	op_done_fn *done; /* called once, by the loop, with `result` set and the phase IDLE again */
	void *buf;	  /* READ, WRITE: memory; must live until `done`, cancelled or not */
	uint64_t offset;  /* READ, WRITE: file offset, or OP_STREAM */
	int fd;
	int result;   /* as from the system call: >= 0, or negative errno; -ECANCELED after a successful cancel */
	uint32_t len; /* READ, WRITE: bytes; POLL: events */
	uint8_t kind, phase;
};

#define OP_STREAM UINT64_MAX /* no offset: sockets, pipes, and files at their own position */

void op_submit(struct reactor *r, struct op *op);
/* Asks the backend to end a flying op soon. `done` is still called, with -ECANCELED or with the op's own result. */
void op_cancel(struct reactor *r, struct op *op);
/* For backends and in-process completions: queues @op for the loop. */
void op_complete(struct reactor *r, struct op *op, int result);

/* --- timers ------------------------------------------------------------------------------------------------------- */

struct timer {
	nsec_t at;
	size_t slot; /* heap position + 1; 0 = not armed */
	void (*fire)(struct timer *t);
};

/* Arms or re-arms @t for the reactor's time @at. Aborts when there is no memory for one more timer. */
void timer_arm(struct reactor *r, struct timer *t, nsec_t at);
void timer_disarm(struct reactor *r, struct timer *t);

/* --- the backend's table ------------------------------------------------------------------------------------------ */

struct backend {
	const char *name;
	void (*submit)(struct reactor *r, struct op *op);
	void (*cancel)(struct reactor *r, struct op *op);
	/* Flushes submissions and passes completions to op_complete(). Sleeps at most until @until (0: not at all). */
	int (*wait)(struct reactor *r, nsec_t until);
	nsec_t (*now)(struct reactor *r);
	/* Starts a process. The backend calls child_exited() at its end. */
	int (*spawn)(struct reactor *r, struct child *c, const struct child_spec *spec, struct err **err);
	void (*kill)(struct reactor *r, struct child *c, int sig);
	bool slices; /* waits in slices of TIME_SLICE, so that the reactor notices when the loop was stopped */
	/* Runs a blocking function on another thread. The backend calls offload_finished() at its end. */
	void (*offload)(struct reactor *r, struct offload_job *job);
	void (*free)(struct reactor *r);
};

/* --- the loop ----------------------------------------------------------------------------------------------------- */

/* Called for every change of state of every machine: for traces, the live view, tests. May be NULL. */
typedef void machine_observe_fn(void *data, const struct machine *m, unsigned from, unsigned to);

struct reactor {
	const struct backend *backend;
	void *impl;	      /* the backend's own state */
	struct list ready;    /* ops whose `done` is to be called */
	struct list doomed;   /* machines that ended in this round */
	struct list machines; /* live ones */
	struct timer **heap;
	size_t timers, heap_cap;
	nsec_t now;  /* read once per turn */
	nsec_t away; /* total time for which the loop was stopped from outside: time_away() */
	bool stopping;
	uint64_t files_before; /* the limit of open files before we raised it; children get it back */
	struct {
		uint64_t turns, ops, steps;
		nsec_t in_handlers, in_wait;
	} stats;
	machine_observe_fn *observe;
	void *observe_data;
};

#define REACTOR_READY_BUDGET 4096 /* completions per turn before timers run */

/* Makes a reactor on io_uring. An error names the setting that forbids it and how to allow it. */
int reactor_new(struct reactor **ret, struct err **err);
/* Every machine must have ended. */
struct reactor *reactor_free(struct reactor *r);
DEFINE_CLEANUP(struct reactor *, reactor_free)

/* Runs turns until no machine is left, or until reactor_stop(). */
int reactor_run(struct reactor *r);
/* Runs one turn; sleeps at most until @until. */
int reactor_turn(struct reactor *r, nsec_t until);
void reactor_stop(struct reactor *r);
nsec_t reactor_now(const struct reactor *r);
/* Cancels every machine without a parent; these cancel the others. */
void reactor_cancel_all(struct reactor *r);
/* Appends a line per machine: path, state, time in it, what it waits for (SIGUSR1). */
void reactor_describe(const struct reactor *r, struct buf *out);

/* For backends. */
struct reactor *reactor_alloc(const struct backend *backend, void *impl);

#endif
