/* SPDX-License-Identifier: GPL-2.0-only */
/* scheduler_path.h -- where the program of a scheduler is on the host. */
#ifndef KTSTR_RUN_SCHEDULER_PATH_H
#define KTSTR_RUN_SCHEDULER_PATH_H

#include <stdbool.h>

#include "base/err.h"

/*
 * The host path of a scheduler's binary. A path is used as it is. A name is searched in this order:
 * KTSTR_SCHEDULER_BIN_<NAME>, KTSTR_SCHEDULER, PATH (only if KTSTR_CARGO_TEST_MODE is on), the test binary's directory,
 * and if that is called "deps" its parent, release/ and debug/ in CARGO_TARGET_DIR ("target"), @kernel_schedulers (may
 * be NULL), PATH. -ENOENT: not found; the error says what to do.
 */
int scheduler_locate(const char *binary, const char *test_binary, const char *kernel_schedulers, char **ret,
		     struct err **err);
/* "scx_central, scx_simple": the programs in a kernel's directory of schedulers. NULL: there are none. Caller frees. */
char *scheduler_names(const char *dir);
/* Is a program of this name among a kernel's own schedulers (a directory; NULL: it has none)? */
bool scheduler_is_kernels_own(const char *binary, const char *kernel_schedulers);
/* Does an environment variable name the program for @binary? */
bool scheduler_is_named(const char *binary);
/*
 * How @path was found: "declared", "environment", "sibling", "target_release", "target_debug", "kernel" or "path". The
 * other arguments as above.
 */
const char *scheduler_source(const char *path, const char *binary, const char *test_binary,
			     const char *kernel_schedulers);

#endif
