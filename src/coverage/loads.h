/* SPDX-License-Identifier: GPL-2.0-only */
/* loads.h -- whether a program that is executed to write its counters will do only that. */
#ifndef KTSTR_COVERAGE_LOADS_H
#define KTSTR_COVERAGE_LOADS_H

#include "base/err.h"

/*
 * A scheduler's main() must not run on the host because a guest says that it counted. It does not if the C library's
 * loader puts our library before it, or if it is linked with libktstr-coverage.a. -EPERM: neither. Reads the disk.
 */
int coverage_loads(const char *program, struct err **err);

#endif
