/* SPDX-License-Identifier: GPL-2.0-only */
/* cache.c -- see cache.h. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cachefile.h"
#include "base/dir.h"
#include "base/environment.h"
#include "base/file.h"
#include "base/json.h"
#include "kernel/cache.h"
#include "kernel/config.h"
#include "kernel/orphans.h"
#include "kernel/target.h"
#include "kernel/unpack.h"
#include "lock/scan.h"

#define WORK_PREFIX    ".tmp-" /* of names of work directories */
#define CACHE_VARIABLE "KTSTR_CACHE_DIR"
#define WORK_KEPT_SEC  (24 * 3600) /* so that the next build can continue a build that was killed */

/* --- the cache's directory ---------------------------------------------------------------------------------------- */

static int home_dir(const char **ret, struct err **err)
{
	const char *home = environment_get(ENV_HOME);
	static const char advice[] = "cannot resolve the cache directory; set HOME, XDG_CACHE_HOME or KTSTR_CACHE_DIR";
	if (!home)
		return FAIL(err, ERR_USAGE, -EINVAL, "HOME is unset; %s", advice);
	if (!*home)
		return FAIL(err, ERR_USAGE, -EINVAL, "HOME is set to the empty string; %s", advice);
	if (*home != '/' || !home[1])
		return FAIL(err, ERR_USAGE, -EINVAL, "HOME is '%s'; %s", home, advice);
	*ret = home;
	return 0;
}

static int base_dir(char **ret, struct err **err)
{
	const char *xdg = environment_get(ENV_XDG_CACHE_HOME), *home = NULL;
	if (xdg) {
		*ret = path_join(xdg, "ktstr");
		return *ret ? 0 : -ENOMEM;
	}
	int r = home_dir(&home, err);
	if (r == 0 && !(*ret = path_join(home, ".cache/ktstr")))
		r = -ENOMEM;
	return r;
}

int cache_sibling_find(const char *name, char **ret, struct err **err)
{
	_cleanup_free_ char *base = NULL;
	int r = base_dir(&base, err);
	if (r == 0 && !(*ret = path_join(base, name)))
		r = -ENOMEM;
	return r;
}

char *cache_sibling(const char *name)
{
	char *path = NULL;
	return cache_sibling_find(name, &path, NULL) == 0 ? path : NULL;
}

/* A missing directory is not an error: it is created when something is stored in it. */
static int check_root(const char *root, struct err **err)
{
	_cleanup_err_ struct err *why = NULL;
	_cleanup_close_ int fd = -1;
	int r = dir_open(root, false, CACHE_VARIABLE, &fd, &why);
	if (r != -EPERM)
		return 0;
	if (err)
		*err = TAKE_PTR(why);
	return err_wrap(err, r, "kernel cache");
}

int cache_open(struct cache *ret, struct err **err)
{
	const char *said = environment_get(ENV_CACHE_DIR);
	_cleanup_free_ char *base = NULL;
	int r = 0;
	ret->arch = arch_host();
	if (said)
		ret->root = strdup(said);
	else if ((r = base_dir(&base, err)) == 0)
		ret->root = path_join(base, "kernels");
	if (r < 0 || !ret->root)
		return r < 0 ? r : -ENOMEM;
	r = check_root(ret->root, err);
	if (r < 0)
		cache_done(ret);
	return r;
}

void cache_done(struct cache *c)
{
	free(c->root);
	c->root = NULL;
}

int cache_check_key(const char *key, struct err **err)
{
	bool bad = !*key || strchr(key, '/') || strchr(key, ' ') || strstr(key, "..") || key[0] == '.';
	return bad ? FAIL(err, ERR_USAGE, -EINVAL, "'%s' is not a valid cache key", key) : 0;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

void entry_done(struct cache_entry *e)
{
	free(e->key);
	free(e->path);
	free(e->version);
	free(e->source);
	free(e->arch);
	free(e->built_at);
	free(e->image_name);
	free(e->error);
	free(e->git_url);
	free(e->git_ref);
	*e = (struct cache_entry){ 0 };
}

void entries_free(struct cache_entry *e, size_t count)
{
	for (size_t i = 0; i < count; i++)
		entry_done(&e[i]);
	free(e);
}

static int corrupt(struct cache_entry *e, const char *kind, struct err *why)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	err_format(why, &text);
	e->error_kind = kind;
	e->error = buf_steal(&text);
	return 0;
}

static char *copy_string(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? strdup(s) : NULL;
}

static bool get_hash(const json_t *o, const char *key, uint32_t *ret)
{
	const char *s = json_string_value(json_object_get(o, key));
	char *end;
	*ret = s ? (uint32_t)strtoul(s, &end, 16) : 0;
	return s && *s && !*end;
}

