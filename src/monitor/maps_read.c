/* SPDX-License-Identifier: GPL-2.0-only */
/* maps_read.c -- the content of each type of BPF map. Every loop has a limit, and says when it reached it. */
#include <inttypes.h>
#include <string.h>

#include "monitor/maps_read.h"
#include "monitor/tasks.h"

#define TASK_STORAGE	29
#define CGROUP_STORAGE	32
#define PERCPU_HASH	5
#define LRU_PERCPU_HASH 10
#define HASH_OF_MAPS	13
#define STACK_BUILD_IDS 32u /* BPF_F_STACK_BUILD_ID */

static uint64_t round_up8(uint64_t value)
{
	return (value + 7) & ~7ull;
}

static bool has_field(const struct map *m, enum layout_field f)
{
	return field_present(m->in->layout->field[f]);
}

void map_put_list(struct map *m, json_t *list, const char *key, uint64_t of)
{
	size_t shown = json_array_size(list);
	inspect_put_list(&m->json, key, list);
	if (shown < of)
		json_put_u64(&m->json, "entries_truncated", of - shown);
}

/* --- values ------------------------------------------------------------------------------------------------------- */

bool map_put_value(struct map *m, json_t **entry, const char *key, uint64_t address, uint32_t type, uint32_t size)
{
	if (!size || size > MAP_VALUE_BYTES_MAX || size > *m->bytes_left)
		return false;
	_cleanup_free_ void *data = malloc(size);
	if (!data || !view_read(m->in->view, address, data, size))
		return false;
	*m->bytes_left -= size;
	json_put(entry, key,
		 m->btf && type ? render_value(m->btf, type, data, size, m->memory) : render_bytes(data, size));
	return true;
}

void map_put_pointer(json_t **entry, const char *key, uint64_t address, const char *text)
{
	json_t *value = json_object();
	json_put_text(&value, "kind", "ptr");
	inspect_put_address(&value, "value", address);
	if (*text)
		json_put_text(&value, "symbol", text);
	json_put(entry, key, value);
}

void map_put_map(struct map *m, json_t **entry, const char *key, uint64_t address)
{
	char name[64], text[128];
	inspect_member_text(m->in, LAYOUT_MAP_NAME, address, name, sizeof(name));
	snprintf(text, sizeof(text), "map %s, id %" PRIu64, name, inspect_get(m->in, LAYOUT_MAP_ID, address));
	map_put_pointer(entry, key, address, text);
}

/* Puts one value for each CPU of a per-CPU pointer of the guest. */
static bool put_per_cpu(struct map *m, json_t **entry, uint64_t pointer)
{
	json_t *list = json_array();
	bool whole = true;
	for (unsigned cpu = 0; cpu < m->in->view->cpus; cpu++) {
		uint64_t at = view_per_cpu_pointer(m->in->view, pointer, cpu);
		json_t *value = json_object();
		json_put_u64(&value, "cpu", cpu);
		whole = whole && at && map_put_value(m, &value, "value", at, m->value_type, m->value_size);
		json_add(&list, value);
	}
	json_put(entry, "per_cpu", list);
	return whole;
}

/* --- arrays ------------------------------------------------------------------------------------------------------- */

const char *map_read_array(struct map *m)
{
	uint64_t first = inspect_member(m->in, LAYOUT_ARRAY_VALUE, m->kva), stride = round_up8(m->value_size);
	json_t *list = json_array();
	if (!first) {
		json_decref(list);
		return MAP_MISSING;
	}
	if (m->max_entries == 1) {
		json_decref(list);
		return map_put_value(m, &m->json, "value", first, m->value_type, m->value_size)
			       ? NULL
			       : "its value is not readable";
	}
	for (uint32_t i = 0; i < MIN_OF(m->max_entries, MAP_ENTRIES_MAX + 0u); i++) {
		json_t *entry = json_object();
		json_put_u64(&entry, "key", i);
		if (!map_put_value(m, &entry, "value", first + i * stride, m->value_type, m->value_size)) {
			json_decref(entry);
			break;
		}
		json_add(&list, entry);
	}
	map_put_list(m, list, "array_entries", m->max_entries);
	return NULL;
}

const char *map_read_percpu_array(struct map *m)
{
	uint64_t pointers = inspect_member(m->in, LAYOUT_ARRAY_VALUE, m->kva), pointer;
	if (!pointers)
		return MAP_MISSING;
	json_t *list = json_array();
	for (uint32_t i = 0; i < MIN_OF(m->max_entries, MAP_PERCPU_KEYS_MAX + 0u); i++) {
		json_t *entry = json_object();
		json_put_u64(&entry, "key", i);
		if (!view_read_u64(m->in->view, pointers + i * 8ull, 8, &pointer) || !put_per_cpu(m, &entry, pointer)) {
			json_decref(entry);
			break;
		}
		json_add(&list, entry);
	}
	map_put_list(m, list, "percpu_entries", m->max_entries);
	return NULL;
}

