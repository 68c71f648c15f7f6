/* SPDX-License-Identifier: GPL-2.0-only */
/* arch.h -- the architectures that guests may have: one table, with the names that tools and file formats use. */
#ifndef KTSTR_BASE_ARCH_H
#define KTSTR_BASE_ARCH_H

#include <stdbool.h>
#include <stdint.h>

enum arch { ARCH_X86_64, ARCH_AARCH64, ARCH_COUNT };

struct arch_names {
	const char *name;	 /* as uname(2) says it: "aarch64" */
	const char *triple;	 /* of GNU tools: "aarch64-linux-gnu" */
	const char *qemu;	 /* QEMU's program for machines */
	const char *qemu_user;	 /* QEMU's program that runs a static program of this architecture */
	const char *qemu_debian; /* the Debian package of `qemu` */
	uint16_t elf_machine;	 /* e_machine */
};

extern const struct arch_names arch_names[ARCH_COUNT];

/* The architecture that this program was built for. */
enum arch arch_host(void);
/* Whether @name is the name of an architecture. */
bool arch_parse(const char *name, enum arch *ret);
bool arch_of_elf(uint16_t elf_machine, enum arch *ret);

#endif
