/* SPDX-License-Identifier: GPL-2.0-only */
/* boot.c -- see boot.h. */
#include <asm/bootparam.h>
#include <inttypes.h>
#include <string.h>

#include "base/bug.h"
#include "vmm/guestmem.h"
#include "vmm/x86/boot.h"
#include "vmm/x86/layout.h"

#define PAGE_BYTES	  4096u
#define SETUP_HEADER_AT	  0x1f1u
#define SETUP_HEADER_JUMP 0x201u /* a byte with the length of the header: boot.rst */
#define BOOT_FLAG	  0xaa55u
#define BOOT_MAGIC	  0x53726448u
#define BOOT_PROTOCOL	  0x020fu
#define LOADER_UNDEFINED  0xffu
#define E820_RAM	  1
#define E820_RESERVED	  2

_Static_assert(sizeof(struct boot_params) == PAGE_BYTES, "the zero page is a page");
_Static_assert(offsetof(struct boot_params, hdr) == SETUP_HEADER_AT, "zero-page.rst");
_Static_assert(offsetof(struct boot_params, acpi_rsdp_addr) == 0x70, "zero-page.rst");
_Static_assert(offsetof(struct boot_params, e820_table) == 0x2d0, "zero-page.rst");

#define NO_ROOM(err, ...) FAIL(err, ERR_DATA, -ENOSPC, __VA_ARGS__)

static uint64_t mib_up(uint64_t bytes)
{
	return (bytes >> 20) + !!(bytes & ((1u << 20) - 1));
}

/* --- places in memory --------------------------------------------------------------------------------------------- */

static int check_kernel_fits(const struct boot_plan *p, const struct x86_ram *ram, struct err **err)
{
	if (p->end > GUEST_LOG_ADDRESS)
		return NO_ROOM(err, "kernel: needs memory up to 0x%" PRIx64 ", above the event log's start 0x%x",
			       p->end, GUEST_LOG_ADDRESS);
	if (!x86_ram_covers(ram, GUEST_LOG_ADDRESS, GUEST_LOG_BYTES))
		return NO_ROOM(err, "guest memory: %" PRIu64 " MiB do not hold the event log, which ends at %u MiB",
			       x86_ram_low_end(ram) >> 20, (GUEST_LOG_ADDRESS + GUEST_LOG_BYTES) >> 20);
	if (!x86_ram_covers(ram, p->start, p->end - p->start))
		return NO_ROOM(err, "kernel: needs memory up to %" PRIu64 " MiB, the guest has %" PRIu64,
			       mib_up(p->end), x86_ram_low_end(ram) >> 20);
	return 0;
}

/* At the end of low RAM, above the event log, so that the kernel's early allocations stay in one piece. */
static int place_initrd(const struct boot_plan *p, const struct x86_ram *ram, uint64_t bytes, uint64_t *ret,
			struct err **err)
{
	uint64_t low = (uint64_t)GUEST_LOG_ADDRESS + GUEST_LOG_BYTES;
	uint64_t end = MIN_OF(x86_ram_low_end(ram), p->initrd_max == UINT64_MAX ? p->initrd_max : p->initrd_max + 1);
	end -= end % PAGE_BYTES;
	*ret = 0;
	if (!bytes)
		return 0;
	uint64_t start = bytes <= end ? (end - bytes) / PAGE_BYTES * PAGE_BYTES : 0;
	if (start < low)
		return NO_ROOM(err,
			       "initramfs: its %" PRIu64 " MiB do not fit between the event log (%" PRIu64
			       " MiB) and the end of low memory (%" PRIu64 " MiB); give the test more memory",
			       mib_up(bytes), low >> 20, end >> 20);
	*ret = start;
	return 0;
}

/* --- the zero page ------------------------------------------------------------------------------------------------ */

static void e820_add(struct boot_params *z, uint64_t from, uint64_t to, uint32_t type)
{
	if (from >= to)
		return;
	REQUIRE(z->e820_entries < E820_MAX_ENTRIES_ZEROPAGE);
	z->e820_table[z->e820_entries++] = (struct boot_e820_entry){ .addr = from, .size = to - from, .type = type };
}

/* Adds the RAM of one region without the BIOS area and the event log. */
static void e820_add_ram(struct boot_params *z, uint64_t from, uint64_t to)
{
	static const struct {
		uint64_t from, to;
	} holes[] = {
		{ X86_LOW_RAM_END, X86_HIGH_RAM },
		{ GUEST_LOG_ADDRESS, (uint64_t)GUEST_LOG_ADDRESS + GUEST_LOG_BYTES },
	};
	for (size_t i = 0; i < ARRAY_SIZE(holes); i++) {
		if (to <= holes[i].from || from >= holes[i].to)
			continue;
		e820_add(z, from, holes[i].from, E820_RAM);
		e820_add(z, MAX_OF(from, holes[i].from), MIN_OF(to, holes[i].to), E820_RESERVED);
		from = MIN_OF(to, holes[i].to);
	}
	e820_add(z, from, to, E820_RAM);
}

