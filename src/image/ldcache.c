/* SPDX-License-Identifier: GPL-2.0-only */
/* ldcache.c -- see ldcache.h. */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
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
		/* Entries with hwcaps are variants for particular processors; the plain one runs in every guest. */
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

/* --- writing one -------------------------------------------------------------------------------------------------- */

/* The order in which the loader searches: digits count as numbers, so that libx.so.10 is behind libx.so.9. */
static int compare_names(const char *a, const char *b)
{
	while (*a) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			char *a_end, *b_end;
			unsigned long x = strtoul(a, &a_end, 10), y = strtoul(b, &b_end, 10);
			if (x != y)
				return x < y ? -1 : 1;
			a = a_end;
			b = b_end;
		} else if (isdigit((unsigned char)*a) || isdigit((unsigned char)*b)) {
			return isdigit((unsigned char)*a) ? 1 : -1;
		} else if (*a != *b) {
			return (signed char)*a - (signed char)*b;
		} else {
			a++;
			b++;
		}
	}
	return (signed char)*a - (signed char)*b;
}

/* The loader expects descending order. */
static int compare_libraries(const void *a, const void *b)
{
	return compare_names(((const struct ldcache_library *)b)->soname, ((const struct ldcache_library *)a)->soname);
}

int ldcache_build(struct ldcache_library *library, size_t count, struct buf *ret)
{
	_cleanup_buf_ struct buf strings = BUF_NULL;
	struct cache_header h = { .count = (uint32_t)count };
	uint32_t base = (uint32_t)(sizeof(h) + count * sizeof(struct cache_entry));
	_cleanup_free_ struct cache_entry *entry = calloc(count ? count : 1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	qsort(library, count, sizeof(*library), compare_libraries);
	for (size_t i = 0; i < count; i++) {
		entry[i].flags = FLAG_X86_64_LIBC6;
		entry[i].key = base + (uint32_t)strings.len;
		buf_append(&strings, library[i].soname, strlen(library[i].soname) + 1);
		entry[i].value = base + (uint32_t)strings.len;
		buf_append(&strings, library[i].path, strlen(library[i].path) + 1);
	}
	memcpy(h.magic, "glibc-ld.so.cache1.1", sizeof(h.magic));
	h.string_bytes = (uint32_t)strings.len;
	buf_append(ret, &h, sizeof(h));
	buf_append(ret, entry, count * sizeof(*entry));
	buf_append(ret, strings.data, strings.len);
	return strings.failed || ret->failed ? -ENOMEM : 0;
}
