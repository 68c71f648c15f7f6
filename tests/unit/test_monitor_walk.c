/* SPDX-License-Identifier: GPL-2.0-only */
/* The monitor's walkers, on containers made by hand, whole and damaged. */
#include <string.h>

#include "kernel_image.h"
#include "monitor/walk.h"
#include "t.h"

static struct kimage k;

static void open_plain(void)
{
	kimage_open(&k, &(struct kimage_layout){ 0 });
}

static uint64_t node_at(unsigned i)
{
	return k.layout.page_offset + 0x800000 + i * 64;
}

/* --- visitors ----------------------------------------------------------------------------------------------------- */

struct seen {
	uint64_t node[64];
	unsigned count, stop_at; /* stop_at 0: never */
};

static int see(struct view *v, uint64_t node, void *arg)
{
	struct seen *s = arg;
	(void)v;
	s->node[s->count++ % ARRAY_SIZE(s->node)] = node;
	return s->stop_at && s->count == s->stop_at;
}

static int see_value(struct view *v, uint64_t index, uint64_t value, void *arg)
{
	struct seen *s = arg;
	(void)v;
	s->node[s->count++ % ARRAY_SIZE(s->node)] = index << 32 | (uint32_t)value;
	return s->stop_at && s->count == s->stop_at;
}

/* --- walkers ------------------------------------------------------------------------------------------------------ */

START_TEST(lists_end)
{
	struct seen s = { 0 };
	open_plain();
	uint64_t head = node_at(0);
	kimage_list_init(&k, head);
	ck_assert_int_eq(walk_list(&k.view, head, 10, see, &s), WALK_WHOLE);
	for (unsigned i = 1; i <= 5; i++)
		kimage_list_add(&k, head, node_at(i));
	ck_assert_int_eq(walk_list(&k.view, head, 10, see, &s), WALK_WHOLE);
	ck_assert(s.count == 5 && s.node[0] == node_at(1) && s.node[4] == node_at(5));
	s = (struct seen){ 0 };
	ck_assert_int_eq(walk_list(&k.view, head, 3, see, &s), WALK_CAPPED);
	ck_assert_uint_eq(s.count, 3);
	s = (struct seen){ .stop_at = 2 };
	ck_assert_int_eq(walk_list(&k.view, head, 10, see, &s), WALK_STOPPED);
	ck_assert_uint_eq(s.count, 2);
	/* A loop that leaves out the head ends early, whatever the cap. */
	s = (struct seen){ 0 };
	kimage_put(&k, node_at(5), node_at(3));
	ck_assert_int_eq(walk_list(&k.view, head, UINT32_MAX, see, &s), WALK_CAPPED);
	ck_assert_uint_lt(s.count, 20);
	static const uint64_t bad[] = { 0, 8, 0xdead000000000100u, 0xffff888000800001u, 0xffff889000000000u };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		s = (struct seen){ 0 };
		kimage_put(&k, node_at(5), bad[i]);
		ck_assert_int_eq(walk_list(&k.view, head, 10, see, &s), WALK_TORN);
		ck_assert_uint_eq(s.count, 5);
	}
	ck_assert_int_eq(walk_list(&k.view, 1, 10, see, &s), WALK_TORN);
	kimage_close(&k);
}
END_TEST

START_TEST(hash_lists_end)
{
	struct seen s = { 0 };
	open_plain();
	for (unsigned i = 0; i < 4; i++)
		kimage_put(&k, node_at(i), i < 3 ? node_at(i + 1) : 0);
	ck_assert_int_eq(walk_hlist(&k.view, 0, 10, see, &s), WALK_WHOLE);
	ck_assert_int_eq(walk_hlist(&k.view, 33, 10, see, &s), WALK_WHOLE);
	ck_assert_int_eq(walk_hlist(&k.view, node_at(0), 10, see, &s), WALK_WHOLE);
	ck_assert_uint_eq(s.count, 4);
	kimage_put(&k, node_at(3), 0x123); /* a nulls mark */
	ck_assert_int_eq(walk_hlist(&k.view, node_at(0), 10, see, &s), WALK_WHOLE);
	ck_assert_int_eq(walk_hlist(&k.view, node_at(0), 3, see, &s), WALK_CAPPED);
	kimage_put(&k, node_at(3), node_at(0));
	ck_assert_int_eq(walk_hlist(&k.view, node_at(0), UINT32_MAX, see, &s), WALK_CAPPED);
	kimage_put(&k, node_at(3), 4);
	ck_assert_int_eq(walk_hlist(&k.view, node_at(0), 10, see, &s), WALK_TORN);
	kimage_close(&k);
}
END_TEST

