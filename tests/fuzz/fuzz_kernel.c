/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel images, as a user names them with --kernel, loaded into a guest of two nodes. */
#include <sys/mman.h>

#include "fuzz.h"
#include "vmm/x86/boot.h"

#define MIB	  ((uint64_t)1 << 20)
#define GUEST_MIB 160

/* Sparse, so untouched memory costs nothing; created per input, so no input sees another's data. */
static void *ram_new(struct x86_ram *ram)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	uint8_t *map = mmap(NULL, GUEST_MIB * MIB, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (map == MAP_FAILED || x86_ram_plan(2, GUEST_MIB, ram, NULL) < 0)
		abort();
	for (unsigned i = 0; i < ram->count; i++)
		ram->region[i].host = map + ram->region[i].address;
	return map;
}

/* Allows every other page, as on a host that is short of mappings. */
static bool maybe_map(void *userdata, uint64_t address, uint64_t offset, uint64_t bytes)
{
	(void)userdata;
	(void)bytes;
	return (address ^ offset) >> 12 & 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct x86_ram ram;
	struct x86_entry e;
	struct boot_plan p;
	struct kvm_sregs s = { 0 };
	struct err *err = NULL;
	if (boot_plan(data, size, &p, &err) < 0) {
		err_free(err);
		return 0;
	}
	for (unsigned i = 0; i < p.segments; i++)
		if (p.segment[i].offset + p.segment[i].bytes > size || p.segment[i].bytes > p.segment[i].memory ||
		    p.segment[i].address < MIB)
			abort();
	for (unsigned i = 0; i < p.constants; i++) {
		unsigned in = p.constant[i].segment;
		uint64_t into = p.constant[i].offset - p.segment[in].offset;
		if (in >= p.segments || p.constant[i].offset < p.segment[in].offset ||
		    into + p.constant[i].bytes > p.segment[in].bytes || p.segment[in].writable ||
		    p.constant[i].address != p.segment[in].address + into ||
		    (p.constant[i].offset | p.constant[i].bytes | p.constant[i].address) % 4096)
			abort();
	}
	void *map = ram_new(&ram);
	struct boot_config c = { .kernel = data,
				 .kernel_len = size,
				 .initrd = data,
				 .initrd_len = size,
				 .cmdline = "quiet",
				 .map = maybe_map };
	if (boot_load(&c, &ram, &e, &err) == 0) {
		if (!x86_ram_covers(&ram, e.kernel, e.kernel_end - e.kernel) || e.rip < e.kernel ||
		    e.rip >= e.kernel_end)
			abort();
		x86_entry_sregs(&e, &s);
	}
	err_free(err);
	munmap(map, GUEST_MIB * MIB);
	return 0;
}
