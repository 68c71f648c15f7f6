/* SPDX-License-Identifier: GPL-2.0-only */
/* rodata.c -- see rodata.h. */
#include "monitor/rodata.h"

#include <stdlib.h>
#include <string.h>

#define IDS_MAX 65536
#define SUFFIX	".rodata" /* libbpf shortens what stands before it */

/* --- the maps ----------------------------------------------------------------------------------------------------- */

struct search {
	struct inspector *in;
	const char *name; /* of the map with the constants; NULL: any name with the suffix */
	uint64_t map, id; /* 0: none was found */
	uint64_t btf;
	uint64_t object[RODATA_MAPS_MAX]; /* maps of the object file that has @btf */
	unsigned count;
};

static bool has_suffix(const char *name)
{
	size_t len = strlen(name), suffix = strlen(SUFFIX);
	return len > suffix && !strcmp(name + len - suffix, SUFFIX);
}

/* A scheduler that is started again has newer maps, while the old ones may still be there. */
static int look_for_constants(struct view *v, uint64_t index, uint64_t map, void *arg)
{
	struct search *s = arg;
	char name[16];
	(void)v, (void)index;
	inspect_member_text(s->in, LAYOUT_MAP_NAME, map, name, sizeof(name));
	uint64_t id = inspect_get(s->in, LAYOUT_MAP_ID, map);
	if (id > s->id && (s->name ? !strcmp(name, s->name) : has_suffix(name))) {
		s->map = map;
		s->id = id;
	}
	return 0;
}

static int take_object_map(struct view *v, uint64_t index, uint64_t map, void *arg)
{
	struct search *s = arg;
	(void)v, (void)index;
	if (s->btf && inspect_get(s->in, LAYOUT_MAP_BTF, map) == s->btf && s->count < RODATA_MAPS_MAX)
		s->object[s->count++] = map;
	return 0;
}

/* Finds the newest map with constants, and all maps of its object file, which share one BTF. */
static int find_maps(struct search *s)
{
	struct inspector *in = s->in;
	uint64_t ids = inspect_member(in, LAYOUT_IDR_XARRAY, view_symbol(in->view, "map_idr"));
	if (ids)
		walk_xarray(in->view, ids, IDS_MAX, look_for_constants, s);
	if (!s->map)
		return -ENOENT;
	s->btf = inspect_get(in, LAYOUT_MAP_BTF, s->map);
	walk_xarray(in->view, ids, IDS_MAX, take_object_map, s);
	return 0;
}

static void read_size(struct inspector *in, uint64_t map, struct rodata_map *ret)
{
	inspect_member_text(in, LAYOUT_MAP_NAME, map, ret->name, sizeof(ret->name));
	ret->value_size = (uint32_t)inspect_get(in, LAYOUT_MAP_VALUE_SIZE, map);
	ret->max_entries = (uint32_t)inspect_get(in, LAYOUT_MAP_MAX_ENTRIES, map);
}

static int write_number(struct inspector *in, enum layout_field f, uint64_t map, uint32_t value)
{
	uint64_t at = inspect_member(in, f, map);
	return at ? view_write(in->view, at, &value, sizeof(value)) : -EFAULT;
}

static int write_size(struct inspector *in, uint64_t map, const struct rodata_map *size)
{
	int r = write_number(in, LAYOUT_MAP_VALUE_SIZE, map, size->value_size);
	return r == 0 ? write_number(in, LAYOUT_MAP_MAX_ENTRIES, map, size->max_entries) : r;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

int rodata_read(struct inspector *in, struct rodata *ret)
{
	struct search s = { .in = in };
	struct rodata found = { "" };
	int r = find_maps(&s);
	if (r < 0)
		return r;
	uint64_t at = inspect_member(in, LAYOUT_ARRAY_VALUE, s.map);
	found.len = inspect_get(in, LAYOUT_MAP_VALUE_SIZE, s.map);
	if (!at || !found.len || found.len > RODATA_BYTES_MAX)
		return -EFAULT;
	found.data = malloc(found.len);
	if (!found.data)
		return -ENOMEM;
	if (!view_read(in->view, at, found.data, found.len)) {
		free(found.data);
		return -EFAULT;
	}
	inspect_member_text(in, LAYOUT_MAP_NAME, s.map, found.map, sizeof(found.map));
	for (; found.map_count < s.count; found.map_count++)
		read_size(in, s.object[found.map_count], &found.maps[found.map_count]);
	*ret = found;
	return 0;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* Whether the maps are those that @r tells of, whatever sizes they have. */
static bool is_same_object(const struct search *s, const struct rodata *r)
{
	struct rodata_map m;
	bool same = s->count == r->map_count && inspect_get(s->in, LAYOUT_MAP_VALUE_SIZE, s->map) == r->len;
	for (unsigned i = 0; same && i < s->count; i++) {
		read_size(s->in, s->object[i], &m);
		same = !strcmp(m.name, r->maps[i].name);
	}
	return same;
}

/* Sizes that are in force already are not the maps' own. */
static void save_sizes(const struct search *s, struct rodata_saved *saved)
{
	if (saved->count)
		return;
	for (unsigned i = 0; i < s->count; i++) {
		saved->at[i] = s->object[i];
		read_size(s->in, s->object[i], &saved->size[i]);
	}
	saved->count = s->count;
}

int rodata_apply(struct inspector *in, const struct rodata *r, struct rodata_saved *saved)
{
	struct search s = { .in = in, .name = r->map };
	int result = find_maps(&s);
	if (result < 0)
		return result;
	if (!is_same_object(&s, r))
		return -ESTALE;
	uint64_t at = inspect_member(in, LAYOUT_ARRAY_VALUE, s.map);
	result = at ? view_write(in->view, at, r->data, r->len) : -EFAULT;
	save_sizes(&s, saved);
	for (unsigned i = 0; result == 0 && i < s.count; i++)
		result = write_size(in, s.object[i], &r->maps[i]);
	return result;
}

void rodata_restore(struct inspector *in, struct rodata_saved *saved)
{
	for (unsigned i = 0; i < saved->count; i++)
		write_size(in, saved->at[i], &saved->size[i]);
	saved->count = 0;
}

void rodata_done(struct rodata *r)
{
	free(r->data);
	*r = (struct rodata){ "" };
}
