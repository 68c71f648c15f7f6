/* SPDX-License-Identifier: GPL-2.0-only */
/* mould.c -- see mould.h. Handlers stand in the order in which they run. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/bug.h"
#include "base/file.h"
#include "base/kept.h"
#include "base/hash.h"
#include "image/image.h"
#include "run/mould.h"
#include "topo/topology.h"

#define MOULD_LAYOUT  "2"	/* part of a snapshot's name: what its name is made of, and what is in it */
#define MOULD_SUFFIX  ".snapshot"
#define WAIT_PERIOD   (100 * NSEC_PER_MSEC)
#define LOOK_DEADLINE NSEC_PER_MIN
#define SAVE_DEADLINE (2 * NSEC_PER_MIN)

enum { MOULD_LOOK, MOULD_FOUND, MOULD_BOOT, MOULD_END, MOULD_SAVED, MOULD_COUNT };

static struct mould *mould_of(struct machine *m)
{
	return container_of(m, struct mould, machine);
}

/* --- LOOK, on the offload pool: is it there? else its lock, and what it will be booted with ----------------------- */

static int hash_fd(struct siphash *h, int fd)
{
	char chunk[16384];
	off_t at = 0;
	for (ssize_t n; (n = pread(fd, chunk, sizeof(chunk), at)) != 0; at += n) {
		if (n < 0)
			return -errno;
		siphash_update(h, chunk, (size_t)n);
	}
	return 0;
}

static int name_it(struct mould *m)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	const struct image_base_spec base = { .part = IMAGE_COMMON, .test = m->test, .cache_dir = m->image_cache };
	struct siphash h;
	siphash_init(&h);
	siphash_string(&h, MOULD_LAYOUT);
	siphash_string(&h, m->backend->name);
	int r = m->backend->describe(&m->config, &text, &m->err);
	if (r == 0)
		r = image_base(&base, &m->initrd_fd, &m->err);
	if (r < 0)
		return r;
	r = file_identify(m->kernel, &text);
	if (r == 0)
		r = hash_fd(&h, m->initrd_fd);
	if (r < 0)
		return FAIL_SYS(&m->err, r, "look at kernel and initramfs");
	siphash_update(&h, text.data, text.len);
	if (text.failed || asprintf(&m->path, "%s/%016lx" MOULD_SUFFIX, m->cache_dir, siphash_final(&h)) < 0)
		return -ENOMEM;
	return 0;
}

