/* SPDX-License-Identifier: GPL-2.0-only */
/* memory.c -- see memory.h, and Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of the kernel. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

#define FILE_BYTES_MAX	 ((size_t)1 << 20)
#define GROUP_PATH_BYTES 2048
#define MIB		 (1ull << 20)

/* Names of files in one version of control groups. */
struct names {
	const char *type;      /* file system type */
	const char *limits[2]; /* the lower limit counts */
	const char *usage, *events;
	const char *cache[2]; /* keys of memory.stat: page cache that can be reclaimed */
};

static const struct names versions[] = {
	{ "cgroup2",
	  { "memory.max", "memory.high" },
	  "memory.current",
	  "memory.events",
	  { "inactive_file ", "active_file " } },
	{ "cgroup",
	  { "memory.limit_in_bytes", NULL },
	  "memory.usage_in_bytes",
	  "memory.oom_control",
	  { "total_inactive_file ", "total_active_file " } },
};

/* The control group of this process: its directory, and the length of the mount point in that path. */
struct group {
	const struct names *names;
	char dir[GROUP_PATH_BYTES];
	size_t top;
};

static bool has_controller(const char *list, size_t len)
{
	static const char name[] = "memory";
	for (const char *p = list; p < list + len; p += strcspn(p, ",") + 1)
		if (strcspn(p, ",:") == sizeof(name) - 1 && !strncmp(p, name, sizeof(name) - 1))
			return true;
	return false;
}

/* The path in a line "ID:CONTROLLERS:PATH" of /proc/self/cgroup, or NULL if the line is for the other version. */
static const char *path_in_line(const char *line, const struct names *n)
{
	const char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
	if (!path)
		return NULL;
	size_t len = (size_t)(path - controllers - 1);
	bool mine = n == &versions[0] ? !len : has_controller(controllers + 1, len);
	return mine && path[1] == '/' ? path + 1 : NULL;
}

static bool find_path(const char *groups, const struct names *n, char path[GROUP_PATH_BYTES])
{
	for (const char *line = groups; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		char copy[GROUP_PATH_BYTES];
		size_t len = MIN_OF(strcspn(line, "\n"), sizeof(copy) - 1);
		memcpy(copy, line, len);
		copy[len] = '\0';
		const char *found = path_in_line(copy, n);
		if (found)
			return snprintf(path, GROUP_PATH_BYTES, "%s", found) < GROUP_PATH_BYTES;
	}
	return false;
}

/* Sets @g to the directory of the group @path if that is below the mount in @line, a line of mountinfo. */
static bool mount_shows(const char *line, const char *root, const char *path, struct group *g)
{
	char mounted[GROUP_PATH_BYTES], point[GROUP_PATH_BYTES], type[16], options[256];
	const char *rest = strstr(line, " - ");
	if (!rest || sscanf(line, "%*s %*s %*s %2047s %2047s ", mounted, point) != 2 ||
	    sscanf(rest, " - %15s %*s %255s", type, options) != 2 || strcmp(type, g->names->type))
		return false;
	if (g->names != &versions[0] && !has_controller(options, strlen(options)))
		return false;
	size_t len = strcmp(mounted, "/") ? strlen(mounted) : 0;
	if (strncmp(path, mounted, len) || (path[len] && path[len] != '/'))
		return false;
	int n = snprintf(g->dir, sizeof(g->dir), "%s%s%s", root, point, strcmp(path + len, "/") ? path + len : "");
	g->top = strlen(root) + strlen(point);
	return n < (int)sizeof(g->dir);
}

