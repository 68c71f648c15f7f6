/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bus.h -- port and memory-mapped I/O of a guest: address ranges with handlers. An address without a device reads as
 * all ones, as on a PC's bus, and ignores writes: a guest may access any address.
 */
#ifndef KTSTR_VMM_KVM_BUS_H
#define KTSTR_VMM_KVM_BUS_H

#include <stdbool.h>
#include <stdint.h>

#define BUS_RANGES_MAX 16

struct bus_range {
	uint64_t first, size;
	/* @offset from `first`; @size is 1, 2, 4 or 8 bytes at @data, little-endian. Called on any vCPU's thread. */
	void (*read)(void *device, uint64_t offset, void *data, uint32_t size);
	void (*write)(void *device, uint64_t offset, const void *data, uint32_t size);
	void *device;
};

struct bus {
	struct bus_range port[BUS_RANGES_MAX], memory[BUS_RANGES_MAX];
	unsigned ports, memories;
	uint64_t unclaimed; /* accesses to addresses without a device */
};

int bus_add_port(struct bus *b, const struct bus_range *range);
int bus_add_memory(struct bus *b, const struct bus_range *range);
/* Makes @count accesses of @size bytes each to one port, as KVM reports them. */
void bus_port(struct bus *b, uint16_t port, bool write, void *data, uint32_t size, uint32_t count);
void bus_memory(struct bus *b, uint64_t address, bool write, void *data, uint32_t size);

#endif
