/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel_builtin.h -- switches a scheduler on and off that is part of the kernel: PID 1 writes to its files. */
#ifndef KTSTR_GUEST_INIT_KERNEL_BUILTIN_H
#define KTSTR_GUEST_INIT_KERNEL_BUILTIN_H

#include "guest/init/init.h"

/* Both return a negative errno, and log the line, if a line fails. */
int builtin_enable(struct init *i);
int builtin_disable(struct init *i);

#endif
