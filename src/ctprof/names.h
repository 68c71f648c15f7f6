/* SPDX-License-Identifier: GPL-2.0-only */
/* names.h -- names of threads and control groups made comparable between two runs. */
#ifndef KTSTR_CTPROF_NAMES_H
#define KTSTR_CTPROF_NAMES_H

#include "base/buf.h"

/*
 * Numbers become {N}, and words of six or more hexadecimal digits that have a letter and a digit become {H}:
 * "kworker/3:1" is "kworker/{N}:{N}". The caller frees; NULL: out of memory.
 */
char *name_pattern(const char *name);
/*
 * If @path, or its beginning up to a slash, matches one of the NULL-terminated glob patterns, that part becomes the
 * pattern. A wildcard does not match a slash. The caller frees; NULL: out of memory.
 */
char *cgroup_flatten(const char *path, const char *const *globs);

#endif
