/* SPDX-License-Identifier: GPL-2.0-only */
/* unpack.c -- see unpack.h. */
#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <string.h>
#include <sys/stat.h>

#include "base/library.h"
#include "kernel/unpack.h"

#define BLOCK_BYTES 262144
#define LIBARCHIVE "libarchive.so.13"

/* Loaded when there is something to unpack: it brings an XML parser and the C++ runtime along. */
#define ARCHIVE_FUNCTIONS(X)                                                                                           \
	X(archive_errno) X(archive_error_string) X(archive_filter_bytes) X(archive_read_new) X(archive_read_free)     \
	X(archive_read_support_filter_xz) X(archive_read_support_filter_gzip) X(archive_read_support_filter_zstd)     \
	X(archive_read_support_format_tar) X(archive_read_open_filename) X(archive_read_next_header)                   \
	X(archive_read_data) X(archive_read_data_block) X(archive_write_disk_new) X(archive_write_disk_set_options)    \
	X(archive_write_header) X(archive_write_data_block) X(archive_write_finish_entry) X(archive_write_free)        \
	X(archive_entry_pathname) X(archive_entry_set_pathname) X(archive_entry_symlink) X(archive_entry_hardlink)     \
	X(archive_entry_set_hardlink) X(archive_entry_filetype) X(archive_entry_size)
#define ARCHIVE_SLOT(name) __typeof__(name) *name;
#define ARCHIVE_NAME(name) #name,

struct archive_api {
	ARCHIVE_FUNCTIONS(ARCHIVE_SLOT)
};

struct unpacker {
	struct archive_api lib;
	const char *tarball, *dir;
	struct archive *from, *to;
	uint64_t bytes;			/* written */
};

static int archive_fail(const struct unpacker *u, struct archive *a, int code, struct err **err)
{
	int saved = u->lib.archive_errno(a);
	bool system = saved == ENOSPC || saved == EDQUOT || saved == EACCES || saved == EROFS || saved == ENOENT;
	const char *why = u->lib.archive_error_string(a);
	return FAIL(err, system ? EXIT_NONE : EXIT_BAD_DATA, system ? -saved : code, "unpack '%s': %s", u->tarball,
		    why ? why : "damaged archive");
}

static int open_tarball(struct unpacker *u, struct err **err)
{
	static const char *const names[] = { ARCHIVE_FUNCTIONS(ARCHIVE_NAME) NULL };
	int r = library_open(LIBARCHIVE, names, &u->lib, err);
	if (r < 0)
		return r;
	u->from = u->lib.archive_read_new();
	if (!u->from)
		return FAIL_SYS(err, -ENOMEM, "unpack '%s'", u->tarball);
	u->lib.archive_read_support_filter_xz(u->from);
	u->lib.archive_read_support_filter_gzip(u->from);
	u->lib.archive_read_support_filter_zstd(u->from);
	u->lib.archive_read_support_format_tar(u->from);
	return u->lib.archive_read_open_filename(u->from, u->tarball, BLOCK_BYTES) == ARCHIVE_OK
		       ? 0
		       : archive_fail(u, u->from, -EBADMSG, err);
}

static void unpacker_done(struct unpacker *u)
{
	if (u->from)
		u->lib.archive_read_free(u->from);
	if (u->to)
		u->lib.archive_write_free(u->to);
}

/* The path below the archive's one top directory: "" for that directory itself, NULL for what is not below one. */
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

