/* SPDX-License-Identifier: GPL-2.0-only */
/* elf.h -- the files that an ELF program needs to run in a guest: its loader and all its shared libraries. */
#ifndef KTSTR_IMAGE_ELF_H
#define KTSTR_IMAGE_ELF_H

#include <stdbool.h>

#include "base/arch.h"
#include "base/buf.h"
#include "base/err.h"

#define CLOSURE_FILES_MAX 512

struct closure_file {
	char *path;   /* on this machine, absolute */
	char *name;   /* name in the program that needs it: "libelf.so.1"; NULL: the program has the path */
	bool by_name; /* some program has only the name, so the guest's loader cache must have the path */
};

struct closure {
	struct closure_file file[CLOSURE_FILES_MAX];
	size_t count;
};

void closure_done(struct closure *c);
/*
 * Adds the loader and libraries of the ELF file @path, recursively, and those that its C library loads by itself. A
 * file that is not ELF has none. Search order (ld.so(8)): DT_RPATH if there is no DT_RUNPATH, LD_LIBRARY_PATH,
 * DT_RUNPATH, /etc/ld.so.cache, default directories; $ORIGIN is the directory of the file that needs the library.
 * -EEXIST: two programs need different libraries of one name, which the guest's loader could not tell apart.
 */
int closure_add(struct closure *c, const char *path, struct err **err);

/* Reads the file without the sections after its last segment (debug information, symbols): no loader reads them. */
int elf_load_image(const char *path, struct buf *ret, struct err **err);

/* The architecture of an ELF file; -ENOENT: it is another kind of file, or for an architecture that has no guests. */
int elf_arch(const char *path, enum arch *ret);
/* The program that runs the ELF file @path here (qemu-aarch64-static); NULL: it runs by itself. Static. */
const char *elf_emulator(const char *path);

/* Whether it is an ELF file that ends before its section headers, as after a copy that was cut. */
bool elf_is_truncated(const char *path);
/* The interface version in a test binary's note (guest/binary/main.c); -ENOENT: it has no such note. */
int elf_api_version(const char *path, uint32_t *ret);

#endif
