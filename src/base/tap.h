/* SPDX-License-Identifier: GPL-2.0-only */
/* tap.h -- counts TAP results in a program's output: "ok 1 name", "not ok 2 - name", "ok 3 name # SKIP why". */
#ifndef KTSTR_BASE_TAP_H
#define KTSTR_BASE_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tap_count {
	/* "not ok" with "# TODO" is a failure that the program expects; it counts as skipped. */
	unsigned passed, failed, skipped;
	bool has_plan;
	uint64_t planned; /* sum of the plans, "1..5" */
	bool bailed_out;  /* the program says that it cannot go on: "Bail out! why" */
	char bail_reason[100];
	/* Name (else number) and comment of the first failed result, else of the first skipped one or of "1..0". */
	char said[120];
};

/*
 * Counts all results or, if @wanted is set, those with that name. Plans and "Bail out!" are read in both cases. Skips
 * other lines. @text may have any bytes.
 */
void tap_read(const char *text, size_t len, const char *wanted, struct tap_count *ret);

#endif
