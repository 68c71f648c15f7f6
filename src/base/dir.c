/* SPDX-License-Identifier: GPL-2.0-only */
/* dir.c -- see dir.h. */
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/dir.h"

#define LINKS_MAX 40 /* as the kernel's own limit */

bool is_trusted_owner(const struct stat *st)
{
	return st->st_uid == 0 || st->st_uid == geteuid();
}

int open_beneath(int dir, const char *path, int flags, mode_t mode)
{
	struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC),
				.mode = flags & O_CREAT ? mode : 0,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

/* --- the way to a directory --------------------------------------------------------------------------------------- */

struct walk {
	int at;		     /* descriptor of the current directory */
	char rest[PATH_MAX]; /* remaining part of the path */
	unsigned links;
	bool create;
};

static void walk_to(struct walk *w, int fd)
{
	fd_close(w->at);
	w->at = fd;
}

/* Inserts the target of the link @fd before the remaining path. */
static int follow_link(struct walk *w, int fd)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	if (snprintf(rest, sizeof(rest), "%s/%s", target, w->rest) >= (int)sizeof(rest))
		return -ENAMETOOLONG;
	memcpy(w->rest, rest, sizeof(rest));
	if (*target != '/')
		return 0;
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	walk_to(w, root);
	return 0;
}

static int open_component(const struct walk *w, const char *name)
{
	int fd = openat(w->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 || errno != ENOENT || !w->create)
		return fd < 0 ? -errno : fd;
	if (mkdirat(w->at, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(w->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Removes the first name from the remaining path and opens it. -EPERM: a link that is not followed; see @ret_owner. */
static int walk_step(struct walk *w, uid_t *ret_owner)
{
	char name[NAME_MAX + 1];
	struct stat st;
	size_t skip = strspn(w->rest, "/"), len = strcspn(w->rest + skip, "/");
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, w->rest + skip, len);
	name[len] = '\0';
	memmove(w->rest, w->rest + skip + len, strlen(w->rest + skip + len) + 1);
	if (!len)
		return 0;
	_cleanup_close_ int fd = open_component(w, name);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_owner = st.st_uid;
	if (S_ISLNK(st.st_mode))
		return is_trusted_owner(&st) ? follow_link(w, fd) : -EPERM;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	walk_to(w, TAKE_FD(fd));
	return 0;
}

static int walk_path(const char *path, bool create, int *ret_fd, uid_t *ret_owner)
{
	struct walk w = { .at = open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC), .create = create };
	int r = w.at < 0 ? -errno : 0;
	if (r == 0 && snprintf(w.rest, sizeof(w.rest), "%s", path) >= (int)sizeof(w.rest))
		r = -ENAMETOOLONG;
	while (r == 0 && w.rest[0])
		r = walk_step(&w, ret_owner);
	if (r == 0)
		*ret_fd = TAKE_FD(w.at);
	fd_close(w.at);
	return r;
}

/* --- the directory itself ----------------------------------------------------------------------------------------- */

/* Write permission for a user's own group is harmless: Debian gives each user a group with the same number. */
static bool others_can_write(const struct stat *st)
{
	bool group = st->st_mode & S_IWGRP && st->st_gid != st->st_uid && st->st_gid != getegid();
	return (group || st->st_mode & S_IWOTH) && !(st->st_mode & S_ISVTX);
}

static int check_directory(int fd, const char *path, const char *variable, struct err **err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return FAIL_SYS(err, -errno, "stat directory '%s'", path);
	if (!is_trusted_owner(&st))
		FAIL(err, ERR_USAGE, -EPERM,
		     "directory '%s' belongs to another user (uid %u), who could redirect what ktstr writes", path,
		     st.st_uid);
	else if (others_can_write(&st))
		FAIL(err, ERR_USAGE, -EPERM,
		     "others can write to directory '%s' (mode %04o), and could redirect what ktstr writes", path,
		     st.st_mode & 07777);
	else
		return 0;
	if (err)
		err_hint(*err, "set %s to a directory of your own, or change its owner or mode", variable);
	return -EPERM;
}

int dir_open(const char *path, bool create, const char *variable, int *ret_fd, struct err **err)
{
	_cleanup_close_ int fd = -1;
	uid_t owner = 0;
	int r = walk_path(path, create, &fd, &owner);
	if (r == -EPERM && owner != 0 && owner != geteuid()) {
		FAIL(err, ERR_USAGE, r,
		     "directory '%s': a symbolic link on the way belongs to another user "
		     "(uid %u)",
		     path, owner);
		if (err)
			err_hint(*err, "set %s to a path without that link", variable);
		return r;
	}
	if (r < 0)
		return FAIL_SYS(err, r, "%s directory '%s'", create ? "create" : "open", path);
	r = check_directory(fd, path, variable, err);
	if (r == 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

int dir_open_below(int dir, const char *name, const char *path, const char *variable, int *ret_fd, struct err **err)
{
	if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
		return FAIL_SYS(err, -errno, "create directory '%s'", path);
	_cleanup_close_ int fd = open_beneath(dir, name, O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return FAIL_SYS(err, fd, "open directory '%s'", path);
	int r = check_directory(fd, path, variable, err);
	if (r == 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}
