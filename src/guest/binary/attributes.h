/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * attributes.h -- checks of a declaration that need neither a machine nor the host. Both functions return what is
 * wrong, or NULL; the text may be overwritten by the next call.
 */
#ifndef KTSTR_GUEST_ATTRIBUTES_H
#define KTSTR_GUEST_ATTRIBUTES_H

#include <ktstr/test.h>

const char *scheduler_problem(const struct ktstr_scheduler *s);
const char *test_attributes_problem(const struct ktstr_test *t);

#endif
