/* SPDX-License-Identifier: GPL-2.0-only */
/* handoff.h -- the turns of QEMU's main loop and its vCPU thread; see handoff.c. */
#ifndef KTSTR_VMM_QEMU_PRELOAD_HANDOFF_H
#define KTSTR_VMM_QEMU_PRELOAD_HANDOFF_H

#include <pthread.h>
#include <stdbool.h>

#define EXPORT __attribute__((visibility("default")))

/*
 * From now on the main loop runs only inside handoff_let_main_run(), and while the vCPU thread waits for a condition.
 * Call it on the vCPU thread.
 */
void handoff_by_request(void);

/* Gives the main loop one turn, until it has nothing to do. Call it on the vCPU thread, without QEMU's big lock. */
void handoff_let_main_run(void);

/*
 * When the vCPU thread writes to @fd, which the main loop polls, the main loop's next turn is soon: as soon as the vCPU
 * thread takes QEMU's big lock or, after handoff_by_request(), when it sees that handoff_main_is_asked(), and calls
 * handoff_let_main_run(). Call these three on the vCPU thread.
 */
void handoff_watch(int fd);
bool handoff_main_is_asked(void);
/* The file to which the vCPU thread has written last since the last such call, or -1. */
int handoff_take_written(void);

bool handoff_is_vcpu(void);

/* The condition that was last broadcast by this thread, or NULL. */
pthread_cond_t *handoff_last_woken(void);

#endif
