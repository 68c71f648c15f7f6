/* SPDX-License-Identifier: GPL-2.0-only */
/* arch.c -- see arch.h. */
#include <elf.h>
#include <string.h>

#include "base/arch.h"

const struct arch_names arch_names[ARCH_COUNT] = {
	[ARCH_X86_64] = { "x86_64", "x86_64-linux-gnu", "qemu-system-x86_64", "qemu-x86_64-static", "qemu-system-x86",
			  EM_X86_64 },
	[ARCH_AARCH64] = { "aarch64", "aarch64-linux-gnu", "qemu-system-aarch64", "qemu-aarch64-static",
			   "qemu-system-arm", EM_AARCH64 },
};

enum arch arch_host(void)
{
#ifdef __aarch64__
	return ARCH_AARCH64;
#else
	return ARCH_X86_64;
#endif
}

bool arch_parse(const char *name, enum arch *ret)
{
	for (unsigned i = 0; i < ARCH_COUNT; i++) {
		if (strcmp(name, arch_names[i].name) != 0)
			continue;
		*ret = (enum arch)i;
		return true;
	}
	return false;
}

bool arch_of_elf(uint16_t elf_machine, enum arch *ret)
{
	for (unsigned i = 0; i < ARCH_COUNT; i++) {
		if (elf_machine != arch_names[i].elf_machine)
			continue;
		*ret = (enum arch)i;
		return true;
	}
	return false;
}
