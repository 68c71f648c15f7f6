/* SPDX-License-Identifier: GPL-2.0-only */
/* result.h -- one finished attempt, as input of all reports. All pointers are borrowed. */
#ifndef KTSTR_REPORT_RESULT_H
#define KTSTR_REPORT_RESULT_H

#include <jansson.h>

#include <ktstr/topology.h>

#include "base/time.h"
#include "verdict/flake.h"
#include "verdict/judge.h"
#include "verdict/known.h"

/* A setting that perf mode requested from the host, and the outcome. */
struct result_perf_setting {
	const char *name;	 /* "huge-pages" */
	uint32_t asked, granted; /* how often: once per vCPU, per node, or per machine */
	const char *why;	 /* reason of the last refusal; "": none */
};

#define RESULT_PERF_SETTINGS_MAX 16

/* A part of the confinement of the machine's process. */
struct result_part {
	const char *name;    /* "files" */
	const char *refused; /* why the host refused it; NULL: in force */
};

#define RESULT_PARTS_MAX 16

struct result {
	const char *name;		      /* ktstr/two_cgroups; with the kernel's label if the run has several */
	const char *test;		      /* two_cgroups */
	const char *scheduler;		      /* NULL: the kernel's default scheduler */
	const char *const *scheduler_args[2]; /* its command line after the binary: of its declaration, of the test */
	const char *payload;		      /* name of the primary payload, or NULL */
	const char *topology;
	const struct ktstr_topology *shape; /* the same topology, with nodes and distances */
	const char *suite;		    /* name of the test binary */
	const char *file;		    /* where the test is declared, as the compiler named it; NULL: unknown */
	unsigned line;
	const char *kernel; /* as an argument of --kernel */
	const char *kernel_version, *kernel_label;
	const char *kernel_commit;  /* commit of the source tree; NULL: no tree, or unknown */
	const char *resolve_source; /* how the scheduler's binary was found; NULL: no scheduler */
	const char *accel;
	const char *start; /* "boot" or "clone"; NULL: no machine */
	const char *const *sysctls, *const *kargs;
	const char *replay;	    /* command line that repeats the test */
	const char *sidecar;	    /* path; NULL before it is written */
	const char *monitor_lack;   /* why none were taken, or NULL */
	json_t *snapshots;	    /* that the test asked for; NULL: none */
	json_t *map_metrics;	    /* {name: value}; NULL: none */
	const json_t *insns;	    /* metrics of counted instructions; NULL: none were counted */
	const char *snapshots_file; /* path, or NULL */
	const char *dump;	    /* path of what the guest's memory said about the failure, or NULL */
	const char *dump_text;	    /* its beginning, as text; "": there is none */
	const json_t *repro;	    /* what the second run of a failure said; NULL: nothing is to be said */
	const char *repro_dump;	    /* path of its dump, or NULL */
	nsec_t repro_wall;	    /* host time that it took */
	const char *schedule_file;  /* path of the kept schedule, or NULL */
	const char *schedule_text;  /* its steps around the failure, as indented lines; "" or NULL: there are none */
	const char *run_id, *project_commit;
	const json_t *host;
	uint64_t seed, variant;
	uint64_t memory_mib;
	unsigned attempt; /* number of the try, from 1 */
	struct judge_facts facts;
	bool strict;	 /* release thresholds */
	bool skips_fail; /* tests that cannot run here fail */
	bool allow_inconclusive;
	const char *performance;	/* from plan_perf_name() */
	unsigned cpu_cap, cpu_budget;	/* 0: none */
	const char *workload_root;	/* control group of the guest; NULL: the default */
	const char *config;		/* text of the scheduler's configuration; NULL: the test declares none */
	const char *const *environment; /* NAME=VALUE, from replay_environment(); NULL: none */
	struct flake_policy policy;
	struct flake_outcome outcome;
	const struct flake_history *history; /* all tries so far, including this one; NULL: not kept */
	struct known_fail known;	     /* the known failure that applies here */
	enum known_outcome known_outcome;
	const json_t *perf_gates; /* that the test declares; NULL: none */
	const struct view *kaslr; /* where a kernel with KASLR was; NULL: it has none, or was not found */
	const json_t *devices;	  /* that the test declares; NULL: none */
	unsigned icount_shift;
	unsigned lag_ns;	 /* tcg: of parallel time; 0: one shared clock */
	char perturb[400];	 /* as --perturb has it; "": none */
	unsigned perturb_points; /* how often a vCPU was held back */
	const char *tcg_time;	 /* "parallel" or "shared"; NULL: not on tcg */
	unsigned time_dilation;	 /* 1: none */
	nsec_t estimate;	 /* the plan's estimate of `wall`; 0: none */
	nsec_t cleanup;		 /* host time from the guest's exit record to the end of the VM; -1: unknown */
	nsec_t wall, boot;	 /* host time: lifetime of the VM; from its start to the first record (0: never) */
	uint64_t vm_cpu_usec, vm_rss_kib;
	const char *const *counter_names; /* names of the backend's counters per vCPU */
	const uint64_t *counter;	  /* `counters` values of each vCPU in turn */
	unsigned counters, counted_vcpus; /* 0: none */
	const char *const *event_names;	  /* names of events in the machine's event rings */
	const uint64_t *event;
	unsigned events;
	bool perf_mode;
	struct result_perf_setting perf_setting[RESULT_PERF_SETTINGS_MAX]; /* of perf mode; empty without a machine */
	unsigned perf_settings;
	struct result_part part[RESULT_PARTS_MAX]; /* of the confinement; empty without a machine */
	unsigned parts;
	const struct evidence *evidence;
	const struct judgement *judgement;
};

#endif
