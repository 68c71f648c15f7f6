/* SPDX-License-Identifier: GPL-2.0-only */
/* An x86-64 machine's data: memory layout, kernel images, boot parameters, ACPI tables, CPUID, MSRs. */
#include <asm/bootparam.h>
#include <elf.h>
#include <string.h>
#include <sys/mman.h>

#include "ram.h"
#include "t.h"
#include "topo/topology.h"
#include "vmm/guestmem.h"
#include "vmm/x86/acpi.h"
#include "vmm/x86/boot.h"
#include "vmm/x86/cpuid.h"
#include "vmm/x86/layout.h"
#include "vmm/x86/msr.h"

/* --- kernel images ------------------------------------------------------------------------------------------------ */

#define BZ_SETUP 1024u
#define BZ_CODE	 4096u

static union {
	uint8_t byte[16384];
	struct {
		Elf64_Ehdr eh;
		Elf64_Phdr ph[20];
	} elf;
	struct {
		uint8_t before[0x1f1];
		struct setup_header h;
	} __attribute__((packed)) bz;
} image;
static size_t image_len;

static void make_bzimage(void)
{
	memset(&image, 0, sizeof(image));
	image.bz.h = (struct setup_header){
		.setup_sects = 1,
		.syssize = BZ_CODE / 16,
		.boot_flag = 0xaa55,
		.header = 0x53726448,
		.version = 0x20f,
		.jump = (0x26c - 0x202) << 8 | 0xeb,
		.loadflags = LOADED_HIGH,
		.xloadflags = XLF_KERNEL_64,
		.pref_address = 0x1000000,
		.init_size = 0x800000,
		.cmdline_size = 2047,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 0x200000,
	};
	image.byte[0x1f0] = 0xff; /* the header starts here; nothing before it may be copied */
	memset(image.byte + BZ_SETUP, 0x90, BZ_CODE);
	image_len = BZ_SETUP + BZ_CODE;
}

static void make_vmlinux(void)
{
	memset(&image, 0, sizeof(image));
	image.elf.eh = (Elf64_Ehdr){ .e_type = ET_EXEC,
				     .e_machine = EM_X86_64,
				     .e_phoff = sizeof(Elf64_Ehdr),
				     .e_phentsize = sizeof(Elf64_Phdr),
				     .e_phnum = 3,
				     .e_entry = 0x1000123 };
	memcpy(image.elf.eh.e_ident, ELFMAG, SELFMAG);
	image.elf.eh.e_ident[EI_CLASS] = ELFCLASS64;
	image.elf.eh.e_ident[EI_DATA] = ELFDATA2LSB;
	image.elf.ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
					.p_flags = PF_R | PF_X,
					.p_offset = 4096,
					.p_filesz = 4096,
					.p_memsz = 4096,
					.p_paddr = 0x1000000,
					.p_vaddr = 0xffffffff81000000 };
	image.elf.ph[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
					.p_flags = PF_R | PF_W,
					.p_offset = 8192,
					.p_filesz = 100,
					.p_memsz = 0x200000,
					.p_paddr = 0x1200000,
					.p_vaddr = 0xffffffff81200000 };
	image.elf.ph[2] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = 1 };
	memset(image.byte + 4096, 0x90, 4096);
	memset(image.byte + 8192, 0x77, 100);
	image_len = 8292;
}

