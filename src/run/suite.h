/* SPDX-License-Identifier: GPL-2.0-only */
/* suite.h -- finds test binaries by their ELF note, runs them with --list, and checks what they list. */
#ifndef KTSTR_RUN_SUITE_H
#define KTSTR_RUN_SUITE_H

#include <ktstr/topology.h>

#include "base/json.h"
#include "base/arch.h"
#include "base/err.h"
#include "base/time.h"
#include "reactor/reactor.h"
#include "run/device_decl.h"
#include "run/sched_decl.h"
#include "run/seen_decl.h"

#define SUITE_BINARIES_MAX   1024
#define SUITE_LIST_BYTES_MAX ((size_t)16 << 20)

struct payload_decl {
	char *name, *binary, *kit; /* kit: NULL if not from the kernel's kit */
	char **include_files;
	bool asks;	/* a language model reads its output */
	char *hint;	/* what it is told; or NULL */
	char **metrics; /* which it is asked for; none: all */
};

/* A known failure; see known_fail.h. */
struct known_fail_decl {
	char *kernel, *scheduler; /* NULL: all */
	char *reason;
	bool flaky;
};

/* What makes a test a cell of the verifier sweep (cells.h). */
struct cell_decl {
	char *label;   /* the scheduler, with its profile: "simple", "simple+fifo" */
	char *profile; /* flags joined by '+'; NULL: the scheduler has none, or none is asked for */
	char *origin;  /* the test binary that declares the scheduler; NULL: none does */
};

struct test_decl {
	char *name, *file;
	enum arch arch; /* of its program */
	unsigned line;
	char *problem;			    /* why the test cannot run, or NULL */
	const struct sched_decl *scheduler; /* NULL: the kernel's default scheduler */
	struct ktstr_topology topology;
	struct ktstr_constraints constraints; /* without unset fields */
	unsigned memory_mib, workers_per_cgroup;
	nsec_t duration;
	char **sched_args, **include_files;
	char *payload;			   /* name of the primary payload, or NULL */
	struct payload_decl *payload_list; /* the primary payload first, if any */
	size_t payloads;
	struct known_fail_decl *known_fail;
	size_t known_fails;
	json_t *perf_gates; /* as sidecars have them; NULL: none */
	bool expect_err, allow_inconclusive;
	enum ktstr_finding expect_finding;
	bool ignored;				/* runs only if it is asked for */
	bool auto_repro;			/* a failure of the scheduler is run once more */
	bool expect_auto_repro;			/* the test passes only if that shows the failure again */
	bool kaslr;				/* the kernel starts at a random place */
	bool survives_storm;			/* the scheduler must be attached in every hold */
	unsigned cpu_budget, cleanup_budget_ms; /* 0: none */
	unsigned watchdog_timeout_s;		/* 0: the scheduler's own */
	char *workload_root;			/* control group of the guest, or NULL */
	char *config;				/* content of the scheduler's configuration, or NULL */
	bool host_only;				/* the body runs on the host, without a machine */
	bool performance_mode, no_perf_mode;	/* at most one of them */
	/* A line for each limit that a load of the scenario sets itself, as the test binary wrote it; NULL: none. */
	char *load_limits;
	char *expect_contains, *expect_matches; /* in a log at the scheduler's end, or NULL */
	const struct sched_decl **staged;	/* NULL-terminated */
	struct seen_decl seen;
	struct device_decl devices;
	struct ktstr_checks checks;
	const char *binary;		/* path of the test binary, or of the scenario file */
	const char *program;		/* what runs in the guest; NULL: the test binary */
	const char *scenario;		/* text of the scenario file; NULL: it is a test binary */
	struct cell_decl *cell;		/* of the verifier sweep; NULL: the test is declared. Owned */
	struct question_decl *question; /* of the battery of `ktstr try` (questions.h); NULL: another test. Owned */
};

struct suite {
	char *path;	/* of the test binary, or of the scenario file */
	char *scenario; /* text of that file, or NULL */
	struct sched_decl *scheduler;
	size_t schedulers;
	struct test_decl *test;
	size_t tests;
	char *problem; /* why the tests could not be listed (then there are none), or NULL */
};

/* Finds test binaries in @paths (files, or directories with all below), sorted. The caller calls strings_free(). */
int suite_find(const char *const *paths, char ***ret, struct err **err);
/* Runs a program with one option on the reactor, and returns what it prints. It must end with status 0, and soon. */
int suite_ask(struct reactor *r, const char *path, const char *option, struct buf *ret, struct err **err);
/* Runs @path --list on the reactor and parses the output. */
int suite_load(struct reactor *r, const char *path, struct suite *ret, struct err **err);
/* Parses the output of --list. */
int suite_parse(const char *path, const char *text, size_t len, struct suite *ret, struct err **err);
void suite_done(struct suite *s);
/*
 * Finds and loads all test binaries. A binary that cannot be listed becomes a suite with a problem. Fails if no binary
 * can be listed. @scenario_program: for scenario files (scenario_file.h), borrowed; NULL: they are refused. The caller
 * calls suites_free().
 */
int suites_load(struct reactor *r, const char *const *paths, const char *scenario_program, struct suite **ret,
		size_t *ret_count, struct err **err);
void suites_free(struct suite *suite, size_t count);
/* The control group of the guest below which the cgroups are made; NULL: the default, /ktstr. */
const char *test_workload_root(const struct test_decl *t);
/* The longest attach timeout of the test's schedulers, in guest time; 0: no scheduler. */
nsec_t test_attach_timeout(const struct test_decl *t);

#endif
