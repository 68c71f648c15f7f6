/* SPDX-License-Identifier: GPL-2.0-only */
/* entry_archive.c -- see entry_archive.h. */
#include "kernel/entry_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cachefile.h"
#include "base/file.h"
#include "base/library.h"

#define LIBARCHIVE    "libarchive.so.13"
#define UNPACKED_NAME "remote"
#define PIECE	      ((size_t)256 << 10)
#define DEPTH_MAX     8

/* --- the checksum behind the archive: a skippable frame of zstd (RFC 8878) ---------------------------------------- */

struct trailer {
	uint32_t magic, size; /* little-endian, as our hosts are; bytes that follow */
	char tag[8];
	uint8_t sha256[SHA256_DIGEST_SIZE];
};
_Static_assert(sizeof(struct trailer) == 48, "layout");

static const struct trailer empty_trailer = { .magic = 0x184d2a50, .size = 40, .tag = "ktstrsum" };

/* The SHA-256 of the file's first @len bytes. */
static int hash_begin(int fd, uint64_t len, uint8_t ret[SHA256_DIGEST_SIZE])
{
	_cleanup_free_ uint8_t *piece = malloc(PIECE);
	struct sha256_ctx sha;
	if (!piece)
		return -ENOMEM;
	sha256_init(&sha);
	for (uint64_t at = 0; at < len;) {
		ssize_t n = pread(fd, piece, MIN_OF(len - at, (uint64_t)PIECE), (off_t)at);
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		sha256_update(&sha, (size_t)n, piece);
		at += (uint64_t)n;
	}
	sha256_digest(&sha, SHA256_DIGEST_SIZE, ret);
	return 0;
}

int entry_archive_check(const char *path, struct err **err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct trailer t;
	struct stat st;
	uint8_t sum[SHA256_DIGEST_SIZE];
	if (fd < 0 || fstat(fd, &st) < 0)
		return FAIL_SYS(err, -errno, "open '%s'", path);
	off_t len = st.st_size - (off_t)sizeof(t);
	if (len <= 0 || pread(fd, &t, sizeof(t), len) != sizeof(t) ||
	    memcmp(&t, &empty_trailer, offsetof(struct trailer, sha256)))
		return FAIL(err, ERR_DATA, -EBADMSG, "the archive does not end in its checksum");
	int r = hash_begin(fd, (uint64_t)len, sum);
	if (r < 0)
		return FAIL_SYS(err, r, "read '%s'", path);
	return memcmp(sum, t.sha256, sizeof(sum))
		       ? FAIL(err, ERR_DATA, -EBADMSG, "the archive does not match its checksum")
		       : 0;
}

static int append_trailer(int fd, struct err **err)
{
	struct trailer t = empty_trailer;
	off_t len = lseek(fd, 0, SEEK_END);
	int r = len < 0 ? -errno : hash_begin(fd, (uint64_t)len, t.sha256);
	if (r == 0)
		r = fd_write_full(fd, &t, sizeof(t));
	return r < 0 ? FAIL_SYS(err, r, "write the archive's checksum") : 0;
}

/* --- packing ------------------------------------------------------------------------------------------------------ */

/* clang-format off */
#define ARCHIVE_FUNCTIONS(X) \
	X(archive_write_new) X(archive_write_add_filter_zstd) X(archive_write_set_format_pax_restricted) \
	X(archive_write_open_fd) X(archive_write_header) X(archive_write_data) X(archive_write_close) \
	X(archive_write_free) X(archive_entry_new) X(archive_entry_free) X(archive_entry_set_pathname) \
	X(archive_entry_set_size) X(archive_entry_set_perm) X(archive_entry_set_filetype) X(archive_error_string)
/* clang-format on */
#define ARCHIVE_SLOT(name) __typeof__(name) *name;
#define ARCHIVE_NAME(name) #name,

struct archive_api {
	ARCHIVE_FUNCTIONS(ARCHIVE_SLOT)
};

struct packer {
	struct archive_api lib;
	struct archive *to;
	const atomic_bool *cancel;
	char *piece;
};

static int pack_failed(const struct packer *p, struct err **err)
{
	const char *why = p->lib.archive_error_string(p->to);
	return FAIL(err, ERR_DATA, -EIO, "write the archive: %s", why ? why : "unknown error");
}

static int pack_data(struct packer *p, int fd, off_t size, struct err **err)
{
	for (off_t at = 0; at < size;) {
		if (is_cancelled(p->cancel))
			return -ECANCELED;
		ssize_t n = pread(fd, p->piece, MIN_OF((size_t)(size - at), PIECE), at);
		if (n <= 0)
			return FAIL_SYS(err, n < 0 ? -errno : -EIO, "read a file of the entry");
		if (p->lib.archive_write_data(p->to, p->piece, (size_t)n) != n)
			return pack_failed(p, err);
		at += n;
	}
	return 0;
}

