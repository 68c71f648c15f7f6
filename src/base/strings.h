/* SPDX-License-Identifier: GPL-2.0-only */
/* strings.h -- a short list of texts that somebody else owns. */
#ifndef KTSTR_BASE_STRINGS_H
#define KTSTR_BASE_STRINGS_H

#include <stddef.h>

#define STRINGS_MAX 128

/* NULL-terminated. */
struct strings {
	const char *item[STRINGS_MAX + 1];
	size_t count;
};

#endif
