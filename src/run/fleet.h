/* SPDX-License-Identifier: GPL-2.0-only */
/* fleet.h -- a run: every planned test tried, reported once, and summed up. */
#ifndef KTSTR_RUN_FLEET_H
#define KTSTR_RUN_FLEET_H

#include "base/cachefile.h"
#include "base/output.h"
#include "base/term.h"
#include "reactor/reactor.h"
#include "lock/host_resources.h"
#include "report/closing.h"
#include "report/events.h"
#include "run/attempt.h"
#include "run/eta.h"
#include "run/plan.h"
#include "run/rundir.h"
#include "vmm/accel.h"

#define MACHINE_MEMORY_MIB 160 /* of the host, beside its guest's */

struct fleet_config {
	const struct plan *plan;
	const struct accel_choice *accel;
	struct rundir *rundirs; /* one a kernel, in the order of `kernels` */
	const struct kernel *kernels;
	size_t kernel_count;
	unsigned jobs;	  /* machines at once; 0: as many as there are CPUs for */
	unsigned cpu_cap; /* CPUs that they may keep busy together; 0: all that this process may use */
	bool no_perf;	  /* budgets: CPUs are shared with others, not reserved (--no-perf-mode) */
	bool bypass;	  /* no lock files (KTSTR_BYPASS_LLC_LOCKS) */
	struct flake_policy flake;
	uint64_t seed;
	bool strict; /* release limits */
	enum plan_perf perf;
	const char *const *environment; /* of replay_environment(); NULL: nothing that matters is set */
	const char *image_cache;	/* directory, or NULL */
	const char *snapshot_cache;	/* directory: tests start from clones; NULL: they boot */
	bool verbose;			/* guests log all kernel messages (KTSTR_VERBOSE) */
	bool log_passes;		/* also of what passed: payloads' results, report */
	bool no_capture;		/* the guest's console and output go to stderr as they are, after each test */
	bool json;			/* events as JSON lines on stdout */
	bool keep_logs;			/* everything a guest said, beside its sidecar, also when it passed */
	bool keep_memory;		/* the guest's memory of what did not pass, beside its sidecar */
	bool skips_fail;		/* what cannot run here fails, with the reason why it cannot */
	struct term out, err;
	struct output *events, *messages; /* to programs, to people */
	struct closing *closing;	  /* gets what is worth a look at the end */
};

struct fleet;

int fleet_run(struct reactor *r, const struct fleet_config *config, struct run_counts *ret, struct err **err);

/* --- for the pieces of a run -------------------------------------------------------------------------------------- */

struct fleet {
	struct fleet_config config;
	struct reactor *reactor;
	struct host_resources resources;
	struct sandboxes groups; /* of machines on budgets */
	bool has_groups;
	unsigned cpus;	 /* that the machines may keep busy together */
	unsigned asked;	 /* attempts so far */
	nsec_t complain; /* when to say for whom we wait, should nothing run by then */
	struct attempt_env env;
	struct machine view; /* redraws; ends with the last attempt */
	struct term_frame frame;
	struct event_layout layout;
	struct eta eta;
	unsigned at_once; /* machines that were seen running together */
	struct notice idle;
	json_t *host;
	struct boot_file { /* one a kernel: what is booted, where that is not its own file */
		int fd;	   /* -1: its own file */
		char path[40];
	} * boot;
	struct attempt **live;	       /* one slot a plan item; NULL: none */
	struct flake_history *history; /* likewise; an item's is its running attempt's alone */
	struct run_counts counts;
	double deadline_scale;	/* of the attempts' host deadlines; 1: as they are */
	bool memory_is_limited; /* by a control group; `memory_note` says which, and what to do */
	char memory_note[400];
	unsigned open; /* items without a final result */
	nsec_t began;
	atomic_uint damaged; /* cached files that were found damaged, and made anew */
	struct err *err;     /* first failure that is not a test's */
	struct buf lost;     /* names of results that could not be stored, with commas between */
	unsigned lost_count;
};

/* fleet_view.c: progress and a table of machines, in place at the end of the terminal. */
bool fleet_view_wanted(const struct fleet *f);
void fleet_view_start(struct fleet *f);
/* Takes it from the terminal before something else is written; the next turn draws it again. */
void fleet_view_hide(struct fleet *f);
/* SIGWINCH and SIGTSTP; false for any other. */
bool fleet_view_signal(struct fleet *f, int sig);

/* admission.c: what machines ask of the host. */
int fleet_open_admission(struct fleet *f, struct err **err);
struct cpu_request fleet_request(struct fleet *f, const struct plan_case *c);
struct claim_need fleet_need(const struct fleet *f, const struct plan_case *c);

/* work.c: the blocking parts of an attempt, for the offload pool. */
int attempt_prepare(void *attempt);
int attempt_judge(void *attempt);
/* on_host.c */
int attempt_on_host(void *attempt);
int attempt_store(void *attempt);
/* What every report needs of a finished attempt; @ret borrows from @a and from @replay. */
void attempt_result(const struct attempt *a, struct buf *replay, struct result *ret);
/* How often the test is tried. One that is known to fail is not tried again for having failed. */
struct flake_policy attempt_policy(const struct attempt *a);
/* What the final verdict means where a failure is known. */
enum known_outcome attempt_known(const struct attempt *a);
/* The former tries of the attempt's test, and this one once it is judged. */
struct flake_history *attempt_history(const struct attempt *a);

#endif