int kernel_makefile_version(const char *text, char ret[VERSION_TEXT_MAX])
{
	char part[4][16];
	static const char *const names[] = { "VERSION", "PATCHLEVEL", "SUBLEVEL", "EXTRAVERSION" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		take_assignment(text, names[i], part[i], sizeof(part[i]));
	if (!isdigit((unsigned char)part[0][0]) || !isdigit((unsigned char)part[1][0]))
		return -EBADMSG;
	bool sub = part[2][0] && strcmp(part[2], "0");
	for (char *p = part[3]; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '.')
			return -EBADMSG;
	snprintf(ret, VERSION_TEXT_MAX, "%s.%s%s%s%s", part[0], part[1], sub ? "." : "", sub ? part[2] : "", part[3]);
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

/* -ENOENT: no top Makefile up to the end. */
static int find_makefile(struct unpacker *u, char ret[VERSION_TEXT_MAX], struct err **err)
{
	struct archive_entry *e;
	int code;
	while ((code = u->lib.archive_read_next_header(u->from, &e)) == ARCHIVE_OK) {
		const char *path = u->lib.archive_entry_pathname(e), *below = path ? below_top(path) : NULL;
		if (below && !strcmp(below, "Makefile"))
			return read_makefile(u, ret);
	}
	return code == ARCHIVE_EOF ? -ENOENT : archive_fail(u, u->from, -EBADMSG, err);
}

int unpack_peek_version(const char *tarball, char ret[VERSION_TEXT_MAX], struct err **err)
{
	_cleanup_(unpacker_done) struct unpacker u = { .tarball = tarball };
	struct err *why = NULL;
	int r = open_tarball(&u, err);
	if (r < 0)
		return r;
	r = find_makefile(&u, ret, &why);
	if (why) {
		*err = why;
		return r;
	}
	return r == 0 ? 0
		      : FAIL(err, EXIT_BAD_DATA, r,
			     "'%s' is not a kernel's source: it has no top Makefile with a version", tarball);
}

/* --- everything --------------------------------------------------------------------------------------------------- */

/* Absolute targets, and relative ones with more ".." than the link is deep, would lead out of the tree. */
static bool link_leaves(const char *path, const char *target)
{
	int depth = 0;
	if (*target == '/')
		return true;
	for (const char *p = path; (p = strchr(p, '/')); p++)
		depth++;
	for (const char *p = target; p && *p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL) {
		size_t len = strcspn(p, "/");
		depth += len == 2 && !strncmp(p, "..", 2) ? -1 : len == 0 || (len == 1 && *p == '.') ? 0 : 1;
		if (depth < 0)
			return true;
	}
	return false;
}

static int place(struct unpacker *u, struct archive_entry *e, struct err **err)
{
	const char *tarball = u->tarball;
	const char *path = u->lib.archive_entry_pathname(e), *below = path ? below_top(path) : NULL;
	const char *link = u->lib.archive_entry_symlink(e), *hard = u->lib.archive_entry_hardlink(e);
	_cleanup_free_ char *to = NULL, *hard_to = NULL;
	if (!path || *path == '/' || strstr(path, "../"))
		return FAIL(err, EXIT_BAD_DATA, -EBADMSG, "unpack '%s': member '%s' leads out of the tree", tarball,
			    path);
	if (!below)
		return strchr(path, '/') || u->lib.archive_entry_filetype(e) == AE_IFDIR
			       ? 1
			       : FAIL(err, EXIT_BAD_DATA, -EBADMSG, "unpack '%s': '%s' is not below one top directory",
				      tarball, path);
	if (link && link_leaves(below, link))
		return FAIL(err, EXIT_BAD_DATA, -EBADMSG, "unpack '%s': link '%s' -> '%s' leads out of the tree",
			    tarball, path, link);
	if (asprintf(&to, "%s/%s", u->dir, below) < 0)
		return -ENOMEM;
	u->lib.archive_entry_set_pathname(e, to);
	if (hard) {
		const char *hard_below = below_top(hard);
		if (!hard_below || strstr(hard, "../") || asprintf(&hard_to, "%s/%s", u->dir, hard_below) < 0)
			return FAIL(err, EXIT_BAD_DATA, -EBADMSG, "unpack '%s': hard link '%s' leads out of the tree",
				    tarball, path);
		u->lib.archive_entry_set_hardlink(e, hard_to);
	}
	return 0;
}

enum copied { COPIED, COPY_READ_FAILED, COPY_WRITE_FAILED, COPY_TOO_MUCH };

static enum copied copy_data(struct unpacker *u)
{
	const void *block;
	size_t len;
	la_int64_t at;
	for (;;) {
		int code = u->lib.archive_read_data_block(u->from, &block, &len, &at);
		if (code == ARCHIVE_EOF)
			return COPIED;
		if (code != ARCHIVE_OK)
			return COPY_READ_FAILED;
		u->bytes += len;
		if (u->bytes > UNPACK_BYTES_MAX)
			return COPY_TOO_MUCH;
		if (u->lib.archive_write_data_block(u->to, block, len, at) < 0)
			return COPY_WRITE_FAILED;
	}
}

static int unpack_entry(struct unpacker *u, struct archive_entry *e, struct err **err)
{
	if (u->lib.archive_write_header(u->to, e) < ARCHIVE_WARN)
		return archive_fail(u, u->to, -EIO, err);
	enum copied copied = u->lib.archive_entry_size(e) > 0 ? copy_data(u) : COPIED;
	if (copied == COPY_TOO_MUCH)
		return FAIL(err, EXIT_BAD_DATA, -EFBIG, "unpack '%s': more than %lu GiB come out of it", u->tarball,
			    (unsigned long)(UNPACK_BYTES_MAX >> 30));
	if (copied != COPIED)
		return archive_fail(u, copied == COPY_READ_FAILED ? u->from : u->to, -EBADMSG, err);
	if (u->lib.archive_write_finish_entry(u->to) < ARCHIVE_WARN)
		return archive_fail(u, u->to, -EIO, err);
	return 0;
}

static int unpack_all(struct unpacker *u, struct unpack_progress *p, struct err **err)
{
	struct archive_entry *e;
	int code;
	while ((code = u->lib.archive_read_next_header(u->from, &e)) == ARCHIVE_OK) {
		if (atomic_load(&p->cancel))
			return -ECANCELED;
		if (atomic_fetch_add(&p->files, 1) >= UNPACK_FILES_MAX)
			return FAIL(err, EXIT_BAD_DATA, -EFBIG, "unpack '%s': more than %u members", u->tarball,
				    UNPACK_FILES_MAX);
		atomic_store(&p->read_bytes, (uint64_t)u->lib.archive_filter_bytes(u->from, -1));
		int r = place(u, e, err);
		if (r == 0)
			r = unpack_entry(u, e, err);
		if (r < 0)
			return r;
	}
	return code == ARCHIVE_EOF ? 0 : archive_fail(u, u->from, -EBADMSG, err);
}

int unpack_tarball(const char *tarball, const char *dir, struct unpack_progress *progress, struct err **err)
{
	_cleanup_(unpacker_done) struct unpacker u = { .tarball = tarball, .dir = dir };
	int r = open_tarball(&u, err);
	if (r < 0)
		return r;
	u.to = u.lib.archive_write_disk_new();
	if (!u.to)
		return FAIL_SYS(err, -ENOMEM, "unpack '%s'", tarball);
	/* Paths are absolute by now, below @dir; links inside the tree are never followed while writing. */
	u.lib.archive_write_disk_set_options(u.to, ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_PERM |
							   ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_UNLINK);
	return unpack_all(&u, progress, err);
}
