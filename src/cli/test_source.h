/* SPDX-License-Identifier: GPL-2.0-only */
/* test_source.h -- tests that nobody wrote: what `ktstr verifier` and `ktstr try` add to a run of `ktstr test`. */
#ifndef KTSTR_CLI_TEST_SOURCE_H
#define KTSTR_CLI_TEST_SOURCE_H

#include "base/err.h"

struct cell_constants_list;
struct plan;
struct session;

/* A member of the command's own struct, which its functions find by container_of(). */
struct test_source {
	bool needs_paths;			     /* test binaries are loaded from the paths first */
	const char *const *presets;		     /* NULL-terminated; NULL: not asked for */
	const struct cell_constants_list *constants; /* cells only verify, with these; NULL: they run */
	const char *constants_dir;		     /* where they come from */
	const char *const *programs;		     /* of schedulers, that were named; NULL-terminated, or NULL */
	/* Replaces the suites of the session. */
	int (*suites)(const struct test_source *from, struct session *s, struct err **err);
	/* Leaves out tests of a plan that need not run; NULL: all run. */
	int (*trim)(const struct test_source *from, struct session *s, struct err **err);
	/* After the run: shows the results. Returns an error, or 0. */
	int (*finish)(const struct test_source *from, const struct session *s, struct err **err);
	bool judges; /* finish() notes the exit status */
};

#endif
