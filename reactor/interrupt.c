/* SPDX-License-Identifier: GPL-2.0-only */
/* interrupt.c -- see interrupt.h. */
#include "reactor/interrupt.h"

static void on_signal(void *data, int sig)
{
	(void)sig;
	reactor_cancel_all(data);
}

int interrupt_watch(struct signals *signals, struct reactor *r, struct err **err)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP };
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
		sigaddset(&set, ending[i]);
	return signals_init(signals, r, &set, on_signal, r, err);
}
