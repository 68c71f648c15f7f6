/* SPDX-License-Identifier: GPL-2.0-only */
/* flock.c -- see flock.h. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/environment.h"
#include "lock/flock.h"

#define REPLACED_RETRIES_MAX 16

const char *lock_dir_path(void)
{
	const char *said = environment_get(ENV_LOCK_DIR);
	return said ? said : LOCK_DIR_USUAL;
}

int lock_dir_open(const char *path, fs_magic_fn *magic, struct lock_dir *ret, struct err **err)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_wrap(err, FAIL_SYS(err, -errno, "lock directory '%s'", path),
				"create it, or set KTSTR_LOCK_DIR");
	int r = lock_check_local(fd, path, "KTSTR_LOCK_DIR", magic, err);
	if (r < 0)
		return r;
	char *copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	*ret = (struct lock_dir){ .path = copy, .fd = TAKE_FD(fd) };
	return 0;
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

/*
 * In a sticky directory the kernel may forbid O_CREAT on a file of another user's (fs.protected_regular), so what is
 * there is opened without. Not through links, and never stuck on a FIFO that someone put there.
 */
static int open_or_create(const struct lock_dir *d, const char *name)
{
	const int common = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	for (unsigned i = 0; i < REPLACED_RETRIES_MAX; i++) {
		int fd = openat(d->fd, name, common);
		if (fd >= 0 || errno != ENOENT)
			return fd >= 0 ? fd : -errno;
		fd = openat(d->fd, name, common | O_CREAT | O_EXCL, 0666);
		if (fd >= 0) {
			/* For every user of the host, whatever our umask. */
			fchmod(fd, 0666);
			return fd;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/* A lock on a file that was removed in between would be one that nobody else meets. */
static bool still_there(const struct lock_dir *d, const char *name, int fd)
{
	struct stat mine, there;
	return fstat(fd, &mine) == 0 && fstatat(d->fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

static int open_lock(const struct lock_dir *d, const char *name, int *ret_fd, struct err **err)
{
	struct stat st;
	_cleanup_close_ int fd = open_or_create(d, name);
	if (fd < 0)
		return FAIL_SYS(err, fd, "open lock file '%s/%s'", d->path, name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return FAIL(err, EXIT_BAD_DATA, -EBADF, "lock file '%s/%s' is no regular file; remove it", d->path,
			    name);
	*ret_fd = TAKE_FD(fd);
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
		futimens(fd, NULL);	/* since when; only for people to read */
		*ret_fd = TAKE_FD(fd);
		return 0;
	}
	return FAIL(err, EXIT_CONTENTION, -ESTALE, "lock file '%s/%s' is removed again and again by someone", d->path,
		    name);
}

/* --- the bell ----------------------------------------------------------------------------------------------------- */

void lock_bell_renew(const struct lock_dir *d, int inotify)
{
	char path[4352];
	snprintf(path, sizeof(path), "%s/" LOCK_BELL, d->path);
	inotify_add_watch(inotify, path, IN_CLOSE | IN_ATTRIB | IN_MOVE_SELF);
}

int lock_bell_watch(const struct lock_dir *d, int *ret_inotify, struct err **err)
{
	_cleanup_close_ int bell = -1;
	int r = open_lock(d, LOCK_BELL, &bell, err);
	if (r < 0) {
		if (err && *err)
			err_hint(*err, "make it writable, or set KTSTR_LOCK_DIR");
		return r;
	}
	_cleanup_close_ int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (inotify < 0)
		return FAIL_SYS(err, -errno, "watch '%s/" LOCK_BELL "'", d->path);
	bell = fd_close(bell);	/* which is not news */
	lock_bell_renew(d, inotify);
	*ret_inotify = TAKE_FD(inotify);
	return 0;
}

/* --- the locks of a plan ------------------------------------------------------------------------------------------ */

void lock_set_release(struct lock_set *s)
{
	for (unsigned i = 0; i < s->count; i++)
		fd_close(s->fd[i]);
	free(s->fd);
	fd_close(s->bell);
	*s = LOCK_SET_NULL;
}

static int add(struct lock_set *s, const struct lock_dir *d, const char *name, enum lock_mode mode, char *ret_taken,
	       struct err **err)
{
	int r = lock_take(d, name, mode, &s->fd[s->count], err);
	if (r == 0)
		s->count++;
	else if (r == -EBUSY)
		snprintf(ret_taken, LOCK_NAME_MAX, "%s", name);
	return r;
}

static int take_all(struct lock_set *s, const struct lock_dir *d, const struct cpu_plan *plan, char *ret_taken,
		    struct err **err)
{
	char name[LOCK_NAME_MAX];
	set_for_each(llc, &plan->llcs) {
		bool alone = plan->llcs_exclusive && !cpuset_has(&plan->shared_llcs, llc);
		int r = add(s, d, lock_name_llc(llc, name), alone ? LOCK_MODE_EXCLUSIVE : LOCK_MODE_SHARED, ret_taken,
			    err);
		if (r < 0)
			return r;
	}
	set_for_each(cpu, &plan->cpu_locks) {
		int r = add(s, d, lock_name_cpu(cpu, name), LOCK_MODE_EXCLUSIVE, ret_taken, err);
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
	int r = open_lock(d, LOCK_BELL, &s.bell, err);
	if (r == 0)
		r = take_all(&s, d, plan, ret_taken, err);
	if (r < 0) {
		/* Nothing was had that anyone could have missed, but a shared lock may have stood in someone's way. */
		lock_set_release(&s);
		return r;
	}
	*ret = s;
	return 0;
}
