/* SPDX-License-Identifier: GPL-2.0-only */
/* devices.h -- a test's disk and networks, ready for its programs. */
#ifndef KTSTR_GUEST_INIT_DEVICES_H
#define KTSTR_GUEST_INIT_DEVICES_H

#include "guest/init/init.h"

/*
 * Mounts the disk, and names the networks' interfaces and switches them on. Tells the test's programs as in
 * guest/devices.h. Negative errno: a device is not as declared; it is logged.
 */
int setup_devices(struct init *i);

#endif
