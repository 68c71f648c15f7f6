/* SPDX-License-Identifier: GPL-2.0-only */
/* target.h -- what differs between architectures when a kernel is built: one table. */
#ifndef KTSTR_KERNEL_TARGET_H
#define KTSTR_KERNEL_TARGET_H

#include "base/arch.h"

struct kernel_target {
	const char *make_arch; /* make's settings on machines of another architecture */
	const char *make_cross;
	const char *image;	  /* make's target for the bootable file, and that file's name in the cache */
	const char *image_path;	  /* in the tree */
	const char *console;	  /* the option without which crashes are silent */
	const char *console_text; /* what to do when it is missing */
};

extern const struct kernel_target kernel_targets[ARCH_COUNT];

/* The prefix of the tools that build for @arch here: "aarch64-linux-gnu-"; "" where the host has that architecture. */
const char *kernel_tool_prefix(enum arch arch);

#endif
