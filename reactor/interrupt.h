/* SPDX-License-Identifier: GPL-2.0-only */
/* interrupt.h -- work on the reactor that SIGINT, SIGTERM and SIGHUP cancel, so that ktstr ends with 130. */
#ifndef KTSTR_REACTOR_INTERRUPT_H
#define KTSTR_REACTOR_INTERRUPT_H

#include "reactor/signal.h"

/* Cancels all machines of @r at such a signal, until signals_done(). */
int interrupt_watch(struct signals *signals, struct reactor *r, struct err **err);

/*
 * For work that has to clean up: outside of interrupt_watch() these signals wait, too, until interrupt_release(), which
 * fails if one came. interrupt_watch() in between gets those that wait.
 */
void interrupt_hold(sigset_t *before);
int interrupt_release(const sigset_t *before, struct err **err);

#endif
