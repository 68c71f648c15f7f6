/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * layout.h -- the layout of an x86-64 guest's physical memory and I/O ports, and where it is specified.
 *
 *	0x0000_0500  GDT, IDT				ours
 *	0x0000_7000  zero page (struct boot_params)	ours; Documentation/arch/x86/zero-page.rst
 *	0x0000_8ff0  stack, downwards			ours
 *	0x0000_9000  page tables, 6 pages		ours
 *	0x0002_0000  command line			ours
 *	0x0009_fc00  end of low RAM			PC firmware convention (extended BIOS data area)
 *	0x000e_0000  RSDP and the ACPI tables		ACPI 6.4, 5.2.5.1: on a 16-byte boundary of the BIOS area
 *	0x0010_0000  high RAM				kernel at its preferred address, usually 16 MiB
 *	0x0800_0000  event log				vmm/guestmem.h
 *	...	     initramfs, at the end of low RAM
 *	0xc000_0000  MMIO gap up to 4 GiB: virtio-mmio windows, IOAPIC, local APIC, KVM's own pages
 */
#ifndef KTSTR_VMM_X86_LAYOUT_H
#define KTSTR_VMM_X86_LAYOUT_H

#define X86_GDT		      0x500u
#define X86_IDT		      0x540u
#define X86_ZERO_PAGE	      0x7000u
#define X86_BOOT_STACK	      0x8ff0u
#define X86_PAGE_TABLES	      0x9000u /* PML4, PDPT, four page directories */
#define X86_PAGE_TABLES_BYTES 0x6000u
#define X86_CMDLINE	      0x20000u
#define X86_CMDLINE_BYTES_MAX 2048u /* COMMAND_LINE_SIZE of x86 kernels, NUL included */
#define X86_LOW_RAM_END	      0x9fc00u
#define X86_ACPI	      0xe0000u
#define X86_ACPI_BYTES_MAX    0x20000u
#define X86_HIGH_RAM	      0x100000u

#define X86_MMIO_GAP	 0xc0000000ull
#define X86_MMIO_GAP_END 0x100000000ull

/* One page each, with its own IOAPIC pin. */
#define X86_VIRTIO_MMIO	      0xc0000000ull
#define X86_VIRTIO_MMIO_BYTES 0x1000u
#define X86_VIRTIO_IRQ	      5u /* of window 0; the others follow */
#define X86_VIRTIO_MAX	      8u

#define X86_IOAPIC	     0xfec00000u /* Intel 82093AA; KVM's emulation is fixed there */
#define X86_IOAPIC_PINS	     24u
#define X86_LAPIC	     0xfee00000u /* Intel SDM vol. 3, 11.4.1 */
#define X86_KVM_TSS	     0xfffbd000u /* KVM_SET_TSS_ADDR: three pages that no RAM may overlap */
#define X86_KVM_IDENTITY_MAP 0xfffc0000u /* KVM_SET_IDENTITY_MAP_ADDR: the page behind them */

#define X86_PORT_COM1	     0x3f8u
#define X86_COM1_IRQ	     4u
#define X86_PORT_COM2	     0x2f8u
#define X86_COM2_IRQ	     3u
#define X86_COM_PORTS	     8u
#define X86_PORT_EXIT	     0xf4u  /* as QEMU's isa-debug-exit of the tcg backend: ktstr.exit= */
#define X86_PORT_PARK	     0x505u /* as QEMU's pvpanic of the tcg backend: ktstr.park= */
#define X86_PORT_MARK	     0x508u /* words of a mark, and at the second port its kind: ktstr.mark= */
#define X86_MARK_PORTS	     12u
#define X86_PORT_PIT	     0x40u /* Intel 8254; absent, its ports read as zeros: vmm/kvm/devices.c */
#define X86_PIT_PORTS	     4u
#define X86_PORT_RTC	     0x70u /* index, then data: vmm/dev/rtc.h */
#define X86_RTC_PORTS	     2u
#define X86_PORT_KBD_DATA    0x60u
#define X86_PORT_KBD_COMMAND 0x64u /* ACPI's reset register too: X86_RESET_VALUE resets */
#define X86_RESET_VALUE	     0xfeu
#define X86_PORT_PM	     0x600u /* ACPI's PM1 registers, vmm/dev/pm.h */
#define X86_PM_PORTS	     6u
#define X86_PM_IRQ	     9u /* the SCI; never raised */
#define X86_SLEEP_TYPE_S5    5u /* \_S5: power off */

#endif
