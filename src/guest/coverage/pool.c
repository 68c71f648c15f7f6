/* SPDX-License-Identifier: GPL-2.0-only */
/* pool.c -- see pool.h. Several processes work on it at the same time. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "guest/coverage/pool.h"

size_t pool_page_up(size_t bytes)
{
	return (bytes + POOL_PAGE - 1) & ~(POOL_PAGE - 1);
}

static void *map_at(const struct pool *p, void *to, uint64_t at, size_t bytes, int flags)
{
	_cleanup_close_ int fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	void *r = mmap(to, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | flags, fd, (off_t)(p->address + at));
	return r == MAP_FAILED ? NULL : r;
}

void *pool_map(const struct pool *p, uint64_t at, size_t bytes)
{
	return map_at(p, NULL, at, bytes, 0);
}

int pool_map_over(const struct pool *p, void *to, uint64_t at, size_t bytes)
{
	return map_at(p, to, at, bytes, MAP_FIXED) ? 0 : -1;
}

int pool_open(struct pool *p, uint64_t address)
{
	p->address = address;
	p->head = pool_map(p, 0, POOL_PAGE);
	if (!p->head)
		return -errno;
	if (__atomic_load_n(&p->head->magic, __ATOMIC_ACQUIRE) == WIRE_COVERAGE_MAGIC)
		return 0;
	munmap(p->head, POOL_PAGE);
	p->head = NULL;
	return -EBADMSG;
}

uint32_t pool_take(struct pool *p, size_t bytes)
{
	uint32_t used = __atomic_load_n(&p->head->used, __ATOMIC_RELAXED), at;
	do {
		at = (uint32_t)pool_page_up(used);
		if (at > WIRE_COVERAGE_BYTES || pool_page_up(bytes) > WIRE_COVERAGE_BYTES - at)
			return 0;
	} while (!__atomic_compare_exchange_n(&p->head->used, &used, at + (uint32_t)pool_page_up(bytes), false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return at;
}

int pool_publish(struct pool *p, uint32_t at)
{
	uint32_t i = __atomic_fetch_add(&p->head->programs, 1, __ATOMIC_RELAXED);
	if (i >= WIRE_COVERAGE_PROGRAMS_MAX)
		return -1;
	__atomic_store_n(&p->head->program[i], at, __ATOMIC_RELEASE);
	return 0;
}

void pool_note_lost(struct pool *p)
{
	__atomic_fetch_add(&p->head->lost, 1, __ATOMIC_RELAXED);
}