static int read_metadata(struct cache_entry *e, const json_t *meta)
{
	_cleanup_err_ struct err *why = NULL;
	const char *arch, *image, *type;
	if (json_get_string(meta, "arch", &arch, &why) < 0 || json_get_string(meta, "image_name", &image, &why) < 0 ||
	    json_get_string(json_object_get(meta, "source"), "type", &type, &why) < 0)
		return corrupt(e, "schema_drift", why);
	e->arch = strdup(arch);
	e->image_name = strdup(image);
	e->source = strdup(type);
	e->git_url = copy_string(json_object_get(meta, "source"), "url");
	e->git_ref = copy_string(json_object_get(meta, "source"), "ref");
	const char *builder = json_string_value(json_object_get(meta, "ktstr_version"));
	e->other_ktstr = !builder || strcmp(builder, KTSTR_VERSION);
	e->variant = json_is_true(json_object_get(meta, "variant"));
	e->version = copy_string(meta, "version");
	if (e->version && !kernel_version_is_good(e->version)) {
		FAIL(&why, ERR_DATA, -EBADMSG, "'version' in metadata.json is not a kernel version");
		return corrupt(e, "schema_drift", why);
	}
	e->built_at = copy_string(meta, "built_at");
	e->has_kconfig_hash = get_hash(meta, "ktstr_kconfig_hash", &e->kconfig_hash);
	get_hash(meta, "config_hash", &e->config_hash);
	e->has_vmlinux = json_is_true(json_object_get(meta, "has_vmlinux"));
	e->vmlinux_stripped = json_is_true(json_object_get(meta, "vmlinux_stripped"));
	e->has_schedulers = json_is_true(json_object_get(meta, "has_schedulers"));
	e->has_selftests = json_is_true(json_object_get(meta, "has_selftests"));
	e->objects = (uint64_t)json_integer_value(json_object_get(meta, "objects"));
	enum arch known;
	bool matches = arch_parse(arch, &known) && e->kconfig_hash == kconfig_lean_hash(known);
	e->status = !e->has_kconfig_hash ? KCONFIG_UNTRACKED : matches ? KCONFIG_MATCHES : KCONFIG_STALE;
	_cleanup_free_ char *path = strchr(image, '/') ? NULL : path_join(e->path, image);
	if (!path || !path_exists(path)) {
		FAIL(&why, ERR_DATA, -ENOENT, "the image '%s' is missing", image);
		return corrupt(e, "image_missing", why);
	}
	return 0;
}

static int read_entry(const char *root, const char *key, struct cache_entry *e)
{
	_cleanup_err_ struct err *why = NULL;
	json_auto_t *meta = NULL;
	*e = (struct cache_entry){ .key = strdup(key), .path = path_join(root, key) };
	_cleanup_free_ char *file = e->path ? path_join(e->path, "metadata.json") : NULL;
	if (!e->key || !file)
		return -ENOMEM;
	int r = json_read_file(file, &meta, &why);
	if (r < 0)
		return corrupt(e, r == -ENOENT ? "missing" : r == -EBADMSG ? "malformed" : "unreadable", why);
	if (!json_is_object(meta)) {
		FAIL(&why, ERR_DATA, -EBADMSG, "metadata.json is not a JSON object");
		return corrupt(e, "schema_drift", why);
	}
	return read_metadata(e, meta);
}

int cache_get(const struct cache *c, const char *key, struct cache_entry *ret)
{
	_cleanup_free_ char *path = path_join(c->root, key);
	if (!path || !path_is_dir(path))
		return -ENOENT;
	return read_entry(c->root, key, ret);
}

/* Entries of older ktstr versions have no record. The present content of such an entry is recorded as correct. */
static int check_file(const struct cache_entry *e, int dir, const char *name, struct err **err)
{
	int r = cachefile_check(dir, name, NULL);
	if (r != -EBADMSG) {
		if (r == -ENOENT)
			cachefile_record(dir, name);
		return 0;
	}
	FAIL(err, ERR_DATA, r, "cached kernel '%s' is damaged: %s does not match its checksum", e->key, name);
	if (err)
		err_hint(*err, "'ktstr kernel build --force' builds it again");
	return r;
}

