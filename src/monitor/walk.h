/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * walk.h -- the kernel's containers, walked from outside. Every walk has a cap and ends at the first node that is not
 * readable, so a list that loops or was torn ends too. A visitor gets the address of the node; it returns 0 to go on.
 */
#ifndef KTSTR_MONITOR_WALK_H
#define KTSTR_MONITOR_WALK_H

#include "monitor/view.h"

typedef int (*walk_visit)(struct view *v, uint64_t node, void *arg);

enum walk_end {
	WALK_WHOLE,   /* reached its end */
	WALK_CAPPED,  /* more nodes than the cap; also a loop */
	WALK_TORN,    /* a node was not readable, or its links do not fit */
	WALK_STOPPED, /* by the visitor */
};

/* struct list_head, circular; the address @head is not visited. A loop that leaves out the head: WALK_CAPPED. */
enum walk_end walk_list(struct view *v, uint64_t head, unsigned cap, walk_visit visit, void *arg);
/* Of a struct hlist_head or hlist_nulls_head, of which @first is the content: ends at NULL or a nulls mark (bit 0). */
enum walk_end walk_hlist(struct view *v, uint64_t first, unsigned cap, walk_visit visit, void *arg);
/* In order. @root: address of struct rb_root. */
enum walk_end walk_rbtree(struct view *v, uint64_t root, unsigned cap, walk_visit visit, void *arg);
/* Values (not zero) of struct xarray, and of struct idr by its idr_rt; internal entries are descended. */
enum walk_end walk_xarray(struct view *v, uint64_t xarray, unsigned cap,
			  int (*visit)(struct view *v, uint64_t index, uint64_t value, void *arg), void *arg);
/* Nodes (struct rhash_head) of a struct rhashtable, of both tables during a resize. */
enum walk_end walk_rhashtable(struct view *v, uint64_t table, unsigned cap, walk_visit visit, void *arg);
/* All tasks: leaders by init_task.tasks, and their threads. The visitor gets the task_struct. */
enum walk_end walk_tasks(struct view *v, unsigned cap, walk_visit visit, void *arg);

struct walk_cgroup {
	uint64_t cgroup;  /* address of struct cgroup */
	const char *path; /* from the root: "/a/b"; printable */
	unsigned depth;
	bool leaf;
};
/*
 * The control groups at and below @path ("/" for all), parents first. -ENOENT: there is no such path. -ENODATA: this
 * kernel has no control groups.
 */
int walk_cgroups(struct view *v, const char *path, unsigned cap,
		 int (*visit)(struct view *v, const struct walk_cgroup *c, void *arg), void *arg, enum walk_end *ret);

#endif
