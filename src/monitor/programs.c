/* SPDX-License-Identifier: GPL-2.0-only */
#include "monitor/programs.h"

#include <string.h>

#include "monitor/program_code.h"

#define STRUCT_OPS_TYPE 27 /* BPF_PROG_TYPE_STRUCT_OPS */

static uint64_t program_ids(struct inspector *in)
{
	return inspect_member(in, LAYOUT_IDR_XARRAY, view_symbol(in->view, "prog_idr"));
}

/* --- the active scheduler ----------------------------------------------------------------------------------------- */

/* "<object>.bss": the object's name before the section's. False: another map. */
static bool section_of(const char *map, char object[16])
{
	static const char *const sections[] = { ".bss", ".data", ".rodata" };
	const char *dot = strrchr(map, '.');
	for (size_t i = 0; dot && i < ARRAY_SIZE(sections); i++)
		if (strncmp(dot, sections[i], strlen(dot)) == 0 && strlen(dot) > 1) {
			snprintf(object, 16, "%.*s", (int)MIN_OF(dot - map, 15), map);
			return true;
		}
	return false;
}

struct search {
	struct inspector *in;
	struct active_object *ret;
	bool others; /* also programs of other types than struct_ops */
};

static bool has_map(const struct active_object *object, uint64_t map)
{
	for (unsigned i = 0; i < object->maps; i++)
		if (object->map[i] == map)
			return true;
	return false;
}

/* The maps of a program. Returns their number. */
static unsigned maps_of(struct search *s, uint64_t program, uint64_t map[USED_MAPS_MAX])
{
	struct inspector *in = s->in;
	/* The pointer is read before the number, which is written first. */
	uint64_t aux = inspect_get(in, LAYOUT_PROG_AUX, program), at = inspect_get(in, LAYOUT_AUX_MAPS, aux),
		 count = inspect_get(in, LAYOUT_AUX_MAP_COUNT, aux);
	unsigned found = 0;
	if (!at || (!s->others && inspect_get(in, LAYOUT_PROG_TYPE, program) != STRUCT_OPS_TYPE))
		return 0;
	for (unsigned i = 0; i < MIN_OF(count, (uint64_t)USED_MAPS_MAX); i++)
		if (view_read_u64(in->view, at + i * 8, 8, &map[found]) && map[found])
			found++;
	return found;
}

/* Adds maps that are not there yet, and learns the name of the object that they are of. */
static void add_maps(struct search *s, const uint64_t *map, unsigned count)
{
	for (unsigned i = 0; i < count && s->ret->maps < ACTIVE_MAPS_MAX; i++) {
		char name[32];
		if (has_map(s->ret, map[i]))
			continue;
		s->ret->map[s->ret->maps++] = map[i];
		inspect_member_text(s->in, LAYOUT_MAP_NAME, map[i], name, sizeof(name));
		if (!*s->ret->object)
			section_of(name, s->ret->object);
	}
}

/* The first program of struct_ops, then all that share a map with it: each has the read-only data of its object. */
static int look_at_program(struct view *v, uint64_t index, uint64_t program, void *arg)
{
	struct search *s = arg;
	uint64_t map[USED_MAPS_MAX];
	unsigned count = maps_of(s, program, map);
	bool shares = !*s->ret->object;
	(void)v, (void)index;
	for (unsigned i = 0; i < count; i++)
		shares = shares || has_map(s->ret, map[i]);
	if (!shares || !count)
		return 0;
	if (!*s->ret->object)
		s->ret->maps = 0;
	add_maps(s, map, count);
	return 0;
}

void programs_find_active(struct inspector *in, struct active_object *ret)
{
	struct search s = { .in = in, .ret = ret };
	uint64_t ids = program_ids(in);
	*ret = (struct active_object){ 0 };
	if (ids)
		walk_xarray(in->view, ids, PROGRAMS_MAX, look_at_program, &s);
	if (!*ret->object)
		ret->maps = 0;
	s.others = true;
	if (*ret->object)
		walk_xarray(in->view, ids, PROGRAMS_MAX, look_at_program, &s);
}

