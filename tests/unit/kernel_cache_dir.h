/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel_cache_dir.h -- a cache of kernels in a directory of its own, for one test at a time. */
#ifndef KTSTR_TESTS_KERNEL_CACHE_DIR_H
#define KTSTR_TESTS_KERNEL_CACHE_DIR_H

#include "base/file.h"
#include "kernel/cache.h"
#include "kernel/config.h"
#include "t.h"

static char *dir;
static struct cache cache;

static void begin(void)
{
	dir = t_tmpdir();
	cache.root = path_join(dir, "kernels");
	t_ok(mkdir_parents(cache.root, 0755, NULL));
}

static void end(void)
{
	cache_done(&cache);
	t_rmdir(dir);
}

static void put(const char *rel, const char *text)
{
	char *path = path_join(dir, rel), *parent = path_dirname(path);
	t_ok(mkdir_parents(parent, 0755, NULL));
	t_ok(file_write_atomic(path, text, strlen(text), 0644, NULL));
	free(parent);
	free(path);
}

static void entry_of(uint32_t kconfig_hash, const char *key, const char *version, const char *built_at, bool image)
{
	char rel[200], text[600];
	snprintf(rel, sizeof(rel), "kernels/%s/metadata.json", key);
	snprintf(text, sizeof(text),
		 "{\"version\":\"%s\",\"source\":{\"type\":\"tarball\"},\"arch\":\"x86_64\",\"image_name\":\"bzImage\","
		 "\"built_at\":\"%s\",\"ktstr_kconfig_hash\":\"%08x\"}",
		 version, built_at, kconfig_hash);
	put(rel, text);
	snprintf(rel, sizeof(rel), "kernels/%s/bzImage", key);
	if (image)
		put(rel, "image");
}

static void entry(const char *key, const char *version, const char *built_at, bool image)
{
	entry_of(kconfig_lean_hash(ARCH_X86_64), key, version, built_at, image);
}

#endif
