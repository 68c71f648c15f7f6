/* SPDX-License-Identifier: GPL-2.0-only */
/* terminal.c -- see terminal.h. */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "shell/terminal.h"

/*
 * The guard. Its read ends when our process has ended, in whatever way. It has a session of its own, so that no key and
 * no signal for our process group reaches it, and so that it may set a terminal of which it is not in the foreground.
 */
static void __attribute__((noreturn)) guard_terminal(const struct terminal *t, int end)
{
	char byte;
	sigset_t all;
	setsid();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	/* A pipe or a terminal of ours must not stay open because of it. */
	for (int fd = 0; fd < 1024; fd++)
		if (fd != end && fd != t->fd)
			close(fd);
	while (read(end, &byte, 1) < 0 && errno == EINTR)
		;
	tcsetattr(t->fd, TCSADRAIN, &t->saved);
	_exit(0);
}

int terminal_open(struct terminal *t, int fd, struct err **err)
{
	int pair[2];
	*t = (struct terminal){ .fd = fd, .guard_fd = -1 };
	if (tcgetattr(fd, &t->saved) < 0)
		return FAIL_SYS(err, -errno, "read the modes of the terminal");
	if (pipe2(pair, O_CLOEXEC) < 0)
		return FAIL_SYS(err, -errno, "guard the terminal");
	t->guard = fork();
	if (t->guard == 0) {
		close(pair[1]);
		guard_terminal(t, pair[0]);
	}
	close(pair[0]);
	t->guard_fd = pair[1];
	/* Without it everything works, but a SIGKILL leaves the terminal raw. */
	if (t->guard < 0)
		t->guard = 0;
	return 0;
}

int terminal_make_raw(struct terminal *t)
{
	struct termios raw = t->saved;
	cfmakeraw(&raw);
	/* TCSADRAIN keeps what was typed before. */
	t->raw = tcsetattr(t->fd, TCSADRAIN, &raw) == 0;
	return t->raw ? 0 : -errno;
}

void terminal_close(struct terminal *t)
{
	if (t->raw)
		tcsetattr(t->fd, TCSADRAIN, &t->saved);
	t->raw = false;
	/* It must not set the modes again, when they belong to another program already. */
	if (t->guard) {
		kill(t->guard, SIGKILL);
		waitpid(t->guard, NULL, 0);
	}
	t->guard = 0;
	t->guard_fd = fd_close(t->guard_fd);
}

struct session_size terminal_size(int fd)
{
	struct winsize size = { 0 };
	ioctl(fd, TIOCGWINSZ, &size);
	return (struct session_size){ .columns = size.ws_col, .rows = size.ws_row };
}
