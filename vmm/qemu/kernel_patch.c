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
#define PATCH_BYTES_MAX	   16
#define FORMAT		   3 /* of the copies that are kept: counts what the patches are */

struct patch {
	uint64_t offset; /* in the file */
	uint8_t bytes[PATCH_BYTES_MAX];
	unsigned size;
};

struct image {
	const uint8_t *data;
	size_t size;
	bool counted; /* see kernel_patch_boot() */
	struct patch patch[PATCHES_MAX];
	unsigned patches;
	/* What the calibration of the TSC needs; 0: not found. */
	uint64_t tsc_function, timer_period, jiffies_offset; /* address; address; in the file */
	uint64_t tsc_offset;				     /* in the file */
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

static bool add_patch(struct image *i, uint64_t offset, const uint8_t *bytes, unsigned size)
{
	if (i->patches == PATCHES_MAX)
		return false;
	struct patch *p = &i->patch[i->patches++];
	p->offset = offset;
	p->size = size;
	memcpy(p->bytes, bytes, size);
	return true;
}

/* Where a symbol's bytes are in the file; 0: nowhere. */
static uint64_t offset_of(const struct image *i, const Elf64_Shdr *section, const Elf64_Sym *s)
{
	uint64_t into = s->st_value - section->sh_addr;
	if (s->st_value < section->sh_addr || into > section->sh_size || section->sh_type != SHT_PROGBITS ||
	    section->sh_offset > i->size || !file_part(i, section->sh_offset + into, s->st_size, 1))
		return 0;
	return section->sh_offset + into;
}

/* --- loops that wait for the timer -------------------------------------------------------------------------------- */

static void patch_pauses(struct image *i, const Elf64_Shdr *text, const Elf64_Sym *s)
{
	static const uint8_t nop = 0x66; /* 66 90: a NOP as long as PAUSE, f3 90 */
	uint64_t begin = offset_of(i, text, s), pause[PAUSES_MAX];
	unsigned found = 0;
	if (!begin || s->st_size < 2 || s->st_size > FUNCTION_BYTES_MAX)
		return;
	const uint8_t *code = i->data + begin;
	for (uint64_t at = 0; at + 1 < s->st_size; at++) {
		if (code[at] != 0xf3 || code[at + 1] != 0x90)
			continue;
		if (found == PAUSES_MAX || i->patches + found == PATCHES_MAX)
			return;
		pause[found++] = begin + at;
	}
	for (unsigned n = 0; n < found; n++)
		add_patch(i, pause[n], &nop, 1);
}

/* --- work that tests have no use for ------------------------------------------------------------------------------ */

/*
 * Where the code of a function can be replaced; 0: nowhere. It is known code, which saves registers first: PUSH %rbx,
 * %rbp, %r12 .. %r15. The kernel itself changes a CALL before it, which is that of the function tracer.
 */
static uint64_t find_begin(const struct image *i, const Elf64_Shdr *text, const Elf64_Sym *s)
{
	uint64_t begin = offset_of(i, text, s);
	if (!i->counted || !begin || s->st_size < 5 + PATCH_BYTES_MAX)
		return 0;
	begin += i->data[begin] == 0xe8 ? 5 : 0;
	const uint8_t *code = i->data + begin;
	bool pushes = code[0] == 0x53 || code[0] == 0x55 || (code[0] == 0x41 && code[1] >= 0x54 && code[1] <= 0x57);
	return pushes ? begin : 0;
}

/* The function, which returns nothing, returns at once. */
static void patch_return(struct image *i, const Elf64_Shdr *text, const Elf64_Sym *s)
{
	static const uint8_t code[] = { 0xc3 };
	uint64_t begin = find_begin(i, text, s);
	if (begin)
		add_patch(i, begin, code, sizeof(code));
}

/* The function returns true: MOV $1, %eax; RET. */
static void patch_true(struct image *i, const Elf64_Shdr *text, const Elf64_Sym *s)
{
	static const uint8_t code[] = { 0xb8, 1, 0, 0, 0, 0xc3 };
	uint64_t begin = find_begin(i, text, s);
	if (begin)
		add_patch(i, begin, code, sizeof(code));
}

/* --- the calibration of the TSC ----------------------------------------------------------------------------------- */

static void note_tsc_function(struct image *i, const Elf64_Shdr *text, const Elf64_Sym *s)
{
	i->tsc_offset = offset_of(i, text, s);
	i->tsc_function = s->st_value;
}

static void note_timer_period(struct image *i, const Elf64_Shdr *section, const Elf64_Sym *s)
{
	(void)section;
	i->timer_period = s->st_size == sizeof(uint32_t) ? s->st_value : 0;
}

static void note_jiffies(struct image *i, const Elf64_Shdr *data, const Elf64_Sym *s)
{
	i->jiffies_offset = s->st_size == sizeof(uint64_t) ? offset_of(i, data, s) : 0;
}

/* Linux (include/linux/jiffies.h): the clock starts five minutes before it wraps at 32 bits. 0: not found. */
static uint32_t ticks_per_second(const struct image *i)
{
	uint64_t start = 0;
	if (i->jiffies_offset)
		memcpy(&start, i->data + i->jiffies_offset, sizeof(start));
	uint64_t ticks = start <= UINT32_MAX ? (UINT64_C(1) << 32) - start : 0;
	return start && ticks % 300 == 0 && ticks / 300 <= 1000 ? (uint32_t)(ticks / 300) : 0;
}

/*
 * The kernel asks CPUID for the frequencies of the TSC and of the local APIC's timer, and measures them if it gets no
 * answer, as with QEMU: for 200 ms. With counted instructions both are 1 GHz. The function that asks,
 * native_calibrate_tsc(), gives that answer: MOVL $period, lapic_timer_period; MOV $1000000, %eax; RET. Only one that
 * begins with the code that all known kernels have there is changed: CMPB $0, boot_cpu_data.x86_vendor; JNE;
 * CMPL $20, boot_cpu_data.cpuid_level; JLE.
 */
static void patch_tsc(struct image *i)
{
	const uint8_t *code = i->data + i->tsc_offset;
	uint32_t hz = ticks_per_second(i);
	if (!i->counted || !i->tsc_offset || !i->timer_period || !hz || !file_part(i, i->tsc_offset, 18, 1) ||
	    code[0] != 0x80 || code[1] != 0x3d || code[6] != 0 || code[7] != 0x75 || code[9] != 0x83 ||
	    code[10] != 0x3d || code[15] != 20 || code[16] != 0x7e)
		return;
	uint8_t bytes[PATCH_BYTES_MAX] = { 0xc7, 0x05, [10] = 0xb8, [15] = 0xc3 };
	uint32_t distance = (uint32_t)(i->timer_period - (i->tsc_function + 10)), period = 1000000000 / hz;
	uint32_t khz = 1000000;
	memcpy(bytes + 2, &distance, sizeof(distance));
	memcpy(bytes + 6, &period, sizeof(period));
	memcpy(bytes + 11, &khz, sizeof(khz));
	add_patch(i, i->tsc_offset, bytes, sizeof(bytes));
}

/* --- all ---------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*patch)(struct image *i, const Elf64_Shdr *section, const Elf64_Sym *s);
} symbols[] = {
	/* Most compilers inline the first into the second. */
	{ "calibrate_APIC_clock", patch_pauses },
	{ "setup_boot_APIC_clock", patch_pauses },
	/* Replaces names of enums in the text formats of all trace events, which only tools for tracing read. */
	{ "trace_event_update_all", patch_return },
	/* Finds functions that were replaced when the kernel was linked. Their names are checked when they are read. */
	{ "ftrace_check_work_func", patch_return },
	/* Has nothing to do with schedulers. */
	{ "blake2s_selftest", patch_true },
	{ "native_calibrate_tsc", note_tsc_function },
	{ "lapic_timer_period", note_timer_period },
	{ "jiffies_64", note_jiffies },
};

