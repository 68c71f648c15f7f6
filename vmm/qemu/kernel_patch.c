/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel_patch.c -- see kernel_patch.h. The kernel file is a user's: every offset is checked. */
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "vmm/qemu/kernel_patch.h"

#define KEPT_SUFFIX	   ".vmlinux"
#define KEPT_NAME_MAX	   32
#define KERNELS_MAX	   16 /* copies that are kept */
#define FUNCTION_BYTES_MAX 65536
#define PAUSES_MAX	   8 /* functions with more PAUSEs are not the calibration loops */
#define PATCHES_MAX	   (4 * PAUSES_MAX)

struct image {
	const uint8_t *data;
	size_t size;
	uint64_t patch[PATCHES_MAX]; /* file offsets of the PAUSEs to replace */
	unsigned patches;
};

/* Returns @count items of @size bytes at @at, or NULL where they are not all in the file. */
static const void *file_part(const struct image *i, uint64_t at, uint64_t count, size_t size)
{
	if (at > i->size || count > (i->size - at) / size)
		return NULL;
	return i->data + at;
}

static const Elf64_Shdr *sections(const struct image *i, unsigned *ret_count)
{
	const Elf64_Ehdr *head = file_part(i, 0, 1, sizeof(*head));
	if (!head || memcmp(head->e_ident, ELFMAG, SELFMAG) || head->e_ident[EI_CLASS] != ELFCLASS64 ||
	    head->e_machine != EM_X86_64 || head->e_shoff % _Alignof(Elf64_Shdr))
		return NULL;
	*ret_count = head->e_shnum;
	return file_part(i, head->e_shoff, head->e_shnum, sizeof(Elf64_Shdr));
}

/* Functions that wait for the timer; most compilers inline the first into the second. */
static bool is_calibration(const char *name)
{
	return !strcmp(name, "calibrate_APIC_clock") || !strcmp(name, "setup_boot_APIC_clock");
}

static unsigned patch_function(struct image *i, const Elf64_Shdr *text, const Elf64_Sym *s)
{
	uint64_t into = s->st_value - text->sh_addr;
	unsigned found = 0;
	if (s->st_value < text->sh_addr || into > text->sh_size || text->sh_type != SHT_PROGBITS ||
	    text->sh_offset > i->size || s->st_size < 2 || s->st_size > FUNCTION_BYTES_MAX)
		return 0;
	uint64_t begin = text->sh_offset + into, pause[PAUSES_MAX];
	const uint8_t *code = file_part(i, begin, s->st_size, 1);
	for (uint64_t at = 0; code && at + 1 < s->st_size; at++) {
		if (code[at] != 0xf3 || code[at + 1] != 0x90)
			continue;
		if (found == PAUSES_MAX || i->patches + found == PATCHES_MAX)
			return 0;
		pause[found++] = begin + at;
	}
	memcpy(i->patch + i->patches, pause, found * sizeof(*pause));
	i->patches += found;
	return found;
}

static unsigned patch_symbols(struct image *i, const Elf64_Shdr *section, unsigned count, const Elf64_Shdr *table)
{
	uint64_t symbols = table->sh_size / sizeof(Elf64_Sym);
	const Elf64_Sym *symbol = file_part(i, table->sh_offset, symbols, sizeof(*symbol));
	const Elf64_Shdr *strings = table->sh_link < count ? &section[table->sh_link] : NULL;
	const char *names = strings ? file_part(i, strings->sh_offset, strings->sh_size, 1) : NULL;
	unsigned found = 0;
	if (!symbol || !names || !strings->sh_size || names[strings->sh_size - 1] ||
	    table->sh_offset % _Alignof(Elf64_Sym))
		return 0;
	for (uint64_t n = 0; n < symbols; n++) {
		const Elf64_Sym *s = &symbol[n];
		if (ELF64_ST_TYPE(s->st_info) == STT_FUNC && s->st_name < strings->sh_size && s->st_shndx < count &&
		    is_calibration(names + s->st_name))
			found += patch_function(i, &section[s->st_shndx], s);
	}
	return found;
}

