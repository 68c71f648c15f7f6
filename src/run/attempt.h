/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * attempt.h -- one try of a test: its state machine, from the queue to the stored result:
 *
 *   QUEUED > ON_HOST (host_only: no machine) > JUDGING > STORING > DONE
 *   QUEUED > PREPARING > CLONING > STARTING > BOOTING > SETTING_UP > RUNNING > DRAINING > ASKING > JUDGING > STORING >
 *   DONE
 *
 * A watched machine that ends by itself waits until it was looked at: DRAINING > FORESEEING > DRAINING. If its test
 * will pass, nobody needs its memory, and the machine's process frees it. Otherwise it is kept for a dump.
 *
 * In ASKING, a language model reads the output of payloads that want it (model_metrics.h).
 *
 * Between JUDGING and STORING it may wait for a second run of the same (second_run.h), an attempt of its own that is
 * never stored: JUDGING > REPEATING > JUDGING_AGAIN > STORING.
 *
 * struct attempt_env has the blocking operations (build the image, judge, write) and the VM backend. Simulations
 * replace them and run the same state machine.
 */
#ifndef KTSTR_RUN_ATTEMPT_H
#define KTSTR_RUN_ATTEMPT_H

#include "lock/admit.h"
#include "lock/sandbox.h"
#include "run/clone_template.h"
#include "run/granted.h"
#include "run/watch.h"
#include "verdict/flake.h"
#include "verdict/judge.h"
#include "vmm/vm.h"

enum attempt_state {
	ATTEMPT_QUEUED,
	ATTEMPT_ON_HOST,
	ATTEMPT_PREPARING,
	ATTEMPT_CLONING,
	ATTEMPT_STARTING,
	ATTEMPT_BOOTING,
	ATTEMPT_SETTING_UP,
	ATTEMPT_RUNNING,
	ATTEMPT_DRAINING,
	ATTEMPT_FORESEEING,
	ATTEMPT_ASKING,
	ATTEMPT_JUDGING,
	ATTEMPT_REPEATING,
	ATTEMPT_JUDGING_AGAIN,
	ATTEMPT_STORING,
	ATTEMPT_DONE,
	ATTEMPT_STATE_MAX,
};

struct attempt;

struct attempt_env {
	const struct vm_backend *backend;
	struct admit *admit;
	/* Run on the offload pool, with the attempt as argument; each may be called twice. */
	int (*prepare)(void *attempt); /* sets attempt->initrd_fd */
	int (*on_host)(void *attempt); /* runs a host_only test and fills the evidence */
	/* Whether it passes, as far as can be known before the machine's end: 1 or 0. May be NULL: then it does not. */
	int (*foresee)(void *attempt);
	int (*judge)(void *attempt); /* evidence -> judgement */
	int (*store)(void *attempt); /* writes the sidecar */
	/* Runs on the reactor when the attempt got its CPUs; may be NULL. */
	void (*admitted)(struct attempt *a);
	/* Runs on the reactor when the machine was started; may be NULL. */
	void (*started)(struct attempt *a);
	/* Asks a language model about the output of payloads; NULL: nothing is to be asked. May be NULL. */
	struct machine *(*ask)(struct attempt *a);
	/* The second run of a judged attempt, which then owns it; NULL: none is due. May be NULL. */
	struct attempt *(*second)(struct attempt *a);
	/* Runs on the reactor when it was judged, before its CPUs are given to others that keep them; may be NULL. */
	void (*judged)(struct attempt *a);
	/* Runs on the reactor. Returns the attempt to its owner, which may free it. */
	void (*ended)(struct attempt *a, int result);
};

struct plan_case;
struct model_metrics;

