/* SPDX-License-Identifier: GPL-2.0-only */
/* mark.h -- tells where the test is to those who look at the guest from outside: see wire.h. */
#ifndef KTSTR_GUEST_MARK_H
#define KTSTR_GUEST_MARK_H

#include <ktstr/wire.h>

/* Costs a system call. Does nothing else where nobody looks. */
void mark(enum wire_mark_kind kind, const char *name, uint32_t step);
/* Why @name cannot be the name of a mark: static text; NULL: it can. */
const char *mark_name_problem(const char *name);

#endif
