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
#define PAGE_BYTES	4096u
#define ARENA_GUARD	(1u << 15) /* bytes between the start of the kernel's area and the arena in it */
#define ARENA_PAGES_MAX (1u << 20)

static uint64_t round_up8(uint64_t value)
{
	return (value + 7) & ~7ull;
}

static bool has_field(const struct map *m, enum layout_field f)
{
	return field_present(m->in->layout->field[f]);
}

static const char missing[] = "this kernel's types do not describe maps of this type as they are known";

static void put_shown(struct map *m, json_t *list, const char *key, uint64_t of)
{
	size_t shown = json_array_size(list);
	inspect_put_list(&m->json, key, list);
	if (shown < of)
		json_put_u64(&m->json, "entries_truncated", of - shown);
}

/* --- values ------------------------------------------------------------------------------------------------------- */

/* Puts the value at @address, by its type or as bytes. False: not readable, or no room is left. */
static bool put_value(struct map *m, json_t **entry, const char *key, uint64_t address, uint32_t type, uint32_t size)
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

/* Puts one value for each CPU of a per-CPU pointer of the guest. */
static bool put_per_cpu(struct map *m, json_t **entry, uint64_t pointer)
{
	json_t *list = json_array();
	bool whole = true;
	for (unsigned cpu = 0; cpu < m->in->view->cpus; cpu++) {
		uint64_t at = view_per_cpu_pointer(m->in->view, pointer, cpu);
		json_t *value = json_object();
		json_put_u64(&value, "cpu", cpu);
		whole = whole && at && put_value(m, &value, "value", at, m->value_type, m->value_size);
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
		return missing;
	}
	if (m->max_entries == 1) {
		json_decref(list);
		return put_value(m, &m->json, "value", first, m->value_type, m->value_size)
			       ? NULL
			       : "its value is not readable";
	}
	for (uint32_t i = 0; i < MIN_OF(m->max_entries, MAP_ENTRIES_MAX + 0u); i++) {
		json_t *entry = json_object();
		json_put_u64(&entry, "key", i);
		if (!put_value(m, &entry, "value", first + i * stride, m->value_type, m->value_size)) {
			json_decref(entry);
			break;
		}
		json_add(&list, entry);
	}
	put_shown(m, list, "array_entries", m->max_entries);
	return NULL;
}

const char *map_read_percpu_array(struct map *m)
{
	uint64_t pointers = inspect_member(m->in, LAYOUT_ARRAY_VALUE, m->kva), pointer;
	if (!pointers)
		return missing;
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
	put_shown(m, list, "percpu_entries", m->max_entries);
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
	bool whole = put_value(m, &entry, "key", key, m->key_type, m->key_size);
	if (h->per_cpu)
		whole = whole && view_read_u64(v, value, 8, &pointer) && put_per_cpu(m, &entry, pointer);
	else
		whole = whole && put_value(m, &entry, "value", value, m->value_type, m->value_size);
	if (!whole) {
		json_decref(entry);
		return 0;
	}
	json_add(&h->list, entry);
	h->left--;
	return 0;
}

/* Calls @visit for the elements of all buckets of @size bytes, whose first pointer is at their start. */
static void each_bucket(struct map *m, uint64_t buckets, uint64_t count, uint32_t size, walk_visit visit, void *arg)
{
	uint64_t first;
	for (uint64_t i = 0; i < MIN_OF(count, (uint64_t)MAP_BUCKETS_MAX); i++)
		if (view_read_u64(m->in->view, buckets + i * size, 8, &first) && first && !(first & 1))
			walk_hlist(m->in->view, first, MAP_ENTRIES_MAX, visit, arg);
}

