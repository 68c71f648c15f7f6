/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kernel_image.h -- a small guest kernel made by hand, for tests of src/monitor: a vmlinux with symbols and BTF, and
 * guest memory with its image, its page tables, and objects that tests add. Members have other offsets than in any real
 * kernel, so only a reader that looks them up finds them.
 */
#ifndef KTSTR_TESTS_LIB_KERNEL_IMAGE_H
#define KTSTR_TESTS_LIB_KERNEL_IMAGE_H

#include "monitor/view.h"

#define KIMAGE_BANNER	   "Linux version 9.9.9 (made by hand)\n"
#define KIMAGE_PER_CPU_AT  0x100000u /* guest-physical */
#define KIMAGE_PER_CPU_GAP 0x4000u   /* from one CPU's area to the next */

/* How the kernel runs. All 0: 4 levels, nothing moved, 32 MiB, 2 CPUs. */
struct kimage_layout {
	bool five_levels;
	uint64_t text_slide, moved; /* of the image: virtual and physical; multiples of 2 MiB */
	uint64_t page_offset;	    /* 0: that of its number of levels */
	uint64_t low_memory;	    /* as in view.h */
	unsigned mib, cpus;
};

struct kimage {
	struct kimage_layout layout;
	struct guestmem memory;
	struct kernel_image image;
	struct view view; /* initialized, slides found, refreshed */
	char vmlinux[32]; /* path of the file */
	int fd;
	uint64_t next; /* guest-physical: free from here */
	uint64_t root; /* guest-physical address of the top page table */
};

/* Aborts where it fails: this is a test's own input. */
void kimage_open(struct kimage *k, const struct kimage_layout *layout);
void kimage_close(struct kimage *k);

/* Zeroed bytes in the direct map; returns their guest-virtual address. */
uint64_t kimage_alloc(struct kimage *k, uint64_t size);
/* Runtime address of a symbol that exists. */
uint64_t kimage_symbol(const struct kimage *k, const char *name);
uint64_t kimage_per_cpu(const struct kimage *k, const char *name, unsigned cpu);
/* Writes at a guest-virtual address of the image or the direct map. */
void kimage_write(struct kimage *k, uint64_t kva, const void *data, size_t len);
void kimage_put(struct kimage *k, uint64_t kva, uint64_t value);
/* A member of an object: "task_struct", "signal". */
void kimage_set(struct kimage *k, uint64_t object, const char *structure, const char *path, uint64_t value);
uint64_t kimage_member(const struct kimage *k, uint64_t object, const char *structure, const char *path);

/* Maps one page: @level 0: 4 KiB, 1: 2 MiB, 2: 1 GiB. */
void kimage_map(struct kimage *k, uint64_t kva, uint64_t pa, unsigned level);

/* An empty list at @head; adding to its end. */
void kimage_list_init(struct kimage *k, uint64_t head);
void kimage_list_add(struct kimage *k, uint64_t head, uint64_t node);

/* A process with @threads threads beside its leader, in the list of all; returns the leader. */
uint64_t kimage_add_task(struct kimage *k, unsigned pid, const char *comm, unsigned threads);
/* A child of @parent (0: the root itself); returns it. */
uint64_t kimage_add_cgroup(struct kimage *k, uint64_t parent, const char *name);
/* One process, one control group, and per-CPU values, as a kernel has at its start. */
void kimage_fill(struct kimage *k, unsigned tasks, unsigned cgroups);

#endif
