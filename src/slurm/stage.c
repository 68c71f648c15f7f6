/* SPDX-License-Identifier: GPL-2.0-only */
/* stage.c -- see stage.h. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/file.h"
#include "slurm/stage.h"

#define DEPTH_MAX 32
#define CHUNK	  ((size_t)256 << 10)

struct stage {
	XXH3_state_t *hash;
	char *chunk;
	struct err **err;
};

static void hash_text(struct stage *s, const char *text)
{
	XXH3_128bits_update(s->hash, text, strlen(text) + 1);
}

/* @to < 0: only the digest. */
static int take_content(struct stage *s, int from, int to, const char *path)
{
	for (;;) {
		ssize_t n = read(from, s->chunk, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FAIL_SYS(s->err, -errno, "read '%s'", path);
		if (!n)
			return 0;
		XXH3_128bits_update(s->hash, s->chunk, (size_t)n);
		int r = to >= 0 ? fd_write_full(to, s->chunk, (size_t)n) : 0;
		if (r < 0)
			return FAIL_SYS(s->err, r, "copy '%s'", path);
	}
}

static int take_file(struct stage *s, const char *from, const char *to, mode_t mode)
{
	bool executable = mode & 0111;
	_cleanup_close_ int in = file_open(from, s->err), out = -1;
	if (in < 0)
		return in;
	hash_text(s, executable ? "x" : "f");
	if (to) {
		out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, executable ? 0755 : 0644);
		if (out < 0)
			return FAIL_SYS(s->err, -errno, "create '%s'", to);
	}
	int r = take_content(s, in, out, from);
	if (r == 0 && out >= 0 && fsync(out) < 0)
		r = FAIL_SYS(s->err, -errno, "write '%s'", to);
	return r;
}

static int take_link(struct stage *s, const char *from, const char *to)
{
	char target[PATH_MAX];
	ssize_t n = readlink(from, target, sizeof(target) - 1);
	if (n < 0)
		return FAIL_SYS(s->err, -errno, "read the link '%s'", from);
	target[n] = '\0';
	hash_text(s, "l");
	hash_text(s, target);
	return to && symlink(target, to) < 0 ? FAIL_SYS(s->err, -errno, "create '%s'", to) : 0;
}

static int is_entry(const struct dirent *e)
{
	return strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
}

static int take_path(struct stage *s, const char *from, const char *to, unsigned depth);

static int take_entry(struct stage *s, const char *from, const char *to, const char *name, unsigned depth)
{
	_cleanup_free_ char *source = path_join(from, name), *target = to ? path_join(to, name) : NULL;
	if (!source || (to && !target))
		return -ENOMEM;
	hash_text(s, name);
	return take_path(s, source, target, depth + 1);
}

static int take_directory(struct stage *s, const char *from, const char *to, unsigned depth)
{
	struct dirent **entry = NULL;
	if (depth > DEPTH_MAX)
		return FAIL(s->err, ERR_DATA, -ELOOP, "'%s' is too deep", from);
	if (to && mkdir(to, 0755) < 0)
		return FAIL_SYS(s->err, -errno, "create '%s'", to);
	int count = scandir(from, &entry, is_entry, alphasort), r = 0;
	if (count < 0)
		return FAIL_SYS(s->err, -errno, "read the directory '%s'", from);
	hash_text(s, "d");
	for (int i = 0; i < count; i++) {
		r = r == 0 ? take_entry(s, from, to, entry[i]->d_name, depth) : r;
		free(entry[i]);
	}
	free(entry);
	hash_text(s, "");
	return r;
}

static int take_path(struct stage *s, const char *from, const char *to, unsigned depth)
{
	struct stat st;
	/* The named path itself may be a link; those below a directory are copied as links. */
	int r = depth ? lstat(from, &st) : stat(from, &st);
	if (r < 0)
		return FAIL_SYS(s->err, -errno, "read '%s'", from);
	if (S_ISDIR(st.st_mode))
		return take_directory(s, from, to, depth);
	if (S_ISLNK(st.st_mode))
		return take_link(s, from, to);
	/* Sockets and FIFOs have no content. */
	return S_ISREG(st.st_mode) ? take_file(s, from, to, st.st_mode) : 0;
}

int stage_copy(const char *from, const char *to, char ret[STAGE_DIGEST_MAX], struct err **err)
{
	struct stage s = { .hash = XXH3_createState(), .chunk = malloc(CHUNK), .err = err };
	int r = s.hash && s.chunk ? 0 : -ENOMEM;
	if (r == 0) {
		XXH3_128bits_reset(s.hash);
		r = take_path(&s, from, to, 0);
	}
	if (r == 0) {
		XXH128_hash_t h = XXH3_128bits_digest(s.hash);
		snprintf(ret, STAGE_DIGEST_MAX, "%016lx%016lx", (unsigned long)h.high64, (unsigned long)h.low64);
	}
	XXH3_freeState(s.hash);
	free(s.chunk);
	return r;
}

int stage_digest(const char *path, char ret[STAGE_DIGEST_MAX], struct err **err)
{
	return stage_copy(path, NULL, ret, err);
}
