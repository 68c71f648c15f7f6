/* SPDX-License-Identifier: GPL-2.0-only */
/* interrupt.h -- work on the reactor that SIGINT, SIGTERM and SIGHUP cancel, so that ktstr ends with 130. */
#ifndef KTSTR_REACTOR_INTERRUPT_H
#define KTSTR_REACTOR_INTERRUPT_H

#include "reactor/signal.h"

/* Cancels all machines of @r at such a signal, until signals_done(). */
int interrupt_watch(struct signals *signals, struct reactor *r, struct err **err);

#endif
