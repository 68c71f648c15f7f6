/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * confine.h -- the system calls that a VM's process may make once its guest runs: a seccomp filter for each kind of
 * thread, from a table with a reason for each call. No io_uring, no new files, no new processes, no new privileges.
 */
#ifndef KTSTR_VMM_KVM_CONFINE_H
#define KTSTR_VMM_KVM_CONFINE_H

#include <linux/filter.h>

#include "base/err.h"

enum confine_kind { CONFINE_MAIN, CONFINE_VCPU, CONFINE_DEVICE, CONFINE_KIND_MAX };

enum confine_argument {
	CONFINE_ANY,
	CONFINE_REQUEST,  /* ioctl(2): only `request` */
	CONFINE_SELF,	  /* tgkill(2): only threads of this process */
	CONFINE_NOT_EXEC, /* mmap(2), mprotect(2): without PROT_EXEC, so that data never becomes code */
};

struct confine_rule {
	int syscall;
	unsigned kinds; /* bits of enum confine_kind */
	const char *why;
	enum confine_argument argument;
	unsigned long request;
};

/* Ended by a NULL reason. */
extern const struct confine_rule confine_rules[];

/* A filter in the kernel's form. confine_done() frees it. */
struct confine {
	struct sock_fprog program;
};

/* Builds the filter for the calling process: CONFINE_SELF allows its process id only. */
int confine_build(enum confine_kind kind, struct confine *ret, struct err **err);
/* Filters the calling thread permanently. A call that is not in the table kills the process (SIGSYS). */
int confine_apply(const struct confine *c, struct err **err);
void confine_done(struct confine *c);

#endif
