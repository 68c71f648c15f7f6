/* SPDX-License-Identifier: GPL-2.0-only */
/* cachefile.c -- see cachefile.h. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/cachefile.h"
#include "base/dir.h"
#include "base/file.h"

#define RECORD_MAGIC	0x31304d5553545348ull
#define RECORD_SUFFIX	".sum"
#define RECORD_NAME_MAX (NAME_MAX + sizeof(RECORD_SUFFIX))
#define FRESH_MARK	".new-"
#define FRESH_KEPT_SEC	(24 * 3600) /* an unfinished file that is older has no writer any more */
#define SETTLED_SEC	2
#define CHUNK_BYTES	((size_t)1 << 20)
#define BOOT_BYTES	40
#define VARIABLE	"XDG_CACHE_HOME"

/* Content of NAME.sum, in the host's byte order. A record of another layout does not match its magic or hash. */
struct record {
	uint64_t magic, size;
	uint64_t hash[2];
	/* The last successful check. */
	char boot[BOOT_BYTES];
	uint64_t device, inode, change_sec, change_nsec;
	uint64_t own_hash; /* XXH3-64 of the fields above */
};
_Static_assert(sizeof(struct record) == 112, "no holes");

static uint64_t own_hash(const struct record *r)
{
	return XXH3_64bits(r, offsetof(struct record, own_hash));
}

/* --- hashing ------------------------------------------------------------------------------------------------------ */

int cachefile_hash(int fd, const atomic_bool *cancel, uint64_t ret[2])
{
	_cleanup_free_ void *chunk = malloc(CHUNK_BYTES);
	XXH3_state_t *state = XXH3_createState();
	off_t at = 0;
	ssize_t n = -1;
	int r = chunk && state && XXH3_128bits_reset(state) == XXH_OK ? 0 : -ENOMEM;
	while (r == 0 && (n = pread(fd, chunk, CHUNK_BYTES, at)) != 0) {
		if (is_cancelled(cancel))
			r = -ECANCELED;
		else if (n < 0)
			r = errno == EINTR ? 0 : -errno;
		else
			XXH3_128bits_update(state, chunk, (size_t)n);
		at += MAX_OF(n, 0);
	}
	if (r == 0) {
		XXH128_hash_t h = XXH3_128bits_digest(state);
		ret[0] = h.high64;
		ret[1] = h.low64;
	}
	XXH3_freeState(state);
	return r;
}

bool cachefile_identify(const char *path, struct siphash *h)
{
	struct stat st;
	if (stat(path, &st) < 0 || time(NULL) - st.st_ctim.tv_sec < SETTLED_SEC)
		return false;
	const uint64_t id[] = { st.st_dev, st.st_ino, (uint64_t)st.st_size, (uint64_t)st.st_ctim.tv_sec,
				(uint64_t)st.st_ctim.tv_nsec };
	siphash_update(h, id, sizeof(id));
	return true;
}

/* --- records ------------------------------------------------------------------------------------------------------ */

static void record_name(const char *name, char out[RECORD_NAME_MAX])
{
	snprintf(out, RECORD_NAME_MAX, "%s" RECORD_SUFFIX, name);
}

/* Returns "" if the boot id cannot be read; then every file counts as not checked. */
static void read_boot(char ret[BOOT_BYTES])
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	memset(ret, 0, BOOT_BYTES);
	if (fd >= 0 && read(fd, ret, BOOT_BYTES - 1) < 0)
		memset(ret, 0, BOOT_BYTES);
}

static void record_checked(struct record *r, const struct stat *st)
{
	read_boot(r->boot);
	r->device = st->st_dev;
	r->inode = st->st_ino;
	r->change_sec = (uint64_t)st->st_ctim.tv_sec;
	r->change_nsec = (uint64_t)st->st_ctim.tv_nsec;
	r->own_hash = own_hash(r);
}

static bool is_checked(const struct record *r, const struct stat *st)
{
	struct record now = *r;
	record_checked(&now, st);
	return now.boot[0] && !memcmp(&now, r, sizeof(now));
}

