/* SPDX-License-Identifier: GPL-2.0-only */
/* tool.c -- runs a program of a build, or git, for what it prints. */
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "affected/build.h"

#define OUTPUT_MAX ((size_t)256 << 20)

static int start(const char *const *argv, const char *dir, int output, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addchdir_np(&actions, dir);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	int r = posix_spawnp(ret, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int read_all(int fd, struct buf *out)
{
	char block[16384];
	for (;;) {
		ssize_t n = read(fd, block, sizeof(block));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		if (out->len + (size_t)n > OUTPUT_MAX)
			return -EFBIG;
		buf_append(out, block, (size_t)n);
	}
}

int tool_output(const char *const *argv, const char *dir, struct buf *out, int *ret_status)
{
	int pair[2], status = 0;
	pid_t pid;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	_cleanup_close_ int from = pair[0], to = pair[1];
	int r = start(argv, dir, to, &pid);
	if (r < 0)
		return r;
	to = fd_close(to);
	r = read_all(from, out);
	from = fd_close(from);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
	return r < 0 ? r : out->failed ? -ENOMEM : 0;
}
