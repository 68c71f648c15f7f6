/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * value.c -- values in snapshots. Their JSON has nodes with a "kind" (src/monitor/render.h) inside of plain objects and
 * arrays; a path goes through both. What is not there becomes a value with an error that lists what is there.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/parse.h"
#include "guest/post/value.h"

#define POINTERS_MAX 16

/* --- making values ------------------------------------------------------------------------------------------------ */

const struct ktstr_value *value_new(const struct ktstr_snapshot *s, const json_t *json, const char *path)
{
	struct ktstr_value *v = post_alloc(s->post, sizeof(*v));
	*v = (struct ktstr_value){ .post = s->post, .snapshot = s, .json = json, .path = path };
	return v;
}

const struct ktstr_value *value_missing(const struct ktstr_snapshot *s, const char *error)
{
	struct ktstr_value *v = post_alloc(s->post, sizeof(*v));
	*v = (struct ktstr_value){ .post = s->post, .snapshot = s, .path = "", .error = error };
	return v;
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

static const char *kind_of(const struct post_json *j, const json_t *node)
{
	const char *kind = json_is_object(node) ? j->string_value(j->object_get(node, "kind")) : NULL;
	return kind ? kind : "";
}

const json_t *value_members(const struct post_json *j, const json_t *node)
{
	return strcmp(kind_of(j, node), "struct") ? NULL : j->object_get(node, "members");
}

/* What the node's pointers lead to. */
static const json_t *behind_pointers(const struct post_json *j, const json_t *node)
{
	for (unsigned i = 0; i < POINTERS_MAX && !strcmp(kind_of(j, node), "ptr") && j->object_get(node, "deref"); i++)
		node = j->object_get(node, "deref");
	return node;
}

const json_t *value_member(const struct post_json *j, const json_t *members, const char *name, unsigned depth)
{
	for (size_t i = 0; i < j->array_size(members); i++) {
		const json_t *m = j->array_get(members, i), *value = j->object_get(m, "value");
		const char *its = j->string_value(j->object_get(m, "name"));
		if (its && !strcmp(its, name))
			return value;
		const json_t *inner = its && !*its && depth < POINTERS_MAX ? value_members(j, value) : NULL;
		const json_t *found = inner ? value_member(j, inner, name, depth + 1) : NULL;
		if (found)
			return found;
	}
	return NULL;
}

/* Of a map with one entry, or of an entry, its value is meant. */
static const json_t *inside(const struct post_json *j, const json_t *node)
{
	static const char *const lists[] = { "array_entries", "percpu_entries" };
	if (!json_is_object(node) || *kind_of(j, node))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const json_t *list = j->object_get(node, lists[i]);
		if (j->array_size(list) == 1)
			return j->array_get(list, 0);
	}
	return j->object_get(node, "value");
}

static const json_t *step_into(const struct post_json *j, const json_t *node, const char *name)
{
	for (unsigned i = 0; node && i < POINTERS_MAX; i++) {
		node = behind_pointers(j, node);
		const json_t *members = value_members(j, node);
		const json_t *found = members		  ? value_member(j, members, name, 0)
				      : *kind_of(j, node) ? NULL
							  : j->object_get(node, name);
		if (found)
			return found;
		node = inside(j, node);
	}
	return NULL;
}

/* Elements of an array, or entries of a map; NULL: it has none. */
static const json_t *elements_of(const struct post_json *j, const json_t *node)
{
	static const char *const lists[] = { "array_entries",	    "entries",	       "percpu_entries",
					     "percpu_hash_entries", "storage_entries", "elements" };
	node = behind_pointers(j, node);
	if (json_is_array(node))
		return node;
	for (size_t i = 0; json_is_object(node) && i < ARRAY_SIZE(lists); i++) {
		const json_t *list = j->object_get(node, lists[i]);
		if (json_is_array(list))
			return list;
	}
	return NULL;
}

static const json_t *element_at(const struct post_json *j, const json_t *node, size_t index)
{
	const json_t *list = elements_of(j, node);
	if (!list && inside(j, node))
		list = elements_of(j, inside(j, node));
	return list ? j->array_get(list, index) : NULL;
}

/* --- what is there ------------------------------------------------------------------------------------------------ */

void names_add(struct buf *out, unsigned *count, const char *name)
{
	if (name && *name && (*count)++ < NAMES_SHOWN)
		buf_appendf(out, "%s%s", out->len ? ", " : "", name);
}

