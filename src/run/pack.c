/* SPDX-License-Identifier: GPL-2.0-only */
/* pack.c -- see pack.h. */
#include "run/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/library.h"
#include "base/text.h"

#define LIBARCHIVE	   "libarchive.so.13"
#define CHUNK_BYTES	   65536
#define MANIFEST_BYTES_MAX ((size_t)4 << 20)
#define FILTERS_MAX	   2 /* the compression, and the plain file */
#define ZSTD_MAGIC	   "\x28\xb5\x2f\xfd"

/* clang-format off */
#define ARCHIVE_FUNCTIONS(X) \
	X(archive_write_new) X(archive_write_add_filter_zstd) X(archive_write_set_format_ustar) \
	X(archive_write_open) X(archive_write_set_bytes_in_last_block) X(archive_write_header) \
	X(archive_write_data) X(archive_write_close) \
	X(archive_write_free) X(archive_entry_new) X(archive_entry_free) X(archive_entry_set_pathname) \
	X(archive_entry_set_size) X(archive_entry_set_perm) X(archive_entry_set_filetype) \
	X(archive_error_string) X(archive_filter_count) X(archive_read_new) X(archive_read_free) \
	X(archive_read_support_filter_zstd) X(archive_read_support_format_tar) X(archive_read_open) \
	X(archive_read_next_header) X(archive_read_data) X(archive_entry_pathname) \
	X(archive_entry_filetype) X(archive_entry_size)
/* clang-format on */
#define SLOT(name) __typeof__(name) *name;
#define NAME(name) #name,
struct archive_api {
	ARCHIVE_FUNCTIONS(SLOT)
};
static const char *const names[] = { ARCHIVE_FUNCTIONS(NAME) NULL };

struct pack {
	struct archive_api lib;
	struct archive *archive;
	const char *path;
	const struct packed_run *run; /* that is written */
	int fd;
	int failure;		 /* of writing to it */
	char chunk[CHUNK_BYTES]; /* of the archive's file */
	char data[CHUNK_BYTES];	 /* of a member */
};

/* --- writing ------------------------------------------------------------------------------------------------------ */

static la_ssize_t put_block(struct archive *a, void *data, const void *bytes, size_t len)
{
	struct pack *p = data;
	(void)a;
	int r = fd_write_full(p->fd, bytes, len);
	if (r < 0)
		p->failure = r;
	return r < 0 ? -1 : (la_ssize_t)len;
}

/* The library does not keep the code of a failure of ours. */
static int write_failed(const struct pack *p, struct err **err)
{
	const char *why = p->failure < 0 ? strerror(-p->failure) : p->lib.archive_error_string(p->archive);
	return FAIL(err, ERR_OUTPUT, p->failure < 0 ? p->failure : -EIO, "%s", why ? why : "the archive was not made");
}

static int begin_member(struct pack *p, const char *name, uint64_t size, struct err **err)
{
	struct archive_entry *e = p->lib.archive_entry_new();
	if (!e)
		return -ENOMEM;
	p->lib.archive_entry_set_pathname(e, name);
	p->lib.archive_entry_set_size(e, (la_int64_t)size);
	p->lib.archive_entry_set_perm(e, 0644);
	p->lib.archive_entry_set_filetype(e, S_IFREG);
	bool failed = p->lib.archive_write_header(p->archive, e) != ARCHIVE_OK;
	p->lib.archive_entry_free(e);
	return failed ? write_failed(p, err) : 0;
}

static int put_data(struct pack *p, const void *data, size_t len, struct err **err)
{
	return p->lib.archive_write_data(p->archive, data, len) == (la_ssize_t)len ? 0 : write_failed(p, err);
}

static int put_file(struct pack *p, const char *name, const struct packed_content *file, struct err **err)
{
	int r = begin_member(p, name, file->size, err);
	for (uint64_t at = 0; r == 0 && at < file->size;) {
		size_t len = MIN_OF(file->size - at, sizeof(p->data));
		r = fd_pread_full(file->fd, p->data, len, (off_t)at);
		if (r < 0)
			return FAIL_SYS(err, r, "read the %s", name);
		r = put_data(p, p->data, len, err);
		at += len;
	}
	return r;
}

static int hash_file(struct packed_content *file)
{
	struct siphash h;
	struct stat st;
	char chunk[16384];
	if (fstat(file->fd, &st) < 0)
		return -errno;
	siphash_init(&h);
	file->size = (uint64_t)st.st_size;
	for (uint64_t at = 0; at < file->size;) {
		size_t len = MIN_OF(file->size - at, sizeof(chunk));
		int r = fd_pread_full(file->fd, chunk, len, (off_t)at);
		if (r < 0)
			return r;
		siphash_update(&h, chunk, len);
		at += len;
	}
	file->hash = siphash_final(&h);
	return 0;
}

