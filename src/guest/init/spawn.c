/* SPDX-License-Identifier: GPL-2.0-only */
/* spawn.c -- see spawn.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "guest/channel.h"
#include "guest/counted.h"
#include "guest/init/spawn.h"

static void exec_child(const char *const argv[], int channel, uint64_t counters, int out)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (channel == CHANNEL_FD)
		fcntl(channel, F_SETFD, 0);
	else if (channel >= 0)
		dup2(channel, CHANNEL_FD);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	if (counters)
		counted_environment(counters);
	execv(argv[0], (char *const *)argv);
	_exit(127);
}

int spawn(const char *const argv[], int channel, uint64_t counters, int *out)
{
	int pipefd[2];
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0)
		exec_child(argv, channel, counters, pipefd[1]);
	fd_close(pipefd[1]);
	if (pid < 0) {
		fd_close(pipefd[0]);
		return -errno;
	}
	fcntl(pipefd[0], F_SETFL, O_NONBLOCK);
	*out = pipefd[0];
	return pid;
}
