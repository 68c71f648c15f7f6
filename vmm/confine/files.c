/* SPDX-License-Identifier: GPL-2.0-only */
/* files.c -- the file system view. See setup.h; mount_setattr(2), open_tree(2), pivot_root(2). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/confine/setup.h"

/* Every program contains the loader's path, which leads through a link where directories are merged. */
static const char *const links[] = { "/lib", "/lib64", "/lib32" };

struct view {
	int tree[CONFINE_PATHS_MAX]; /* detached copies of the visible paths */
	mode_t mode[CONFINE_PATHS_MAX];
	int fds; /* /proc/self/fd, for hosts where no /proc can be mounted */
};

/* Copies the mounts at and below @path: detached and read-only. */
static int copy_tree(const char *path, uint64_t attributes, mode_t *ret_mode)
{
	struct mount_attr attr = { .attr_set = attributes };
	struct stat st;
	int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (fd < 0)
		return -errno;
	int r = fstat(fd, &st) < 0 ? -errno : 0;
	if (r == 0 && !S_ISCHR(st.st_mode))
		attr.attr_set |= MOUNT_ATTR_NODEV;
	if (r == 0 && mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_mode = st.st_mode;
	return fd;
}

static int copy_trees(const struct confine_request *q, struct view *v)
{
	mode_t mode;
	for (uint32_t i = 0; i < q->paths; i++) {
		v->tree[i] = copy_tree(q->path[i], MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, &v->mode[i]);
		if (v->tree[i] < 0)
			return v->tree[i];
	}
	v->fds = copy_tree("/proc/self/fd", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &mode);
	return 0;
}

static int make_parents(const char *path)
{
	char part[CONFINE_PATH_BYTES];
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (*part && mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

/* @path is relative to the new root, which is the working directory. */
static int attach_tree(int tree, mode_t mode, const char *path)
{
	int r = make_parents(path);
	if (r < 0)
		return r;
	if (S_ISDIR(mode) ? mkdir(path, 0755) < 0 && errno != EEXIST : mknod(path, S_IFREG | 0444, 0) < 0)
		return -errno;
	return move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

static void copy_links(void)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		char target[256];
		ssize_t n = readlink(links[i], target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (n > 0 && symlink(target, links[i] + 1) < 0)
			continue; /* a visible path exists there already */
	}
}

/* Mounts a /proc that shows only our own process and none of the kernel's settings. */
static int attach_proc(const struct view *v)
{
	if (mkdir("proc", 0555) < 0)
		return -errno;
	if (mount("proc", "proc", "proc", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "subset=pid") == 0)
		return 0;
	/* Containers with a partly covered /proc may not mount one. Programs need the names of their descriptors. */
	return v->fds < 0 ? v->fds : attach_tree(v->fds, S_IFDIR, "proc/self/fd");
}

/* In a chroot(2) the root directory is not a mount point, so pivot_root(2) fails. A second chroot works as well. */
static int exchange_root(void)
{
	if (syscall(SYS_pivot_root, ".", ".") == 0)
		return umount2(".", MNT_DETACH) < 0 ? -errno : 0;
	return errno != EINVAL || chroot(".") < 0 ? -errno : 0;
}

static int enter_root(void)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };
	int r = exchange_root();
	if (r == 0 && (chdir("/") < 0 || mount_setattr(AT_FDCWD, "/", 0, &attr, sizeof(attr)) < 0))
		r = -errno;
	return r;
}

/* Returns a directory for the new root, on a mount that does not propagate to other namespaces. */
static const char *private_base(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		return access("/tmp", F_OK) == 0 ? "/tmp" : "/proc";
	return errno == EINVAL && mount(NULL, "/proc", NULL, MS_REC | MS_PRIVATE, NULL) == 0 ? "/proc" : NULL;
}

static int mount_root(void)
{
	const char *base = private_base();
	if (!base || mount("ktstr", base, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=755") < 0 || chdir(base) < 0)
		return -errno;
	return 0;
}

int setup_files(const struct confine_request *q)
{
	struct view v;
	int r = copy_trees(q, &v);
	if (r == 0)
		r = mount_root();
	for (uint32_t i = 0; i < q->paths && r == 0; i++)
		r = attach_tree(v.tree[i], v.mode[i], q->path[i] + 1);
	if (r < 0)
		return r;
	copy_links();
	r = attach_proc(&v);
	return r < 0 ? r : enter_root();
}
