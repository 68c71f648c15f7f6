/* SPDX-License-Identifier: GPL-2.0-only */
/* history.c -- see history.h. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/dir.h"
#include "base/file.h"
#include "base/result_name.h"
#include "run/history.h"

static const char variable[] = "KTSTR_RUNS_ROOT";

void history_done(struct history *h)
{
	fd_close(h->all);
	fd_close(h->entry);
	*h = HISTORY_NULL;
}

/* The names of earlier runs sort by time. Two runs in one second differ in the random part. */
static void name_entry(struct history *h)
{
	struct tm tm;
	uint32_t id = (uint32_t)getpid();
	getrandom(&id, sizeof(id), GRND_NONBLOCK);
	gmtime_r(&h->when, &tm);
	size_t len = strftime(h->name, sizeof(h->name), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(h->name + len, sizeof(h->name) - len, "-%08x", id);
}

static int open_all(struct history *h)
{
	_cleanup_close_ int history = -1;
	_cleanup_free_ char *path = path_join(h->path, HISTORY_DIRECTORY);
	int r = path ? dir_open_below(h->root, HISTORY_DIRECTORY, path, variable, &history, NULL) : -ENOMEM;
	return r == 0 ? dir_open_below(history, h->run, path, variable, &h->all, NULL) : r;
}

static int open_entry(struct history *h)
{
	int r = h->all < 0 ? open_all(h) : 0;
	if (r < 0)
		return r;
	name_entry(h);
	return dir_open_below(h->all, h->name, h->path, variable, &h->entry, NULL);
}

void history_take(struct history *h, int dir, const char *name)
{
	bool kept = h->keep && (h->entry >= 0 || open_entry(h) == 0) && renameat(dir, name, h->entry, name) == 0;
	if (kept)
		h->moved++;
	else
		unlinkat(dir, name, 0);
}

/* --- trimming ----------------------------------------------------------------------------------------------------- */

/* Bytes of all files in one earlier run; with @remove, removes them. They are in one directory. */
static uint64_t walk_entry(int all, const char *name, bool remove)
{
	int fd = openat(all, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	uint64_t bytes = 0;
	struct stat st;
	for (struct dirent *e; d && (e = readdir(d));) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			bytes += (uint64_t)st.st_blocks * 512;
		if (remove)
			unlinkat(fd, e->d_name, 0);
	}
	if (d)
		closedir(d);
	else
		fd_close(fd);
	if (remove)
		unlinkat(all, name, AT_REMOVEDIR);
	return bytes;
}

static int newest_first(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*b)->d_name, (*a)->d_name);
}

static int is_entry(const struct dirent *e)
{
	return *e->d_name != '.';
}

void history_trim(struct history *h)
{
	struct dirent **list;
	uint64_t bytes = 0;
	bool full = false;
	int count = h->all >= 0 || open_all(h) == 0 ? scandirat(h->all, ".", &list, is_entry, newest_first) : 0;
	for (int i = 0; i < count; i++) {
		bytes += full ? 0 : walk_entry(h->all, list[i]->d_name, false);
		/* The newest one stays, however large. */
		full = full || (unsigned)i >= h->keep || (i && bytes > HISTORY_BYTES_MAX);
		if (full)
			walk_entry(h->all, list[i]->d_name, true);
		free(list[i]);
	}
	if (count > 0)
		free(list);
}
