/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guest.h -- profiles the threads of a guest kernel from outside, by what its memory says at one moment. Values that
 * the kernel computes only when somebody reads them are not in memory: they are unknown, with a reason in the profile.
 */
#ifndef KTSTR_CTPROF_GUEST_H
#define KTSTR_CTPROF_GUEST_H

#include "ctprof/profile.h"
#include "monitor/inspect.h"

struct guest_source {
	struct inspector *in;
	const struct types *types;
	const char *name;     /* of the file or the machine, for the profile */
	bool running;	      /* the guest goes on meanwhile */
	uint64_t captured_at; /* when the memory was like this: ns since 1970 */
};

/*
 * @ret is to be freed also after an error. Threads are sorted by process and thread. 1: some threads are missing, and
 * the profile says why. Of a running guest, the list of tasks may have changed under the walk: try again.
 */
int capture_guest(const struct guest_source *from, struct profile *ret, struct err **err);

#endif
