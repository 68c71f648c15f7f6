/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * maps.h -- the BPF maps of the guest with their content, by the types that the maps' own BTF gives. Types of maps that
 * are not read have a member "error" that says so.
 */
#ifndef KTSTR_MONITOR_MAPS_H
#define KTSTR_MONITOR_MAPS_H

#include "base/time.h"
#include "monitor/inspect.h"
#include "monitor/programs.h"
#include "monitor/render.h"

#define MAPS_MAX	     65536
#define MAP_ENTRIES_MAX	     4096
#define MAP_PERCPU_KEYS_MAX  256
#define MAP_BUCKETS_MAX	     (1u << 20)
#define MAP_STACKS_MAX	     16384
#define MAP_STACK_FRAMES_MAX 128
#define MAP_VALUE_BYTES_MAX  (1u << 20) /* of one value */
#define MAPS_BYTES_MAX	     (8u << 20) /* of all values together, what is shown */
#define MAP_INDICES_MAX	     1024

struct maps_found {
	struct active_object active;
	nsec_t deadline_nsec; /* 0: none */
	unsigned skipped;     /* maps that were left out at the deadline */
	const char *why;      /* if there are no maps */
};

/* All maps, those of the active scheduler first. */
json_t *maps_render(struct inspector *in, struct maps_found *found);

/* --- between maps.c and maps_read.c ------------------------------------------------------------------------------- */

struct map {
	struct inspector *in;
	uint64_t kva;
	uint32_t type, key_size, value_size, max_entries;
	const struct btf *btf; /* NULL: values are shown as bytes */
	uint32_t key_type, value_type;
	const struct render_memory *memory;
	size_t *bytes_left; /* of MAPS_BYTES_MAX */
	json_t *json;
};

/* Reads the content into map->json. NULL, or why it is not read. */
typedef const char *map_reader(struct map *m);

map_reader map_read_array, map_read_percpu_array, map_read_hash, map_read_storage, map_read_struct_ops,
	map_read_ringbuf, map_read_stacks, map_read_slots, map_read_arena;

/* Puts the value at @address, read with @type_id or as bytes. False: not readable, or no room is left. */
bool map_put_value(struct map *m, json_t **entry, const char *key, uint64_t address, uint32_t type, uint32_t size);
/* Puts one value for each CPU of a per-CPU pointer of the guest. */
bool map_put_per_cpu(struct map *m, json_t **entry, uint64_t pointer);

#endif
