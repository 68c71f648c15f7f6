/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * types.c -- see types.h. libbpf checks that the sections of BTF lie inside it and that each type's members do. Ids,
 * names, sizes and offsets in it are still anything, so each is checked where it is used, and each chain has a limit.
 */
#define XXH_INLINE_ALL
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/parse.h"
#include "monitor/types.h"

#define TYPES_BYTES_MAX ((size_t)32 << 20)
#define CHAIN_MAX	32 /* typedefs and modifiers, nested anonymous members, dimensions of an array */

/* A struct, union, enum or typedef. */
struct type_name {
	const char *name; /* in the BTF's strings */
	uint32_t id, hash;
	uint32_t next; /* 1 + the next one of the same name, by id; 0: there is none */
};

/* Names are hashed, not sorted, as those of symbols: every run looks up a few hundred. */
struct types {
	struct btf *btf;
	const struct types *base; /* borrowed; NULL: none */
	struct type_name *named;
	size_t named_count;
	uint32_t
		*slot; /* 1 + the first of a name in `named`, by the name's hash, then the next that is free; 0: free */
	size_t slots;  /* a power of two */
	uint32_t *enums; /* ids of all enums, also of those without a name */
	size_t enum_count;
};

struct btf *types_btf(const struct types *t)
{
	return t->btf;
}

void types_close(struct types *t)
{
	if (!t)
		return;
	btf__free(t->btf);
	free(t->named);
	free(t->slot);
	free(t->enums);
	free(t);
}
DEFINE_CLEANUP(struct types *, types_close)

/* --- opening ------------------------------------------------------------------------------------------------------ */

static uint32_t hash_of(const char *name)
{
	return (uint32_t)XXH3_64bits(name, strlen(name));
}

static bool is_looked_up(const struct btf_type *type)
{
	return btf_is_composite(type) || btf_is_any_enum(type) || btf_is_typedef(type);
}

/* The slot of this name, or the free one where it belongs. There always is a free one. */
static uint32_t *slot_of(const struct types *t, const char *name, uint32_t hash)
{
	for (size_t i = hash;; i++) {
		uint32_t *slot = &t->slot[i & (t->slots - 1)];
		const struct type_name *n = *slot ? &t->named[*slot - 1] : NULL;
		if (!n || (n->hash == hash && !strcmp(n->name, name)))
			return slot;
	}
}

static void collect(struct types *t, uint32_t first, uint32_t end)
{
	for (uint32_t id = first; id < end; id++) {
		const struct btf_type *type = btf__type_by_id(t->btf, id);
		if (!type || !is_looked_up(type))
			continue;
		const char *name = btf__name_by_offset(t->btf, type->name_off);
		if (btf_is_any_enum(type))
			t->enums[t->enum_count++] = id;
		if (name && *name)
			t->named[t->named_count++] = (struct type_name){ name, id, hash_of(name), 0 };
	}
}

static int index_names(struct types *t)
{
	uint32_t first = t->base ? btf__type_cnt(t->base->btf) : 1, end = btf__type_cnt(t->btf);
	size_t room = end > first ? end - first : 0;
	t->named = malloc((room + 1) * sizeof(*t->named));
	t->enums = malloc((room + 1) * sizeof(*t->enums));
	if (!t->named || !t->enums)
		return -ENOMEM;
	collect(t, first, end);
	for (t->slots = 64; t->slots < 2 * t->named_count;)
		t->slots *= 2;
	t->slot = calloc(t->slots, sizeof(*t->slot));
	if (!t->slot)
		return -ENOMEM;
	for (size_t i = t->named_count; i-- > 0;) { /* backwards, so that the lowest id of a name comes first */
		uint32_t *slot = slot_of(t, t->named[i].name, t->named[i].hash);
		t->named[i].next = *slot;
		*slot = (uint32_t)i + 1;
	}
	return 0;
}

/* Takes over @btf, which may be NULL with errno set. */
static int types_new(struct btf *btf, const struct types *base, struct types **ret)
{
	int r = btf ? 0 : errno ? -errno : -EBADMSG;
	if (r < 0)
		return r;
	_cleanup_(types_close_p) struct types *t = calloc(1, sizeof(*t));
	if (!t) {
		btf__free(btf);
		return -ENOMEM;
	}
	t->btf = btf;
	t->base = base;
	r = index_names(t);
	if (r == 0)
		*ret = TAKE_PTR(t);
	return r;
}

static void elf_end_p(Elf **elf)
{
	elf_end(*elf);
}

