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
	const char *name;     /* of the file, for the profile */
	uint64_t captured_at; /* when the memory was like this: ns since 1970 */
};

/* @ret is to be freed also after an error. Threads are sorted by process and thread. */
int capture_guest(const struct guest_source *from, struct profile *ret, struct err **err);

#endif