int cache_check_entry(const struct cache_entry *e, struct err **err)
{
	_cleanup_close_ int dir = open(e->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return FAIL_SYS(err, -errno, "open cached kernel '%s'", e->key);
	int r = check_file(e, dir, e->image_name, err);
	return r == 0 && e->has_vmlinux ? check_file(e, dir, KERNEL_VMLINUX_NAME, err) : r;
}

static int newest_first(const void *a, const void *b)
{
	const struct cache_entry *x = a, *y = b;
	if (!x->error_kind != !y->error_kind)
		return x->error_kind ? 1 : -1;
	int c = strcmp(y->built_at ?: "", x->built_at ?: "");
	return c ? c : strcmp(x->key, y->key);
}

int cache_list(const struct cache *c, struct cache_entry **ret, size_t *ret_count, struct err **err)
{
	struct cache_entry *list = NULL;
	size_t count = 0;
	DIR *dir = opendir(c->root);
	if (!dir && errno != ENOENT)
		return FAIL_SYS(err, -errno, "read the cache '%s'", c->root);
	for (struct dirent *e; dir && count < CACHE_ENTRIES_MAX && (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		struct cache_entry *more = realloc(list, (count + 1) * sizeof(*list));
		if (!more || read_entry(c->root, e->d_name, &more[count]) < 0) {
			entries_free(more ? more : list, count);
			closedir(dir);
			return FAIL_SYS(err, -ENOMEM, "read the cache '%s'", c->root);
		}
		list = more;
		count++;
	}
	if (dir)
		closedir(dir);
	if (count)
		qsort(list, count, sizeof(*list), newest_first);
	*ret = list;
	*ret_count = count;
	return 0;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

const char *cache_work_source(const char *path)
{
	const char *work = strstr(path, "/" WORK_PREFIX), *tree = work ? strstr(work, "/" CACHE_WORK_TREE "/") : NULL;
	return tree ? tree + strlen("/" CACHE_WORK_TREE "/") : path;
}

/* The pid at the end of ".tmp-@name-PID", or of any work directory's name where @name is NULL; 0 for other names. */
static pid_t work_owner(const char *file, const char *name)
{
	const char *dash = strrchr(file, '-');
	size_t prefix = strlen(WORK_PREFIX), len = name ? strlen(name) : 0;
	if (strncmp(file, WORK_PREFIX, prefix) || !dash ||
	    (name && (dash != file + prefix + len || strncmp(file + prefix, name, len))))
		return 0;
	long pid = strtol(dash + 1, NULL, 10);
	return pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

/* Whether @path is a directory, not a symbolic link, that belongs to our user. */
static bool is_our_dir(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

static bool is_gone(pid_t pid)
{
	return kill(pid, 0) < 0 && errno == ESRCH;
}

static const char *const stage_words[] = {
	[WORK_EMPTY] = "",
	[WORK_FETCHED] = "fetched",
	[WORK_UNPACKED] = "unpacked",
	[WORK_BUILT] = "built",
};

static enum work_stage read_mark(const char *workdir)
{
	_cleanup_free_ char *path = path_join(workdir, "stage");
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (path && file_read(path, 64, &text, NULL) == 0)
		for (size_t i = WORK_FETCHED; i < ARRAY_SIZE(stage_words); i++)
			if (!strcmp(buf_str(&text), stage_words[i]))
				return (enum work_stage)i;
	return WORK_EMPTY;
}

int cache_work_mark(const char *workdir, enum work_stage stage, struct err **err)
{
	_cleanup_free_ char *path = path_join(workdir, "stage");
	return path ? file_write_atomic(path, stage_words[stage], strlen(stage_words[stage]), 0644, err) : -ENOMEM;
}

int cache_work_remove(const char *workdir, struct err **err)
{
	_cleanup_free_ char *mark = workdir ? path_join(workdir, "stage") : NULL;
	if (!workdir)
		return 0;
	if (!mark)
		return -ENOMEM;
	if (unlink(mark) < 0 && errno != ENOENT)
		return FAIL_SYS(err, -errno, "remove '%s'", mark);
	return remove_tree(workdir, err);
}

/*
 * Renames the work directory that a dead process left for @name, if there is one, to @path. That name has our pid, so
 * no other process sweeps it.
 */
static bool adopt(const struct cache *c, const char *name, const char *path)
{
	DIR *dir = opendir(c->root);
	bool done = false;
	for (struct dirent *e; dir && !done && (e = readdir(dir));) {
		pid_t pid = work_owner(e->d_name, name);
		_cleanup_free_ char *old = pid ? path_join(c->root, e->d_name) : NULL;
		done = old && is_gone(pid) && is_our_dir(old) && rename_durable(-1, AT_FDCWD, old, path, 0) == 0;
	}
	if (dir)
		closedir(dir);
	return done;
}

int cache_workdir(const struct cache *c, const char *name, char **ret, enum work_stage *ret_stage, struct err **err)
{
	_cleanup_free_ char *path = NULL;
	if (asprintf(&path, "%s/" WORK_PREFIX "%s-%d", c->root, name, getpid()) < 0)
		return -ENOMEM;
	int r = cache_work_remove(path, err);
	bool adopted = r == 0 && adopt(c, name, path);
	/* Do this before reading the mark: compilers that outlived their make may still be writing. */
	if (adopted)
		r = orphans_kill(path, err);
	*ret_stage = adopted && r == 0 ? read_mark(path) : WORK_EMPTY;
	if (r == 0 && *ret_stage == WORK_EMPTY)
		r = cache_work_remove(path, err);
	if (r == 0)
		r = mkdir_parents(path, 0755, err);
	if (r == 0)
		r = orphans_mark(path, err);
	if (r < 0)
		cache_work_remove(path, NULL);
	else
		*ret = TAKE_PTR(path);
	return r;
}

/* Records the checksums of the files that are booted (base/cachefile.h). */
static int record_files(int dir)
{
	const char *const files[] = { kernel_targets[ARCH_X86_64].image, kernel_targets[ARCH_AARCH64].image,
				      KERNEL_VMLINUX_NAME, KERNEL_LINES_NAME };
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(files) && (r == 0 || r == -ENOENT); i++)
		r = cachefile_record(dir, files[i]);
	return r == -ENOENT ? 0 : r;
}

int cache_publish(const struct cache *c, const char *key, const char *dir, struct err **err)
{
	_cleanup_free_ char *target = path_join(c->root, key);
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = !target ? -ENOMEM : fd < 0 ? -errno : record_files(fd);
	if (r == 0)
		r = rename_durable(fd, AT_FDCWD, dir, target, 0);
	if (r == -ENOTEMPTY || r == -EEXIST) {
		/*
		 * An older entry exists. Swap the two, so that an entry exists at every moment, then remove the old
		 * one.
		 */
		r = rename_durable(fd, AT_FDCWD, dir, target, RENAME_EXCHANGE);
		if (r == 0)
			remove_tree(dir, NULL);
	}
	return r < 0 ? FAIL_SYS(err, r, "store kernel '%s'", key) : 0;
}

static void name_holder(const char *dir, const char *path, char *holder, size_t size)
{
	_cleanup_buf_ struct buf who = BUF_NULL;
	if (!holder)
		return;
	lock_name_holders(dir, path + strlen(dir) + 1, &who);
	snprintf(holder, size, "%s", buf_str(&who));
}

int cache_lock(const struct cache *c, const char *name, int *ret_fd, char *holder, size_t size, struct err **err)
{
	_cleanup_free_ char *dir = path_join(c->root, ".locks");
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int root = -1, locks = -1;
	if (!dir || asprintf(&path, "%s/%s.lock", dir, name) < 0)
		return -ENOMEM;
	int r = dir_open(c->root, true, CACHE_VARIABLE, &root, err);
	if (r == 0)
		r = dir_open_below(root, ".locks", dir, CACHE_VARIABLE, &locks, err);
	if (r < 0)
		return r;
	_cleanup_close_ int fd = lock_file_open(locks, path_basename(path), 0644);
	if (fd < 0)
		return FAIL_SYS(err, fd, "open lock '%s'", path);
	r = lock_check_local(fd, c->root, "KTSTR_CACHE_DIR", c->magic, err);
	if (r < 0)
		return r;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return FAIL_SYS(err, -errno, "lock '%s'", path);
		name_holder(dir, path, holder, size);
		return -EBUSY;
	}
	futimens(fd, NULL); /* the time that 'ktstr locks' shows */
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Whether the entry that work directory @work was made for exists. */
static bool has_entry(const struct cache *c, const char *work)
{
	_cleanup_free_ char *name = strdup(work + strlen(WORK_PREFIX));
	char *dash = name ? strrchr(name, '-') : NULL;
	if (!dash)
		return false;
	*dash = '\0';
	_cleanup_free_ char *path = path_join(c->root, name);
	return path && path_is_dir(path);
}

void cache_sweep(const struct cache *c, bool all)
{
	DIR *dir = opendir(c->root);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		pid_t pid = work_owner(e->d_name, NULL);
		_cleanup_free_ char *path = pid ? path_join(c->root, e->d_name) : NULL;
		struct stat st;
		if (!path || !is_gone(pid) || !is_our_dir(path) || lstat(path, &st) < 0)
			continue;
		bool unwanted = all || has_entry(c, e->d_name) || st.st_mtime + WORK_KEPT_SEC < time(NULL);
		if (unwanted && orphans_kill(path, NULL) == 0)
			cache_work_remove(path, NULL);
	}
	if (dir)
		closedir(dir);
}

int cache_remove(const struct cache *c, const char *key, struct err **err)
{
	char holder[200];
	_cleanup_close_ int lock = -1;
	_cleanup_free_ char *path = path_join(c->root, key);
	int r = path ? cache_lock(c, key, &lock, holder, sizeof(holder), err) : -ENOMEM;
	if (r == -EBUSY)
		return FAIL(err, ERR_BUSY, -EBUSY, "kernel '%s' is in use by %s", key, holder);
	return r == 0 ? remove_tree(path, err) : r;
}