static void arm64(void)
{
	memset(&image, 0, sizeof(image));
	memcpy(image.byte + 0x38, "ARM\x64", 4);
	image_len = 4096;
}
static void gzip(void)
{
	memset(&image, 0, sizeof(image));
	memcpy(image.byte, "\x1f\x8b", 2);
	image_len = 4096;
}
static void text(void)
{
	memset(image.byte, 'x', 4096);
	image_len = 4096;
}
static void empty(void)
{
	image_len = 0;
}
static void bz_old(void)
{
	make_bzimage();
	image.bz.h.version = 0x20b;
}
static void bz_low(void)
{
	make_bzimage();
	image.bz.h.loadflags = 0;
}
static void bz_32(void)
{
	make_bzimage();
	image.bz.h.xloadflags = 0;
}
static void bz_cut(void)
{
	make_bzimage();
	image_len--;
}
static void bz_head(void)
{
	make_bzimage();
	image_len = 0x210;
}
static void bz_setup(void)
{
	make_bzimage();
	image.bz.h.setup_sects = 200;
}
static void bz_huge(void)
{
	make_bzimage();
	image.bz.h.syssize = UINT32_MAX;
}
static void bz_tiny(void)
{
	make_bzimage();
	image.bz.h.syssize = 1;
}
static void bz_pref_low(void)
{
	make_bzimage();
	image.bz.h.pref_address = 0x1000;
}
static void bz_pref_high(void)
{
	make_bzimage();
	image.bz.h.pref_address = UINT64_MAX & ~4095ull;
}
static void elf_head(void)
{
	make_vmlinux();
	image_len = 40;
}
static void elf_i386(void)
{
	make_vmlinux();
	image.elf.eh.e_ident[EI_CLASS] = ELFCLASS32;
	image.elf.eh.e_machine = EM_386;
}
static void elf_arm(void)
{
	make_vmlinux();
	image.elf.eh.e_machine = EM_AARCH64;
}
static void elf_be(void)
{
	make_vmlinux();
	image.elf.eh.e_ident[EI_DATA] = ELFDATA2MSB;
}
static void elf_dyn(void)
{
	make_vmlinux();
	image.elf.eh.e_type = ET_DYN;
}
static void elf_none(void)
{
	make_vmlinux();
	image.elf.eh.e_phnum = 0;
}
static void elf_table(void)
{
	make_vmlinux();
	image.elf.eh.e_phoff = UINT64_MAX - 8;
}
static void elf_cut(void)
{
	make_vmlinux();
	image_len -= 1;
}
static void elf_wrap(void)
{
	make_vmlinux();
	image.elf.ph[1].p_offset = UINT64_MAX - 50;
}
static void elf_more(void)
{
	make_vmlinux();
	image.elf.ph[1].p_memsz = 99;
}
static void elf_low(void)
{
	make_vmlinux();
	image.elf.ph[1].p_paddr = 0x7000;
}
static void elf_far(void)
{
	make_vmlinux();
	image.elf.ph[1].p_paddr = UINT64_MAX - 4096;
}
static void elf_overlap(void)
{
	make_vmlinux();
	image.elf.ph[1].p_paddr = 0x1000fff;
}
static void elf_many(void)
{
	make_vmlinux();
	for (unsigned i = 0; i < 20; i++) {
		image.elf.ph[i] = image.elf.ph[0];
		image.elf.ph[i].p_paddr += i * 4096;
	}
	image.elf.eh.e_phnum = 20;
}
static void elf_user(void)
{
	make_vmlinux();
	image.elf.ph[0].p_vaddr = image.elf.ph[0].p_paddr = 0x400000;
	image.elf.eh.e_entry = 0x400123;
}
static void elf_bss(void)
{
	make_vmlinux();
	image.elf.eh.e_entry = 0x1200000 + 100;
}

static const struct {
	void (*make)(void);
	const char *why;
} bad_images[] = {
	{ empty, "the file is empty" },
	{ text, "neither a bzImage nor an ELF vmlinux" },
	{ arm64, "built for arm64" },
	{ gzip, "gzip-compressed" },
	{ bz_old, "too old: boot protocol 2.11" },
	{ bz_low, "a zImage" },
	{ bz_32, "built for 32-bit x86" },
	{ bz_cut, "cut short: its header promises 5120 bytes, there are 5119" },
	{ bz_head, "less than a setup header" },
	{ bz_setup, "cut short: its header promises" },
	{ bz_huge, "cut short: its header promises" },
	{ bz_tiny, "no code" },
	{ bz_pref_low, "preferred address 0x1000 is impossible" },
	{ bz_pref_high, "is impossible" },
	{ elf_head, "less than an ELF header" },
	{ elf_i386, "built for 32-bit x86" },
	{ elf_arm, "another architecture (machine 183)" },
	{ elf_be, "another architecture" },
	{ elf_dyn, "not a vmlinux (type 3)" },
	{ elf_none, "without program headers" },
	{ elf_table, "program headers end after" },
	{ elf_cut, "segment 1 ends after" },
	{ elf_wrap, "segment 1 ends after" },
	{ elf_more, "more bytes than memory" },
	{ elf_low, "segment 1 loads at 0x7000" },
	{ elf_far, "outside of RAM" },
	{ elf_overlap, "segments 0 and 1 overlap" },
	{ elf_many, "more than 16 loaded segments" },
	{ elf_user, "entry point 0x400123 is not in the kernel" },
	{ elf_bss, "is not in the kernel" },
};

