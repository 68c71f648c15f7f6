/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * acpi.h -- the ACPI tables of a guest: RSDP, XSDT, FADT, FACS, MADT, SRAT, SLIT, HMAT and a DSDT.
 *
 * They are not hardware-reduced: Linux would number ISA interrupts differently, and a kernel without
 * CONFIG_SERIAL_8250_PNP would wait for ever for the console's. The cost is the PM1 registers (vmm/dev/pm.h), a dozen
 * port accesses per boot. There is no power management timer, and flags say that there is no 8042 and no CMOS clock.
 * Power off goes through PM1; a reset writes X86_RESET_VALUE to X86_PORT_KBD_COMMAND. COM1 is in the DSDT.
 */
#ifndef KTSTR_VMM_X86_ACPI_H
#define KTSTR_VMM_X86_ACPI_H

#include <ktstr/topology.h>

#include "vmm/x86/ram.h"

struct acpi_config {
	struct ktstr_topology topology; /* checked */
	const struct x86_ram *ram;	/* regions with their nodes */
	unsigned virtio;		/* virtio-mmio windows in use, at most X86_VIRTIO_MAX */
};

/*
 * Writes the tables for guest-physical @address (16-byte aligned; the RSDP is first) into @out and returns their bytes;
 * 0 when @size is too small. X86_ACPI and X86_ACPI_BYTES_MAX are enough for every valid topology.
 */
size_t acpi_build(const struct acpi_config *c, uint64_t address, uint8_t *out, size_t size);

#endif
