/* SPDX-License-Identifier: GPL-2.0-only */
/* tap.h -- counts TAP results in a program's output: "ok 1 name", "not ok 2 - name", "ok 3 name # SKIP why". */
#ifndef KTSTR_BASE_TAP_H
#define KTSTR_BASE_TAP_H

#include <stddef.h>

struct tap_count {
	unsigned passed, failed, skipped;
	char said[120]; /* name and comment of the first failed result, else of the first skipped one */
};

/* Counts all results or, if @wanted is set, those with that name. Skips other lines. @text may have any bytes. */
void tap_read(const char *text, size_t len, const char *wanted, struct tap_count *ret);

#endif
