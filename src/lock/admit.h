/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * admit.h -- admission: everything that needs CPUs of the host, machines and builds, asks here and waits in one queue.
 *
 * The queue (queue.h) orders the claims of this process. Lock files (flock.h) reserve CPUs between processes, and
 * tickets (ticket.h) keep that fair. One state machine does it all: IDLE > TRY > WAIT > TRY. While nothing is free it
 * sleeps on inotify.
 *
 *	c = admit_ask(a, &request, (struct claim_need){ .memory_mib = mib, .estimate = estimate });
 *	machine_wait_notice(m, &c->ready);		then c->result is 0: c->plan is held
 *	admit_release(a, c);				once, on every path, held or not; frees @c
 */
#ifndef KTSTR_LOCK_ADMIT_H
#define KTSTR_LOCK_ADMIT_H

#include "lock/queue.h"
#include "lock/scan.h"
#include "lock/ticket.h"
#include "reactor/machine.h"

enum claim_state {
	CLAIM_INCOMING, /* in admit.incoming */
	CLAIM_WAITING,	/* in admit.queue, or in admit.pool.granted */
	CLAIM_READY,	/* held when the result is 0 */
};

/* What a claim needs in addition to CPUs. */
struct claim_need {
	uint64_t memory_mib; /* reserved from admit_config.memory_mib */
	uint64_t growth_mib; /* it may use this much more: must be free at admission, unless no other claim is held */
	nsec_t estimate;     /* see queue_entry.estimate */
};

/* Allocated and freed by admission. The owner reads only the fields above `state`. */
struct claim {
	struct cpu_request request;
	struct claim_need need;
	int result;	 /* once `ready`: 0, -EBUSY (gave up), -ERANGE (never possible), or another errno */
	struct err *err; /* the reason of a failure; the owner may take it */
	struct cpu_plan plan;
	nsec_t waited; /* from admit_ask() to `ready` */
	struct notice ready;
	enum claim_state state;
	struct queue_entry entry;
	struct list node; /* in admit.incoming, admit.pool.granted, admit.held, or in none */
	bool given_up;	  /* released while the pool was trying */
	struct lock_set locks;
	nsec_t asked;
};

struct admit_config {
	const struct host *host;
	struct cpuset_bits allowed;
	const struct lock_dir *dir; /* NULL: no lock files (KTSTR_BYPASS_LLC_LOCKS) */
	uint64_t memory_mib;	    /* the sum that all claims may reserve */
	const char *memory_note;    /* what limits it, for messages: "the control group ... "; NULL: the host */
	uint64_t (*free_mib)(void); /* memory that the host has free now; called on a pool thread; NULL: enough */
	unsigned cpus;		    /* the sum that all claims may keep busy; 0: no limit */
	unsigned claims;	    /* held at once; 0: no limit */
	nsec_t overtake_time;	    /* see ticket.h; 0: TICKET_OVERTAKE_TIME */
	bool simulated; /* reactor time is common to all processes; admit_report_release() replaces inotify */
	nsec_t give_up; /* fail all waiting claims when none was admitted for so long and none is held; 0: never */
};

/* The usual admit_config.give_up: by then a holder hangs or was forgotten. */
#define ADMIT_GIVE_UP (30 * NSEC_PER_MIN)

#define WIDTH_CLASSES 11 /* powers of two up to HOST_CPUS_MAX */

/* What this process may still reserve. */
struct admit_room {
	uint64_t memory_mib;
	unsigned cpus, claims;
};

/* The try that runs on the offload pool. While admit.trying is set, only the pool touches it, the queue and the scan.
 */
struct admit_pool {
	struct offload_job job;
	nsec_t started; /* reactor time */
	struct admit_room room;
	uint64_t free_mib; /* that the host still has */
	struct plan_holders holders;
	struct cpuset_bits own_busy; /* holders.busy from before lock files were read */
	struct list granted;	     /* claims admitted, or failed, by this try */
	bool blocked;		     /* another process's ticket goes first */
};

/* What decides when this process leaves a ticket for the others. */
struct admit_fairness {
	struct ticket ticket;
	uint64_t ticket_arrival;	   /* queue_entry.arrival of the claim that the ticket is for */
	nsec_t admitted_at[WIDTH_CLASSES]; /* reactor time of the last admission, by width class */
};

/* What starts the next try. */
struct admit_wakeup {
	struct notice due;
	struct timer timer;
	struct op release_event;
	int inotify;
	bool event_armed;
	unsigned tries_since_event;
};

/* The last request that this host could satisfy when idle. */
struct admit_possible {
	struct cpu_request request;
	bool known;
};

enum admit_state { ADMIT_IDLE, ADMIT_TRY, ADMIT_WAIT, ADMIT_STATE_MAX };

struct admit {
	struct admit_config config;
	struct machine machine;
	struct reactor *reactor;
	struct list incoming; /* claims that the queue does not have yet */
	struct queue queue;
	struct list held;
	struct admit_room room;
	struct lock_scan scan;
	struct admit_pool pool;
	bool trying;	    /* the pool is at work */
	unsigned given_up;  /* claims released meanwhile */
	nsec_t progress_at; /* reactor time: the last claim was admitted or released, or the queue was empty */
	struct admit_fairness fairness;
	struct admit_wakeup wakeup;
	struct admit_possible possible;
	struct {
		uint64_t tries, grants, release_events;
	} stats;
};

/* Starts the machine; @a must not move. */
int admit_start(struct reactor *r, struct admit *a, const struct admit_config *config, struct err **err);
/* Cancels waiting claims and turns the reactor until the machine has ended. All claims must have been released. */
void admit_stop(struct admit *a);

/* NULL: out of memory. A claim that this host can never satisfy is ready at once, with its error. */
struct claim *admit_ask(struct admit *a, const struct cpu_request *request, struct claim_need need);
void admit_release(struct admit *a, struct claim *c);
/* Moves the locks of a held claim to the caller, who may keep them after admit_stop(). The claim still counts until
 * admit_release(). */
struct lock_set claim_take_locks(struct claim *c);
/* Appends "pid 12, 34", the lock holders that the last try saw, or a phrase for none. On the reactor's thread. */
void admit_name_holders(const struct admit *a, struct buf *out);
/* Reports a release event: some process released locks. */
void admit_report_release(struct admit *a);

#endif