static int read_record(int dir, const char *name, int *ret_fd, struct record *ret)
{
	char file[RECORD_NAME_MAX];
	record_name(name, file);
	_cleanup_close_ int fd = open_beneath(dir, file, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	if (fd_read_full(fd, ret, sizeof(*ret)) < 0 || ret->magic != RECORD_MAGIC || ret->own_hash != own_hash(ret))
		return -EBADMSG;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int write_record(int dir, const char *name, const struct record *r)
{
	char file[RECORD_NAME_MAX];
	record_name(name, file);
	return file_write_atomic_at(dir, file, r, sizeof(*r), 0644, NULL);
}

/* Writes the record for the present content of @fd. */
static int make_record(int dir, const char *name, int fd, const atomic_bool *cancel)
{
	struct record r = { .magic = RECORD_MAGIC };
	struct stat st;
	int result = cachefile_hash(fd, cancel, r.hash);
	if (result < 0)
		return result;
	if (fstat(fd, &st) < 0)
		return -errno;
	r.size = (uint64_t)st.st_size;
	record_checked(&r, &st);
	return write_record(dir, name, &r);
}

int cachefile_record(int dir, const char *name)
{
	_cleanup_close_ int fd = open_beneath(dir, name, O_RDONLY, 0);
	return fd < 0 ? fd : make_record(dir, name, fd, NULL);
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static int check_content(int dir, const char *name, struct record *r, int fd, const atomic_bool *cancel)
{
	uint64_t hash[2];
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || !is_trusted_owner(&st) || (uint64_t)st.st_size != r->size)
		return -EBADMSG;
	if (is_checked(r, &st))
		return 0;
	int result = cachefile_hash(fd, cancel, hash);
	if (result < 0)
		return result == -ECANCELED ? result : -EBADMSG;
	if (memcmp(hash, r->hash, sizeof(hash)))
		return -EBADMSG;
	/* If this write fails, the next user hashes the file again. */
	record_checked(r, &st);
	write_record(dir, name, r);
	return 0;
}

static int open_checked(int dir, const char *name, const struct cachefile_use *use, int *ret_fd)
{
	_cleanup_close_ int record_fd = -1;
	struct record record;
	int r = read_record(dir, name, &record_fd, &record);
	if (r < 0)
		return r;
	_cleanup_close_ int fd = open_beneath(dir, name, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return fd == -ELOOP ? -EBADMSG : fd;
	r = check_content(dir, name, &record, fd, use ? use->cancel : NULL);
	if (r < 0)
		return r;
	futimens(record_fd, NULL); /* time of last use; may fail without write permission */
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int cachefile_check(int dir, const char *name, const struct cachefile_use *use)
{
	_cleanup_close_ int fd = -1;
	return open_checked(dir, name, use, &fd);
}

int cachefile_open(const char *path, const char *name, const struct cachefile_use *use, int *ret_fd)
{
	_cleanup_close_ int dir = -1;
	char record[RECORD_NAME_MAX];
	int r = dir_open(path, false, VARIABLE, &dir, NULL);
	if (r == 0)
		r = open_checked(dir, name, use, ret_fd);
	if (r != -EBADMSG)
		return r;
	if (use && use->damaged)
		atomic_fetch_add(use->damaged, 1);
	record_name(name, record);
	unlinkat(dir, record, 0);
	unlinkat(dir, name, 0);
	return -ENOENT;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

int cachefile_begin(struct cachefile *f, const char *path, const char *name)
{
	*f = CACHEFILE_NULL;
	if (snprintf(f->name, sizeof(f->name), "%s", name) >= (int)sizeof(f->name))
		return -ENAMETOOLONG;
	snprintf(f->fresh, sizeof(f->fresh), "%s" FRESH_MARK "%d", name, gettid());
	int r = dir_open(path, true, VARIABLE, &f->dir, NULL);
	if (r < 0)
		return r;
	f->fd = file_create_at(f->dir, f->fresh, 0644);
	return f->fd < 0 ? f->fd : 0;
}

int cachefile_commit(struct cachefile *f, const struct cachefile_use *use)
{
	/* The record is written last: a file without a record is ignored. The rename changes the file's ctime. */
	int r = rename_durable(f->fd, f->dir, f->fresh, f->name, 0);
	if (r < 0)
		return r;
	f->fresh[0] = '\0';
	return make_record(f->dir, f->name, f->fd, use ? use->cancel : NULL);
}

void cachefile_done(struct cachefile *f)
{
	if (f->fd >= 0 && f->fresh[0])
		unlinkat(f->dir, f->fresh, 0);
	fd_close(f->fd);
	fd_close(f->dir);
	*f = CACHEFILE_NULL;
}

int cachefile_store(const char *dir, const char *name, const void *data, size_t len, const struct cachefile_use *use)
{
	_cleanup_(cachefile_done) struct cachefile f = CACHEFILE_NULL;
	int r = cachefile_begin(&f, dir, name);
	if (r == 0)
		r = fd_write_full(f.fd, data, len);
	return r == 0 ? cachefile_commit(&f, use) : r;
}

/* --- trimming ----------------------------------------------------------------------------------------------------- */

static bool ends_in(const char *name, const char *suffix)
{
	size_t len = strlen(name), end = strlen(suffix);
	return len > end && !strcmp(name + len - end, suffix);
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* Time of the last use; 0 if the file has no record. */
static struct timespec last_use(int dir, const char *name)
{
	char record[RECORD_NAME_MAX];
	struct stat st;
	record_name(name, record);
	return fstatat(dir, record, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mtim : (struct timespec){ 0 };
}

/* Returns the number of files, and the name of the least recently used one. */
static unsigned find_oldest(DIR *dir, const char *suffix, char name[NAME_MAX + 1])
{
	struct timespec since = { 0 };
	unsigned count = 0;
	rewinddir(dir);
	for (struct dirent *d; (d = readdir(dir));) {
		if (!ends_in(d->d_name, suffix) || strlen(d->d_name) > sizeof(((struct cachefile *)0)->name))
			continue;
		struct timespec used = last_use(dirfd(dir), d->d_name);
		if (!count++ || is_before(&used, &since)) {
			since = used;
			snprintf(name, NAME_MAX + 1, "%s", d->d_name);
		}
	}
	return count;
}

static bool remove_file(int dir, const char *name)
{
	char record[RECORD_NAME_MAX];
	record_name(name, record);
	unlinkat(dir, record, 0);
	return unlinkat(dir, name, 0) == 0;
}

static void remove_half_written(DIR *dir)
{
	struct stat st;
	rewinddir(dir);
	for (struct dirent *d; (d = readdir(dir));)
		if (strstr(d->d_name, FRESH_MARK) && fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_mtime + FRESH_KEPT_SEC < time(NULL))
			unlinkat(dirfd(dir), d->d_name, 0);
}

void cachefile_trim(const char *path, const char *suffix, unsigned most)
{
	char name[NAME_MAX + 1];
	_cleanup_close_ int fd = -1;
	if (dir_open(path, false, VARIABLE, &fd, NULL) < 0)
		return;
	int listed = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = listed >= 0 ? fdopendir(listed) : NULL;
	if (!dir) {
		fd_close(listed);
		return;
	}
	while (find_oldest(dir, suffix, name) > most && remove_file(dirfd(dir), name))
		;
	remove_half_written(dir);
	closedir(dir);
}
