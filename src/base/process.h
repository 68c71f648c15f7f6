/* SPDX-License-Identifier: GPL-2.0-only */
/* process.h -- which process a number means: with its start time, a number that was given out again is another one. */
#ifndef KTSTR_BASE_PROCESS_H
#define KTSTR_BASE_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/* Start time in clock ticks from /proc/PID/stat, whose second field may hold anything; 0: not found. */
uint64_t stat_start_ticks(const char *text);
/* Of the process @pid; 0 where there is none. */
uint64_t process_start_ticks(pid_t pid);

#endif