static void set_node(unsigned i, unsigned left, unsigned right)
{
	kimage_set(&k, node_at(i), "rb_node", "rb_left", left ? node_at(left) : 0);
	kimage_set(&k, node_at(i), "rb_node", "rb_right", right ? node_at(right) : 0);
}

START_TEST(trees_are_walked_in_order)
{
	struct seen s = { 0 };
	open_plain();
	uint64_t root = node_at(0);
	ck_assert_int_eq(walk_rbtree(&k.view, root, 10, see, &s), WALK_WHOLE);
	ck_assert_uint_eq(s.count, 0);
	/* Numbers are the order: 4 is on top, 2 and 6 below, then 1, 3, 5, 7. */
	kimage_set(&k, root, "rb_root", "rb_node", node_at(4));
	set_node(4, 2, 6);
	set_node(2, 1, 3);
	set_node(6, 5, 7);
	ck_assert_int_eq(walk_rbtree(&k.view, root, 10, see, &s), WALK_WHOLE);
	ck_assert_uint_eq(s.count, 7);
	for (unsigned i = 0; i < 7; i++)
		ck_assert_uint_eq(s.node[i], node_at(i + 1));
	ck_assert_int_eq(walk_rbtree(&k.view, root, 6, see, &s), WALK_CAPPED);
	s = (struct seen){ .stop_at = 3 };
	ck_assert_int_eq(walk_rbtree(&k.view, root, 10, see, &s), WALK_STOPPED);
	set_node(1, 4, 0); /* left in a loop: deeper than any tree */
	ck_assert_int_eq(walk_rbtree(&k.view, root, 1000, see, &s), WALK_TORN);
	set_node(1, 0, 0);
	set_node(7, 0, 4); /* right in a loop: no end */
	ck_assert_int_eq(walk_rbtree(&k.view, root, 1000, see, &s), WALK_CAPPED);
	kimage_set(&k, node_at(7), "rb_node", "rb_right", 0xffff888ffffffff8u);
	ck_assert_int_eq(walk_rbtree(&k.view, root, 1000, see, &s), WALK_TORN);
	kimage_close(&k);
}
END_TEST

static uint64_t xa_node(unsigned shift)
{
	uint64_t node = kimage_alloc(&k, 1024);
	kimage_set(&k, node, "xa_node", "shift", shift);
	return node;
}

static void set_slot(uint64_t node, unsigned slot, uint64_t entry)
{
	kimage_put(&k, kimage_member(&k, node, "xa_node", "slots") + slot * 8, entry);
}

START_TEST(arrays_of_pointers_are_walked)
{
	struct seen s = { 0 };
	open_plain();
	uint64_t array = kimage_alloc(&k, 24), top = xa_node(6), low = xa_node(0);
	ck_assert_int_eq(walk_xarray(&k.view, array, 10, see_value, &s), WALK_WHOLE);
	ck_assert_uint_eq(s.count, 0);
	kimage_set(&k, array, "xarray", "xa_head", 0x1000);
	ck_assert_int_eq(walk_xarray(&k.view, array, 10, see_value, &s), WALK_WHOLE);
	ck_assert(s.count == 1 && s.node[0] == 0x1000);
	s = (struct seen){ 0 };
	kimage_set(&k, array, "xarray", "xa_head", top | 2);
	set_slot(top, 0, 0x2000);
	set_slot(top, 3, low | 2);
	set_slot(top, 4, 3 << 2 | 2); /* marks: a sibling, and an entry that is to be read again */
	set_slot(top, 5, 256 << 2 | 2);
	set_slot(low, 7, 0x3000);
	set_slot(low, 63, 0x4001); /* a number */
	ck_assert_int_eq(walk_xarray(&k.view, array, 10, see_value, &s), WALK_WHOLE);
	ck_assert_uint_eq(s.count, 3);
	ck_assert_uint_eq(s.node[1], (3ull * 64 + 7) << 32 | 0x3000);
	ck_assert_uint_eq(s.node[2], (3ull * 64 + 63) << 32 | 0x4001);
	s = (struct seen){ .stop_at = 2 };
	ck_assert_int_eq(walk_xarray(&k.view, array, 10, see_value, &s), WALK_STOPPED);
	set_slot(low, 7, low | 2); /* a node below itself */
	ck_assert_int_eq(walk_xarray(&k.view, array, 10, see_value, &s), WALK_TORN);
	for (unsigned i = 0; i < 64; i++)
		set_slot(low, i, top | 2);
	ck_assert_int_ne(walk_xarray(&k.view, array, 100000, see_value, &s), WALK_WHOLE);
	kimage_set(&k, low, "xa_node", "shift", 200);
	ck_assert_int_eq(walk_xarray(&k.view, array, 10, see_value, &s), WALK_TORN);
	kimage_close(&k);
}
END_TEST

