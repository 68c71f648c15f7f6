/* SPDX-License-Identifier: GPL-2.0-only */
/* body.h -- the process of a test's body. */
#ifndef KTSTR_GUEST_BODY_H
#define KTSTR_GUEST_BODY_H

#include <ktstr/test.h>

#include "base/time.h"

/* How to run a body; the last two may be 0 and NULL. */
struct body_run {
	int channel; /* CHANNEL_FD in a guest */
	uint64_t seed;
	nsec_t duration;
	int scheduler_pid;
	const struct ktstr_work *work_override; /* replaces SPIN_WAIT in cgroups that are `swappable` */
};
/*
 * Turns this process into the engine, runs the body and sends its result. Returns a negative errno if the
 * result could not be sent.
 */
int body_run(const struct ktstr_test *test, const struct body_run *how);

#endif
