/* SPDX-License-Identifier: GPL-2.0-only */
/* command.c -- see command.h. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/bug.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "kernel/command.h"

#define LINE_BYTES_MAX	  4096
#define TAIL_BYTES_MAX	  6000
#define COMMAND_FDS_MAX	  4
#define COMMAND_WORDS_MAX 40

void command_init(struct command_run *run)
{
	*run = (struct command_run){ .child = CHILD_NULL, .pipe_fd = -1, .guard_fd = -1, .log_fd = -1 };
}

void command_done(struct command_run *run)
{
	fd_close(run->pipe_fd);
	fd_close(run->guard_fd);
	buf_done(&run->line);
	buf_done(&run->tail);
	command_init(run);
}

/*
 * Prepends the guard's words to those of @c, and passes it the pipe's read end. The caller closes that end. After the
 * command has ended the other end is closed, so processes that it left behind are killed, too.
 */
static int add_guard(struct command_run *run, const struct command_spec *c, const char **argv, struct child_spec *spec,
		     struct child_fd *fds)
{
	static const char *const shell[] = { "sh", "-c", process_guard, "sh" };
	int ends[2];
	size_t n = 0, words = 0;
	while (c->argv[words])
		words++;
	REQUIRE(ARRAY_SIZE(shell) + words < COMMAND_WORDS_MAX);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	for (; n < ARRAY_SIZE(shell); n++)
		argv[n] = shell[n];
	memcpy(argv + n, c->argv, (words + 1) * sizeof(*argv));
	spec->argv = argv;
	fds[spec->fd_count++] = (struct child_fd){ ends[0], PROCESS_GUARD_FD };
	run->guard_fd = ends[1];
	return ends[0];
}

static int spawn(struct machine *m, struct command_run *run, const struct command_spec *c, int out, struct err **err)
{
	const char *argv[COMMAND_WORDS_MAX];
	struct child_fd fds[3 + COMMAND_FDS_MAX] = { { out, STDOUT_FILENO }, { out, STDERR_FILENO } };
	_cleanup_free_ const char **env = tool_environment(c->base_env, c->env);
	_cleanup_close_ int guard_end = -1;
	struct child_spec spec = { .argv = c->argv,
				   .env = env,
				   .only_env = true,
				   .cwd = c->cwd,
				   .fds = fds,
				   .fd_count = 2 + c->fd_count,
				   .affinity = c->affinity,
				   .cgroup = c->cgroup };
	if (!env)
		return -ENOMEM;
	if (c->fd_count)
		memcpy(fds + 2, c->fds, c->fd_count * sizeof(*fds));
	if (c->guarded)
		guard_end = add_guard(run, c, argv, &spec, fds);
	if (c->guarded && guard_end < 0)
		return FAIL_SYS(err, guard_end, "run '%s'", c->argv[0]);
	return child_spawn(m->reactor, &run->child, &spec, err);
}

static int start(struct machine *m, struct command_run *run, const struct command_spec *c, struct err **err)
{
	int ends[2];
	REQUIRE(c->fd_count <= COMMAND_FDS_MAX);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return FAIL_SYS(err, -errno, "run '%s'", c->argv[0]);
	buf_clear(&run->tail);
	buf_clear(&run->line);
	int r = spawn(m, run, c, ends[1], err);
	fd_close(ends[1]);
	run->pipe_fd = ends[0];
	return r;
}

static void take_line(struct command_run *run)
{
	if (run->on_line)
		run->on_line(run->data, buf_str(&run->line));
	text_append(&run->tail, buf_str(&run->line), run->line.len);
	buf_puts(&run->tail, "\n");
	if (run->tail.len > TAIL_BYTES_MAX)
		buf_consume(&run->tail, run->tail.len - TAIL_BYTES_MAX);
	buf_clear(&run->line);
}

static void take_output(struct command_run *run, size_t len)
{
	if (run->log_fd >= 0)
		fd_write_full(run->log_fd, run->chunk, len);
	for (size_t i = 0; i < len; i++) {
		if (run->chunk[i] == '\n')
			take_line(run);
		else if (run->line.len < LINE_BYTES_MAX)
			buf_append(&run->line, &run->chunk[i], 1);
	}
}

int command_drive(struct machine *m, int result, struct command_run *run, const struct command_spec *c,
		  struct err **err)
{
	switch (run->step) {
	case COMMAND_IDLE:
		result = start(m, run, c, err);
		if (result < 0)
			return result;
		break;
	case COMMAND_READING:
		if (result > 0)
			take_output(run, (size_t)result);
		if (result > 0 || result == -EINTR)
			break;
		run->pipe_fd = fd_close(run->pipe_fd);
		run->step = COMMAND_EXITING;
		machine_wait_child(m, &run->child);
		return 0;
	case COMMAND_EXITING:
		run->step = COMMAND_IDLE;
		run->guard_fd = fd_close(run->guard_fd);
		child_done(&run->child);
		return run->child.status ? -EIO : 1;
	}
	run->step = COMMAND_READING;
	machine_read(m, run->pipe_fd, run->chunk, sizeof(run->chunk), OP_STREAM);
	return 0;
}

int command_reap(struct machine *m, struct command_run *run)
{
	run->step = COMMAND_IDLE;
	run->pipe_fd = fd_close(run->pipe_fd);
	run->guard_fd = fd_close(run->guard_fd);
	if (run->child.running) {
		child_kill(&run->child, SIGKILL);
		machine_wait_child(m, &run->child);
		return 0;
	}
	child_done(&run->child);
	return 1;
}

void command_error_line(const struct command_run *run, char *out, size_t size)
{
	static const char *const marks[] = { "error:", "fatal", "No such file", "not found", "rror: ", "Error " };
	const char *tail = buf_str(&run->tail), *best = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(marks) && !best; i++)
		best = strstr(tail, marks[i]);
	if (!best) {
		best = tail + strlen(tail);
		for (int lines = 0; best > tail && lines < 2; best--)
			lines += best[-1] == '\n';
	}
	while (best > tail && best[-1] != '\n')
		best--;
	best += *best == '\n';
	snprintf(out, size, "%.*s", (int)MIN_OF(strcspn(best, "\n"), size - 1), best);
}
