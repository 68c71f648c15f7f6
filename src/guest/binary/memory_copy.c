/* SPDX-License-Identifier: GPL-2.0-only */
/* memory_copy.c -- see memory_copy.h. */
#include "guest/binary/memory_copy.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/syscall.h>

#include "base/cleanup.h"

#define CHUNK_BYTES	4096u
#define STACK_ROOM	((size_t)1 << 20)
#define STACK_LIMIT_MIN (4 * STACK_ROOM)

/*
 * Lets the kernel enlarge the stack's mapping now. It would otherwise do so when a function needs more stack, which
 * would look like a mapping that the function left behind.
 */
static void enlarge_stack(char *stack)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur >= STACK_LIMIT_MIN)
		*(volatile char *)(stack - STACK_ROOM) = 0;
}

/* The kernel writes to the rseq area of the thread at any time, so it must not be in use while it is restored. */
static void leave_rseq(void)
{
	if (__rseq_size)
		syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, sizeof(struct rseq),
			RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
}

/* Reads /proc/self/maps to @text without the heap, which is among what is read. False: it did not fit. */
static bool read_maps(char *text, size_t size)
{
	_cleanup_close_ int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = -1;
	while (fd >= 0 && len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = 0;
	return n == 0;
}

static bool add_region(struct memory_copy *c, char *start, const char *end, size_t used)
{
	size_t bytes = (size_t)(end - start);
	if (c->count == MEMORY_COPY_REGIONS_MAX || bytes > sizeof(c->data) - used)
		return false;
	c->region[c->count++] = (struct memory_region){ .start = start, .copy = c->data + used, .bytes = bytes };
	return true;
}

static bool find_regions(struct memory_copy *c, char *stack)
{
	size_t used = 0;
	c->count = 0;
	if (!read_maps(c->data, sizeof(c->data)))
		return false;
	for (char *line = c->data, *newline; (newline = strchr(line, '\n')); line = newline + 1) {
		uintptr_t start, end;
		char mode[5];
		*newline = 0;
		if (sscanf(line, "%lx-%lx %4s", &start, &end, mode) != 3)
			return false;
		if (mode[1] != 'w' || mode[3] != 'p')
			continue;
		if (start <= (uintptr_t)stack && (uintptr_t)stack < end)
			start = (uintptr_t)stack;
		if (!add_region(c, (char *)start, (char *)end, used))
			return false;
		used += end - start;
	}
	return c->count > 0;
}

/* The size of the address space in pages, the first number of statm; 0 if it cannot be read. */
static unsigned long read_size(int statm)
{
	char text[32];
	unsigned long pages = 0;
	ssize_t n = pread(statm, text, sizeof(text), 0);
	for (ssize_t i = 0; i < n && text[i] >= '0' && text[i] <= '9'; i++)
		pages = pages * 10 + (unsigned long)(text[i] - '0');
	return pages;
}

bool memory_copy_take(struct memory_copy *c, char *stack)
{
	enlarge_stack(stack);
	leave_rseq();
	if (!find_regions(c, stack))
		return false;
	c->heap_end = sbrk(0);
	c->size = read_size(c->statm);
	fegetenv(&c->fenv);
	for (unsigned i = 0; i < c->count; i++)
		memcpy(c->region[i].copy, c->region[i].start, c->region[i].bytes);
	return c->size > 0;
}

bool memory_copy_restore(const struct memory_copy *c)
{
	if (sbrk(0) != c->heap_end)
		syscall(SYS_brk, c->heap_end);
	if (read_size(c->statm) != c->size)
		return false;
	for (unsigned i = 0; i < c->count; i++)
		for (size_t at = 0; at < c->region[i].bytes; at += CHUNK_BYTES) {
			size_t bytes = MIN_OF(CHUNK_BYTES, c->region[i].bytes - at);
			if (memcmp(c->region[i].start + at, c->region[i].copy + at, bytes) != 0)
				memcpy(c->region[i].start + at, c->region[i].copy + at, bytes);
		}
	fesetenv(&c->fenv);
	return true;
}