/* The BTF in a mapped file; NULL: it has none. */
static const Elf_Data *find_btf(Elf *elf)
{
	size_t names;
	GElf_Shdr header;
	if (elf_getshdrstrndx(elf, &names) != 0)
		return NULL;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn));) {
		const char *its = gelf_getshdr(scn, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
		if (its && strcmp(its, ".BTF") == 0)
			return elf_rawdata(scn, NULL);
	}
	return NULL;
}

/* As btf__parse_elf(), which reads several megabytes to a copy, and copies that. Returns NULL with errno set. */
static struct btf *parse_file(const char *vmlinux)
{
	_cleanup_close_ int fd = open(vmlinux, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	elf_version(EV_CURRENT);
	_cleanup_(elf_end_p) Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	bool readable = elf && elf_kind(elf) == ELF_K_ELF;
	const Elf_Data *data = readable ? find_btf(elf) : NULL;
	errno = readable ? ENODATA : ENOEXEC;
	if (!data || !data->d_buf || data->d_size > TYPES_BYTES_MAX)
		return NULL;
	return btf__new(data->d_buf, (uint32_t)data->d_size);
}

int types_open(const char *vmlinux, struct types **ret, struct err **err)
{
	libbpf_set_print(NULL); /* what it says of damaged files is in its errno, too */
	int r = types_new(parse_file(vmlinux), NULL, ret);
	if (r == -ENODATA)
		return FAIL(err, ERR_DATA, r, "read the types of %s: the kernel has no BTF; build it with %s", vmlinux,
			    "CONFIG_DEBUG_INFO_BTF=y");
	return r < 0 ? FAIL_SYS(err, r, "read the types of %s", vmlinux) : 0;
}

/* libbpf makes types on top of others only from a file. */
static struct btf *parse_on_top(const void *data, size_t size, struct btf *base)
{
	char path[32];
	_cleanup_close_ int fd = memfd_new("ktstr-btf", 0);
	int r = fd < 0 ? fd : fd_write_full(fd, data, size);
	if (r < 0) {
		errno = -r;
		return NULL;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return btf__parse_raw_split(path, base);
}

int types_parse(const void *data, size_t size, const struct types *base, struct types **ret, struct err **err)
{
	int r = -EBADMSG;
	libbpf_set_print(NULL);
	if (size <= TYPES_BYTES_MAX)
		r = types_new(base ? parse_on_top(data, size, base->btf) : btf__new(data, (uint32_t)size), base, ret);
	return r < 0 ? FAIL_SYS(err, r, "read types of %zu bytes of BTF", size) : 0;
}

/* --- look-ups ----------------------------------------------------------------------------------------------------- */

/* The first entry of @name, and the next one of the same name; NULL: there is none. */
static const struct type_name *first_named(const struct types *t, const char *name)
{
	uint32_t at = *slot_of(t, name, hash_of(name));
	return at ? &t->named[at - 1] : NULL;
}

static const struct type_name *next_named(const struct types *t, const struct type_name *n)
{
	return n->next ? &t->named[n->next - 1] : NULL;
}

/* Without modifiers and typedefs; NULL: void, not there, or too long a chain. */
static const struct btf_type *strip(const struct types *t, uint32_t id, uint32_t *ret)
{
	for (unsigned i = 0; id && i < CHAIN_MAX; i++) {
		const struct btf_type *type = btf__type_by_id(t->btf, id);
		*ret = id;
		if (!type || !(btf_is_mod(type) || btf_is_typedef(type)))
			return type;
		id = type->type;
	}
	return NULL;
}

/* The struct, union or enum of this name (also by typedef); a struct that is only declared does not count. */
static const struct btf_type *find(const struct types *t, const char *name, bool enums, uint32_t *ret)
{
	for (const struct type_name *n = first_named(t, name); n; n = next_named(t, n)) {
		const struct btf_type *type = strip(t, n->id, ret);
		if (type && (enums ? btf_is_any_enum(type) : btf_is_composite(type)))
			return type;
	}
	return t->base ? find(t->base, name, enums, ret) : NULL;
}

/* Size in bytes of a type without modifiers; false: it has none, or does not fit in 32 bits. */
static bool size_of(const struct types *t, const struct btf_type *type, uint32_t *ret)
{
	uint64_t count = 1;
	for (unsigned i = 0; type && btf_is_array(type); i++) {
		uint32_t id;
		count *= btf_array(type)->nelems;
		if (i >= CHAIN_MAX || count > UINT32_MAX)
			return false;
		type = strip(t, btf_array(type)->type, &id);
	}
	if (!type)
		return false;
	if (btf_is_ptr(type))
		count *= sizeof(uint64_t);
	else if (btf_is_int(type) || btf_is_any_enum(type) || btf_is_composite(type) || btf_is_float(type))
		count *= type->size;
	else
		return false;
	*ret = (uint32_t)count;
	return count <= UINT32_MAX;
}

static bool is_signed(const struct btf_type *type)
{
	return (btf_is_int(type) && (btf_int_encoding(type) & BTF_INT_SIGNED)) ||
	       (btf_is_any_enum(type) && btf_kflag(type));
}

/* --- enumerators -------------------------------------------------------------------------------------------------- */

static bool enumerator_at(const struct types *t, const struct btf_type *type, unsigned i, const char *name,
			  int64_t *ret)
{
	bool wide = btf_is_enum64(type);
	const char *its = btf__name_by_offset(t->btf, wide ? btf_enum64(type)[i].name_off : btf_enum(type)[i].name_off);
	if (!its || strcmp(its, name))
		return false;
	if (wide)
		*ret = (int64_t)btf_enum64_value(&btf_enum64(type)[i]);
	else
		*ret = btf_kflag(type) ? btf_enum(type)[i].val : (int64_t)(uint32_t)btf_enum(type)[i].val;
	return true;
}

static bool enumerator_of(const struct types *t, const struct btf_type *type, const char *name, int64_t *ret)
{
	for (unsigned i = 0; i < btf_vlen(type); i++)
		if (enumerator_at(t, type, i, name, ret))
			return true;
	return false;
}

bool types_enumerator(const struct types *t, const char *enumeration, const char *name, int64_t *ret)
{
	uint32_t id;
	if (enumeration) {
		const struct btf_type *type = find(t, enumeration, true, &id);
		return type && enumerator_of(t, type, name, ret);
	}
	if (t->base && types_enumerator(t->base, NULL, name, ret))
		return true;
	for (size_t i = 0; i < t->enum_count; i++)
		if (enumerator_of(t, btf__type_by_id(t->btf, t->enums[i]), name, ret))
			return true;
	return false;
}

/* --- members ----------------------------------------------------------------------------------------------------- */

/* Where the search is: a type, and its place from the start of the outermost object. */
struct place {
	uint32_t id;
	const struct btf_type *type;
	uint64_t bit;
	unsigned bits; /* of a bit field */
};

/* Members that one search looks at: anonymous members of hostile types nest without end. */
#define SEARCH_MAX 65536

static bool find_member(const struct types *t, struct place *p, const char *name, size_t len, unsigned depth,
			unsigned *budget)
{
	const struct btf_type *in = p->type;
	const struct btf_member *m = btf_is_composite(in) ? btf_members(in) : NULL;
	for (unsigned i = 0; m && i < btf_vlen(in) && *budget; i++, m++) {
		--*budget;
		const char *its = btf__name_by_offset(t->btf, m->name_off);
		struct place inner = { .bit = p->bit + btf_member_bit_offset(in, i),
				       .bits = btf_member_bitfield_size(in, i) };
		bool hit = its && *its && !strncmp(its, name, len) && !its[len];
		bool anonymous = its && !*its && depth < CHAIN_MAX;
		if (hit || anonymous)
			inner.type = strip(t, m->type, &inner.id);
		if (!inner.type || (!hit && !find_member(t, &inner, name, len, depth + 1, budget)))
			continue;
		*p = inner;
		return true;
	}
	return false;
}

/* The number of an element: "3]...", or an enumerator's name. Returns what follows the bracket, or NULL. */
static const char *read_index(const struct types *t, const char *text, uint32_t *ret)
{
	char name[64];
	int64_t value = 0;
	size_t len = strcspn(text, "]");
	if (!len || text[len] != ']' || len >= sizeof(name))
		return NULL;
	memcpy(name, text, len);
	name[len] = '\0';
	if (parse_u32_range(name, 0, UINT32_MAX, ret) == 0)
		return text + len + 1;
	if (!types_enumerator(t, NULL, name, &value) || value < 0 || value > UINT32_MAX)
		return NULL;
	*ret = (uint32_t)value;
	return text + len + 1;
}

/* Steps into an element of an array; returns what follows the bracket, or NULL. */
static const char *find_element(const struct types *t, struct place *p, const char *text)
{
	uint32_t size, n;
	const char *end = btf_is_array(p->type) ? read_index(t, text, &n) : NULL;
	if (!end)
		return NULL;
	uint32_t declared = btf_array(p->type)->nelems;
	if (declared && n >= declared)
		return NULL;
	p->type = strip(t, btf_array(p->type)->type, &p->id);
	if (!p->type || !size_of(t, p->type, &size))
		return NULL;
	p->bit += (uint64_t)n * size * 8;
	return end;
}

/* The bytes that cover a bit field: as few as a scalar can have. */
static bool cover_bits(const struct place *p, struct field *f)
{
	uint32_t size = 1, first = (uint32_t)(p->bit % 8);
	while (size * 8 < first + p->bits)
		size *= 2;
	f->bits = (uint8_t)p->bits;
	f->bit_offset = (uint8_t)first;
	f->size = size;
	return size <= sizeof(uint64_t);
}

/* Bit fields of old BTF have their place in their integer type. */
static void place_old_bit_field(struct place *p)
{
	unsigned bits = btf_is_int(p->type) ? btf_int_bits(p->type) : 0;
	if (p->bits || !bits || (bits == p->type->size * 8 && !btf_int_offset(p->type) && p->bit % 8 == 0))
		return;
	p->bits = bits;
	p->bit += btf_int_offset(p->type);
}

static struct field field_of(const struct types *t, struct place *p)
{
	struct field f = { .type = p->id, .is_signed = is_signed(p->type) };
	place_old_bit_field(p);
	bool sized = p->bits ? cover_bits(p, &f) : size_of(t, p->type, &f.size);
	f.offset = (uint32_t)(p->bit / 8);
	return sized && p->bit / 8 <= INT32_MAX && (p->bits || p->bit % 8 == 0) ? f : (struct field){ 0 };
}

/* Goes through "[1][2]" and the '.' before the next name. Returns what follows; NULL: it is not in the type. */
static const char *follow_elements(const struct types *t, struct place *p, const char *path)
{
	while (path && *path == '[')
		path = find_element(t, p, path + 1);
	if (path && *path == '.')
		return path[1] ? path + 1 : NULL;
	return path && !*path ? path : NULL;
}

static bool follow(const struct types *t, struct place *p, const char *path)
{
	unsigned budget = SEARCH_MAX;
	while (path && *path) {
		size_t len = strcspn(path, ".[");
		if (!len || !find_member(t, p, path, len, 0, &budget))
			return false;
		path = follow_elements(t, p, path + len);
	}
	return path;
}

/* The variable of that name in a section. */
static bool find_variable(const struct types *t, struct place *p, const char *name, size_t len)
{
	const struct btf_var_secinfo *info = btf_var_secinfos(p->type);
	for (unsigned i = 0; i < btf_vlen(p->type); i++) {
		const struct btf_type *var = btf__type_by_id(t->btf, info[i].type);
		const char *its = var && btf_is_var(var) ? btf__name_by_offset(t->btf, var->name_off) : NULL;
		if (!its || strncmp(its, name, len) || its[len])
			continue;
		p->bit = (uint64_t)info[i].offset * 8;
		p->type = strip(t, var->type, &p->id);
		return p->type;
	}
	return false;
}

struct field types_field_of(const struct types *t, uint32_t id, const char *path)
{
	struct place p = { .type = strip(t, id, &p.id) };
	if (p.type && btf_is_datasec(p.type)) {
		size_t len = strcspn(path, ".[");
		if (!len || !find_variable(t, &p, path, len))
			return (struct field){ 0 };
		path += len;
	}
	if (!p.type)
		return (struct field){ 0 };
	if (!*path || *path == '[' || *path == '.')
		path = follow_elements(t, &p, path);
	return path && follow(t, &p, path) ? field_of(t, &p) : (struct field){ 0 };
}

void types_each_name(const struct types *t, uint32_t id, void (*visit)(const char *name, void *arg), void *arg)
{
	uint32_t bare;
	const struct btf_type *type = strip(t, id, &bare);
	for (unsigned i = 0; type && btf_is_datasec(type) && i < btf_vlen(type); i++) {
		const struct btf_type *var = btf__type_by_id(t->btf, btf_var_secinfos(type)[i].type);
		const char *name = var && btf_is_var(var) ? btf__name_by_offset(t->btf, var->name_off) : NULL;
		if (name && *name)
			visit(name, arg);
	}
	for (unsigned i = 0; type && btf_is_composite(type) && i < btf_vlen(type); i++) {
		const char *name = btf__name_by_offset(t->btf, btf_members(type)[i].name_off);
		if (name && *name)
			visit(name, arg);
	}
}

struct field types_field(const struct types *t, const char *structure, const char *path)
{
	struct place p = { 0 };
	p.type = find(t, structure, false, &p.id);
	if (!p.type || !*path || !follow(t, &p, path))
		return (struct field){ 0 };
	return field_of(t, &p);
}

uint32_t types_id(const struct types *t, const char *name, uint16_t kind)
{
	for (const struct type_name *n = first_named(t, name); n; n = next_named(t, n))
		if (btf_kind(btf__type_by_id(t->btf, n->id)) == kind)
			return n->id;
	return t->base ? types_id(t->base, name, kind) : 0;
}

uint32_t types_size(const struct types *t, const char *structure)
{
	uint32_t id;
	const struct btf_type *type = find(t, structure, false, &id);
	return type ? type->size : 0;
}
