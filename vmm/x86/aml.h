/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * aml.h -- writes little-endian bytes into a fixed buffer, and the few AML terms of our DSDT (ACPI 6.4, chapter 20). A
 * function that opens a package returns a mark for aml_close().
 */
#ifndef KTSTR_VMM_X86_AML_H
#define KTSTR_VMM_X86_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that do not fit are dropped, with all that follow, and `full` is set. */
struct out {
	uint8_t *data;
	size_t size, len;
	bool full;
};

void out_bytes(struct out *o, const void *data, size_t len);
void out_8(struct out *o, uint8_t v);
void out_16(struct out *o, uint16_t v);
void out_32(struct out *o, uint32_t v);
void out_64(struct out *o, uint64_t v);
void out_zeros(struct out *o, size_t len);
void out_align(struct out *o, size_t to);
/* Overwrites bytes that were written before. */
void out_patch_8(struct out *o, size_t at, uint8_t v);
void out_patch_32(struct out *o, size_t at, uint32_t v);

/* @name: four characters, e.g. "COM1" or "_HID"; with a leading backslash for a scope. */
size_t aml_scope(struct out *o, const char *name);
size_t aml_device(struct out *o, const char *name);
void aml_close(struct out *o, size_t mark);
void aml_name_integer(struct out *o, const char *name, uint32_t value);
void aml_name_string(struct out *o, const char *name, const char *value);
/* @id: "PNP0501" */
void aml_name_eisa(struct out *o, const char *name, const char *id);
/* A package of integers below 256. */
void aml_name_package(struct out *o, const char *name, const uint8_t *values, uint8_t count);

/* Name(_CRS, ResourceTemplate() {...}), closed by aml_resources_end(). */
size_t aml_resources(struct out *o);
void aml_io_ports(struct out *o, uint16_t first, uint8_t count);
void aml_memory(struct out *o, uint32_t address, uint32_t bytes);
/* Edge-triggered, active high, not shared: the form that KVM's irqfd injects. */
void aml_interrupt(struct out *o, uint32_t gsi);
void aml_resources_end(struct out *o, size_t mark);

#endif