static int put_all(struct pack *p, const struct packed_run *run, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	json_auto_t *manifest = packed_run_json(run);
	json_print(manifest, true, &text);
	if (text.failed)
		return -ENOMEM;
	int r = begin_member(p, PACK_MANIFEST, text.len, err);
	if (r == 0)
		r = put_data(p, text.data, text.len, err);
	for (unsigned i = 0; r == 0 && i < PACKED_FILES; i++)
		if (run->file[i].fd >= 0)
			r = put_file(p, packed_file_names[i], &run->file[i], err);
	if (r == 0 && p->lib.archive_write_close(p->archive) != ARCHIVE_OK)
		r = write_failed(p, err);
	return r;
}

static int write_archive(struct pack *p, struct err **err)
{
	p->archive = p->lib.archive_write_new();
	if (!p->archive)
		return -ENOMEM;
	int r = 0;
	if (p->lib.archive_write_add_filter_zstd(p->archive) != ARCHIVE_OK ||
	    p->lib.archive_write_set_format_ustar(p->archive) != ARCHIVE_OK ||
	    p->lib.archive_write_set_bytes_in_last_block(p->archive, 1) != ARCHIVE_OK || /* no padding */
	    p->lib.archive_write_open(p->archive, p, NULL, put_block, NULL) != ARCHIVE_OK)
		r = write_failed(p, err);
	if (r == 0)
		r = put_all(p, p->run, err);
	p->lib.archive_write_free(p->archive);
	return r;
}

static int write_to(void *data, int fd, struct err **err)
{
	struct pack *p = data;
	p->fd = fd;
	return write_archive(p, err);
}

