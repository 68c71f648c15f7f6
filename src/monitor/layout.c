/* SPDX-License-Identifier: GPL-2.0-only */
#include "monitor/layout.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *structure, *paths;
} fields[] = {
#define X(name, structure, path) { structure, path },
	LAYOUT_FIELDS(X)
#undef X
};

static const char *const sizes[] = {
#define X(name, structure) structure,
	LAYOUT_SIZES(X)
#undef X
};

static const struct {
	const char *names, *prefixes;
} enums[] = {
#define X(name, enumeration, prefix) { enumeration, prefix },
	LAYOUT_ENUMS(X)
#undef X
};

static struct field first_present(const struct types *types, const char *structure, const char *paths)
{
	struct field f = { 0 };
	while (*paths && !field_present(f)) {
		char path[64];
		size_t len = strcspn(paths, "|");
		snprintf(path, sizeof(path), "%.*s", (int)len, paths);
		f = types_field(types, structure, path);
		paths += len + (paths[len] == '|');
	}
	return f;
}

static uint32_t find_enum(const struct types *types, const char *names)
{
	while (*names) {
		char name[64];
		size_t len = strcspn(names, "|");
		snprintf(name, sizeof(name), "%.*s", (int)len, names);
		uint32_t id = types_id(types, name, BTF_KIND_ENUM) ?: types_id(types, name, BTF_KIND_ENUM64);
		if (id)
			return id;
		names += len + (names[len] == '|');
	}
	return 0;
}

void layout_init(struct layout *l, const struct types *types)
{
	l->types = types;
	for (size_t i = 0; i < LAYOUT_FIELD_COUNT; i++)
		l->field[i] = first_present(types, fields[i].structure, fields[i].paths);
	for (size_t i = 0; i < LAYOUT_SIZE_COUNT; i++)
		l->size[i] = types_size(types, sizes[i]);
	for (size_t i = 0; i < LAYOUT_ENUM_COUNT; i++)
		l->enumeration[i] = find_enum(types, enums[i].names);
}

/* --- names of values ---------------------------------------------------------------------------------------------- */

/* Enumerator @i: its name without the prefix, or NULL at the end. */
static const char *enumerator(const struct layout *l, enum layout_enum e, unsigned i, uint64_t *value)
{
	const struct btf *btf = types_btf(l->types);
	const struct btf_type *t = l->enumeration[e] ? btf__type_by_id(btf, l->enumeration[e]) : NULL;
	if (!t || i >= btf_vlen(t))
		return NULL;
	bool wide = btf_is_enum64(t);
	*value = wide ? btf_enum64_value(btf_enum64(t) + i) : (uint32_t)btf_enum(t)[i].val;
	const char *name = btf__name_by_offset(btf, wide ? btf_enum64(t)[i].name_off : btf_enum(t)[i].name_off);
	for (const char *p = enums[e].prefixes; name && *p; p += strcspn(p, "|"), p += *p == '|')
		if (strncmp(name, p, strcspn(p, "|")) == 0)
			return name + strcspn(p, "|");
	return name ? name : "";
}

bool layout_variant(const struct layout *l, enum layout_enum e, uint64_t value, char out[LAYOUT_NAME_MAX])
{
	uint64_t its;
	const char *name;
	for (unsigned i = 0; (name = enumerator(l, e, i, &its)); i++) {
		if (its != value)
			continue;
		snprintf(out, LAYOUT_NAME_MAX, "%s", name);
		return true;
	}
	return false;
}

uint64_t layout_value(const struct layout *l, enum layout_enum e, const char *name, uint64_t otherwise)
{
	uint64_t value;
	const char *its;
	for (unsigned i = 0; (its = enumerator(l, e, i, &value)); i++)
		if (strcmp(its, name) == 0)
			return value;
	return otherwise;
}

/* Enums of flags also have numbers that describe their bits. */
static bool is_flag(const char *name, uint64_t value)
{
	size_t len = strlen(name);
	return value && !(value & (value - 1)) && !(len > 5 && strcmp(name + len - 5, "_BITS") == 0) &&
	       !(len > 6 && strcmp(name + len - 6, "_SHIFT") == 0);
}

void layout_flags(const struct layout *l, enum layout_enum e, uint64_t value, struct buf *out)
{
	uint64_t its;
	const char *name;
	bool first = true;
	for (unsigned i = 0; value && (name = enumerator(l, e, i, &its)); i++) {
		if (!is_flag(name, its) || !(value & its))
			continue;
		buf_appendf(out, "%s%s", first ? "" : "|", name);
		first = false;
		value &= ~its;
	}
	if (value)
		buf_appendf(out, "%s0x%llx", first ? "" : "|", (unsigned long long)value);
}
