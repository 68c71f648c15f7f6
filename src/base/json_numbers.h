/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * json_numbers.h -- the numbers in a program's JSON output, without a JSON library: this part runs in guests too.
 *
 * The output is somebody else's: of any length, broken, or as deep as it likes. Nothing here recurses or allocates.
 */
#ifndef KTSTR_BASE_JSON_NUMBERS_H
#define KTSTR_BASE_JSON_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>

#define LEAF_PATH_MAX  192 /* bytes of "jobs.0.read.iops", its NUL included */
#define LEAF_DEPTH_MAX 64  /* levels of arrays and objects that are looked into */

/* @path is the callee's for the call. False: no more, please. */
typedef bool leaf_fn(void *arg, const char *path, double value);

/*
 * Calls @fn for each finite number in the JSON of @text, in the order of the text: keys and array positions joined by
 * dots. The JSON is the whole text, or else the first balanced {...} or [...] in it that is JSON. Returns how many
 * there were. -ENOENT: there is no such region; -EBADMSG: what looks like one is broken. *@truncated: something was
 * passed over, for it was too deep, its path too long, or @fn had enough.
 */
int json_numbers(const char *text, size_t len, leaf_fn *fn, void *arg, bool *truncated);

#endif
