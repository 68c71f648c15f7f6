/* SPDX-License-Identifier: GPL-2.0-only */
/* names.h -- finds the number of a name in a small fixed set, fast: a table with open addressing. */
#ifndef KTSTR_RESULTS_NAMES_H
#define KTSTR_RESULTS_NAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NAMES_BUCKETS 512 /* a power of two, twice as many as names or more */

struct names {
	struct {
		const char *name; /* NULL: free */
		uint32_t len, number;
	} bucket[NAMES_BUCKETS];
};

static inline uint32_t names_hash(const char *name, size_t len)
{
	uint32_t ends = len ? (uint32_t)(unsigned char)name[0] << 8 | (unsigned char)name[len - 1] : 0;
	return (ends * 31 + (uint32_t)len * 0x9e3779b1u + (len > 9 ? (unsigned char)name[9] * 193u : 0)) *
		       0x85ebca6bu >>
	       16;
}

/* As memcmp() == 0, without a call: names are short. */
static inline bool names_equal(const char *a, const char *b, size_t len)
{
	uint64_t x, y;
	if (len < sizeof(x)) {
		while (len && a[len - 1] == b[len - 1])
			len--;
		return !len;
	}
	for (size_t i = 0; i < len; i += sizeof(x)) {
		size_t at = i + sizeof(x) <= len ? i : len - sizeof(x);
		memcpy(&x, a + at, sizeof(x));
		memcpy(&y, b + at, sizeof(y));
		if (x != y)
			return false;
	}
	return true;
}

static inline void names_add(struct names *n, const char *name, uint32_t number)
{
	uint32_t len = (uint32_t)strlen(name), at = names_hash(name, len);
	while (n->bucket[at % NAMES_BUCKETS].name)
		at++;
	n->bucket[at % NAMES_BUCKETS].name = name;
	n->bucket[at % NAMES_BUCKETS].len = len;
	n->bucket[at % NAMES_BUCKETS].number = number;
}

/* UINT32_MAX: it is not in the set. */
static inline uint32_t names_find(const struct names *n, const char *name, size_t len)
{
	for (uint32_t at = names_hash(name, len); n->bucket[at % NAMES_BUCKETS].name; at++)
		if (n->bucket[at % NAMES_BUCKETS].len == len &&
		    names_equal(n->bucket[at % NAMES_BUCKETS].name, name, len))
			return n->bucket[at % NAMES_BUCKETS].number;
	return UINT32_MAX;
}

#endif