const char *map_read_hash(struct map *m)
{
	uint64_t buckets = inspect_get(m->in, LAYOUT_HTAB_BUCKETS, m->kva),
		 count = inspect_get(m->in, LAYOUT_HTAB_BUCKET_COUNT, m->kva);
	uint32_t size = m->in->layout->size[LAYOUT_SIZE_BUCKET];
	if (!buckets || !size || !has_field(m, LAYOUT_HTAB_KEY))
		return missing;
	struct hashing h = { .map = m,
			     .list = json_array(),
			     .left = MAP_ENTRIES_MAX,
			     .per_cpu = m->type == PERCPU_HASH || m->type == LRU_PERCPU_HASH };
	each_bucket(m, buckets, count, size, hash_element, &h);
	put_shown(m, h.list, h.per_cpu ? "percpu_hash_entries" : "entries", h.seen);
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
	if (!put_value(m, &entry, "value", data, m->value_type, m->value_size)) {
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
		return missing;
	struct hashing h = { .map = m, .list = json_array(), .left = MAP_ENTRIES_MAX };
	each_bucket(m, buckets, 1ull << log, size, storage_element, &h);
	put_shown(m, h.list, "entries", h.seen);
	return NULL;
}

/* --- others ------------------------------------------------------------------------------------------------------- */

const char *map_read_struct_ops(struct map *m)
{
	uint64_t value = inspect_member(m->in, LAYOUT_STRUCT_OPS_VALUE, m->kva), state;
	if (!value)
		return missing;
	if (inspect_read(m->in, LAYOUT_STRUCT_OPS_STATE, value, &state))
		inspect_put_variant(m->in, &m->json, "state", LAYOUT_ENUM_STRUCT_OPS, state);
	return put_value(m, &m->json, "value", value, m->value_type, m->value_size) ? NULL
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
	json_t *json = json_object(), *list = json_array();
	for (uint64_t i = 0; buckets && i < MIN_OF(count, (uint64_t)MAP_STACKS_MAX); i++)
		if (view_read_u64(m->in->view, buckets + i * 8, 8, &bucket) && bucket)
			json_add(&list, stack_bucket(m, bucket, i));
	json_put_u64(&json, "n_buckets", count);
	json_put(&json, "entries", list);
	json_put_bool(&json, "truncated", count > MAP_STACKS_MAX);
	json_put(&m->json, "stack_trace", json);
	return buckets ? NULL : missing;
}

/* Where the slots of a map of other objects are: inside the map, or behind a pointer. */
static uint64_t slots_of(struct map *m)
{
	static const struct {
		uint32_t type;
		enum layout_field field;
		bool behind;
	} slots[] = { { 14, LAYOUT_DEVMAP_SLOTS, true },
		      { 15, LAYOUT_SOCKMAP_SLOTS, true },
		      { 16, LAYOUT_CPUMAP_SLOTS, true },
		      { 17, LAYOUT_XSKMAP_SLOTS, false },
		      { 20, LAYOUT_REUSEPORT_SLOTS, false } };
	for (size_t i = 0; i < ARRAY_SIZE(slots); i++)
		if (slots[i].type == m->type)
			return slots[i].behind ? inspect_get(m->in, slots[i].field, m->kva)
					       : inspect_member(m->in, slots[i].field, m->kva);
	return inspect_member(m->in, LAYOUT_ARRAY_VALUE, m->kva);
}

const char *map_read_slots(struct map *m)
{
	uint64_t slots = slots_of(m), slot, populated = 0;
	uint32_t scanned = MIN_OF(m->max_entries, MAP_ENTRIES_MAX + 0u);
	if (!slots)
		return missing;
	json_t *json = json_object(), *indices = json_array();
	for (uint32_t i = 0; i < scanned; i++) {
		if (!view_read_u64(m->in->view, slots + i * 8ull, 8, &slot) || !slot)
			continue;
		if (populated++ < MAP_INDICES_MAX)
			json_add(&indices, json_u64(i));
	}
	json_put_u64(&json, "populated", populated);
	json_put_u64(&json, "scanned", scanned);
	json_put(&json, "indices", indices);
	json_put_bool(&json, "truncated", scanned < m->max_entries || populated > MAP_INDICES_MAX);
	json_put(&m->json, "fd_array", json);
	return NULL;
}

const char *map_read_arena(struct map *m)
{
	uint64_t user = inspect_get(m->in, LAYOUT_ARENA_USER_START, m->kva),
		 area = inspect_get(m->in, LAYOUT_VM_ADDRESS, inspect_get(m->in, LAYOUT_ARENA_KERNEL, m->kva)),
		 pages = 0, physical;
	uint32_t scanned = MIN_OF(m->max_entries, ARENA_PAGES_MAX);
	if (!area)
		return missing;
	json_t *json = json_object(), *list = json_array();
	for (uint32_t i = 0; i < scanned; i++) {
		uint64_t at = user + (uint64_t)i * PAGE_BYTES;
		/* The kernel's area has one address for each value of the lower half of a user address. */
		if (!view_translate(m->in->view, area + ARENA_GUARD + (uint32_t)at, &physical))
			continue;
		if (pages++ < MAP_INDICES_MAX)
			json_add(&list, json_u64(i));
	}
	inspect_put_address(&json, "user_vm_start", user);
	json_put_u64(&json, "declared_pages", m->max_entries);
	json_put_u64(&json, "populated_pages", pages);
	json_put(&json, "pages", list);
	json_put_bool(&json, "truncated", scanned < m->max_entries || pages > MAP_INDICES_MAX);
	json_put(&m->json, "arena", json);
	return NULL;
}
