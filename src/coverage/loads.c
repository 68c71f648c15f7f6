/* SPDX-License-Identifier: GPL-2.0-only */
/* loads.c -- see loads.h. */
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <ktstr/wire.h>

#include "base/file.h"
#include "coverage/loads.h"

#define LOADER "ld-linux" /* the C library's, for x86-64 and for arm64 */

static const char *loader_of(const unsigned char *file, size_t size)
{
	Elf64_Ehdr h;
	Elf64_Phdr p;
	if (size < sizeof(h))
		return NULL;
	memcpy(&h, file, sizeof(h));
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_ident[EI_CLASS] != ELFCLASS64 ||
	    h.e_phentsize != sizeof(p) || h.e_phoff > size || h.e_phnum > (size - h.e_phoff) / sizeof(p))
		return NULL;
	for (unsigned i = 0; i < h.e_phnum; i++) {
		memcpy(&p, file + h.e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type == PT_INTERP && p.p_offset < size && p.p_filesz && p.p_filesz <= size - p.p_offset &&
		    !file[p.p_offset + p.p_filesz - 1])
			return (const char *)file + p.p_offset;
	}
	return NULL;
}

/* With the rights of another user, the loader ignores LD_PRELOAD. */
static bool takes_library(const unsigned char *file, const struct stat *st)
{
	const char *loader = loader_of(file, (size_t)st->st_size);
	return loader && !(st->st_mode & (S_ISUID | S_ISGID)) &&
	       !strncmp(path_basename(loader), LOADER, strlen(LOADER));
}

static bool has_it_inside(const unsigned char *file, const struct stat *st)
{
	return !loader_of(file, (size_t)st->st_size) &&
	       memmem(file, (size_t)st->st_size, WIRE_COVERAGE_LOAD, sizeof(WIRE_COVERAGE_LOAD));
}

int coverage_loads(const char *program, struct err **err)
{
	_cleanup_close_ int fd = open(program, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return FAIL_SYS(err, -errno, "open '%s'", program);
	void *p = st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	if (p == MAP_FAILED)
		return FAIL(err, ERR_DATA, -EPERM, "'%s' cannot be read", program);
	bool loads = takes_library(p, &st) || has_it_inside(p, &st);
	munmap(p, (size_t)st.st_size);
	return loads ? 0
		     : FAIL(err, ERR_DATA, -EPERM,
			    "'%s' takes no library from LD_PRELOAD; link it with -Wl,-u,ktstr_coverage "
			    "-lktstr-coverage",
			    program);
}
