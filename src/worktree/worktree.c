/* SPDX-License-Identifier: GPL-2.0-only */
/* worktree.c -- see worktree.h. */
#include "worktree/worktree.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "base/dir.h"
#include "base/file.h"
#include "base/hash.h"
#include "kernel/cache.h"
#include "kernel/git.h"
#include "lock/local.h"
#include "worktree/program.h"

#define CHECKOUTS	  "checkouts" /* in the cache */
#define WORKTREE_PREFIX	  "ktstr-"
#define LOCK_ENDING	  ".lock"
#define REPOSITORY_DIGITS 8

void worktree_set_label(struct worktree_spec *spec, bool dirty)
{
	snprintf(spec->label, sizeof(spec->label), "%.*s%s", GIT_SHORT_DIGITS, spec->commit, dirty ? "-dirty" : "");
}

/* --- places ------------------------------------------------------------------------------------------------------- */

/* All check-outs of a repository begin with this, so that those of others are left alone. */
static void repository_prefix(const struct project *p, char out[REPOSITORY_DIGITS + 2])
{
	struct siphash h;
	siphash_init(&h);
	siphash_string(&h, project_common(p));
	snprintf(out, REPOSITORY_DIGITS + 2, "%0*x-", REPOSITORY_DIGITS, (unsigned)siphash_final(&h));
}

static int open_root(char **ret, int *ret_fd, struct err **err)
{
	*ret = cache_sibling(CHECKOUTS);
	return *ret ? dir_open(*ret, true, "KTSTR_CACHE_DIR", ret_fd, err) : -ENOMEM;
}

