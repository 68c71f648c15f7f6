/* SPDX-License-Identifier: GPL-2.0-only */
/* decimal.c -- see json_number.h. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "results/decimal.h"

#define NUMBER_MAX 1200 /* the exact decimal digits of any double fit */
#define DIGITS_MAX 19	/* of a number below 2^64 */

typedef unsigned __int128 uint128;

/*
 * @digits / 10^@places, rounded once. The quotient has 64 bits or more, because the dividend is shifted to the left as
 * far as it goes; what is cut off is kept as the lowest bit, which only decides how the conversion rounds.
 */
static double divide(uint64_t digits, unsigned places)
{
	uint64_t power = 1;
	for (unsigned i = 0; i < places; i++)
		power *= 10;
	int shift = 64 + __builtin_clzll(digits);
	uint128 dividend = (uint128)digits << shift, quotient = dividend / power;
	uint64_t high = (uint64_t)(quotient >> 64);
	int cut = high ? 64 - __builtin_clzll(high) : 0;
	uint64_t top = (uint64_t)(quotient >> cut);
	bool rest = quotient * power != dividend || (uint128)top << cut != quotient;
	return ldexp((double)(top | rest), cut - shift);
}

/* Digits with or without a point, few enough for an integer. */
static bool short_value(const char *p, const char *end, double *ret)
{
	uint64_t digits = 0;
	unsigned places = 0;
	const char *point = memchr(p, '.', (size_t)(end - p));
	if (end - p > DIGITS_MAX + (point != NULL))
		return false;
	for (; p < end; p++) {
		if (p == point)
			continue;
		if (*p < '0' || *p > '9')
			return false;
		digits = digits * 10 + (unsigned)(*p - '0');
		places += point && p > point;
	}
	*ret = digits && places ? divide(digits, places) : (double)digits;
	return true;
}

bool decimal_value(const char *text, size_t len, double *ret)
{
	char copy[NUMBER_MAX];
	bool negative = *text == '-';
	if (len >= sizeof(copy))
		return false;
	if (short_value(text + negative, text + len, ret)) {
		*ret = negative ? -*ret : *ret;
		return true;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	*ret = strtod(copy, NULL);
	return isfinite(*ret);
}
