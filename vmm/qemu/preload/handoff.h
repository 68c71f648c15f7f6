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

bool handoff_is_vcpu(void);

/* The condition that was last broadcast by this thread, or NULL. */
pthread_cond_t *handoff_last_woken(void);

#endif
