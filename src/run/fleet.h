/* SPDX-License-Identifier: GPL-2.0-only */
/* fleet.h -- a run: tries every planned test, reports each result, and sums up. */
#ifndef KTSTR_RUN_FLEET_H
#define KTSTR_RUN_FLEET_H

#include "base/cachefile.h"
#include "base/output.h"
#include "base/term.h"
#include "reactor/reactor.h"
#include "lock/host_resources.h"
#include "report/closing.h"
#include "report/events.h"
#include "report/known_signatures.h"
#include "run/attempt.h"
#include "run/eta.h"
#include "run/model_metrics.h"
#include "run/packed_run.h"
#include "run/plan.h"
#include "run/records.h"
#include "run/rundir.h"
#include "vmm/accel.h"

#define MACHINE_MEMORY_MIB 160 /* host memory of a VM process, besides that of its guest */

struct coverage_run;

struct fleet_config {
	const struct plan *plan;
	const struct accel_choice *accel;
	struct rundir *rundirs; /* one per kernel, in the order of `kernels` */
	const struct kernel *kernels;
	size_t kernel_count;
	unsigned jobs;	  /* most machines at once; 0: as many as CPUs and memory allow */
	unsigned cpu_cap; /* CPUs that all machines may use together; 0: all CPUs of this process */
	bool no_perf;	  /* do not reserve CPUs, but share them with other processes (--no-perf-mode) */
	bool bypass;	  /* no lock files (KTSTR_BYPASS_LLC_LOCKS) */
	struct flake_policy flake;
	uint64_t seed;
	unsigned deadline_percent; /* of the built-in host deadlines */
	bool strict;		   /* release thresholds */
	enum plan_perf perf;
	const char *const *environment; /* from replay_environment(); NULL: no such variable is set */
	const char *image_cache;	/* directory, or NULL */
	const char *model_dir;		/* of `ktstr model`, or NULL */
	const char *snapshot_cache;	/* directory; tests start from clones. NULL: they boot */
	bool start_auto;		/* only those that start_can_be_shared() says do */
	bool verbose;			/* guests log all kernel messages (KTSTR_VERBOSE) */
	bool log_passes;		/* print payload results and the report of passed tests, too */
	bool no_capture;		/* the same, and print the guest's console and output unchanged to stderr */
	bool no_reports;		/* print no failure reports, only lines */
	unsigned failures_most;		/* failed tests after which no other one starts; 0: any number */
	nsec_t slow;			/* print which tests have been running for this long; 0: never */
	bool json;			/* events as JSON lines on stdout */
	bool keep_logs;			/* keep the output of every guest beside its sidecar */
	bool keep_memory;		/* keep the guest's memory beside the sidecar, unless the test passed */
	struct coverage_run *coverage;	/* gets what the tests' programs execute; NULL: that is not counted */
	bool profile_insns;		/* count the instructions of guests' kernels */
	const char *schedule_trace;	/* directory for the trace of each test's schedule; NULL: none is wanted */
	bool no_monitor;		/* do not look at guests from outside */
	const char *write_scenario;	/* file for the scenario that the only test runs, or NULL */
	const char *constants_dir;	/* of cells that only verify, or NULL */
	const char *perturb_file;	/* where the points of the plan's perturbation are, or NULL */
	bool exploring;			/* many schedules: reports only in files, and no second runs */
	struct packed_run *capture;	/* gets all that decides the run of the only test; NULL: it is not wanted */
	struct run_counts before;	/* of earlier rounds of the same run, for the live view */
	nsec_t until;			/* reactor time after which no other test starts; 0: never */
	const struct known_signatures *known; /* failures that count as known ones; may be NULL */
	/* A test has its last result. Returns whether that is enough: no other test starts. May be NULL. */
	bool (*judged)(void *data, const struct attempt *a, enum ktstr_verdict verdict);
	void *data;
	bool skips_fail; /* tests that cannot run here fail instead of being skipped */
	struct term out, err;
	struct output *events, *messages; /* output for programs; for the user */
	struct output *stream;		  /* events as JSON lines in a file; NULL: none */
	struct closing *closing;	  /* collects the results for the closing summary */
	struct run_records *records;	  /* collects where the results are; may be NULL */
};

struct fleet;

int fleet_run(struct reactor *r, const struct fleet_config *config, struct run_counts *ret, struct err **err);

/* --- shared by the files of a run --------------------------------------------------------------------------------- */

