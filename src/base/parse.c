/* SPDX-License-Identifier: GPL-2.0-only */
/* parse.c -- see parse.h. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"

static int digit_of(char c, unsigned radix)
{
	int d = isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10 : -1;
	return d >= 0 && (unsigned)d < radix ? d : -1;
}

/* Reads digits and moves *@s past them; -EINVAL: there are none. */
static int scan_digits(const char **s, unsigned radix, uint64_t *ret)
{
	uint64_t value = 0;
	const char *p = *s;
	for (int d; (d = digit_of(*p, radix)) >= 0; p++) {
		if (__builtin_mul_overflow(value, (uint64_t)radix, &value) ||
		    __builtin_add_overflow(value, (uint64_t)d, &value))
			return -ERANGE;
	}
	if (p == *s)
		return -EINVAL;
	*s = p;
	*ret = value;
	return 0;
}

int parse_u64(const char *s, uint64_t *ret)
{
	unsigned radix = 10;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		radix = 16;
		s += 2;
	}
	uint64_t value;
	int r = scan_digits(&s, radix, &value);
	if (r < 0 || *s)
		return r < 0 ? r : -EINVAL;
	*ret = value;
	return 0;
}

int parse_size(const char *s, uint64_t *ret)
{
	static const char units[] = "kmgt";
	uint64_t value;
	int r = scan_digits(&s, 10, &value);
	if (r < 0)
		return r;
	const char *unit = *s ? strchr(units, *s | 32) : NULL;
	if (unit) {
		if (__builtin_mul_overflow(value, (uint64_t)1 << 10 * (unit - units + 1), &value))
			return -ERANGE;
		s++;
	}
	if (*s && strcmp(s, "B") != 0 && !(unit && !strcmp(s, "iB")))
		return -EINVAL;
	*ret = value;
	return 0;
}

int parse_u32_range(const char *s, uint32_t least, uint32_t most, uint32_t *ret)
{
	uint64_t value;
	int r = parse_u64(s, &value);
	if (r < 0)
		return r;
	if (value < least || value > most)
		return -ERANGE;
	*ret = (uint32_t)value;
	return 0;
}

static const struct {
	const char *name;
	nsec_t unit;
} duration_units[] = {
	{ "ns", 1 },	       { "us", NSEC_PER_USEC }, { "ms", NSEC_PER_MSEC },
	{ "s", NSEC_PER_SEC }, { "m", NSEC_PER_MIN },	{ "h", 60 * NSEC_PER_MIN },
};

static nsec_t unit_at(const char **s)
{
	size_t len = strspn(*s, "abcdefghijklmnopqrstuvwxyz");
	for (size_t i = 0; i < ARRAY_SIZE(duration_units); i++) {
		if (strlen(duration_units[i].name) == len && !strncmp(*s, duration_units[i].name, len)) {
			*s += len;
			return duration_units[i].unit;
		}
	}
	return 0;
}

/* One term: "1.5s". Integer part and fraction are scaled separately: no floating point, no rounding errors. */
static int scan_term(const char **s, nsec_t *sum)
{
	uint64_t whole, fraction = 0;
	uint64_t scale = 1;
	int r = scan_digits(s, 10, &whole);
	if (r < 0)
		return r;
	if (**s == '.') {
		const char *dot = ++*s;
		r = scan_digits(s, 10, &fraction);
		if (r < 0 || *s - dot > 9)
			return -EINVAL;
		for (const char *p = dot; p < *s; p++)
			scale *= 10;
	}
	nsec_t unit = unit_at(s);
	if (!unit)
		return -EINVAL;
	if (whole > (uint64_t)(INT64_MAX / 4 / unit))
		return -ERANGE;
	nsec_t part = (nsec_t)((unsigned __int128)fraction * (uint64_t)unit / scale);
	return __builtin_add_overflow(*sum, (nsec_t)whole * unit + part, sum) ? -ERANGE : 0;
}

int parse_duration(const char *s, nsec_t *ret)
{
	nsec_t sum = 0;
	do {
		int r = scan_term(&s, &sum);
		if (r < 0)
			return r;
	} while (*s);
	*ret = sum;
	return 0;
}

unsigned cpuset_count(const struct cpuset_bits *s)
{
	unsigned n = 0;
	for (size_t i = 0; i < CPUSET_WORDS; i++)
		n += (unsigned)__builtin_popcountll(s->word[i]);
	return n;
}

static int scan_range(const char **s, struct cpuset_bits *set)
{
	uint64_t first, last;
	int r = scan_digits(s, 10, &first);
	if (r < 0)
		return r;
	last = first;
	if (**s == '-') {
		++*s;
		r = scan_digits(s, 10, &last);
		if (r < 0)
			return r;
	}
	if (last < first || last >= CPUSET_CPUS_MAX)
		return -ERANGE;
	for (uint64_t c = first; c <= last; c++)
		cpuset_add(set, (unsigned)c);
	return 0;
}

int cpuset_parse(const char *s, struct cpuset_bits *ret)
{
	struct cpuset_bits set = { 0 };
	s += strspn(s, " \t\n");
	while (*s && *s != '\n') {
		int r = scan_range(&s, &set);
		if (r < 0)
			return r;
		if (*s == ',')
			s++;
		else if (*s && *s != '\n')
			return -EINVAL;
	}
	*ret = set;
	return 0;
}

const char *cpuset_format(const struct cpuset_bits *s, char *out, size_t size)
{
	size_t at = 0;
	out[0] = '\0';
	for (unsigned c = 0; c < CPUSET_CPUS_MAX; c++) {
		if (!cpuset_has(s, c))
			continue;
		unsigned last = c;
		while (cpuset_has(s, last + 1))
			last++;
		int n = snprintf(out + at, size - at, last > c ? "%s%u-%u" : "%s%u", at ? "," : "", c, last);
		if (n < 0 || (size_t)n >= size - at)
			break;
		at += (size_t)n;
		c = last;
	}
	return out;
}

unsigned edit_distance(const char *a, const char *b)
{
	enum { LONGEST = 64 };
	unsigned row[LONGEST + 1];
	size_t na = strnlen(a, LONGEST), nb = strnlen(b, LONGEST);
	for (size_t j = 0; j <= nb; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned up = row[j];
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);
			best = MIN_OF(best, MIN_OF(up, row[j - 1]) + 1);
			diagonal = up;
			row[j] = best;
		}
	}
	return row[nb];
}
