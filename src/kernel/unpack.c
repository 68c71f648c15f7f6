/* SPDX-License-Identifier: GPL-2.0-only */
/* unpack.c -- see unpack.h. */
#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel/unpack.h"

#define BLOCK_BYTES 262144

static int archive_fail(struct archive *a, int code, const char *tarball, struct err **err)
{
	int saved = archive_errno(a);
	bool system = saved == ENOSPC || saved == EDQUOT || saved == EACCES || saved == EROFS || saved == ENOENT;
	const char *why = archive_error_string(a);
	return FAIL(err, system ? EXIT_NONE : EXIT_BAD_DATA, system ? -saved : code, "unpack '%s': %s", tarball,
		    why ? why : "damaged archive");
}

static int open_tarball(const char *tarball, struct archive **ret, struct err **err)
{
	struct archive *a = archive_read_new();
	if (!a)
		return FAIL_SYS(err, -ENOMEM, "unpack '%s'", tarball);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_format_tar(a);
	if (archive_read_open_filename(a, tarball, BLOCK_BYTES) != ARCHIVE_OK) {
		int r = archive_fail(a, -EBADMSG, tarball, err);
		archive_read_free(a);
		return r;
	}
	*ret = a;
	return 0;
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

static int read_makefile(struct archive *a, char ret[VERSION_TEXT_MAX])
{
	char text[4096];
	la_ssize_t n = archive_read_data(a, text, sizeof(text) - 1);
	if (n <= 0)
		return -EBADMSG;
	text[n] = '\0';
	return kernel_makefile_version(text, ret);
}

int unpack_peek_version(const char *tarball, char ret[VERSION_TEXT_MAX], struct err **err)
{
	struct archive *a;
	struct archive_entry *e;
	int r = open_tarball(tarball, &a, err);
	if (r < 0)
		return r;
	int code;
	r = -ENOENT;
	while (r == -ENOENT && (code = archive_read_next_header(a, &e)) == ARCHIVE_OK) {
		const char *path = archive_entry_pathname(e), *below = path ? below_top(path) : NULL;
		if (below && !strcmp(below, "Makefile"))
			r = read_makefile(a, ret);
	}
	if (r == -ENOENT && code != ARCHIVE_EOF)
		r = archive_fail(a, -EBADMSG, tarball, err);
	else if (r < 0)
		r = FAIL(err, EXIT_BAD_DATA, r, "'%s' is not a kernel's source: it has no top Makefile with a version",
			 tarball);
	archive_read_free(a);
	return r;
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

static int place(struct archive_entry *e, const char *dir, const char *tarball, struct err **err)
{
	const char *path = archive_entry_pathname(e), *below = path ? below_top(path) : NULL;
	const char *link = archive_entry_symlink(e), *hard = archive_entry_hardlink(e);
	_cleanup_free_ char *to = NULL, *hard_to = NULL;
	if (!path || *path == '/' || strstr(path, "../"))
		return FAIL(err, EXIT_BAD_DATA, -EBADMSG, "unpack '%s': member '%s' leads out of the tree", tarball,
			    path);
	if (!below)
		return strchr(path, '/') || archive_entry_filetype(e) == AE_IFDIR
			       ? 1
			       : FAIL(err, EXIT_BAD_DATA, -EBADMSG, "unpack '%s': '%s' is not below one top directory",
				      tarball, path);
	if (link && link_leaves(below, link))
		return FAIL(err, EXIT_BAD_DATA, -EBADMSG, "unpack '%s': link '%s' -> '%s' leads out of the tree",
			    tarball, path, link);
	if (asprintf(&to, "%s/%s", dir, below) < 0)
		return -ENOMEM;
	archive_entry_set_pathname(e, to);
	if (hard) {
		const char *hard_below = below_top(hard);
		if (!hard_below || strstr(hard, "../") || asprintf(&hard_to, "%s/%s", dir, hard_below) < 0)
			return FAIL(err, EXIT_BAD_DATA, -EBADMSG, "unpack '%s': hard link '%s' leads out of the tree",
				    tarball, path);
		archive_entry_set_hardlink(e, hard_to);
	}
	return 0;
}

static int copy_data(struct archive *from, struct archive *to, uint64_t *bytes)
{
	const void *block;
	size_t len;
	la_int64_t at;
	for (;;) {
		int code = archive_read_data_block(from, &block, &len, &at);
		if (code == ARCHIVE_EOF)
			return 0;
		if (code != ARCHIVE_OK)
			return 1;
		*bytes += len;
		if (*bytes > UNPACK_BYTES_MAX)
			return 3;
		if (archive_write_data_block(to, block, len, at) < 0)
			return 2;
	}
}

static int unpack_entry(struct archive *from, struct archive *to, struct archive_entry *e, const char *tarball,
			uint64_t *bytes, struct err **err)
{
	if (archive_write_header(to, e) < ARCHIVE_WARN)
		return archive_fail(to, -EIO, tarball, err);
	int side = archive_entry_size(e) > 0 ? copy_data(from, to, bytes) : 0;
	if (side == 3)
		return FAIL(err, EXIT_BAD_DATA, -EFBIG, "unpack '%s': more than %lu GiB come out of it", tarball,
			    (unsigned long)(UNPACK_BYTES_MAX >> 30));
	if (side)
		return archive_fail(side == 1 ? from : to, -EBADMSG, tarball, err);
	if (archive_write_finish_entry(to) < ARCHIVE_WARN)
		return archive_fail(to, -EIO, tarball, err);
	return 0;
}

static int unpack_all(struct archive *from, struct archive *to, const char *tarball, const char *dir,
		      struct unpack_progress *p, struct err **err)
{
	struct archive_entry *e;
	uint64_t bytes = 0;
	int code;
	while ((code = archive_read_next_header(from, &e)) == ARCHIVE_OK) {
		if (atomic_load(&p->cancel))
			return -ECANCELED;
		if (atomic_fetch_add(&p->files, 1) >= UNPACK_FILES_MAX)
			return FAIL(err, EXIT_BAD_DATA, -EFBIG, "unpack '%s': more than %u members", tarball,
				    UNPACK_FILES_MAX);
		atomic_store(&p->read_bytes, (uint64_t)archive_filter_bytes(from, -1));
		int r = place(e, dir, tarball, err);
		if (r == 0)
			r = unpack_entry(from, to, e, tarball, &bytes, err);
		if (r < 0)
			return r;
	}
	return code == ARCHIVE_EOF ? 0 : archive_fail(from, -EBADMSG, tarball, err);
}

int unpack_tarball(const char *tarball, const char *dir, struct unpack_progress *progress, struct err **err)
{
	struct archive *from, *to = archive_write_disk_new();
	int r = to ? open_tarball(tarball, &from, err) : -ENOMEM;
	if (r < 0) {
		archive_write_free(to);
		return r;
	}
	/* Paths are absolute by now, below @dir; links inside the tree are never followed while writing. */
	archive_write_disk_set_options(to, ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_PERM |
						   ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_UNLINK);
	r = unpack_all(from, to, tarball, dir, progress, err);
	archive_read_free(from);
	archive_write_free(to);
	return r;
}
