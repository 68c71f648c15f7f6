/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * image.c -- boot_plan() of boot.h: reads the layout of a kernel image. Images come from users, so every value is
 * checked.
 */
#include <asm/bootparam.h>
#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "vmm/x86/boot.h"
#include "vmm/x86/layout.h"

#define BZIMAGE_HEADER_AT    0x1f1u /* offset of struct setup_header in the image and in the zero page */
#define BZIMAGE_HEADER_END   (BZIMAGE_HEADER_AT + (uint32_t)sizeof(struct setup_header))
#define BZIMAGE_BOOT_FLAG    0xaa55u
#define BZIMAGE_MAGIC	     0x53726448u /* "HdrS" */
#define BZIMAGE_VERSION_MIN  0x020cu	 /* the first with xloadflags: Linux 3.8 */
#define BZIMAGE_ENTRY_64     0x200u
#define BZIMAGE_SECTOR	     512u
#define KERNEL_VIRTUAL_START 0xffffffff80000000ull
#define INITRD_MAX_DEFAULT   0x7fffffffull
#define ADDRESS_MAX	     ((uint64_t)1 << 46)

#define NO_KERNEL(err, ...) FAIL(err, ERR_DATA, -ENOEXEC, "kernel: " __VA_ARGS__)

static bool has(const uint8_t *image, size_t len, size_t at, const char *magic, size_t size)
{
	return len >= at && size <= len - at && !memcmp(image + at, magic, size);
}

/* --- bzImage: Documentation/arch/x86/boot.rst --------------------------------------------------------------------- */

static int check_setup_header(const struct setup_header *h, struct err **err)
{
	if (h->version < BZIMAGE_VERSION_MIN)
		return NO_KERNEL(err, "too old: boot protocol %u.%02u, 2.12 (Linux 3.8) is needed", h->version >> 8,
				 h->version & 0xffu);
	if (!(h->loadflags & LOADED_HIGH))
		return NO_KERNEL(err, "a zImage, which loads low; build a bzImage");
	if (!(h->xloadflags & XLF_KERNEL_64))
		return NO_KERNEL(err, "built for 32-bit x86; build one for x86_64");
	if (h->pref_address < X86_HIGH_RAM || h->pref_address > ADDRESS_MAX || h->pref_address % 4096)
		return NO_KERNEL(err, "its preferred address 0x%" PRIx64 " is impossible", (uint64_t)h->pref_address);
	return 0;
}

static int plan_bzimage(const uint8_t *image, size_t len, struct boot_plan *p, struct err **err)
{
	struct setup_header h;
	if (len < BZIMAGE_HEADER_END)
		return NO_KERNEL(err, "cut short: %zu bytes are less than a setup header", len);
	memcpy(&h, image + BZIMAGE_HEADER_AT, sizeof(h));
	int r = check_setup_header(&h, err);
	if (r < 0)
		return r;
	/* 0 sectors means 4, for compatibility with the oldest kernels. */
	uint64_t setup = ((h.setup_sects ? h.setup_sects : 4u) + 1) * BZIMAGE_SECTOR, bytes = (uint64_t)h.syssize * 16;
	if (setup >= len || bytes > len - setup)
		return NO_KERNEL(err, "cut short: its header promises %" PRIu64 " bytes, there are %zu", setup + bytes,
				 len);
	if (bytes <= BZIMAGE_ENTRY_64)
		return NO_KERNEL(err, "no code: its protected-mode part has %" PRIu64 " bytes", bytes);
	*p = (struct boot_plan){
		.segments = 1,
		.entry = h.pref_address + BZIMAGE_ENTRY_64,
		.start = h.pref_address,
		.end = h.pref_address + MAX_OF(bytes, (uint64_t)h.init_size),
		.initrd_max = h.initrd_addr_max ? h.initrd_addr_max : INITRD_MAX_DEFAULT,
		.cmdline_max = MIN_OF(h.cmdline_size, X86_CMDLINE_BYTES_MAX - 1),
		.bzimage = true,
	};
	p->segment[0].offset = setup;
	p->segment[0].bytes = bytes;
	p->segment[0].address = h.pref_address;
	p->segment[0].memory = p->end - p->start;
	return 0;
}

/* --- vmlinux ------------------------------------------------------------------------------------------------------ */

