/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * json_numbers.h -- reads the numbers in a program's JSON output. It uses no JSON library, because it also runs in
 * guests.
 *
 * The output can be of any length and depth, and broken. The parser does not recurse. The only memory
 * that it allocates is eight bytes for each key, to find keys that an object has twice.
 */
#ifndef KTSTR_BASE_JSON_NUMBERS_H
#define KTSTR_BASE_JSON_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>

#define LEAF_PATH_MAX  192 /* bytes of "jobs.0.read.iops", its NUL included */
#define LEAF_DEPTH_MAX 64  /* levels of arrays and objects that are read */

/* @path is valid during the call. Return false to get no more numbers. */
typedef bool leaf_fn(void *arg, const char *path, double value);

/*
 * Calls @fn for each finite number in the JSON of @text, in the order of the text. Its path is the keys and array
 * positions, joined by dots. The JSON is the first balanced {...} or [...] in the text that is valid. Returns the
 * number of calls that returned true. -ENOENT: there is no {...} or [...]; -EBADMSG: there are, but none is valid;
 * -ENOTUNIQ: it is valid, but an object has the same key twice, so its meaning is not clear.
 * *@truncated: numbers were skipped, because they were too deep, too long or infinite, their path was too long, or @fn
 * returned false.
 */
int json_numbers(const char *text, size_t len, leaf_fn *fn, void *arg, bool *truncated);

#endif
