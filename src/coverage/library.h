/* SPDX-License-Identifier: GPL-2.0-only */
/* library.h -- the library with which programs count that are not test binaries (src/guest/coverage/library.c). */
#ifndef KTSTR_COVERAGE_LIBRARY_H
#define KTSTR_COVERAGE_LIBRARY_H

#include "base/buf.h"

/* Nothing of it is to be changed or freed. */
struct buf coverage_library(void);

#endif
