/* SPDX-License-Identifier: GPL-2.0-only */
/* Tasks, dispatch queues and BPF maps of a dump, on a kernel made by hand: whole, torn, in loops, with huge counts. */
#include <string.h>

#include "kernel_image.h"
#include "monitor/dump.h"
#include "monitor/tasks.h"
#include "t.h"

#define HUGE_COUNT 4000000000u
#define SECONDS	   10 /* for a dump of anything, on a busy machine */

static struct kimage k;
static struct layout layout;
static uint64_t sched;

/* A guest with two CPUs, 32 MiB, and a scheduler without queues. */
static void open_guest(unsigned tasks, unsigned mib)
{
	kimage_open(&k, &(struct kimage_layout){ .mib = mib });
	kimage_fill(&k, tasks, 0);
	layout_init(&layout, k.image.types);
	sched = kimage_alloc(&k, types_size(k.image.types, "scx_sched"));
	kimage_put(&k, kimage_symbol(&k, "scx_root"), sched);
	for (unsigned cpu = 0; cpu < 2; cpu++)
		kimage_list_init(&k,
				 kimage_member(&k, kimage_per_cpu(&k, "runqueues", cpu), "rq", "scx.local_dsq.list"));
}

static json_t *dump(void)
{
	const struct dump_view view = { .parts = DUMP_ALL, .cpu = -1 };
	const struct dump_config config = { .inspect = { .view = &k.view, .layout = &layout }, .reason = "test" };
	_cleanup_buf_ struct buf text = BUF_NULL;
	nsec_t from = nsec_now();
	json_t *taken = dump_take(&config);
	ck_assert_ptr_nonnull(taken);
	dump_text(taken, &view, &text);
	ck_assert(nsec_now() - from < SECONDS * NSEC_PER_SEC);
	ck_assert_uint_gt(text.len, 0);
	return taken;
}

static json_int_t number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	ck_assert_msg(json_is_integer(value), "no number %s", key);
	return json_integer_value(value);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

/* --- tasks -------------------------------------------------------------------------------------------------------- */

/* Waits since @queued of a clock that is at about 1000. */
static uint64_t add_waiting(unsigned pid, uint64_t queued)
{
	uint64_t task = kimage_add_task(&k, pid, "waits", 0);
	kimage_set(&k, task, "task_struct", "on_rq", 1);
	kimage_set(&k, task, "task_struct", "sched_info.last_queued", queued);
	kimage_set(&k, task, "task_struct", "sched_class", kimage_symbol(&k, "ext_sched_class"));
	return task;
}

START_TEST(the_longest_wait_comes_first)
{
	open_guest(3, 0);
	kimage_set(&k, kimage_per_cpu(&k, "runqueues", 0), "rq", "clock", 5000000000u);
	add_waiting(100, 4000000000u);
	add_waiting(101, 1000000000u);
	add_waiting(102, 9000000000u); /* later than now: a clock of another CPU */
	json_t *d = dump(), *list = json_object_get(d, "task_enrichments"), *first = json_array_get(list, 0);
	ck_assert_uint_eq(json_array_size(list), 3);
	ck_assert_int_eq(number(d, "tasks_seen"), 6);
	ck_assert_int_eq(number(d, "tasks_waiting"), 3);
	ck_assert_int_eq(number(first, "pid"), 101);
	ck_assert_int_eq(number(first, "waits_ms"), 4000);
	ck_assert_str_eq(text_of(first, "sched_class"), "ext");
	ck_assert_int_eq(number(json_array_get(list, 2), "waits_ms"), 0);
	json_decref(d);
	kimage_close(&k);
}
END_TEST

static uint64_t add_blocked(unsigned pid, unsigned state, uint64_t parent)
{
	uint64_t task = kimage_add_task(&k, pid, "blocks", 0);
	kimage_set(&k, task, "task_struct", "__state", state);
	kimage_set(&k, task, "task_struct", "real_parent", parent);
	return task;
}

