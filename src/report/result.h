/* SPDX-License-Identifier: GPL-2.0-only */
/* result.h -- one finished attempt, as every report sees it. Everything is borrowed. */
#ifndef KTSTR_REPORT_RESULT_H
#define KTSTR_REPORT_RESULT_H

#include <jansson.h>

#include <ktstr/topology.h>

#include "base/time.h"
#include "verdict/flake.h"
#include "verdict/judge.h"
#include "verdict/known.h"

/* Something that perf mode asked of the host, and what came of it. */
struct result_perf_setting {
	const char *name;	 /* "huge-pages" */
	uint32_t asked, granted; /* times: once a vCPU, a node, or the machine */
	const char *why;	 /* of the last refusal; "": none */
};

#define RESULT_PERF_SETTINGS_MAX 16

/* A part of what confines the machine's process. */
struct result_part {
	const char *name;    /* "files" */
	const char *refused; /* by the host, and why; NULL: it is in force */
};

#define RESULT_PARTS_MAX 16

struct result {
	const char *name;      /* ktstr/two_cgroups, with a kernel label where there are several */
	const char *test;      /* two_cgroups */
	const char *scheduler; /* NULL: the kernel's own */
	const char *payload;   /* the primary one's name, or NULL */
	const char *topology;
	const struct ktstr_topology *shape; /* the same, with nodes and distances */
	const char *suite;		    /* name of the test binary */
	const char *kernel;		    /* as --kernel takes it */
	const char *kernel_version, *kernel_label;
	const char *kernel_commit;  /* of the source tree; NULL: not from a tree, or not known */
	const char *resolve_source; /* how the scheduler's binary was found; NULL: there is none */
	const char *accel;
	const char *start; /* "boot" or "clone"; NULL: no machine */
	const char *const *sysctls, *const *kargs;
	const char *replay;  /* command line that repeats it */
	const char *sidecar; /* its path; NULL before it is written */
	const char *run_id, *project_commit;
	const json_t *host;
	uint64_t seed, variant;
	uint64_t memory_mib;
	unsigned attempt; /* 1: the first */
	struct judge_facts facts;
	bool strict;	 /* release limits */
	bool skips_fail; /* what cannot run here fails */
	bool allow_inconclusive;
	const char *performance;	/* which tests of the run are in performance mode */
	unsigned cpu_cap;		/* 0: none */
	const char *const *environment; /* NAME=VALUE, of the variables that matter; NULL: none */
	struct flake_policy policy;
	struct flake_outcome outcome;
	const struct flake_history *history; /* every try so far, this one included; NULL: not kept */
	struct known_fail known;	     /* the failure that is known of the test here */
	enum known_outcome known_outcome;
	unsigned icount_shift;
	unsigned time_dilation; /* 1: none */
	nsec_t estimate;	/* what the plan expected of `wall`; 0: nothing */
	nsec_t cleanup;		/* host time from the guest's last record to the end of its VM; -1: unknown */
	nsec_t wall, boot;	/* host time: of the VM's whole life; to the guest's hello (0: never) */
	uint64_t vm_cpu_usec, vm_rss_kib;
	const char *const *counter_names; /* of what the backend counted, a vCPU */
	const uint64_t *counter;	  /* `counters` of each vCPU in turn */
	unsigned counters, counted_vcpus; /* 0: it counts nothing */
	const char *const *event_names;	  /* of what the machine's threads reported through its event rings */
	const uint64_t *event;
	unsigned events;
	bool perf_mode;
	struct result_perf_setting
		perf_setting[RESULT_PERF_SETTINGS_MAX]; /* of perf mode; none where there was no machine */
	unsigned perf_settings;
	struct result_part part[RESULT_PARTS_MAX]; /* of the confinement; none where there was no machine */
	unsigned parts;
	const struct evidence *evidence;
	const struct judgement *judgement;
};

#endif
