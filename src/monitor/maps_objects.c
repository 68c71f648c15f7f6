/* SPDX-License-Identifier: GPL-2.0-only */
/* maps_objects.c -- the content of BPF maps of other objects (maps, programs, devices, sockets), queues and arenas. */
#include <inttypes.h>
#include <string.h>

#include "monitor/maps_read.h"

#define QUEUE		  22
#define PAGE_BYTES	  4096u
#define ARENA_GUARD	  (1u << 15) /* bytes between the start of the kernel's area and the arena in it */
#define ARENA_PAGES_MAX	  (1u << 20)
#define ARENA_PAGES_SHOWN 64u /* with their bytes */

/* --- slots -------------------------------------------------------------------------------------------------------- */

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
		return MAP_MISSING;
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

const char *map_read_maps(struct map *m)
{
	uint64_t slots = slots_of(m), slot;
	json_t *list = json_array();
	for (uint32_t i = 0; slots && i < MIN_OF(m->max_entries, MAP_ENTRIES_MAX + 0u); i++) {
		if (!view_read_u64(m->in->view, slots + i * 8ull, 8, &slot) || !slot)
			continue;
		json_t *entry = json_object();
		json_put_u64(&entry, "key", i);
		map_put_map(m, &entry, "value", slot);
		json_add(&list, entry);
	}
	inspect_put_list(&m->json, "array_entries", list);
	return map_read_slots(m);
}

/* --- hashes of devices and sockets -------------------------------------------------------------------------------- */

struct hashing {
	struct map *map;
	json_t *list;
	uint64_t seen;
};

static void put_number(json_t **entry, const char *key, uint64_t number)
{
	json_t *value = json_object();
	json_put_text(&value, "kind", "uint");
	json_put_u64(&value, "bits", 32);
	json_put_u64(&value, "value", number);
	json_put(entry, key, value);
}

static int device_element(struct view *v, uint64_t node, void *arg)
{
	struct hashing *h = arg;
	struct map *m = h->map;
	struct field value = m->in->layout->field[LAYOUT_DEVICE_VALUE];
	uint64_t device = inspect_object(m->in, LAYOUT_DEVICE_NODE, node);
	json_t *entry = json_object();
	(void)v;
	put_number(&entry, "key", inspect_get(m->in, LAYOUT_DEVICE_KEY, device));
	if (h->seen++ < MAP_ENTRIES_MAX &&
	    map_put_value(m, &entry, "value", device + value.offset, value.type, value.size))
		json_add(&h->list, entry);
	else
		json_decref(entry);
	return 0;
}

const char *map_read_device_hash(struct map *m)
{
	uint64_t buckets = inspect_get(m->in, LAYOUT_DEVMAP_BUCKETS, m->kva),
		 count = inspect_get(m->in, LAYOUT_DEVMAP_BUCKET_COUNT, m->kva);
	struct hashing h = { .map = m };
	if (!buckets || !field_present(m->in->layout->field[LAYOUT_DEVICE_NODE]) ||
	    !field_present(m->in->layout->field[LAYOUT_DEVICE_VALUE]))
		return MAP_MISSING;
	h.list = json_array();
	m->btf = types_btf(m->in->layout->types); /* these maps have no types of their own */
	map_each_bucket(m, buckets, count, 8, device_element, &h);
	map_put_list(m, h.list, "entries", h.seen);
	return NULL;
}

static int socket_element(struct view *v, uint64_t node, void *arg)
{
	struct hashing *h = arg;
	struct map *m = h->map;
	uint64_t element = inspect_object(m->in, LAYOUT_SOCKHASH_NODE, node);
	json_t *entry = json_object();
	(void)v;
	bool whole = map_put_value(m, &entry, "key", inspect_member(m->in, LAYOUT_SOCKHASH_KEY, element), m->key_type,
				   m->key_size);
	map_put_pointer(&entry, "value", inspect_get(m->in, LAYOUT_SOCKHASH_SOCKET, element), "");
	if (h->seen++ < MAP_ENTRIES_MAX && whole)
		json_add(&h->list, entry);
	else
		json_decref(entry);
	return 0;
}

