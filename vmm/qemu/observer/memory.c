/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memory.c -- reads numbers in the memory of the guest's kernel, while it runs, at the price of a table look-up. It is
 * told where the kernel maps all RAM and its image, and walks no page tables. QEMU says where RAM is in this process;
 * RAM is never unplugged.
 */
#include <dlfcn.h>
#include <string.h>

#include "vmm/qemu/observer/observer.h"

#define RANGES_MAX	32		    /* of RAM; NUMA nodes have their own */
#define FIRST_MIB	(UINT64_C(1) << 20) /* below, firmware changes what is mapped */
#define ABOVE_GAP	(UINT64_C(4) << 30)
#define RANGE_ALIGNMENT (UINT64_C(2) << 20)

struct range {
	uint64_t start, size; /* guest-physical */
	const uint8_t *at;
};

/* Global, because QEMU's functions for plugins take no context. */
static struct {
	void *(*map)(uint64_t start, uint64_t *size, bool write);
	bool (*is_device)(uint64_t start);
	struct range range[RANGES_MAX];
	unsigned ranges, last;
	struct observe_map mapped[OBSERVE_MAPS_MAX];
} memory;

static bool find_function(const char *name, void *out)
{
	void *f = dlsym(RTLD_DEFAULT, name);
	memcpy(out, &f, sizeof(f));
	return f;
}

const char *memory_find(void)
{
	if (!find_function("cpu_physical_memory_map", &memory.map))
		return "cpu_physical_memory_map";
	return find_function("cpu_physical_memory_is_io", &memory.is_device) ? NULL : "cpu_physical_memory_is_io";
}

static bool to_physical(uint64_t address, uint64_t *ret)
{
	for (size_t i = 0; i < OBSERVE_MAPS_MAX; i++) {
		uint64_t into = address - memory.mapped[i].start;
		*ret = into + memory.mapped[i].physical;
		if (into < memory.mapped[i].size)
			return *ret >= FIRST_MIB;
	}
	return false;
}

void memory_set_maps(const struct observe_map map[OBSERVE_MAPS_MAX])
{
	memcpy(memory.mapped, map, sizeof(memory.mapped));
}

static const uint8_t *find_in(const struct range *r, uint64_t physical, unsigned size)
{
	uint64_t offset = physical - r->start;
	return offset < r->size && r->size - offset >= size ? r->at + offset : NULL;
}

/* Asks QEMU for the range from @start on that is contiguous in this process. */
static const uint8_t *add_range(uint64_t start, uint64_t physical, unsigned size)
{
	struct range r = { .start = start, .size = INT64_MAX - start };
	/* QEMU would read the device, and lend its only buffer for that. */
	if (memory.is_device(start) || memory.is_device(physical))
		return NULL;
	r.at = memory.map(start, &r.size, false);
	const uint8_t *found = r.at ? find_in(&r, physical, size) : NULL;
	if (!found)
		return NULL;
	memory.last = memory.ranges++ % RANGES_MAX;
	memory.range[memory.last] = r;
	return found;
}

static const uint8_t *find(uint64_t physical, unsigned size)
{
	const uint8_t *found = find_in(&memory.range[memory.last], physical, size);
	for (unsigned i = 0; !found && i < memory.ranges && i < RANGES_MAX; i++) {
		found = find_in(&memory.range[i], physical, size);
		memory.last = found ? i : memory.last;
	}
	if (!found)
		found = add_range(physical < ABOVE_GAP ? FIRST_MIB : ABOVE_GAP, physical, size);
	return found ? found : add_range(physical & ~(RANGE_ALIGNMENT - 1), physical, size);
}

bool memory_read(uint64_t address, unsigned size, uint64_t *ret)
{
	uint64_t physical, value = 0;
	const uint8_t *at = to_physical(address, &physical) ? find(physical, size) : NULL;
	*ret = 0;
	if (!at)
		return false;
	memcpy(&value, at, size);
	*ret = value;
	return true;
}
