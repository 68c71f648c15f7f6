/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * machine.h -- workflows as explicit state machines.
 *
 * A machine is embedded in the struct of its job. Its table gives each state a handler, a deadline, the state to enter
 * after a cancel or a missed deadline, and the states that may follow. A handler gets the result of the wait before it,
 * starts at most one wait, and returns the state that the wait leads to. During the wait the machine *is* in the state
 * whose handler started it: this state's name is shown, and its deadline counts.
 */
#ifndef KTSTR_REACTOR_MACHINE_H
#define KTSTR_REACTOR_MACHINE_H

#include "reactor/offload.h"
#include "reactor/reactor.h"

#define MACHINE_END	 (1 << 20) /* returned by a handler: the machine ends with success */
#define MACHINE_NAME_MAX 56
#define DEADLINE_NONE	 ((nsec_t)0)
#define TO(state)	 (1u << (state))
#define TO_END		 (1u << 31)

typedef int machine_handler_fn(struct machine *m, int result);

struct machine_state {
	const char *name;
	machine_handler_fn *run;
	nsec_t deadline; /* longest time in the state, in the reactor's time; DEADLINE_NONE where a parent limits it */
	unsigned on_cancel; /* next state after -ECANCELED, -ETIME or another failure; 0: the machine ends */
	uint32_t next;	    /* TO() of every state that may follow; checked with REQUIRE() */
	bool shielded;	    /* a cancel does not interrupt this state: its work must be completed */
	/* Called when the deadline passes; returns how much longer to wait, or 0. NULL: no longer. */
	nsec_t (*allow)(struct machine *m);
};

struct machine_type {
	const char *name;
	const struct machine_state *states;
	unsigned count;
	/* Called once, on every path, when no operation of the machine is in flight any more. May free the job. */
	void (*done)(struct machine *m, int result);
};

enum wait_kind { WAIT_NONE, WAIT_OP, WAIT_SLEEP, WAIT_CHILD, WAIT_OFFLOAD, WAIT_NOTICE, WAIT_MACHINE, WAIT_KIND_MAX };

/* A condition that one machine may wait for; posted from any code on the reactor's thread. */
struct notice {
	struct machine *waiter;
	bool posted;
};

struct machine {
	struct list node; /* reactor->machines or ->doomed */
	struct reactor *reactor;
	const struct machine_type *type;
	struct machine *parent;	 /* for paths and cancellation; may be NULL */
	struct machine *awaiter; /* waits for the end of this machine */
	char name[MACHINE_NAME_MAX];
	unsigned state, next;
	unsigned failed_in; /* the state in which the latest failure occurred; MACHINE_END: none has */
	bool first_entry;   /* the handler runs for the first time since the machine entered its state */
	nsec_t entered;	    /* when `state` was entered */
	nsec_t deadline;    /* 0: none */
	enum wait_kind wait;
	int result;	 /* final result, once ended */
	int failure;	 /* first failure: -ECANCELED outranks -ETIME outranks others */
	int interrupted; /* why the present wait is interrupted: -ECANCELED, -ETIME or 0 */
	bool cancelled, ended, started;
	struct timer timer; /* the state's deadline */
	struct timer sleep;
	struct op op;
	union { /* target of a wait other than an op, to cancel and describe it */
		struct child *child;
		struct offload_job *job;
		struct notice *notice;
		struct machine *machine;
	} on;
};

/* Starts the machine: it enters state 0 at the next turn. The caller keeps @m until type->done. */
void machine_start(struct reactor *r, struct machine *m, const struct machine_type *type, struct machine *parent,
		   const char *name_fmt, ...) PRINTF_LIKE(5, 6);
/* Requests the end; the machine ends through its own states, then `done`. May be called at any time, and again. */
void machine_cancel(struct machine *m);
/* Restarts the deadline of the present state, because of progress. */
void machine_extend(struct machine *m);
/* Sets the deadline of the present state to @length from now, instead of the table's, for this job. */
void machine_deadline(struct machine *m, nsec_t length);
/* For the reactor's own files: moves the deadline, if there is one, by @later. */
void machine_postpone(struct machine *m, nsec_t later);
/* "run/attempt[12]"; @out of @size bytes. */
const char *machine_path(const struct machine *m, char *out, size_t size);
static inline const char *machine_state_name(const struct machine *m)
{
	return m->type->states[m->state].name;
}

/* Waits. A handler may call one of these, once. */
void machine_read(struct machine *m, int fd, void *buf, uint32_t len, uint64_t offset);
void machine_write(struct machine *m, int fd, const void *buf, uint32_t len, uint64_t offset);
void machine_poll(struct machine *m, int fd, uint32_t events);
void machine_fsync(struct machine *m, int fd);
void machine_nop(struct machine *m);
void machine_sleep(struct machine *m, nsec_t length);
/* Result: 0; the status is in @c. A cancel kills the child's group and waits for its end. */
void machine_wait_child(struct machine *m, struct child *c);
/* Result: the return value of @fn, which runs on another thread and may access only @arg. */
void machine_offload(struct machine *m, struct offload_job *job, int (*fn)(void *arg), void *arg);
void machine_wait_notice(struct machine *m, struct notice *n);
/* Result: the result of @other, which must have been started. */
void machine_await(struct machine *m, struct machine *other);

void notice_post(struct notice *n);

/* For the reactor's own files: ends @m's present wait and runs its handler. Only from the loop. */
void machine_wake(struct machine *m, int result);

#endif
