/* SPDX-License-Identifier: GPL-2.0-only */
/* cgroup.h -- the test's cgroups below GUEST_CGROUP. Names are relative to it. */
#ifndef KTSTR_GUEST_CGROUP_H
#define KTSTR_GUEST_CGROUP_H

#include <sys/types.h>

#include "base/err.h"
#include "base/parse.h"

/* Creating one that exists is fine. */
int cgroup_create(const char *name, struct err **err);
int cgroup_set_cpuset(const char *name, const struct cpuset_bits *cpus, struct err **err);
/* A process that has already ended (ESRCH) is fine. */
int cgroup_move(const char *name, pid_t pid, struct err **err);
/* Removes it; what is still inside is moved to the parent first. */
int cgroup_remove(const char *name, struct err **err);

#endif
