/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * clone_template.h -- a machine booted up to the point where tests begin, saved as a snapshot in a cache that all runs
 * share:
 *
 *   LOOK > DECIDE (> LOOK > DECIDE ...) > BOOT > SAVE > FINISH; END after a failure
 *
 * The process that gets the snapshot's lock boots the machine; the others look again until the snapshot exists. The
 * snapshot contains the libraries of a test binary, but no other files of the test.
 */
#ifndef KTSTR_RUN_CLONE_TEMPLATE_H
#define KTSTR_RUN_CLONE_TEMPLATE_H

#include "reactor/machine.h"
#include "vmm/snapshot.h"
#include "vmm/vm.h"

#define CLONE_TEMPLATES_MAX 16 /* number of kept snapshots; the least recently used one is removed first */

struct clone_template {
	struct machine machine;
	const struct vm_backend *backend;
	struct vm_config config;	     /* of the clone; we set `clone`, `park` and `initrd_fd` */
	const char *kernel;		     /* the original kernel file; `config` may boot a copy */
	const char *test;		     /* test binary whose libraries the snapshot contains, or NULL */
	const char *cache_dir, *image_cache; /* directories of snapshots; of initramfs bases (may be NULL) */
	atomic_uint *damaged;		     /* as in struct cachefile_use, or NULL */
	struct snapshot snapshot;	     /* the result; fd -1: none, and `err` says why */
	bool made;			     /* this call made the snapshot */
	struct err *err;
	/* private */
	struct offload_job job;
	struct vm *vm;
	char *name; /* file name in cache_dir */
	int lock_fd, initrd_fd;
	bool killed;
};

/*
 * The caller fills the fields above `snapshot` and sets the rest to 0. Ends with 0 if there is a snapshot, else with a
 * negative errno: then the test boots. The result is valid until clone_template_done().
 */
void clone_template_start(struct reactor *r, struct clone_template *m, struct machine *parent);
void clone_template_done(struct clone_template *m);

#endif
