/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * render.h -- a value of a BTF type as JSON, and such JSON as text. Pure: it reads the bytes and types that it is
 * given, and other memory only through a reader. Types and bytes come from guests, so each recursion, array and value
 * is limited, and what is left out is said.
 *
 * A value is an object with "kind": int, uint, bool, char, float, enum, struct, array, cpu_list, ptr, bytes, truncated
 * or unsupported (docs/dump.schema.json has their members).
 */
#ifndef KTSTR_MONITOR_RENDER_H
#define KTSTR_MONITOR_RENDER_H

#include <bpf/btf.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define RENDER_DEPTH_MAX    32
#define RENDER_ELEMENTS_MAX 4096
#define RENDER_VALUES_MAX   65536 /* of one render_value(), with all that it contains */
#define RENDER_POINTEE_MAX  1024  /* bytes; a larger object behind a pointer is not shown */
#define RENDER_POINTERS_MAX 2	  /* pointers that are followed one behind the other */
#define RENDER_NAME_MAX	    256

/* Where pointers lead. Both functions may be NULL. */
struct render_memory {
	bool (*read)(void *arg, uint64_t address, void *out, size_t len);
	/* "name+0xoff" of what is at the address: a function or another symbol. False: none. */
	bool (*name)(void *arg, uint64_t address, char *out, size_t size);
	void *arg;
};

/* NULL: out of memory. @memory: NULL, or how to follow pointers. */
json_t *render_value(const struct btf *btf, uint32_t type, const void *data, size_t size,
		     const struct render_memory *memory);
/* Bytes without a type: {kind: "bytes", hex}. */
json_t *render_bytes(const void *data, size_t size);
/* Size of a type in bytes; 0: unknown, or recursive. Unlike libbpf's, it never exceeds UINT32_MAX. */
uint32_t render_size(const struct btf *btf, uint32_t type);
/* Bits of a CPU mask as a list, "0-3,8"; "" for none. */
json_t *render_cpu_list(const void *mask, size_t bytes);

/* --- text (render_text.c) ----------------------------------------------------------------------------------------- */

/*
 * On lines of about 110 columns, each behind @indent spaces. Of a struct, members that are zero are left out, and
 * scalars share lines. What is not of the form above is printed as JSON.
 */
void render_text(const json_t *value, unsigned indent, struct buf *out);
/* A scalar, or another value that fits into one cell of a table. False: it is neither, nothing was written. */
bool render_text_cell(const json_t *value, struct buf *out);
/* 0, false, an empty text, a NULL pointer, or a struct or array of nothing else. */
bool render_is_zero(const json_t *value);

#endif
