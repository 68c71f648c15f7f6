/* SPDX-License-Identifier: GPL-2.0-only */
/* flock.c -- see flock.h. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/dir.h"
#include "base/environment.h"
#include "lock/flock.h"

#define REPLACED_RETRIES_MAX 16

const char *lock_dir_path(void)
{
	const char *said = environment_get(ENV_LOCK_DIR);
	return said ? said : LOCK_DIR_USUAL;
}

void lock_dir_done(struct lock_dir *d)
{
	free(d->path);
	fd_close(d->fd);
	*d = LOCK_DIR_NULL;
}

const char *lock_name_llc(unsigned llc, char out[LOCK_NAME_MAX])
{
	snprintf(out, LOCK_NAME_MAX, "ktstr-llc-%u.lock", llc);
	return out;
}

const char *lock_name_cpu(unsigned cpu, char out[LOCK_NAME_MAX])
{
	snprintf(out, LOCK_NAME_MAX, "ktstr-cpu-%u.lock", cpu);
	return out;
}

/* --- one file ----------------------------------------------------------------------------------------------------- */

/* Other processes would not see a lock on a file that was removed meanwhile. */
static bool still_there(const struct lock_dir *d, const char *name, int fd)
{
	struct stat mine, there;
	return fstat(fd, &mine) == 0 && fstatat(d->fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

static int explain_open_failure(const struct lock_dir *d, const char *name, int code, struct err **err)
{
	struct stat st = { 0 };
	bool there = fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (there && !S_ISREG(st.st_mode))
		FAIL(err, ERR_DATA, code, "lock file '%s/%s' is not a regular file; it belongs to user %u", d->path,
		     name, st.st_uid);
	else if (there && code == -EACCES)
		FAIL(err, ERR_BUSY, code,
		     "cannot open lock file '%s/%s': it belongs to user %u and has mode "
		     "%04o",
		     d->path, name, st.st_uid, st.st_mode & 07777);
	else
		FAIL_SYS(err, code, "open lock file '%s/%s'", d->path, name);
	if (err && there)
		err_hint(*err, "let its owner or root make it readable (chmod 0666) or remove it, or set "
			       "KTSTR_LOCK_DIR for all users of this host");
	return code;
}

/* Every user of the host may open it. */
static int open_lock(const struct lock_dir *d, const char *name, int *ret_fd, struct err **err)
{
	int fd = lock_file_open(d->fd, name, 0666);
	if (fd < 0)
		return explain_open_failure(d, name, fd, err);
	*ret_fd = fd;
	return 0;
}

static bool is_lock_name(const char *name)
{
	size_t len = strlen(name);
	return !strcmp(name, RELEASE_EVENT_FILE) ||
	       ((!strncmp(name, "ktstr-cpu-", 10) || !strncmp(name, "ktstr-llc-", 10)) && len > 15 &&
		!strcmp(name + len - 5, ".lock"));
}

/* Fails early: with a file that cannot be opened, every test that needs its CPU would be inconclusive. */
static int check_lock_files(const struct lock_dir *d, struct err **err)
{
	int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		/* Locks work without permission to list the directory. */
		fd_close(fd);
		return 0;
	}
	for (struct dirent *e; r == 0 && (e = readdir(dir));) {
		if (!is_lock_name(e->d_name))
			continue;
		int file = -1;
		r = open_lock(d, e->d_name, &file, err);
		fd_close(file);
	}
	closedir(dir);
	return r;
}

int lock_dir_open(const char *path, fs_magic_fn *magic, struct lock_dir *ret, struct err **err)
{
	_cleanup_(lock_dir_done) struct lock_dir d = LOCK_DIR_NULL;
	int r = dir_open(path, false, "KTSTR_LOCK_DIR", &d.fd, err);
	if (r < 0) {
		if (err && *err && r != -EPERM)
			err_hint(*err, "create it, or set KTSTR_LOCK_DIR");
		return err_wrap(err, r, "lock directory");
	}
	r = lock_check_local(d.fd, path, "KTSTR_LOCK_DIR", magic, err);
	if (r < 0)
		return r;
	d.path = strdup(path);
	if (!d.path)
		return -ENOMEM;
	r = check_lock_files(&d, err);
	if (r < 0)
		return r;
	*ret = d;
	d = LOCK_DIR_NULL;
	return 0;
}

int lock_take(const struct lock_dir *d, const char *name, enum lock_mode mode, int *ret_fd, struct err **err)
{
	for (unsigned i = 0; i < REPLACED_RETRIES_MAX; i++) {
		_cleanup_close_ int fd = -1;
		int r = open_lock(d, name, &fd, err);
		if (r < 0)
			return r;
		while ((r = flock(fd, (mode == LOCK_MODE_EXCLUSIVE ? LOCK_EX : LOCK_SH) | LOCK_NB)) < 0 &&
		       errno == EINTR)
			;
		if (r < 0)
			return errno == EWOULDBLOCK ? -EBUSY : FAIL_SYS(err, -errno, "lock '%s/%s'", d->path, name);
		if (!still_there(d, name, fd))
			continue;
		futimens(fd, NULL); /* the date that `ktstr locks` shows */
		*ret_fd = TAKE_FD(fd);
		return 0;
	}
	return FAIL(
		err, ERR_BUSY, -ESTALE,
		"lock file '%s/%s' was removed %d times while it was being locked; stop the program that removes it",
		d->path, name, REPLACED_RETRIES_MAX);
}

/* --- the release event -------------------------------------------------------------------------------------------- */

void release_event_renew(const struct lock_dir *d, int inotify)
{
	char path[4352];
	snprintf(path, sizeof(path), "%s/" RELEASE_EVENT_FILE, d->path);
	inotify_add_watch(inotify, path, IN_CLOSE | IN_ATTRIB | IN_MOVE_SELF);
}

int release_event_watch(const struct lock_dir *d, int *ret_inotify, struct err **err)
{
	_cleanup_close_ int release_event = -1;
	int r = open_lock(d, RELEASE_EVENT_FILE, &release_event, err);
	if (r < 0) {
		if (err && *err)
			err_hint(*err, "make it writable, or set KTSTR_LOCK_DIR");
		return r;
	}
	_cleanup_close_ int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (inotify < 0)
		return FAIL_SYS(err, -errno, "watch '%s/" RELEASE_EVENT_FILE "'", d->path);
	release_event = fd_close(release_event); /* before the watch, which would report it */
	release_event_renew(d, inotify);
	*ret_inotify = TAKE_FD(inotify);
	return 0;
}

/* --- the locks of a plan ------------------------------------------------------------------------------------------ */

void lock_set_release(struct lock_set *s)
{
	for (unsigned i = 0; i < s->count; i++)
		fd_close(s->fd[i]);
	free(s->fd);
	fd_close(s->release_event);
	*s = LOCK_SET_NULL;
}

static int add_lock(struct lock_set *s, const struct lock_dir *d, const char *name, enum lock_mode mode,
		    char *ret_taken, struct err **err)
{
	int r = lock_take(d, name, mode, &s->fd[s->count], err);
	if (r == 0)
		s->count++;
	else if (r == -EBUSY)
		snprintf(ret_taken, LOCK_NAME_MAX, "%s", name);
	return r;
}

static int add_all_locks(struct lock_set *s, const struct lock_dir *d, const struct cpu_plan *plan, char *ret_taken,
			 struct err **err)
{
	char name[LOCK_NAME_MAX];
	set_for_each(llc, &plan->llcs) {
		bool alone = plan->llcs_exclusive && !cpuset_has(&plan->shared_llcs, llc);
		int r = add_lock(s, d, lock_name_llc(llc, name), alone ? LOCK_MODE_EXCLUSIVE : LOCK_MODE_SHARED,
				 ret_taken, err);
		if (r < 0)
			return r;
	}
	set_for_each(cpu, &plan->cpu_locks) {
		int r = add_lock(s, d, lock_name_cpu(cpu, name), LOCK_MODE_EXCLUSIVE, ret_taken, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int lock_set_take(const struct lock_dir *d, const struct cpu_plan *plan, struct lock_set *ret,
		  char ret_taken[LOCK_NAME_MAX], struct err **err)
{
	struct lock_set s = LOCK_SET_NULL;
	s.fd = calloc(cpuset_count(&plan->llcs) + cpuset_count(&plan->cpu_locks) + 1, sizeof(*s.fd));
	if (!s.fd)
		return -ENOMEM;
	int r = open_lock(d, RELEASE_EVENT_FILE, &s.release_event, err);
	if (r == 0)
		r = add_all_locks(&s, d, plan, ret_taken, err);
	if (r < 0) {
		/* This causes a release event: a shared lock taken here may have made another process fail. */
		lock_set_release(&s);
		return r;
	}
	*ret = s;
	return 0;
}