/* As in Linux 7, whose code for the begin is beside the data. */
START_TEST(a_kernel_may_begin_in_its_data)
{
	struct boot_plan p;
	make_vmlinux();
	image.elf.eh.e_entry = 0x1200000 + 99;
	t_ok(boot_plan(image.byte, image_len, &p, NULL));
	ck_assert_uint_eq(p.entry, 0x1200000 + 99);
}
END_TEST

START_TEST(images_that_are_no_kernel_say_why)
{
	struct boot_plan p;
	struct err *err = NULL;
	bad_images[_i].make();
	t_errno(boot_plan(image.byte, image_len, &p, &err), ENOEXEC);
	t_err_contains(&err, bad_images[_i].why);
}
END_TEST

/* Every prefix of a good image is refused, and none is read beyond its end (each is a separate copy, under ASan). */
START_TEST(images_cut_anywhere_are_refused)
{
	struct boot_plan p;
	_i ? make_vmlinux() : make_bzimage();
	t_ok(boot_plan(image.byte, image_len, &p, NULL));
	for (size_t len = 0; len < image_len; len += len < 700 ? 1 : 61) {
		_cleanup_free_ uint8_t *copy = malloc(len);
		memcpy(copy, image.byte, len);
		t_errno(boot_plan(copy, len, &p, NULL), ENOEXEC);
	}
}
END_TEST

/* --- loading ------------------------------------------------------------------------------------------------------ */

static struct boot_config config(size_t initrd_len)
{
	static uint8_t initrd[3 << 20];
	memset(initrd, 0x55, sizeof(initrd));
	return (struct boot_config){ .kernel = image.byte,
				     .kernel_len = image_len,
				     .initrd = initrd,
				     .initrd_len = initrd_len,
				     .cmdline = "console=ttyS0 quiet" };
}

static const struct boot_params *zero_page(void)
{
	return (const void *)x86_ram_at(&ram, X86_ZERO_PAGE, sizeof(struct boot_params));
}

/* RAM of the E820 map, in bytes; entries ascend and do not overlap. */
static uint64_t e820_bytes(uint32_t type)
{
	const struct boot_params *z = zero_page();
	uint64_t sum = 0, end = 0;
	for (unsigned i = 0; i < z->e820_entries; i++) {
		ck_assert_uint_ge(z->e820_table[i].addr, end);
		end = z->e820_table[i].addr + z->e820_table[i].size;
		sum += z->e820_table[i].type == type ? z->e820_table[i].size : 0;
	}
	return sum;
}

START_TEST(bzimage_is_loaded)
{
	struct x86_entry e;
	ram_new(1, 512);
	make_bzimage();
	struct boot_config c = config(5000);
	t_ok(boot_load(&c, &ram, &e, NULL));
	const struct boot_params *z = zero_page();
	ck_assert_uint_eq(e.rip, 0x1000200);
	ck_assert_uint_eq(e.kernel_end, 0x1800000);
	ck_assert_uint_eq(e.rsi, X86_ZERO_PAGE);
	ck_assert(e.long_mode);
	ck_assert_uint_eq(*x86_ram_at(&ram, e.rip, 1), 0x90);
	ck_assert_uint_eq(z->sentinel, 0);
	ck_assert_uint_eq(z->_pad6[0], 0);
	ck_assert_uint_eq(z->hdr.type_of_loader, 0xff);
	ck_assert_uint_eq(z->hdr.cmd_line_ptr, X86_CMDLINE);
	ck_assert_uint_eq(z->acpi_rsdp_addr, X86_ACPI);
	ck_assert_uint_eq(z->hdr.ramdisk_image, 512 * MIB - 8192);
	ck_assert_uint_eq(z->hdr.ramdisk_size, 5000);
	ck_assert_uint_eq(*x86_ram_at(&ram, e.initrd + 4999, 1), 0x55);
	ck_assert_uint_eq(*x86_ram_at(&ram, e.initrd + 5000, 1), 0);
	ck_assert_str_eq((char *)x86_ram_at(&ram, X86_CMDLINE, 20), "console=ttyS0 quiet");
	ck_assert_uint_eq(e820_bytes(1), 512 * MIB - (X86_HIGH_RAM - X86_LOW_RAM_END) - GUEST_LOG_BYTES);
	ck_assert_uint_eq(e820_bytes(2), X86_HIGH_RAM - X86_LOW_RAM_END + GUEST_LOG_BYTES);
	ram_free();
}
END_TEST