/* -ENOENT: there is none, or none that is any good. One that is used is marked so by its times. */
static int open_it(struct mould *m)
{
	_cleanup_close_ int fd = open(m->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	kept_use(fd);
	int r = snapshot_read(fd, &m->snapshot, NULL);
	return r == -EBADMSG ? -ENOENT : r;
}

/* The lock file is never removed: two could hold it then, each its own. */
static int lock_it(struct mould *m)
{
	_cleanup_free_ char *path = NULL;
	if (asprintf(&path, "%s.lock", m->path) < 0)
		return -ENOMEM;
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return FAIL_SYS(&m->err, -errno, "open '%s'", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : FAIL_SYS(&m->err, -errno, "lock '%s'", path);
	m->lock_fd = TAKE_FD(fd);
	return 0;
}

/* 0: it is there; 1: it is ours to make; -EBUSY: somebody makes it. */
static int look(void *arg)
{
	struct mould *m = arg;
	int r = m->path ? 0 : mkdir_parents(m->cache_dir, 0755, &m->err);
	if (r == 0 && !m->path)
		r = name_it(m);
	if (r < 0)
		return r;
	r = open_it(m);
	if (r != -ENOENT)
		return r;
	r = lock_it(m);
	if (r < 0)
		return r;
	/* Its maker may have finished between our look and our lock. */
	r = open_it(m);
	return r == -ENOENT ? 1 : r;
}

static int mould_look(struct machine *machine, int result)
{
	struct mould *m = mould_of(machine);
	(void)result;
	machine_offload(machine, &m->job, look, m);
	return MOULD_FOUND;
}

/* --- BOOT: up to the park point, where it saves itself ------------------------------------------------------------ */

static int boot(struct mould *m)
{
	struct vm_config config = m->config;
	config.park = true;
	config.clone = NULL;
	config.initrd_fd = m->initrd_fd;
	m->config = config;
	m->vm = m->backend->create();
	if (!m->vm)
		return -ENOMEM;
	int r = m->backend->start(m->vm, m->machine.reactor, &m->config, &m->machine, &m->err);
	if (r < 0) {
		m->backend->destroy(m->vm);
		m->vm = NULL;
	}
	return r;
}

static int mould_found(struct machine *machine, int result)
{
	struct mould *m = mould_of(machine);
	if (result == -EBUSY) {
		machine_sleep(machine, WAIT_PERIOD);
		return MOULD_LOOK;
	}
	if (result <= 0)
		return result < 0 ? result : MACHINE_END;
	int r = boot(m);
	return r < 0 ? r : MOULD_BOOT;
}

static int save(void *arg)
{
	struct mould *m = arg;
	_cleanup_free_ char *fresh = NULL;
	if (asprintf(&fresh, "%s.new", m->path) < 0)
		return -ENOMEM;
	/* Ours by the lock: what a killed run left of it is written over. */
	_cleanup_close_ int fd = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return FAIL_SYS(&m->err, -errno, "write '%s'", fresh);
	int r = m->backend->save(m->vm, fd, &m->err);
	if (r == 0)
		r = snapshot_read(fd, &m->snapshot, &m->err);
	/* Not synced: what a power cut leaves of it is found out by its checksum, and made anew. */
	if (r == 0 && rename(fresh, m->path) < 0)
		r = FAIL_SYS(&m->err, -errno, "write '%s'", m->path);
	if (r < 0)
		unlink(fresh);
	else
		kept_trim(m->cache_dir, MOULD_SUFFIX, MOULDS_MAX);
	return r;
}

/* Waits for its end; a guest that never parks is ended by the state's deadline. */
static int mould_boot(struct machine *machine, int result)
{
	struct mould *m = mould_of(machine);
	(void)result;
	if (!m->vm->ended) {
		machine_wait_notice(machine, &m->vm->changed);
		return MOULD_BOOT;
	}
	if (m->vm->end != VM_END_PARKED)
		return FAIL(&m->err, EXIT_NO_BACKEND, -EIO, "the guest did not come to where it could be saved");
	machine_offload(machine, &m->job, save, m);
	return MOULD_SAVED;
}

static int mould_saved(struct machine *machine, int result)
{
	mould_of(machine)->made = result == 0;
	return result < 0 ? result : MACHINE_END;
}

/* Late, cancelled, or the machine could not be saved: it ends before we do. */
static int mould_end(struct machine *machine, int result)
{
	struct mould *m = mould_of(machine);
	(void)result;
	if (m->vm->ended)
		return MACHINE_END;
	if (!m->killed)
		m->backend->kill(m->vm, false);
	m->killed = true;
	machine_wait_notice(machine, &m->vm->changed);
	return MOULD_END;
}

static const struct machine_state states[MOULD_COUNT] = {
	[MOULD_LOOK] = { "look", mould_look, LOOK_DEADLINE, 0, TO(MOULD_FOUND) },
	[MOULD_FOUND] = { "found", mould_found, DEADLINE_NONE, 0, TO(MOULD_LOOK) | TO(MOULD_BOOT) | TO_END },
	[MOULD_BOOT] = { "boot", mould_boot, DEADLINE_NONE, MOULD_END, TO(MOULD_SAVED) | TO(MOULD_END) },
	[MOULD_END] = { "end", mould_end, DEADLINE_NONE, 0, TO_END },
	[MOULD_SAVED] = { "saved", mould_saved, SAVE_DEADLINE, 0, TO_END },
};

static void ended(struct machine *machine, int result)
{
	struct mould *m = mould_of(machine);
	(void)result;
	if (m->vm)
		m->backend->destroy(m->vm);
	m->vm = NULL;
	m->lock_fd = fd_close(m->lock_fd);
	m->initrd_fd = fd_close(m->initrd_fd);
}

static const struct machine_type mould_type = { "mould", states, MOULD_COUNT, ended };

void mould_start(struct reactor *r, struct mould *m, struct machine *parent)
{
	m->snapshot = SNAPSHOT_NULL;
	m->lock_fd = m->initrd_fd = -1;
	machine_start(r, &m->machine, &mould_type, parent, "mould");
}

void mould_done(struct mould *m)
{
	REQUIRE(!m->vm);
	snapshot_done(&m->snapshot);
	m->err = err_free(m->err);
	free(m->path);
	m->path = NULL;
}