void names_add_members(const struct post_json *j, const json_t *members, struct buf *out, unsigned *count,
		       unsigned depth)
{
	for (size_t i = 0; i < j->array_size(members); i++) {
		const json_t *m = j->array_get(members, i);
		const char *name = j->string_value(j->object_get(m, "name"));
		const json_t *inner =
			name && !*name && depth < POINTERS_MAX ? value_members(j, j->object_get(m, "value")) : NULL;
		if (inner)
			names_add_members(j, inner, out, count, depth + 1);
		else
			names_add(out, count, name);
	}
}

static void add_keys(const struct post_json *j, const json_t *node, struct buf *out, unsigned *count)
{
	json_t *object = (json_t *)node;
	for (void *i = j->object_iter(object); i; i = j->object_iter_next(object, i))
		names_add(out, count, j->object_iter_key(i));
}

const char *names_text(struct ktstr_post *p, const struct buf *names, unsigned count, const char *none)
{
	if (!count)
		return none;
	if (count <= NAMES_SHOWN)
		return post_text(p, "there are: %s", buf_str(names));
	return post_text(p, "there are: %s (and %u more)", buf_str(names), count - NAMES_SHOWN);
}

static const char *what_is_there(struct ktstr_post *p, const json_t *node)
{
	const struct post_json *j = &p->api;
	_cleanup_buf_ struct buf names = BUF_NULL;
	unsigned count = 0;
	node = behind_pointers(j, node);
	if (inside(j, node))
		node = behind_pointers(j, inside(j, node));
	const json_t *list = elements_of(j, node);
	if (list)
		return post_text(p, "it has %zu elements", j->array_size(list));
	if (!strcmp(kind_of(j, node), "ptr")) {
		const char *why = j->string_value(j->object_get(node, "deref_skipped_reason"));
		return post_text(p, "it is a pointer that is not followed: %s", why ? why : "not known why");
	}
	if (value_members(j, node))
		names_add_members(j, value_members(j, node), &names, &count, 0);
	else if (json_is_object(node) && !*kind_of(j, node))
		add_keys(j, node, &names, &count);
	return names_text(p, &names, count, "it has no members");
}

/* --- paths -------------------------------------------------------------------------------------------------------- */

const char *path_part(const char *path, char name[PART_BYTES], bool *is_index)
{
	*is_index = *path == '[';
	const char *from = path + *is_index;
	size_t len = strcspn(from, *is_index ? "]" : ".[");
	if (!len || len >= PART_BYTES || (*is_index && from[len] != ']'))
		return NULL;
	memcpy(name, from, len);
	name[len] = '\0';
	const char *rest = from + len + *is_index;
	if (*rest == '.')
		return rest[1] ? rest + 1 : NULL;
	return !*rest || *rest == '[' ? rest : NULL;
}

static const struct ktstr_value *no_part(const struct ktstr_value *v, const json_t *node, const char *path,
					 const char *name, bool is_index)
{
	return value_missing(v->snapshot,
			     post_text(v->post, "'%s%s%s' of snapshot '%s': there is no %s '%s'; %s", v->path,
				       *v->path && *path != '[' ? "." : "", path, v->snapshot->name,
				       is_index ? "element" : "member", name, what_is_there(v->post, node)));
}

const struct ktstr_value *ktstr_value_get(const struct ktstr_value *v, const char *path)
{
	const struct post_json *j = &v->post->api;
	const json_t *node = v->json;
	char name[PART_BYTES];
	bool is_index;
	if (!node)
		return v;
	for (const char *rest = path; *rest;) {
		uint32_t index = 0;
		rest = path_part(rest, name, &is_index);
		if (!rest || (is_index && parse_u32_range(name, 0, UINT32_MAX, &index) < 0))
			return value_missing(v->snapshot, post_text(v->post,
								    "'%s' is not a valid path; write it like "
								    "'a.b[2].c'",
								    path));
		const json_t *next = is_index ? element_at(j, node, index) : step_into(j, node, name);
		if (!next)
			return no_part(v, node, path, name, is_index);
		node = next;
	}
	return value_new(v->snapshot, node,
			 post_text(v->post, "%s%s%s", v->path, *v->path && *path && *path != '[' ? "." : "", path));
}

/* --- entries ------------------------------------------------------------------------------------------------------ */

unsigned ktstr_value_count(const struct ktstr_value *v)
{
	const struct post_json *j = &v->post->api;
	const json_t *list = v->json ? elements_of(j, v->json) : NULL;
	return list ? (unsigned)j->array_size(list) : 0;
}

const struct ktstr_value *ktstr_value_at(const struct ktstr_value *v, unsigned index)
{
	char path[24];
	snprintf(path, sizeof(path), "[%u]", index);
	return ktstr_value_get(v, path);
}

