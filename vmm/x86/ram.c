/* SPDX-License-Identifier: GPL-2.0-only */
/* ram.c -- see ram.h. */
#include <string.h>
#include <unistd.h>

#include "vmm/x86/layout.h"
#include "vmm/x86/ram.h"

#define MIB	       ((uint64_t)1 << 20)
#define FILE_WRITE_MIN ((uint64_t)16 << 10)
#define MEMORY_MIB_MAX ((uint64_t)16 << 20) /* 16 TiB: no address overflows */

static void add_region(struct x86_ram *ram, unsigned node, uint64_t address, uint64_t size)
{
	if (size)
		ram->region[ram->count++] = (struct x86_region){ .address = address, .size = size, .node = node };
}

/* Adds @size bytes of @node from *@at on, around the gap. */
static void add_node(struct x86_ram *ram, unsigned node, uint64_t size, uint64_t *at)
{
	uint64_t below = *at < X86_MMIO_GAP ? MIN_OF(size, X86_MMIO_GAP - *at) : 0;
	add_region(ram, node, *at, below);
	*at += below;
	if (below == size)
		return;
	*at = MAX_OF(*at, X86_MMIO_GAP_END);
	add_region(ram, node, *at, size - below);
	*at += size - below;
}

static int check_plan(unsigned nodes, uint64_t total_mib, struct err **err)
{
	if (nodes < 1 || nodes >= X86_REGIONS_MAX)
		return FAIL(err, ERR_DATA, -ERANGE, "guest memory: %u NUMA nodes, must be 1 to %d", nodes,
			    X86_REGIONS_MAX - 1);
	if (total_mib < nodes || total_mib > MEMORY_MIB_MAX)
		return FAIL(err, ERR_DATA, -ERANGE, "guest memory: %lu MiB, must be %u to %lu", total_mib, nodes,
			    MEMORY_MIB_MAX);
	return 0;
}

int x86_ram_plan_nodes(unsigned nodes, const uint64_t *mib, struct x86_ram *ret, struct err **err)
{
	uint64_t total = 0, at = 0;
	for (unsigned i = 0; i < nodes; i++)
		total = mib[i] > MEMORY_MIB_MAX ? UINT64_MAX >> 1 : total + mib[i];
	int r = check_plan(nodes, total, err);
	if (r < 0)
		return r;
	*ret = (struct x86_ram){ 0 };
	for (unsigned i = 0; i < nodes; i++)
		add_node(ret, i, mib[i] * MIB, &at);
	return 0;
}

int x86_ram_plan(unsigned nodes, uint64_t total_mib, struct x86_ram *ret, struct err **err)
{
	uint64_t mib[X86_REGIONS_MAX];
	int r = check_plan(nodes, total_mib, err);
	for (unsigned i = 0; r == 0 && i < nodes; i++)
		mib[i] = i + 1 == nodes ? total_mib - total_mib / nodes * i : total_mib / nodes;
	return r == 0 ? x86_ram_plan_nodes(nodes, mib, ret, err) : r;
}

/* The region that holds @address. */
static const struct x86_region *region_of(const struct x86_ram *ram, uint64_t address)
{
	for (unsigned i = 0; i < ram->count; i++)
		if (address >= ram->region[i].address && address - ram->region[i].address < ram->region[i].size)
			return &ram->region[i];
	return NULL;
}

static uint64_t left_in(const struct x86_region *r, uint64_t address)
{
	return r->size - (address - r->address);
}

uint8_t *x86_ram_at(const struct x86_ram *ram, uint64_t address, uint64_t len)
{
	const struct x86_region *r = region_of(ram, address);
	return r && len <= left_in(r, address) ? r->host + (address - r->address) : NULL;
}

uint8_t *x86_ram_span(const struct x86_ram *ram, uint64_t address, uint64_t len, uint64_t *ret_len)
{
	const struct x86_region *r = region_of(ram, address);
	if (!r)
		return NULL;
	*ret_len = MIN_OF(len, left_in(r, address));
	return r->host + (address - r->address);
}

bool x86_ram_covers(const struct x86_ram *ram, uint64_t address, uint64_t len)
{
	while (len) {
		const struct x86_region *r = region_of(ram, address);
		if (!r)
			return false;
		uint64_t piece = MIN_OF(len, left_in(r, address));
		address += piece;
		len -= piece;
	}
	return true;
}

static void write_region(const struct x86_region *r, uint64_t at, const uint8_t *from, uint64_t len)
{
	while (r->backed && len >= FILE_WRITE_MIN) {
		ssize_t n = pwrite(r->fd, from, len, (off_t)(r->offset + at));
		if (n <= 0)
			break;
		at += (uint64_t)n;
		from += n;
		len -= (uint64_t)n;
	}
	memcpy(r->host + at, from, len);
}

int x86_ram_write(const struct x86_ram *ram, uint64_t address, const void *data, uint64_t len)
{
	if (!x86_ram_covers(ram, address, len))
		return -EFAULT;
	for (const uint8_t *from = data; len;) {
		const struct x86_region *r = region_of(ram, address);
		uint64_t piece = MIN_OF(len, left_in(r, address));
		write_region(r, address - r->address, from, piece);
		from += piece;
		address += piece;
		len -= piece;
	}
	return 0;
}

uint64_t x86_ram_low_end(const struct x86_ram *ram)
{
	uint64_t end = 0;
	for (const struct x86_region *r; end < X86_MMIO_GAP && (r = region_of(ram, end));)
		end = r->address + r->size;
	return MIN_OF(end, X86_MMIO_GAP);
}
