/* SPDX-License-Identifier: GPL-2.0-only */
/* trash.c -- see trash.h. */
#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "kernel/trash.h"

#define TRASH_PREFIX ".trash-"

/*
 * The shell ends at once, so init reaps rm(1). The shell has its own session, so that Ctrl-C on the terminal does not
 * reach rm.
 */
static void remove_in_background(const char *path)
{
	static const char script[] = "rm -rf -- \"$1\" &";
	const char *argv[] = { "nice", "sh", "-c", script, "sh", path, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	pid_t pid;
	if (posix_spawn_file_actions_init(&actions) != 0)
		return;
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
	if (posix_spawnp(&pid, argv[0], &actions, &attributes, (char **)argv, environ) == 0)
		waitpid(pid, NULL, 0);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
}

int trash_put(const char *root, const char *dir, struct err **err)
{
	_cleanup_free_ char *path = NULL;
	if (asprintf(&path, "%s/" TRASH_PREFIX "%d-%s", root, getpid(), path_basename(dir)) < 0)
		return -ENOMEM;
	if (rename(dir, path) < 0)
		return errno == ENOENT ? 0 : FAIL_SYS(err, -errno, "remove '%s'", dir);
	remove_in_background(path);
	return 0;
}

void trash_empty(const char *root, bool wait)
{
	DIR *dir = opendir(root);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (strncmp(e->d_name, TRASH_PREFIX, strlen(TRASH_PREFIX)))
			continue;
		_cleanup_free_ char *path = path_join(root, e->d_name);
		if (path && wait)
			remove_tree(path, NULL);
		else if (path)
			remove_in_background(path);
	}
	if (dir)
		closedir(dir);
}
