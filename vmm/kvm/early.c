/* SPDX-License-Identifier: GPL-2.0-only */
/* early.c -- see early.h. The sizes were measured before PID 1 started, with 1 CPU and with 8 CPUs on two nodes. */
#include "base/bug.h"
#include "vmm/kvm/early.h"
#include "vmm/kvm/guest.h"

#define LARGE	   (2ull << 20)
#define LOW_BYTES  (4ull << 20) /* boot data, tables, and the rest below the kernel */
#define NODE_BYTES (4ull << 20) /* a node's own data, at its end, */
#define MAP_SHARE  64u		/* and its memory map: struct page takes 64 bytes of 4096 */
#define NODE_MAX   (16ull << 20)
#define NODES_MAX  (64ull << 20) /* all nodes together */

static uint64_t large_up(uint64_t n)
{
	return (n + LARGE - 1) / LARGE * LARGE;
}

/* Asks for large pages for [@from, @to), multiples of LARGE, as far as it is RAM in one piece. */
static void want_large_pages(struct kvm_guest *g, uint64_t from, uint64_t to)
{
	uint64_t bytes = 0;
	uint8_t *host = from < to ? x86_ram_span(&g->ram, from, to - from, &bytes) : NULL;
	bytes -= bytes % LARGE;
	if (host && bytes && (uintptr_t)host % LARGE == 0)
		g->sys->collapse(g->sys->data, host, bytes);
}

/* The kernel's bytes that are copied or zeroed. Mapped constants are left out: they are not in the memory's file. */
static void want_kernel(struct kvm_guest *g, const struct boot_plan *p, bool mapped)
{
	uint64_t from = p->start;
	for (unsigned i = 0; mapped && i < p->constants; i++) {
		want_large_pages(g, large_up(from), p->constant[i].address / LARGE * LARGE);
		from = p->constant[i].address + p->constant[i].bytes;
	}
	want_large_pages(g, large_up(from), large_up(p->end));
}

/* The end of each region: a kernel's first allocations go from there downwards. */
static void want_ends(struct kvm_guest *g)
{
	uint64_t left = NODES_MAX;
	for (unsigned i = 0; i < g->ram.count && left; i++) {
		const struct x86_region *r = &g->ram.region[i];
		uint64_t bytes = MIN_OF(large_up(NODE_BYTES + r->size / MAP_SHARE), MIN_OF(NODE_MAX, left));
		uint64_t end = (r->address + r->size) / LARGE * LARGE;
		if (end >= r->address + bytes)
			want_large_pages(g, end - bytes, end);
		left -= bytes;
	}
}

void early_prepare_memory(struct kvm_guest *g, const struct boot_plan *p, bool mapped)
{
	want_large_pages(g, 0, LOW_BYTES);
	want_kernel(g, p, mapped);
	want_ends(g);
}