static void fill_header(struct boot_params *z, const struct boot_plan *p, const struct boot_config *c)
{
	if (p->bzimage) {
		size_t end = SETUP_HEADER_JUMP + 1 + c->kernel[SETUP_HEADER_JUMP];
		end = MIN_OF(end, MIN_OF(c->kernel_len, SETUP_HEADER_AT + sizeof(z->hdr)));
		memcpy(&z->hdr, c->kernel + SETUP_HEADER_AT, end - SETUP_HEADER_AT);
	} else {
		z->hdr.version = BOOT_PROTOCOL;
		z->hdr.loadflags = LOADED_HIGH;
		z->hdr.kernel_alignment = 0x200000;
	}
	z->hdr.boot_flag = BOOT_FLAG;
	z->hdr.header = BOOT_MAGIC;
	z->hdr.type_of_loader = LOADER_UNDEFINED;
	z->hdr.code32_start = (uint32_t)p->start;
	z->hdr.cmd_line_ptr = X86_CMDLINE;
	z->hdr.setup_data = 0;
}

static int write_zero_page(const struct boot_config *c, const struct boot_plan *p, const struct x86_ram *ram,
			   uint64_t initrd)
{
	_cleanup_free_ struct boot_params *z = calloc(1, sizeof(*z));
	if (!z)
		return -ENOMEM;
	fill_header(z, p, c);
	z->acpi_rsdp_addr = X86_ACPI;
	z->hdr.ramdisk_image = (uint32_t)initrd;
	z->ext_ramdisk_image = (uint32_t)(initrd >> 32);
	z->hdr.ramdisk_size = initrd ? (uint32_t)c->initrd_len : 0;
	z->ext_ramdisk_size = initrd ? (uint32_t)((uint64_t)c->initrd_len >> 32) : 0;
	for (unsigned i = 0; i < ram->count; i++)
		e820_add_ram(z, ram->region[i].address, ram->region[i].address + ram->region[i].size);
	return x86_ram_write(ram, X86_ZERO_PAGE, z, sizeof(*z));
}

/* --- descriptor and page tables ----------------------------------------------------------------------------------- */

#define GDT_CODE 0x00af9b000000ffffull /* 64-bit code, accessed, at __BOOT_CS */
#define GDT_DATA 0x00cf93000000ffffull /* flat data, accessed, at __BOOT_DS */
#define GDT_TSS	 0x00008b0000000067ull /* busy, at __BOOT_DS + 8 */
#define BOOT_CS	 0x10
#define BOOT_DS	 0x18
#define BOOT_TSS 0x20

#define PTE_PRESENT_WRITE 0x3u
#define PTE_LARGE	  0x80u
#define PD_COUNT	  4u

/* Maps the first 4 GiB to themselves, in pages of 2 MiB. */
static int write_page_tables(const struct x86_ram *ram)
{
	enum { ENTRIES = PAGE_BYTES / sizeof(uint64_t) };
	uint64_t table[ENTRIES] = { (X86_PAGE_TABLES + PAGE_BYTES) | PTE_PRESENT_WRITE };
	int r = x86_ram_write(ram, X86_PAGE_TABLES, table, sizeof(table));
	for (unsigned i = 0; i < PD_COUNT; i++)
		table[i] = (X86_PAGE_TABLES + (2 + i) * PAGE_BYTES) | PTE_PRESENT_WRITE;
	if (r == 0)
		r = x86_ram_write(ram, X86_PAGE_TABLES + PAGE_BYTES, table, sizeof(table));
	for (unsigned pd = 0; pd < PD_COUNT && r == 0; pd++) {
		for (uint64_t i = 0; i < ENTRIES; i++)
			table[i] = (pd * ENTRIES + i) << 21 | PTE_LARGE | PTE_PRESENT_WRITE;
		r = x86_ram_write(ram, X86_PAGE_TABLES + (2 + pd) * PAGE_BYTES, table, sizeof(table));
	}
	return r;
}
_Static_assert((2 + PD_COUNT) * PAGE_BYTES == X86_PAGE_TABLES_BYTES, "layout.h");

static int write_tables(const struct x86_ram *ram, struct x86_entry *e)
{
	static const uint64_t gdt[] = { 0, 0, GDT_CODE, GDT_DATA, GDT_TSS, 0 };
	static const uint64_t idt = 0;
	int r = x86_ram_write(ram, X86_GDT, gdt, sizeof(gdt));
	_Static_assert(sizeof(gdt) <= X86_IDT - X86_GDT, "layout.h");
	if (r == 0)
		r = x86_ram_write(ram, X86_IDT, &idt, sizeof(idt));
	e->gdt = X86_GDT;
	e->gdt_limit = sizeof(gdt) - 1;
	e->idt = X86_IDT;
	e->idt_limit = sizeof(idt) - 1;
	e->cr3 = X86_PAGE_TABLES;
	return r == 0 ? write_page_tables(ram) : r;
}

