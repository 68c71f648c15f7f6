/* SPDX-License-Identifier: GPL-2.0-only */
/* sandbox.c -- see sandbox.h, and Documentation/admin-guide/cgroup-v2.rst of the kernel. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/process.h"
#include "lock/holders.h"
#include "lock/sandbox.h"

#define NAME_BEFORE	 "ktstr-"
#define FILE_MAX	 ((size_t)1 << 20)
#define REMOVE_TRIES	 5
#define REMOVE_PAUSE	 (10 * NSEC_PER_MSEC)
#define SANDBOX_PATH_MAX 4352

/* --- the kernel's files ------------------------------------------------------------------------------------------- */

static int real_make(const char *path)
{
	return mkdir(path, 0755) < 0 ? -errno : 0;
}

static int real_remove(const char *path)
{
	return rmdir(path) < 0 ? -errno : 0;
}

static const struct sandbox_calls real_calls = { real_make, real_remove, file_write };

static int write_leaf(const struct sandboxes *s, const char *dir, const char *leaf, const char *text)
{
	char path[SANDBOX_PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/%s", dir, leaf) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return s->calls->write(path, text);
}

/* The file's text without its last newline. */
static int read_leaf(const char *dir, const char *leaf, struct buf *ret)
{
	char path[SANDBOX_PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/%s", dir, leaf) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	int r = file_read(path, FILE_MAX, ret, NULL);
	if (r == 0 && ret->len && ret->data[ret->len - 1] == '\n')
		ret->data[--ret->len] = '\0';
	return r;
}

static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);
	for (const char *p = text; (p = strstr(p, word)); p += len)
		if ((p == text || p[-1] == ' ') && (!p[len] || p[len] == ' ' || p[len] == '\n'))
			return true;
	return false;
}

/* --- our own group ------------------------------------------------------------------------------------------------ */

/* The PATH of the line "0::PATH" in @text, which is modified. NULL: `why` gives the reason. */
static const char *own_path(struct sandboxes *s, char *text)
{
	const char *path = NULL;
	char *save = NULL;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!group)
			continue;
		*group++ = '\0';
		controllers++;
		for (char *c = controllers; *c; c++)
			if (*c == ',')
				*c = ' ';
		if (!*controllers && *group == '/')
			path = group;
		else if (has_word(controllers, "cpuset"))
			snprintf(s->why, sizeof(s->why), "the cpuset controller belongs to cgroup v1");
	}
	if (!path && !*s->why)
		snprintf(s->why, sizeof(s->why), "this system has no cgroup v2");
	return *s->why ? NULL : path;
}

/* Finds the cgroup2 mount that shows @path: its mount point, and the rest of @path below it. */
static bool find_mount(const char *mountinfo, const char *path, char point[4096], const char **ret_rest)
{
	char root[4096];
	for (const char *line = mountinfo; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *type = strstr(line, " - ");
		if (!type || strncmp(type, " - cgroup2 ", 11) || type > line + strcspn(line, "\n"))
			continue;
		if (sscanf(line, "%*d %*d %*s %4095s %4095s ", root, point) != 2)
			continue;
		size_t len = !strcmp(root, "/") ? 0 : strlen(root);
		if (strncmp(path, root, len) || (path[len] != '/' && path[len]))
			continue;
		*ret_rest = !strcmp(path + len, "/") ? "" : path + len;
		return true;
	}
	return false;
}

static int find_parent(struct sandboxes *s)
{
	_cleanup_buf_ struct buf groups = BUF_NULL, mounts = BUF_NULL;
	char proc[SANDBOX_PATH_MAX], point[4096];
	const char *rest;
	snprintf(proc, sizeof(proc), "%s/proc/self", s->root);
	if (read_leaf(proc, "cgroup", &groups) < 0 || read_leaf(proc, "mountinfo", &mounts) < 0) {
		snprintf(s->why, sizeof(s->why), "/proc does not tell the control group of this process");
		return 0;
	}
	char nothing[] = "";
	const char *path = own_path(s, groups.len ? groups.data : nothing);
	if (!path)
		return 0;
	if (!find_mount(buf_str(&mounts), path, point, &rest)) {
		snprintf(s->why, sizeof(s->why), "the control group of this process is not mounted");
		return 0;
	}
	return asprintf(&s->parent, "%s%s%s", s->root, point, rest) < 0 ? -ENOMEM : 0;
}

