/* SPDX-License-Identifier: GPL-2.0-only */
/* interrupt.c -- see interrupt.h. */
#include "reactor/interrupt.h"

static void on_signal(void *data, int sig)
{
	(void)sig;
	reactor_cancel_all(data);
}

static sigset_t ending_signals(void)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP };
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
		sigaddset(&set, ending[i]);
	return set;
}

void interrupt_hold(sigset_t *before)
{
	const sigset_t set = ending_signals();
	sigprocmask(SIG_BLOCK, &set, before);
}

int interrupt_release(const sigset_t *before, struct err **err)
{
	const struct timespec now = { 0 };
	const sigset_t set = ending_signals();
	bool came = false;
	while (sigtimedwait(&set, NULL, &now) > 0)
		came = true;
	sigprocmask(SIG_SETMASK, before, NULL);
	return came ? FAIL(err, ERR_INTERRUPTED, -ECANCELED, "interrupted") : 0;
}

int interrupt_watch(struct signals *signals, struct reactor *r, struct err **err)
{
	const sigset_t set = ending_signals();
	return signals_init(signals, r, &set, on_signal, r, err);
}
