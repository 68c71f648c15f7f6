/* SPDX-License-Identifier: GPL-2.0-only */
/* version.c -- see version.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/version.h"

/* Parses digits at *@s. Refuses a sign and leading zeros, so that each version has one spelling. */
static int parse_number(const char **s, uint32_t *ret)
{
	uint32_t n = 0;
	const char *p = *s;
	if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (uint32_t)(*p - '0');
		if (n > KVERSION_NUMBER_MAX)
			return -ERANGE;
	}
	*s = p;
	*ret = n;
	return 0;
}

int kversion_parse(const char *s, struct kversion *ret)
{
	struct kversion v = { .rc = KVERSION_FINAL };
	uint32_t *const number[] = { &v.major, &v.minor, &v.patch };
	int result = parse_number(&s, &v.major);
	for (v.numbers = 1; result == 0 && v.numbers < 3 && *s == '.'; v.numbers++) {
		s++;
		result = parse_number(&s, number[v.numbers]);
	}
	if (result == 0 && v.numbers > 1 && !strncmp(s, "-rc", 3)) {
		s += 3;
		result = parse_number(&s, &v.rc);
	}
	if (result < 0)
		return result;
	if (*s)
		return -EINVAL;
	*ret = v;
	return 0;
}

static int compare_numbers(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

int kversion_compare(const struct kversion *a, const struct kversion *b)
{
	int order = compare_numbers(a->major, b->major);
	order = order ? order : compare_numbers(a->minor, b->minor);
	order = order ? order : compare_numbers(a->patch, b->patch);
	return order ? order : compare_numbers(a->rc, b->rc);
}

const char *kversion_format(const struct kversion *v, char out[KVERSION_TEXT_MAX])
{
	int at = snprintf(out, KVERSION_TEXT_MAX, "%u", v->major);
	if (v->numbers > 1)
		at += snprintf(out + at, KVERSION_TEXT_MAX - (size_t)at, ".%u", v->minor);
	if (v->numbers > 2)
		at += snprintf(out + at, KVERSION_TEXT_MAX - (size_t)at, ".%u", v->patch);
	if (v->rc != KVERSION_FINAL)
		snprintf(out + at, KVERSION_TEXT_MAX - (size_t)at, "-rc%u", v->rc);
	return out;
}

bool kversion_is_series(const struct kversion *v)
{
	return v->numbers < 3 && v->rc == KVERSION_FINAL;
}

bool kversion_in_series(const struct kversion *v, const struct kversion *series)
{
	if (v->rc != KVERSION_FINAL || v->major != series->major)
		return false;
	return (series->numbers < 2 || v->minor == series->minor) && (series->numbers < 3 || v->patch == series->patch);
}

const char *kversion_tarball_path(const struct kversion *v, char out[KVERSION_PATH_MAX])
{
	char text[KVERSION_TEXT_MAX];
	snprintf(out, KVERSION_PATH_MAX, "/pub/linux/kernel/v%u.x/linux-%s.tar.xz", v->major, kversion_format(v, text));
	return out;
}

const char *kversion_sums_path(const struct kversion *v, char out[KVERSION_PATH_MAX])
{
	snprintf(out, KVERSION_PATH_MAX, "/pub/linux/kernel/v%u.x/sha256sums.asc", v->major);
	return out;
}
