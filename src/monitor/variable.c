/* SPDX-License-Identifier: GPL-2.0-only */
/* variable.c -- see variable.h. */
#include "monitor/variable.h"

#include <string.h>

#include "base/parse.h"
#include "base/text.h"
#include "monitor/maps.h"

#define TYPE_ARRAY	  2
#define TYPE_PERCPU_ARRAY 6
#define NAMES_SHOWN	  20

struct search {
	struct inspector *in;
	const char *map, *path;
	struct active_object active;
	uint64_t found; /* the map */
	struct field field;
	unsigned matches;    /* maps that have it */
	struct buf names;    /* what there is instead */
	unsigned name_count; /* of them */
	bool map_seen;
};

/* --- what is there ------------------------------------------------------------------------------------------------ */

static void add_name(const char *name, void *arg)
{
	struct search *s = arg;
	_cleanup_free_ char *clean = text_clean_line(name);
	if (clean && s->name_count++ < NAMES_SHOWN)
		buf_appendf(&s->names, "%s%s", s->names.len ? ", " : "", clean);
}

static const char *names_text(struct search *s)
{
	if (!s->name_count)
		return "none";
	if (s->name_count > NAMES_SHOWN)
		buf_appendf(&s->names, " (and %u more)", s->name_count - NAMES_SHOWN);
	s->name_count = MIN_OF(s->name_count, NAMES_SHOWN + 0u);
	return buf_str(&s->names);
}

/* --- the search --------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), tail = strlen(end);
	return len >= tail && !strcmp(text + len - tail, end);
}

static bool has_globals(const char *map)
{
	return strstr(map, ".bss") || strstr(map, ".data") || strstr(map, ".rodata");
}

static void map_name(struct inspector *in, uint64_t map, char name[32])
{
	inspect_member_text(in, LAYOUT_MAP_NAME, map, name, 32);
}

/* The index of the element that "[3].hits" begins with; @rest: what follows. Without one, it is element 0. */
static bool split_index(const char *path, uint32_t *index, const char **rest)
{
	char number[16];
	*index = 0;
	*rest = path;
	if (*path != '[')
		return true;
	size_t len = strcspn(path + 1, "]");
	if (!len || len >= sizeof(number) || path[1 + len] != ']')
		return false;
	memcpy(number, path + 1, len);
	number[len] = '\0';
	*rest = path + len + 2;
	*rest += **rest == '.';
	return parse_u32_range(number, 0, UINT32_MAX, index) == 0;
}

/* A value without a type is an unsigned number, if it has the size of one. */
static struct field untyped(struct search *s, uint64_t map, const char *rest)
{
	uint64_t size = inspect_get(s->in, LAYOUT_MAP_VALUE_SIZE, map);
	if (*rest || size > sizeof(uint64_t))
		return (struct field){ 0 };
	return (struct field){ .size = (uint32_t)size, .type = UINT32_MAX };
}

/* The field in the value of one element of @map. */
static struct field field_in(struct search *s, uint64_t map, const struct types *types)
{
	uint32_t type = (uint32_t)inspect_get(s->in, LAYOUT_MAP_VALUE_TYPE, map), index;
	const char *rest = s->path;
	if (inspect_get(s->in, LAYOUT_MAP_MAX_ENTRIES, map) > 1 && !split_index(s->path, &index, &rest))
		return (struct field){ 0 };
	if (!types || !type)
		return untyped(s, map, rest);
	struct field f = types_field_of(types, type, rest);
	if (!field_present(f))
		types_each_name(types, type, add_name, s);
	return f;
}

static int look_at_map(struct view *v, uint64_t id, uint64_t map, void *arg)
{
	struct search *s = arg;
	char name[32];
	(void)v, (void)id;
	map_name(s->in, map, name);
	if (!maps_is_active(s->in, &s->active, map) || !(s->map ? ends_with(name, s->map) : has_globals(name))) {
		if (s->map && maps_is_active(s->in, &s->active, map))
			add_name(name, s);
		return 0;
	}
	struct types *types = maps_load_types(s->in, map);
	if (s->map && !s->map_seen) { /* its members are of interest now, not the names of maps */
		buf_clear(&s->names);
		s->name_count = 0;
	}
	s->map_seen = true;
	struct field f = field_in(s, map, types);
	types_close(types);
	if (!field_present(f))
		return 0;
	s->matches++;
	s->found = map;
	s->field = f;
	return 0;
}

/* --- what was found ----------------------------------------------------------------------------------------------- */

static bool is_number(struct field f)
{
	return f.size == 1 || f.size == 2 || f.size == 4 || f.size == 8;
}

