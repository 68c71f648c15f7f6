/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * machine.h -- workflows as explicit state machines.
 *
 * A machine is embedded in its job. Its table names each state with a handler, a deadline, where to go when the state
 * is cancelled or late, and which states may follow. A handler gets the result of the wait that brought the machine
 * here, starts at most one wait, and returns the state that the wait leads to. While the wait lasts the machine *is*
 * in the state whose handler started it: that name, and that state's deadline, are what the world sees.
 */
#ifndef KTSTR_REACTOR_MACHINE_H
#define KTSTR_REACTOR_MACHINE_H

#include "reactor/offload.h"
#include "reactor/reactor.h"

#define MACHINE_END	 (1 << 20) /* returned by a handler: done, all well */
#define MACHINE_NAME_MAX 56
#define DEADLINE_NONE	 ((nsec_t)0)
#define TO(state)	 (1u << (state))
#define TO_END		 (1u << 31)

typedef int machine_handler_fn(struct machine *m, int result);

struct machine_state {
	const char *name;
	machine_handler_fn *run;
	nsec_t deadline;    /* longest stay, in the reactor's time; DEADLINE_NONE where a parent bounds it */
	unsigned on_cancel; /* state that takes -ECANCELED, -ETIME and failures of this one; 0: the machine ends */
	uint32_t next;	    /* TO() of every state that may follow; asserted */
	bool shielded;	    /* a cancel does not end this state's wait: what is under way here is wanted all the same */
};

struct machine_type {
	const char *name;
	const struct machine_state *states;
	unsigned count;
	/* Called once, when nothing of the machine is in flight any more, on every path. May free the job. */
	void (*done)(struct machine *m, int result);
};

enum wait_kind { WAIT_NONE, WAIT_OP, WAIT_SLEEP, WAIT_CHILD, WAIT_OFFLOAD, WAIT_NOTICE, WAIT_MACHINE, WAIT_KIND_MAX };

/* A condition that one machine may wait for; posted by anyone on the reactor's thread. */
struct notice {
	struct machine *waiter;
	bool posted;
};

struct machine {
	struct list node; /* reactor->machines or ->doomed */
	struct reactor *reactor;
	const struct machine_type *type;
	struct machine *parent;	 /* for paths and cancellation; may be NULL */
	struct machine *awaiter; /* who waits for this one's end */
	char name[MACHINE_NAME_MAX];
	unsigned state, next;
	nsec_t entered;	 /* when `state` was entered */
	nsec_t deadline; /* 0: none */
	enum wait_kind wait;
	int result;	 /* final result, once ended */
	int failure;	 /* first failure: -ECANCELED outranks -ETIME outranks others */
	int interrupted; /* why the present wait is being ended early: -ECANCELED, -ETIME or 0 */
	bool cancelled, ended, started;
	struct timer timer; /* the state's deadline */
	struct timer sleep;
	struct op op;
	union { /* what a wait other than an op is on, for cancelling and describing it */
		struct child *child;
		struct offload_job *job;
		struct notice *notice;
		struct machine *machine;
	} on;
};

/* Enters state 0 at the next turn. @m stays the caller's memory until type->done. */
void machine_start(struct reactor *r, struct machine *m, const struct machine_type *type, struct machine *parent,
		   const char *name_fmt, ...) PRINTF_LIKE(5, 6);
/* Asks; the machine ends through its own states, then `done`. Safe at any time, and again. */
void machine_cancel(struct machine *m);
/* Lets the present state begin its deadline anew: progress was made. */
void machine_extend(struct machine *m);
/* Gives the present stay @length from now instead of its table's: what depends on the job at hand. */
void machine_deadline(struct machine *m, nsec_t length);
/* For the reactor's own files: moves the deadline, if there is one, @later. */
void machine_postpone(struct machine *m, nsec_t later);
/* "run/attempt[12]"; @out of @size bytes. */
const char *machine_path(const struct machine *m, char *out, size_t size);
static inline const char *machine_state_name(const struct machine *m)
{
	return m->type->states[m->state].name;
}

/* Waits; each may be called once in a handler. */
void machine_read(struct machine *m, int fd, void *buf, uint32_t len, uint64_t offset);
void machine_write(struct machine *m, int fd, const void *buf, uint32_t len, uint64_t offset);
void machine_poll(struct machine *m, int fd, uint32_t events);
void machine_fsync(struct machine *m, int fd);
void machine_nop(struct machine *m);
void machine_sleep(struct machine *m, nsec_t length);
/* Result: 0, the status is in the child. Cancelling kills the child's group and waits for its end. */
void machine_wait_child(struct machine *m, struct child *c);
/* Result: what @fn returned. It runs on another thread: it may touch only @arg. */
void machine_offload(struct machine *m, struct offload_job *job, int (*fn)(void *arg), void *arg);
void machine_wait_notice(struct machine *m, struct notice *n);
/* Result: the other machine's. It must have been started. */
void machine_await(struct machine *m, struct machine *other);

void notice_post(struct notice *n);

/* For the reactor's own files: ends @m's present wait, now (from the loop) or at the loop's next round. */
void machine_wake(struct machine *m, int result);

#endif
