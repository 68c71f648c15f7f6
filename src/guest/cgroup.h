/* SPDX-License-Identifier: GPL-2.0-only */
/* cgroup.h -- the test's cgroups below GUEST_CGROUP. Names are relative to it; "a/b" is a child of "a". */
#ifndef KTSTR_GUEST_CGROUP_H
#define KTSTR_GUEST_CGROUP_H

#include <sys/types.h>

#include <ktstr/scenario.h>

#include "base/err.h"
#include "base/parse.h"

/* Siblings of a cgroup for work types that move about. */
#define CGROUP_SIBLING_FORMAT "%s.sibling%u"

/* Creating one that exists is fine. Ancestors are made where they lack. */
int cgroup_create(const char *name, struct err **err);
int cgroup_set_cpuset(const char *name, const struct cpuset_bits *cpus, struct err **err);
/* Back to what the parent has. */
int cgroup_clear_cpuset(const char *name, const struct cpuset_bits *parent, struct err **err);
int cgroup_set_mems(const char *name, const char *nodes, struct err **err);
/* -ENOENT, with a message that says so, where this kernel lacks the controller. */
int cgroup_set_limits(const char *name, const struct ktstr_limits *limits, struct err **err);
/* Waits until the kernel says that all of it is frozen, or thawed: 2 s of guest time at most. */
int cgroup_freeze(const char *name, bool frozen, struct err **err);
/* A process that has already ended (ESRCH) is fine. */
int cgroup_move(const char *name, pid_t pid, struct err **err);
/* Processes in it, not in its children; negative errno. */
int cgroup_procs(const char *name);
/* Removes it; what is still inside is moved to the parent first. */
int cgroup_remove(const char *name, struct err **err);

#endif
