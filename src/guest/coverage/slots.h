/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * slots.h -- keeps the counters of a program's processes in memory that the host reads (struct wire_coverage).
 *
 * The pages with a process's counters are replaced by a slot of that memory, so each count is there as soon as it is
 * made, whatever ends the process or the machine. Each process that is forked gets a slot of its own, with a copy of
 * the rest of the pages and counters of zero. The slot of a process that has ended is added to a sum and used again.
 */
#ifndef KTSTR_GUEST_COVERAGE_SLOTS_H
#define KTSTR_GUEST_COVERAGE_SLOTS_H

#include <stdint.h>

/* Begins in this process, with what it has counted so far. @address: of the memory, guest-physical. */
void coverage_start(uint64_t address);
/* fork() calls both by itself; whoever calls clone3(2) calls them. Both do nothing where nothing is counted. */
void coverage_before_fork(void);
void coverage_in_child(void);

/* On the host: sets the counters to those of a file. The compiler's runtime writes them when this process ends. */
int coverage_load(const char *path);

#endif
