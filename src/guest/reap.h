/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * reap.h -- the ends of processes that the engine started.
 *
 * The engine runs in the process of the test's body, which may ignore SIGCHLD or wait for any child. The kernel then
 * keeps no exit status for the engine, and waitpid(2) never returns its child.
 */
#ifndef KTSTR_GUEST_REAP_H
#define KTSTR_GUEST_REAP_H

#include <stdbool.h>
#include <sys/types.h>

#define REAP_STATUS_LOST (-1) /* neither WIFEXITED nor WIFSIGNALED: the process has ended, but its status is lost */

/* Makes the kernel keep the status of children that end from now on, if SIGCHLD was ignored. */
void reap_keep_status(void);
/* Does not wait. True if @pid has ended; *@status is then as waitpid(2) returns it, or REAP_STATUS_LOST. */
bool reap(pid_t pid, int *status);

#endif
