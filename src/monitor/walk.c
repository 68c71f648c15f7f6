/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * walk.c -- see walk.h. Each walk counts the nodes that it reads, also those that it does not visit, and ends when it
 * has read its cap. Lists also end when they meet a node again (Brent's algorithm), so that a loop of a few nodes is
 * not walked up to a large cap.
 */
#include "monitor/walk.h"

#define RBTREE_DEPTH_MAX 64
#define XARRAY_DEPTH_MAX 12
#define BUCKETS_MAX	 (1u << 20)
#define NESTED_SHIFT	 9 /* log2 of pointers in a page */

/* --- lists -------------------------------------------------------------------------------------------------------- */

/* Notices a node that is met again: compares each with one that is moved on after 1, 2, 4, 8 ... nodes. */
struct loop_check {
	uint64_t seen, steps, limit;
};

static bool is_loop(struct loop_check *c, uint64_t node)
{
	if (c->seen == node)
		return true;
	if (++c->steps >= c->limit) {
		c->limit = c->limit ? c->limit * 2 : 1;
		c->steps = 0;
		c->seen = node;
	}
	return false;
}

static bool read_pointer(struct view *v, uint64_t at, uint64_t *ret)
{
	return view_read_u64(v, at, sizeof(*ret), ret);
}

static bool is_node(uint64_t node)
{
	return node && !(node % sizeof(uint64_t));
}

enum walk_end walk_list(struct view *v, uint64_t head, unsigned cap, walk_visit visit, void *arg)
{
	uint64_t node, next;
	struct loop_check loop = { 0 };
	if (!read_pointer(v, head, &node))
		return WALK_TORN;
	for (unsigned n = 0; node != head; n++, node = next) {
		if (!is_node(node))
			return WALK_TORN;
		if (n >= cap || is_loop(&loop, node))
			return WALK_CAPPED;
		if (!read_pointer(v, node, &next))
			return WALK_TORN;
		if (visit(v, node, arg))
			return WALK_STOPPED;
	}
	return WALK_WHOLE;
}

/* As walk_hlist(), with the number of nodes left in *@cap. */
static enum walk_end walk_chain(struct view *v, uint64_t first, unsigned *cap, walk_visit visit, void *arg)
{
	uint64_t next;
	struct loop_check loop = { 0 };
	for (uint64_t node = first; node && !(node & 1); node = next, --*cap) {
		if (!is_node(node))
			return WALK_TORN;
		if (!*cap || is_loop(&loop, node))
			return WALK_CAPPED;
		if (!read_pointer(v, node, &next))
			return WALK_TORN;
		if (visit(v, node, arg))
			return WALK_STOPPED;
	}
	return WALK_WHOLE;
}

enum walk_end walk_hlist(struct view *v, uint64_t first, unsigned cap, walk_visit visit, void *arg)
{
	return walk_chain(v, first, &cap, visit, arg);
}

/* --- trees -------------------------------------------------------------------------------------------------------- */

enum walk_end walk_rbtree(struct view *v, uint64_t root, unsigned cap, walk_visit visit, void *arg)
{
	const struct types *t = v->image->types;
	struct field top = types_field(t, "rb_root", "rb_node"), left = types_field(t, "rb_node", "rb_left"),
		     right = types_field(t, "rb_node", "rb_right");
	uint64_t stack[RBTREE_DEPTH_MAX], node;
	unsigned depth = 0;
	if (!view_read_field(v, root, top, &node))
		return WALK_TORN;
	while (node || depth) {
		while (node) {
			if (depth == RBTREE_DEPTH_MAX || !is_node(node))
				return WALK_TORN;
			stack[depth++] = node;
			if (!view_read_field(v, node, left, &node))
				return WALK_TORN;
		}
		node = stack[--depth];
		if (!cap--)
			return WALK_CAPPED;
		if (visit(v, node, arg))
			return WALK_STOPPED;
		if (!view_read_field(v, node, right, &node))
			return WALK_TORN;
	}
	return WALK_WHOLE;
}

struct xarray_walk {
	struct field head, shift, slots;
	unsigned cap; /* entries left that it reads */
	int (*visit)(struct view *v, uint64_t index, uint64_t value, void *arg);
	void *arg;
};

/* Internal entries have the low bits 10; those above a page are pointers to nodes, others mark siblings and retries. */
static bool is_internal(uint64_t entry)
{
	return (entry & 3) == 2;
}

static enum walk_end walk_entry(struct view *v, struct xarray_walk *w, uint64_t entry, uint64_t index, unsigned depth);

static enum walk_end walk_slots(struct view *v, struct xarray_walk *w, uint64_t node, uint64_t index, unsigned depth)
{
	uint64_t shift, entry;
	unsigned slots = w->slots.size / sizeof(uint64_t);
	if (!view_read_field(v, node, w->shift, &shift) || shift >= 64)
		return WALK_TORN;
	for (unsigned i = 0; i < slots; i++) {
		if (!w->cap)
			return WALK_CAPPED;
		w->cap--;
		if (!read_pointer(v, node + w->slots.offset + i * sizeof(uint64_t), &entry))
			return WALK_TORN;
		enum walk_end end = walk_entry(v, w, entry, index + ((uint64_t)i << shift), depth);
		if (end != WALK_WHOLE)
			return end;
	}
	return WALK_WHOLE;
}

static enum walk_end walk_entry(struct view *v, struct xarray_walk *w, uint64_t entry, uint64_t index, unsigned depth)
{
	if (!entry || (is_internal(entry) && entry < 4096))
		return WALK_WHOLE;
	if (!is_internal(entry))
		return w->visit(v, index, entry, w->arg) ? WALK_STOPPED : WALK_WHOLE;
	if (depth == XARRAY_DEPTH_MAX)
		return WALK_TORN;
	return walk_slots(v, w, entry - 2, index, depth + 1);
}

enum walk_end walk_xarray(struct view *v, uint64_t xarray, unsigned cap,
			  int (*visit)(struct view *v, uint64_t index, uint64_t value, void *arg), void *arg)
{
	const struct types *t = v->image->types;
	struct xarray_walk w = { .head = types_field(t, "xarray", "xa_head"),
				 .shift = types_field(t, "xa_node", "shift"),
				 .slots = types_field(t, "xa_node", "slots"),
				 .visit = visit,
				 .arg = arg };
	uint64_t entry;
	/* Nodes may be nearly empty: a value can cost a node's slots on each level. */
	w.cap = cap > UINT32_MAX / 64 ? UINT32_MAX : cap * 64 + 64;
	if (!field_present(w.shift) || !field_present(w.slots) || !view_read_field(v, xarray, w.head, &entry))
		return WALK_TORN;
	return walk_entry(v, &w, entry, 0, 0);
}

/* --- rhashtable --------------------------------------------------------------------------------------------------- */

struct hash_walk {
	struct field size, nest, future, buckets;
	unsigned cap;
	walk_visit visit;
	void *arg;
};

/* Where the pointer of bucket @hash is in a table whose buckets are in nested pages; 0: that page does not exist. */
static uint64_t nested_bucket(struct view *v, const struct hash_walk *w, uint64_t table, uint64_t size, uint64_t nest,
			      uint64_t hash)
{
	uint64_t page, left = size >> nest, index = hash & ((1ull << nest) - 1);
	if (!read_pointer(v, table + w->buckets.offset, &page) || !page ||
	    !read_pointer(v, page + index * sizeof(uint64_t), &page))
		return 0;
	for (hash >>= nest; page && left > 1u << NESTED_SHIFT; left >>= NESTED_SHIFT, hash >>= NESTED_SHIFT) {
		index = hash & ((1u << NESTED_SHIFT) - 1);
		if (!read_pointer(v, page + index * sizeof(uint64_t), &page))
			return 0;
	}
	return page ? page + hash * sizeof(uint64_t) : 0;
}

static enum walk_end walk_bucket(struct view *v, struct hash_walk *w, uint64_t at)
{
	uint64_t first;
	if (!at)
		return WALK_WHOLE;
	if (!read_pointer(v, at, &first))
		return WALK_TORN;
	/* Bit 0 of the bucket's pointer is its lock. */
	return walk_chain(v, first & ~(uint64_t)1, &w->cap, w->visit, w->arg);
}

static enum walk_end walk_buckets(struct view *v, struct hash_walk *w, uint64_t table)
{
	uint64_t size, nest = 0;
	bool torn = false;
	if (!view_read_field(v, table, w->size, &size) ||
	    (field_present(w->nest) && !view_read_field(v, table, w->nest, &nest)) || nest > 31)
		return WALK_TORN;
	bool capped = size > BUCKETS_MAX;
	for (uint64_t i = 0; i < MIN_OF(size, (uint64_t)BUCKETS_MAX); i++) {
		uint64_t at = table + w->buckets.offset + i * sizeof(uint64_t);
		enum walk_end end = walk_bucket(v, w, nest ? nested_bucket(v, w, table, size, nest, i) : at);
		if (end == WALK_STOPPED || end == WALK_CAPPED)
			return end;
		/* Other buckets may be whole, but a table that is not there at all has none. */
		if (end == WALK_TORN && i == 0)
			return end;
		torn = torn || end == WALK_TORN;
	}
	return torn ? WALK_TORN : capped ? WALK_CAPPED : WALK_WHOLE;
}

enum walk_end walk_rhashtable(struct view *v, uint64_t hashtable, unsigned cap, walk_visit visit, void *arg)
{
	const struct types *t = v->image->types;
	struct hash_walk w = { .size = types_field(t, "bucket_table", "size"),
			       .nest = types_field(t, "bucket_table", "nest"),
			       .future = types_field(t, "bucket_table", "future_tbl"),
			       .buckets = types_field(t, "bucket_table", "buckets"),
			       .cap = cap,
			       .visit = visit,
			       .arg = arg };
	uint64_t table;
	if (!field_present(w.buckets) || !view_read_field(v, hashtable, types_field(t, "rhashtable", "tbl"), &table))
		return WALK_TORN;
	enum walk_end end = WALK_WHOLE;
	for (unsigned i = 0; table && i < 2; i++) {
		end = walk_buckets(v, &w, table);
		if (end != WALK_WHOLE)
			return end;
		if (!view_read_field(v, table, w.future, &table))
			break;
	}
	return end;
}

/* --- tasks -------------------------------------------------------------------------------------------------------- */

struct task_walk {
	struct field tasks, signal, threads, thread_node;
	unsigned cap; /* tasks left */
	walk_visit visit;
	void *arg;
	enum walk_end end;
};

static int visit_thread(struct view *v, uint64_t node, void *arg)
{
	struct task_walk *w = arg;
	if (!w->cap)
		return 1;
	w->cap--;
	if (!w->visit(v, node - w->thread_node.offset, w->arg))
		return 0;
	w->end = WALK_STOPPED;
	return 1;
}

/* All threads of one process. A process whose list of threads is torn does not end the walk over processes. */
static int visit_leader(struct view *v, uint64_t node, void *arg)
{
	struct task_walk *w = arg;
	uint64_t signal;
	if (!w->cap)
		return 1;
	if (!view_read_field(v, node - w->tasks.offset, w->signal, &signal)) {
		w->end = WALK_TORN;
		return 0;
	}
	enum walk_end end = walk_list(v, signal + w->threads.offset, w->cap, visit_thread, w);
	if (end == WALK_TORN)
		w->end = WALK_TORN;
	return end == WALK_STOPPED || end == WALK_CAPPED;
}

enum walk_end walk_tasks(struct view *v, unsigned cap, walk_visit visit, void *arg)
{
	const struct types *t = v->image->types;
	struct task_walk w = { .tasks = types_field(t, "task_struct", "tasks"),
			       .signal = types_field(t, "task_struct", "signal"),
			       .threads = types_field(t, "signal_struct", "thread_head"),
			       .thread_node = types_field(t, "task_struct", "thread_node"),
			       .cap = cap,
			       .visit = visit,
			       .arg = arg,
			       .end = WALK_WHOLE };
	uint64_t init = view_symbol(v, "init_task");
	if (!init || !field_present(w.tasks) || !field_present(w.signal) || !field_present(w.threads) ||
	    !field_present(w.thread_node))
		return WALK_TORN;
	enum walk_end end = walk_list(v, init + w.tasks.offset, cap, visit_leader, &w);
	if (w.end == WALK_STOPPED)
		return WALK_STOPPED;
	/* The walk over processes stops itself where no more tasks may be read. */
	return end == WALK_STOPPED ? WALK_CAPPED : end == WALK_WHOLE ? w.end : end;
}
