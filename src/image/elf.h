/* SPDX-License-Identifier: GPL-2.0-only */
/* elf.h -- what an ELF program needs to run elsewhere: its loader and its shared libraries, all the way down. */
#ifndef KTSTR_IMAGE_ELF_H
#define KTSTR_IMAGE_ELF_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

#define CLOSURE_FILES_MAX 512

struct closure_file {
	char *path;   /* on this machine, absolute */
	char *name;   /* as the program that needs it names it: "libelf.so.1"; NULL: by its path */
	bool by_name; /* some program finds it by its name alone, so the guest's loader has to know where it is */
};

struct closure {
	struct closure_file file[CLOSURE_FILES_MAX];
	size_t count;
};

void closure_done(struct closure *c);
/*
 * Adds the loader and libraries of the ELF file @path, recursively, and those that its C library loads by itself. A
 * file that is not ELF has none. Search order (ld.so(8)): DT_RPATH where there is no DT_RUNPATH, LD_LIBRARY_PATH,
 * DT_RUNPATH, /etc/ld.so.cache, default directories; $ORIGIN is the directory of the file that asks. -EEXIST: two
 * programs need different libraries of one name, and the guest's loader could not tell which is whose.
 */
int closure_add(struct closure *c, const char *path, struct err **err);

/* The file without what no loader reads: sections (debug information, symbols) behind the last loaded segment. */
int elf_load_image(const char *path, struct buf *ret, struct err **err);

/* The interface version in a test binary's note (guest/registry.c); -ENOENT when it has none. */
int elf_api_version(const char *path, uint32_t *ret);

#endif
