/* SPDX-License-Identifier: GPL-2.0-only */
/* signal.h -- signals as reads of a signalfd, so the loop handles them like all other events. */
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
	sigset_t blocked; /* signals that were not blocked before, for signals_done() */
	signal_fn *fn;
	void *data;
	int fd;
	int caught; /* the last signal that came; 0: none */
	bool closing;
};

/* Blocks @set in the calling thread and calls @fn for each signal. Does not keep reactor_run() running. */
int signals_init(struct signals *s, struct reactor *r, const sigset_t *set, signal_fn *fn, void *data,
		 struct err **err);
/* Restores the mask. Runs the reactor until the last read has ended. */
void signals_done(struct signals *s);

#endif
