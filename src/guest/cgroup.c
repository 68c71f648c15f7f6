/* SPDX-License-Identifier: GPL-2.0-only */
/* cgroup.c -- see cgroup.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "guest/cgroup.h"

#define REMOVE_TRIES	100 /* 10 ms apart */
#define FREEZE_DEADLINE (2 * NSEC_PER_SEC)

bool cgroup_parent(const char *name, char out[WIRE_NAME_MAX])
{
	const char *slash = strrchr(name, '/');
	if (!slash)
		return false;
	snprintf(out, WIRE_NAME_MAX, "%.*s", (int)(slash - name), name);
	return true;
}

static char *leaf(const char *name, const char *file)
{
	char *path = NULL;
	return asprintf(&path, GUEST_CGROUP "/%s%s%s", name, *file ? "/" : "", file) < 0 ? NULL : path;
}

/*
 * Enables the controllers in every ancestor below GUEST_CGROUP. The kernel refuses them in an ancestor that has
 * processes; the cgroups below it then have no such controllers.
 */
static void enable_controllers(const char *name)
{
	static const char *const controllers[] = { "+cpuset", "+cpu", "+memory", "+pids", "+io" };
	for (const char *slash = name; (slash = strchr(slash, '/')); slash++) {
		_cleanup_free_ char *parent = strndup(name, (size_t)(slash - name));
		_cleanup_free_ char *path = parent ? leaf(parent, "cgroup.subtree_control") : NULL;
		for (size_t i = 0; path && i < ARRAY_SIZE(controllers); i++)
			file_write(path, controllers[i]);
	}
}

/*
 * Enables the parent's controllers only when a file is missing: a parent that needs no controllers may have processes.
 */
static int write_leaf(const char *name, const char *file, const char *text, struct err **err)
{
	_cleanup_free_ char *path = leaf(name, file);
	int r = path ? file_write(path, text) : -ENOMEM;
	if (r == -ENOENT || r == -EACCES) {
		enable_controllers(name);
		r = file_write(path, text);
	}
	if (r == -ENOENT || r == -EACCES) {
		FAIL(err, ERR_DATA, -ENOENT,
		     "cgroup '%s': set %s='%s': this kernel has no such file (requires +%.*s in parent "
		     "cgroup.subtree_control)",
		     name, file, text, (int)strcspn(file, "."), file);
		return -ENOENT;
	}
	return r < 0 ? FAIL_SYS(err, r, "cgroup '%s': set %s='%s'", name, file, text) : 0;
}

/* Returns -ESTALE if the test removed GUEST_CGROUP: callers take -ENOENT for a missing kernel feature. */
static int no_cgroup(const char *name, const char *what, int code, struct err **err)
{
	if (code == -ENOENT)
		return FAIL(err, ERR_BY_CODE, -ESTALE, "cgroup '%s': %s: " GUEST_CGROUP " is gone", name, what);
	return FAIL_SYS(err, code, "cgroup '%s': %s", name, what);
}

int cgroup_create(const char *name, struct err **err)
{
	_cleanup_free_ char *path = leaf(name, "");
	for (const char *slash = name; (slash = strchr(slash, '/')); slash++) {
		_cleanup_free_ char *parent = strndup(name, (size_t)(slash - name));
		_cleanup_free_ char *parent_path = parent ? leaf(parent, "") : NULL;
		if (!parent_path || (mkdir(parent_path, 0755) < 0 && errno != EEXIST))
			return no_cgroup(name, "create its parent", parent_path ? -errno : -ENOMEM, err);
	}
	if (!path || (mkdir(path, 0755) < 0 && errno != EEXIST))
		return no_cgroup(name, "create", path ? -errno : -ENOMEM, err);
	return 0;
}

int cgroup_set_cpuset(const char *name, const struct cpuset_bits *cpus, struct err **err)
{
	char text[CPUSET_TEXT_MAX];
	return write_leaf(name, "cpuset.cpus", cpuset_format(cpus, text, sizeof(text)), err);
}

/* The kernel rejects an empty cpuset while the cgroup has processes (ENOSPC); the parent's CPUs mean the same. */
int cgroup_clear_cpuset(const char *name, const struct cpuset_bits *parent, struct err **err)
{
	return write_leaf(name, "cpuset.cpus", "\n", NULL) == 0 ? 0 : cgroup_set_cpuset(name, parent, err);
}

int cgroup_set_mems(const char *name, const char *nodes, struct err **err)
{
	return write_leaf(name, "cpuset.mems", nodes, err);
}

static int set_number(const char *name, const char *file, uint64_t value, struct err **err)
{
	char text[24] = "max";
	if (!value)
		return 0;
	if (value != KTSTR_UNLIMITED)
		snprintf(text, sizeof(text), "%lu", value);
	return write_leaf(name, file, text, err);
}

