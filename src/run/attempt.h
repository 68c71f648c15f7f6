/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * attempt.h -- one machine, one test, one verdict:
 *
 *   QUEUED > ON_HOST (host_only: no machine) > JUDGED > STORED > DONE
 *   QUEUED > RESERVED > PREPARED > BOOTING > HELLO > RUNNING > DRAINING > JUDGED > STORED > DONE
 *
 * What blocks (building the image, judging, writing) and where machines come from stand in a table, so that the same
 * state machine runs in simulations.
 */
#ifndef KTSTR_RUN_ATTEMPT_H
#define KTSTR_RUN_ATTEMPT_H

#include "lock/admit.h"
#include "lock/sandbox.h"
#include "run/clone_template.h"
#include "verdict/flake.h"
#include "verdict/judge.h"
#include "vmm/vm.h"

enum attempt_state {
	ATTEMPT_QUEUED,
	ATTEMPT_ON_HOST,
	ATTEMPT_RESERVED,
	ATTEMPT_PREPARED,
	ATTEMPT_BOOTING,
	ATTEMPT_HELLO,
	ATTEMPT_RUNNING,
	ATTEMPT_DRAINING,
	ATTEMPT_JUDGED,
	ATTEMPT_STORED,
	ATTEMPT_DONE,
	ATTEMPT_STATE_MAX,
};

struct attempt;

struct attempt_env {
	const struct vm_backend *backend;
	struct admit *admit;
	/* On the offload pool; each gets the attempt and must be able to run twice. */
	int (*prepare)(void *attempt); /* makes attempt->initrd_fd */
	int (*on_host)(void *attempt); /* a host_only test: fills the evidence */
	int (*judge)(void *attempt);   /* evidence -> judgement */
	int (*store)(void *attempt);   /* sidecar */
	/* On the reactor. The attempt is the owner's again; it may be freed. */
	void (*ended)(struct attempt *a, int result);
};

struct plan_case;

struct attempt {
	struct machine machine;
	const struct attempt_env *env;
	const struct plan_case *item; /* NULL in simulations */
	void *owner;
	bool on_host;	 /* host_only: without a machine */
	unsigned number; /* 1: the first try */
	uint64_t seed;
	struct cpu_request request; /* for CPUs of the host */
	struct claim_need need;	    /* of the host, with the machine's own memory */
	struct claim *claim;	    /* from QUEUED until there is no machine any more */
	struct vm_pinning *pinning; /* config.pinning in perf mode */
	struct sandbox sandbox;	    /* the blocking parts'; SANDBOX_NULL at first */
	struct vm_config config;
	bool keep_memory;		     /* the machine's, until the attempt is done */
	nsec_t boot_deadline;		     /* host time for BOOTING; 0: the state's own */
	nsec_t hello_deadline, run_deadline; /* likewise for HELLO and RUNNING */
	struct clone_template
		*clone_template; /* what it is to be a clone of, not started; the attempt's. NULL: it boots */
	struct offload_job job;
	uint64_t memory_kills; /* memory_kills() before its machine started */
	int initrd_fd;
	bool cloned; /* it was */
	struct vm *vm;
	unsigned was_in;	     /* the state before a failure's detour */
	nsec_t since, since_away;    /* when it came into `was_in`; reactor->away then */
	struct vm_usage since_usage; /* of its machine then */
	struct guestmem memory;	     /* what is kept; no nodes: nothing */
	struct evidence evidence;
	struct judgement judgement;
	struct flake_outcome outcome; /* of this and the former tries, once judged */
	bool cut;		      /* no further try follows: the run was interrupted */
	bool judged, stored;
	nsec_t wall, boot; /* of the VM: whole life, and to the first record; host time */
	nsec_t admitted;   /* when it was given its CPUs; 0: never */
	nsec_t over;	   /* when the guest's last record was seen; 0: never */
	nsec_t cleanup;	   /* from there to the end of the VM's process; -1: unknown */
	uint64_t vm_cpu_usec, vm_rss_kib;
	const char *const *counter_names;
	uint64_t *counter; /* as in struct vm; the attempt's */
	unsigned counters, counted_vcpus;
	struct confine_outcome confinement; /* of the machine's process */
	const char *const *event_names;
	uint64_t event[VM_COUNTERS_MAX];
	unsigned events;
	struct vm_perf_setting perf_setting[VM_PERF_SETTINGS_MAX]; /* of perf mode */
	unsigned perf_settings;
	struct err *err; /* why it could not be prepared or stored */
	char *sidecar;	 /* path, once stored */
};

/* Fields above `job` but for `claim` and `pinning` are the caller's to fill, the rest zero, initrd_fd -1. */
void attempt_start(struct reactor *r, struct attempt *a, struct machine *parent, const char *name);
/* Frees what it holds, not the struct. */
void attempt_done(struct attempt *a);

#endif
