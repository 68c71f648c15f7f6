/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * keyboard.h -- a machine that reads our standard input for the guest: READ > TAKE > READ ...
 *
 * A terminal is always read, so that Ctrl-A X is found also while the guest takes no input. Other input is read only as
 * fast as the guest takes it.
 */
#ifndef KTSTR_SHELL_KEYBOARD_H
#define KTSTR_SHELL_KEYBOARD_H

#include "shell/keys.h"
#include "shell/port.h"

#define TYPED_MAX ((size_t)16 << 20) /* typed bytes that wait for the guest; what comes after them is dropped */

struct keyboard {
	int fd;		     /* borrowed */
	bool terminal;	     /* look for Ctrl-A X */
	struct port *port;   /* for the keys */
	struct notice *news; /* posted when one of these has changed: */
	bool stopped;	     /* Ctrl-A X was typed */
	bool closed;	     /* there is no more input, or the terminal is gone */
	bool live;
	/* private */
	struct machine machine;
	struct keys keys;
	char chunk[4096];
};

/* The caller has set `fd` to `news`, and zeroed the rest. */
void keyboard_start(struct keyboard *k, struct reactor *r, struct machine *parent);

#endif
