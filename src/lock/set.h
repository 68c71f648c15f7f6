/* SPDX-License-Identifier: GPL-2.0-only */
/* set.h -- arithmetic on sets of CPUs, nodes and caches (struct cpuset_bits of base/parse.h). */
#ifndef KTSTR_LOCK_SET_H
#define KTSTR_LOCK_SET_H

#include "base/parse.h"

#define SET_END CPUSET_CPUS_MAX

static inline void set_remove(struct cpuset_bits *s, unsigned n)
{
	s->word[n / 64] &= ~((uint64_t)1 << n % 64);
}

static inline struct cpuset_bits set_and(const struct cpuset_bits *a, const struct cpuset_bits *b)
{
	struct cpuset_bits out;
	for (unsigned i = 0; i < CPUSET_WORDS; i++)
		out.word[i] = a->word[i] & b->word[i];
	return out;
}

static inline struct cpuset_bits set_without(const struct cpuset_bits *a, const struct cpuset_bits *b)
{
	struct cpuset_bits out;
	for (unsigned i = 0; i < CPUSET_WORDS; i++)
		out.word[i] = a->word[i] & ~b->word[i];
	return out;
}

static inline void set_unite(struct cpuset_bits *to, const struct cpuset_bits *from)
{
	for (unsigned i = 0; i < CPUSET_WORDS; i++)
		to->word[i] |= from->word[i];
}

static inline bool set_equal(const struct cpuset_bits *a, const struct cpuset_bits *b)
{
	uint64_t different = 0;
	for (unsigned i = 0; i < CPUSET_WORDS; i++)
		different |= a->word[i] ^ b->word[i];
	return !different;
}

/* The lowest member that is at least @from, or SET_END. */
static inline unsigned set_next(const struct cpuset_bits *s, unsigned from)
{
	if (from >= SET_END)
		return SET_END;
	uint64_t word = s->word[from / 64] & (UINT64_MAX << from % 64);
	for (unsigned i = from / 64;;) {
		if (word)
			return i * 64 + (unsigned)__builtin_ctzll(word);
		if (++i == CPUSET_WORDS)
			return SET_END;
		word = s->word[i];
	}
}

/* The highest member below @end, or SET_END. */
static inline unsigned set_last(const struct cpuset_bits *s, unsigned end)
{
	for (unsigned i = (MIN_OF(end, SET_END) + 63) / 64; i-- > 0;) {
		uint64_t word = s->word[i];
		if (end < (i + 1) * 64)
			word &= ((uint64_t)1 << (end - i * 64)) - 1;
		if (word)
			return i * 64 + 63 - (unsigned)__builtin_clzll(word);
	}
	return SET_END;
}

static inline bool set_empty(const struct cpuset_bits *s)
{
	return set_next(s, 0) == SET_END;
}

static inline bool set_meets(const struct cpuset_bits *a, const struct cpuset_bits *b)
{
	uint64_t common = 0;
	for (unsigned i = 0; i < CPUSET_WORDS; i++)
		common |= a->word[i] & b->word[i];
	return common != 0;
}

#define set_for_each(n, set) for (unsigned n = set_next(set, 0); n < SET_END; n = set_next(set, n + 1))

#endif