START_TEST(vmlinux_is_loaded)
{
	struct x86_entry e;
	ram_new(8, 256);
	make_vmlinux();
	struct boot_config c = config(0);
	t_ok(boot_load(&c, &ram, &e, NULL));
	ck_assert_uint_eq(e.rip, 0x1000123);
	ck_assert_uint_eq(e.kernel, 0x1000000);
	ck_assert_uint_eq(e.kernel_end, 0x1400000);
	ck_assert_uint_eq(e.initrd, 0);
	ck_assert_uint_eq(zero_page()->hdr.ramdisk_size, 0);
	ck_assert_uint_eq(zero_page()->hdr.header, 0x53726448);
	ck_assert_uint_eq(*x86_ram_at(&ram, 0x1200063, 1), 0x77);
	ck_assert_uint_eq(*x86_ram_at(&ram, 0x1200064, 1), 0);
	ck_assert_uint_eq(e820_bytes(1), 256 * MIB - (X86_HIGH_RAM - X86_LOW_RAM_END) - GUEST_LOG_BYTES);
	ram_free();
}
END_TEST

START_TEST(initramfs_spans_nodes_and_stays_low)
{
	struct x86_entry e;
	make_bzimage();
	ram_new(8, 1160);
	struct boot_config c = config(3 << 20);
	t_ok(boot_load(&c, &ram, &e, NULL));
	ck_assert_uint_eq(e.initrd, 1157 * MIB);
	ck_assert_uint_eq(*x86_ram_at(&ram, 1157 * MIB, 1), 0x55);
	ram_free();
	ram_new(2, 5000);
	t_ok(boot_load(&c, &ram, &e, NULL));
	ck_assert_uint_eq(e.initrd, 2045 * MIB);
	ck_assert_uint_eq(e820_bytes(1), 5000 * MIB - (X86_HIGH_RAM - X86_LOW_RAM_END) - GUEST_LOG_BYTES);
	image.bz.h.initrd_addr_max = UINT32_MAX;
	t_ok(boot_load(&c, &ram, &e, NULL));
	ck_assert_uint_eq(e.initrd, X86_MMIO_GAP - 3 * MIB);
	ram_free();
}
END_TEST

START_TEST(what_does_not_fit_says_what)
{
	struct x86_entry e;
	struct err *err = NULL;
	ram_new(2, 161);
	make_bzimage();
	struct boot_config c = config((size_t)18 << 20);
	c.initrd = NULL;
	t_errno(boot_load(&c, &ram, &e, &err), ENOSPC);
	t_err_contains(&err, "initramfs: its 18 MiB do not fit between the event log (144 MiB) and the end of "
			     "low memory (161 MiB)");
	c.initrd_len = SIZE_MAX;
	t_errno(boot_load(&c, &ram, &e, &err), ENOSPC);
	t_err_contains(&err, "initramfs: its ");
	c.initrd_len = (size_t)17 << 20;
	t_ok(boot_load(&c, &ram, &e, &err));
	ck_assert_uint_eq(e.initrd, 144 * MIB);
	image.bz.h.init_size = 113 << 20;
	t_errno(boot_load(&c, &ram, &e, &err), ENOSPC);
	t_err_contains(&err, "above the event log's start 0x8000000");
	image.bz.h.init_size = UINT32_MAX;
	t_errno(boot_load(&c, &ram, &e, &err), ENOSPC);
	t_err_contains(&err, "kernel: needs memory up to");
	make_bzimage();
	char line[2049];
	memset(line, 'a', sizeof(line) - 1);
	line[2048] = '\0';
	c.cmdline = line;
	t_errno(boot_load(&c, &ram, &e, &err), E2BIG);
	t_err_contains(&err, "too long (2048 > 2047 bytes)");
	c.cmdline = "";
	ram_free();
	ram_new(1, 143);
	t_errno(boot_load(&c, &ram, &e, &err), ENOSPC);
	t_err_contains(&err, "143 MiB do not hold the event log, which ends at 144 MiB");
	ram_free();
}
END_TEST

