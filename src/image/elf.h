/* SPDX-License-Identifier: GPL-2.0-only */
/* elf.h -- what an ELF program needs to run elsewhere: its loader and its shared libraries, all the way down. */
#ifndef KTSTR_IMAGE_ELF_H
#define KTSTR_IMAGE_ELF_H

#include "base/buf.h"
#include "base/err.h"

#define CLOSURE_FILES_MAX 512

struct closure_file {
	char *path; /* as the loader will ask for it: absolute */
};

struct closure {
	struct closure_file file[CLOSURE_FILES_MAX];
	size_t count;
};

void closure_done(struct closure *c);
/*
 * Adds the loader and libraries of the ELF file @path, recursively. A file that is not ELF has none. Search order
 * (ld.so(8)): DT_RPATH where there is no DT_RUNPATH, LD_LIBRARY_PATH, DT_RUNPATH, /etc/ld.so.cache, default
 * directories; $ORIGIN is the directory of the file that asks.
 */
int closure_add(struct closure *c, const char *path, struct err **err);

/* The file without what no loader reads: sections (debug information, symbols) behind the last loaded segment. */
int elf_load_image(const char *path, struct buf *ret, struct err **err);

/* The interface version in a test binary's note (guest/registry.c); -ENOENT when it has none. */
int elf_api_version(const char *path, uint32_t *ret);

#endif
