/* SPDX-License-Identifier: GPL-2.0-only */
/* tap.h -- results in a program's output, a line each: "ok 1 name", "not ok 2 - name", "ok 3 name # SKIP why". */
#ifndef KTSTR_BASE_TAP_H
#define KTSTR_BASE_TAP_H

#include <stddef.h>

struct tap_count {
	unsigned passed, failed, skipped;
	char said[120]; /* of the first that failed, else of the first skip: its name and what is behind it */
};

/* Counts them all, or (@wanted) only those of that name. What is no result is passed over. Bytes of any kind. */
void tap_read(const char *text, size_t len, const char *wanted, struct tap_count *ret);

#endif
