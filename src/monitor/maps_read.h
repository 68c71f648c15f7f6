/* SPDX-License-Identifier: GPL-2.0-only */
/* maps_read.h -- readers of the content of BPF maps, one for each kind. */
#ifndef KTSTR_MONITOR_MAPS_READ_H
#define KTSTR_MONITOR_MAPS_READ_H

#include "monitor/inspect.h"
#include "monitor/render.h"

#define MAP_ENTRIES_MAX	     4096
#define MAP_PERCPU_KEYS_MAX  256
#define MAP_BUCKETS_MAX	     (1u << 20)
#define MAP_ELEMENTS_MAX     (1u << 20) /* of all buckets that are visited, also to count what is not shown */
#define MAP_STACKS_MAX	     16384
#define MAP_STACK_FRAMES_MAX 128
#define MAP_VALUE_BYTES_MAX  (1u << 20) /* of one value */
#define MAP_INDICES_MAX	     1024

struct map {
	struct inspector *in;
	uint64_t kva;
	uint32_t type, key_size, value_size, max_entries;
	const struct btf *btf; /* NULL: values are shown as bytes */
	uint32_t key_type, value_type;
	const struct render_memory *memory;
	size_t *bytes_left; /* of what is shown of all maps */
	json_t *json;
};

/* Reads the content into map->json. NULL, or why it is not read. */
typedef const char *map_reader(struct map *m);

map_reader map_read_array, map_read_percpu_array, map_read_hash, map_read_storage, map_read_struct_ops,
	map_read_ringbuf, map_read_stacks, map_read_slots, map_read_maps, map_read_device_hash, map_read_socket_hash,
	map_read_queue, map_read_arena;

/* --- for the readers ---------------------------------------------------------------------------------------------- */

#define MAP_MISSING "this kernel's types do not describe maps of this type as they are known"

/* Puts the value at @address, by its type or as bytes. False: not readable, or no room is left. */
bool map_put_value(struct map *m, json_t **entry, const char *key, uint64_t address, uint32_t type, uint32_t size);
/* Puts a list of entries, and how many of @of are not in it. Takes it over. */
void map_put_list(struct map *m, json_t *list, const char *key, uint64_t of);
/* A pointer to an object, with its address and @text, which says what it is. */
void map_put_pointer(json_t **entry, const char *key, uint64_t address, const char *text);
/* The same of a map, by its name and id. */
void map_put_map(struct map *m, json_t **entry, const char *key, uint64_t address);
/* Calls @visit for the elements of all buckets of @size bytes, whose first pointer is at their start. */
void map_each_bucket(struct map *m, uint64_t buckets, uint64_t count, uint32_t size, walk_visit visit, void *arg);

#endif