/* --- hashes ------------------------------------------------------------------------------------------------------- */

struct hashing {
	struct map *map;
	json_t *list;
	bool per_cpu;
	unsigned left; /* entries that may still be shown */
	uint64_t seen;
};

static int hash_element(struct view *v, uint64_t element, void *arg)
{
	struct hashing *h = arg;
	struct map *m = h->map;
	uint64_t key = inspect_member(m->in, LAYOUT_HTAB_KEY, element), value = key + round_up8(m->key_size), pointer;
	h->seen++;
	if (!h->left)
		return 0;
	json_t *entry = json_object();
	bool whole = map_put_value(m, &entry, "key", key, m->key_type, m->key_size);
	if (m->type == HASH_OF_MAPS && view_read_u64(v, value, 8, &pointer))
		map_put_map(m, &entry, "value", pointer);
	else if (h->per_cpu)
		whole = whole && view_read_u64(v, value, 8, &pointer) && put_per_cpu(m, &entry, pointer);
	else
		whole = whole && map_put_value(m, &entry, "value", value, m->value_type, m->value_size);
	if (!whole) {
		json_decref(entry);
		return 0;
	}
	json_add(&h->list, entry);
	h->left--;
	return 0;
}

/* Elements of all buckets together are limited: a guest may have all buckets lead to one long chain. */
struct counting {
	walk_visit visit;
	void *arg;
	uint64_t left;
};

static int count_element(struct view *v, uint64_t element, void *arg)
{
	struct counting *c = arg;
	if (!c->left)
		return 1;
	c->left--;
	return c->visit(v, element, c->arg);
}

void map_each_bucket(struct map *m, uint64_t buckets, uint64_t count, uint32_t size, walk_visit visit, void *arg)
{
	struct counting c = { .visit = visit, .arg = arg, .left = MAP_ELEMENTS_MAX };
	uint64_t first;
	for (uint64_t i = 0; i < MIN_OF(count, (uint64_t)MAP_BUCKETS_MAX) && c.left; i++)
		if (view_read_u64(m->in->view, buckets + i * size, 8, &first) && first && !(first & 1))
			walk_hlist(m->in->view, first, MAP_ENTRIES_MAX, count_element, &c);
}

const char *map_read_hash(struct map *m)
{
	uint64_t buckets = inspect_get(m->in, LAYOUT_HTAB_BUCKETS, m->kva),
		 count = inspect_get(m->in, LAYOUT_HTAB_BUCKET_COUNT, m->kva);
	uint32_t size = m->in->layout->size[LAYOUT_SIZE_BUCKET];
	if (!buckets || !size || !has_field(m, LAYOUT_HTAB_KEY))
		return MAP_MISSING;
	struct hashing h = { .map = m,
			     .list = json_array(),
			     .left = MAP_ENTRIES_MAX,
			     .per_cpu = m->type == PERCPU_HASH || m->type == LRU_PERCPU_HASH };
	map_each_bucket(m, buckets, count, size, hash_element, &h);
	map_put_list(m, h.list, h.per_cpu ? "percpu_hash_entries" : "entries", h.seen);
	return NULL;
}

/* --- storage of tasks, cgroups, inodes and sockets ---------------------------------------------------------------- */

static void put_owner(struct map *m, uint64_t owner, json_t **entry)
{
	char path[1024];
	inspect_put_address(entry, "owner_kva", owner);
	if (m->type == TASK_STORAGE) {
		inspect_put(m->in, entry, "pid", LAYOUT_TASK_PID, owner);
		inspect_put_text(m->in, entry, "comm", LAYOUT_TASK_COMM, owner);
	} else if (m->type == CGROUP_STORAGE) {
		cgroup_path(m->in, owner, path, sizeof(path));
		json_put_text(entry, "cgroup", path);
	}
}

static int storage_element(struct view *v, uint64_t element, void *arg)
{
	struct hashing *h = arg;
	struct map *m = h->map;
	uint64_t data = inspect_member(m->in, LAYOUT_STORAGE_BYTES,
				       inspect_member(m->in, LAYOUT_STORAGE_DATA, element)),
		 storage = inspect_get(m->in, LAYOUT_STORAGE_OF, element);
	(void)v;
	h->seen++;
	if (!h->left)
		return 0;
	json_t *entry = json_object();
	put_owner(m, inspect_get(m->in, LAYOUT_STORAGE_OWNER, storage), &entry);
	if (!map_put_value(m, &entry, "value", data, m->value_type, m->value_size)) {
		json_decref(entry);
		return 0;
	}
	json_add(&h->list, entry);
	h->left--;
	return 0;
}

