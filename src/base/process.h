/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * process.h -- start times of processes, and a guard for process groups. Pid and start time together identify a
 * process, also when pids are reused.
 */
#ifndef KTSTR_BASE_PROCESS_H
#define KTSTR_BASE_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/* Start time, in clock ticks since boot, from the text of /proc/PID/stat; 0: not found. */
uint64_t stat_start_ticks(const char *text);
/* The same for the process @pid; 0: no such process. */
uint64_t process_start_ticks(pid_t pid);

/* The letter of the state of a process or thread whose /proc/.../stat is @path, as in ps; '\0': there is none. */
char process_state(const char *path);

/*
 * A program for `sh -c`: it becomes the program in its arguments, and leaves a guard in the same process group, which
 * the caller has made. PR_SET_PDEATHSIG reaches a child, but not what the child started. The guard reads the pipe at
 * PROCESS_GUARD_FD, whose write end only the caller holds. When that closes, because the caller closed it or ended for
 * any reason, the guard kills the group. It is no child of the program, which may wait for all of its children.
 */
extern const char process_guard[];
#define PROCESS_GUARD_FD 7 /* as in the program; no descriptor of make's jobserver has this number */

#endif
