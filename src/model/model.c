/* SPDX-License-Identifier: GPL-2.0-only */
/* model.c -- see model.h. */
#include <dirent.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/dir.h"
#include "base/file.h"
#include "base/json.h"
#include "model/model.h"
#include "net/fetch.h"
#include "net/http.h"
#include "reactor/interrupt.h"

#define MODEL_BYTES_MAX ((uint64_t)64 << 30)
#define PIECE		((size_t)1 << 20)

void model_done(struct model *m)
{
	free(m->dir);
	free(m->path);
	free(m->url);
	free(m->sha256);
	free(m->checked);
}

static char *identity_of(const char *path)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	file_identify(path, &text);
	return text.len ? buf_steal(&text) : NULL;
}

static char *copy_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	return text ? strdup(text) : NULL;
}

bool model_is_name(const char *name)
{
	return *name && *name != '.' && !strchr(name, '/') && strcmp(name, MODEL_RECORD) != 0;
}

int model_read(const char *dir, struct model *m)
{
	json_auto_t *o = NULL;
	*m = (struct model){ .dir = strdup(dir) };
	if (!m->dir)
		return -ENOMEM;
	_cleanup_free_ char *record = path_join(m->dir, MODEL_RECORD);
	if (!record)
		return -ENOMEM;
	if (json_read_file(record, &o, NULL) < 0)
		return 0;
	const char *name = json_string_value(json_object_get(o, "file"));
	if (!name || !model_is_name(name))
		return 0;
	m->path = path_join(m->dir, name);
	m->url = copy_text(o, "url");
	m->sha256 = copy_text(o, "sha256");
	m->checked = copy_text(o, "checked");
	return 0;
}

static int model_write(const struct model *m, struct err **err)
{
	_cleanup_free_ char *record = path_join(m->dir, MODEL_RECORD);
	json_auto_t *o = json_object();
	json_put_text(&o, "file", path_basename(m->path));
	json_put_text(&o, "url", m->url);
	json_put_text(&o, "sha256", m->sha256);
	json_put_text(&o, "checked", m->checked);
	return record && o ? json_write_file(record, o, err) : -ENOMEM;
}

static int receive(const char *url, const char *sha256, int fd, struct err **err)
{
	const char *const urls[] = { url, NULL };
	const struct fetch_request q = {
		.urls = urls, .fd = fd, .max_bytes = MODEL_BYTES_MAX, .sha256_hex = sha256, .refuse_html = true
	};
	_cleanup_(reactor_free_p) struct reactor *r = NULL;
	_cleanup_(http_free_p) struct http *http = NULL;
	struct signals signals;
	struct fetch f;
	int result = reactor_new(&r, err);
	result = result < 0 ? result : http_new(r, NULL, &http, err);
	if (result < 0)
		return result;
	result = interrupt_watch(&signals, r, err);
	if (result == 0) {
		fetch_start(&f, http, r, &q, NULL, NULL);
		result = reactor_run(r);
		result = result < 0 ? result : f.machine.result;
		if (f.err && err)
			*err = TAKE_PTR(f.err);
		fetch_done(&f);
	}
	signals_done(&signals);
	return result;
}

/* --- files that are not complete ---------------------------------------------------------------------------------- */

/*
 * They are called ".NAME.PID", and the process that writes one has it locked. Both are looked at: the lock tells of
 * processes whose numbers mean nothing here, and the number of one that has not locked its file yet.
 */
