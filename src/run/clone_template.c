/* SPDX-License-Identifier: GPL-2.0-only */
/* clone_template.c -- see clone_template.h. State handlers are in the order in which they run. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/bug.h"
#include "base/dir.h"
#include "base/file.h"
#include "base/hash.h"
#include "image/image.h"
#include "lock/local.h"
#include "run/clone_template.h"
#include "topo/topology.h"

#define CLONE_TEMPLATE_LAYOUT "2" /* part of a snapshot's name; changes with the format of names or snapshots */
#define CLONE_TEMPLATE_SUFFIX ".snapshot"
#define WAIT_PERIOD	      (100 * NSEC_PER_MSEC)
#define LOOK_DEADLINE	      NSEC_PER_MIN
#define SAVE_DEADLINE	      (2 * NSEC_PER_MIN)

enum {
	CLONE_TEMPLATE_LOOK,
	CLONE_TEMPLATE_DECIDE,
	CLONE_TEMPLATE_BOOT,
	CLONE_TEMPLATE_SAVE,
	CLONE_TEMPLATE_FINISH,
	CLONE_TEMPLATE_END,
	CLONE_TEMPLATE_COUNT
};

static struct clone_template *clone_template_of(struct machine *m)
{
	return container_of(m, struct clone_template, machine);
}

/* --- LOOK, on the offload pool: opens the snapshot, or takes its lock --------------------------------------------- */

static struct cachefile_use use_of(struct clone_template *m)
{
	return (struct cachefile_use){ .cancel = &m->job.cancelled, .damaged = m->damaged };
}

static int hash_fd(struct siphash *h, int fd, const atomic_bool *cancel)
{
	char chunk[16384];
	off_t at = 0;
	for (ssize_t n; (n = pread(fd, chunk, sizeof(chunk), at)) != 0; at += n) {
		if (is_cancelled(cancel))
			return -ECANCELED;
		if (n < 0)
			return -errno;
		siphash_update(h, chunk, (size_t)n);
	}
	return 0;
}

static int name_it(struct clone_template *m)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	const struct cachefile_use use = use_of(m);
	const struct image_base_spec base = {
		.arch = m->config.arch, .part = IMAGE_COMMON, .test = m->test, .cache_dir = m->image_cache, .use = &use
	};
	struct siphash h;
	siphash_init(&h);
	siphash_string(&h, CLONE_TEMPLATE_LAYOUT);
	siphash_string(&h, m->backend->name);
	int r = m->backend->describe(&m->config, &text, &m->err);
	if (r == 0)
		r = image_base(&base, &m->initrd_fd, &m->err);
	if (r < 0)
		return r;
	r = file_identify(m->kernel, &text);
	if (r == 0)
		r = hash_fd(&h, m->initrd_fd, use.cancel);
	if (r < 0)
		return FAIL_SYS(&m->err, r, "look at kernel and initramfs");
	siphash_update(&h, text.data, text.len);
	if (text.failed || asprintf(&m->name, "%016lx" CLONE_TEMPLATE_SUFFIX, siphash_final(&h)) < 0)
		return -ENOMEM;
	return 0;
}

/* -ENOENT: there is no usable snapshot. */
static int open_it(struct clone_template *m)
{
	const struct cachefile_use use = use_of(m);
	_cleanup_close_ int fd = -1;
	int r = cachefile_open(m->cache_dir, m->name, &use, &fd);
	if (r < 0)
		return r;
	r = snapshot_read(fd, &m->snapshot, NULL);
	return r == -EBADMSG ? -ENOENT : r;
}

