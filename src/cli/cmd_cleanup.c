/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_cleanup.c -- ktstr cleanup: removes control groups that ended ktstr processes left behind. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/out.h"

#define GROUP_NAME "ktstr"
#define DEPTH_MAX  64

struct cleanup_args {
	const char *parent;
};

static const struct option_row cleanup_options[] = {
	OPT_STRING(struct cleanup_args, parent, "parent-cgroup", 0, "DIR",
		   "remove this control group and all below it, and nothing else"),
	OPT_END,
};

struct cleanup {
	size_t removed, failed, skipped;
};

static void remove_one(struct cleanup *c, const char *path)
{
	if (rmdir(path) == 0) {
		c->removed++;
		return;
	}
	c->failed++;
	say_printf("warning: remove '%s': %s%s\n", path, strerror(errno),
		   errno == EBUSY ? "; processes still run in it, see its cgroup.procs" : "");
}

/* A directory, and no link to one: links of groups' names could lead anywhere. */
static bool is_real_dir(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/*
 * True if @path and all that is below it are control groups, which have the kernel's cgroup.procs, or empty
 * directories. Elsewhere, empty directories between somebody's files could be removed, too: so nothing is.
 */
static bool is_group(const char *path, unsigned depth)
{
	_cleanup_free_ char *procs = path_join(path, "cgroup.procs");
	bool kernels = procs && path_exists(procs), good = procs && depth < DEPTH_MAX;
	DIR *dir = good ? opendir(path) : NULL;
	for (struct dirent *e; good && dir && (e = readdir(dir));) {
		_cleanup_free_ char *child = path_join(path, e->d_name);
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		good = child && (is_real_dir(child) ? is_group(child, depth + 1) : kernels);
	}
	if (dir)
		closedir(dir);
	return good;
}

/* Children first. Links are not followed. */
static void remove_below(struct cleanup *c, const char *path, unsigned depth)
{
	DIR *dir = depth < DEPTH_MAX ? opendir(path) : NULL;
	for (struct dirent *e; dir && (e = readdir(dir));) {
		_cleanup_free_ char *child = path_join(path, e->d_name);
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || !child)
			continue;
		if (is_real_dir(child))
			remove_below(c, child, depth + 1);
	}
	if (dir)
		closedir(dir);
	remove_one(c, path);
}

/* "ktstr", "ktstr-PID" or "ktstr-PID-TICKS...": a group of that process. *@ret_pid: 0 for "ktstr". */
static bool is_ours(const char *name, pid_t *ret_pid, uint64_t *ret_ticks)
{
	size_t len = strlen(GROUP_NAME);
	char *end;
	*ret_pid = 0;
	*ret_ticks = 0;
	if (strncmp(name, GROUP_NAME, len) != 0)
		return false;
	if (!name[len])
		return true;
	if (name[len] != '-' || name[len + 1] < '0' || name[len + 1] > '9')
		return false;
	*ret_pid = (pid_t)strtoul(name + len + 1, &end, 10);
	if (*end == '-')
		*ret_ticks = strtoul(end + 1, &end, 10);
	return !*end || *end == '-';
}

/* Without a start time in the group's name, a process that is called like ktstr counts. */
static bool is_live(pid_t pid, uint64_t ticks)
{
	char path[40];
	_cleanup_buf_ struct buf name = BUF_NULL;
	if (!pid)
		return false;
	if (ticks)
		return process_start_ticks(pid) == ticks;
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	return file_read(path, 64, &name, NULL) == 0 && !strncmp(buf_str(&name), GROUP_NAME, strlen(GROUP_NAME));
}

static void clean_root(struct cleanup *c, const char *root)
{
	DIR *dir = opendir(root);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		pid_t pid;
		uint64_t ticks;
		_cleanup_free_ char *path = path_join(root, e->d_name);
		if (!path || !is_ours(e->d_name, &pid, &ticks) || !is_real_dir(path))
			continue;
		if (is_live(pid, ticks)) {
			say_printf("ktstr: skipping %s (live process)\n", path);
			c->skipped++;
			continue;
		}
		if (is_group(path, 0)) {
			remove_below(c, path, 0);
			continue;
		}
		say_printf("warning: '%s' is not a control group, because it holds files; it was not removed\n", path);
		c->failed++;
	}
	if (dir)
		closedir(dir);
}

static bool is_mount_point(const char *path)
{
	_cleanup_free_ char *above = path_join(path, "..");
	struct stat own, up;
	return !above || stat(path, &own) < 0 || stat(above, &up) < 0 || own.st_dev != up.st_dev ||
	       own.st_ino == up.st_ino;
}

/* Checks all that is below the directory which the user named before it removes anything. */
static int clean_named(struct cleanup *c, const char *said, struct err **err)
{
	_cleanup_free_ char *path = realpath(said, NULL);
	if (!path || !path_is_dir(path))
		return FAIL(err, ERR_USAGE, -ENOENT, "cgroup path not found: %s", said);
	if (is_mount_point(path))
		return FAIL(err, ERR_USAGE, -EBUSY,
			    "--parent-cgroup %s: it is the root of a file system; name a control group below it", said);
	if (!is_group(path, 0))
		return FAIL(err, ERR_USAGE, -EINVAL, "--parent-cgroup %s: it holds files; name a control group", said);
	remove_below(c, path, 0);
	return 0;
}

static int run_cleanup(void *args, struct err **err)
{
	static const char *const usual[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified", NULL };
	const struct cleanup_args *a = args;
	const char *said = environment_get(ENV_HOST_CGROUP_PARENT);
	struct cleanup c = { 0 };
	int r = a->parent ? clean_named(&c, a->parent, err) : 0;
	if (r < 0)
		return r;
	for (size_t i = 0; !a->parent && (said ? i < 1 : usual[i] != NULL); i++)
		clean_root(&c, said ?: usual[i]);
	say_printf("%zu control group%s removed\n", c.removed, plural(c.removed));
	if (!c.failed)
		return 0;
	return FAIL(err, ERR_BUSY, -EBUSY, "%zu control group%s could not be removed; the lines above say why",
		    c.failed, plural(c.failed));
}

const struct command cmd_cleanup = {
	.name = "cleanup",
	.group = GROUP_HOST,
	.summary = "Remove control groups that ended ktstr processes left behind",
	.text = "Looks in /sys/fs/cgroup, or where KTSTR_HOST_CGROUP_PARENT says, for groups called ktstr and "
		"ktstr-PID-..., and removes them with all groups below. Those of processes that still run stay. It "
		"ends no process: a group in which one still runs is named, and stays.",
	.option = cleanup_options,
	.example =
		(const struct example[]){
			{ "ktstr cleanup", "after a crash or a kill" },
			{ "ktstr cleanup --parent-cgroup /sys/fs/cgroup/mytests", "one group and those below" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_HOST_CGROUP_PARENT, ENV_MAX },
	.size = sizeof(struct cleanup_args),
	.run = run_cleanup,
};
