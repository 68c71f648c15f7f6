/* SPDX-License-Identifier: GPL-2.0-only */
/* rundir.c -- see rundir.h. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/time.h"
#include "lock/scan.h"
#include "run/rundir.h"

#define LOCK_PATIENCE (30 * NSEC_PER_SEC)

void rundir_done(struct rundir *d)
{
	free(d->path);
	free(d->id);
	fd_close(d->lock_fd);
	*d = RUNDIR_NULL;
}

static int take_lock(struct rundir *d, const char *dir, const char *path, struct err **err)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	_cleanup_buf_ struct buf who = BUF_NULL;
	if (fd < 0)
		return FAIL_SYS(err, -errno, "open lock '%s'", path);
	nsec_t until = nsec_now() + LOCK_PATIENCE;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK || nsec_now() > until) {
			lock_name_holders(dir, path + strlen(dir) + 1, &who);
			return FAIL(err, EXIT_CONTENTION, -EBUSY,
				    "flock LOCK_EX on run-dir %s timed out after 30s (lockfile "
				    "%s, holders: %s); another ktstr test writes there: wait for it or end it",
				    d->path, path, buf_str(&who));
		}
		static const struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
		nanosleep(&pause, NULL);
	}
	futimens(fd, NULL);	/* since when: 'ktstr locks' */
	d->lock_fd = TAKE_FD(fd);
	return 0;
}

bool rundir_is_sidecar(const char *name)
{
	const char *mark = strstr(name, ".ktstr.");
	size_t len = strlen(name);
	return mark && len > 5 && !strcmp(name + len - 5, ".json");
}

static void clear_old(const char *path)
{
	DIR *dir = opendir(path);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		_cleanup_free_ char *file = rundir_is_sidecar(e->d_name) ? path_join(path, e->d_name) : NULL;
		if (file)
			unlink(file);
	}
	if (dir)
		closedir(dir);
}

char *rundir_root(void)
{
	const char *root = environment_get(ENV_RUNS_ROOT), *target = environment_get(ENV_CARGO_TARGET_DIR);
	return root ? strdup(root) : path_join(target ? target : "target", "ktstr");
}

int rundir_open(const char *kernel_version, const char *commit, struct rundir *ret, struct err **err)
{
	const char *said = environment_get(ENV_SIDECAR_DIR);
	struct rundir d = RUNDIR_NULL;
	int r;
	snprintf(d.commit, sizeof(d.commit), "%s", commit);
	if (said) {
		d.path = strdup(said);
		d.id = strdup(path_basename(said));
		r = d.path && d.id ? mkdir_parents(d.path, 0755, err) : -ENOMEM;
	} else {
		_cleanup_free_ char *root = rundir_root();
		_cleanup_free_ char *locks = root ? path_join(root, ".locks") : NULL;
		_cleanup_free_ char *lock = NULL;
		if (!root || asprintf(&d.id, "%s-%s", kernel_version, d.commit) < 0)
			return -ENOMEM;
		d.path = path_join(root, d.id);
		if (!locks || !d.path || asprintf(&lock, "%s/%s.lock", locks, d.id) < 0)
			return -ENOMEM;
		r = mkdir_parents(d.path, 0755, err);
		if (r == 0)
			r = mkdir_parents(locks, 0755, err);
		if (r == 0)
			r = take_lock(&d, locks, lock, err);
		if (r == 0)
			clear_old(d.path);
	}
	if (r < 0) {
		rundir_done(&d);
		return r;
	}
	*ret = d;
	return 0;
}
