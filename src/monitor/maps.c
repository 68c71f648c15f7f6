/* SPDX-License-Identifier: GPL-2.0-only */
#include "monitor/maps.h"
#include "monitor/maps_read.h"

#include <string.h>

#define BTF_BYTES_MAX (32u << 20)
#define BTF_CACHED    64

/* By number of the type (include/uapi/linux/bpf.h); a type without a reader is named as not read. */
static map_reader *const readers[] = {
	[1] = map_read_hash,	     /* HASH */
	[2] = map_read_array,	     /* ARRAY */
	[3] = map_read_slots,	     /* PROG_ARRAY */
	[4] = map_read_slots,	     /* PERF_EVENT_ARRAY */
	[5] = map_read_hash,	     /* PERCPU_HASH */
	[6] = map_read_percpu_array, /* PERCPU_ARRAY */
	[7] = map_read_stacks,	     /* STACK_TRACE */
	[8] = map_read_slots,	     /* CGROUP_ARRAY */
	[9] = map_read_hash,	     /* LRU_HASH */
	[10] = map_read_hash,	     /* LRU_PERCPU_HASH */
	[12] = map_read_maps,	     /* ARRAY_OF_MAPS */
	[13] = map_read_hash,	     /* HASH_OF_MAPS */
	[14] = map_read_slots,	     /* DEVMAP */
	[15] = map_read_slots,	     /* SOCKMAP */
	[16] = map_read_slots,	     /* CPUMAP */
	[17] = map_read_slots,	     /* XSKMAP */
	[18] = map_read_socket_hash, /* SOCKHASH */
	[20] = map_read_slots,	     /* REUSEPORT_SOCKARRAY */
	[22] = map_read_queue,	     /* QUEUE */
	[23] = map_read_queue,	     /* STACK */
	[24] = map_read_storage,     /* SK_STORAGE */
	[25] = map_read_device_hash, /* DEVMAP_HASH */
	[26] = map_read_struct_ops,  /* STRUCT_OPS */
	[27] = map_read_ringbuf,     /* RINGBUF */
	[28] = map_read_storage,     /* INODE_STORAGE */
	[29] = map_read_storage,     /* TASK_STORAGE */
	[31] = map_read_ringbuf,     /* USER_RINGBUF */
	[32] = map_read_storage,     /* CGRP_STORAGE */
	[33] = map_read_arena,	     /* ARENA */
};

struct job {
	struct inspector *in;
	struct maps_found *found;
	json_t *list, *others; /* of the active scheduler; all other maps */
	struct {
		uint64_t kva;
		struct types *types; /* NULL: damaged */
	} cached[BTF_CACHED];
	unsigned cached_count;
	size_t bytes_left;
	struct render_memory memory;
};

/* --- types -------------------------------------------------------------------------------------------------------- */

static struct types *load_types(struct inspector *in, uint64_t btf)
{
	uint64_t data = inspect_get(in, LAYOUT_BTF_DATA, btf), size = inspect_get(in, LAYOUT_BTF_DATA_SIZE, btf);
	bool split = inspect_get(in, LAYOUT_BTF_BASE, btf) != 0;
	struct types *types = NULL;
	if (!btf || !data || !size || size > BTF_BYTES_MAX)
		return NULL;
	_cleanup_free_ void *copy = malloc(size);
	if (copy && view_read(in->view, data, copy, size))
		types_parse(copy, size, split ? in->layout->types : NULL, &types, NULL);
	return types;
}

struct types *maps_load_types(struct inspector *in, uint64_t map)
{
	return load_types(in, inspect_get(in, LAYOUT_MAP_BTF, map));
}

/* The types that the map's BTF holds; those of one BTF are parsed once. */
static const struct types *types_of(struct job *job, uint64_t btf)
{
	for (unsigned i = 0; i < job->cached_count; i++)
		if (job->cached[i].kva == btf)
			return job->cached[i].types;
	if (!btf || job->cached_count == BTF_CACHED)
		return NULL;
	struct types *types = load_types(job->in, btf);
	job->cached[job->cached_count].kva = btf;
	job->cached[job->cached_count++].types = types;
	return types;
}

static void find_types(struct job *job, struct map *m)
{
	struct inspector *in = job->in;
	uint64_t kernel_type = inspect_get(in, LAYOUT_MAP_KERNEL_TYPE, m->kva);
	const struct types *types = types_of(job, inspect_get(in, LAYOUT_MAP_BTF, m->kva));
	if (kernel_type) {
		m->btf = types_btf(in->layout->types);
		m->value_type = (uint32_t)kernel_type;
		return;
	}
	if (!types)
		return;
	m->btf = types_btf(types);
	m->key_type = (uint32_t)inspect_get(in, LAYOUT_MAP_KEY_TYPE, m->kva);
	m->value_type = (uint32_t)inspect_get(in, LAYOUT_MAP_VALUE_TYPE, m->kva);
}