static void forget_parent(struct sandboxes *s)
{
	free(s->parent);
	s->parent = NULL;
}

int sandboxes_find(const char *root, const struct sandbox_calls *calls, struct sandboxes *ret)
{
	_cleanup_buf_ struct buf has = BUF_NULL;
	*ret = (struct sandboxes){ .calls = calls ? calls : &real_calls, .root = strdup(root) };
	int r = ret->root ? find_parent(ret) : -ENOMEM;
	if (r < 0)
		sandboxes_close(ret);
	if (r < 0 || !ret->parent)
		return r;
	if (read_leaf(ret->parent, "cgroup.controllers", &has) == 0 && has_word(buf_str(&has), "cpuset"))
		return 0;
	snprintf(ret->why, sizeof(ret->why), "the cpuset controller is not delegated to %.120s", ret->parent);
	forget_parent(ret);
	return 0;
}

/* A group has cpuset files only when its parent delegates the controller. */
static bool delegate_cpuset(struct sandboxes *s)
{
	_cleanup_buf_ struct buf passes = BUF_NULL;
	if (read_leaf(s->parent, "cgroup.subtree_control", &passes) == 0 && has_word(buf_str(&passes), "cpuset"))
		return true;
	int r = write_leaf(s, s->parent, "cgroup.subtree_control", "+cpuset");
	if (r < 0)
		snprintf(s->why, sizeof(s->why), "the cpuset controller cannot be enabled in %.120s: %s", s->parent,
			 strerror(-r));
	return r == 0;
}

/* --- orphaned groups ---------------------------------------------------------------------------------------------- */

static uint64_t start_ticks_of(const struct sandboxes *s, long pid)
{
	_cleanup_buf_ struct buf stat = BUF_NULL;
	char dir[SANDBOX_PATH_MAX];
	if (pid)
		snprintf(dir, sizeof(dir), "%s/proc/%ld", s->root, pid);
	else
		snprintf(dir, sizeof(dir), "%s/proc/self", s->root);
	return read_leaf(dir, "stat", &stat) == 0 ? stat_start_ticks(buf_str(&stat)) : 0;
}

/* "ktstr-PID-TICKS-N" is a group of the process with that pid and start time. */
static bool is_orphan(const struct sandboxes *s, const char *name)
{
	long pid;
	unsigned long ticks;
	int end = 0;
	if (sscanf(name, NAME_BEFORE "%9ld-%19lu-%*9u%n", &pid, &ticks, &end) != 2 || !end || name[end] || pid <= 0)
		return false;
	return start_ticks_of(s, pid) != ticks;
}

