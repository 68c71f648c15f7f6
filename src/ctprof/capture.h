/* SPDX-License-Identifier: GPL-2.0-only */
/* capture.h -- profiles this host, or a copy of another host's /proc and /sys. Blocks. */
#ifndef KTSTR_CTPROF_CAPTURE_H
#define KTSTR_CTPROF_CAPTURE_H

#include "ctprof/profile.h"

/* Results of reading one kind of file. */
struct read_counts {
	unsigned ok, permission, gone, missing,
		other; /* gone: the thread ended; missing: this kernel has no such file */
};

struct host_capture {
	const char *root; /* "" for this host */
	struct read_counts counts[SOURCE_MAX];
};

/*
 * Never fails because something cannot be read: that is unknown in the profile, and counted. @ret is to be freed also
 * after an error. Threads are sorted by process and thread.
 */
int capture_host(struct host_capture *c, struct profile *ret, struct err **err);
/* Appends one line for people if a kind of file could often not be read, with the reason. */
void capture_hint(const struct host_capture *c, const struct profile *s, struct buf *out);

#endif