/* Never removes the lock file: otherwise two processes could each hold a lock on a different file. */
static int lock_it(struct clone_template *m)
{
	_cleanup_close_ int dir = -1;
	_cleanup_free_ char *name = NULL;
	int r = dir_open(m->cache_dir, true, "XDG_CACHE_HOME", &dir, &m->err);
	if (r < 0)
		return r;
	if (asprintf(&name, "%s.lock", m->name) < 0)
		return -ENOMEM;
	_cleanup_close_ int fd = lock_file_open(dir, name, 0644);
	if (fd < 0)
		return FAIL_SYS(&m->err, fd, "open '%s/%s'", m->cache_dir, name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : FAIL_SYS(&m->err, -errno, "lock '%s/%s'", m->cache_dir, name);
	m->lock_fd = TAKE_FD(fd);
	return 0;
}

/* 0: the snapshot exists; 1: we hold the lock and must make it; -EBUSY: another process makes it. */
static int look(void *arg)
{
	struct clone_template *m = arg;
	int r = m->name ? 0 : name_it(m);
	if (r < 0)
		return r;
	r = open_it(m);
	if (r != -ENOENT)
		return r;
	r = lock_it(m);
	if (r < 0)
		return r;
	/* Another process may have made it before we got the lock. */
	r = open_it(m);
	return r == -ENOENT ? 1 : r;
}

static int clone_template_look(struct machine *machine, int result)
{
	struct clone_template *m = clone_template_of(machine);
	(void)result;
	machine_offload(machine, &m->job, look, m);
	return CLONE_TEMPLATE_DECIDE;
}

/* --- BOOT: up to the park point, where the machine saves its state ------------------------------------------------ */

static int boot(struct clone_template *m)
{
	struct vm_config config = m->config;
	config.park = true;
	config.clone = NULL;
	config.observe = NULL;
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

static int clone_template_decide(struct machine *machine, int result)
{
	struct clone_template *m = clone_template_of(machine);
	if (result == -EBUSY) {
		machine_sleep(machine, WAIT_PERIOD);
		return CLONE_TEMPLATE_LOOK;
	}
	if (result <= 0)
		return result < 0 ? result : MACHINE_END;
	int r = boot(m);
	return r < 0 ? r : CLONE_TEMPLATE_BOOT;
}

static int save(void *arg)
{
	struct clone_template *m = arg;
	const struct cachefile_use use = use_of(m);
	_cleanup_(cachefile_done) struct cachefile f = CACHEFILE_NULL;
	int r = cachefile_begin(&f, m->cache_dir, m->name);
	if (r == 0)
		r = m->backend->save(m->vm, f.fd, &m->err);
	if (r == 0)
		r = snapshot_read(f.fd, &m->snapshot, &m->err);
	if (r == 0)
		r = cachefile_commit(&f, &use);
	if (r < 0)
		return m->err ? r : FAIL_SYS(&m->err, r, "write '%s/%s'", m->cache_dir, m->name);
	cachefile_trim(m->cache_dir, CLONE_TEMPLATE_SUFFIX, CLONE_TEMPLATES_MAX);
	return 0;
}

/* Waits until the machine has ended. The parent's deadline ends a guest that never parks. */
static int clone_template_boot(struct machine *machine, int result)
{
	struct clone_template *m = clone_template_of(machine);
	(void)result;
	if (!m->vm->ended) {
		machine_wait_notice(machine, &m->vm->changed);
		return CLONE_TEMPLATE_BOOT;
	}
	if (m->vm->end != VM_END_PARKED)
		return FAIL(&m->err, ERR_MISSING, -EIO, "the guest did not reach the point at which it is saved");
	return CLONE_TEMPLATE_SAVE;
}

static int clone_template_save(struct machine *machine, int result)
{
	struct clone_template *m = clone_template_of(machine);
	(void)result;
	machine_offload(machine, &m->job, save, m);
	return CLONE_TEMPLATE_FINISH;
}

static int clone_template_finish(struct machine *machine, int result)
{
	clone_template_of(machine)->made = result == 0;
	return result < 0 ? result : MACHINE_END;
}

/* After a missed deadline, a cancel or a failed boot: kills the machine and waits for its end. */
static int clone_template_end(struct machine *machine, int result)
{
	struct clone_template *m = clone_template_of(machine);
	(void)result;
	if (m->vm->ended)
		return MACHINE_END;
	if (!m->killed)
		m->backend->kill(m->vm, false);
	m->killed = true;
	machine_wait_notice(machine, &m->vm->changed);
	return CLONE_TEMPLATE_END;
}

static const struct machine_state states[CLONE_TEMPLATE_COUNT] = {
	[CLONE_TEMPLATE_LOOK] = { "look", clone_template_look, LOOK_DEADLINE, 0, TO(CLONE_TEMPLATE_DECIDE) },
	[CLONE_TEMPLATE_DECIDE] = { "decide", clone_template_decide, DEADLINE_NONE, 0,
				    TO(CLONE_TEMPLATE_LOOK) | TO(CLONE_TEMPLATE_BOOT) | TO_END },
	[CLONE_TEMPLATE_BOOT] = { "boot", clone_template_boot, DEADLINE_NONE, CLONE_TEMPLATE_END,
				  TO(CLONE_TEMPLATE_SAVE) | TO(CLONE_TEMPLATE_END) },
	[CLONE_TEMPLATE_SAVE] = { "save", clone_template_save, SAVE_DEADLINE, 0, TO(CLONE_TEMPLATE_FINISH) },
	[CLONE_TEMPLATE_FINISH] = { "finish", clone_template_finish, DEADLINE_NONE, 0, TO_END },
	[CLONE_TEMPLATE_END] = { "end", clone_template_end, DEADLINE_NONE, 0, TO_END },
};

static void ended(struct machine *machine, int result)
{
	struct clone_template *m = clone_template_of(machine);
	(void)result;
	if (m->vm)
		m->backend->destroy(m->vm);
	m->vm = NULL;
	m->lock_fd = fd_close(m->lock_fd);
	m->initrd_fd = fd_close(m->initrd_fd);
}

static const struct machine_type clone_template_type = { "clone-template", states, CLONE_TEMPLATE_COUNT, ended };

void clone_template_start(struct reactor *r, struct clone_template *m, struct machine *parent)
{
	m->snapshot = SNAPSHOT_NULL;
	m->lock_fd = m->initrd_fd = -1;
	machine_start(r, &m->machine, &clone_template_type, parent, "clone-template");
}

void clone_template_done(struct clone_template *m)
{
	REQUIRE(!m->vm);
	snapshot_done(&m->snapshot);
	m->err = err_free(m->err);
	free(m->name);
	m->name = NULL;
}