struct fleet {
	struct fleet_config config;
	struct reactor *reactor;
	struct host_resources resources;
	struct sandboxes groups; /* of machines without reserved CPUs */
	bool has_groups;
	unsigned cpus;			    /* CPUs that all machines may use together */
	unsigned asked;			    /* CPU requests so far without reservation */
	nsec_t report_holders_at;	    /* when to print which processes hold the CPUs, if nothing runs by then */
	bool holders_reported;		    /* they were printed, and nothing has run since */
	struct attempt_env env, second_env; /* of tries; of second runs (second_run.h) */
	struct machine view;		    /* redraws the view; ends after the last attempt */
	struct term_frame frame;
	struct event_layout layout;
	struct eta eta;
	const char *stopped; /* why no other test starts; NULL: they do */
	nsec_t slow_at;	     /* when a test may have become slow */
	unsigned at_once;    /* most machines that were seen running at once */
	struct notice idle;
	json_t *host;
	struct boot_file { /* one per kernel: the copy that is booted instead of the kernel file */
		int fd;	   /* -1: no copy; the kernel file is booted */
		char path[40];
	} * boot;
	struct constant_files files;	/* of all machines */
	struct model_server model;	/* who is asked about the output of payloads */
	struct watched_kernel *watched; /* one per kernel */
	struct attempt **live;		/* running attempt of each plan item, or NULL */
	struct flake_history *history;	/* of each plan item; only its running attempt may use it */
	struct run_counts counts;
	unsigned noted_failures; /* that are not in `counts` yet */
	bool memory_is_limited;	 /* by a control group; `memory_note` says which one, and what to do */
	char memory_note[400];
	unsigned open; /* items without a final result */
	nsec_t began;
	atomic_uint damaged; /* number of cached files that were damaged and made again */
	struct err *err;     /* first error of the run itself, not of a test */
	struct buf lost;     /* names of results that could not be stored, separated by commas */
	unsigned lost_count;
};

/* fleet_view.c: shows progress and a table of machines at the bottom of the terminal, and redraws them in place. */
bool fleet_view_wanted(const struct fleet *f);
void fleet_view_start(struct fleet *f);
/* Erases the view; call this before other output. The next redraw shows it again. */
void fleet_view_hide(struct fleet *f);
/* Handles SIGWINCH and SIGTSTP; returns false for other signals. */
bool fleet_view_signal(struct fleet *f, int sig);

/* fleet_slow.c: prints once for each test that it is slow, and sets `slow_at` anew. */
void fleet_report_slow(struct fleet *f);

/*
 * fleet_cells.c: after a cell of the verifier sweep whose program is no scheduler, the others of that program do not
 * start: other topologies cannot say more.
 */
void fleet_drop_cells(struct fleet *f, const struct attempt *a);

/* fleet_boot.c: makes copies of kernels that boot faster, where that is possible. -ENOMEM. */
int fleet_make_boot_files(struct fleet *f);
/* What a machine with this kernel boots. */
const char *fleet_boot_file(const struct fleet *f, const struct kernel *k);

/* fleet_second.c: sets what second runs of attempts share. */
void fleet_set_second_env(struct fleet *f);
/* fleet_machine.c: the clone template of the attempt's machine; NULL: it boots. Clones have the kernel at one place. */
struct clone_template *fleet_clone_template(struct fleet *f, const struct attempt *a);
/* Others can look at the machine now; if that cannot be arranged, the run goes on without. */
void fleet_show_machine(struct attempt *a);

/* admission.c: what machines request from the host. */
int fleet_open_admission(struct fleet *f, struct err **err);
struct cpu_request fleet_request(struct fleet *f, const struct plan_case *c);
struct claim_need fleet_need(const struct fleet *f, const struct plan_case *c);

/* work.c: the blocking operations of an attempt, for the offload pool. */
int attempt_prepare(void *attempt);
int attempt_foresee(void *attempt);
int attempt_judge(void *attempt);
/* on_host.c */
int attempt_on_host(void *attempt);

/* store.c: the result of an attempt, and its files. */
int attempt_store(void *attempt);
/* Collects what reports need of a finished attempt. @ret borrows from @a and @replay. */
void attempt_result(const struct attempt *a, struct buf *replay, struct result *ret);

/* attempt_facts.c: what the run says about an attempt. */
/* How often the test is tried. A test with a known failure is not retried when it fails. */
struct flake_policy attempt_policy(const struct attempt *a);
/* What the final verdict means for a test with a known failure. */
enum known_outcome attempt_known(const struct attempt *a);
/* The earlier tries of the test, and this one once it is judged. */
struct flake_history *attempt_history(const struct attempt *a);
/* What it is judged by, besides its evidence. */
struct judge_facts attempt_facts(const struct attempt *a);
const struct rundir *attempt_rundir(const struct attempt *a);
/* The path of its sidecar; the caller frees. NULL: out of memory. */
char *attempt_sidecar_path(const struct attempt *a);

#endif
