/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sandbox.h -- control groups (cgroup v2, below our own) that confine processes to the CPUs and memory nodes of their
 * plan. An affinity mask alone does not: the confined process can change it, and it does not cover memory.
 *
 * Where groups are impossible (cgroup v1 has the cpuset controller, it is not delegated, the tree is read-only), `why`
 * gives the reason in one line, and processes get an affinity mask only.
 */
#ifndef KTSTR_LOCK_SANDBOX_H
#define KTSTR_LOCK_SANDBOX_H

#include <stdatomic.h>

#include "lock/plan.h"

/* How cgroup files are changed; tests pass their own. Each returns 0 or a negative errno. */
struct sandbox_calls {
	int (*make)(const char *path);
	int (*remove)(const char *path);
	int (*write)(const char *path, const char *text);
};

/* Where groups are made. Constant once open, except for `made`, so several threads may use it. */
struct sandboxes {
	const struct sandbox_calls *calls;
	char *root;	      /* prefix of all paths: "" */
	char *parent;	      /* our own group's directory; NULL: no groups, see `why` */
	uint64_t start_ticks; /* of this process; with its pid a part of group names */
	atomic_uint made;
	char why[200];
};

struct sandbox {
	char *path;	/* NULL: none */
	int procs;	/* "cgroup.procs", open for writing; -1: none */
	char note[200]; /* how the group is narrower than the plan, or why there is none; or "" */
};

#define SANDBOX_NULL ((struct sandbox){ .procs = -1 })

/*
 * Finds our group, and changes nothing. @root: "" for this machine; @calls: NULL for the kernel's. Fails only when
 * memory runs out. Blocks.
 */
int sandboxes_find(const char *root, const struct sandbox_calls *calls, struct sandboxes *ret);
/* Also enables the controller for its children, and removes groups of dead processes. */
int sandboxes_open(const char *root, const struct sandbox_calls *calls, struct sandboxes *ret);
void sandboxes_close(struct sandboxes *s);

/*
 * Makes a group with @plan's CPUs and nodes, and reads both back, because a group above may allow less. That is an
 * error when the user @said the number of CPUs, else a note. Without groups: 0, and @ret is SANDBOX_NULL with a note. A
 * child enters the group by writing "0" to `procs` (child_spec.cgroup). Blocks.
 */
int sandbox_make(struct sandboxes *s, const struct cpu_plan *plan, bool said, struct sandbox *ret, struct err **err);
/* Kills its processes and removes it. If that fails, a later sandboxes_open() removes it. Blocks, 50 ms at most. */
void sandbox_remove(struct sandboxes *s, struct sandbox *b);

#endif
