/* SPDX-License-Identifier: GPL-2.0-only */
/* pool.h -- the guest's memory for counters (struct wire_coverage), of which all counted programs take parts. */
#ifndef KTSTR_GUEST_COVERAGE_POOL_H
#define KTSTR_GUEST_COVERAGE_POOL_H

#include <stddef.h>
#include <stdint.h>

#include <ktstr/wire.h>

#define POOL_PAGE ((size_t)4096)

struct pool {
	uint64_t address; /* guest-physical */
	struct wire_coverage *head;
};

size_t pool_page_up(size_t bytes);
/* -EBADMSG: the memory was not made for this. */
int pool_open(struct pool *p, uint64_t address);
/* Whole pages with zeros, for good: their offset; 0: there are not so many. */
uint32_t pool_take(struct pool *p, size_t bytes);
/* NULL with errno. */
void *pool_map(const struct pool *p, uint64_t at, size_t bytes);
/* The same, in place of what is there. -1 with errno. */
int pool_map_over(const struct pool *p, void *to, uint64_t at, size_t bytes);
/* Shows the host a program's description. -1: there are too many. */
int pool_publish(struct pool *p, uint32_t at);
void pool_note_lost(struct pool *p);

#endif
