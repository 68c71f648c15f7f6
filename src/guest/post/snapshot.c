/* SPDX-License-Identifier: GPL-2.0-only */
/* snapshot.c -- snapshots by name, and the variables and maps in them. */
#include <string.h>

#include "guest/post/value.h"

/* --- snapshots ---------------------------------------------------------------------------------------------------- */

unsigned ktstr_snap_count(const struct ktstr_post *p)
{
	return p->snapshots;
}

static const struct ktstr_snapshot *no_snapshot(struct ktstr_post *p, const char *name)
{
	_cleanup_buf_ struct buf names = BUF_NULL;
	struct ktstr_snapshot *s = post_alloc(p, sizeof(*s));
	unsigned count = 0;
	for (unsigned i = 0; i < p->snapshots; i++)
		names_add(&names, &count, p->snapshot[i].name);
	*s = (struct ktstr_snapshot){ .post = p, .name = name, .step = -1 };
	s->lack = post_text(p, "there is no such snapshot; %s", names_text(p, &names, count, "none was taken"));
	return s;
}

const struct ktstr_snapshot *ktstr_snap_at(struct ktstr_post *p, unsigned index)
{
	if (index < p->snapshots)
		return &p->snapshot[index];
	return no_snapshot(p, post_text(p, "number %u", index));
}

const struct ktstr_snapshot *ktstr_snap(struct ktstr_post *p, const char *name)
{
	for (unsigned i = p->snapshots; i-- > 0;)
		if (!strcmp(p->snapshot[i].name, name))
			return &p->snapshot[i];
	return no_snapshot(p, post_text(p, "%s", name));
}

const char *ktstr_snap_name(const struct ktstr_snapshot *s)
{
	return s->name;
}

double ktstr_snap_ms(const struct ktstr_snapshot *s)
{
	return s->ms;
}

int ktstr_snap_step(const struct ktstr_snapshot *s)
{
	return s->step;
}

static const struct ktstr_value *no_dump(const struct ktstr_snapshot *s)
{
	return value_missing(s, post_text(s->post, "snapshot '%s': %s", s->name, s->lack));
}

const struct ktstr_value *ktstr_snap_get(const struct ktstr_snapshot *s, const char *path)
{
	return s->dump ? ktstr_value_get(value_new(s, s->dump, ""), path) : no_dump(s);
}

static const char *name_of_map(const struct post_json *j, const json_t *map)
{
	const char *name = j->string_value(j->object_get(map, "name"));
	return name ? name : "";
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), tail = strlen(end);
	return len >= tail && !strcmp(text + len - tail, end);
}

/* Maps that the loader makes of global variables. */
static bool has_globals(const char *map)
{
	return strstr(map, ".bss") || strstr(map, ".data") || strstr(map, ".rodata");
}

static bool any_active(const struct post_json *j, const json_t *maps)
{
	for (size_t i = 0; i < j->array_size(maps); i++)
		if (json_is_true(j->object_get(j->array_get(maps, i), "active")))
			return true;
	return false;
}

/* Maps of other programs count only if no scheduler is loaded. */
static bool counts(const struct post_json *j, const json_t *map, bool active)
{
	return !active || json_is_true(j->object_get(map, "active"));
}

const struct ktstr_value *ktstr_snap_map(const struct ktstr_snapshot *s, const char *name)
{
	const struct post_json *j = &s->post->api;
	_cleanup_buf_ struct buf names = BUF_NULL;
	unsigned count = 0;
	if (!s->dump)
		return no_dump(s);
	const json_t *maps = j->object_get(s->dump, "maps");
	bool active = any_active(j, maps);
	for (size_t i = 0; i < j->array_size(maps); i++) {
		const json_t *map = j->array_get(maps, i);
		if (counts(j, map, active) && ends_with(name_of_map(j, map), name))
			return value_new(s, map, post_text(s->post, "%s", name_of_map(j, map)));
		if (counts(j, map, active))
			names_add(&names, &count, name_of_map(j, map));
	}
	return value_missing(s, post_text(s->post, "snapshot '%s': there is no map '%s'; %s", s->name, name,
					  names_text(s->post, &names, count, "the guest has none")));
}

static const struct ktstr_value *no_variable(const struct ktstr_snapshot *s, const char *name, bool active)
{
	const struct post_json *j = &s->post->api;
	_cleanup_buf_ struct buf names = BUF_NULL;
	const json_t *maps = j->object_get(s->dump, "maps");
	unsigned count = 0;
	for (size_t i = 0; i < j->array_size(maps); i++) {
		const json_t *map = j->array_get(maps, i);
		if (counts(j, map, active) && has_globals(name_of_map(j, map)))
			names_add_members(j, value_members(j, j->object_get(map, "value")), &names, &count, 0);
	}
	return value_missing(s, post_text(s->post, "snapshot '%s': there is no variable '%s'; %s", s->name, name,
					  names_text(s->post, &names, count, "no program has variables")));
}

const struct ktstr_value *ktstr_snap_var(const struct ktstr_snapshot *s, const char *path)
{
	const struct post_json *j = &s->post->api;
	const json_t *found = NULL;
	const char *where = "";
	char name[PART_BYTES];
	bool is_index;
	const char *rest = path_part(path, name, &is_index);
	if (!s->dump)
		return no_dump(s);
	if (!rest || is_index)
		return value_missing(s, post_text(s->post, "'%s' is not a valid path to a variable", path));
	const json_t *maps = j->object_get(s->dump, "maps");
	bool active = any_active(j, maps);
	for (size_t i = 0; i < j->array_size(maps); i++) {
		const json_t *map = j->array_get(maps, i), *value = j->object_get(map, "value");
		bool global = counts(j, map, active) && has_globals(name_of_map(j, map)) && value_members(j, value);
		const json_t *here = global ? value_member(j, value_members(j, value), name, 0) : NULL;
		if (here && found)
			return value_missing(s, post_text(s->post,
							  "snapshot '%s': the variable '%s' is in '%s' and in '%s'; "
							  "choose one with ktstr_snap_map()",
							  s->name, name, where, name_of_map(j, map)));
		if (here) {
			found = here;
			where = name_of_map(j, map);
		}
	}
	if (!found)
		return no_variable(s, name, active);
	return ktstr_value_get(value_new(s, found, post_text(s->post, "%s", name)), rest);
}