/* The address of the element's value. */
static int find_value(struct search *s, struct variable *ret, struct err **err)
{
	struct inspector *in = s->in;
	uint64_t type = inspect_get(in, LAYOUT_MAP_TYPE, s->found),
		 size = inspect_get(in, LAYOUT_MAP_VALUE_SIZE, s->found),
		 values = inspect_member(in, LAYOUT_ARRAY_VALUE, s->found),
		 entries = inspect_get(in, LAYOUT_MAP_MAX_ENTRIES, s->found);
	uint32_t index = 0;
	const char *rest;
	if ((type != TYPE_ARRAY && type != TYPE_PERCPU_ARRAY) || !values)
		return FAIL(err, ERR_DATA, -EOPNOTSUPP,
			    "the map '%s' is not an array; only arrays and global variables "
			    "have a fixed place",
			    ret->map);
	if (entries > 1 && split_index(s->path, &index, &rest) && index >= entries)
		return FAIL(err, ERR_DATA, -ERANGE, "the map '%s' has %lu elements, and no element %u", ret->map,
			    entries, index);
	ret->per_cpu = type == TYPE_PERCPU_ARRAY;
	ret->at = values + index * ((size + 7) & ~UINT64_C(7));
	if (ret->per_cpu && (!view_read_u64(in->view, values + index * UINT64_C(8), 8, &ret->at) || !ret->at))
		return FAIL(err, ERR_DATA, -EFAULT, "the values of the map '%s' cannot be read", ret->map);
	return 0;
}

static int refuse(struct search *s, struct err **err)
{
	if (!*s->active.object)
		return FAIL(err, ERR_DATA, -ENOENT, "'%s': no scheduler with BPF maps is loaded", s->path);
	if (s->map && !s->map_seen)
		return FAIL(err, ERR_DATA, -ENOENT, "the scheduler '%s' has no map '%s'; there are: %s",
			    s->active.object, s->map, names_text(s));
	if (!s->matches && s->map)
		return FAIL(err, ERR_DATA, -ENOENT, "'%s' is not in the values of the map '%s'; there are: %s", s->path,
			    s->map, names_text(s));
	if (!s->matches)
		return FAIL(err, ERR_DATA, -ENOENT, "the scheduler '%s' has no variable '%s'; there are: %s",
			    s->active.object, s->path, names_text(s));
	if (s->matches > 1)
		return FAIL(err, ERR_DATA, -EEXIST, "'%s' is in %u maps of the scheduler '%s'; name the map", s->path,
			    s->matches, s->active.object);
	return FAIL(err, ERR_DATA, -EINVAL, "'%s' has %u bytes and is not a number; name one of its members", s->path,
		    s->field.size);
}

int variable_find(struct inspector *in, const char *map, const char *path, struct variable *ret, struct err **err)
{
	struct search s = { .in = in, .map = map, .path = path };
	uint64_t ids = inspect_member(in, LAYOUT_IDR_XARRAY, view_symbol(in->view, "map_idr"));
	int r = 0;
	*ret = (struct variable){ 0 };
	programs_find_active(in, &s.active);
	if (ids && *s.active.object)
		walk_xarray(in->view, ids, MAPS_MAX, look_at_map, &s);
	if (s.matches != 1 || !is_number(s.field)) {
		r = refuse(&s, err);
	} else {
		snprintf(ret->object, sizeof(ret->object), "%s", s.active.object);
		map_name(in, s.found, ret->map);
		ret->field = s.field;
		ret->kva = s.found;
		ret->id = inspect_get(in, LAYOUT_MAP_ID, s.found);
		r = find_value(&s, ret, err);
	}
	buf_done(&s.names);
	return r;
}

static int is_same_map(struct view *v, uint64_t id, uint64_t map, void *arg)
{
	const struct variable *var = arg;
	(void)v;
	return map == var->kva && id == var->id;
}

bool variable_is_there(struct inspector *in, const struct variable *var)
{
	uint64_t ids = inspect_member(in, LAYOUT_IDR_XARRAY, view_symbol(in->view, "map_idr"));
	return ids && walk_xarray(in->view, ids, MAPS_MAX, is_same_map, (void *)var) == WALK_STOPPED;
}

/* --- reading and writing ------------------------------------------------------------------------------------------ */

bool variable_read(struct view *v, const struct variable *var, unsigned cpu, double *ret)
{
	uint64_t at = var->per_cpu ? view_per_cpu_pointer(v, var->at, cpu) : var->at, value;
	if (!at || !view_read_field(v, at, var->field, &value))
		return false;
	*ret = var->field.is_signed ? (double)(int64_t)value : (double)value;
	return true;
}

/* As a signed or as an unsigned number. */
static bool fits(const struct variable *var, uint64_t value)
{
	unsigned unused = 64 - var->field.size * 8;
	return value << unused >> unused == value || (uint64_t)((int64_t)(value << unused) >> unused) == value;
}

int variable_check(const struct variable *var, uint64_t value, struct err **err)
{
	if (strstr(var->map, ".rodata"))
		return FAIL(
			err, ERR_DATA, -EROFS,
			"it is a constant in '%s': the kernel has put its value into the program's code; set it with "
			"an argument of the scheduler",
			var->map);
	if (var->field.bits)
		return FAIL(err, ERR_DATA, -EINVAL, "it is a bit field");
	if (var->per_cpu)
		return FAIL(err, ERR_DATA, -EINVAL, "it has a value for each CPU");
	if (!fits(var, value))
		return FAIL(err, ERR_DATA, -ERANGE, "%lu does not fit into its %u bytes", value, var->field.size);
	return 0;
}

int variable_write(struct view *v, const struct variable *var, uint64_t value)
{
	return view_write(v, var->at + var->field.offset, &value, var->field.size);
}
