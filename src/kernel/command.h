/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * command.h -- one command after the other, from a machine's handler: standard output and error come through one pipe,
 * into a log, and line by line past whoever counts.
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
	enum tool_env base_env; /* what of our environment it gets */
	const char *const *env; /* on top of that, or NULL */
	bool guarded;		/* its whole process group ends when we do, even by SIGKILL; it is in PATH */
	const char *cwd;
	const struct child_fd *fds; /* further descriptors for it */
	unsigned fd_count;
	const uint64_t *affinity; /* as child_spec has it, or NULL */
	const int *cgroup;	  /* likewise */
};

enum command_step { COMMAND_IDLE, COMMAND_READING, COMMAND_EXITING };

struct command_run {
	enum command_step step;
	struct child child;
	int pipe_fd;
	int guard_fd; /* the end that the guard watches; -1: none */
	int log_fd;   /* borrowed; -1: no log */
	void (*on_line)(void *data, const char *line);
	void *data;
	char chunk[4096];
	struct buf line; /* so far */
	struct buf tail; /* the last lines, printable: for errors */
};

void command_init(struct command_run *run);
void command_done(struct command_run *run);
/*
 * Drives @c: 1 when it has ended with status 0, 0 while it runs (a wait was started: return the present state),
 * negative when it could not start or ended otherwise (-EIO; command_complaint() says what it said). @result: the
 * handler's.
 */
int command_drive(struct machine *m, int result, struct command_run *run, const struct command_spec *c,
		  struct err **err);
/* For a state entered by cancellation: 1 when nothing runs any more, 0 while its end is waited for. */
int command_reap(struct machine *m, struct command_run *run);
/* The first line of the tail that is an error's, else the last one. */
void command_complaint(const struct command_run *run, char *out, size_t size);

#endif
