/* SPDX-License-Identifier: GPL-2.0-only */
/* A cache entry's metadata.json with any content found on disk. */
#include <stdio.h>

#include "base/file.h"
#include "fuzz.h"
#include "kernel/cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char dir[64];
	struct cache cache = { .root = dir };
	struct cache_entry *list;
	size_t count;
	char path[128];
	snprintf(dir, sizeof(dir), "/tmp/ktstr-fuzz-cache-%d", getpid());
	snprintf(path, sizeof(path), "%s/key", dir);
	if (mkdir_parents(path, 0755, NULL) < 0)
		abort();
	snprintf(path, sizeof(path), "%s/key/metadata.json", dir);
	if (file_write_atomic(path, data, size, 0644, NULL) == 0 && cache_list(&cache, &list, &count, NULL) == 0)
		entries_free(list, count);
	remove_tree(dir, NULL);
	return 0;
}
