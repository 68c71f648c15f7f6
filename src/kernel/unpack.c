/* SPDX-License-Identifier: GPL-2.0-only */
/* unpack.c -- see unpack.h. */
#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/library.h"
#include "base/text.h"
#include "kernel/tree.h"
#include "kernel/unpack.h"

/*
 * Bytes of the compressed file per read. Cancellation is checked before each read. Decompressing one block takes a
 * fraction of a second even in the worst case, some 120 MiB of zeros in xz.
 */
#define BLOCK_BYTES 16384
#define FILTERS_MAX 2 /* the compression, and the plain file: nested compression is refused */
#define LIBARCHIVE  "libarchive.so.13"

/* Loaded at the first use, because libarchive also loads an XML parser and the C++ runtime. */
/* clang-format off */
#define ARCHIVE_FUNCTIONS(X) \
	X(archive_errno) X(archive_error_string) X(archive_filter_count) X(archive_read_new) \
	X(archive_read_free) X(archive_read_support_filter_xz) X(archive_read_support_filter_gzip) \
	X(archive_read_support_filter_zstd) X(archive_read_support_format_tar) X(archive_read_open) \
	X(archive_read_next_header) X(archive_read_data) X(archive_read_data_block) X(archive_set_error) \
	X(archive_entry_pathname) X(archive_entry_symlink) X(archive_entry_hardlink) \
	X(archive_entry_filetype) X(archive_entry_size) X(archive_entry_perm) X(archive_entry_mtime) \
	X(archive_entry_mtime_nsec)
/* clang-format on */
#define ARCHIVE_SLOT(name) __typeof__(name) *name;
#define ARCHIVE_NAME(name) #name,

struct archive_api {
	ARCHIVE_FUNCTIONS(ARCHIVE_SLOT)
};

struct unpacker {
	struct archive_api lib;
	const char *tarball;
	const atomic_bool *cancel;
	struct unpack_progress *progress; /* or NULL */
	int fd;
	char block[BLOCK_BYTES];
	struct archive *from;
	struct tree to;
	uint64_t bytes; /* decompressed so far */
};

static int archive_fail(const struct unpacker *u, int code, struct err **err)
{
	int saved = u->lib.archive_errno(u->from);
	if (is_cancelled(u->cancel))
		return -ECANCELED;
	const char *why = u->lib.archive_error_string(u->from);
	_cleanup_free_ char *clean = text_clean_line(why ? why : "damaged archive");
	bool system = saved == EIO || saved == EACCES;
	return FAIL(err, system ? ERR_BY_CODE : ERR_DATA, system ? -saved : code, "unpack '%s': %s", u->tarball,
		    clean ? clean : "");
}

static la_ssize_t read_block(struct archive *a, void *data, const void **ret)
{
	struct unpacker *u = data;
	ssize_t n;
	if (is_cancelled(u->cancel)) {
		u->lib.archive_set_error(a, ECANCELED, "cancelled");
		return -1;
	}
	do
		n = read(u->fd, u->block, sizeof(u->block));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		u->lib.archive_set_error(a, errno, "%s", strerror(errno));
	if (n > 0 && u->progress)
		atomic_fetch_add(&u->progress->read_bytes, (uint64_t)n);
	*ret = u->block;
	return n;
}

static int open_archive(struct unpacker *u, struct err **err)
{
	u->from = u->lib.archive_read_new();
	if (!u->from)
		return FAIL_SYS(err, -ENOMEM, "unpack '%s'", u->tarball);
	u->lib.archive_read_support_filter_xz(u->from);
	u->lib.archive_read_support_filter_gzip(u->from);
	u->lib.archive_read_support_filter_zstd(u->from);
	u->lib.archive_read_support_format_tar(u->from);
	if (u->lib.archive_read_open(u->from, u, NULL, read_block, NULL) != ARCHIVE_OK)
		return archive_fail(u, -EBADMSG, err);
	if (u->lib.archive_filter_count(u->from) > FILTERS_MAX)
		return FAIL(err, ERR_DATA, -EBADMSG, "unpack '%s': it is compressed more than once", u->tarball);
	return 0;
}

static struct unpacker *unpacker_new(const char *tarball, const atomic_bool *cancel, struct err **err)
{
	static const char *const names[] = { ARCHIVE_FUNCTIONS(ARCHIVE_NAME) NULL };
	struct unpacker *u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	u->tarball = tarball;
	u->cancel = cancel;
	u->to = TREE_NULL;
	u->fd = -1;
	if (library_open(LIBARCHIVE, names, &u->lib, err) == 0) {
		u->fd = file_open(tarball, err);
		if (u->fd >= 0)
			return u;
	}
	free(u);
	return NULL;
}

static void unpacker_free(struct unpacker *u)
{
	if (u->from)
		u->lib.archive_read_free(u->from);
	tree_close(&u->to);
	fd_close(u->fd);
	free(u);
}
DEFINE_CLEANUP(struct unpacker *, unpacker_free)

