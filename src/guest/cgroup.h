/* SPDX-License-Identifier: GPL-2.0-only */
/* cgroup.h -- the test's cgroups below GUEST_CGROUP. Names are relative to it; "a/b" is a child of "a". */
#ifndef KTSTR_GUEST_CGROUP_H
#define KTSTR_GUEST_CGROUP_H

#include <sys/types.h>

#include <ktstr/scenario.h>
#include <ktstr/wire.h>

#include "base/err.h"
#include "base/parse.h"

#define GUEST_CGROUP "/sys/fs/cgroup/ktstr"

/* Names of a cgroup's siblings, for work types that move between cgroups. */
#define CGROUP_SIBLING_FORMAT "%s.sibling%u"

/* The parent's name, "a" for "a/b"; false if there is no '/'. */
bool cgroup_parent(const char *name, char out[WIRE_NAME_MAX]);
/* Creates it and its missing ancestors. It may exist already. */
int cgroup_create(const char *name, struct err **err);
int cgroup_set_cpuset(const char *name, const struct cpuset_bits *cpus, struct err **err);
/* Resets the cpuset to the parent's CPUs. */
int cgroup_clear_cpuset(const char *name, const struct cpuset_bits *parent, struct err **err);
int cgroup_set_mems(const char *name, const char *nodes, struct err **err);
/* Returns -ENOENT with a message if the kernel lacks the controller. */
int cgroup_set_limits(const char *name, const struct ktstr_limits *limits, struct err **err);
/* Waits until the kernel reports the whole cgroup frozen, or thawed: at most 2 s of guest time. */
int cgroup_freeze(const char *name, bool frozen, struct err **err);
/* Succeeds for a process that has already ended (ESRCH). */
int cgroup_move(const char *name, pid_t pid, struct err **err);
/* The number of processes in it, without its children; negative errno. */
int cgroup_procs(const char *name);
/* Moves the remaining processes to the parent, then removes the cgroup. */
int cgroup_remove(const char *name, struct err **err);

#endif