static unsigned patch_kernel(struct image *i)
{
	unsigned count = 0, found = 0;
	const Elf64_Shdr *section = sections(i, &count);
	for (unsigned n = 0; section && n < count; n++)
		if (section[n].sh_type == SHT_SYMTAB)
			found += patch_symbols(i, section, count, &section[n]);
	return found;
}

/* Maps the file only to search it: pages copied through a mapping would stay resident. */
static int find_pauses(int in, struct image *i)
{
	void *map = mmap(NULL, i->size, PROT_READ, MAP_PRIVATE, in, 0);
	if (map == MAP_FAILED)
		return -errno;
	i->data = map;
	int r = patch_kernel(i) ? 0 : -ENOENT;
	munmap(map, i->size);
	i->data = NULL;
	return r;
}

static int write_copy(int in, const struct image *i, int out, const struct cachefile_use *use)
{
	static const uint8_t nop = 0x66; /* 66 90: a NOP as long as PAUSE, f3 90 */
	int r = fd_copy(in, out, use ? use->cancel : NULL, NULL);
	for (unsigned n = 0; n < i->patches && r == 0; n++)
		r = fd_pwrite_full(out, &nop, 1, (off_t)i->patch[n]);
	return r;
}

/* --- the copy that is kept ---------------------------------------------------------------------------------------- */

/* The name identifies the file without reading it. */
static void kept_name(const struct stat *st, char out[KEPT_NAME_MAX])
{
	const uint64_t file[] = {
		st->st_dev,
		st->st_ino,
		(uint64_t)st->st_size,
		(uint64_t)st->st_mtim.tv_sec,
		(uint64_t)st->st_mtim.tv_nsec,
		(uint64_t)st->st_ctim.tv_sec,
		(uint64_t)st->st_ctim.tv_nsec,
	};
	struct siphash h;
	siphash_init(&h);
	siphash_update(&h, file, sizeof(file));
	snprintf(out, KEPT_NAME_MAX, "%016lx" KEPT_SUFFIX, siphash_final(&h));
}

/* The copy gets its name only when it is complete. */
static int keep(int in, const struct image *i, const char *dir, const char *name, const struct cachefile_use *use)
{
	_cleanup_(cachefile_done) struct cachefile f = CACHEFILE_NULL;
	int r = cachefile_begin(&f, dir, name);
	if (r == 0)
		r = write_copy(in, i, f.fd, use);
	if (r == 0)
		r = cachefile_commit(&f, use);
	if (r < 0)
		return r;
	cachefile_trim(dir, KEPT_SUFFIX, KERNELS_MAX);
	return TAKE_FD(f.fd);
}

static int make_copy(int in, const struct image *i, const char *dir, const char *name, const struct cachefile_use *use)
{
	int r = dir ? keep(in, i, dir, name, use) : -ENOENT;
	if (r >= 0 || r == -ECANCELED)
		return r;
	_cleanup_close_ int out = memfd_new("ktstr-kernel", 0);
	r = out < 0 ? out : write_copy(in, i, out, use);
	return r < 0 ? r : TAKE_FD(out);
}

int kernel_patch_calibration(const char *kernel, const char *cache_dir, const struct cachefile_use *use, int *ret_fd)
{
	_cleanup_close_ int in = file_open(kernel, NULL);
	char name[KEPT_NAME_MAX];
	struct stat st;
	if (in < 0)
		return in;
	if (fstat(in, &st) < 0)
		return -errno;
	if (st.st_size < (off_t)sizeof(Elf64_Ehdr))
		return -ENOENT;
	kept_name(&st, name);
	int r = cache_dir ? cachefile_open(cache_dir, name, use, ret_fd) : -ENOENT;
	if (r == 0 || r == -ECANCELED)
		return r;
	struct image i = { .size = (size_t)st.st_size };
	r = find_pauses(in, &i);
	if (r == 0)
		r = *ret_fd = make_copy(in, &i, cache_dir, name, use);
	return r < 0 ? r : 0;
}
