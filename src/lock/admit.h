/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * admit.h -- admission: everything that needs CPUs of the host, machines and builds, asks here and waits in one queue.
 *
 * Within the process the queue decides (queue.h). Between processes the lock files do (flock.h), and tickets keep it
 * fair (ticket.h). One machine does it all: IDLE > TRY > WAIT > TRY. While nothing is free it sleeps on inotify.
 *
 *	c = admit_ask(a, &request, (struct claim_need){ .memory_mib = mib, .estimate = estimate });
 *	machine_wait_notice(m, &c->ready);		then c->result is 0: c->plan is held
 *	admit_release(a, c);				once, on every path, held or not; @c is gone
 */
#ifndef KTSTR_LOCK_ADMIT_H
#define KTSTR_LOCK_ADMIT_H

#include "lock/queue.h"
#include "lock/scan.h"
#include "lock/ticket.h"
#include "reactor/machine.h"

enum claim_state {
	CLAIM_INCOMING, /* in the list of that name */
	CLAIM_WAITING,	/* in the queue, or on its way out of it */
	CLAIM_READY,	/* held when the result is 0 */
};

/* Beside CPUs. */
struct claim_need {
	uint64_t memory_mib; /* reserved of what is to be shared out */
	uint64_t growth_mib; /* what it may take beyond that: free right now, or let in alone */
	nsec_t estimate;     /* as the queue has it */
};

/* Admission's memory; its owner reads what stands above `state`. */
struct claim {
	struct cpu_request request;
	struct claim_need need;
	int result;	 /* once `ready`: 0, -EBUSY (gave up), -ERANGE (never possible), or what went wrong */
	struct err *err; /* why not; may be taken */
	struct cpu_plan plan;
	nsec_t waited; /* how long it took */
	struct notice ready;
	enum claim_state state;
	struct queue_entry entry;
	struct list node; /* incoming, granted, held, or none */
	bool given_up;	  /* released while the pool looked at it */
	struct lock_set locks;
	nsec_t asked;
};

struct admit_config {
	const struct host *host;
	struct cpuset_bits allowed;
	const struct lock_dir *dir; /* NULL: no locks at all (KTSTR_BYPASS_LLC_LOCKS) */
	uint64_t memory_mib;	    /* to be shared out */
	const char *memory_note;    /* what bounds it, for refusals: "the control group ... "; NULL: the host */
	uint64_t (*free_mib)(void); /* what the host has left right now, on the pool's thread; NULL: enough */
	unsigned cpus;		    /* that all claims together may keep busy; 0: as many as there are */
	unsigned claims;	    /* held at once; 0: no limit */
	nsec_t patience;	    /* see ticket.h; 0: TICKET_PATIENCE */
	bool simulated;		    /* the reactor's time is everyone's, and nobody rings but admit_rung() */
	nsec_t give_up;		    /* nobody let in for so long, and nothing held: the waiting fail; 0: never */
};

/* How long is too long, where nobody says otherwise: a holder that is stuck, or one that was forgotten. */
#define ADMIT_GIVE_UP (30 * NSEC_PER_MIN)

#define WIDTH_CLASSES 11 /* powers of two up to HOST_CPUS_MAX */

/* What this process may still have. */
struct admit_room {
	uint64_t memory_mib;
	unsigned cpus, claims;
};

enum admit_state { ADMIT_IDLE, ADMIT_TRY, ADMIT_WAIT, ADMIT_STATE_MAX };

struct admit {
	struct admit_config config;
	struct machine machine;
	struct reactor *reactor;
	struct queue queue; /* the offload pool's while trying */
	struct list incoming, granted, held;
	struct lock_scan scan;
	struct plan_holders holders;	/* the pool's while trying */
	struct cpuset_bits busy_trying; /* its `busy`, from before the look */
	struct ticket ticket;
	uint64_t ticket_for;		     /* arrival of the claim whose ticket it is */
	struct admit_room room, trying_room; /* the second: what the pool reckons with */
	struct offload_job job;
	struct notice due;
	struct timer again;
	struct op release_event;
	int inotify;
	nsec_t looked_at;		 /* reactor time of the last try */
	nsec_t progress;		 /* when someone was last let in or let go, or the queue last empty */
	nsec_t let_in_at[WIDTH_CLASSES]; /* reactor time, by the width of who was */
	unsigned tries_since_event;
	struct cpu_request possible; /* the last that was asked for, */
	bool possible_known;	     /* if this host could do it */
	unsigned given_up;	     /* claims dropped while trying */
	uint64_t trying_free_mib;    /* the pool's: what the host has left */
	bool trying, blocked, event_armed;
	struct {
		uint64_t tries, grants, release_events;
	} stats;
};

/* Starts the machine; @a stays where it is. */
int admit_start(struct reactor *r, struct admit *a, const struct admit_config *config, struct err **err);
/* Cancels what waits, ends the machine, turning the reactor until it has. Every claim must have been released. */
void admit_stop(struct admit *a);

/* NULL: out of memory. A claim that can never be had is ready at once, with its error. */
struct claim *admit_ask(struct admit *a, const struct cpu_request *request, struct claim_need need);
void admit_release(struct admit *a, struct claim *c);
/* The locks of a claim that is held, for who outlives this admission; it goes on counting until it is released. */
struct lock_set claim_take_locks(struct claim *c);
/* "pid 12, 34": who held locks at the last look, or that nobody did. On the reactor's thread. */
void admit_name_holders(const struct admit *a, struct buf *out);
/* Someone let go of something: the release event, as a call. */
void admit_rung(struct admit *a);

#endif
