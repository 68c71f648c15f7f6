/* SPDX-License-Identifier: GPL-2.0-only */
/* bus.c -- see bus.h. */
#include <errno.h>
#include <string.h>

#include "vmm/kvm/bus.h"

static int add_range(struct bus_range *list, unsigned *count, const struct bus_range *range)
{
	if (*count == BUS_RANGES_MAX)
		return -ENOSPC;
	list[(*count)++] = *range;
	return 0;
}

int bus_add_port(struct bus *b, const struct bus_range *range)
{
	return add_range(b->port, &b->ports, range);
}

int bus_add_memory(struct bus *b, const struct bus_range *range)
{
	return add_range(b->memory, &b->memories, range);
}

static const struct bus_range *find_range(const struct bus_range *list, unsigned count, uint64_t at, uint32_t size)
{
	for (unsigned i = 0; i < count; i++)
		if (at >= list[i].first && at - list[i].first < list[i].size &&
		    size <= list[i].size - (at - list[i].first))
			return &list[i];
	return NULL;
}

static void access_range(struct bus *b, const struct bus_range *r, uint64_t at, bool write, void *data, uint32_t size)
{
	if (!r)
		__atomic_fetch_add(&b->unclaimed, 1, __ATOMIC_RELAXED);
	if (r && write && r->write)
		r->write(r->device, at - r->first, data, size);
	else if (r && !write && r->read)
		r->read(r->device, at - r->first, data, size);
	else if (!write)
		memset(data, 0xff, size);
}

void bus_port(struct bus *b, uint16_t port, bool write, void *data, uint32_t size, uint32_t count)
{
	const struct bus_range *r = find_range(b->port, b->ports, port, size);
	for (uint32_t i = 0; i < count; i++)
		access_range(b, r, port, write, (uint8_t *)data + (size_t)i * size, size);
}

void bus_memory(struct bus *b, uint64_t address, bool write, void *data, uint32_t size)
{
	access_range(b, find_range(b->memory, b->memories, address, size), address, write, data, size);
}
