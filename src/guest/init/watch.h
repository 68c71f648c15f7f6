/* SPDX-License-Identifier: GPL-2.0-only */
/* watch.h -- the event loop: all event sources are descriptors in one poll(2). */
#ifndef KTSTR_GUEST_INIT_WATCH_H
#define KTSTR_GUEST_INIT_WATCH_H

#include "guest/init/init.h"

int watch_open(struct init *i);
/* Waits for the next event until @deadline (guest CLOCK_MONOTONIC) and handles all pending ones. */
void watch_once(struct init *i, nsec_t deadline);
/* Reads what is left in the pipes. */
void watch_drain(struct init *i);

#endif