static int pack_file(struct packer *p, int dir, const char *name, const char *to, struct err **err)
{
	struct stat st;
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return FAIL_SYS(err, -errno, "open '%s'", to);
	struct archive_entry *e = p->lib.archive_entry_new();
	if (!e)
		return -ENOMEM;
	p->lib.archive_entry_set_pathname(e, to);
	p->lib.archive_entry_set_size(e, st.st_size);
	p->lib.archive_entry_set_perm(e, st.st_mode & 0777);
	p->lib.archive_entry_set_filetype(e, S_IFREG);
	int r = p->lib.archive_write_header(p->to, e) == ARCHIVE_OK ? 0 : pack_failed(p, err);
	p->lib.archive_entry_free(e);
	return r == 0 ? pack_data(p, fd, st.st_size, err) : r;
}

/* Links, of which an entry has none of its own, are left out. @fd is consumed. */
static int pack_dir(struct packer *p, int fd, const char *path, unsigned depth, struct err **err)
{
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int r = 0;
	if (!d) {
		r = -errno;
		fd_close(fd);
		return FAIL_SYS(err, r, "open '%s'", path);
	}
	for (struct dirent *e; r == 0 && (e = readdir(d));) {
		_cleanup_free_ char *to = path_join(path, e->d_name);
		struct stat st;
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (!to)
			r = -ENOMEM;
		else if (S_ISREG(st.st_mode))
			r = pack_file(p, dirfd(d), e->d_name, to, err);
		else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			r = pack_dir(p, openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
				     to, depth + 1, err);
	}
	closedir(d);
	return r;
}

static int pack_all(struct packer *p, const char *entry, const char *key, int fd, struct err **err)
{
	static const char *const names[] = { ARCHIVE_FUNCTIONS(ARCHIVE_NAME) NULL };
	int r = library_open(LIBARCHIVE, names, &p->lib, err);
	if (r < 0)
		return r;
	p->piece = malloc(PIECE);
	p->to = p->lib.archive_write_new();
	if (!p->to || !p->piece)
		return -ENOMEM;
	if (p->lib.archive_write_add_filter_zstd(p->to) || p->lib.archive_write_set_format_pax_restricted(p->to) ||
	    p->lib.archive_write_open_fd(p->to, fd))
		return pack_failed(p, err);
	r = pack_dir(p, open(entry, O_RDONLY | O_DIRECTORY | O_CLOEXEC), key, 0, err);
	if (r == 0 && p->lib.archive_write_close(p->to) != ARCHIVE_OK)
		r = pack_failed(p, err);
	return r;
}

int entry_pack(const struct cache *cache, const char *key, const char *to, const atomic_bool *cancel, struct err **err)
{
	struct packer p = { .cancel = cancel };
	_cleanup_free_ char *entry = path_join(cache->root, key);
	_cleanup_close_ int fd = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (!entry)
		return -ENOMEM;
	if (fd < 0)
		return FAIL_SYS(err, -errno, "create '%s'", to);
	int r = pack_all(&p, entry, key, fd, err);
	if (p.to)
		p.lib.archive_write_free(p.to);
	free(p.piece);
	return r == 0 ? append_trailer(fd, err) : r;
}

/* --- accepting ---------------------------------------------------------------------------------------------------- */

/* Unlike in our own cache, a file without a checksum is not good. */
static int check_files(const struct cache_entry *e, struct err **err)
{
	_cleanup_close_ int dir = open(e->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *const names[] = { e->image_name, e->has_vmlinux ? KERNEL_VMLINUX_NAME : e->image_name };
	int r = dir < 0 ? -errno : 0;
	for (size_t i = 0; i < ARRAY_SIZE(names) && r == 0; i++)
		r = cachefile_check(dir, names[i], NULL);
	return r < 0 ? FAIL_SYS(err, r, "check the files of its entry") : 0;
}

/* An entry with this key, but of another kernel or configuration, is not used. */
static int check_entry(const struct kernel_job *job, char *root, struct err **err)
{
	struct cache unpacked = { .root = root, .arch = job->config.cache->arch };
	struct cache_entry e;
	int r = cache_get(&unpacked, job->key, &e);
	if (r < 0)
		return FAIL(err, ERR_DATA, r, "the archive has no entry");
	if (e.error_kind)
		r = FAIL(err, ERR_DATA, -EBADMSG, "its entry is damaged: %s", e.error);
	else if (e.status != KCONFIG_MATCHES || strcmp(e.arch, arch_names[job->config.cache->arch].name) != 0 ||
		 (job->version[0] && strcmp(e.version, job->version) != 0))
		r = FAIL(err, ERR_DATA, -EBADMSG, "its entry is another kernel: %s for %s", e.version, e.arch);
	else
		r = check_files(&e, err);
	entry_done(&e);
	return r;
}

int entry_accept(struct kernel_job *job, const char *archive, const atomic_bool *cancel,
		 struct unpack_progress *progress, struct err **err)
{
	_cleanup_free_ char *root = path_join(job->work, UNPACKED_NAME),
			    *entry = root ? path_join(root, job->key) : NULL;
	if (!entry)
		return -ENOMEM;
	int r = mkdir_parents(entry, 0755, err);
	r = r < 0 ? r : unpack_tarball(archive, entry, cancel, progress, err);
	r = r < 0 ? r : check_entry(job, root, err);
	return r < 0 ? r : cache_publish(job->config.cache, job->key, entry, err);
}

void entry_accept_clean(const struct kernel_job *job)
{
	_cleanup_free_ char *root = path_join(job->work, UNPACKED_NAME);
	if (root)
		remove_tree(root, NULL);
}
