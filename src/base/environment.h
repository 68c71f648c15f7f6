/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * environment.h -- the environment variables that ktstr reads: one table, one way to read them.
 *
 * The table (environment.c) has name, meaning, default, reader and audience of each variable. `ktstr help
 * environment`, docs/ENVIRONMENT.md, the manual pages and the tests are made from it. No other code calls getenv().
 */
#ifndef KTSTR_BASE_ENVIRONMENT_H
#define KTSTR_BASE_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

enum environment_id {
	ENV_ACTIONS_CACHE_URL,
	ENV_ACTIONS_RESULTS_URL,
	ENV_ACTIONS_RUNTIME_TOKEN,
	ENV_CARGO_TARGET_DIR,
	ENV_CLICOLOR_FORCE,
	ENV_COLORTERM,
	ENV_GITHUB_BASE_REF,
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
	ENV_GHA_CACHE,
	ENV_GUEST_DIR,
	ENV_HOST_CGROUP_PARENT,
	ENV_HOST_DEADLINE_PERCENT,
	ENV_KERNEL,
	ENV_KERNEL_KEYRING,
	ENV_KERNEL_LIST,
	ENV_KERNEL_MIRROR,
	ENV_KERNEL_PARALLELISM,
	ENV_KERNEL_STORE,
	ENV_KIT,
	ENV_LLM_DEBUG_RESPONSES,
	ENV_LLM_TIMEOUT,
	ENV_LLM_URL,
	ENV_LOCK_DIR,
	ENV_LOG_PASSES,
	ENV_MODEL_OFFLINE,
	ENV_NO_PERF_MODE,
	ENV_NO_SKIP_MODE,
	ENV_PERF_DELTA,
	ENV_PERF_ONLY,
	ENV_RUNS_ROOT,
	ENV_SCHEDULER,
	ENV_SCHEDULER_ALLOW_STALE_FALLBACK,
	ENV_SCHEDULER_BIN,
	ENV_SIDECAR_DIR,
	ENV_TEST_KERNEL,
	ENV_VERBOSE,
	ENV_VERIFIER_RAW,
	ENV_LD_LIBRARY_PATH,
	ENV_LLVM_COV_TARGET_DIR,
	ENV_LLVM_PROFILE_FILE,
	ENV_NO_COLOR,
	ENV_PATH,
	ENV_TERM,
	ENV_TMPDIR,
	ENV_XDG_CACHE_HOME,
	ENV_XDG_DATA_HOME,
	ENV_MAX,
};

enum environment_audience {
	ENVIRONMENT_USER,     /* for users: documented, stable */
	ENVIRONMENT_INTERNAL, /* set by ktstr for its own child processes */
	ENVIRONMENT_SYSTEM,   /* a variable of the system, with its usual meaning */
};

/* Which contents count as a value, or as "on". */
enum environment_rule {
	ENVIRONMENT_VALUE,	 /* a value; an empty one counts as unset */
	ENVIRONMENT_EMPTY_TOO,	 /* a value, which may be empty */
	ENVIRONMENT_NONEMPTY,	 /* on if it is not empty */
	ENVIRONMENT_ONE,	 /* on if it is "1" */
	ENVIRONMENT_ONE_OR_FULL, /* on if it is "1" or "full" */
	ENVIRONMENT_PRESENT,	 /* on if it is set, also to an empty string */
};

struct environment_variable {
	const char *name; /* a name that ends in '_' is a prefix: see environment_get_for() */
	const char *meaning;
	const char *fallback; /* the default, as text for users; "": there is none */
	const char *reader;   /* the file that reads it */
	enum environment_audience audience;
	enum environment_rule rule;
	bool decides; /* it changes the tests or their verdicts, and there is no option for it: replay lines have it */
};

extern const struct environment_variable environment_variables[ENV_MAX];

/* The value, or NULL if it counts as unset. */
const char *environment_get(enum environment_id id);
/*
 * For a variable whose name is a prefix: the value of prefix + @name, or NULL. Letters of @name become upper case;
 * other characters but digits become '_'.
 */
const char *environment_get_for(enum environment_id id, const char *name);
/* For variables with an "on" rule. */
bool environment_is_on(enum environment_id id);

/*
 * The environment for `make` and its compilers: only variables from a list of harmless names (PATH, HOME, the language,
 * ccache's settings ...). Variables that would change the result or its place (KBUILD_OUTPUT, ARCH, LLVM, CFLAGS,
 * MAKEFLAGS ...) are left out. Returns a NULL-terminated array of "NAME=value" strings; the caller frees the array, the
 * strings belong to the environment. NULL: out of memory.
 */
const char **environment_for_make(void);

#endif