static bool is_left_over(int dir, const char *name)
{
	const char *dot = strrchr(name, '.');
	if (*name != '.' || dot == name || !dot[1] || dot[1 + strspn(dot + 1, "0123456789")])
		return false;
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool dead = kill((pid_t)strtoul(dot + 1, NULL, 10), 0) < 0 && errno == ESRCH;
	return dead && fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

uint64_t model_remove_rest(const struct model *m)
{
	uint64_t bytes = 0;
	DIR *d = opendir(m->dir);
	for (struct dirent *e; d && (e = readdir(d));) {
		struct stat st;
		if (is_left_over(dirfd(d), e->d_name) && fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    unlinkat(dirfd(d), e->d_name, 0) == 0)
			bytes += (uint64_t)st.st_size;
	}
	if (d)
		closedir(d);
	return bytes;
}

/* The file appears under its name only when it is complete and verified. */
static int fetch_into(const char *url, const char *sha256, struct model *m, struct err **err)
{
	const char *name = path_basename(url);
	char fresh[256];
	_cleanup_close_ int dir = -1, fd = -1;
	int r = dir_open(m->dir, true, "XDG_CACHE_HOME", &dir, err);
	if (r < 0)
		return r;
	snprintf(fresh, sizeof(fresh), ".%s.%d", name, getpid());
	fd = file_create_at(dir, fresh, 0644);
	if (fd < 0)
		return FAIL_SYS(err, fd, "create a file in %s", m->dir);
	flock(fd, LOCK_EX | LOCK_NB);
	r = receive(url, sha256, fd, err);
	if (r == 0) {
		r = rename_durable(fd, dir, fresh, name, 0);
		if (r < 0)
			FAIL_SYS(err, r, "store the model in %s", m->dir);
	}
	if (r < 0)
		unlinkat(dir, fresh, 0);
	return r;
}

static int hash_file(const char *path, char hex[SHA256_HEX_LEN + 1])
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ uint8_t *piece = malloc(PIECE);
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx sha;
	ssize_t n;
	if (fd < 0 || !piece)
		return fd < 0 ? -errno : -ENOMEM;
	sha256_init(&sha);
	while ((n = read(fd, piece, PIECE)) > 0)
		sha256_update(&sha, (size_t)n, piece);
	if (n < 0)
		return -errno;
	sha256_digest(&sha, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

/* Hashes the file unless that was done since it changed. */
const char *model_check(struct model *m)
{
	char hex[SHA256_HEX_LEN + 1];
	_cleanup_free_ char *now = m->path ? identity_of(m->path) : NULL;
	if (!m->path || !m->sha256 || !path_exists(m->path))
		return "NotCached";
	if (now && m->checked && !strcmp(now, m->checked))
		return "Matches";
	if (hash_file(m->path, hex) < 0)
		return "CheckFailed";
	if (strcmp(hex, m->sha256) != 0)
		return "Mismatches";
	free(m->checked);
	m->checked = TAKE_PTR(now);
	model_write(m, NULL); /* without the record, the next call hashes again */
	return "Matches";
}

/* There is one model at a time. */
static int remove_former(const char *former, const struct model *m, struct err **err)
{
	if (!former || !strcmp(former, m->path) || unlink(former) == 0 || errno == ENOENT)
		return 0;
	return FAIL_SYS(err, -errno, "remove the former model %s", former);
}

/* The record has no password of the URL. */
static int fetch_and_record(struct model *m, const char *url, const char *sha256, struct err **err)
{
	char shown[URL_SHOWN_MAX];
	model_remove_rest(m);
	int r = fetch_into(url, sha256, m, err);
	if (r < 0)
		return r;
	_cleanup_free_ char *former = m->path;
	free(m->url);
	free(m->sha256);
	free(m->checked);
	m->path = path_join(m->dir, path_basename(url));
	m->url = strdup(http_url_shown(url, shown));
	m->sha256 = strdup(sha256);
	m->checked = m->path ? identity_of(m->path) : NULL;
	if (!m->path || !m->url || !m->sha256)
		return -ENOMEM;
	r = model_write(m, err);
	return r == 0 ? remove_former(former, m, err) : r;
}

/* Signals wait, so that none ends the process between the creation of the file and its removal. */
int model_fetch(struct model *m, const char *url, const char *sha256, struct err **err)
{
	sigset_t before;
	interrupt_hold(&before);
	int r = fetch_and_record(m, url, sha256, err);
	int late = interrupt_release(&before, r == 0 ? err : NULL);
	return r == 0 ? late : r;
}

int model_remove(struct model *m, struct err **err)
{
	_cleanup_free_ char *record = path_join(m->dir, MODEL_RECORD);
	if (!record)
		return -ENOMEM;
	if (unlink(m->path) < 0 || (unlink(record) < 0 && errno != ENOENT))
		return FAIL_SYS(err, -errno, "remove %s", m->path);
	return 0;
}