START_TEST(blocked_tasks)
{
	open_guest(1, 0);
	uint64_t shell = add_waiting(100, 900), kthreadd = kimage_add_task(&k, 2, "kthreadd", 0);
	add_blocked(105, 0x402, kthreadd); /* idle */
	add_blocked(104, 1, shell);	   /* sleeps, a signal wakes it */
	add_blocked(103, 0x102, shell);	   /* only a deadly one does */
	add_blocked(102, 2, kthreadd);
	add_blocked(101, 2, shell);
	json_t *d = dump(), *list = json_object_get(d, "task_enrichments");
	ck_assert_int_eq(number(d, "tasks_blocked"), 3);
	ck_assert_uint_eq(json_array_size(list), 4);
	for (unsigned i = 1; i < 4; i++) {
		ck_assert_int_eq(number(json_array_get(list, i), "pid"), 100 + i);
		ck_assert(json_is_true(json_object_get(json_array_get(list, i), "blocked")));
	}
	struct buf text = BUF_NULL;
	dump_text(d, &(struct dump_view){ .parts = DUMP_BLOCKED, .cpu = -1 }, &text);
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "blocked in the kernel: blocks[101]"));
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "blocked in the kernel: blocks[103]"));
	ck_assert_ptr_null(strstr(buf_str(&text), "[102]"));
	buf_done(&text);
	json_decref(d);
	kimage_close(&k);
}
END_TEST

START_TEST(five_thousand_tasks)
{
	open_guest(1, 64);
	for (unsigned i = 0; i < 5000; i++)
		add_waiting(100 + i, 900);
	json_t *d = dump(), *list = json_object_get(d, "task_enrichments");
	ck_assert_int_eq(number(d, "tasks_waiting"), 5000);
	ck_assert_uint_eq(json_array_size(list), TASKS_SHOWN_MAX);
	ck_assert_int_eq(number(d, "tasks_truncated"), 5000 - TASKS_SHOWN_MAX);
	ck_assert_ptr_null(json_object_get(d, "tasks_incomplete"));
	json_decref(d);
	kimage_close(&k);
}
END_TEST

START_TEST(torn_lists_of_tasks)
{
	open_guest(1, 0);
	uint64_t first = add_waiting(100, 900), last = add_waiting(101, 900);
	uint64_t next = kimage_member(&k, last, "task_struct", "tasks");
	kimage_put(&k, next, kimage_member(&k, first, "task_struct", "tasks"));
	json_t *d = dump();
	ck_assert_str_eq(text_of(d, "tasks_incomplete"), "there are more tasks, or their list loops");
	json_decref(d);
	kimage_put(&k, next, 0xdead000000000100u);
	d = dump();
	ck_assert_str_eq(text_of(d, "tasks_incomplete"), "the list of tasks is torn");
	ck_assert_int_eq(number(d, "tasks_waiting"), 2);
	json_decref(d);
	kimage_close(&k);
}
END_TEST

/* --- queues ------------------------------------------------------------------------------------------------------- */

static uint64_t add_queue(uint64_t id)
{
	uint64_t queue = kimage_alloc(&k, types_size(k.image.types, "scx_dispatch_q")), table = kimage_alloc(&k, 128);
	kimage_set(&k, queue, "scx_dispatch_q", "id", id);
	kimage_list_init(&k, kimage_member(&k, queue, "scx_dispatch_q", "list"));
	kimage_set(&k, table, "bucket_table", "size", 1);
	kimage_put(&k, kimage_member(&k, table, "bucket_table", "buckets"),
		   kimage_member(&k, queue, "scx_dispatch_q", "hash_node") | 1); /* bit 0: its lock */
	kimage_set(&k, queue, "scx_dispatch_q", "hash_node.next", 1);
	kimage_put(&k, kimage_member(&k, sched, "scx_sched", "dsq_hash.tbl"), table);
	return queue;
}

static uint64_t enqueue(uint64_t queue, unsigned pid)
{
	uint64_t task = add_waiting(pid, 900), node = kimage_member(&k, task, "task_struct", "scx.dsq_list.node");
	kimage_set(&k, task, "task_struct", "scx.dsq", queue);
	kimage_list_add(&k, kimage_member(&k, queue, "scx_dispatch_q", "list"), node);
	return task;
}

static const json_t *user_queue(const json_t *d)
{
	size_t i;
	const json_t *queue;
	json_array_foreach(json_object_get(d, "dsq_states"), i, queue)
		if (strcmp(text_of(queue, "origin"), "user") == 0)
			return queue;
	ck_abort_msg("no user queue");
	return NULL;
}

