/* SPDX-License-Identifier: GPL-2.0-only */
/* known_signatures.h -- a file with signatures of failures that are known, one a line, for `ktstr explore --known`. */
#ifndef KTSTR_REPORT_KNOWN_SIGNATURES_H
#define KTSTR_REPORT_KNOWN_SIGNATURES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct known_signatures {
	char **item;
	size_t count;
};

/* Empty lines, and those that begin with '#', are left out. Blocks. */
int known_signatures_read(const char *path, struct known_signatures *ret, struct err **err);
/* Is the signature of this cause one of them? */
bool known_signatures_have(const struct known_signatures *k, const char *cause);
void known_signatures_done(struct known_signatures *k);

#endif