static int check_ehdr(const Elf64_Ehdr *eh, size_t len, struct err **err)
{
	if (eh->e_ident[EI_CLASS] == ELFCLASS32 && eh->e_machine == EM_386)
		return NO_KERNEL(err, "built for 32-bit x86; build one for x86_64");
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_machine != EM_X86_64)
		return NO_KERNEL(err, "an ELF file for another architecture (machine %u), not x86_64", eh->e_machine);
	if (eh->e_type != ET_EXEC)
		return NO_KERNEL(err, "an ELF file that is not a vmlinux (type %u)", eh->e_type);
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || !eh->e_phnum)
		return NO_KERNEL(err, "an ELF file without program headers");
	if (eh->e_phoff > len || (uint64_t)eh->e_phnum * sizeof(Elf64_Phdr) > len - eh->e_phoff)
		return NO_KERNEL(err, "cut short: its program headers end after its %zu bytes", len);
	return 0;
}

static int add_segment(struct boot_plan *p, const Elf64_Phdr *ph, size_t len, struct err **err)
{
	if (p->segments == BOOT_SEGMENTS_MAX)
		return NO_KERNEL(err, "more than %d loaded segments", BOOT_SEGMENTS_MAX);
	if (ph->p_offset > len || ph->p_filesz > len - ph->p_offset)
		return NO_KERNEL(err, "cut short: segment %u ends after its %zu bytes", p->segments, len);
	if (ph->p_filesz > ph->p_memsz)
		return NO_KERNEL(err, "segment %u has more bytes than memory", p->segments);
	if (ph->p_paddr < X86_HIGH_RAM || ph->p_paddr > ADDRESS_MAX || ph->p_memsz > ADDRESS_MAX)
		return NO_KERNEL(err, "segment %u loads at 0x%" PRIx64 ", outside of RAM above 1 MiB", p->segments,
				 ph->p_paddr);
	for (unsigned i = 0; i < p->segments; i++)
		if (ph->p_paddr < p->segment[i].address + p->segment[i].memory &&
		    p->segment[i].address < ph->p_paddr + ph->p_memsz)
			return NO_KERNEL(err, "segments %u and %u overlap", i, p->segments);
	p->start = p->segments ? MIN_OF(p->start, ph->p_paddr) : ph->p_paddr;
	p->end = MAX_OF(p->end, ph->p_paddr + ph->p_memsz);
	p->segment[p->segments].offset = ph->p_offset;
	p->segment[p->segments].bytes = ph->p_filesz;
	p->segment[p->segments].address = ph->p_paddr;
	p->segment[p->segments].writable = ph->p_flags & PF_W;
	p->segment[p->segments++].memory = ph->p_memsz;
	return 0;
}

/*
 * A user program has an entry point too; only the kernel's code is linked to run in the top 2 GiB. Whether the segment
 * is executable says nothing: Linux 7 begins in the one of its data.
 */
static bool is_in_kernel(const Elf64_Phdr *ph, uint64_t entry)
{
	return ph->p_vaddr >= KERNEL_VIRTUAL_START && entry >= ph->p_paddr && entry - ph->p_paddr < ph->p_filesz;
}

/* --- pieces that may be mapped: an optimisation, so anything unusual is left out ---------------------------------- */

#define PAGE		   4096u
#define CONSTANT_BYTES_MIN (16u << 10) /* smaller pieces are cheaper to copy than to map */

static bool is_filling(const uint8_t *page)
{
	return !memcmp(page, page + 1, PAGE - 1);
}

/* Adds @from .. @to of the image, which is inside one segment and after the piece before. */
static void add_constant(struct boot_plan *p, const uint8_t *image, uint64_t from, uint64_t to)
{
	from = (from + PAGE - 1) / PAGE * PAGE;
	to -= to % PAGE;
	while (to > from && is_filling(image + to - PAGE))
		to -= PAGE;
	if (p->constants == BOOT_CONSTANTS_MAX || to < from || to - from < CONSTANT_BYTES_MIN)
		return;
	if (p->constants && from < p->constant[p->constants - 1].offset + p->constant[p->constants - 1].bytes)
		return;
	for (unsigned i = 0; i < p->segments; i++) {
		uint64_t start = p->segment[i].offset, at = p->segment[i].address;
		if (p->segment[i].writable || from < start || to > start + p->segment[i].bytes)
			continue;
		if (start % PAGE != at % PAGE)
			return;
		p->constant[p->constants].offset = from;
		p->constant[p->constants].bytes = to - from;
		p->constant[p->constants].address = at + (from - start);
		p->constant[p->constants++].segment = i;
		return;
	}
}

