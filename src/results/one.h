/* SPDX-License-Identifier: GPL-2.0-only */
/* one.h -- the only result of a run of one test, read back. */
#ifndef KTSTR_RESULTS_ONE_H
#define KTSTR_RESULTS_ONE_H

#include <jansson.h>

/*
 * Reads a file of @dir whose name ends with @suffix. *@ret, if not NULL, is replaced. -ENOENT: there is none that can
 * be read; *@ret is NULL.
 */
int result_read_one(const char *dir, const char *suffix, json_t **ret);

/* Number of such files. */
unsigned result_count(const char *dir, const char *suffix);

#endif
