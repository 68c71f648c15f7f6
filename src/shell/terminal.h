/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * terminal.h -- the user's terminal while the guest's is shown on it: raw, so that every key goes to the guest.
 *
 * A small process waits beside us and restores the terminal if we are killed by a signal that cannot be caught.
 */
#ifndef KTSTR_SHELL_TERMINAL_H
#define KTSTR_SHELL_TERMINAL_H

#include <termios.h>

#include "base/err.h"
#include "base/session_frame.h"

struct terminal {
	int fd;
	bool raw;
	struct termios saved;
	pid_t guard; /* 0: none */
	int guard_fd;
};

#define TERMINAL_NULL ((struct terminal){ .fd = -1, .guard_fd = -1 })

/* @fd: a terminal, borrowed. Saves its modes, and starts the guard. Call it before there are threads. */
int terminal_open(struct terminal *t, int fd, struct err **err);
int terminal_make_raw(struct terminal *t);
/* Restores the modes, and ends the guard. */
void terminal_close(struct terminal *t);
struct session_size terminal_size(int fd);

#endif
