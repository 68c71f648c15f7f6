/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * boot.h -- puts a Linux kernel into a guest's memory and says in which state its first processor starts.
 *
 * bzImage and ELF vmlinux are both entered in 64-bit mode with a struct boot_params, the bzImage 0x200 behind its
 * start (Documentation/arch/x86/boot.rst, "64-bit boot protocol"), the vmlinux at its entry point, startup_64. One
 * register state and one parameter block serve both, and no kernel needs CONFIG_PVH for it.
 */
#ifndef KTSTR_VMM_X86_BOOT_H
#define KTSTR_VMM_X86_BOOT_H

#include <linux/kvm.h>

#include "vmm/x86/ram.h"

#define BOOT_SEGMENTS_MAX  16
#define BOOT_CONSTANTS_MAX 8

/* What lies where in an image, checked: every segment within the file, in RAM above 1 MiB, none overlapping. */
struct boot_plan {
	struct {
		uint64_t offset;  /* in the image */
		uint64_t bytes;	  /* to copy */
		uint64_t address; /* guest-physical */
		uint64_t memory;  /* that it takes there, at least @bytes; the rest must read as zeros */
		bool writable;
	} segment[BOOT_SEGMENTS_MAX];
	unsigned segments;
	/*
	 * Pieces of segments that are not writable, which a kernel only reads: type information above all. Whole pages
	 * of image and memory, in the order of the image. Not in them: code, most pages of which a kernel patches while
	 * it boots (ftrace, alternatives), and what it gives away then: filling, and what is for initialisation, which
	 * stands in a writable segment.
	 */
	struct {
		uint64_t offset, bytes, address;
		unsigned segment;
	} constant[BOOT_CONSTANTS_MAX];
	unsigned constants;
	uint64_t entry;	      /* guest-physical, 64-bit mode */
	uint64_t start, end;  /* of all the memory that the kernel needs before it manages memory itself */
	uint64_t initrd_max;  /* highest address that an initramfs may take */
	uint32_t cmdline_max; /* bytes without the NUL */
	bool bzimage;
};

/*
 * Reads @len bytes of @image: bzImage or vmlinux. -ENOEXEC: no kernel, cut short, of another architecture or too old.
 * Nothing is known of the guest yet.
 */
int boot_plan(const uint8_t *image, size_t len, struct boot_plan *ret, struct err **err);

struct boot_config {
	const uint8_t *kernel; /* not consumed; may be a mapped file that nobody else truncates */
	size_t kernel_len;
	const uint8_t *initrd; /* NULL with a length: the caller copies it to entry.initrd */
	size_t initrd_len;
	const char *cmdline;
	/* Called when it is known what goes where, before any of it is written. NULL: nobody cares. */
	void (*placed)(void *userdata, const struct boot_plan *p);
	/*
	 * Puts the image's @bytes at @offset to guest-physical @address by mapping them, copy-on-write; false: they are
	 * to be copied. NULL: everything is copied, and is in the file behind the RAM, where that has one.
	 */
	bool (*map)(void *userdata, uint64_t address, uint64_t offset, uint64_t bytes);
	void *userdata;
};

/* How the first processor starts, and what went where. */
struct x86_entry {
	uint64_t rip, rsp, rsi;
	uint64_t cr3, gdt, idt;
	uint16_t gdt_limit, idt_limit;
	bool long_mode;		     /* always, today */
	uint64_t kernel, kernel_end; /* guest-physical memory of the kernel */
	uint64_t initrd;	     /* 0: none */
};

/*
 * Writes kernel, initramfs, command line, zero page (with E820: RAM, the event log's memory reserved), GDT and page
 * tables. The RAM must read as zeros before: what the kernel wants zeroed is not touched, so that it costs no memory.
 * The ACPI tables are not written here (acpi.h); the zero page names X86_ACPI.
 */
int boot_load(const struct boot_config *c, const struct x86_ram *ram, struct x86_entry *ret, struct err **err);

/* Registers for KVM_SET_SREGS, over what KVM_GET_SREGS gave (its APIC base stays), and for KVM_SET_REGS. */
void x86_entry_sregs(const struct x86_entry *e, struct kvm_sregs *s);
void x86_entry_regs(const struct x86_entry *e, struct kvm_regs *r);

#endif