/* Walks the identity map as the processor would. */
static uint64_t translate(uint64_t cr3, uint64_t address)
{
	uint64_t table = cr3;
	for (int shift = 39; shift >= 21; shift -= 9) {
		uint64_t entry;
		memcpy(&entry, x86_ram_at(&ram, table + (address >> shift & 511) * 8, 8), 8);
		ck_assert_uint_eq(entry & 1, 1);
		table = entry & 0x000ffffffffff000;
		if (shift == 21)
			ck_assert_uint_eq(entry & 0x80, 0x80);
	}
	return table | (address & 0x1fffff);
}

START_TEST(processor_starts_in_long_mode)
{
	struct x86_entry e;
	struct kvm_sregs s = { .apic_base = 0xfee00900 };
	struct kvm_regs r;
	static const uint64_t addresses[] = { 0, 0x1000200, 0x7fffffff, 0xfee00000, 0xffffffff };
	ram_new(1, 256);
	make_bzimage();
	struct boot_config c = config(0);
	t_ok(boot_load(&c, &ram, &e, NULL));
	x86_entry_sregs(&e, &s);
	x86_entry_regs(&e, &r);
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		ck_assert_uint_eq(translate(s.cr3, addresses[i]), addresses[i]);
	ck_assert_uint_eq(s.apic_base, 0xfee00900);
	ck_assert_uint_eq(s.efer, 0x500);
	ck_assert_uint_eq(s.cr0 & 0x80000001, 0x80000001);
	ck_assert_uint_eq(s.cr4, 0x20);
	ck_assert_uint_eq(r.rip, 0x1000200);
	ck_assert_uint_eq(r.rsi, X86_ZERO_PAGE);
	ck_assert_uint_eq(r.rflags, 2);
	/* The descriptors in memory match the hidden parts: base 0, limit 4 GiB, 64-bit code. */
	uint64_t code;
	memcpy(&code, x86_ram_at(&ram, s.gdt.base + s.cs.selector, 8), 8);
	ck_assert_uint_eq(code >> 53 & 1, s.cs.l);
	ck_assert_uint_eq(code >> 40 & 0xf, s.cs.type);
	memcpy(&code, x86_ram_at(&ram, s.gdt.base + s.tr.selector, 8), 8);
	ck_assert_uint_eq(code >> 40 & 0xf, s.tr.type);
	ck_assert_uint_ge(s.gdt.limit, s.tr.selector + 15);
	ram_free();
}
END_TEST

START_TEST(msrs_are_listed_once)
{
	struct kvm_msr_entry m[MSR_BOOT_MAX];
	unsigned count = msr_boot_list(m);
	bool write_back = false;
	for (unsigned i = 0; i < count; i++) {
		write_back |= m[i].index == 0x2ff && m[i].data == 0x806;
		for (unsigned k = 0; k < i; k++)
			ck_assert_uint_ne(m[i].index, m[k].index);
	}
	ck_assert(write_back);
}
END_TEST

START_TEST(lapic_pins_are_wired)
{
	struct kvm_lapic_state l;
	memset(&l, 0, sizeof(l));
	l.regs[0x352] = l.regs[0x362] = 1; /* masked, as after reset */
	lapic_boot_state(&l);
	ck_assert(!memcmp(l.regs + 0x350, "\x00\x07\x01\x00", 4));
	ck_assert(!memcmp(l.regs + 0x360, "\x00\x04\x01\x00", 4));
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, a_kernel_may_begin_in_its_data);
	tcase_add_loop_test(tc, images_that_are_no_kernel_say_why, 0, ARRAY_SIZE(bad_images));
	tcase_add_loop_test(tc, images_cut_anywhere_are_refused, 0, 2);
	tcase_add_test(tc, bzimage_is_loaded);
	tcase_add_test(tc, vmlinux_is_loaded);
	tcase_add_test(tc, initramfs_spans_nodes_and_stays_low);
	tcase_add_test(tc, what_does_not_fit_says_what);
	tcase_add_test(tc, processor_starts_in_long_mode);
	tcase_add_test(tc, msrs_are_listed_once);
	tcase_add_test(tc, lapic_pins_are_wired);
}

int main(void)
{
	return t_main("x86", fill);
}
