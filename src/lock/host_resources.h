/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host_resources.h -- opens everything that admission needs: the host's topology, the allowed CPUs, the lock directory,
 * the queue.
 */
#ifndef KTSTR_LOCK_HOST_RESOURCES_H
#define KTSTR_LOCK_HOST_RESOURCES_H

#include "lock/admit.h"

struct host_resources_config {
	const char *root;     /* see host_read(); NULL: "" */
	const char *lock_dir; /* NULL: lock_dir_path() */
	bool bypass;	      /* use no lock files (KTSTR_BYPASS_LLC_LOCKS) */
	uint64_t memory_mib;  /* this and the following: see struct admit_config */
	const char *memory_note;
	uint64_t (*free_mib)(void);
	unsigned cpus, claims;
	nsec_t give_up;
};

struct host_resources {
	struct host host;
	struct lock_dir dir;
	struct admit admit;
	unsigned cpus; /* online CPUs that this process may use */
	bool open;
	char note[200]; /* a problem to report, or "" */
};

/*
 * Fails when no CPU is online, or when the lock directory is missing, not writable or remote. Where sysfs cannot be
 * read, all allowed CPUs count as one cache, and `note` says so. @ret must not move until it is closed.
 */
int host_resources_open(struct reactor *r, const struct host_resources_config *config, struct host_resources *ret,
			struct err **err);
/* All claims must have been released. Turns the reactor. Does nothing on resources that are not open. */
void host_resources_close(struct host_resources *d);

#endif
