/* SPDX-License-Identifier: GPL-2.0-only */
/* target.c -- see target.h. */
#include <string.h>

#include "kernel/target.h"

const struct kernel_target kernel_targets[ARCH_COUNT] = {
	[ARCH_X86_64] = { "ARCH=x86_64", "CROSS_COMPILE=x86_64-linux-gnu-", "bzImage", "arch/x86/boot/bzImage",
			  "CONFIG_SERIAL_8250_CONSOLE",
			  "set CONFIG_SERIAL_8250_CONSOLE=y: without it crashes are silent" },
	[ARCH_AARCH64] = { "ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-", "Image", "arch/arm64/boot/Image",
			   "CONFIG_SERIAL_AMBA_PL011_CONSOLE",
			   "set CONFIG_SERIAL_AMBA_PL011_CONSOLE=y: without it crashes are silent" },
};

const char *kernel_tool_prefix(enum arch arch)
{
	return arch == arch_host() ? "" : strchr(kernel_targets[arch].make_cross, '=') + 1;
}