const char *map_read_socket_hash(struct map *m)
{
	uint64_t buckets = inspect_get(m->in, LAYOUT_SOCKHASH_BUCKETS, m->kva),
		 count = inspect_get(m->in, LAYOUT_SOCKHASH_BUCKET_COUNT, m->kva);
	uint32_t size = m->in->layout->size[LAYOUT_SIZE_SOCKHASH_BUCKET];
	struct hashing h = { .map = m };
	if (!buckets || !size || !field_present(m->in->layout->field[LAYOUT_SOCKHASH_NODE]) ||
	    !field_present(m->in->layout->field[LAYOUT_SOCKHASH_KEY]))
		return MAP_MISSING;
	h.list = json_array();
	map_each_bucket(m, buckets, count, size, socket_element, &h);
	map_put_list(m, h.list, "entries", h.seen);
	return NULL;
}

/* --- queues ------------------------------------------------------------------------------------------------------- */

/*
 * A ring of `size` elements, one of which is always free: those from `tail` to `head` are in use. A queue gives the one
 * at `tail` next, a stack the one before `head`. Entry 0 is the one that is given next.
 */
const char *map_read_queue(struct map *m)
{
	uint64_t elements = inspect_member(m->in, LAYOUT_QUEUE_ELEMENTS, m->kva),
		 size = inspect_get(m->in, LAYOUT_QUEUE_SIZE, m->kva),
		 head = inspect_get(m->in, LAYOUT_QUEUE_HEAD, m->kva),
		 tail = inspect_get(m->in, LAYOUT_QUEUE_TAIL, m->kva);
	if (!elements)
		return MAP_MISSING;
	if (!size || head >= size || tail >= size)
		return "the positions of its ring do not make sense";
	uint64_t count = (head + size - tail) % size;
	json_t *list = json_array();
	for (uint64_t i = 0; i < MIN_OF(count, (uint64_t)MAP_ENTRIES_MAX); i++) {
		uint64_t at = m->type == QUEUE ? (tail + i) % size : (head + size - 1 - i) % size;
		json_t *entry = json_object();
		json_put_u64(&entry, "key", i);
		if (!map_put_value(m, &entry, "value", elements + at * m->value_size, m->value_type, m->value_size)) {
			json_decref(entry);
			break;
		}
		json_add(&list, entry);
	}
	map_put_list(m, list, "array_entries", count);
	return NULL;
}

/* --- arenas ------------------------------------------------------------------------------------------------------- */

/* The bytes of a page without the zeros at its end. */
static void put_page(struct map *m, json_t **list, uint32_t number, uint64_t at)
{
	uint8_t page[PAGE_BYTES];
	uint32_t used = PAGE_BYTES;
	if (!view_read(m->in->view, at, page, sizeof(page)))
		return;
	while (used && !page[used - 1])
		used--;
	if (!used || used > *m->bytes_left)
		return;
	*m->bytes_left -= used;
	json_t *entry = json_object();
	json_put_u64(&entry, "page", number);
	json_put(&entry, "value", render_bytes(page, used));
	json_add(list, entry);
}

const char *map_read_arena(struct map *m)
{
	uint64_t user = inspect_get(m->in, LAYOUT_ARENA_USER_START, m->kva),
		 area = inspect_get(m->in, LAYOUT_VM_ADDRESS, inspect_get(m->in, LAYOUT_ARENA_KERNEL, m->kva)),
		 pages = 0, physical;
	uint32_t scanned = MIN_OF(m->max_entries, ARENA_PAGES_MAX);
	if (!area)
		return MAP_MISSING;
	json_t *json = json_object(), *list = json_array(), *content = json_array();
	for (uint32_t i = 0; i < scanned; i++) {
		uint64_t at = user + (uint64_t)i * PAGE_BYTES;
		/* The kernel's area has one address for each value of the lower half of a user address. */
		uint64_t kernel = area + ARENA_GUARD + (uint32_t)at;
		if (!view_translate(m->in->view, kernel, &physical))
			continue;
		if (pages < ARENA_PAGES_SHOWN)
			put_page(m, &content, i, kernel);
		if (pages++ < MAP_INDICES_MAX)
			json_add(&list, json_u64(i));
	}
	inspect_put_address(&json, "user_vm_start", user);
	json_put_u64(&json, "declared_pages", m->max_entries);
	json_put_u64(&json, "populated_pages", pages);
	json_put(&json, "pages", list);
	inspect_put_list(&json, "content", content);
	json_put_bool(&json, "truncated", scanned < m->max_entries || pages > MAP_INDICES_MAX);
	json_put(&m->json, "arena", json);
	return NULL;
}
