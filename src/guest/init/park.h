/* SPDX-License-Identifier: GPL-2.0-only */
/* park.h -- the point at which a machine is saved and its clones continue. */
#ifndef KTSTR_GUEST_INIT_PARK_H
#define KTSTR_GUEST_INIT_PARK_H

#include "guest/init/init.h"

/*
 * Stops the machine so that it can be saved. A clone of it continues with the clone's own test. Does nothing without
 * ktstr.park=.
 */
int park(struct init *i);

#endif
