/* SPDX-License-Identifier: GPL-2.0-only */
/* elf_view.c -- see elf_view.h. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/elf_view.h"

static const Elf64_Ehdr *head_of(const struct elf_view *e)
{
	return (const void *)e->file;
}

static bool inside(const struct elf_view *e, uint64_t at, uint64_t bytes)
{
	return at <= e->size && bytes <= e->size - at;
}

static bool usable(const struct elf_view *e)
{
	const Elf64_Ehdr *h = head_of(e);
	return e->size >= sizeof(*h) && memcmp(h->e_ident, ELFMAG, SELFMAG) == 0 &&
	       h->e_ident[EI_CLASS] == ELFCLASS64 && h->e_shentsize == sizeof(Elf64_Shdr) && h->e_shoff % 8 == 0 &&
	       h->e_shnum && inside(e, h->e_shoff, (uint64_t)h->e_shnum * sizeof(Elf64_Shdr)) &&
	       h->e_shstrndx < h->e_shnum;
}

int elf_view_open(struct elf_view *e, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	*e = (struct elf_view){ 0 };
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!st.st_size)
		return -ENOEXEC;
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	e->file = p;
	e->size = (size_t)st.st_size;
	if (usable(e))
		return 0;
	elf_view_close(e);
	return -ENOEXEC;
}

void elf_view_close(struct elf_view *e)
{
	if (e->file)
		munmap((void *)(uintptr_t)e->file, e->size);
	*e = (struct elf_view){ 0 };
}

static const Elf64_Shdr *section(const struct elf_view *e, uint32_t index)
{
	const Elf64_Shdr *list = (const void *)(e->file + head_of(e)->e_shoff);
	return index < head_of(e)->e_shnum ? &list[index] : NULL;
}

/* Is @name the text at @at of the string table? */
static bool named(const struct elf_view *e, const Elf64_Shdr *strings, uint32_t at, const char *name)
{
	size_t bytes = strlen(name) + 1;
	return strings && at < strings->sh_size && bytes <= strings->sh_size - at &&
	       inside(e, strings->sh_offset, strings->sh_size) &&
	       memcmp(e->file + strings->sh_offset + at, name, bytes) == 0;
}

bool elf_view_section(const struct elf_view *e, const char *name, uint64_t *ret_at, uint64_t *ret_bytes)
{
	const Elf64_Shdr *names = section(e, head_of(e)->e_shstrndx);
	for (uint32_t i = 0; i < head_of(e)->e_shnum; i++) {
		const Elf64_Shdr *s = section(e, i);
		if (!(s->sh_flags & SHF_ALLOC) || !named(e, names, s->sh_name, name))
			continue;
		*ret_at = s->sh_addr;
		*ret_bytes = s->sh_size;
		return true;
	}
	return false;
}

static bool find_symbol(const struct elf_view *e, const Elf64_Shdr *table, const char *name, uint64_t *ret_at)
{
	const Elf64_Sym *symbol = (const void *)(e->file + table->sh_offset);
	for (uint64_t i = 0; i < table->sh_size / sizeof(*symbol); i++)
		if (symbol[i].st_shndx != SHN_UNDEF && named(e, section(e, table->sh_link), symbol[i].st_name, name)) {
			*ret_at = symbol[i].st_value;
			return true;
		}
	return false;
}

bool elf_view_symbol(const struct elf_view *e, const char *name, uint64_t *ret_at)
{
	for (uint32_t i = 0; i < head_of(e)->e_shnum; i++) {
		const Elf64_Shdr *s = section(e, i);
		if (s->sh_type == SHT_SYMTAB && s->sh_offset % 8 == 0 && inside(e, s->sh_offset, s->sh_size) &&
		    find_symbol(e, s, name, ret_at))
			return true;
	}
	return false;
}
