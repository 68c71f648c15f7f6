/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * command.h -- runs one command from a machine's handler. Standard output and error share one pipe; each line goes to a
 * log and to a callback.
 */
#ifndef KTSTR_KERNEL_COMMAND_H
#define KTSTR_KERNEL_COMMAND_H

#include "base/buf.h"
#include "reactor/child.h"
#include "kernel/tool_env.h"
#include "reactor/machine.h"

struct command_spec {
	const char *what; /* for errors: "configuration", "build" */
	const char *const *argv;
	enum tool_env base_env; /* the part of our environment that the command gets */
	const char *const *env; /* variables added to that, or NULL */
	bool guarded; /* its process group is killed when we end, even by SIGKILL; argv[0] is looked up in PATH */
	const char *cwd;
	const struct child_fd *fds; /* further descriptors that the command inherits */
	unsigned fd_count;
	const uint64_t *affinity; /* as in child_spec, or NULL */
	const int *cgroup;	  /* as in child_spec, or NULL */
};

enum command_step { COMMAND_IDLE, COMMAND_READING, COMMAND_EXITING };

struct command_run {
	enum command_step step;
	struct child child;
	int pipe_fd;
	int guard_fd; /* write end of the guard's pipe; -1: none */
	int log_fd;   /* borrowed; -1: no log */
	void (*on_line)(void *data, const char *line);
	void *data;
	char chunk[4096];
	struct buf line; /* the incomplete last line */
	struct buf tail; /* the last lines, printable, for error messages */
};

/* No command runs: the state was entered just now, and its handler's result is that of the wait before. */
static inline bool command_is_idle(const struct command_run *run)
{
	return run->step == COMMAND_IDLE;
}

void command_init(struct command_run *run);
void command_done(struct command_run *run);
/*
 * Drives @c. Returns 1 when it has ended with status 0, and 0 while it runs: a wait was started, so return the present
 * state. Negative when it could not start or failed (-EIO; command_error_line() returns what it printed). @result: the
 * handler's.
 */
int command_drive(struct machine *m, int result, struct command_run *run, const struct command_spec *c,
		  struct err **err);
/* For a state that is entered on cancellation. 1: no command runs; 0: a wait for its end has started. */
int command_reap(struct machine *m, struct command_run *run);
/* Copies the first line of the tail that looks like an error, else the last line. */
void command_error_line(const struct command_run *run, char *out, size_t size);

#endif