static bool is_number(const struct ktstr_value *v, double *ret);

/* The values at @path of the first entries, for a message. */
static const char *some_values(const struct ktstr_value *v, const char *path, unsigned count)
{
	_cleanup_buf_ struct buf values = BUF_NULL;
	unsigned shown = 0;
	double number;
	for (unsigned i = 0; i < count && shown < NAMES_SHOWN; i++)
		if (is_number(ktstr_value_get(ktstr_value_at(v, i), path), &number))
			buf_appendf(&values, "%s%.17g", shown++ ? ", " : "", number);
	return shown ? post_text(v->post, "there are: %s", buf_str(&values)) : "none of them has that member";
}

const struct ktstr_value *ktstr_value_find(const struct ktstr_value *v, const char *path, int64_t number)
{
	unsigned count = ktstr_value_count(v);
	double is;
	if (!v->json)
		return v;
	for (unsigned i = 0; i < count; i++) {
		const struct ktstr_value *entry = ktstr_value_at(v, i);
		if (is_number(ktstr_value_get(entry, path), &is) && is == (double)number)
			return entry;
	}
	return value_missing(v->snapshot,
			     post_text(v->post, "'%s' of snapshot '%s': no entry of %u has '%s' %ld; %s", v->path,
				       v->snapshot->name, count, path, number, some_values(v, path, count)));
}

const struct ktstr_value *ktstr_value_max_by(const struct ktstr_value *v, const char *path)
{
	const struct ktstr_value *best = NULL;
	double number, highest = 0;
	if (!v->json)
		return v;
	for (unsigned i = 0; i < ktstr_value_count(v); i++) {
		const struct ktstr_value *entry = ktstr_value_at(v, i);
		if (!is_number(ktstr_value_get(entry, path), &number) || (best && number <= highest))
			continue;
		best = entry;
		highest = number;
	}
	return best ? best
		    : value_missing(v->snapshot, post_text(v->post, "'%s' of snapshot '%s': no entry of %u has '%s'",
							   v->path, v->snapshot->name, ktstr_value_count(v), path));
}

static const json_t *per_cpu_of(const struct post_json *j, const json_t *node)
{
	for (unsigned i = 0; node && i < 2; i++, node = inside(j, node))
		if (json_is_object(node) && json_is_array(j->object_get(node, "per_cpu")))
			return j->object_get(node, "per_cpu");
	return NULL;
}

const struct ktstr_value *ktstr_value_cpu(const struct ktstr_value *v, unsigned cpu)
{
	const struct post_json *j = &v->post->api;
	const json_t *list = v->json ? per_cpu_of(j, v->json) : NULL;
	if (!v->json)
		return v;
	for (size_t i = 0; list && i < j->array_size(list); i++) {
		const json_t *item = j->array_get(list, i);
		if (j->integer_value(j->object_get(item, "cpu")) == (json_int_t)cpu && j->object_get(item, "value"))
			return value_new(v->snapshot, j->object_get(item, "value"),
					 post_text(v->post, "%s{cpu %u}", v->path, cpu));
	}
	return value_missing(
		v->snapshot,
		list ? post_text(v->post, "'%s' of snapshot '%s': there is no CPU %u; there are %zu CPUs", v->path,
				 v->snapshot->name, cpu, j->array_size(list))
		     : post_text(v->post, "'%s' of snapshot '%s' is not a per-CPU value", v->path, v->snapshot->name));
}

/* --- scalars ------------------------------------------------------------------------------------------------------ */

/* The scalar that a value stands for. */
static const json_t *scalar_of(const struct post_json *j, const json_t *node)
{
	for (unsigned i = 0; i < 3 && json_is_object(node) && !*kind_of(j, node) && inside(j, node); i++)
		node = inside(j, node);
	return behind_pointers(j, node);
}

static const struct ktstr_value *missing_scalar(const struct ktstr_value *v, const char *wanted)
{
	const struct post_json *j = &v->post->api;
	if (per_cpu_of(j, v->json))
		return value_missing(v->snapshot,
				     post_text(v->post,
					       "'%s' of snapshot '%s' is a per-CPU value; choose one of "
					       "%zu CPUs with ktstr_value_cpu()",
					       v->path, v->snapshot->name, j->array_size(per_cpu_of(j, v->json))));
	const char *kind = kind_of(j, scalar_of(j, v->json));
	return value_missing(v->snapshot, post_text(v->post, "'%s' of snapshot '%s' is not a %s but %s; %s", v->path,
						    v->snapshot->name, wanted, *kind ? kind : "an object",
						    what_is_there(v->post, v->json)));
}

