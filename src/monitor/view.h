/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * view.h -- a running guest kernel as memory shows it: its symbols, its types, and reads by guest-virtual address. The
 * guest may write anything to its memory at any time. So each object is copied once, each address is checked, a read
 * that is out of range gives zeros and is counted, and nothing here can fault or hang.
 */
#ifndef KTSTR_MONITOR_VIEW_H
#define KTSTR_MONITOR_VIEW_H

#include "monitor/symbols.h"
#include "monitor/types.h"
#include "vmm/guestmem.h"

#define VIEW_CPUS_MAX 512
#define VIEW_PAGES    64 /* remembered translations */

/* A kernel's files, opened once and shared by all machines that run it. */
struct kernel_image {
	struct symbols *symbols;
	struct types *types;
};

struct view {
	const struct kernel_image *image;
	const struct guestmem *memory;
	uint64_t text_slide;  /* runtime minus link address of the kernel's image (KASLR) */
	uint64_t phys_base;   /* as in the kernel: physical = runtime - START_KERNEL_MAP + phys_base */
	uint64_t page_offset; /* start of the direct map */
	uint64_t page_root;   /* guest-physical address of the top page table */
	bool five_levels;
	uint64_t low_memory;			/* RAM below 4 GiB, of which the rest follows from there; 0: no gap */
	uint64_t ram_end;			/* guest-physical; all RAM is below */
	uint64_t image_start, image_size;	/* link address and bytes of the kernel's image */
	unsigned cpus;				/* possible CPUs */
	uint64_t per_cpu_offset[VIEW_CPUS_MAX]; /* 0: not set up yet */
	uint64_t bad_reads;			/* out of range or not mapped, so far */
	struct {
		uint64_t page; /* address, 0: none */
		const uint8_t *at;
	} cached[VIEW_PAGES]; /* found in page tables since the last refresh */
	struct {
		uint64_t start, size;
		const uint8_t *at;
	} direct; /* the part of the direct map in which the last read was; size 0: none */
};

/*
 * Without a slide. Reads nothing; view_refresh() finds what the kernel sets up while it boots. @low_memory: bytes of
 * RAM below the gap that ends at 4 GiB; 0: all RAM is below the gap.
 */
void view_init(struct view *v, const struct kernel_image *image, const struct guestmem *memory, uint64_t low_memory);
/*
 * Finds both slides: from the boot CPU's CR3 and MSR_LSTAR where they are known (not 0), else by a search for the
 * kernel's version text and page tables in memory. Returns NULL, or why there are none (static text).
 */
const char *view_find_slides(struct view *v, uint64_t cr3, uint64_t lstar);
/*
 * Reads the number of CPUs, their offsets and where page tables begin, and forgets translations: due before each round
 * of reads. -EAGAIN: the kernel has not set them up yet. -ESTALE: another kernel than that of the image runs.
 */
int view_refresh(struct view *v);

/* Runtime address of a symbol; 0: absent. Not of per-CPU symbols. */
uint64_t view_symbol(const struct view *v, const char *name);
/* Runtime address of @cpu's copy of a per-CPU symbol; 0: absent, or not set up. */
uint64_t view_per_cpu(const struct view *v, const char *name, unsigned cpu);
/* The address from which view_per_cpu_pointer() makes those of all CPUs, looked up once. False: absent. */
bool view_per_cpu_template(const struct view *v, const char *name, uint64_t *ret);
/* The same for a per-CPU pointer that the guest holds (a template address). */
uint64_t view_per_cpu_pointer(const struct view *v, uint64_t pointer, unsigned cpu);

/* Guest-physical address of @kva: image, direct map, else the page tables. False: not mapped. */
bool view_translate(const struct view *v, uint64_t kva, uint64_t *ret);
/* Copies @len bytes, across pages. False: some bytes were not readable; all of @out is zero then, and it is counted. */
bool view_read(struct view *v, uint64_t kva, void *out, size_t len);
/* A scalar of 1, 2, 4 or 8 bytes, by a single load. */
bool view_read_u64(struct view *v, uint64_t kva, unsigned size, uint64_t *ret);
/* The member @f of the object at @kva; sign-extended if signed. False: absent, or not readable. */
bool view_read_field(struct view *v, uint64_t kva, struct field f, uint64_t *ret);
/* A NUL-terminated text, at most @size - 1 bytes; raw bytes of the guest (base/text.h before it is shown). */
bool view_read_text(struct view *v, uint64_t kva, char *out, size_t size);

/* --- for a stopped guest ------------------------------------------------------------------------------------------ */

/* Writes by guest-virtual address; -EFAULT: not mapped. Only while the machine is stopped. */
int view_write(struct view *v, uint64_t kva, const void *data, size_t len);

#endif