static int set_quota(const char *name, const struct ktstr_limits *l, struct err **err)
{
	char text[32];
	unsigned period = l->cpu_period_us ? l->cpu_period_us : 100000;
	uint64_t quota = l->cpu_quota_us ? l->cpu_quota_us : (uint64_t)period * l->cpu_quota_pct / 100;
	if (l->cpu_unlimited)
		return write_leaf(name, "cpu.max", "max", err);
	if (!quota)
		return 0;
	snprintf(text, sizeof(text), "%lu %u", quota, period);
	return write_leaf(name, "cpu.max", text, err);
}

int cgroup_set_limits(const char *name, const struct ktstr_limits *l, struct err **err)
{
	const struct {
		const char *file;
		uint64_t value;
	} files[] = {
		{ "cpu.weight", l->cpu_weight },
		{ "memory.max", l->memory_max },
		{ "memory.high", l->memory_high },
		{ "memory.low", l->memory_low },
		{ "memory.swap.max", l->memory_swap_max },
		{ "io.weight", l->io_weight },
		{ "pids.max", l->pids_max },
	};
	int r = set_quota(name, l, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++)
		r = set_number(name, files[i].file, files[i].value, err);
	return r;
}

static bool is_frozen(const char *name, bool wanted)
{
	_cleanup_free_ char *path = leaf(name, "cgroup.events");
	_cleanup_buf_ struct buf text = BUF_NULL;
	return path && file_read(path, 4096, &text, NULL) == 0 &&
	       strstr(buf_str(&text), wanted ? "frozen 1" : "frozen 0");
}

int cgroup_freeze(const char *name, bool frozen, struct err **err)
{
	static const struct timespec step = { .tv_nsec = 1000 * 1000 };
	nsec_t deadline = nsec_now() + FREEZE_DEADLINE;
	int r = write_leaf(name, "cgroup.freeze", frozen ? "1" : "0", err);
	while (r == 0 && !is_frozen(name, frozen)) {
		if (nsec_now() >= deadline)
			return FAIL(err, ERR_BY_CODE, -ETIME, "cgroup '%s': it is not %s after 2 s", name,
				    frozen ? "frozen" : "thawed");
		nanosleep(&step, NULL);
	}
	return r;
}

int cgroup_move(const char *name, pid_t pid, struct err **err)
{
	static const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
	char text[16];
	_cleanup_free_ char *path = leaf(name, "cgroup.procs");
	snprintf(text, sizeof(text), "%d", pid);
	int r = path ? file_write(path, text) : -ENOMEM;
	for (unsigned i = 0; r == -EBUSY && i < 3; i++) {
		nanosleep(&pause, NULL);
		r = file_write(path, text);
	}
	return r < 0 && r != -ESRCH ? FAIL_SYS(err, r, "cgroup '%s': move process %d", name, pid) : 0;
}

int cgroup_procs(const char *name)
{
	_cleanup_free_ char *path = leaf(name, "cgroup.procs");
	_cleanup_buf_ struct buf pids = BUF_NULL;
	int r = path ? file_read(path, 1 << 20, &pids, NULL) : -ENOMEM, count = 0;
	for (const char *at = buf_str(&pids); r == 0 && (at = strchr(at, '\n')); at++)
		count++;
	return r < 0 ? r : count;
}

static void evacuate(const char *name)
{
	_cleanup_free_ char *path = leaf(name, "cgroup.procs");
	_cleanup_buf_ struct buf pids = BUF_NULL;
	if (!path || file_read(path, 1 << 20, &pids, NULL) < 0 || !pids.len)
		return;
	char *save = NULL;
	for (char *pid = strtok_r(pids.data, "\n", &save); pid; pid = strtok_r(NULL, "\n", &save)) {
		if (file_write("/sys/fs/cgroup/cgroup.procs", pid) == -EBUSY)
			file_write("/sys/fs/cgroup/engine/cgroup.procs", pid); /* not the root: it has controllers */
	}
}

/* A killed process needs CPU time to end. If the quota of its group is used up, it gets none until the next period. */
static void lift_quota(const char *name)
{
	_cleanup_free_ char *path = leaf(name, "cpu.max");
	/* The file exists only if the cpu controller is on. Otherwise the group has no quota. */
	if (path)
		file_write(path, "max");
}

int cgroup_remove(const char *name, struct err **err)
{
	static const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	_cleanup_free_ char *path = leaf(name, "");
	if (!path)
		return -ENOMEM;
	for (unsigned i = 0; i < REMOVE_TRIES; i++) { /* the kernel may count a reaped process for a moment longer */
		if (rmdir(path) == 0 || errno == ENOENT)
			return 0;
		lift_quota(name);
		evacuate(name);
		if (i)
			nanosleep(&pause, NULL);
	}
	return FAIL_SYS(err, -errno, "cgroup '%s': remove", name);
}
