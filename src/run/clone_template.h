/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * clone_template.h -- a machine that was booted up to where tests begin, kept as a snapshot in a cache that all runs
 * share:
 *
 *   LOOK > (WAIT > LOOK ...) > BOOT > SAVE > DONE
 *
 * Whoever takes the snapshot's lock boots it; the others look again until it is there. Of a test it has the
 * libraries, and nothing else.
 */
#ifndef KTSTR_RUN_CLONE_TEMPLATE_H
#define KTSTR_RUN_CLONE_TEMPLATE_H

#include "reactor/machine.h"
#include "vmm/snapshot.h"
#include "vmm/vm.h"

#define MOULDS_MAX 16 /* snapshots that are kept; one more, and the one that was not used for longest goes */

struct clone_template {
	struct machine machine;
	const struct vm_backend *backend;
	struct vm_config config;	     /* of the clone; `clone`, `park` and `initrd_fd` are ours */
	const char *kernel;		     /* the kernel's own file, whatever copy of it `config` boots */
	const char *test;		     /* the binary whose libraries it has, or NULL */
	const char *cache_dir, *image_cache; /* directories: for snapshots; for initramfs bases, or NULL */
	atomic_uint *damaged;		     /* as cachefile_use has it, or NULL */
	struct snapshot snapshot;	     /* the result; fd -1 where there is none, and `err` says why */
	bool made;			     /* by us, just now */
	struct err *err;
	/* ours */
	struct offload_job job;
	struct vm *vm;
	char *name; /* its file in cache_dir */
	int lock_fd, initrd_fd;
	bool killed;
};

/*
 * Fields above `snapshot` are the caller's, the rest zero. Ends with 0 when there is a snapshot, with a negative errno
 * when there is none: then a test boots as ever. The result stays until clone_template_done().
 */
void clone_template_start(struct reactor *r, struct clone_template *m, struct machine *parent);
void clone_template_done(struct clone_template *m);

#endif
