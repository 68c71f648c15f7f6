/* SPDX-License-Identifier: GPL-2.0-only */
/* suite.h -- test binaries on the host: found by their ELF note, listed by themselves, checked here. */
#ifndef KTSTR_RUN_SUITE_H
#define KTSTR_RUN_SUITE_H

#include <ktstr/scheduler.h>
#include <ktstr/topology.h>

#include "base/err.h"
#include "base/time.h"
#include "reactor/reactor.h"

#define SUITE_BINARIES_MAX   1024
#define SUITE_LIST_BYTES_MAX ((size_t)16 << 20)

struct sched_decl {
	char *name, *binary;
	char *build;			 /* command that makes the binary, or NULL */
	char *build_problem;		 /* why it did not, once it was run; or NULL */
	bool is_built;			 /* it was run */
	char **args, **sysctls, **kargs; /* NULL-terminated */
	unsigned load_cpu;		 /* CPU + 1; 0: anywhere */
	unsigned attach_timeout_s;	 /* guest time */
	struct ktstr_checks checks;
};

struct payload_decl {
	char *name, *binary, *kit; /* kit: NULL where it is none of the kernel's */
	char **include_files;
};

/* A failure that is known (known_fail.h says where it applies). */
struct known_fail_decl {
	char *kernel, *scheduler; /* NULL: all */
	char *reason;
	bool flaky;
};

struct test_decl {
	char *name, *file;
	unsigned line;
	char *problem;			    /* why it cannot run, or NULL */
	const struct sched_decl *scheduler; /* NULL: the kernel's own */
	struct ktstr_topology topology;
	struct ktstr_constraints constraints; /* every field filled in */
	unsigned memory_mib, workers_per_cgroup;
	nsec_t duration;
	char **sched_args, **include_files;
	char *payload;			   /* the primary one's name, or NULL */
	struct payload_decl *payload_list; /* it first, where there is one */
	size_t payloads;
	struct known_fail_decl *known_fail;
	size_t known_fails;
	bool expect_err, allow_inconclusive;
	enum ktstr_finding expect_finding;
	bool host_only;				/* the body runs here, without a machine */
	bool performance_mode, no_perf_mode;	/* not both */
	char *expect_contains, *expect_matches; /* of the scheduler's last words, or NULL */
	const struct sched_decl **staged;	/* NULL-terminated */
	struct ktstr_checks checks;
	const char *binary; /* the suite's path */
};

struct suite {
	char *path; /* of the test binary */
	struct sched_decl *scheduler;
	size_t schedulers;
	struct test_decl *test;
	size_t tests;
	char *problem; /* why its tests are not known; then it has none. NULL: they are */
};

/* Test binaries at @paths (files, or directories searched below), sorted. Frees with strings_free(). */
int suite_find(const char *const *paths, char ***ret, struct err **err);
/* Runs @path --list on the reactor and reads what it says. */
int suite_load(struct reactor *r, const char *path, struct suite *ret, struct err **err);
/* Reads a list that a test binary printed. */
int suite_parse(const char *path, const char *text, size_t len, struct suite *ret, struct err **err);
void suite_done(struct suite *s);
/*
 * Finds and loads all of them. A binary that cannot be listed stops no other: it is a suite with a problem. Fails when
 * not one can be listed. Frees with suites_free().
 */
int suites_load(struct reactor *r, const char *const *paths, struct suite **ret, size_t *ret_count, struct err **err);
void suites_free(struct suite *suite, size_t count);
void strings_free(char **list);
/* The longest that any of the test's schedulers may take to attach, guest time; 0 without one. */
nsec_t test_attach_timeout(const struct test_decl *t);

#endif
