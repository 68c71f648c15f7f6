/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * main.c -- the static program that starts every virtual machine's process: it confines itself, reports the outcome,
 * and executes the machine's program. It is part of ktstr, which starts it from a memfd.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "vmm/confine/setup.h"

/* The only environment variables that a machine's program gets. */
static const char *const kept_variables[] = { "LD_PRELOAD=",	    "KTSTR_TCG_LAG_NS=",    "KTSTR_TCG_CAPACITIES=",
					      "KTSTR_TCG_DEVICES=", "KTSTR_TCG_INITRAMFS=", "LD_LIBRARY_PATH=" };

static void record_part(struct confine_outcome *o, enum confine_part part, int r)
{
	o->part[part] = r == 0 ? CONFINE_IN_FORCE : r;
}

/* This process is a child of ktstr, so it is process 1 only in a new namespace, even if ktstr runs in a container. */
static bool has_pid_namespace(void)
{
	return getpid() == 1;
}

static void enter_namespaces(struct confine_outcome *o)
{
	static const struct {
		enum confine_part part;
		int flag;
	} rows[] = {
		{ CONFINE_IPC, CLONE_NEWIPC },
		{ CONFINE_NETWORK, CLONE_NEWNET },
		{ CONFINE_HOSTNAME, CLONE_NEWUTS },
	};
	record_part(o, CONFINE_PROCESSES, has_pid_namespace() ? 0 : -EPERM);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		record_part(o, rows[i].part, unshare(rows[i].flag) < 0 ? -errno : 0);
}

static void confine(struct confine_request *q)
{
	struct confine_outcome *o = &q->outcome;
	record_part(o, CONFINE_LIMITS, setup_limits(q));
	enter_namespaces(o);
	record_part(o, CONFINE_FILES, unshare(CLONE_NEWNS) < 0 ? -errno : setup_files(q));
	/* Without a PID namespace only the filter limits signals, and the host may refuse the filter. */
	if (o->part[CONFINE_FILES] != CONFINE_IN_FORCE || o->part[CONFINE_PROCESSES] != CONFINE_IN_FORCE)
		record_part(o, CONFINE_LANDLOCK, setup_landlock(q));
	record_part(o, CONFINE_PRIVILEGES, setup_privileges());
	record_part(o, CONFINE_SYSTEM_CALLS, setup_system_calls());
}

static void keep_environment(char *env[])
{
	size_t count = 0;
	for (char **e = environ; *e; e++)
		for (size_t i = 0; i < sizeof(kept_variables) / sizeof(kept_variables[0]); i++)
			if (!strncmp(*e, kept_variables[i], strlen(kept_variables[i])) &&
			    count < sizeof(kept_variables) / sizeof(kept_variables[0]))
				env[count++] = *e;
	env[count] = NULL;
}

static int read_request(struct confine_request *q)
{
	int r = fd_pread_full(CONFINE_FD_REQUEST, q, sizeof(*q), 0);
	if (r < 0)
		return r;
	return q->magic == CONFINE_MAGIC && q->size == sizeof(*q) && q->paths <= CONFINE_PATHS_MAX ? 0 : -EPROTO;
}

int main(int argc, char **argv)
{
	static struct confine_request q;
	char *env[sizeof(kept_variables) / sizeof(kept_variables[0]) + 1];
	(void)argc;
	int r = read_request(&q);
	if (r < 0) {
		dprintf(STDERR_FILENO, "read the description of the confinement: %s\n", strerror(-r));
		return CONFINE_EXIT_FAILED;
	}
	confine(&q);
	r = fd_pwrite_full(CONFINE_FD_REQUEST, &q.outcome, sizeof(q.outcome),
			   offsetof(struct confine_request, outcome));
	close(CONFINE_FD_REQUEST);
	close(CONFINE_FD_PROGRAM);
	if (r == 0 && q.program_fd < 0 && !*q.program)
		return 0;
	keep_environment(env);
	if (r == 0 && q.program_fd >= 0)
		execveat(q.program_fd, "", argv, env, AT_EMPTY_PATH);
	else if (r == 0)
		execve(q.program, argv, env);
	r = r < 0 ? -r : errno;
	dprintf(STDERR_FILENO, "execute '%s' in its confinement: %s\n", q.program_fd < 0 ? q.program : argv[0],
		strerror(r));
	return CONFINE_EXIT_FAILED;
}
