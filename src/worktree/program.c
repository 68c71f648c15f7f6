/* SPDX-License-Identifier: GPL-2.0-only */
/* program.c -- see program.h. */
#include "worktree/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/file.h"
#include "reactor/interrupt.h"
#include "kernel/command.h"

#define STOP_DEADLINE (20 * NSEC_PER_SEC) /* for `ktstr test` to end its machines */

enum { PROGRAM_RUN, PROGRAM_STOP, PROGRAM_REAP, PROGRAM_COUNT };

struct running {
	struct machine machine;
	const struct program *command;
	struct command_run run;
	int result, log;
	struct err *err;
};

static int status_of(const struct running *c)
{
	int status = c->run.child.status;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void make_ready(struct running *c)
{
	command_init(&c->run);
	c->run.log_fd = c->log;
	c->run.on_line = c->command->on_line;
	c->run.data = c->command->data;
}

/* False: it has run for the last time. */
static bool start_again(struct running *c)
{
	if (!c->command->again || !c->command->again(c->command->data, status_of(c)))
		return false;
	c->err = err_free(c->err);
	command_done(&c->run);
	make_ready(c);
	machine_nop(&c->machine);
	return true;
}

static int drive_program(struct machine *m, int result)
{
	struct running *c = container_of(m, struct running, machine);
	struct command_spec spec = { .what = c->command->what,
				     .argv = c->command->argv,
				     .env = c->command->env,
				     .cwd = c->command->cwd,
				     .guarded = true };
	c->result = command_drive(m, result, &c->run, &spec, &c->err);
	if (c->result == 0)
		return PROGRAM_RUN;
	/* A status that is not 0 is the caller's affair. */
	bool ended = c->result > 0 || (c->result == -EIO && c->run.child.status);
	c->result = ended ? 0 : c->result;
	if (!ended)
		return c->result;
	return start_again(c) ? PROGRAM_RUN : MACHINE_END;
}

/* The first signal is a request. */
static int stop_program(struct machine *m, int result)
{
	struct running *c = container_of(m, struct running, machine);
	(void)result;
	if (!c->run.child.running)
		return PROGRAM_REAP;
	child_kill(&c->run.child, SIGTERM);
	machine_wait_child(m, &c->run.child);
	return PROGRAM_STOP;
}

static int reap_program(struct machine *m, int result)
{
	struct running *c = container_of(m, struct running, machine);
	(void)result;
	return command_reap(m, &c->run) ? MACHINE_END : PROGRAM_REAP;
}

static void program_ended(struct machine *m, int result)
{
	struct running *c = container_of(m, struct running, machine);
	if (c->result == 0)
		c->result = result;
}

static const struct machine_state program_states[PROGRAM_COUNT] = {
	[PROGRAM_RUN] = { "run", drive_program, DEADLINE_NONE, PROGRAM_STOP, TO(PROGRAM_RUN) | TO_END },
	[PROGRAM_STOP] = { "stop", stop_program, STOP_DEADLINE, PROGRAM_REAP, TO(PROGRAM_STOP) | TO(PROGRAM_REAP) },
	[PROGRAM_REAP] = { "reap", reap_program, DEADLINE_NONE, 0, TO(PROGRAM_REAP) | TO_END },
};

static const struct machine_type program_type = { "program", program_states, PROGRAM_COUNT, program_ended };

/* --- several ------------------------------------------------------------------------------------------------------ */

static int open_program(struct running *c, const struct program *p, struct err **err)
{
	*c = (struct running){ .command = p, .log = -1 };
	if (p->log)
		c->log = open(p->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	make_ready(c);
	return p->log && c->log < 0 ? FAIL_SYS(err, -errno, "create '%s'", p->log) : 0;
}

static void close_program(struct running *c)
{
	command_done(&c->run);
	fd_close(c->log);
	err_free(c->err);
}

static int run_machines(struct reactor *r, struct running *c, size_t count, struct err **err)
{
	struct signals signals;
	int result = interrupt_watch(&signals, r, err);
	if (result < 0)
		return result;
	for (size_t i = 0; i < count; i++)
		machine_start(r, &c[i].machine, &program_type, NULL, "%s", c[i].command->what);
	result = reactor_run(r);
	signals_done(&signals);
	if (signals.caught)
		return FAIL(err, ERR_INTERRUPTED, -ECANCELED, "interrupted");
	for (size_t i = 0; i < count && result >= 0; i++) {
		result = c[i].result;
		if (result == -ECANCELED)
			return FAIL(err, ERR_INTERRUPTED, -ECANCELED, "interrupted");
		if (result < 0 && err)
			*err = TAKE_PTR(c[i].err);
	}
	return result;
}

int programs_run(const struct program *p, size_t count, int *ret_status, struct err **err)
{
	_cleanup_(reactor_free_p) struct reactor *r = NULL;
	struct running *c = calloc(count, sizeof(*c));
	size_t open = 0;
	int result = c ? reactor_new(&r, err) : -ENOMEM;
	while (result >= 0 && open < count) {
		result = open_program(&c[open], &p[open], err);
		open++;
	}
	if (result >= 0)
		result = run_machines(r, c, count, err);
	for (size_t i = 0; i < open; i++) {
		ret_status[i] = status_of(&c[i]);
		close_program(&c[i]);
	}
	free(c);
	return result;
}

int program_run(const struct program *p, int *ret_status, struct err **err)
{
	return programs_run(p, 1, ret_status, err);
}