static uint64_t bucket_table(unsigned size, unsigned nest)
{
	uint64_t table = kimage_alloc(&k, 64 + 8 * 64);
	kimage_set(&k, table, "bucket_table", "size", size);
	kimage_set(&k, table, "bucket_table", "nest", nest);
	return table;
}

static uint64_t bucket(uint64_t table, unsigned i)
{
	return kimage_member(&k, table, "bucket_table", "buckets") + i * 8;
}

START_TEST(hash_tables_are_walked)
{
	struct seen s = { 0 };
	open_plain();
	uint64_t hash = kimage_alloc(&k, 64), table = bucket_table(4, 0), next = bucket_table(2, 0);
	ck_assert_int_eq(walk_rhashtable(&k.view, hash, 10, see, &s), WALK_WHOLE);
	kimage_set(&k, hash, "rhashtable", "tbl", table);
	kimage_put(&k, bucket(table, 1), node_at(1) | 1); /* locked */
	kimage_put(&k, node_at(1), node_at(2));
	kimage_put(&k, node_at(2), bucket(table, 1) | 1); /* a nulls mark */
	kimage_put(&k, bucket(table, 3), node_at(3));
	ck_assert_int_eq(walk_rhashtable(&k.view, hash, 10, see, &s), WALK_WHOLE);
	ck_assert(s.count == 3 && s.node[0] == node_at(1) && s.node[2] == node_at(3));
	kimage_set(&k, table, "bucket_table", "future_tbl", next);
	kimage_put(&k, bucket(next, 0), node_at(4));
	s = (struct seen){ 0 };
	ck_assert_int_eq(walk_rhashtable(&k.view, hash, 10, see, &s), WALK_WHOLE);
	ck_assert_uint_eq(s.count, 4);
	ck_assert_int_eq(walk_rhashtable(&k.view, hash, 3, see, &s), WALK_CAPPED);
	s = (struct seen){ .stop_at = 1 };
	ck_assert_int_eq(walk_rhashtable(&k.view, hash, 10, see, &s), WALK_STOPPED);
	s = (struct seen){ 0 };
	kimage_put(&k, bucket(table, 0), 0x7ff0); /* one bucket is torn: the others are walked, and it is said */
	ck_assert_int_eq(walk_rhashtable(&k.view, hash, 10, see, &s), WALK_TORN);
	kimage_put(&k, bucket(table, 0), 0);
	kimage_put(&k, node_at(2), node_at(1));
	ck_assert_int_eq(walk_rhashtable(&k.view, hash, UINT32_MAX, see, &s), WALK_CAPPED);
	kimage_put(&k, node_at(2), 1);
	kimage_set(&k, table, "bucket_table", "size", 4000000000u);
	ck_assert_int_ne(walk_rhashtable(&k.view, hash, 10, see, &s), WALK_WHOLE);
	kimage_close(&k);
}
END_TEST

START_TEST(nested_hash_tables_are_walked)
{
	struct seen s = { 0 };
	open_plain();
	uint64_t hash = kimage_alloc(&k, 64), table = bucket_table(1024, 2);
	uint64_t first = kimage_alloc(&k, 4096), low = kimage_alloc(&k, 4096);
	kimage_set(&k, hash, "rhashtable", "tbl", table);
	kimage_put(&k, bucket(table, 0), first);
	kimage_put(&k, first + 8 * 3, low); /* buckets of which the lowest two bits are 3 */
	kimage_put(&k, low + 8 * 5, node_at(1));
	kimage_put(&k, node_at(1), 1);
	ck_assert_int_eq(walk_rhashtable(&k.view, hash, 10, see, &s), WALK_WHOLE);
	ck_assert(s.count == 1 && s.node[0] == node_at(1));
	kimage_set(&k, table, "bucket_table", "nest", 40);
	ck_assert_int_eq(walk_rhashtable(&k.view, hash, 10, see, &s), WALK_TORN);
	kimage_close(&k);
}
END_TEST

