/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * session.h -- the session of `ktstr shell`: PID 1 starts a shell on a pseudo-terminal, or one command with pipes, and
 * carries bytes between it and the host (base/session_frame.h). PID 1 is a real-time task, so keys reach
 * the terminal whatever the scheduler does.
 */
#ifndef KTSTR_GUEST_INIT_SESSION_H
#define KTSTR_GUEST_INIT_SESSION_H

#include "guest/init/init.h"

/* Returns when the session is over and its last frame is sent, or with a negative errno: there is no serial port. */
int session_run(struct init *i);

#endif
