/* SPDX-License-Identifier: GPL-2.0-only */
/* spawn.h -- starts a child of PID 1. */
#ifndef KTSTR_GUEST_INIT_SPAWN_H
#define KTSTR_GUEST_INIT_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Forks and executes a program, with stdout and stderr in a pipe whose read end is returned in @out. Descriptor 3 is
 * @channel if that is >= 0. @counters: memory for the counters of its code; 0: it is not counted, or counts by itself.
 */
int spawn(const char *const argv[], int channel, uint64_t counters, int *out);

#endif