/* --- all programs ------------------------------------------------------------------------------------------------- */

struct listing {
	struct inspector *in;
	struct program_code_fields code;
	json_t *list;
};

static void put_counters(struct inspector *in, uint64_t program, json_t **json)
{
	uint64_t stats = inspect_get(in, LAYOUT_PROG_STATS, program), cnt = 0, nsecs = 0, misses = 0;
	for (unsigned cpu = 0; stats && cpu < in->view->cpus; cpu++) {
		uint64_t at = view_per_cpu_pointer(in->view, stats, cpu);
		cnt += inspect_get(in, LAYOUT_STATS_CNT, at);
		nsecs += inspect_get(in, LAYOUT_STATS_NSECS, at);
		misses += inspect_get(in, LAYOUT_STATS_MISSES, at);
	}
	json_put_u64(json, "cnt", cnt);
	json_put_u64(json, "nsecs", nsecs);
	json_put_u64(json, "misses", misses);
	json_put_u64(json, "ns_per_call", cnt ? nsecs / cnt : 0);
}

/* Its symbol in backtraces and, of struct_ops, which operation it is. */
static void put_names(struct inspector *in, uint64_t program, uint64_t aux, json_t **json)
{
	uint64_t op = inspect_get(in, LAYOUT_AUX_OP, aux);
	char text[64];
	inspect_put_text(in, json, "symbol", LAYOUT_KSYM_NAME, inspect_member(in, LAYOUT_AUX_KSYM, aux));
	if (inspect_get(in, LAYOUT_PROG_TYPE, program) != STRUCT_OPS_TYPE)
		return;
	inspect_text(in, op, text, sizeof(text));
	if (*text)
		json_put_text(json, "op", text);
}

static int add_program(struct view *v, uint64_t index, uint64_t program, void *arg)
{
	struct listing *l = arg;
	struct inspector *in = l->in;
	uint64_t aux = inspect_get(in, LAYOUT_PROG_AUX, program);
	json_t *json = json_object(), *maps = json_array();
	uint64_t used = inspect_get(in, LAYOUT_AUX_MAPS, aux), count = inspect_get(in, LAYOUT_AUX_MAP_COUNT, aux), map,
		 len;
	json_put_u64(&json, "id", index);
	inspect_put_text(in, &json, "name", LAYOUT_AUX_NAME, aux);
	put_names(in, program, aux, &json);
	inspect_put_variant(in, &json, "type", LAYOUT_ENUM_PROG_TYPES, inspect_get(in, LAYOUT_PROG_TYPE, program));
	inspect_put(in, &json, "verified_insns", LAYOUT_AUX_VERIFIED, aux);
	inspect_put(in, &json, "insns", LAYOUT_PROG_LEN, program);
	if (program_code_len(v, &l->code, program, aux, &len))
		json_put_u64(&json, "jited_len", len);
	inspect_put(in, &json, "load_time_ns", LAYOUT_AUX_LOAD_TIME, aux);
	put_counters(in, program, &json);
	for (unsigned i = 0; used && i < MIN_OF(count, (uint64_t)USED_MAPS_MAX); i++)
		if (view_read_u64(v, used + i * 8, 8, &map))
			json_add(&maps, json_u64(inspect_get(in, LAYOUT_MAP_ID, map)));
	inspect_put_list(&json, "map_ids", maps);
	json_add(&l->list, json);
	return 0;
}

json_t *programs_list(struct inspector *in, const char **why)
{
	struct listing l = { .in = in, .list = json_array() };
	uint64_t ids = program_ids(in);
	program_code_find(&l.code, in->view->image->types);
	*why = ids ? "no BPF program is loaded" : "this kernel has no BPF programs";
	if (ids)
		walk_xarray(in->view, ids, PROGRAMS_MAX, add_program, &l);
	return l.list;
}