static void remove_orphans(const struct sandboxes *s)
{
	char path[SANDBOX_PATH_MAX];
	DIR *dir = opendir(s->parent);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (!is_orphan(s, e->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", s->parent, e->d_name);
		/* Fails when processes still run in it. They are not ours to kill. */
		s->calls->remove(path);
	}
	if (dir)
		closedir(dir);
}

int sandboxes_open(const char *root, const struct sandbox_calls *calls, struct sandboxes *ret)
{
	int r = sandboxes_find(root, calls, ret);
	if (r < 0 || !ret->parent)
		return r;
	ret->start_ticks = start_ticks_of(ret, 0);
	if (delegate_cpuset(ret))
		remove_orphans(ret);
	else
		forget_parent(ret);
	return 0;
}

void sandboxes_close(struct sandboxes *s)
{
	free(s->root);
	free(s->parent);
	s->root = s->parent = NULL;
}

/* --- one group ---------------------------------------------------------------------------------------------------- */

/* A parent that has processes can only have threaded children. The cpuset controller allows those. */
static int make_group(const struct sandboxes *s, struct sandbox *b)
{
	_cleanup_buf_ struct buf type = BUF_NULL;
	int r = s->calls->make(b->path);
	if (r < 0) {
		free(b->path);
		b->path = NULL;
		return r;
	}
	if (read_leaf(b->path, "cgroup.type", &type) == 0 && !strcmp(buf_str(&type), "domain invalid"))
		r = write_leaf(s, b->path, "cgroup.type", "threaded");
	return r;
}

static int write_cpuset(const struct sandboxes *s, const char *path, const struct cpu_plan *plan)
{
	char list[4096];
	int r = write_leaf(s, path, "cpuset.cpus", cpuset_format(&plan->cpus, list, sizeof(list)));
	return r == 0 ? write_leaf(s, path, "cpuset.mems", cpuset_format(&plan->mems, list, sizeof(list))) : r;
}

/* 1: the kernel grants the whole set; 0: it grants less, and @note says so. */
static int check_effective(const char *path, const char *leaf, const struct cpuset_bits *wanted, char note[200])
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	struct cpuset_bits got = { 0 };
	char list[120];
	int r = read_leaf(path, leaf, &text);
	if (r == 0 && text.len)
		r = cpuset_parse(buf_str(&text), &got);
	if (r < 0)
		return r;
	if (set_equal(&got, wanted))
		return 1;
	snprintf(note, 200, "a control group above allows only %s of the plan's %s (%s)",
		 text.len ? buf_str(&text) : "none", cpuset_format(wanted, list, sizeof(list)), leaf);
	return set_empty(&got) ? -ERANGE : 0;
}

static int set_up_group(const struct sandboxes *s, const struct cpu_plan *plan, struct sandbox *b)
{
	char procs[SANDBOX_PATH_MAX];
	int cpus = write_cpuset(s, b->path, plan);
	int mems = cpus;
	if (cpus == 0)
		cpus = check_effective(b->path, "cpuset.cpus.effective", &plan->cpus, b->note);
	if (cpus > 0)
		mems = check_effective(b->path, "cpuset.mems.effective", &plan->mems, b->note);
	if (cpus < 0 || mems < 0)
		return cpus < 0 ? cpus : mems;
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", b->path);
	b->procs = open(procs, O_WRONLY | O_CLOEXEC);
	return b->procs < 0 ? -errno : 0;
}

int sandbox_make(struct sandboxes *s, const struct cpu_plan *plan, bool said, struct sandbox *ret, struct err **err)
{
	*ret = SANDBOX_NULL;
	snprintf(ret->note, sizeof(ret->note), "%s", s->why);
	if (!s->parent)
		return 0;
	if (asprintf(&ret->path, "%s/" NAME_BEFORE "%d-%lu-%u", s->parent, getpid(), s->start_ticks,
		     atomic_fetch_add(&s->made, 1)) < 0) {
		ret->path = NULL;
		return -ENOMEM;
	}
	int r = make_group(s, ret);
	if (r == 0)
		r = set_up_group(s, plan, ret);
	bool narrow = *ret->note;
	if (r == 0 && !(narrow && said))
		return 0;
	if (!narrow)
		snprintf(ret->note, sizeof(ret->note), "no control group can be made in %.120s: %s", s->parent,
			 strerror(-r));
	sandbox_remove(s, ret);
	return narrow && said ? FAIL(err, ERR_BUSY, -ERANGE, "%s; ask for fewer CPUs", ret->note) : 0;
}

void sandbox_remove(struct sandboxes *s, struct sandbox *b)
{
	struct timespec pause = nsec_to_timespec(REMOVE_PAUSE);
	b->procs = fd_close(b->procs);
	if (!b->path)
		return;
	write_leaf(s, b->path, "cgroup.kill", "1");
	for (unsigned i = 0; s->calls->remove(b->path) == -EBUSY && i < REMOVE_TRIES; i++)
		nanosleep(&pause, NULL);
	free(b->path);
	b->path = NULL;
}