/* Bytes without a type, 1, 2, 4 or 8 of them, are an unsigned number. False: they are not. */
static bool number_of_bytes(const struct post_json *j, const json_t *node, uint64_t *ret)
{
	const char *hex = !strcmp(kind_of(j, node), "bytes") ? j->string_value(j->object_get(node, "hex")) : NULL;
	size_t digits = hex ? strlen(hex) : 0;
	char pair[3] = "";
	if ((digits != 2 && digits != 4 && digits != 8 && digits != 16) || j->object_get(node, "len"))
		return false;
	*ret = 0;
	for (size_t i = digits; i > 0; i -= 2) {
		memcpy(pair, hex + i - 2, 2);
		*ret = *ret << 8 | strtoul(pair, NULL, 16);
	}
	return true;
}

static uint64_t integer_of(const struct post_json *j, const json_t *node)
{
	const char *hex = json_is_object(node) ? j->string_value(j->object_get(node, "hex")) : NULL;
	const json_t *value = json_is_object(node) ? j->object_get(node, "value") : node;
	uint64_t bytes;
	if (number_of_bytes(j, node, &bytes))
		return bytes;
	if (hex)
		return strtoull(hex, NULL, 16);
	if (json_is_string(value)) /* an address */
		return strtoull(j->string_value(value), NULL, 0);
	if (json_is_real(value))
		return (uint64_t)(int64_t)j->number_value(value);
	return json_is_true(value) ? 1 : (uint64_t)j->integer_value(value);
}

static bool has_number(const struct post_json *j, const json_t *node)
{
	const json_t *value = json_is_object(node) && *kind_of(j, node) ? j->object_get(node, "value") : node;
	bool pointer = !strcmp(kind_of(j, node), "ptr");
	uint64_t bytes;
	return number_of_bytes(j, node, &bytes) || json_is_number(value) || json_is_boolean(value) ||
	       (pointer && json_is_string(value));
}

static bool is_number(const struct ktstr_value *v, double *ret)
{
	const struct post_json *j = &v->post->api;
	const json_t *node = v->json ? scalar_of(j, v->json) : NULL;
	if (!node || !has_number(j, node))
		return false;
	const json_t *value = json_is_object(node) ? j->object_get(node, "value") : node;
	bool is_real = json_is_real(value) && !(json_is_object(node) && j->object_get(node, "hex"));
	bool is_signed = json_is_integer(value);
	*ret = is_real	   ? j->number_value(value)
	       : is_signed ? (double)j->integer_value(value)
			   : (double)integer_of(j, node);
	return true;
}

/* Reports the error of @v once, which fails the test. */
static void report(const struct ktstr_value *v)
{
	struct ktstr_value *mine = (struct ktstr_value *)v;
	if (!mine->reported)
		post_find(v->post, KTSTR_FAIL, v->error);
	mine->reported = true;
}

/* The scalar, or NULL, and then the error is reported. */
static const json_t *number_node(const struct ktstr_value *v)
{
	const struct post_json *j = &v->post->api;
	const json_t *node = v->json ? scalar_of(j, v->json) : NULL;
	if (node && has_number(j, node))
		return node;
	report(v->json ? missing_scalar(v, "number") : v);
	return NULL;
}

uint64_t ktstr_value_u64(const struct ktstr_value *v)
{
	const json_t *node = number_node(v);
	return node ? integer_of(&v->post->api, node) : 0;
}

int64_t ktstr_value_i64(const struct ktstr_value *v)
{
	return (int64_t)ktstr_value_u64(v);
}

bool ktstr_value_bool(const struct ktstr_value *v)
{
	return ktstr_value_u64(v) != 0;
}

double ktstr_value_double(const struct ktstr_value *v)
{
	double number = 0;
	if (!number_node(v) || !is_number(v, &number))
		return 0;
	return number;
}

const char *ktstr_value_text(const struct ktstr_value *v)
{
	static const char *const keys[] = { "text", "variant", "symbol", "cpus", "value" };
	const struct post_json *j = &v->post->api;
	const json_t *node = v->json ? scalar_of(j, v->json) : NULL;
	if (json_is_string(node))
		return j->string_value(node);
	for (size_t i = 0; json_is_object(node) && i < ARRAY_SIZE(keys); i++)
		if (json_is_string(j->object_get(node, keys[i])))
			return j->string_value(j->object_get(node, keys[i]));
	report(v->json ? missing_scalar(v, "text") : v);
	return "";
}

const char *ktstr_value_error(const struct ktstr_value *v)
{
	return v->error;
}
