/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sandbox.h -- control groups that hold processes to the CPUs and memory nodes of their plan: cgroup v2, a group of
 * ours below the one we are in. An affinity mask can be undone by whoever is under it, and says nothing of memory.
 *
 * Where there is no such thing (cgroup v1 has the cpuset controller, it was not delegated, the tree is read-only) `why`
 * says so in one line, and affinity alone has to do.
 */
#ifndef KTSTR_LOCK_SANDBOX_H
#define KTSTR_LOCK_SANDBOX_H

#include <stdatomic.h>

#include "lock/plan.h"

/* How cgroup files are written; tests stand in for the kernel here. Each is 0 or a negative errno. */
struct sandbox_calls {
	int (*make)(const char *path);
	int (*remove)(const char *path);
	int (*write)(const char *path, const char *text);
};

/* Where groups are made; what is in it does not change once it is open, so that several threads may make some. */
struct sandboxes {
	const struct sandbox_calls *calls;
	char *root;	      /* prefix of all paths: "" */
	char *parent;	      /* our own group's directory; NULL: there are none, and `why` is set */
	uint64_t start_ticks; /* of this process: with its pid it names the groups that are ours */
	atomic_uint made;
	char why[200];
};

struct sandbox {
	char *path;	/* NULL: none */
	int procs;	/* "cgroup.procs", open for writing; -1: none */
	char note[200]; /* what is narrower than the plan, or why there is none; "": nothing */
};

#define SANDBOX_NULL ((struct sandbox){ .procs = -1 })

/*
 * Finds our group, and changes nothing. @root: "" for this machine; @calls: NULL for the kernel's. Fails only without
 * memory. Blocks.
 */
int sandboxes_find(const char *root, const struct sandbox_calls *calls, struct sandboxes *ret);
/* Also enables the controller for its children, and sweeps what dead processes left. */
int sandboxes_open(const char *root, const struct sandbox_calls *calls, struct sandboxes *ret);
void sandboxes_close(struct sandboxes *s);

/*
 * A group with @plan's CPUs and nodes. Both are read back: a group above ours may allow less. That is an error where
 * someone @said how many CPUs it must be, else a note. Without groups: 0, SANDBOX_NULL but for a note. A child enters
 * by writing "0" to `procs` (child_spec.cgroup). Blocks.
 */
int sandbox_make(struct sandboxes *s, const struct cpu_plan *plan, bool said, struct sandbox *ret, struct err **err);
/* Ends who is left in it and removes it; what cannot be removed yet is swept another time. Blocks, 50 ms at most. */
void sandbox_remove(struct sandboxes *s, struct sandbox *b);

#endif