/* --- loading ------------------------------------------------------------------------------------------------------ */

/* Copies the bytes between the mapped pieces. */
static int write_segment(const struct boot_config *c, const struct boot_plan *p, unsigned i, const struct x86_ram *ram)
{
	uint64_t at = p->segment[i].offset, end = at + p->segment[i].bytes, address = p->segment[i].address;
	int r = 0;
	for (unsigned k = 0; c->map && k < p->constants && r == 0; k++) {
		uint64_t from = p->constant[k].offset, bytes = p->constant[k].bytes;
		if (p->constant[k].segment != i || !c->map(c->userdata, p->constant[k].address, from, bytes))
			continue;
		r = x86_ram_write(ram, address, c->kernel + at, from - at);
		at = from + bytes;
		address = p->constant[k].address + bytes;
	}
	return r == 0 ? x86_ram_write(ram, address, c->kernel + at, end - at) : r;
}

static int write_kernel(const struct boot_config *c, const struct boot_plan *p, const struct x86_ram *ram)
{
	int r = 0;
	for (unsigned i = 0; i < p->segments && r == 0; i++)
		r = write_segment(c, p, i, ram);
	return r;
}

static int write_all(const struct boot_config *c, const struct boot_plan *p, const struct x86_ram *ram,
		     struct x86_entry *e)
{
	int r = write_kernel(c, p, ram);
	if (r == 0 && c->initrd)
		r = x86_ram_write(ram, e->initrd, c->initrd, c->initrd_len);
	if (r == 0)
		r = x86_ram_write(ram, X86_CMDLINE, c->cmdline, strlen(c->cmdline) + 1);
	if (r == 0)
		r = write_zero_page(c, p, ram, e->initrd);
	return r == 0 ? write_tables(ram, e) : r;
}

int boot_load(const struct boot_config *c, const struct x86_ram *ram, struct x86_entry *ret, struct err **err)
{
	struct boot_plan p;
	uint64_t initrd = 0;
	size_t cmdline = strlen(c->cmdline);
	int r = boot_plan(c->kernel, c->kernel_len, &p, err);
	if (r == 0)
		r = check_kernel_fits(&p, ram, err);
	if (r == 0 && cmdline > p.cmdline_max)
		r = FAIL(err, ERR_DATA, -E2BIG, "kernel command line: too long (%zu > %u bytes)", cmdline,
			 p.cmdline_max);
	if (r == 0)
		r = place_initrd(&p, ram, c->initrd_len, &initrd, err);
	if (r < 0)
		return r;
	struct x86_entry e = { .rip = p.entry,
			       .rsp = X86_BOOT_STACK,
			       .rsi = X86_ZERO_PAGE,
			       .long_mode = true,
			       .kernel = p.start,
			       .kernel_end = p.end,
			       .initrd = initrd };
	if (c->placed)
		c->placed(c->userdata, &p);
	r = write_all(c, &p, ram, &e);
	if (r < 0)
		return FAIL_SYS(err, r, "guest memory: cannot write the kernel's boot data");
	*ret = e;
	return 0;
}

/* --- registers ---------------------------------------------------------------------------------------------------- */

#define CR0_PE	 (1u << 0)
#define CR0_ET	 (1u << 4)
#define CR0_PG	 (1u << 31)
#define CR4_PAE	 (1u << 5)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define RFLAGS_1 2u /* bit 1 is always set */

void x86_entry_sregs(const struct x86_entry *e, struct kvm_sregs *s)
{
	struct kvm_segment flat = { .limit = ~0u, .present = 1, .s = 1, .g = 1 }, data = flat;
	s->cs = flat;
	s->cs.selector = BOOT_CS;
	s->cs.type = 11;
	s->cs.l = 1;
	data.selector = BOOT_DS;
	data.type = 3;
	data.db = 1;
	s->ds = s->es = s->fs = s->gs = s->ss = data;
	s->tr = (struct kvm_segment){ .limit = 0x67, .selector = BOOT_TSS, .type = 11, .present = 1 };
	s->ldt = (struct kvm_segment){ .unusable = 1 };
	s->gdt = (struct kvm_dtable){ .base = e->gdt, .limit = e->gdt_limit };
	s->idt = (struct kvm_dtable){ .base = e->idt, .limit = e->idt_limit };
	s->cr0 = CR0_PE | CR0_ET | CR0_PG;
	s->cr2 = 0;
	s->cr3 = e->cr3;
	s->cr4 = CR4_PAE;
	s->efer = EFER_LME | EFER_LMA;
}

void x86_entry_regs(const struct x86_entry *e, struct kvm_regs *r)
{
	*r = (struct kvm_regs){ .rip = e->rip, .rsp = e->rsp, .rbp = e->rsp, .rsi = e->rsi, .rflags = RFLAGS_1 };
}