START_TEST(tasks_are_walked)
{
	struct seen s = { 0 };
	open_plain();
	kimage_fill(&k, 0, 0);
	ck_assert_int_eq(walk_tasks(&k.view, 100, see, &s), WALK_WHOLE);
	ck_assert_uint_eq(s.count, 0);
	kimage_add_task(&k, 1, "init", 0);
	uint64_t torn = kimage_add_task(&k, 10, "threads", 3);
	uint64_t last = kimage_add_task(&k, 20, "last", 1);
	ck_assert_int_eq(walk_tasks(&k.view, 100, see, &s), WALK_WHOLE);
	ck_assert(s.count == 7 && s.node[5] == last);
	s = (struct seen){ 0 };
	ck_assert_int_eq(walk_tasks(&k.view, 4, see, &s), WALK_CAPPED);
	ck_assert_uint_eq(s.count, 4);
	s = (struct seen){ .stop_at = 3 };
	ck_assert_int_eq(walk_tasks(&k.view, 100, see, &s), WALK_STOPPED);
	ck_assert_uint_eq(s.count, 3);
	/* One process is torn: the others are walked, and it is said. */
	s = (struct seen){ 0 };
	kimage_set(&k, torn, "task_struct", "signal", 0xdead000000000100u);
	ck_assert_int_eq(walk_tasks(&k.view, 100, see, &s), WALK_TORN);
	ck_assert_uint_eq(s.count, 3);
	kimage_put(&k, kimage_member(&k, last, "task_struct", "tasks"),
		   kimage_member(&k, torn, "task_struct", "tasks"));
	s = (struct seen){ 0 };
	ck_assert_int_eq(walk_tasks(&k.view, UINT32_MAX, see, &s), WALK_CAPPED);
	kimage_close(&k);
}
END_TEST

static char paths[1024];

static int see_path(struct view *v, const struct walk_cgroup *c, void *arg)
{
	unsigned *count = arg;
	(void)v;
	size_t len = strlen(paths);
	snprintf(paths + len, sizeof(paths) - len, "%s%s ", c->path, c->leaf ? "*" : "");
	return ++*count > 100;
}

static enum walk_end paths_below(const char *path, unsigned cap, int expected)
{
	enum walk_end end;
	unsigned count = 0;
	*paths = '\0';
	ck_assert_int_eq(walk_cgroups(&k.view, path, cap, see_path, &count, &end), expected);
	return end;
}

START_TEST(control_groups_are_walked)
{
	open_plain();
	uint64_t root = kimage_add_cgroup(&k, 0, "");
	uint64_t a = kimage_add_cgroup(&k, root, "a"), b = kimage_add_cgroup(&k, a, "b\x1b[1m");
	kimage_add_cgroup(&k, root, "c");
	kimage_add_cgroup(&k, a, "d");
	ck_assert_int_eq(paths_below("/", 100, 0), WALK_WHOLE);
	ck_assert_str_eq(paths, "/ /a /a/b?[1m* /a/d* /c* ");
	ck_assert_int_eq(paths_below("/a", 100, 0), WALK_WHOLE);
	ck_assert_str_eq(paths, "/a /a/b?[1m* /a/d* ");
	ck_assert_int_eq(paths_below("a/d/", 100, 0), WALK_WHOLE);
	ck_assert_str_eq(paths, "/a/d* ");
	paths_below("/b", 100, -ENOENT);
	paths_below("/a/dd", 100, -ENOENT);
	paths_below("/a/d/e", 100, -ENOENT);
	ck_assert_int_eq(paths_below("/", 3, 0), WALK_CAPPED);
	ck_assert_str_eq(paths, "/ /a /a/b?[1m* ");
	/* A group that is below itself. */
	uint64_t children = kimage_member(&k, b, "cgroup", "self.children");
	kimage_put(&k, children, kimage_member(&k, a, "cgroup", "self.sibling"));
	ck_assert_int_ne(paths_below("/", 64, 0), WALK_WHOLE);
	kimage_put(&k, children, 0);
	ck_assert_int_eq(paths_below("/", 64, 0), WALK_TORN);
	kimage_set(&k, a, "cgroup", "kn", 0);
	ck_assert_int_eq(paths_below("/", 64, 0), WALK_TORN);
	kimage_close(&k);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, lists_end);
	tcase_add_test(tc, hash_lists_end);
	tcase_add_test(tc, trees_are_walked_in_order);
	tcase_add_test(tc, arrays_of_pointers_are_walked);
	tcase_add_test(tc, hash_tables_are_walked);
	tcase_add_test(tc, nested_hash_tables_are_walked);
	tcase_add_test(tc, tasks_are_walked);
	tcase_add_test(tc, control_groups_are_walked);
}

int main(void)
{
	return t_main("monitor_walk", fill);
}
