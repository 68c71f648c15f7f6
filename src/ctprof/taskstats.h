/* SPDX-License-Identifier: GPL-2.0-only */
/* taskstats.h -- asks the kernel for the delays of threads, over netlink (CAP_NET_ADMIN). */
#ifndef KTSTR_CTPROF_TASKSTATS_H
#define KTSTR_CTPROF_TASKSTATS_H

#include "ctprof/profile.h"

struct taskstats_socket {
	int fd;
	uint16_t family;
	uint32_t sequence;
	unsigned ok, eperm, esrch, other; /* answers */
	unsigned version;		  /* of the kernel's struct; 0: not known yet */
};

#define TASKSTATS_NULL ((struct taskstats_socket){ .fd = -1 })

/* Opens a socket; a negative errno if the kernel has no taskstats. The socket stays usable, and answers nothing. */
int taskstats_open(struct taskstats_socket *s);
void taskstats_close(struct taskstats_socket *s);
/* Sets what the kernel tells of the thread. */
void taskstats_read(struct taskstats_socket *s, struct thread *t);
/* {"ok_count": ..., ...} */
json_t *taskstats_summary(const struct taskstats_socket *s);
/* Sets the metrics from @len bytes of the kernel's struct. Pure. */
void taskstats_apply(const void *data, size_t len, struct thread *t);

#endif