int pack_write(struct packed_run *run, const char *path, struct err **err)
{
	_cleanup_free_ struct pack *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->path = path;
	p->run = run;
	int r = library_open(LIBARCHIVE, names, &p->lib, err);
	for (unsigned i = 0; r == 0 && i < PACKED_FILES; i++) {
		if (run->file[i].fd < 0)
			continue;
		r = hash_file(&run->file[i]);
		if (r < 0)
			FAIL_SYS(err, r, "read the %s", packed_file_names[i]);
	}
	return r == 0 ? file_write_output_by(path, 0644, write_to, p, err) : r;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int read_failed(const struct pack *p, struct err **err)
{
	const char *why = p->lib.archive_error_string(p->archive);
	_cleanup_free_ char *clean = text_clean_line(why ? why : "damaged archive");
	return FAIL(err, ERR_DATA, -EBADMSG, "read '%s': %s; name a file that 'ktstr pack' wrote", p->path,
		    clean ? clean : "");
}

static la_ssize_t get_block(struct archive *a, void *data, const void **ret)
{
	struct pack *p = data;
	ssize_t n;
	(void)a;
	do
		n = read(p->fd, p->chunk, sizeof(p->chunk));
	while (n < 0 && errno == EINTR);
	*ret = p->chunk;
	return n;
}

/* The next member: its name is in @name. 0: there is none. */
static int next_member(struct pack *p, char *name, size_t size, struct err **err)
{
	struct archive_entry *e;
	int code = p->lib.archive_read_next_header(p->archive, &e);
	if (code == ARCHIVE_EOF)
		return 0;
	if (code != ARCHIVE_OK)
		return read_failed(p, err);
	const char *path = p->lib.archive_entry_pathname(e);
	text_copy_line(name, size, path ? path : "", path ? strlen(path) : 0);
	if (p->lib.archive_entry_filetype(e) != S_IFREG)
		return FAIL(err, ERR_DATA, -EBADMSG, "read '%s': '%s' in it is not a regular file", p->path, name);
	return 1;
}

static int get_manifest(struct pack *p, struct packed_run *run, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	char name[64];
	la_ssize_t n;
	int r = next_member(p, name, sizeof(name), err);
	if (r < 0)
		return r;
	if (r == 0 || strcmp(name, PACK_MANIFEST) != 0)
		return FAIL(err, ERR_DATA, -EBADMSG, "read '%s': it is not a pack; 'ktstr pack' makes packs", p->path);
	while ((n = p->lib.archive_read_data(p->archive, p->data, sizeof(p->data))) > 0) {
		buf_append(&text, p->data, (size_t)n);
		if (text.failed || text.len > MANIFEST_BYTES_MAX)
			return FAIL(err, ERR_DATA, -EBADMSG, "read '%s': its manifest is too large", p->path);
	}
	if (n < 0)
		return read_failed(p, err);
	json_error_t why;
	json_auto_t *json = json_loadb(buf_str(&text), text.len, JSON_REJECT_DUPLICATES, &why);
	if (!json)
		return FAIL(err, ERR_DATA, -EBADMSG, "read '%s': its manifest is not JSON (line %d)", p->path,
			    why.line);
	r = packed_run_parse(json, run, err);
	return r < 0 ? err_wrap(err, r, "read '%s'", p->path) : 0;
}

/* The member that is next, as a file in memory. */
static int get_file(struct pack *p, const char *name, struct packed_content *file, struct err **err)
{
	struct siphash h;
	uint64_t size = 0;
	la_ssize_t n = 0;
	siphash_init(&h);
	file->fd = memfd_new(name, 0);
	if (file->fd < 0)
		return FAIL_SYS(err, file->fd, "read '%s'", p->path);
	while (size <= file->size && (n = p->lib.archive_read_data(p->archive, p->data, sizeof(p->data))) > 0) {
		int r = fd_write_full(file->fd, p->data, (size_t)n);
		if (r < 0)
			return FAIL_SYS(err, r, "read '%s'", p->path);
		siphash_update(&h, p->data, (size_t)n);
		size += (uint64_t)n;
	}
	if (n < 0)
		return read_failed(p, err);
	if (size != file->size || siphash_final(&h) != file->hash)
		return FAIL(err, ERR_DATA, -EBADMSG, "read '%s': its %s is damaged; copy the pack again", p->path,
			    name);
	return 0;
}

static int get_files(struct pack *p, struct packed_run *run, struct err **err)
{
	char name[64];
	int r;
	while ((r = next_member(p, name, sizeof(name), err)) > 0) {
		unsigned i = 0;
		while (i < PACKED_FILES && strcmp(name, packed_file_names[i]) != 0)
			i++;
		if (i == PACKED_FILES || !run->file[i].size || run->file[i].fd >= 0)
			return FAIL(err, ERR_DATA, -EBADMSG, "read '%s': '%s' does not belong there", p->path, name);
		r = get_file(p, name, &run->file[i], err);
		if (r < 0)
			return r;
	}
	for (unsigned i = 0; r == 0 && i < PACKED_FILES; i++)
		if (run->file[i].size && run->file[i].fd < 0)
			return FAIL(err, ERR_DATA, -EBADMSG, "read '%s': its %s is missing", p->path,
				    packed_file_names[i]);
	return r;
}

static int read_archive(struct pack *p, struct packed_run *run, struct err **err)
{
	p->archive = p->lib.archive_read_new();
	if (!p->archive)
		return -ENOMEM;
	int r = 0;
	p->lib.archive_read_support_filter_zstd(p->archive);
	p->lib.archive_read_support_format_tar(p->archive);
	if (p->lib.archive_read_open(p->archive, p, NULL, get_block, NULL) != ARCHIVE_OK)
		r = read_failed(p, err);
	else if (p->lib.archive_filter_count(p->archive) > FILTERS_MAX)
		r = FAIL(err, ERR_DATA, -EBADMSG, "read '%s': it is compressed more than once", p->path);
	if (r == 0)
		r = get_manifest(p, run, err);
	if (r == 0)
		r = get_files(p, run, err);
	p->lib.archive_read_free(p->archive);
	return r;
}

int pack_read(const char *path, struct packed_run *ret, struct err **err)
{
	_cleanup_free_ struct pack *p = calloc(1, sizeof(*p));
	packed_run_init(ret);
	if (!p)
		return -ENOMEM;
	p->path = path;
	int r = library_open(LIBARCHIVE, names, &p->lib, err);
	if (r < 0)
		return r;
	p->fd = file_open(path, err);
	if (p->fd < 0)
		return p->fd;
	r = read_archive(p, ret, err);
	fd_close(p->fd);
	if (r < 0)
		packed_run_done(ret);
	return r;
}

bool pack_is(const char *path)
{
	char begin[sizeof(ZSTD_MAGIC) - 1];
	_cleanup_close_ int fd = file_open(path, NULL);
	return fd >= 0 && fd_pread_full(fd, begin, sizeof(begin), 0) == 0 && !memcmp(begin, ZSTD_MAGIC, sizeof(begin));
}
