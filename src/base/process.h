/* SPDX-License-Identifier: GPL-2.0-only */
/* process.h -- start times of processes. Pid and start time together identify a process, also when pids are reused. */
#ifndef KTSTR_BASE_PROCESS_H
#define KTSTR_BASE_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/* Start time, in clock ticks since boot, from the text of /proc/PID/stat; 0: not found. */
uint64_t stat_start_ticks(const char *text);
/* The same for the process @pid; 0: no such process. */
uint64_t process_start_ticks(pid_t pid);

#endif
