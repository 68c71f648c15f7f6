/* SPDX-License-Identifier: GPL-2.0-only */
/* kept.c -- see kept.h. */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/kept.h"

static bool ends_in(const char *name, const char *suffix)
{
	size_t len = strlen(name), end = strlen(suffix);
	return len > end && !strcmp(name + len - end, suffix);
}

static bool before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* How many there are, and the name of the one that was not used for longest. */
static unsigned oldest(DIR *dir, const char *suffix, char name[256])
{
	struct timespec since = { 0 };
	struct stat st;
	unsigned count = 0;
	rewinddir(dir);
	for (struct dirent *d; (d = readdir(dir));) {
		if (!ends_in(d->d_name, suffix) || fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (!count++ || before(&st.st_mtim, &since)) {
			since = st.st_mtim;
			snprintf(name, 256, "%s", d->d_name);
		}
	}
	return count;
}

void kept_use(int fd)
{
	futimens(fd, NULL);
}

void kept_trim(const char *path, const char *suffix, unsigned most)
{
	char name[256];
	DIR *dir = opendir(path);
	while (dir && oldest(dir, suffix, name) > most && unlinkat(dirfd(dir), name, 0) == 0)
		;
	if (dir)
		closedir(dir);
}
