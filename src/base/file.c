/* SPDX-License-Identifier: GPL-2.0-only */
/* file.c -- see file.h. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "base/file.h"

#define COPY_CHUNK_BYTES ((size_t)16 << 20) /* between two checks of @cancel */

const char *file_kind(mode_t mode)
{
	static const struct {
		mode_t mode;
		const char *name;
	} kinds[] = { { S_IFREG, "a regular file" }, { S_IFDIR, "a directory" },	{ S_IFIFO, "a FIFO" },
		      { S_IFSOCK, "a socket" },	     { S_IFCHR, "a character device" }, { S_IFBLK, "a block device" },
		      { S_IFLNK, "a symbolic link" } };
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if ((mode & S_IFMT) == kinds[i].mode)
			return kinds[i].name;
	return "a file of an unknown kind";
}

int file_open(const char *path, struct err **err)
{
	struct stat st;
	/* Without waiting for a writer of a FIFO, or for a device. It changes nothing for a regular file. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return FAIL_SYS(err, -errno, "open '%s'", path);
	if (!S_ISREG(st.st_mode))
		return FAIL(err, ERR_DATA, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL,
			    "open '%s': it is %s; name a regular file", path, file_kind(st.st_mode));
	return TAKE_FD(fd);
}

int file_read(const char *path, size_t max, struct buf *ret, struct err **err)
{
	_cleanup_close_ int fd = file_open(path, err);
	if (fd < 0)
		return fd;
	_cleanup_buf_ struct buf b = BUF_NULL;
	char chunk[16384];
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FAIL_SYS(err, -errno, "read '%s'", path);
		if (n == 0)
			break;
		if (b.len + (size_t)n > max)
			return FAIL(err, ERR_DATA, -EFBIG, "'%s' is larger than %zu bytes", path, max);
		buf_append(&b, chunk, (size_t)n);
	}
	if (b.failed)
		return FAIL_SYS(err, -ENOMEM, "read '%s'", path);
	buf_done(ret);
	*ret = b;
	b = BUF_NULL;
	return 0;
}

int file_create_at(int dir, const char *name, mode_t mode)
{
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return -errno;
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	return fd < 0 ? -errno : fd;
}

/* Some file systems cannot sync a directory, and a directory without read permission cannot be opened: no errors. */
static int sync_parent(int dir, const char *path)
{
	_cleanup_free_ char *parent = path_dirname(path);
	if (!parent)
		return -ENOMEM;
	_cleanup_close_ int fd = openat(dir, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && fsync(fd) == 0)
		return 0;
	return errno == EACCES || errno == EINVAL ? 0 : -errno;
}

int rename_durable(int fd, int dir, const char *from, const char *to, unsigned flags)
{
	if (fd >= 0 && fsync(fd) < 0)
		return -errno;
	if (renameat2(dir, from, dir, to, flags) < 0)
		return -errno;
	return sync_parent(dir, to);
}

int file_write_atomic_at(int dir, const char *name, const void *data, size_t len, mode_t mode, struct err **err)
{
	_cleanup_free_ char *fresh = NULL;
	if (asprintf(&fresh, "%s.tmp-%d", name, gettid()) < 0)
		return -ENOMEM;
	_cleanup_close_ int fd = file_create_at(dir, fresh, mode);
	if (fd < 0)
		return FAIL_SYS(err, fd, "create '%s'", fresh);
	int r = fd_write_full(fd, data, len);
	if (r == 0)
		r = rename_durable(fd, dir, fresh, name, 0);
	if (r == 0)
		return 0;
	unlinkat(dir, fresh, 0);
	return FAIL_SYS(err, r, "write '%s'", name);
}

int file_write_by(int dir, const char *name, mode_t mode, file_write_fn *write, void *data, struct err **err)
{
	_cleanup_free_ char *fresh = NULL;
	if (asprintf(&fresh, "%s.tmp-%d", name, gettid()) < 0)
		return -ENOMEM;
	_cleanup_close_ int fd = file_create_at(dir, fresh, mode);
	if (fd < 0)
		return FAIL(err, ERR_OUTPUT, fd, "create '%s': %s", fresh, strerror(-fd));
	int r = write(data, fd, err);
	if (r == 0) {
		r = rename_durable(fd, dir, fresh, name, 0);
		if (r < 0)
			FAIL(err, ERR_OUTPUT, r, "rename '%s': %s", fresh, strerror(-r));
	}
	if (r < 0)
		unlinkat(dir, fresh, 0);
	return r < 0 ? err_wrap(err, r, "write '%s'", name) : 0;
}

int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err **err)
{
	return file_write_atomic_at(AT_FDCWD, path, data, len, mode, err);
}

/* Devices, pipes and sockets are written to. A file takes the place of a file only. */
static int write_in_place(const char *path, const void *data, size_t len)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -errno : fd_write_full(fd, data, len);
}

int file_write_output(const char *path, const void *data, size_t len, mode_t mode, struct err **err)
{
	struct stat st;
	int r;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		r = write_in_place(path, data, len);
	else
		r = file_write_atomic(path, data, len, mode, NULL);
	return r < 0 ? FAIL(err, ERR_OUTPUT, r, "write '%s': %s", path, strerror(-r)) : 0;
}