/* --- maps --------------------------------------------------------------------------------------------------------- */

/* Maps of one object file have one BTF. */
bool maps_is_active(struct inspector *in, const struct active_object *active, uint64_t map)
{
	uint64_t btf = inspect_get(in, LAYOUT_MAP_BTF, map);
	for (unsigned i = 0; i < active->maps; i++)
		if (active->map[i] == map || (btf && btf == inspect_get(in, LAYOUT_MAP_BTF, active->map[i])))
			return true;
	return false;
}

static void put_head(struct map *m)
{
	struct inspector *in = m->in;
	inspect_put_text(in, &m->json, "name", LAYOUT_MAP_NAME, m->kva);
	inspect_put(in, &m->json, "id", LAYOUT_MAP_ID, m->kva);
	inspect_put_address(&m->json, "map_kva", m->kva);
	inspect_put_variant(in, &m->json, "map_type", LAYOUT_ENUM_MAP_TYPES, m->type);
	json_put_u64(&m->json, "key_size", m->key_size);
	json_put_u64(&m->json, "value_size", m->value_size);
	json_put_u64(&m->json, "max_entries", m->max_entries);
	inspect_put(in, &m->json, "flags", LAYOUT_MAP_FLAGS, m->kva);
}

static void read_content(struct map *m)
{
	map_reader *reader = m->type < ARRAY_SIZE(readers) ? readers[m->type] : NULL;
	const char *error = reader ? reader(m) : "maps of this type are not read";
	if (!error && !*m->bytes_left)
		error = "the maps hold more than is shown";
	if (error)
		json_put_text(&m->json, "error", error);
}

static int add_map(struct view *v, uint64_t index, uint64_t kva, void *arg)
{
	struct job *job = arg;
	struct inspector *in = job->in;
	(void)v, (void)index;
	if (job->found->deadline_nsec && nsec_now() > job->found->deadline_nsec) {
		job->found->skipped++;
		return 0;
	}
	struct map m = { .in = in,
			 .kva = kva,
			 .type = (uint32_t)inspect_get(in, LAYOUT_MAP_TYPE, kva),
			 .key_size = (uint32_t)inspect_get(in, LAYOUT_MAP_KEY_SIZE, kva),
			 .value_size = (uint32_t)inspect_get(in, LAYOUT_MAP_VALUE_SIZE, kva),
			 .max_entries = (uint32_t)inspect_get(in, LAYOUT_MAP_MAX_ENTRIES, kva),
			 .memory = &job->memory,
			 .bytes_left = &job->bytes_left,
			 .json = json_object() };
	bool active = maps_is_active(in, &job->found->active, kva);
	find_types(job, &m);
	put_head(&m);
	if (active)
		json_put_bool(&m.json, "active", true);
	read_content(&m);
	json_add(active ? &job->list : &job->others, m.json);
	return 0;
}

static bool read_memory(void *arg, uint64_t address, void *out, size_t len)
{
	struct inspector *in = arg;
	uint64_t bad = in->view->bad_reads;
	bool read = view_read(in->view, address, out, len);
	in->view->bad_reads = bad; /* a pointer in a map may be old: that is not damage */
	return read;
}

static bool name_target(void *arg, uint64_t address, char *out, size_t size)
{
	struct inspector *in = arg;
	char name[SYMBOL_TEXT_MAX];
	if (!inspect_code(in, address, false, name) &&
	    !symbols_format_object(in->view->image->symbols, address - in->view->text_slide, name))
		return false;
	return snprintf(out, size, "%s", name) > 0;
}

json_t *maps_render(struct inspector *in, struct maps_found *found)
{
	struct job job = { .in = in,
			   .found = found,
			   .list = json_array(),
			   .others = json_array(),
			   .bytes_left = MAPS_BYTES_MAX,
			   .memory = { .read = read_memory, .name = name_target, .arg = in } };
	uint64_t ids = inspect_member(in, LAYOUT_IDR_XARRAY, view_symbol(in->view, "map_idr"));
	found->why = ids ? "the guest has no BPF maps" : "this kernel has no BPF maps";
	if (ids)
		walk_xarray(in->view, ids, MAPS_MAX, add_map, &job);
	if (found->skipped)
		found->why = "the time for the dump was over";
	for (unsigned i = 0; i < job.cached_count; i++)
		types_close(job.cached[i].types);
	if (!job.list || !job.others || json_array_extend(job.list, job.others) < 0) {
		json_decref(job.list);
		job.list = NULL;
	}
	json_decref(job.others);
	return job.list;
}