/* Reads the next member's header: 1, or 0 at the archive's end. Fails after @members members. */
static int next_member(struct unpacker *u, unsigned *count, unsigned members, struct archive_entry **ret,
		       struct err **err)
{
	if (is_cancelled(u->cancel))
		return -ECANCELED;
	int code = u->lib.archive_read_next_header(u->from, ret);
	if (code == ARCHIVE_EOF)
		return 0;
	if (code != ARCHIVE_OK)
		return archive_fail(u, -EBADMSG, err);
	if ((*count)++ >= members)
		return FAIL(err, ERR_DATA, -EFBIG, "unpack '%s': more than %u members", u->tarball, members);
	return 1;
}

/*
 * Reads the current member's content block by block, so that a huge one can be cancelled. Writes it to @fd, or discards
 * it if @fd is -1. All members together may have @most bytes.
 */
static int read_content(struct unpacker *u, int fd, uint64_t most, struct err **err)
{
	const void *block;
	size_t len;
	la_int64_t at;
	for (;;) {
		int code = is_cancelled(u->cancel) ? ARCHIVE_FATAL
						   : u->lib.archive_read_data_block(u->from, &block, &len, &at);
		if (code == ARCHIVE_EOF)
			return 0;
		if (code != ARCHIVE_OK)
			return archive_fail(u, -EBADMSG, err);
		u->bytes += len;
		if (u->bytes > most || at < 0 || (uint64_t)at > most)
			return FAIL(err, ERR_DATA, -EFBIG, "unpack '%s': its content is larger than %lu GiB",
				    u->tarball, (unsigned long)(most >> 30));
		int r = fd >= 0 ? fd_pwrite_full(fd, block, len, at) : 0;
		if (r < 0)
			return FAIL_SYS(err, r, "unpack '%s'", u->tarball);
	}
}

/* The path below the archive's one top directory: "" for that directory itself, NULL for paths outside one. */
static const char *below_top(const char *path)
{
	if (!strncmp(path, "./", 2))
		path += 2;
	const char *slash = strchr(path, '/');
	return slash ? slash + 1 : NULL;
}

/* --- the version -------------------------------------------------------------------------------------------------- */

static void take_assignment(const char *text, const char *name, char *out, size_t size)
{
	size_t len = strlen(name);
	out[0] = '\0';
	for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (strncmp(line, name, len))
			continue;
		const char *p = line + len;
		p += strspn(p, " \t");
		if (*p++ != '=')
			continue;
		p += strspn(p, " \t");
		snprintf(out, size, "%.*s", (int)MIN_OF(strcspn(p, " \t\n"), size - 1), p);
		return;
	}
}

bool kernel_version_is_good(const char *text)
{
	size_t len = strlen(text);
	return isdigit((unsigned char)text[0]) && len < VERSION_TEXT_MAX && !strstr(text, "..") &&
	       strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_+~") == len;
}

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

