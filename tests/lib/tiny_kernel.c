/* SPDX-License-Identifier: GPL-2.0-only */
/* tiny_kernel.c -- see tiny_kernel.h. */
#include <elf.h>
#include <stdint.h>
#include <string.h>

#include "base/file.h"
#include "t.h"
#include "tiny_kernel.h"

int kernel_with(const void *code, size_t len)
{
	struct {
		Elf64_Ehdr e;
		Elf64_Phdr p;
		uint8_t code[256];
	} image = { 0 };
	memcpy(image.e.e_ident, ELFMAG, SELFMAG);
	image.e.e_ident[EI_CLASS] = ELFCLASS64;
	image.e.e_ident[EI_DATA] = ELFDATA2LSB;
	image.e.e_ident[EI_VERSION] = EV_CURRENT;
	image.e.e_type = ET_EXEC;
	image.e.e_machine = EM_X86_64;
	image.e.e_version = EV_CURRENT;
	image.e.e_entry = LOAD_AT;
	image.e.e_phoff = sizeof(image.e);
	image.e.e_ehsize = sizeof(image.e);
	image.e.e_phentsize = sizeof(image.p);
	image.e.e_phnum = 1;
	image.p = (Elf64_Phdr){ .p_type = PT_LOAD,
				.p_flags = PF_R | PF_X,
				.p_offset = sizeof(image.e) + sizeof(image.p),
				.p_vaddr = 0xffffffff80000000u + LOAD_AT,
				.p_paddr = LOAD_AT,
				.p_filesz = len,
				.p_memsz = len };
	memcpy(image.code, code, len);
	int fd = memfd_new("kernel", 0);
	ck_assert_int_ge(fd, 0);
	t_ok(fd_write_full(fd, &image, sizeof(image)));
	return fd;
}