const char *map_read_storage(struct map *m)
{
	uint64_t buckets = inspect_get(m->in, LAYOUT_STORAGE_BUCKETS, m->kva),
		 log = inspect_get(m->in, LAYOUT_STORAGE_LOG, m->kva);
	uint32_t size = m->in->layout->size[LAYOUT_SIZE_STORAGE_BUCKET];
	if (!buckets || !size || log > 16 || !has_field(m, LAYOUT_STORAGE_BYTES))
		return MAP_MISSING;
	struct hashing h = { .map = m, .list = json_array(), .left = MAP_ENTRIES_MAX };
	map_each_bucket(m, buckets, 1ull << log, size, storage_element, &h);
	map_put_list(m, h.list, "entries", h.seen);
	return NULL;
}

/* --- others ------------------------------------------------------------------------------------------------------- */

const char *map_read_struct_ops(struct map *m)
{
	uint64_t value = inspect_member(m->in, LAYOUT_STRUCT_OPS_VALUE, m->kva), state;
	if (!value)
		return MAP_MISSING;
	if (inspect_read(m->in, LAYOUT_STRUCT_OPS_STATE, value, &state))
		inspect_put_variant(m->in, &m->json, "state", LAYOUT_ENUM_STRUCT_OPS, state);
	return map_put_value(m, &m->json, "value", value, m->value_type, m->value_size) ? NULL
											: "its value is not readable";
}

const char *map_read_ringbuf(struct map *m)
{
	uint64_t ring = inspect_get(m->in, LAYOUT_RINGBUF_OF, m->kva), mask, consumer, producer;
	json_t *json = json_object();
	if (!inspect_read(m->in, LAYOUT_RINGBUF_MASK, ring, &mask) ||
	    !inspect_read(m->in, LAYOUT_RINGBUF_CONSUMER, ring, &consumer) ||
	    !inspect_read(m->in, LAYOUT_RINGBUF_PRODUCER, ring, &producer)) {
		json_decref(json);
		return "the positions of its buffer are not readable";
	}
	json_put_u64(&json, "capacity", mask + 1);
	json_put_u64(&json, "consumer_pos", consumer);
	json_put_u64(&json, "producer_pos", producer);
	inspect_put(m->in, &json, "pending_pos", LAYOUT_RINGBUF_PENDING, ring);
	json_put_u64(&json, "pending_bytes", producer - consumer);
	json_put(&m->json, "ringbuf", json);
	return NULL;
}

static json_t *stack_bucket(struct map *m, uint64_t bucket, uint64_t id)
{
	uint64_t nr = inspect_get(m->in, LAYOUT_STACK_NR, bucket),
		 data = inspect_member(m->in, LAYOUT_STACK_DATA, bucket), pc;
	json_t *json = json_object(), *list = json_array();
	json_put_u64(&json, "bucket_id", id);
	json_put_u64(&json, "nr", nr);
	for (unsigned i = 0; data && i < MIN_OF(nr, MAP_STACK_FRAMES_MAX + 0ul); i++) {
		char name[SYMBOL_TEXT_MAX];
		if (!view_read_u64(m->in->view, data + i * 8, 8, &pc))
			break;
		inspect_code(m->in, pc, i > 0, name);
		json_add(&list, json_text(name));
	}
	json_put(&json, "pcs", list);
	return json;
}

const char *map_read_stacks(struct map *m)
{
	uint64_t count = inspect_get(m->in, LAYOUT_STACKS_COUNT, m->kva),
		 buckets = inspect_member(m->in, LAYOUT_STACKS_BUCKETS, m->kva), bucket;
	if (inspect_get(m->in, LAYOUT_MAP_FLAGS, m->kva) & STACK_BUILD_IDS)
		return "stacks of build ids are not read";
	json_t *json = json_object(), *list = json_array();
	for (uint64_t i = 0; buckets && i < MIN_OF(count, (uint64_t)MAP_STACKS_MAX); i++)
		if (view_read_u64(m->in->view, buckets + i * 8, 8, &bucket) && bucket)
			json_add(&list, stack_bucket(m, bucket, i));
	json_put_u64(&json, "n_buckets", count);
	json_put(&json, "entries", list);
	json_put_bool(&json, "truncated", count > MAP_STACKS_MAX);
	json_put(&m->json, "stack_trace", json);
	return buckets ? NULL : MAP_MISSING;
}
