/* SPDX-License-Identifier: GPL-2.0-only */
/* cgroup.c -- see cgroup.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "guest/cgroup.h"
#include "guest/ctx.h"

static char *leaf(const char *name, const char *file)
{
	char *path = NULL;
	return asprintf(&path, GUEST_CGROUP "/%s%s%s", name, *file ? "/" : "", file) < 0 ? NULL : path;
}

static int write_leaf(const char *name, const char *file, const char *text, struct err **err)
{
	_cleanup_free_ char *path = leaf(name, file);
	int r = path ? file_write(path, text) : -ENOMEM;
	return r < 0 ? FAIL_SYS(err, r, "cgroup '%s': write '%s' to %s", name, text, file) : 0;
}

int cgroup_create(const char *name, struct err **err)
{
	_cleanup_free_ char *path = leaf(name, "");
	if (!path || (mkdir(path, 0755) < 0 && errno != EEXIST))
		return FAIL_SYS(err, -errno, "cgroup '%s': create", name);
	return 0;
}

int cgroup_set_cpuset(const char *name, const struct cpuset_bits *cpus, struct err **err)
{
	char text[CPUSET_TEXT_MAX];
	return write_leaf(name, "cpuset.cpus", cpuset_format(cpus, text, sizeof(text)), err);
}

int cgroup_move(const char *name, pid_t pid, struct err **err)
{
	char text[16];
	_cleanup_err_ struct err *why = NULL;
	snprintf(text, sizeof(text), "%d", pid);
	int r = write_leaf(name, "cgroup.procs", text, &why);
	if (r < 0 && r != -ESRCH) {
		if (err)
			*err = TAKE_PTR(why);
		return r;
	}
	return 0;
}

static void evacuate(const char *name)
{
	_cleanup_free_ char *path = leaf(name, "cgroup.procs");
	_cleanup_buf_ struct buf pids = BUF_NULL;
	if (!path || file_read(path, 1 << 20, &pids, NULL) < 0)
		return;
	char *save = NULL;
	for (char *pid = strtok_r(pids.data, "\n", &save); pid; pid = strtok_r(NULL, "\n", &save))
		file_write(GUEST_CGROUP "/cgroup.procs", pid);
}

int cgroup_remove(const char *name, struct err **err)
{
	_cleanup_free_ char *path = leaf(name, "");
	if (!path)
		return -ENOMEM;
	if (rmdir(path) == 0 || errno == ENOENT)
		return 0;
	evacuate(name);
	if (rmdir(path) < 0)
		return FAIL_SYS(err, -errno, "cgroup '%s': remove", name);
	return 0;
}
