/* SPDX-License-Identifier: GPL-2.0-only */
/* places.h -- where programs have their counters, told to the guest, whose copies of them have no symbols. */
#ifndef KTSTR_COVERAGE_PLACES_H
#define KTSTR_COVERAGE_PLACES_H

#include "base/buf.h"

/*
 * Adds a line to the list (WIRE_COVERAGE_PLACES) if the file @program of the host, which is @in_guest there, has
 * counters. Reads the disk.
 */
void coverage_put_place(const char *program, const char *in_guest, struct buf *out);

#endif