/* Finds sections that are loaded and read-only. */
static void find_constants(struct boot_plan *p, const uint8_t *image, size_t len, const Elf64_Ehdr *eh)
{
	Elf64_Shdr sh;
	if (eh->e_shentsize != sizeof(sh) || eh->e_shoff > len || eh->e_shnum > (len - eh->e_shoff) / sizeof(sh))
		return;
	for (unsigned i = 0; i < eh->e_shnum; i++) {
		memcpy(&sh, image + eh->e_shoff + i * sizeof(sh), sizeof(sh));
		if (sh.sh_type != SHT_PROGBITS || (sh.sh_flags & (SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR)) != SHF_ALLOC)
			continue;
		if (sh.sh_offset <= len && sh.sh_size <= len - sh.sh_offset)
			add_constant(p, image, sh.sh_offset, sh.sh_offset + sh.sh_size);
	}
}

static int plan_vmlinux(const uint8_t *image, size_t len, struct boot_plan *p, struct err **err)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	bool entry_found = false;
	if (len < sizeof(eh))
		return NO_KERNEL(err, "cut short: %zu bytes are less than an ELF header", len);
	memcpy(&eh, image, sizeof(eh));
	int r = check_ehdr(&eh, len, err);
	*p = (struct boot_plan){ .entry = eh.e_entry,
				 .initrd_max = INITRD_MAX_DEFAULT,
				 .cmdline_max = X86_CMDLINE_BYTES_MAX - 1 };
	for (unsigned i = 0; r == 0 && i < eh.e_phnum; i++) {
		memcpy(&ph, image + eh.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type != PT_LOAD || !ph.p_memsz)
			continue;
		entry_found |= is_in_kernel(&ph, eh.e_entry);
		r = add_segment(p, &ph, len, err);
	}
	if (r == 0)
		find_constants(p, image, len, &eh);
	if (r == 0 && !entry_found)
		return NO_KERNEL(err, "an ELF file whose entry point 0x%" PRIx64 " is not in the kernel", eh.e_entry);
	return r;
}

/* --- other files that users pass by mistake ----------------------------------------------------------------------- */

static const struct {
	size_t at;
	const char *magic;
	size_t size;
	const char *what;
} strangers[] = {
	{ 0x38, "ARM\x64", 4, "built for arm64, not x86_64" },
	{ 0x38, "RSC\x05", 4, "built for RISC-V, not x86_64" },
	{ 0, "\x1f\x8b", 2, "gzip-compressed: unpack it, or pass the bzImage" },
	{ 0, "\x28\xb5\x2f\xfd", 4, "zstd-compressed: unpack it, or pass the bzImage" },
	{ 0,
	  "\xfd"
	  "7zXZ",
	  5, "xz-compressed: unpack it, or pass the bzImage" },
	{ 0, "070701", 6, "a cpio archive, not a kernel" },
};

static int refuse(const uint8_t *image, size_t len, struct err **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++)
		if (has(image, len, strangers[i].at, strangers[i].magic, strangers[i].size))
			return NO_KERNEL(err, "%s", strangers[i].what);
	if (!len)
		return NO_KERNEL(err, "the file is empty");
	return NO_KERNEL(err, "neither a bzImage nor an ELF vmlinux");
}

int boot_plan(const uint8_t *image, size_t len, struct boot_plan *ret, struct err **err)
{
	static const uint8_t magic[] = { 'H', 'd', 'r', 'S' };
	struct boot_plan p = { 0 };
	int r;
	if (has(image, len, 0, ELFMAG, SELFMAG))
		r = plan_vmlinux(image, len, &p, err);
	else if (has(image, len, BZIMAGE_HEADER_AT + offsetof(struct setup_header, header), (const char *)magic,
		     sizeof(magic)) &&
		 has(image, len, BZIMAGE_HEADER_AT + offsetof(struct setup_header, boot_flag), "\x55\xaa", 2))
		r = plan_bzimage(image, len, &p, err);
	else
		return refuse(image, len, err);
	if (r == 0)
		*ret = p;
	return r;
}
