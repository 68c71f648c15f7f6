/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * reference.h -- EEVDF's numbers in the cache directory. They are kept for a kernel of the cache, a build of ktstr, and
 * all else that decides them; a kernel from a tree may change, so nothing is kept for it.
 */
#ifndef KTSTR_CLI_REFERENCE_H
#define KTSTR_CLI_REFERENCE_H

#include "cli/test_session.h"

struct reference {
	char *dir;
	uint64_t build; /* hash of this program; 0: nothing is kept */
};

void reference_open(struct reference *ret);
void reference_done(struct reference *r);
/* False: it is not there. */
bool reference_get(const struct reference *r, const struct session *s, const struct kernel *k, const char *question,
		   double *ret);
/* Errors are ignored: the next run measures it again. */
void reference_put(const struct reference *r, const struct session *s, const struct kernel *k, const char *question,
		   double number);

#endif
