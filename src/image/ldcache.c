/* SPDX-License-Identifier: GPL-2.0-only */
/* ldcache.c -- see ldcache.h. */
#include <stdint.h>
#include <string.h>

#include "base/file.h"
#include "image/ldcache.h"

#define CACHE_BYTES_MAX ((size_t)64 << 20)

struct cache_header {
	char magic[20]; /* "glibc-ld.so.cache1.1" */
	uint32_t count, string_bytes;
	uint32_t flags, extensions, reserved[3];
};
_Static_assert(sizeof(struct cache_header) == 48, "layout");

struct cache_entry {
	int32_t flags;
	uint32_t key, value; /* offsets of strings from the file's start */
	uint32_t os_version;
	uint64_t hwcap;
};
_Static_assert(sizeof(struct cache_entry) == 24, "layout");

#define FLAG_X86_64_LIBC6 0x0303

static const char *string_at(const char *data, size_t len, uint32_t at)
{
	return at < len && memchr(data + at, '\0', len - at) ? data + at : NULL;
}

char *ldcache_find_in(const char *data, size_t len, const char *soname)
{
	struct cache_header h;
	if (len < sizeof(h) || memcmp(data, "glibc-ld.so.cache1.1", sizeof(h.magic)))
		return NULL;
	memcpy(&h, data, sizeof(h));
	if (h.count > (len - sizeof(h)) / sizeof(struct cache_entry))
		return NULL;
	for (uint32_t i = 0; i < h.count; i++) {
		struct cache_entry e;
		memcpy(&e, data + sizeof(h) + i * sizeof(e), sizeof(e));
		const char *key = string_at(data, len, e.key), *value = string_at(data, len, e.value);
		/* Entries with hwcaps are faster variants for particular processors; the plain one runs in any guest.
		 */
		if (key && value && e.flags == FLAG_X86_64_LIBC6 && !e.hwcap && !strcmp(key, soname))
			return strdup(value);
	}
	return NULL;
}

char *ldcache_find(const char *cache, const char *soname)
{
	_cleanup_buf_ struct buf file = BUF_NULL;
	if (file_read(cache, CACHE_BYTES_MAX, &file, NULL) < 0)
		return NULL;
	return ldcache_find_in(buf_str(&file), file.len, soname);
}