static bool find_group(const char *root, const struct names *n, struct group *g)
{
	_cleanup_buf_ struct buf groups = BUF_NULL, mounts = BUF_NULL;
	char file[GROUP_PATH_BYTES], path[GROUP_PATH_BYTES], line[4 * GROUP_PATH_BYTES];
	g->names = n;
	snprintf(file, sizeof(file), "%s/proc/self/cgroup", root);
	if (file_read(file, FILE_BYTES_MAX, &groups, NULL) < 0 || !find_path(buf_str(&groups), n, path))
		return false;
	snprintf(file, sizeof(file), "%s/proc/self/mountinfo", root);
	if (file_read(file, FILE_BYTES_MAX, &mounts, NULL) < 0)
		return false;
	for (const char *at = buf_str(&mounts); *at; at += strcspn(at, "\n"), at += *at == '\n') {
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
		if (mount_shows(line, root, path, g))
			return true;
	}
	return false;
}

/* The number at the start of a file; false if there is none, as in "max". */
static bool read_number(const char *dir, const char *leaf, uint64_t *ret)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	_cleanup_free_ char *path = path_join(dir, leaf);
	char *end;
	if (!path || file_read(path, FILE_BYTES_MAX, &text, NULL) < 0)
		return false;
	*ret = strtoull(buf_str(&text), &end, 10);
	return end != buf_str(&text);
}

/* The number after @key at the start of a line. */
static uint64_t number_after(const char *text, const char *key)
{
	size_t len = strlen(key);
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (!strncmp(line, key, len))
			return strtoull(line + len, NULL, 10);
	return 0;
}

static uint64_t reclaimable_bytes(const char *dir, const struct names *n)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	_cleanup_free_ char *path = path_join(dir, "memory.stat");
	if (!path || file_read(path, FILE_BYTES_MAX, &text, NULL) < 0)
		return 0;
	return number_after(buf_str(&text), n->cache[0]) + number_after(buf_str(&text), n->cache[1]);
}

/* Lowers @room to the memory that the group at @dir leaves. */
static void apply_group_limit(const char *dir, const struct names *n, struct memory_room *room)
{
	uint64_t limit = UINT64_MAX, value, usage;
	for (size_t i = 0; i < ARRAY_SIZE(n->limits) && n->limits[i]; i++)
		if (read_number(dir, n->limits[i], &value))
			limit = MIN_OF(limit, value);
	if (limit == UINT64_MAX || !read_number(dir, n->usage, &usage))
		return;
	usage -= MIN_OF(usage, reclaimable_bytes(dir, n));
	uint64_t left = (limit - MIN_OF(limit, usage)) / MIB;
	if (left >= room->available_mib)
		return;
	room->available_mib = left;
	room->limit_mib = limit / MIB;
	snprintf(room->group, sizeof(room->group), "%s", dir);
}

void memory_look(const char *root, struct memory_room *ret)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	char path[GROUP_PATH_BYTES];
	*ret = (struct memory_room){ 0 };
	snprintf(path, sizeof(path), "%s/proc/meminfo", root);
	if (file_read(path, FILE_BYTES_MAX, &text, NULL) < 0)
		return;
	ret->available_mib = number_after(buf_str(&text), "MemAvailable:") / 1024;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		struct group g;
		if (!find_group(root, &versions[i], &g))
			continue;
		apply_group_limit(g.dir, g.names, ret);
		while (strlen(g.dir) > g.top) {
			*strrchr(g.dir, '/') = '\0';
			apply_group_limit(g.dir, g.names, ret);
		}
	}
}

uint64_t memory_available_mib(void)
{
	struct memory_room room;
	memory_look("", &room);
	return room.available_mib;
}

uint64_t memory_kills(const char *root)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	char vmstat[GROUP_PATH_BYTES];
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		struct group g;
		bool found = find_group(root, &versions[i], &g);
		_cleanup_free_ char *path = found ? path_join(g.dir, g.names->events) : NULL;
		if (path && file_read(path, FILE_BYTES_MAX, &text, NULL) == 0 && strstr(buf_str(&text), "oom_kill "))
			return number_after(buf_str(&text), "oom_kill ");
	}
	snprintf(vmstat, sizeof(vmstat), "%s/proc/vmstat", root);
	return file_read(vmstat, FILE_BYTES_MAX, &text, NULL) < 0 ? 0 : number_after(buf_str(&text), "oom_kill ");
}
