/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * boot.h -- loads a Linux kernel into a guest's memory and defines the state in which its first processor starts.
 *
 * bzImage and ELF vmlinux are both entered in 64-bit mode with a struct boot_params: the bzImage 0x200 bytes after its
 * start (Documentation/arch/x86/boot.rst, "64-bit boot protocol"), the vmlinux at its entry point, startup_64. One
 * register state and one parameter block serve both, and a kernel does not need CONFIG_PVH.
 */
#ifndef KTSTR_VMM_X86_BOOT_H
#define KTSTR_VMM_X86_BOOT_H

#include <linux/kvm.h>

#include "vmm/x86/ram.h"

#define BOOT_SEGMENTS_MAX  16
#define BOOT_CONSTANTS_MAX 8

/* The layout of a checked image: every segment is within the file and in RAM above 1 MiB, and none overlap. */
struct boot_plan {
	struct {
		uint64_t offset;  /* in the image */
		uint64_t bytes;	  /* to copy */
		uint64_t address; /* guest-physical */
		uint64_t memory;  /* size in memory, at least @bytes; the rest must read as zeros */
		bool writable;
	} segment[BOOT_SEGMENTS_MAX];
	unsigned segments;
	/*
	 * Read-only pieces of segments, mainly type information: whole pages of image and memory, in the order of the
	 * image. Code is not among them, because a kernel patches most of its pages while it boots (ftrace,
	 * alternatives). Padding and initialisation data are not either, because the kernel frees these pages.
	 */
	struct {
		uint64_t offset, bytes, address;
		unsigned segment;
	} constant[BOOT_CONSTANTS_MAX];
	unsigned constants;
	uint64_t entry;	      /* guest-physical, 64-bit mode */
	uint64_t start, end;  /* of the memory that the kernel needs before it manages memory itself */
	uint64_t initrd_max;  /* highest address for an initramfs */
	uint32_t cmdline_max; /* bytes without the NUL */
	bool bzimage;
};

/*
 * Reads @len bytes of @image, a bzImage or vmlinux. -ENOEXEC: not a kernel, truncated, for another architecture or too
 * old. Needs no guest.
 */
int boot_plan(const uint8_t *image, size_t len, struct boot_plan *ret, struct err **err);

struct boot_config {
	const uint8_t *kernel; /* not consumed; may be a mapped file that no other process truncates */
	size_t kernel_len;
	const uint8_t *initrd; /* NULL with a length: the caller copies it to entry.initrd */
	size_t initrd_len;
	const char *cmdline;
	/* Called with the layout before anything is written. May be NULL. */
	void (*placed)(void *userdata, const struct boot_plan *p);
	/*
	 * Maps @bytes of the image from @offset to guest-physical @address, copy-on-write; false: they are to be
	 * copied. NULL: everything is copied, and is in the file that backs the RAM, where there is one.
	 */
	bool (*map)(void *userdata, uint64_t address, uint64_t offset, uint64_t bytes);
	void *userdata;
};

/* The start state of the first processor, and the places of kernel and initramfs. */
struct x86_entry {
	uint64_t rip, rsp, rsi;
	uint64_t cr3, gdt, idt;
	uint16_t gdt_limit, idt_limit;
	bool long_mode;		     /* always true */
	uint64_t kernel, kernel_end; /* guest-physical memory of the kernel */
	uint64_t initrd;	     /* 0: none */
};

/*
 * Writes kernel, initramfs, command line, zero page (with E820: RAM, the event log's memory reserved), GDT and page
 * tables. The RAM must read as zeros before: memory that the kernel wants zeroed is not touched, so it is not
 * allocated. The ACPI tables are written by acpi.h; the zero page names X86_ACPI.
 */
int boot_load(const struct boot_config *c, const struct x86_ram *ram, struct x86_entry *ret, struct err **err);

/* Registers for KVM_SET_SREGS, on top of KVM_GET_SREGS (its APIC base stays), and for KVM_SET_REGS. */
void x86_entry_sregs(const struct x86_entry *e, struct kvm_sregs *s);
void x86_entry_regs(const struct x86_entry *e, struct kvm_regs *r);

#endif