int kernel_makefile_version(const char *text, char ret[VERSION_TEXT_MAX])
{
	char part[4][16], version[VERSION_TEXT_MAX];
	static const char *const names[] = { "VERSION", "PATCHLEVEL", "SUBLEVEL", "EXTRAVERSION" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		take_assignment(text, names[i], part[i], sizeof(part[i]));
	if (!is_number(part[0]) || !is_number(part[1]) || (part[2][0] && !is_number(part[2])))
		return -EBADMSG;
	bool sub = part[2][0] && strcmp(part[2], "0");
	snprintf(version, sizeof(version), "%s.%s%s%s%s", part[0], part[1], sub ? "." : "", sub ? part[2] : "",
		 part[3]);
	if (!kernel_version_is_good(version))
		return -EBADMSG;
	memcpy(ret, version, sizeof(version));
	return 0;
}

static int read_makefile(struct unpacker *u, char ret[VERSION_TEXT_MAX])
{
	char text[4096];
	la_ssize_t n = u->lib.archive_read_data(u->from, text, sizeof(text) - 1);
	if (n <= 0)
		return -EBADMSG;
	text[n] = '\0';
	return kernel_makefile_version(text, ret);
}

/* -ENOENT: the archive has no top Makefile. */
static int find_makefile(struct unpacker *u, char ret[VERSION_TEXT_MAX], struct err **err)
{
	struct archive_entry *e;
	unsigned members = 0;
	int r;
	while ((r = next_member(u, &members, PEEK_FILES_MAX, &e, err)) == 1) {
		const char *path = u->lib.archive_entry_pathname(e), *below = path ? below_top(path) : NULL;
		if (below && !strcmp(below, "Makefile"))
			return read_makefile(u, ret);
		r = read_content(u, -1, PEEK_BYTES_MAX, err);
		if (r < 0)
			return r;
	}
	return r == 0 ? -ENOENT : r;
}

int unpack_peek_version(const char *tarball, const atomic_bool *cancel, char ret[VERSION_TEXT_MAX], struct err **err)
{
	_cleanup_err_ struct err *why = NULL;
	_cleanup_(unpacker_free_p) struct unpacker *u = unpacker_new(tarball, cancel, &why);
	int r = u ? open_archive(u, &why) : why ? why->code : -ENOMEM;
	if (r == 0)
		r = find_makefile(u, ret, &why);
	if (r == 0 || r == -ECANCELED || r == -ENOMEM)
		return r;
	if (why) {
		if (err)
			*err = TAKE_PTR(why);
		return r;
	}
	return FAIL(err, ERR_DATA, r, "'%s' is not a kernel's source: it has no top Makefile with a version", tarball);
}

/* --- the whole tree ----------------------------------------------------------------------------------------------- */

static int refuse(const struct unpacker *u, const char *path, const char *why, struct err **err)
{
	_cleanup_free_ char *clean = text_clean_line(path ? path : "");
	return FAIL(err, ERR_DATA, -EBADMSG, "unpack '%s': member '%s' %s", u->tarball, clean ? clean : "", why);
}

static int written(const struct unpacker *u, const char *path, int code, struct err **err)
{
	if (code >= 0 || (err && *err))
		return code;
	if (code == -EXDEV || code == -ELOOP)
		return refuse(u, path, "would be outside of the source tree", err);
	return FAIL_SYS(err, code, "unpack '%s': write '%s'", u->tarball, path);
}

static int unpack_file(struct unpacker *u, struct archive_entry *e, const char *path, struct err **err)
{
	_cleanup_close_ int fd = -1;
	int r = tree_make_file(&u->to, path, u->lib.archive_entry_perm(e), &fd);
	if (r < 0)
		return written(u, path, r, err);
	r = read_content(u, fd, UNPACK_BYTES_MAX, err);
	const struct timespec at = { .tv_sec = u->lib.archive_entry_mtime(e),
				     .tv_nsec = u->lib.archive_entry_mtime_nsec(e) };
	if (r == 0)
		futimens(fd, (const struct timespec[]){ at, at });
	return r;
}

static int unpack_entry(struct unpacker *u, struct archive_entry *e, const char *path, struct err **err)
{
	const char *link = u->lib.archive_entry_symlink(e), *hard = u->lib.archive_entry_hardlink(e);
	const char *hard_to = hard && *hard != '/' ? below_top(hard) : NULL;
	if (hard && (!hard_to || !tree_path_is_good(hard_to)))
		return refuse(u, path, "is a link to a place outside of the source tree", err);
	if (hard)
		return written(u, path, tree_make_hard_link(&u->to, path, hard_to), err);
	switch (u->lib.archive_entry_filetype(e)) {
	case AE_IFDIR:
		return written(u, path, tree_make_dir(&u->to, path), err);
	case AE_IFREG:
		return unpack_file(u, e, path, err);
	case AE_IFLNK:
		return link ? written(u, path, tree_make_symlink(&u->to, path, link), err)
			    : refuse(u, path, "is a symbolic link without a target", err);
	default:
		return refuse(u, path, "is a device or a pipe; a kernel's source has only files, directories and links",
			      err);
	}
}

/* Unpacks a member that is below the archive's one top directory. Skips that directory itself. */
static int unpack_member(struct unpacker *u, struct archive_entry *e, struct err **err)
{
	const char *path = u->lib.archive_entry_pathname(e), *below = path ? below_top(path) : NULL;
	if (!path || *path == '/')
		return refuse(u, path, "would be outside of the source tree", err);
	if (!below && u->lib.archive_entry_filetype(e) != AE_IFDIR)
		return refuse(u, path, "is not below one top directory", err);
	if (!below || !*below)
		return 0;
	if (!tree_path_is_good(below))
		return refuse(u, path, "has a name that leads outside of the source tree, or is not printable", err);
	return unpack_entry(u, e, below, err);
}

static int unpack_all(struct unpacker *u, struct err **err)
{
	struct archive_entry *e;
	unsigned members = 0;
	int r;
	while ((r = next_member(u, &members, UNPACK_FILES_MAX, &e, err)) == 1) {
		r = unpack_member(u, e, err);
		if (r < 0)
			return r;
		atomic_store(&u->progress->files, members);
	}
	const char *escape = r == 0 ? tree_find_escape(&u->to) : NULL;
	return escape ? refuse(u, escape, "is a link to a place outside of the source tree, by way of other links", err)
		      : r;
}

int unpack_tarball(const char *tarball, const char *dir, const atomic_bool *cancel, struct unpack_progress *progress,
		   struct err **err)
{
	_cleanup_(unpacker_free_p) struct unpacker *u = unpacker_new(tarball, cancel, err);
	if (!u)
		return err && *err ? (*err)->code : -ENOMEM;
	u->progress = progress;
	int r = open_archive(u, err);
	if (r == 0)
		r = tree_open(&u->to, dir, err);
	return r == 0 ? unpack_all(u, err) : r;
}