struct attempt {
	struct machine machine;
	const struct attempt_env *env;
	const struct plan_case *item; /* NULL in simulations */
	void *owner;
	bool on_host;	 /* host_only: without a machine */
	unsigned number; /* 1: the first try */
	uint64_t seed;
	struct cpu_request request; /* CPUs to request from the host */
	struct claim_need need;	    /* host memory, including that of the VM process */
	struct claim *claim;	    /* from QUEUED until the machine has ended; see keep_cpus */
	struct vm_pinning *pinning; /* becomes config.pinning in perf mode */
	struct sandbox sandbox;	    /* used by `env` only; SANDBOX_NULL at first */
	struct vm_config config;
	struct vm_devices devices; /* of `config`; disk_fd is owned, -1: none */
	bool keep_memory;	   /* keep the guest's memory until attempt_done() */
	bool keep_cpus;		   /* keep the CPUs until it is judged, and not only until the machine ended */
	bool covers;		   /* count what the test's program executes: its memory is kept, too */
	nsec_t boot_deadline;	   /* host time for BOOTING; 0: the default of the state */
	nsec_t setup_deadline, run_deadline; /* the same for SETTING_UP and RUNNING */
	struct clone_template
		*clone_template; /* owned, not started yet: the machine is cloned from it. NULL: the machine boots */
	struct offload_job job;
	uint64_t memory_kills; /* memory_kills() before the machine started */
	int initrd_fd;
	int initrd_common_fd; /* for config.initrd_common; -1: there is none */
	int kernel_fd;	      /* the kernel's copy with the seed of its place; -1: there is none */
	char kernel_path[40]; /* it, for config.kernel */
	bool cloned;	      /* the machine started as a clone */
	struct vm *vm;
	int card_fd;		     /* of machine_card.h, while the machine runs; 0: none */
	struct watch watch;	     /* looks at the machine from outside */
	struct granted granted;	     /* the host deadline of the present state, from BOOTING to RUNNING */
	struct guestmem memory;	     /* the kept guest memory; without nodes: none */
	struct exact_evidence exact; /* of the watched machine */
	struct evidence evidence;
	struct judgement judgement;
	struct flake_outcome outcome; /* of this try and the earlier ones, once judged */
	const char *dropped;	      /* why it was cancelled before it started; static text; NULL: it was not */
	bool cut;		      /* the run was interrupted, so this is the last try */
	bool foreseen;		      /* FORESEEING is over */
	bool judged, stored;
	bool called_slow;	  /* used by the owner only */
	bool noted, noted_failed; /* the same */
	_Atomic nsec_t
		host_began; /* `on_host`: when the body started. 0: not yet; HOST_NEVER: it must not start any more */
	nsec_t wall, boot;  /* host time: lifetime of the VM; from its start to the first record */
	nsec_t admitted;    /* when the CPUs were granted; 0: never */
	nsec_t over;	    /* when the guest's exit record was seen; 0: never */
	nsec_t over_away;   /* reactor->away at that time */
	nsec_t cleanup;	    /* time from `over` to the end of the VM process; -1: unknown */
	uint64_t vm_cpu_usec, vm_rss_kib;
	const char *const *counter_names;
	uint64_t *counter; /* as in struct vm; owned */
	unsigned counters, counted_vcpus;
	struct confine_outcome confinement;  /* of the VM process */
	struct observe_point *perturb_point; /* where a vCPU was held back */
	unsigned perturb_points;	     /* how often */
	struct observe_orders *orders;	     /* of a perturbed run; NULL: not known */
	const char *const *event_names;
	uint64_t event[VM_COUNTERS_MAX];
	unsigned events;
	struct vm_perf_setting perf_setting[VM_PERF_SETTINGS_MAX]; /* perf mode only */
	unsigned perf_settings;
	struct err *err; /* why preparing or storing failed */
	char *sidecar;	 /* path, once stored */
	char *dump;	 /* the same of its dump; NULL: the test passed */
	bool looked_at;	 /* post_vm_run() was called */
	char *snapshots; /* path of the file with the snapshots that the test asked for; NULL: there is none */
	json_t *snapshot_list, *map_metrics; /* for the sidecar; NULL: there was no machine */
	struct buf dump_text;		     /* the beginning of the dump as text */
	struct recorder *recorder;	     /* of a second run; owned */
	struct recorder *recorder_of_second; /* a second run is due; owned */
	struct attempt *second;		     /* once it was started; owned */
	struct model_metrics *model;	     /* what a language model said; owned. NULL: it was not asked */
	bool model_taken;		     /* model_metrics_take() was called */
	json_t *insns;			     /* metrics of counted instructions, for the sidecar; NULL: none */
	json_t *repro;			     /* what it said, or why there is none; NULL: nothing is to be said */
	char *repro_dump;		     /* path, once stored */
	char *schedule;			     /* path of the kept schedule; NULL: it is not kept */
	struct buf schedule_text;	     /* an excerpt of it */
};

#define HOST_NEVER ((nsec_t)-1)

/* When its machine or body started; 0: not yet. */
nsec_t attempt_began(const struct attempt *a);
/* Cancels an attempt that has not started. One that has goes on. */
void attempt_cancel_unstarted(struct attempt *a);
/* For `on_host`, on the offload pool: may the body start? Notes the time. */
bool attempt_begin_on_host(struct attempt *a);

/*
 * The caller fills the fields above `job` except `claim` and `pinning`, sets initrd_fd and kernel_fd to -1 and the rest
 * to 0.
 */
void attempt_start(struct reactor *r, struct attempt *a, struct machine *parent, const char *name);
/* Frees the members, not the struct. */
void attempt_done(struct attempt *a);

#endif
