/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * translate.c -- see translate.h. Page tables: Intel SDM volume 3, 4-level and 5-level paging. They are the guest's, so
 * each entry is loaded once, and a table that points to itself ends with the last level.
 */
#include "monitor/translate.h"

#define ENTRY_PRESENT 1u
#define ENTRY_LARGE   (1u << 7)
#define ENTRY_ADDRESS 0x000ffffffffff000u
#define INDEX_BITS    9
#define PAGE_SHIFT    12

const uint8_t *translate_physical(const struct view *v, uint64_t address, uint64_t len)
{
	if (v->low_memory && address >= v->low_memory) {
		if (address < (4ull << 30))
			return NULL;
		address -= (4ull << 30) - v->low_memory;
	}
	return guestmem_at(v->memory, address, len);
}

static bool read_entry(const struct view *v, uint64_t table, uint64_t kva, unsigned level, uint64_t *ret)
{
	uint64_t index = kva >> (PAGE_SHIFT + INDEX_BITS * level) & ((1u << INDEX_BITS) - 1);
	const uint8_t *at = translate_physical(v, table + index * sizeof(*ret), sizeof(*ret));
	if (!at)
		return false;
	*ret = __atomic_load_n((const uint64_t *)at, __ATOMIC_RELAXED);
	return *ret & ENTRY_PRESENT;
}

static bool is_canonical(uint64_t kva, unsigned levels)
{
	unsigned unused = 64 - (PAGE_SHIFT + INDEX_BITS * levels);
	return (uint64_t)((int64_t)(kva << unused) >> unused) == kva;
}

bool translate_walk(const struct view *v, uint64_t root, uint64_t kva, uint64_t *ret)
{
	unsigned levels = v->five_levels ? 5 : 4;
	uint64_t entry = 0, table = root & ENTRY_ADDRESS;
	if (!is_canonical(kva, levels))
		return false;
	for (unsigned level = levels; level-- > 0;) {
		if (!read_entry(v, table, kva, level, &entry))
			return false;
		table = entry & ENTRY_ADDRESS;
		/* Pages of 1 GiB and 2 MiB. */
		bool large = (level == 1 || level == 2) && (entry & ENTRY_LARGE);
		if (level && !large)
			continue;
		uint64_t inside = ((uint64_t)1 << (PAGE_SHIFT + INDEX_BITS * level)) - 1;
		*ret = (table & ~inside) | (kva & inside);
		return true;
	}
	return false;
}

bool translate_linear(const struct view *v, uint64_t kva, uint64_t *ret)
{
	uint64_t in_map = kva - v->page_offset, in_image = kva - v->text_slide - v->image_start;
	if (in_map < v->ram_end)
		*ret = in_map;
	else if (in_image < v->image_size)
		*ret = kva - START_KERNEL_MAP + v->phys_base;
	else
		return false;
	return true;
}
