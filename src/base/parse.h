/* SPDX-License-Identifier: GPL-2.0-only */
/* parse.h -- text to numbers. -EINVAL: the whole string is not a valid number; -ERANGE: it is out of range. */
#ifndef KTSTR_BASE_PARSE_H
#define KTSTR_BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

/* Decimal, or hexadecimal with 0x; no sign, no space. */
int parse_u64(const char *s, uint64_t *ret);
int parse_u32_range(const char *s, uint32_t least, uint32_t most, uint32_t *ret);
/* "100ms", "1.5s", "5m", "2h", and sums of such terms ("1m30s"). -EINVAL for a number without a unit. */
int parse_duration(const char *s, nsec_t *ret);

/* Bytes: "512M", "2G", "64k", "4096"; units are powers of 1024, with an optional "B" or "iB". */
int parse_size(const char *s, uint64_t *ret);

/* A set of CPU or node numbers, 0 .. CPUSET_CPUS_MAX - 1. */
#define CPUSET_CPUS_MAX 1024
#define CPUSET_WORDS	(CPUSET_CPUS_MAX / 64)
#define CPUSET_TEXT_MAX (CPUSET_CPUS_MAX * 5)

struct cpuset_bits {
	uint64_t word[CPUSET_WORDS];
};

static inline void cpuset_add(struct cpuset_bits *s, unsigned cpu)
{
	s->word[cpu / 64] |= (uint64_t)1 << cpu % 64;
}

static inline bool cpuset_has(const struct cpuset_bits *s, unsigned cpu)
{
	return cpu < CPUSET_CPUS_MAX && (s->word[cpu / 64] >> cpu % 64 & 1);
}

unsigned cpuset_count(const struct cpuset_bits *s);
/* The kernel's list format: "0-3,8,10-11"; an empty or blank string is the empty set. */
int cpuset_parse(const char *s, struct cpuset_bits *ret);
/* Writes the list format ("" for the empty set) to @out, at most @size bytes; CPUSET_TEXT_MAX is always enough. */
const char *cpuset_format(const struct cpuset_bits *s, char *out, size_t size);

/* Edit distance (Levenshtein), for "did you mean". Only the first 64 bytes of each string count. */
unsigned edit_distance(const char *a, const char *b);

#endif
