/* SPDX-License-Identifier: GPL-2.0-only */
/* version.h -- kernel versions as kernel.org writes them: "6.12.3", "6.12", "6.13-rc2"; their order; their tarballs. */
#ifndef KTSTR_NET_VERSION_H
#define KTSTR_NET_VERSION_H

#include <stdbool.h>
#include <stdint.h>

#define KVERSION_TEXT_MAX   48 /* includes the NUL */
#define KVERSION_NUMBER_MAX 999999u
#define KVERSION_FINAL	    UINT32_MAX /* `rc` of a final release: compares greater than all candidates */
#define KVERSION_PATH_MAX   128

struct kversion {
	uint32_t major, minor, patch; /* 0 when not written */
	uint32_t rc;		      /* N of -rcN, or KVERSION_FINAL */
	unsigned numbers;	      /* how many are written: 1 to 3 */
};

/*
 * @s: MAJOR, MAJOR.MINOR[-rcN] or MAJOR.MINOR.PATCH[-rcN]. -ERANGE: a number above KVERSION_NUMBER_MAX; else -EINVAL.
 */
int kversion_parse(const char *s, struct kversion *ret);
/* "6.12" means 6.12.0, so it is less than 6.12.1 and greater than 6.12-rc7. Negative, 0, positive. */
int kversion_compare(const struct kversion *a, const struct kversion *b);
/* As it was written; @out has KVERSION_TEXT_MAX bytes. */
const char *kversion_format(const struct kversion *v, char out[KVERSION_TEXT_MAX]);
/* One or two numbers without -rc: as a request a series ("6.12", "6"), in a list the first release. */
bool kversion_is_series(const struct kversion *v);
/* @v has all numbers that @series has, and is not a candidate. */
bool kversion_in_series(const struct kversion *v, const struct kversion *series);

/* "/pub/linux/kernel/v6.x/linux-6.12.3.tar.xz", and the directory's "/pub/linux/kernel/v6.x/sha256sums.asc". */
const char *kversion_tarball_path(const struct kversion *v, char out[KVERSION_PATH_MAX]);
const char *kversion_sums_path(const struct kversion *v, char out[KVERSION_PATH_MAX]);

#endif
