/* SPDX-License-Identifier: GPL-2.0-only */
/* reap.c -- see reap.h. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

#include "guest/reap.h"

void reap_keep_status(void)
{
	struct sigaction act;
	if (sigaction(SIGCHLD, NULL, &act) < 0)
		return;
	bool ignored = !(act.sa_flags & SA_SIGINFO) && act.sa_handler == SIG_IGN;
	if (!ignored && !(act.sa_flags & SA_NOCLDWAIT))
		return;
	if (ignored)
		act.sa_handler = SIG_DFL;
	act.sa_flags &= ~SA_NOCLDWAIT;
	sigaction(SIGCHLD, &act, NULL);
}

bool reap(pid_t pid, int *status)
{
	pid_t ended;
	do
		ended = waitpid(pid, status, WNOHANG);
	while (ended < 0 && errno == EINTR);
	if (ended < 0)
		*status = REAP_STATUS_LOST;
	return ended != 0;
}
