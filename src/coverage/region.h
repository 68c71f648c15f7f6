/* SPDX-License-Identifier: GPL-2.0-only */
/* region.h -- the counters that a guest leaves in its memory (struct wire_coverage), added up over its processes. */
#ifndef KTSTR_COVERAGE_REGION_H
#define KTSTR_COVERAGE_REGION_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct coverage_counts {
	uint32_t stamp;
	uint32_t lost; /* processes that were not counted */
	uint64_t counters;
	uint64_t *value;
};

/*
 * Adds up. The memory is the guest's, and may have anything. -ENODATA: nothing was counted, because the test's program
 * was built without coverage; -EBADMSG: damaged, or the guest could not count, and @err says why.
 */
int coverage_sum(const uint8_t *region, size_t size, struct coverage_counts *ret, struct err **err);
void coverage_counts_done(struct coverage_counts *c);
/* The file that `--coverage-load` of the test's program reads. */
void coverage_put_file(const struct coverage_counts *c, struct buf *out);

#endif