int file_check_output(const char *path, struct err **err)
{
	struct stat st;
	bool there = stat(path, &st) == 0;
	if (there && S_ISDIR(st.st_mode))
		return FAIL(err, ERR_OUTPUT, -EISDIR, "write '%s': it is a directory; name a file", path);
	const char *slash = strrchr(path, '/');
	size_t len = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
	_cleanup_free_ char *dir = len ? strndup(path, len) : strdup(".");
	if (!dir)
		return FAIL_SYS(err, -ENOMEM, "write '%s'", path);
	/* A file is replaced, and anything else is written to. */
	if (access(there && !S_ISREG(st.st_mode) ? path : dir, W_OK) < 0)
		return FAIL(err, ERR_OUTPUT, -errno, "write '%s': %s", path, strerror(errno));
	return 0;
}

int file_check_not_input(const char *path, const char *input, struct err **err)
{
	struct stat a, b;
	if (stat(path, &a) < 0 || stat(input, &b) < 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino ||
	    !S_ISREG(a.st_mode))
		return 0;
	return FAIL(err, ERR_USAGE, -EINVAL, "the output '%s' would replace the input; name another file", path);
}

int file_write_output_by(const char *path, mode_t mode, file_write_fn *write, void *data, struct err **err)
{
	struct stat st;
	if (stat(path, &st) < 0 || S_ISREG(st.st_mode))
		return file_write_by(AT_FDCWD, path, mode, write, data, err);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	int r = fd < 0 ? FAIL(err, ERR_OUTPUT, -errno, "%s", strerror(errno)) : write(data, fd, err);
	return r < 0 ? err_wrap(err, r, "write '%s'", path) : 0;
}

int file_write(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, text, strlen(text));
	return n < 0 ? -errno : 0;
}

int fd_read_full(int fd, void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = read(fd, (char *)data + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		done += (size_t)n;
	}
	return 0;
}

int fd_write_full(int fd, const void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, (const char *)data + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

int fd_pread_full(int fd, void *data, size_t len, off_t at)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(fd, (char *)data + done, len - done, at + (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		done += (size_t)n;
	}
	return 0;
}

int fd_pwrite_full(int fd, const void *data, size_t len, off_t at)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(fd, (const char *)data + done, len - done, at + (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

int fd_copy(int from, int to, const atomic_bool *cancel, struct err **err)
{
	off_t at = 0;
	for (;;) {
		if (is_cancelled(cancel))
			return -ECANCELED;
		ssize_t n = sendfile(to, from, &at, COPY_CHUNK_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FAIL_SYS(err, -errno, "copy file content");
		if (n == 0)
			return 0;
	}
}

int mkdir_parents(const char *path, mode_t mode, struct err **err)
{
	_cleanup_free_ char *copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	for (char *slash = strchr(copy + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash)
			*slash = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return FAIL_SYS(err, -errno, "create directory '%s'", copy);
		if (!slash)
			return path_is_dir(path) ? 0 : FAIL_SYS(err, -ENOTDIR, "create directory '%s'", path);
		*slash = '/';
	}
}

static int remove_at(int dirfd, const char *name, int *first_error);

static void remove_children(int fd, int *first_error)
{
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return;
	}
	for (struct dirent *e; (e = readdir(dir));)
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			remove_at(dirfd(dir), e->d_name, first_error);
	closedir(dir);
}

static int remove_at(int dirfd, const char *name, int *first_error)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		remove_children(fd, first_error);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT && !*first_error)
		*first_error = -errno;
	return *first_error;
}

int remove_tree(const char *path, struct err **err)
{
	int first_error = 0;
	remove_at(AT_FDCWD, path, &first_error);
	return first_error ? FAIL_SYS(err, first_error, "remove '%s'", path) : 0;
}

bool path_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

bool path_is_dir(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int file_identify(const char *path, struct buf *out)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return -errno;
	buf_appendf(out, "%lu:%lu %ld %ld.%09ld %ld.%09ld\n", st.st_dev, st.st_ino, st.st_size, st.st_mtim.tv_sec,
		    st.st_mtim.tv_nsec, st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	return 0;
}

char *path_join(const char *dir, const char *name)
{
	char *path = NULL;
	size_t len = strlen(dir);
	bool slash = len && dir[len - 1] == '/';
	return asprintf(&path, "%s%s%s", dir, slash ? "" : "/", name) < 0 ? NULL : path;
}

const char *path_basename(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

char *path_dirname(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

int memfd_new(const char *name, uint64_t size)
{
	_cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (size && ftruncate(fd, (off_t)size) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int file_copy(const char *from, const char *to, mode_t mode, const atomic_bool *cancel, struct err **err)
{
	_cleanup_close_ int in = file_open(from, err);
	if (in < 0)
		return in;
	_cleanup_close_ int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (out < 0)
		return FAIL_SYS(err, -errno, "create '%s'", to);
	int r = fd_copy(in, out, cancel, err);
	if (r == 0 && fsync(out) < 0)
		r = FAIL_SYS(err, -errno, "write '%s'", to);
	return r;
}
