/* SPDX-License-Identifier: GPL-2.0-only */
/* node_kernel.c -- see node_kernel.h. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "reactor/interrupt.h"
#include "slurm/node_kernel.h"
#include "slurm/stage.h"

#define LOCK_RETRY    (250 * NSEC_PER_MSEC)
#define LOCK_DEADLINE (10 * 60 * NSEC_PER_SEC)

enum { KERNEL_LOOK, KERNEL_LOCK, KERNEL_COPY, KERNEL_COUNT };

static struct node_kernel *kernel_of(struct machine *m)
{
	return container_of(m, struct node_kernel, machine);
}

static int look_up(void *arg)
{
	struct node_kernel *k = arg;
	_cleanup_(entry_done) struct cache_entry entry = { 0 };
	k->there =
		cache_get(&k->cache, k->key, &entry) == 0 && !entry.error_kind && cache_check_entry(&entry, NULL) == 0;
	return 0;
}

static int look(struct machine *m, int result)
{
	struct node_kernel *k = kernel_of(m);
	if (m->first_entry) {
		machine_offload(m, &k->offload, look_up, k);
		return KERNEL_LOOK;
	}
	return result < 0 ? result : k->there ? MACHINE_END : KERNEL_LOCK;
}

static int lock(struct machine *m, int result)
{
	struct node_kernel *k = kernel_of(m);
	if (result < 0)
		return result;
	int r = cache_lock(&k->cache, k->key, &k->lock_fd, k->holder, sizeof(k->holder), &k->err);
	if (r != -EBUSY)
		return r < 0 ? r : KERNEL_COPY;
	machine_sleep(m, LOCK_RETRY);
	return KERNEL_LOCK;
}

/* What arrives otherwise than it left is refused. */
static int copy_to(const struct node_kernel *k, const char *work, struct err **err)
{
	char digest[STAGE_DIGEST_MAX] = "";
	_cleanup_free_ char *kernels = path_join(k->record->dir, "kernels"), *copy = path_join(work, "entry");
	_cleanup_free_ char *from = kernels ? path_join(kernels, k->key) : NULL;
	int r = from && copy ? stage_copy(from, copy, digest, err) : -ENOMEM;
	if (r == 0 && k->digest && strcmp(digest, k->digest))
		r = FAIL(err, ERR_DATA, -EBADMSG, "kernel '%s' arrived damaged on this node", k->key);
	return r == 0 ? cache_publish(&k->cache, k->key, copy, err) : r;
}

/* Whoever had the lock may have brought it. */
static int copy_entry(void *arg)
{
	struct node_kernel *k = arg;
	enum work_stage stage;
	_cleanup_free_ char *work = NULL;
	look_up(k);
	if (k->there)
		return 0;
	int r = cache_workdir(&k->cache, k->key, &work, &stage, &k->err);
	if (r == 0)
		r = copy_to(k, work, &k->err);
	cache_work_remove(work, NULL);
	return r;
}

static int copy(struct machine *m, int result)
{
	struct node_kernel *k = kernel_of(m);
	if (m->first_entry) {
		machine_offload(m, &k->offload, copy_entry, k);
		return KERNEL_COPY;
	}
	return result < 0 ? result : MACHINE_END;
}

static const struct machine_state kernel_states[KERNEL_COUNT] = {
	[KERNEL_LOOK] = { "look", look, DEADLINE_NONE, 0, TO(KERNEL_LOOK) | TO(KERNEL_LOCK) | TO_END },
	[KERNEL_LOCK] = { "lock", lock, LOCK_DEADLINE, 0, TO(KERNEL_LOCK) | TO(KERNEL_COPY) },
	[KERNEL_COPY] = { "copy", copy, DEADLINE_NONE, 0, TO(KERNEL_COPY) | TO_END },
};

static const struct machine_type kernel_type = { "node kernel", kernel_states, KERNEL_COUNT, NULL };

static int drive(struct reactor *r, struct node_kernel *k, struct err **err)
{
	struct signals signals;
	int result = interrupt_watch(&signals, r, err);
	if (result < 0)
		return result;
	machine_start(r, &k->machine, &kernel_type, NULL, "kernel %s", k->key);
	result = reactor_run(r);
	signals_done(&signals);
	result = result < 0 ? result : k->machine.result;
	if (result == -ECANCELED)
		return FAIL(err, ERR_INTERRUPTED, result, "interrupted");
	if (result == -ETIME)
		return FAIL(err, ERR_BUSY, result, "waited ten minutes for kernel '%s' on this node; %s has its lock",
			    k->key, k->holder);
	if (result < 0 && k->err && err)
		*err = TAKE_PTR(k->err);
	return result;
}

int node_kernel_fetch(struct reactor *r, const struct slurm_record *record, const char *key, const char *digest,
		      struct err **err)
{
	struct node_kernel k = { .record = record, .key = key, .digest = digest, .lock_fd = -1 };
	int result = cache_open(&k.cache, err);
	if (result == 0)
		result = drive(r, &k, err);
	fd_close(k.lock_fd);
	err_free(k.err);
	cache_done(&k.cache);
	return result;
}
