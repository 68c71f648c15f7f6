/* SPDX-License-Identifier: GPL-2.0-only */
/* registry.h -- the tests and schedulers of this binary. */
#ifndef KTSTR_GUEST_REGISTRY_H
#define KTSTR_GUEST_REGISTRY_H

#include <ktstr/test.h>

#include "base/buf.h"

struct registry {
	const struct ktstr_test **tests; /* by file and line */
	const struct ktstr_scheduler **schedulers;
	size_t test_count, scheduler_count;
};

int registry_load(struct registry *ret);
void registry_done(struct registry *r);
const struct ktstr_test *registry_find(const struct registry *r, const char *name);
/* The problem of a declaration, or NULL. */
const char *test_validate(const struct ktstr_test *t);

#endif
