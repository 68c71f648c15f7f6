/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memory_copy.h -- copies this process's writable memory and restores it.
 *
 * A process that calls one function after the other restores its memory in between, so each function finds what the
 * first one found: global variables, heap, the C library's state, the environment, and the floating-point mode. This is
 * much cheaper than a fork for each function. Descriptors, signals and other kernel objects are not restored: the
 * caller must forbid system calls that change them.
 */
#ifndef KTSTR_GUEST_MEMORY_COPY_H
#define KTSTR_GUEST_MEMORY_COPY_H

#include <fenv.h>
#include <stdbool.h>
#include <stddef.h>

#define MEMORY_COPY_BYTES_MAX	(1 << 20)
#define MEMORY_COPY_REGIONS_MAX 128

struct memory_region {
	char *start, *copy;
	size_t bytes;
};

/* Must be in shared memory: the copy of a process's private memory would otherwise contain itself. */
struct memory_copy {
	int statm;	    /* /proc/self/statm of this process; the caller opens and closes it */
	unsigned long size; /* address space in pages, which changes if the functions leave mappings behind */
	char *heap_end;
	fenv_t fenv;
	unsigned count;
	struct memory_region region[MEMORY_COPY_REGIONS_MAX];
	char data[MEMORY_COPY_BYTES_MAX];
};

/*
 * Copies all private writable memory, but of the stack only what is at @stack or above it. Functions whose memory is to
 * be restored must run on the stack below. False: there is more memory than a copy holds, or it cannot be listed.
 */
bool memory_copy_take(struct memory_copy *c, char *stack);
/*
 * Restores the memory. False: mappings were added or removed since, which cannot be undone. Makes only the system
 * calls brk and pread.
 */
bool memory_copy_restore(const struct memory_copy *c);

#endif
