/* SPDX-License-Identifier: GPL-2.0-only */
/* orphans.c -- see orphans.h. */
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/parse.h"
#include "base/time.h"
#include "kernel/orphans.h"

#define PATIENCE (10 * NSEC_PER_SEC)

static bool works_in(pid_t pid, const char *dir)
{
	char link[64], cwd[PATH_MAX];
	size_t len = strlen(dir);
	snprintf(link, sizeof(link), "/proc/%d/cwd", pid);
	ssize_t n = readlink(link, cwd, sizeof(cwd) - 1);
	if (n < 0)
		return false;
	cwd[n] = '\0';
	/* "/dir/src (deleted)" is below it too. */
	return !strncmp(cwd, dir, len) && (cwd[len] == '/' || cwd[len] == ' ' || !cwd[len]);
}

/* How many there were; each has been sent SIGKILL. */
static unsigned kill_all(const char *dir)
{
	unsigned found = 0;
	DIR *proc = opendir("/proc");
	for (struct dirent *e; proc && (e = readdir(proc));) {
		uint64_t pid;
		if (parse_u64(e->d_name, &pid) < 0 || pid > INT_MAX || (pid_t)pid == getpid() ||
		    !works_in((pid_t)pid, dir))
			continue;
		kill((pid_t)pid, SIGKILL);
		found++;
	}
	if (proc)
		closedir(proc);
	return found;
}

int orphans_kill(const char *dir, struct err **err)
{
	char real[PATH_MAX];
	nsec_t began = nsec_now();
	unsigned left;
	if (!realpath(dir, real))
		return errno == ENOENT ? 0 : FAIL_SYS(err, -errno, "find '%s'", dir);
	while ((left = kill_all(real)) && nsec_now() - began < PATIENCE)
		nanosleep(&(struct timespec){ .tv_nsec = 20 * NSEC_PER_MSEC }, NULL);
	if (!left)
		return 0;
	return FAIL(err, EXIT_CONTENTION, -EBUSY, "%u processes of a build that was killed are still at work in '%s'",
		    left, dir);
}
