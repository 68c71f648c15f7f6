/* SPDX-License-Identifier: GPL-2.0-only */
/* child.h -- child processes by pidfd, so that a reused pid is never signalled, and without a SIGCHLD handler. */
#ifndef KTSTR_REACTOR_CHILD_H
#define KTSTR_REACTOR_CHILD_H

#include "reactor/reactor.h"

#define CHILD_FDS_MAX 32

struct child_fd {
	int from; /* our descriptor; not consumed */
	int to;	  /* its number in the child */
};

struct child_spec {
	const char *const *argv;    /* argv[0] is looked up in PATH */
	const char *program;	    /* the file to execute instead of argv[0]; or NULL */
	const char *const *env;	    /* "NAME=value"s on top of our environment, NULL-terminated; or NULL */
	bool only_env;		    /* @env is all there is */
	const char *cwd;	    /* NULL: ours */
	const struct child_fd *fds; /* 0-2 not named here are /dev/null; everything else is closed */
	unsigned fd_count;
	const uint64_t *affinity; /* CPU mask of CPUSET_WORDS words, or NULL */
	const int *cgroup;	  /* a "cgroup.procs" to enter by, not consumed; NULL or -1: stay in ours */
	/*
	 * CLONE_NEW* flags of namespaces for the child, as far as this process may create them: with its own
	 * privileges, else in a new user namespace in which the child is root, else not at all. child.namespaces has
	 * the result.
	 */
	int namespaces;
};

struct child {
	struct op op; /* poll on the pidfd */
	struct reactor *reactor;
	struct machine *waiter;
	pid_t pid; /* also its process group */
	int pidfd;
	int namespaces; /* CLONE_NEW* flags that it was started with */
	int status;	/* as waitpid(2), once exited */
	bool running, exited;
	uint64_t cpu_usec; /* user + system time, once exited */
	uint64_t rss_kib;  /* largest resident set, once exited */
	void *sim;
};

#define CHILD_NULL ((struct child){ .pidfd = -1 })

/*
 * Starts a process in its own session and process group, with default signal dispositions. It dies with us
 * (PR_SET_PDEATHSIG). A missing program is an error here, not an exit status.
 */
int child_spawn(struct reactor *r, struct child *c, const struct child_spec *spec, struct err **err);
/* Signals the whole group; does nothing once the child has exited. */
void child_kill(struct child *c, int sig);
/* Closes the pidfd. The child must have exited, or never have been started. */
void child_done(struct child *c);
/* "exit status 2", "killed by SIGSEGV"; @out of @size bytes. */
const char *child_describe(int status, char *out, size_t size);

/* For backends. */
void child_exited(struct child *c, int status);
int child_exec(struct child *c, const struct child_spec *spec, struct err **err);
int child_reap(struct child *c);

#endif
