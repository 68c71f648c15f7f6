/* SPDX-License-Identifier: GPL-2.0-only */
/* aml.c -- see aml.h. */
#include <string.h>

#include "base/bug.h"
#include "vmm/x86/aml.h"

/* --- bytes -------------------------------------------------------------------------------------------------------- */

void out_bytes(struct out *o, const void *data, size_t len)
{
	if (o->full || len > o->size - o->len) {
		o->full = true;
		return;
	}
	memcpy(o->data + o->len, data, len);
	o->len += len;
}

void out_8(struct out *o, uint8_t v)
{
	out_bytes(o, &v, 1);
}

void out_16(struct out *o, uint16_t v)
{
	out_8(o, (uint8_t)v);
	out_8(o, (uint8_t)(v >> 8));
}

void out_32(struct out *o, uint32_t v)
{
	out_16(o, (uint16_t)v);
	out_16(o, (uint16_t)(v >> 16));
}

void out_64(struct out *o, uint64_t v)
{
	out_32(o, (uint32_t)v);
	out_32(o, (uint32_t)(v >> 32));
}

void out_zeros(struct out *o, size_t len)
{
	for (size_t i = 0; i < len && !o->full; i++)
		out_8(o, 0);
}

void out_align(struct out *o, size_t to)
{
	out_zeros(o, (to - o->len % to) % to);
}

void out_patch_8(struct out *o, size_t at, uint8_t v)
{
	if (!o->full)
		o->data[at] = v;
}

void out_patch_32(struct out *o, size_t at, uint32_t v)
{
	for (size_t i = 0; i < 4; i++)
		out_patch_8(o, at + i, (uint8_t)(v >> 8 * i));
}

/* --- terms -------------------------------------------------------------------------------------------------------- */

enum {
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_WORD = 0x0b,
	AML_DWORD = 0x0c,
	AML_STRING = 0x0d,
	AML_SCOPE = 0x10,
	AML_BUFFER = 0x11,
	AML_PACKAGE = 0x12,
	AML_EXTENDED = 0x5b,
	AML_EXT_DEVICE = 0x82,
};

/*
 * A PkgLength of two bytes, for packages below 4 KiB: the length, which counts these two bytes, has its low nibble in
 * the first one and bits 4-11 in the second.
 */
static size_t open_package(struct out *o)
{
	out_zeros(o, 2);
	return o->len - 2;
}

void aml_close(struct out *o, size_t mark)
{
	if (o->full)
		return;
	size_t len = o->len - mark;
	REQUIRE(len < 1u << 12);
	out_patch_8(o, mark, (uint8_t)(1u << 6 | (len & 0xf)));
	out_patch_8(o, mark + 1, (uint8_t)(len >> 4));
}

size_t aml_scope(struct out *o, const char *name)
{
	out_8(o, AML_SCOPE);
	size_t mark = open_package(o);
	out_bytes(o, name, strlen(name));
	return mark;
}

size_t aml_device(struct out *o, const char *name)
{
	out_8(o, AML_EXTENDED);
	out_8(o, AML_EXT_DEVICE);
	size_t mark = open_package(o);
	out_bytes(o, name, 4);
	return mark;
}

static void name_begin(struct out *o, const char *name)
{
	out_8(o, AML_NAME);
	out_bytes(o, name, 4);
}

void aml_name_integer(struct out *o, const char *name, uint32_t value)
{
	name_begin(o, name);
	out_8(o, AML_DWORD);
	out_32(o, value);
}

void aml_name_string(struct out *o, const char *name, const char *value)
{
	name_begin(o, name);
	out_8(o, AML_STRING);
	out_bytes(o, value, strlen(value) + 1);
}

static uint8_t hex_digit(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* Three letters of five bits and four hexadecimal digits, big-endian (ACPI 6.4, 19.3.4). */
void aml_name_eisa(struct out *o, const char *name, const char *id)
{
	REQUIRE(strlen(id) == 7);
	uint16_t letters = (uint16_t)((id[0] & 0x1f) << 10 | (id[1] & 0x1f) << 5 | (id[2] & 0x1f));
	name_begin(o, name);
	out_8(o, AML_DWORD);
	out_8(o, (uint8_t)(letters >> 8));
	out_8(o, (uint8_t)letters);
	out_8(o, (uint8_t)(hex_digit(id[3]) << 4 | hex_digit(id[4])));
	out_8(o, (uint8_t)(hex_digit(id[5]) << 4 | hex_digit(id[6])));
}

void aml_name_package(struct out *o, const char *name, const uint8_t *values, uint8_t count)
{
	name_begin(o, name);
	out_8(o, AML_PACKAGE);
	size_t mark = open_package(o);
	out_8(o, count);
	for (uint8_t i = 0; i < count; i++) {
		out_8(o, AML_BYTE);
		out_8(o, values[i]);
	}
	aml_close(o, mark);
}

/* --- resources (ACPI 6.4, 6.4) ------------------------------------------------------------------------------------ */

size_t aml_resources(struct out *o)
{
	name_begin(o, "_CRS");
	out_8(o, AML_BUFFER);
	size_t mark = open_package(o);
	out_8(o, AML_WORD);
	out_16(o, 0);
	return mark;
}

void aml_io_ports(struct out *o, uint16_t first, uint8_t count)
{
	out_8(o, 0x47); /* I/O port descriptor, 7 bytes */
	out_8(o, 1);	/* decodes 16 bits */
	out_16(o, first);
	out_16(o, first);
	out_8(o, 1); /* alignment */
	out_8(o, count);
}

void aml_memory(struct out *o, uint32_t address, uint32_t bytes)
{
	out_8(o, 0x86); /* 32-bit fixed memory range */
	out_16(o, 9);
	out_8(o, 1); /* writable */
	out_32(o, address);
	out_32(o, bytes);
}

void aml_interrupt(struct out *o, uint32_t gsi)
{
	out_8(o, 0x89); /* extended interrupt */
	out_16(o, 6);
	out_8(o, 1 | 1 << 1); /* consumer, edge; active high and exclusive are 0 */
	out_8(o, 1);
	out_32(o, gsi);
}

void aml_resources_end(struct out *o, size_t mark)
{
	out_8(o, 0x79); /* end tag; checksum 0: none */
	out_8(o, 0);
	size_t bytes = o->len - mark - 5; /* without PkgLength (2) and the size itself (3) */
	out_patch_8(o, mark + 3, (uint8_t)bytes);
	out_patch_8(o, mark + 4, (uint8_t)(bytes >> 8));
	aml_close(o, mark);
}
