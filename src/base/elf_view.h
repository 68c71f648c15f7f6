/* SPDX-License-Identifier: GPL-2.0-only */
/* elf_view.h -- addresses of sections and symbols in an ELF file, also of symbols that nothing can link to. */
#ifndef KTSTR_BASE_ELF_VIEW_H
#define KTSTR_BASE_ELF_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_view {
	const unsigned char *file; /* NULL: not open */
	size_t size;
};

/* -ENOEXEC: it is no ELF file for 64 bits, or has no section headers. */
int elf_view_open(struct elf_view *e, const char *path);
void elf_view_close(struct elf_view *e);
/* Of a section that is loaded. Addresses are those of the file: where it is loaded is to be added. */
bool elf_view_section(const struct elf_view *e, const char *name, uint64_t *ret_at, uint64_t *ret_bytes);
/* False also where the symbols were removed (strip). */
bool elf_view_symbol(const struct elf_view *e, const char *name, uint64_t *ret_at);

#endif
