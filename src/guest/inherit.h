/* SPDX-License-Identifier: GPL-2.0-only */
/* inherit.h -- what a test inherits from its scheduler. */
#ifndef KTSTR_GUEST_INHERIT_H
#define KTSTR_GUEST_INHERIT_H

#include <ktstr/test.h>

/* The topology, with all inherited values filled in. */
struct ktstr_topology test_topology(const struct ktstr_test *t);
/* The constraints: the test's, else its scheduler's, else the defaults. */
struct ktstr_constraints test_constraints(const struct ktstr_test *t);

#endif
