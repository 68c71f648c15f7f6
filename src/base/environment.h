/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * environment.h -- the environment variables that ktstr reads: one table, one way to read them.
 *
 * The table (environment.c) gives name, meaning, default, reader and audience of each variable. `ktstr help
 * environment`, docs/ENVIRONMENT.md, the manual pages and the tests are made from it. Nothing else calls getenv().
 */
#ifndef KTSTR_BASE_ENVIRONMENT_H
#define KTSTR_BASE_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

enum environment_id {
	ENV_CARGO_TARGET_DIR,
	ENV_CLICOLOR_FORCE,
	ENV_HOME,
	ENV_ACCEL,
	ENV_APT_SOURCES,
	ENV_BACKTRACE,
	ENV_BUDGET_SECS,
	ENV_BYPASS_LLC_LOCKS,
	ENV_CACHE_DIR,
	ENV_CACHE_STORE_LOCK_TIMEOUT,
	ENV_CARGO_TEST_MODE,
	ENV_CGROUP_WALK_ROOT,
	ENV_CI,
	ENV_CPU_CAP,
	ENV_HOST_CGROUP_PARENT,
	ENV_HOST_DEADLINE_PERCENT,
	ENV_KERNEL,
	ENV_KERNEL_KEYRING,
	ENV_KERNEL_MIRROR,
	ENV_KERNEL_PARALLELISM,
	ENV_KIT,
	ENV_LOCK_DIR,
	ENV_LOG_PASSES,
	ENV_NO_PERF_MODE,
	ENV_NO_SKIP_MODE,
	ENV_PERF_ONLY,
	ENV_RUNS_ROOT,
	ENV_SCHEDULER,
	ENV_SCHEDULER_ALLOW_STALE_FALLBACK,
	ENV_SCHEDULER_BIN,
	ENV_SIDECAR_DIR,
	ENV_TEST_KERNEL,
	ENV_VERBOSE,
	ENV_LD_LIBRARY_PATH,
	ENV_NO_COLOR,
	ENV_PATH,
	ENV_TERM,
	ENV_XDG_CACHE_HOME,
	ENV_XDG_DATA_HOME,
	ENV_MAX,
};

enum environment_audience {
	ENVIRONMENT_USER,     /* for people: documented, stable */
	ENVIRONMENT_INTERNAL, /* set by ktstr for its own child processes */
	ENVIRONMENT_SYSTEM,   /* not ours: means what it means everywhere */
};

/* What counts as a value, or as "on". */
enum environment_rule {
	ENVIRONMENT_VALUE,	 /* a value; an empty one is the same as unset */
	ENVIRONMENT_EMPTY_TOO,	 /* a value, and an empty one is not the same as unset */
	ENVIRONMENT_NONEMPTY,	 /* on when it is not empty */
	ENVIRONMENT_ONE,	 /* on when it is exactly "1" */
	ENVIRONMENT_ONE_OR_FULL, /* on when it is exactly "1" or "full" */
	ENVIRONMENT_PRESENT,	 /* on when it exists, even when it is empty */
};

struct environment_variable {
	const char *name; /* a name that ends in '_' is a prefix: see environment_get_for() */
	const char *meaning;
	const char *fallback; /* the default, for people; "" where being unset means nothing more than that */
	const char *reader;   /* the file that reads it */
	enum environment_audience audience;
	enum environment_rule rule;
	bool decides; /* changes what runs or the verdict, and no option does: replay lines name it */
};

extern const struct environment_variable environment_variables[ENV_MAX];

/* The value, or NULL when it counts as unset. */
const char *environment_get(enum environment_id id);
/* The variable whose name is a prefix, for @name in upper case with '_' for every other character; or NULL. */
const char *environment_get_for(enum environment_id id, const char *name);
/* For variables with an "on" rule. */
bool environment_is_on(enum environment_id id);

/*
 * The environment for `make` and the compilers below it: only what is on a list of harmless names (PATH, HOME, the
 * language, ccache's settings ...). Variables that would change what is built or where (KBUILD_OUTPUT, ARCH, LLVM,
 * CFLAGS, MAKEFLAGS ...) do not pass. "NAME=value" strings of our own environment in an array that the caller frees,
 * NULL-terminated. NULL: out of memory.
 */
const char **environment_for_make(void);

#endif
