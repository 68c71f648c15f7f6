/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cells.h -- the verifier sweep: every scheduler on every kernel and every preset topology. A cell is a test whose
 * scheduler must pass the BPF verifier, attach, and let a worker on each CPU make progress.
 */
#ifndef KTSTR_RUN_CELLS_H
#define KTSTR_RUN_CELLS_H

#include "kernel/kernel.h"
#include "run/suite.h"
#include "topo/presets.h"

#define CELLS_SUITE	  "verifier"
#define CELL_PROFILES_MAX 64

/* A set of flags of one scheduler; its arguments are appended to those of the declaration. */
struct cell_profile {
	char *name; /* "default", "fifo", "fifo+slow" */
	char **args;
};

struct cell_profiles {
	struct cell_profile item[CELL_PROFILES_MAX];
	size_t count;
};

/*
 * Reads what a scheduler prints for --ktstr-list-flags: a JSON array of {name, args[], requires[]}. Makes a profile of
 * each set of flags whose requirements are in the set; the empty one is called "default" and is the first. Fails with
 * -E2BIG if there are more than CELL_PROFILES_MAX.
 */
int cell_profiles_parse(const char *text, size_t len, struct cell_profiles *ret, struct err **err);
void cell_profiles_done(struct cell_profiles *p);

struct cells_request {
	const char *program;	     /* the test binary of all cells */
	const char *const *names;    /* of schedulers: declared ones, else programs to be looked up; NULL-terminated */
	const char *const *programs; /* paths of schedulers; NULL-terminated */
	/* Flags of a scheduler; NULL: none. Called once for each scheduler. */
	int (*profiles)(void *arg, const struct sched_decl *s, const char *origin, struct cell_profiles *ret,
			struct err **err);
	void *arg;
};

/*
 * Makes the suite of all cells' tests, one for each scheduler and profile. Takes the schedulers out of @from: without
 * names and programs all that are declared with a program. -EEXIST: two declarations of one name differ. -ENOENT: there
 * is no scheduler.
 */
int cells_suite(struct suite *from, size_t count, const struct cells_request *q, struct suite *ret, struct err **err);

/* Does the declaration of the cell's scheduler admit this kernel and preset? */
bool cell_admits_kernel(const struct test_decl *t, const struct kernel *k);
bool cell_admits_preset(const struct test_decl *t, const struct preset *p);

/* The suite that a test's results belong to, and the file beside which programs of the same build are. */
const char *test_suite_name(const struct test_decl *t);
const char *test_home(const struct test_decl *t);

#endif
