/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * counters.h -- where gcc's --coverage or clang's -fprofile-instr-generate keeps this program's counters.
 *
 * The counters of shared libraries are not found: each library has a runtime of its own.
 */
#ifndef KTSTR_GUEST_COVERAGE_COUNTERS_H
#define KTSTR_GUEST_COVERAGE_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

struct counter_range {
	uint64_t *at;
	size_t count;
};

/* In the order of their addresses, which is the same in each process of the same program. */
struct counters {
	struct counter_range *range;
	size_t ranges, room;
	uint64_t total;
	uint32_t stamp; /* of their places */
};

/* -ENODATA: the program was built without coverage; -ENOTSUP: by a version of gcc that is not known; -ENOMEM. */
int counters_find(struct counters *ret);
void counters_done(struct counters *c);
/* From now on the compiler's runtime writes no files of this process, and of those that it forks. */
void counters_detach(void);
/* Lets clang's runtime, where this is linked with it, write its file now: maybe it has not yet arranged to do so. */
void counters_write(void);

#endif
