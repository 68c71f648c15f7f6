/* SPDX-License-Identifier: GPL-2.0-only */
/* child.c -- runs the programs of `ktstr perf-delta`: builds and `ktstr test`; see perf_delta.h. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/file.h"
#include "reactor/interrupt.h"
#include "perfdelta/perf_delta.h"
#include "kernel/command.h"

#define STOP_DEADLINE (20 * NSEC_PER_SEC) /* for `ktstr test` to end its machines */

enum { PERF_CHILD_RUN, PERF_CHILD_STOP, PERF_CHILD_REAP, PERF_CHILD_COUNT };

struct perf_child {
	struct machine machine;
	const struct perf_command *command;
	struct command_run run;
	int result;
	struct err **err;
};

static int run_program(struct machine *m, int result)
{
	struct perf_child *c = container_of(m, struct perf_child, machine);
	struct command_spec spec = { .what = c->command->what,
				     .argv = c->command->argv,
				     .env = c->command->env,
				     .cwd = c->command->cwd,
				     .guarded = true };
	c->result = command_drive(m, result, &c->run, &spec, c->err);
	if (c->result == 0)
		return PERF_CHILD_RUN;
	/* A status that is not 0 is the caller's affair. */
	bool ended = c->result > 0 || (c->result == -EIO && c->run.child.status);
	c->result = ended ? 0 : c->result;
	return ended ? MACHINE_END : c->result;
}

/* The first signal is a request. */
static int stop_program(struct machine *m, int result)
{
	struct perf_child *c = container_of(m, struct perf_child, machine);
	(void)result;
	if (!c->run.child.running)
		return PERF_CHILD_REAP;
	child_kill(&c->run.child, SIGTERM);
	machine_wait_child(m, &c->run.child);
	return PERF_CHILD_STOP;
}

static int reap_program(struct machine *m, int result)
{
	struct perf_child *c = container_of(m, struct perf_child, machine);
	(void)result;
	return command_reap(m, &c->run) ? MACHINE_END : PERF_CHILD_REAP;
}

static void child_ended(struct machine *m, int result)
{
	struct perf_child *c = container_of(m, struct perf_child, machine);
	if (c->result == 0)
		c->result = result;
}

static const struct machine_state perf_child_states[PERF_CHILD_COUNT] = {
	[PERF_CHILD_RUN] = { "run", run_program, DEADLINE_NONE, PERF_CHILD_STOP, TO(PERF_CHILD_RUN) | TO_END },
	[PERF_CHILD_STOP] = { "stop", stop_program, STOP_DEADLINE, PERF_CHILD_REAP,
			      TO(PERF_CHILD_STOP) | TO(PERF_CHILD_REAP) },
	[PERF_CHILD_REAP] = { "reap", reap_program, DEADLINE_NONE, 0, TO(PERF_CHILD_REAP) | TO_END },
};

static const struct machine_type perf_child_type = { "perf child", perf_child_states, PERF_CHILD_COUNT, child_ended };

static int drive(struct perf_child *c, struct reactor *r, struct err **err)
{
	struct signals signals;
	int result = interrupt_watch(&signals, r, err);
	if (result < 0)
		return result;
	machine_start(r, &c->machine, &perf_child_type, NULL, "%s", c->command->what);
	result = reactor_run(r);
	signals_done(&signals);
	if (signals.caught || c->result == -ECANCELED)
		return FAIL(err, ERR_INTERRUPTED, -ECANCELED, "interrupted");
	return result < 0 ? result : c->result;
}

int perf_child_run(const struct perf_command *command, int *ret_status, struct err **err)
{
	struct perf_child c = { .command = command, .err = err };
	_cleanup_(reactor_free_p) struct reactor *r = NULL;
	_cleanup_close_ int log = open(command->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (log < 0)
		return FAIL_SYS(err, -errno, "create '%s'", command->log);
	int result = reactor_new(&r, err);
	if (result < 0)
		return result;
	command_init(&c.run);
	c.run.log_fd = log;
	result = drive(&c, r, err);
	int status = c.run.child.status;
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	command_done(&c.run);
	return result;
}
