/* SPDX-License-Identifier: GPL-2.0-only */
/* signal.h -- signals as reads of a signalfd, delivered on the loop like everything else. */
#ifndef KTSTR_REACTOR_SIGNAL_H
#define KTSTR_REACTOR_SIGNAL_H

#include <signal.h>
#include <sys/signalfd.h>

#include "reactor/reactor.h"

typedef void signal_fn(void *data, int sig);

struct signals {
	struct op op;
	struct reactor *reactor;
	struct signalfd_siginfo info;
	sigset_t blocked; /* what was unblocked before, for signals_done */
	signal_fn *fn;
	void *data;
	int fd;
	bool closing;
};

/* Blocks @set in the calling thread and calls @fn for each that arrives. Does not keep reactor_run() alive. */
int signals_init(struct signals *s, struct reactor *r, const sigset_t *set, signal_fn *fn, void *data,
		 struct err **err);
/* Restores the mask. Turns the reactor until the last read has ended. */
void signals_done(struct signals *s);

#endif
