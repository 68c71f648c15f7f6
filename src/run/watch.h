/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * watch.h -- watches one machine from outside: a state machine beside its attempt. The guest stops at events of its own
 * (vmm/observe.h): when a scheduler fails, when the kernel panics, and at each sample. Then its memory is looked at.
 *
 *	WAIT > DUMP > WAIT ... > AT_END > WAIT, until the machine has ended
 *
 * In AT_END the machine is about to end by itself, and waits for watch_leave().
 *
 * A backend that cannot do this may have guests that can be read while they run: then only samples are taken
 * (watch_live.h).
 */
#ifndef KTSTR_RUN_WATCH_H
#define KTSTR_RUN_WATCH_H

#include <jansson.h>

#include "monitor/dump.h"
#include "monitor/series.h"
#include "run/exact.h"
#include "run/perturb.h"
#include "run/profiler.h"
#include "run/randomised.h"
#include "run/recorder.h"
#include "run/watch_live.h"
#include "run/watched_constants.h"
#include "run/watched_kernel.h"

#define PROBE_FIRST_HOOK 200000
#define PROBE_HOOKS_MAX	 64 /* and room for breakpoints */
#define WATCH_HOOKS_MAX	 (8 + PERTURB_HOOKS_MAX + EXACT_HOOKS_MAX + PROBE_HOOKS_MAX)

#define WATCH_STALL_REASON "a task has waited for a CPU for too long"

/* What a dump was taken for. */
enum watch_failure { WATCH_NONE, WATCH_SCHEDULER_ENDED, WATCH_PANICKED, WATCH_STALLED, WATCH_FAILURES };

/*
 * Somebody else who looks at the guest while it stands still, at hooks of his own and at samples. With a probe, no
 * dumps are taken.
 */
enum probe_next {
	PROBE_GO_ON, /* the guest goes on */
	PROBE_WORK,  /* work() is called, on the offload pool; the guest stands still until it returns */
	PROBE_END,   /* the machine is ended */
};

struct watch_probe {
	void *data;
	/* Puts hooks at @out, ids from PROBE_FIRST_HOOK on; returns how many, at most PROBE_HOOKS_MAX. Any thread. */
	unsigned (*hooks)(void *data, const struct kernel_image *image, struct observe_hook *out);
	uint64_t sample_ns;	    /* instead of the usual period; 0: that */
	struct observe_until until; /* stop there, too */
	/* The guest stands still. @failure: what the watch sees as one, for the first time; or NULL. On the reactor. */
	enum probe_next (*look)(void *data, struct vm *vm, const struct inspect_config *config,
				const struct observe_stop *stop, const char *failure);
	enum probe_next (*work)(void *data, struct vm *vm, const struct inspect_config *config,
				const atomic_bool *cancel);
};

struct watch {
	struct machine machine;
	struct watched_kernel *kernel; /* NULL: the machine is not watched */
	const char *lack;	       /* why not, or why there are no samples */
	const char *no_stops;	       /* why the guest is only looked at while it runs; NULL: it is stopped */
	struct watch_live live;	       /* then */
	struct vm *vm;
	struct observe_config observe;
	struct observe_hook *hook; /* what it starts with; WATCH_HOOKS_MAX */
	struct view view;
	uint64_t low_memory; /* bytes of RAM below 4 GiB, where there is more above */
	struct cpu_registers *registers;
	unsigned registers_count;
	const char *reason; /* of the dump that is being taken */
	struct offload_job job;
	json_t *dump;		      /* of the first failure that was seen; NULL: none was */
	bool found;		      /* the kernel in the guest's memory */
	struct randomised randomised; /* of a kernel with KASLR */
	unsigned watchdog_s;  /* what the kernel's watchdog waits, instead of what the scheduler says; 0: that */
	bool watchdog_set;    /* the last scheduler that attached has it */
	nsec_t patience;      /* a task that waits for longer is a failure; guest time */
	uint64_t tick_ns;     /* of the guest's kernel; 0: unknown */
	struct sample sample; /* the latest one */
	struct series series;
	struct captures captures;
	bool failure_due;		 /* the dump that is being taken is of a failure */
	enum watch_failure failure;	 /* the first that was seen */
	uint64_t failed_ns;		 /* when, in guest time */
	const struct watch_probe *probe; /* borrowed; NULL: none */
	enum probe_next probe_next;
	bool at_end; /* the state is AT_END */
	struct notice leave;
	struct recorder *recorder; /* of a run that is made again; borrowed; NULL: nothing is recorded */
	struct profiler *profiler; /* NULL: instructions are not counted; owned */
	struct exact *exact;	   /* its schedule; NULL: the machine is not watched */
	bool verifies;		   /* also notes what the verifier says of each program that is loaded */
	struct verified verified;
	struct watched_constants constants;
};

/* What a test asks of the watch. */
struct watch_config {
	nsec_t patience; /* guest time after which a task that waits for a CPU is a failure */
	bool verifies;	 /* note what the BPF verifier says of each program */
	const struct rodata
		*constants;  /* for the scheduler's programs; NULL: its own. Borrowed: outlives the machine */
	bool profiles;	     /* count the kernel's instructions */
	bool program_lines;  /* with `profiles`: and how often each line of BPF programs is executed */
	bool kernel_lines;   /* with `profiles`: and each line of the kernel's scheduler */
	unsigned watchdog_s; /* for sched_ext's watchdog, in guest time; 0: as the scheduler says */
	/* Calls are recorded, too; NULL: they are not. Borrowed: outlives the machine. */
	struct recorder *recorder;
	const struct watch_probe *probe;       /* NULL: none. Borrowed: outlives the machine */
	const struct observe_perturb *perturb; /* NULL: none. Borrowed until the machine has started */
};

/*
 * Decides whether the machine with @config is watched, and puts that into @config. @w->captures, once it is set up,
 * gets the snapshots. Any thread; blocks.
 */
void watch_prepare(struct watch *w, struct watched_kernel *kernel, const struct kernel *k,
		   const struct vm_backend *backend, const struct watch_config *asked, struct vm_config *config);
/* @vm was started. Nothing happens if it is not watched. */
void watch_start(struct watch *w, struct reactor *r, struct vm *vm, struct machine *parent);
/* In AT_END: the machine ends now. The one who started the watch calls it, after vm->changed and `at_end`. */
void watch_leave(struct watch *w);
/* A record of the guest was seen at @now; by it, the guest's clock was @time_ns before. */
void watch_see_record(struct watch *w, uint64_t time_ns, nsec_t now);
/* The machine has ended. A watch that does not see this by itself ends, too. */
void watch_stop(struct watch *w);
/* The machine has ended, and its @vm is still there: takes what was counted. */
void watch_end(struct watch *w, const struct vm *vm);
/* False: it uses vm and its memory no more. It posts vm->changed then. */
bool watch_running(const struct watch *w);
/* The dump of a failed test: the first one that was taken, else of @memory as the machine left it, else why not. */
json_t *watch_take_dump(struct watch *w, const struct guestmem *memory);
void watch_done(struct watch *w);

#endif