/* -EBUSY, without an error object: another process has it. */
static int take_lock(int root, const char *name, int *ret_fd, struct err **err)
{
	_cleanup_close_ int fd = lock_file_open(root, name, 0644);
	if (fd < 0)
		return FAIL_SYS(err, fd, "open the lock '%s'", name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : FAIL_SYS(err, -errno, "lock '%s'", name);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* --- leftovers ---------------------------------------------------------------------------------------------------- */

/* Removes the check-out of a process that was killed. @lock: its name in @root. */
static void heal(worktree_say_fn *say, const struct project *p, int root, const char *path, const char *lock)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *stem = strndup(lock, strlen(lock) - strlen(LOCK_ENDING));
	_cleanup_free_ char *checkout = stem ? path_join(path, stem) : NULL;
	char name[128];
	if (!checkout || take_lock(root, lock, &fd, NULL) < 0)
		return;
	snprintf(name, sizeof(name), WORKTREE_PREFIX "%s", stem + REPOSITORY_DIGITS + 1);
	if (path_exists(checkout))
		say("note: removing the check-out '%s', which an earlier command left behind\n", checkout);
	if (project_remove(p, name, checkout, NULL) == 0)
		unlinkat(root, lock, 0);
}

/* Check-outs of a repository that no longer exists can be healed by nobody else. */
static bool is_abandoned(const char *path, const char *lock)
{
	_cleanup_free_ char *file = path_join(path, lock);
	_cleanup_buf_ struct buf repository = BUF_NULL;
	return file && file_read(file, 4096, &repository, NULL) == 0 && repository.len &&
	       !path_exists(buf_str(&repository));
}

static void heal_all(worktree_say_fn *say, const struct project *p, int root, const char *path)
{
	char prefix[REPOSITORY_DIGITS + 2];
	DIR *d = opendir(path);
	repository_prefix(p, prefix);
	for (struct dirent *e; d && (e = readdir(d));) {
		size_t len = strlen(e->d_name), end = strlen(LOCK_ENDING);
		if (len <= strlen(prefix) + end || strcmp(e->d_name + len - end, LOCK_ENDING) != 0)
			continue;
		if (!strncmp(e->d_name, prefix, strlen(prefix)) || is_abandoned(path, e->d_name))
			heal(say, p, root, path, e->d_name);
	}
	if (d)
		closedir(d);
}

/* --- one check-out ------------------------------------------------------------------------------------------------ */

void worktree_done(const struct project *p, struct worktree *c)
{
	_cleanup_free_ char *lock = NULL;
	if (c->lock_fd >= 0) {
		project_remove(p, c->name, c->path, NULL);
		if (asprintf(&lock, "%s" LOCK_ENDING, c->path) > 0)
			unlink(lock);
	}
	fd_close(c->lock_fd);
	free(c->path);
	free(c->directory);
	free(c->name);
	*c = WORKTREE_NULL;
}

/* The directory in the check-out that is at the place of the working directory. */
static char *directory_in(const struct project *p, const char *path)
{
	_cleanup_free_ char *here = realpath(".", NULL), *top = realpath(project_top(p), NULL);
	size_t len = top ? strlen(top) : 0;
	if (!here || !top)
		return NULL;
	return !strncmp(here, top, len) && here[len] == '/' ? path_join(path, here + len + 1) : strdup(path);
}

static int name_checkout(const struct project *p, const struct worktree_spec *spec, const char *root,
			 struct worktree *ret)
{
	_cleanup_free_ char *leaf = NULL;
	char prefix[REPOSITORY_DIGITS + 2];
	repository_prefix(p, prefix);
	if (asprintf(&leaf, "%s%s-%.*s", prefix, spec->word, GIT_SHORT_DIGITS, spec->commit) < 0)
		return -ENOMEM;
	ret->path = path_join(root, leaf);
	if (asprintf(&ret->name, WORKTREE_PREFIX "%s", leaf + strlen(prefix)) < 0)
		ret->name = NULL;
	ret->directory = ret->path ? directory_in(p, ret->path) : NULL;
	return ret->name && ret->directory ? 0 : -ENOMEM;
}

/* The lock file says whose check-out it is. */
static int lock_checkout(const struct project *p, int root, struct worktree *c, struct err **err)
{
	_cleanup_free_ char *lock = NULL;
	if (asprintf(&lock, "%s" LOCK_ENDING, c->path) < 0)
		return -ENOMEM;
	int r = take_lock(root, path_basename(lock), &c->lock_fd, err);
	if (r == 0)
		file_write(lock, project_common(p));
	if (r != -EBUSY)
		return r;
	return FAIL(err, ERR_BUSY, r, "another ktstr process uses the check-out '%s'; wait for it to end", c->path);
}

int worktree_make(const struct project *p, const struct worktree_spec *spec, worktree_say_fn *say, struct worktree *ret,
		  struct err **err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int root = -1;
	*ret = WORKTREE_NULL;
	int r = open_root(&path, &root, err);
	if (r < 0)
		return r;
	heal_all(say, p, root, path);
	r = name_checkout(p, spec, path, ret);
	if (r == 0)
		r = lock_checkout(p, root, ret, err);
	if (r == 0)
		r = project_remove(p, ret->name, ret->path, err);
	if (r == 0)
		r = project_add(p, ret->name, ret->path, spec->commit, spec->tree, err);
	if (r == 0 && !path_is_dir(ret->directory))
		r = FAIL(err, ERR_USAGE, -ENOENT, "%s (%s) does not have the directory '%s'; start in another one",
			 spec->phrase, spec->label, ret->directory + strlen(ret->path) + 1);
	if (r < 0)
		worktree_done(p, ret);
	return r;
}

/* --- builds ------------------------------------------------------------------------------------------------------- */

/* The first one whose file is there counts. */
static const struct {
	const char *file, *command;
} builders[] = {
	{ "meson.build", "meson setup build && ninja -C build" },
	{ "Makefile", "make -j\"$(nproc)\"" },
	{ "GNUmakefile", "make -j\"$(nproc)\"" },
	{ "CMakeLists.txt", "cmake -S . -B build && cmake --build build --parallel" },
	{ "Cargo.toml", "cargo build" },
};

static const char *find_builder(const char *directory)
{
	for (size_t i = 0; i < ARRAY_SIZE(builders); i++) {
		_cleanup_free_ char *file = path_join(directory, builders[i].file);
		if (file && path_exists(file))
			return builders[i].command;
	}
	return NULL;
}

static int fail_build(const struct worktree_spec *spec, const char *command, int status, const char *log,
		      struct err **err)
{
	return FAIL(err, ERR_DATA, -EIO, "build %s (%s): '%s' ended with status %d; its output is in '%s'",
		    spec->phrase, spec->label, command, status, log);
}

int worktree_build(const struct worktree *w, const struct worktree_spec *spec, const char *command,
		   worktree_say_fn *say, struct err **err)
{
	_cleanup_free_ char *log = NULL;
	const char *where = w->directory;
	if (!command)
		command = find_builder(where);
	if (!command)
		command = find_builder(where = w->path);
	if (!command)
		return FAIL(err, ERR_USAGE, -ENOENT,
			    "how is this project built? It has no meson.build, Makefile, CMakeLists.txt or "
			    "Cargo.toml; give the command with --build");
	const char *const argv[] = { "sh", "-c", command, NULL };
	const struct program build = { .what = "build", .argv = argv, .cwd = where };
	struct program logged = build;
	int status = 0;
	if (asprintf(&log, "%s.build.log", w->path) < 0)
		return -ENOMEM;
	logged.log = log;
	say("building %s (%s): %s\n", spec->phrase, spec->label, command);
	int r = program_run(&logged, &status, err);
	if (r < 0)
		return err_wrap(err, r, "build %s (%s)", spec->phrase, spec->label);
	if (status)
		return fail_build(spec, command, status, log, err);
	unlink(log);
	return 0;
}