START_TEST(queues_list_their_tasks)
{
	open_guest(1, 0);
	uint64_t queue = add_queue(0x77);
	enqueue(queue, 100);
	uint64_t cursor = enqueue(queue, 101);
	enqueue(queue, 102);
	kimage_set(&k, cursor, "task_struct", "scx.dsq_list.flags", 1);
	kimage_set(&k, queue, "scx_dispatch_q", "nr", HUGE_COUNT);
	json_t *d = dump();
	const json_t *q = user_queue(d), *tasks = json_object_get(q, "tasks");
	ck_assert_str_eq(text_of(q, "id"), "0x77");
	ck_assert_int_eq(number(q, "nr"), HUGE_COUNT);
	ck_assert_uint_eq(json_array_size(tasks), 2);
	ck_assert_int_eq(number(json_array_get(tasks, 1), "pid"), 102);
	ck_assert_ptr_null(json_object_get(q, "tasks_truncated"));
	ck_assert_uint_eq(json_array_size(json_object_get(d, "dsq_states")), 3);
	json_decref(d);
	kimage_close(&k);
}
END_TEST

START_TEST(torn_queues)
{
	open_guest(1, 0);
	uint64_t queue = add_queue(0x77), first = enqueue(queue, 100), last = enqueue(queue, 101),
		 node = kimage_member(&k, last, "task_struct", "scx.dsq_list.node");
	kimage_put(&k, node, kimage_member(&k, first, "task_struct", "scx.dsq_list.node"));
	json_t *d = dump();
	ck_assert_str_eq(text_of(user_queue(d), "tasks_truncated"), "there are more, or the list loops");
	json_decref(d);
	kimage_put(&k, node, 0xdead000000000100u);
	d = dump();
	ck_assert_str_eq(text_of(user_queue(d), "tasks_truncated"), "the list is torn");
	json_decref(d);
	/* A table of four billion buckets, and one whose only bucket leads to itself. */
	uint64_t table = kimage_alloc(&k, 128);
	kimage_put(&k, kimage_member(&k, sched, "scx_sched", "dsq_hash.tbl"), table);
	kimage_set(&k, table, "bucket_table", "size", HUGE_COUNT);
	json_decref(dump());
	kimage_set(&k, queue, "scx_dispatch_q", "hash_node.next",
		   kimage_member(&k, queue, "scx_dispatch_q", "hash_node"));
	kimage_put(&k, kimage_member(&k, table, "bucket_table", "buckets"),
		   kimage_member(&k, queue, "scx_dispatch_q", "hash_node"));
	json_decref(dump());
	kimage_close(&k);
}
END_TEST

/* --- maps --------------------------------------------------------------------------------------------------------- */

enum { HASH = 1, ARRAY = 2, HASH_OF_MAPS = 13, SOCKHASH = 18, QUEUE = 22, STACK = 23, DEVMAP_HASH = 25 };

/* The only map of the guest, with room for @more bytes behind its struct. */
static uint64_t only_map(unsigned type, unsigned key_size, unsigned value_size, unsigned max_entries, unsigned more)
{
	uint64_t map = kimage_alloc(&k, 128 + more),
		 ids = kimage_member(&k, kimage_symbol(&k, "map_idr"), "idr", "idr_rt");
	kimage_set(&k, map, "bpf_map", "map_type", type);
	kimage_set(&k, map, "bpf_map", "key_size", key_size);
	kimage_set(&k, map, "bpf_map", "value_size", value_size);
	kimage_set(&k, map, "bpf_map", "max_entries", max_entries);
	kimage_set(&k, map, "bpf_map", "id", 5);
	kimage_write(&k, kimage_member(&k, map, "bpf_map", "name"), "one", 4);
	kimage_set(&k, ids, "xarray", "xa_head", map);
	return map;
}

