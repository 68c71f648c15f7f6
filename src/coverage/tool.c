/* SPDX-License-Identifier: GPL-2.0-only */
/* tool.c -- see tool.h. */
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "coverage/tool.h"

#define OUTPUT_BYTES_MAX ((off_t)512 << 20)

static size_t length(const char *const *list)
{
	size_t n = 0;
	while (list && list[n])
		n++;
	return n;
}

/* Ours, and @more before it: the first one of a name counts. The strings are borrowed. */
static const char **make_environment(const char *const *more)
{
	size_t n = length(more), ours = length((const char *const *)environ);
	const char **list = calloc(n + ours + 1, sizeof(*list));
	if (!list)
		return NULL;
	for (size_t i = 0; i < n; i++)
		list[i] = more[i];
	memcpy(list + n, environ, ours * sizeof(*list));
	return list;
}

static int spawn_tool(const struct coverage_tool *t, int out, pid_t *ret)
{
	_cleanup_free_ const char **environment = make_environment(t->env);
	posix_spawn_file_actions_t actions;
	if (!environment)
		return -ENOMEM;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (out >= 0)
		posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	int r = -posix_spawnp(ret, t->argv[0], &actions, NULL, (char **)(uintptr_t)t->argv,
			      (char **)(uintptr_t)environment);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

static int read_output(int fd, struct buf *out)
{
	off_t bytes = lseek(fd, 0, SEEK_END);
	if (bytes < 0 || bytes > OUTPUT_BYTES_MAX)
		return bytes < 0 ? -errno : -EFBIG;
	buf_clear(out);
	buf_zeros(out, (size_t)bytes);
	return out->failed ? -ENOMEM : fd_pread_full(fd, out->data, (size_t)bytes, 0);
}

int coverage_tool_run(const struct coverage_tool *t, int *ret_status, struct err **err)
{
	_cleanup_close_ int out = t->out ? memfd_new("ktstr-coverage", 0) : -1;
	pid_t pid;
	if (t->out && out < 0)
		return FAIL_SYS(err, out, "run '%s'", t->argv[0]);
	int r = spawn_tool(t, out, &pid);
	while (r == 0 && waitpid(pid, ret_status, 0) < 0)
		r = errno == EINTR ? 0 : -errno;
	if (r == 0 && t->out)
		r = read_output(out, t->out);
	return r < 0 ? FAIL_SYS(err, r, "run '%s'", t->argv[0]) : 0;
}

int coverage_tool_check(const struct coverage_tool *t, struct err **err)
{
	int status = 0, r = coverage_tool_run(t, &status, err);
	if (r < 0 || !status)
		return r;
	if (WIFSIGNALED(status))
		return FAIL(err, ERR_DATA, -EIO, "'%s' was killed by SIG%s", t->argv[0],
			    sigabbrev_np(WTERMSIG(status)) ?: "?");
	return FAIL(err, ERR_DATA, -EIO, "'%s' ended with status %d; its messages are above", t->argv[0],
		    WEXITSTATUS(status));
}
