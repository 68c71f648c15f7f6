/* SPDX-License-Identifier: GPL-2.0-only */
/* ldcache.h -- the dynamic loader's cache of library paths (glibc: sysdeps/generic/dl-cache.h, format 1.1). */
#ifndef KTSTR_IMAGE_LDCACHE_H
#define KTSTR_IMAGE_LDCACHE_H

#include <stddef.h>

#include "base/buf.h"

/* The path of the x86-64 library @soname; the caller frees it. NULL: no cache, a damaged one, or no such library. */
char *ldcache_find(const char *cache, const char *soname);
/* The same for a cache in memory. */
char *ldcache_find_in(const char *data, size_t len, const char *soname);

struct ldcache_library {
	const char *soname, *path;
};

/* Appends a cache with these libraries of x86-64, in any order, each name once. -ENOMEM. */
int ldcache_build(struct ldcache_library *library, size_t count, struct buf *ret);

#endif
