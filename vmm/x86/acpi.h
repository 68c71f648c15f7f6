/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * acpi.h -- the ACPI tables of a guest: RSDP, XSDT, FADT, MADT, SRAT, SLIT, HMAT and a DSDT.
 *
 * Hardware-reduced: there is no SCI, no power management timer, no PIC and no PIT for Linux to probe, and neither an
 * 8042 nor a CMOS clock to wait for. Power off is a byte to X86_PORT_SLEEP_CONTROL (X86_SLEEP_S5), reset one to
 * X86_PORT_KBD_COMMAND (X86_RESET_VALUE). Interrupts of ISA devices are known to Linux only from the DSDT then, so
 * COM1 stands in it.
 */
#ifndef KTSTR_VMM_X86_ACPI_H
#define KTSTR_VMM_X86_ACPI_H

#include <ktstr/topology.h>

#include "vmm/x86/ram.h"

struct acpi_config {
	struct ktstr_topology topology;	/* checked */
	const struct x86_ram *ram;	/* regions with their nodes */
	unsigned virtio;		/* virtio-mmio windows in use, at most X86_VIRTIO_MAX */
};

/*
 * Writes the tables for guest-physical @address (the RSDP is first; 16-byte aligned) into @out and returns their
 * bytes; 0 when @size is too small. X86_ACPI and X86_ACPI_BYTES_MAX do for every valid topology.
 */
size_t acpi_build(const struct acpi_config *c, uint64_t address, uint8_t *out, size_t size);

#endif
