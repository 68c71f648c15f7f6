/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * region.h -- the counters that a guest leaves in its memory (struct wire_coverage), added up over the processes of
 * each program.
 */
#ifndef KTSTR_COVERAGE_REGION_H
#define KTSTR_COVERAGE_REGION_H

#include <stddef.h>
#include <stdint.h>

#include <ktstr/wire.h>

#include "base/buf.h"
#include "base/err.h"

/* The programs that have counted. */
struct coverage_region {
	const uint8_t *at; /* the guest's memory */
	size_t size;
	uint32_t lost; /* processes that were not counted */
	uint32_t programs;
	uint32_t program[WIRE_COVERAGE_PROGRAMS_MAX]; /* offsets */
};

struct coverage_counts {
	char path[WIRE_COVERAGE_PATH_MAX]; /* of the program in the guest */
	uint32_t stamp;
	uint64_t counters;
	uint64_t *value;
};

/*
 * Finds the programs. The memory is the guest's, and may have anything. Without any program, nothing was counted.
 * -EBADMSG: there is no memory for counters.
 */
int coverage_region_open(const uint8_t *at, size_t size, struct coverage_region *ret, struct err **err);
/* Adds up those of program @index. -EBADMSG: damaged, or the guest could not count, and @err says why. */
int coverage_sum(const struct coverage_region *r, uint32_t index, struct coverage_counts *ret, struct err **err);
void coverage_counts_done(struct coverage_counts *c);
/* The file that the program reads on the host, to write its counters (WIRE_COVERAGE_LOAD). */
void coverage_put_file(const struct coverage_counts *c, struct buf *out);

#endif
