/* SPDX-License-Identifier: GPL-2.0-only */
/* tree.c -- see tree.h. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/dir.h"
#include "base/file.h"
#include "base/text.h"
#include "kernel/tree.h"

#define LINKS_MAX 65536u

int tree_open(struct tree *t, const char *dir, struct err **err)
{
	*t = TREE_NULL;
	t->root = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return t->root < 0 ? FAIL_SYS(err, -errno, "open directory '%s'", dir) : 0;
}

void tree_close(struct tree *t)
{
	for (size_t i = 0; i < t->links; i++)
		free(t->link[i]);
	free(t->link);
	fd_close(t->parent);
	fd_close(t->root);
	*t = TREE_NULL;
}

bool tree_path_is_good(const char *path)
{
	size_t whole = strlen(path);
	if (!whole || whole >= PATH_MAX || !text_is_clean(path, whole, /* line= */ true))
		return false;
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");
		if (!len || len > NAME_MAX || (len <= 2 && !strncmp(p, "..", len)))
			return false;
		p += len + (p[len] == '/');
	}
	return true;
}

/* --- directories -------------------------------------------------------------------------------------------------- */

/* Creates @path, of @len bytes, and missing parents. Does not replace a file or link in the way: -ENOTDIR. */
static int make_dirs(const struct tree *t, char *path)
{
	int fd = open_beneath(t->root, path, O_PATH | O_DIRECTORY, 0);
	if (fd != -ENOENT)
		return fd;
	char *slash = strrchr(path, '/');
	_cleanup_close_ int above = -1;
	if (slash) {
		*slash = '\0';
		above = make_dirs(t, path);
		*slash = '/';
		if (above < 0)
			return above;
	}
	if (mkdirat(slash ? above : t->root, slash ? slash + 1 : path, 0755) < 0 && errno != EEXIST)
		return -errno;
	return open_beneath(t->root, path, O_PATH | O_DIRECTORY, 0);
}

static void strip_slash(char *path)
{
	size_t len = strlen(path);
	if (len && path[len - 1] == '/')
		path[len - 1] = '\0';
}

/* Opens the directory of @path as t->parent. Returns the last component, or NULL with the error in *@ret. */
static const char *enter_parent(struct tree *t, const char *path, int *ret)
{
	char dir[PATH_MAX];
	const char *name = path_basename(path);
	size_t len = name == path ? 0 : (size_t)(name - path - 1);
	snprintf(dir, sizeof(dir), "%.*s", (int)len, path);
	if (t->parent >= 0 && !strcmp(dir, t->parent_path))
		return name;
	int fd = len ? make_dirs(t, dir) : fcntl(t->root, F_DUPFD_CLOEXEC, 3);
	if (fd < 0) {
		*ret = len ? fd : -errno;
		return NULL;
	}
	fd_close(t->parent);
	t->parent = fd;
	memcpy(t->parent_path, dir, len + 1);
	return name;
}

int tree_make_dir(struct tree *t, const char *path)
{
	char dir[PATH_MAX];
	snprintf(dir, sizeof(dir), "%s", path);
	strip_slash(dir);
	_cleanup_close_ int fd = make_dirs(t, dir);
	return fd < 0 ? fd : 0;
}

/* --- files and links ---------------------------------------------------------------------------------------------- */

/* If an archive holds a file twice, the later one wins. */
static int make_way(const struct tree *t, const char *name)
{
	return unlinkat(t->parent, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int tree_make_file(struct tree *t, const char *path, mode_t mode, int *ret_fd)
{
	int r = 0;
	const char *name = enter_parent(t, path, &r);
	if (!name)
		return r;
	int fd = file_create_at(t->parent, name, (mode & 0755) | 0600);
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

/* Absolute targets, and relative ones with more ".." than the link's depth, lead out of the tree. */
static bool leads_out(const char *path, const char *target)
{
	int depth = 0;
	if (*target == '/')
		return true;
	for (const char *p = path; (p = strchr(p, '/')); p++)
		depth++;
	for (const char *p = target; *p;) {
		size_t len = strcspn(p, "/");
		depth += len == 2 && !strncmp(p, "..", 2) ? -1 : len == 0 || (len == 1 && *p == '.') ? 0 : 1;
		if (depth < 0)
			return true;
		p += len + (p[len] == '/');
	}
	return false;
}

static int remember_link(struct tree *t, const char *path)
{
	if (t->links == LINKS_MAX)
		return -E2BIG;
	/* Double the array when the count reaches a power of two. */
	if (!(t->links & (t->links - 1))) {
		char **more = realloc(t->link, MAX_OF(2 * t->links, 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		t->link = more;
	}
	t->link[t->links] = strdup(path);
	return t->link[t->links++] ? 0 : -ENOMEM;
}

int tree_make_symlink(struct tree *t, const char *path, const char *target)
{
	int r = leads_out(path, target) ? -EXDEV : 0;
	const char *name = r == 0 ? enter_parent(t, path, &r) : NULL;
	if (!name)
		return r;
	r = make_way(t, name);
	if (r == 0 && symlinkat(target, t->parent, name) < 0)
		r = -errno;
	return r == 0 ? remember_link(t, path) : r;
}

int tree_make_hard_link(struct tree *t, const char *path, const char *target)
{
	int r = 0;
	_cleanup_close_ int from = open_beneath(t->root, target, O_PATH, 0);
	char self[40];
	struct stat st;
	const char *name = from < 0 ? NULL : enter_parent(t, path, &r);
	if (!name)
		return from < 0 ? from : r;
	if (fstat(from, &st) < 0 || !S_ISREG(st.st_mode))
		return -EINVAL;
	r = make_way(t, name);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", from);
	if (r == 0 && linkat(AT_FDCWD, self, t->parent, name, AT_SYMLINK_FOLLOW) < 0)
		r = -errno;
	return r;
}

const char *tree_find_escape(const struct tree *t)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	for (size_t i = 0; i < t->links; i++) {
		int fd = (int)syscall(SYS_openat2, t->root, t->link[i], &how, sizeof(how));
		if (fd < 0 && errno == EXDEV)
			return t->link[i];
		fd_close(fd);
	}
	return NULL;
}
