/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host_resources.h -- all that admission needs, opened together: this host, the CPUs that are ours, lock directory,
 * queue.
 */
#ifndef KTSTR_LOCK_HOST_RESOURCES_H
#define KTSTR_LOCK_HOST_RESOURCES_H

#include "lock/admit.h"

struct host_resources_config {
	const char *root;     /* of sysfs: "" or NULL for this machine's */
	const char *lock_dir; /* NULL: lock_dir_path() */
	bool bypass;	      /* no lock files at all (KTSTR_BYPASS_LLC_LOCKS) */
	uint64_t memory_mib;  /* these five as in struct admit_config */
	const char *memory_note;
	uint64_t (*free_mib)(void);
	unsigned cpus, claims;
	nsec_t give_up;
};

struct host_resources {
	struct host host;
	struct lock_dir dir;
	struct admit admit;
	unsigned cpus; /* that this process may use and that are online */
	bool open;
	char note[200]; /* what is not as it should be, or "" */
};

/*
 * Fails where no CPU is online, and by the lock directory: not there, not writable, remote. A host whose sysfs cannot
 * be read is one cache with the allowed CPUs, and a note. @ret stays where it is until it is closed.
 */
int host_resources_open(struct reactor *r, const struct host_resources_config *config, struct host_resources *ret,
			struct err **err);
/* Every claim must have been released. Turns the reactor. Harmless on what was never open. */
void host_resources_close(struct host_resources *d);

#endif