static void patch_symbol(struct image *i, const char *name, const Elf64_Shdr *section, const Elf64_Sym *s)
{
	for (size_t n = 0; n < sizeof(symbols) / sizeof(*symbols); n++)
		if (!strcmp(name, symbols[n].name))
			symbols[n].patch(i, section, s);
}

static void patch_symbols(struct image *i, const Elf64_Shdr *section, unsigned count, const Elf64_Shdr *table)
{
	uint64_t symbol_count = table->sh_size / sizeof(Elf64_Sym);
	const Elf64_Sym *symbol = file_part(i, table->sh_offset, symbol_count, sizeof(*symbol));
	const Elf64_Shdr *strings = table->sh_link < count ? &section[table->sh_link] : NULL;
	const char *names = strings ? file_part(i, strings->sh_offset, strings->sh_size, 1) : NULL;
	if (!symbol || !names || !strings->sh_size || names[strings->sh_size - 1] ||
	    table->sh_offset % _Alignof(Elf64_Sym))
		return;
	for (uint64_t n = 0; n < symbol_count; n++) {
		const Elf64_Sym *s = &symbol[n];
		unsigned type = ELF64_ST_TYPE(s->st_info);
		if ((type == STT_FUNC || type == STT_OBJECT) && s->st_name < strings->sh_size && s->st_shndx < count)
			patch_symbol(i, names + s->st_name, &section[s->st_shndx], s);
	}
}

static unsigned patch_kernel(struct image *i)
{
	unsigned count = 0;
	const Elf64_Shdr *section = sections(i, &count);
	for (unsigned n = 0; section && n < count; n++)
		if (section[n].sh_type == SHT_SYMTAB)
			patch_symbols(i, section, count, &section[n]);
	patch_tsc(i);
	return i->patches;
}

/* Maps the file only to search it: pages copied through a mapping would stay resident. */
static int find_patches(int in, struct image *i)
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
	int r = fd_copy(in, out, use ? use->cancel : NULL, NULL);
	for (unsigned n = 0; n < i->patches && r == 0; n++)
		r = fd_pwrite_full(out, i->patch[n].bytes, i->patch[n].size, (off_t)i->patch[n].offset);
	return r;
}

/* --- the copy that is kept ---------------------------------------------------------------------------------------- */

/* The name identifies the file without reading it. */
static void kept_name(const struct stat *st, bool counted, char out[KEPT_NAME_MAX])
{
	const uint64_t file[] = {
		FORMAT,
		counted,
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

int kernel_patch_boot(const char *kernel, bool counted, const char *cache_dir, const struct cachefile_use *use,
		      int *ret_fd)
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
	kept_name(&st, counted, name);
	int r = cache_dir ? cachefile_open(cache_dir, name, use, ret_fd) : -ENOENT;
	if (r == 0 || r == -ECANCELED)
		return r;
	struct image i = { .size = (size_t)st.st_size, .counted = counted };
	r = find_patches(in, &i);
	if (r == 0)
		r = *ret_fd = make_copy(in, &i, cache_dir, name, use);
	return r < 0 ? r : 0;
}
