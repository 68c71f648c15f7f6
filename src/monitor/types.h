/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * types.h -- the types of a kernel, from the BTF of its vmlinux (libbpf's btf__*). A member is found by name. One that
 * this kernel does not have is absent, which every reader of it must say (null), and never offset 0.
 */
#ifndef KTSTR_MONITOR_TYPES_H
#define KTSTR_MONITOR_TYPES_H

#include <bpf/btf.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Where a member lies in an object. Of a bit field: the bytes that cover it. All zero: absent. */
struct field {
	uint32_t offset;	  /* bytes from the start of the object */
	uint32_t size;		  /* bytes; 0 of an array without a declared length */
	uint8_t bit_offset, bits; /* of a bit field within `offset`; bits 0: no bit field */
	bool is_signed;
	uint32_t type; /* BTF id, without modifiers and typedefs; 0: absent */
};

struct types;

/* -ENODATA: the kernel has no BTF. Blocks. Immutable once open. */
int types_open(const char *vmlinux, struct types **ret, struct err **err);
/* Of BTF bytes that a guest holds (of a map or a program), on top of @base, which outlives it. They are checked. */
int types_parse(const void *data, size_t size, const struct types *base, struct types **ret, struct err **err);
void types_close(struct types *t);
struct btf *types_btf(const struct types *t); /* borrowed */

/*
 * "rq", "scx.local_dsq.nr": through structs, unions and anonymous members; array elements by "[N]" or "[ENUMERATOR]".
 * @structure is a struct, a union, or a typedef of one.
 */
struct field types_field(const struct types *t, const char *structure, const char *path);
/* BTF id of the first type of this name and kind: BTF_KIND_STRUCT, UNION, ENUM, ENUM64 or TYPEDEF. 0: there is none. */
uint32_t types_id(const struct types *t, const char *name, uint16_t kind);
/* Size of a struct or union in bytes; 0: there is none. */
uint32_t types_size(const struct types *t, const char *structure);
/*
 * A member of the type @id: of the section of a program's global variables (.bss, .data), where the path begins with
 * the name of one; of a struct; or, for a path that is empty or begins with '[', the value itself.
 */
struct field types_field_of(const struct types *t, uint32_t id, const char *path);
/* Calls @visit with the names of a section's variables, or of a struct's members. */
void types_each_name(const struct types *t, uint32_t id, void (*visit)(const char *name, void *arg), void *arg);
/* Value of an enumerator; @enumeration NULL: of any enum, also one without a name. False: there is none. */
bool types_enumerator(const struct types *t, const char *enumeration, const char *name, int64_t *ret);

static inline bool field_present(struct field f)
{
	return f.type != 0;
}

/* The value of @f, given the bytes that it covers as a number. */
static inline uint64_t field_value(struct field f, uint64_t raw)
{
	unsigned unused = 64 - (f.bits ? f.bits : f.size * 8);
	raw = raw >> f.bit_offset << unused;
	return f.is_signed ? (uint64_t)((int64_t)raw >> unused) : raw >> unused;
}

#endif