/* The map's members in a dump, as compact JSON without the head that all have. */
static char *shown(void)
{
	static const char *const head[] = {
		"name", "id", "map_kva", "map_type", "key_size", "value_size", "max_entries"
	};
	json_t *d = dump(), *map = json_array_get(json_object_get(d, "maps"), 0);
	ck_assert_ptr_nonnull(map);
	ck_assert_str_eq(text_of(map, "name"), "one");
	for (size_t i = 0; i < ARRAY_SIZE(head); i++)
		json_object_del(map, head[i]);
	char *text = json_dumps(map, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(d);
	return text;
}

static void expect(const char *expected)
{
	_cleanup_free_ char *text = shown();
	ck_assert_str_eq(text, expected);
}

START_TEST(queues_and_stacks)
{
	open_guest(1, 0);
	uint64_t map = only_map(QUEUE, 0, 1, 3, 16);
	kimage_write(&k, kimage_member(&k, map, "bpf_queue_stack", "elements"), "abcd", 4);
	kimage_set(&k, map, "bpf_queue_stack", "size", 4);
	expect("{}");
	kimage_set(&k, map, "bpf_queue_stack", "tail", 3);
	kimage_set(&k, map, "bpf_queue_stack", "head", 1);
	expect("{\"array_entries\":[{\"key\":0,\"value\":{\"hex\":\"64\",\"kind\":\"bytes\"}},"
	       "{\"key\":1,\"value\":{\"hex\":\"61\",\"kind\":\"bytes\"}}]}");
	kimage_set(&k, map, "bpf_map", "map_type", STACK);
	expect("{\"array_entries\":[{\"key\":0,\"value\":{\"hex\":\"61\",\"kind\":\"bytes\"}},"
	       "{\"key\":1,\"value\":{\"hex\":\"64\",\"kind\":\"bytes\"}}]}");
	kimage_set(&k, map, "bpf_queue_stack", "head", 4);
	expect("{\"error\":\"the positions of its ring do not make sense\"}");
	kimage_set(&k, map, "bpf_queue_stack", "size", 0);
	expect("{\"error\":\"the positions of its ring do not make sense\"}");
	/* Four billion elements, of which the first few are in the guest's memory. */
	kimage_set(&k, map, "bpf_queue_stack", "size", HUGE_COUNT);
	kimage_set(&k, map, "bpf_queue_stack", "head", HUGE_COUNT - 1);
	kimage_set(&k, map, "bpf_queue_stack", "tail", 0);
	_cleanup_free_ char *text = shown();
	ck_assert_ptr_nonnull(strstr(text, "\"entries_truncated\":3999999999"));
	kimage_close(&k);
}
END_TEST

START_TEST(hashes_of_devices_and_sockets)
{
	open_guest(1, 0);
	uint64_t map = only_map(DEVMAP_HASH, 4, 8, 4, 0), buckets = kimage_alloc(&k, 64),
		 element = kimage_alloc(&k, 64);
	kimage_set(&k, map, "bpf_dtab", "dev_index_head", buckets);
	kimage_set(&k, map, "bpf_dtab", "n_buckets", 4);
	kimage_put(&k, buckets + 24, kimage_member(&k, element, "bpf_dtab_netdev", "index_hlist"));
	kimage_set(&k, element, "bpf_dtab_netdev", "idx", 500);
	kimage_set(&k, element, "bpf_dtab_netdev", "val.ifindex", 3);
	expect("{\"entries\":[{\"key\":{\"bits\":32,\"kind\":\"uint\",\"value\":500},\"value\":{\"kind\":\"struct\","
	       "\"members\":[{\"name\":\"ifindex\",\"value\":{\"bits\":32,\"kind\":\"uint\",\"value\":3}},"
	       "{\"name\":\"id\",\"value\":{\"bits\":32,\"kind\":\"uint\",\"value\":0}}],"
	       "\"type_name\":\"bpf_devmap_val\"}}]}");
	map = only_map(SOCKHASH, 2, 8, 4, 0);
	kimage_set(&k, map, "bpf_shtab", "buckets", buckets);
	kimage_set(&k, map, "bpf_shtab", "buckets_num", 2);
	kimage_put(&k, buckets + 24, kimage_member(&k, element, "bpf_shtab_elem", "node"));
	kimage_put(&k, kimage_member(&k, element, "bpf_shtab_elem", "node"), 0);
	kimage_set(&k, element, "bpf_shtab_elem", "sk", 0xffff888000001000u);
	kimage_write(&k, kimage_member(&k, element, "bpf_shtab_elem", "key"), "\x01\x02", 2);
	expect("{\"entries\":[{\"key\":{\"hex\":\"0102\",\"kind\":\"bytes\"},"
	       "\"value\":{\"kind\":\"ptr\",\"value\":\"0xffff888000001000\"}}]}");
	kimage_close(&k);
}
END_TEST

START_TEST(maps_of_maps)
{
	open_guest(1, 0);
	uint64_t map = only_map(HASH_OF_MAPS, 4, 4, 4, 0), buckets = kimage_alloc(&k, 64),
		 element = kimage_alloc(&k, 64);
	kimage_set(&k, map, "bpf_htab", "buckets", buckets);
	kimage_set(&k, map, "bpf_htab", "n_buckets", 1);
	kimage_put(&k, buckets, element);
	kimage_put(&k, element, 1);
	kimage_put(&k, kimage_member(&k, element, "htab_elem", "key"), 9);
	kimage_put(&k, kimage_member(&k, element, "htab_elem", "key") + 8, map);
	_cleanup_free_ char *text = shown();
	ck_assert_ptr_nonnull(strstr(text, "\"symbol\":\"map one, id 5\""));
	ck_assert_ptr_nonnull(strstr(text, "\"hex\":\"09000000\""));
	kimage_close(&k);
}
END_TEST

/* A million buckets, all of which lead to one chain of 4,000 elements. */
START_TEST(buckets_that_share_a_chain)
{
	const unsigned bucket_count = 1u << 20, elements = 4000;
	open_guest(1, 64);
	uint64_t map = only_map(HASH, 4, 4, 4, 0), buckets = kimage_alloc(&k, bucket_count * 16),
		 chain = kimage_alloc(&k, elements * 64);
	kimage_set(&k, map, "bpf_htab", "buckets", buckets);
	kimage_set(&k, map, "bpf_htab", "n_buckets", bucket_count);
	for (unsigned i = 0; i < bucket_count; i++)
		kimage_put(&k, buckets + i * 16, chain);
	for (unsigned i = 0; i < elements; i++)
		kimage_put(&k, chain + i * 64, i + 1 < elements ? chain + (i + 1) * 64 : 1);
	_cleanup_free_ char *text = shown();
	ck_assert_ptr_nonnull(strstr(text, "\"entries_truncated\":"));
	kimage_close(&k);
}
END_TEST

/* A chain that leads to itself, and each number of the map in turn at four billion. */
START_TEST(huge_maps)
{
	static const unsigned types[] = { 1,  2,  3,  5,  6,  7,  9,  12, 13, 14,
					  18, 22, 23, 24, 25, 26, 27, 29, 33, HUGE_COUNT };
	static const char *const counts[] = { "key_size", "value_size", "max_entries" };
	open_guest(1, 0);
	uint64_t buckets = kimage_alloc(&k, 64), element = kimage_alloc(&k, 4096);
	kimage_put(&k, buckets, element);
	kimage_put(&k, element, element);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		for (size_t c = 0; c <= ARRAY_SIZE(counts); c++) {
			uint64_t map = only_map(types[i], 4, 8, 4, 0);
			/* Hashes have these where others have other members: it must do no harm. */
			kimage_set(&k, map, "bpf_htab", "buckets", buckets);
			kimage_set(&k, map, "bpf_htab", "n_buckets", c == ARRAY_SIZE(counts) ? HUGE_COUNT : 1);
			if (c < ARRAY_SIZE(counts))
				kimage_set(&k, map, "bpf_map", counts[c], HUGE_COUNT);
			free(shown());
		}
	only_map(11, 4, 4, 4, 0);
	expect("{\"error\":\"maps of this type are not read\"}");
	kimage_close(&k);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, the_longest_wait_comes_first);
	tcase_add_test(tc, blocked_tasks);
	tcase_add_test(tc, five_thousand_tasks);
	tcase_add_test(tc, torn_lists_of_tasks);
	tcase_add_test(tc, queues_list_their_tasks);
	tcase_add_test(tc, torn_queues);
	tcase_add_test(tc, queues_and_stacks);
	tcase_add_test(tc, hashes_of_devices_and_sockets);
	tcase_add_test(tc, maps_of_maps);
	tcase_add_test(tc, buckets_that_share_a_chain);
	tcase_add_test(tc, huge_maps);
}

int main(void)
{
	return t_main("monitor_dump", fill);
}
