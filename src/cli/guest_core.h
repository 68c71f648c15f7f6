/* SPDX-License-Identifier: GPL-2.0-only */
/* guest_core.h -- a core of a guest's memory, opened together with the kernel that ran. */
#ifndef KTSTR_CLI_GUEST_CORE_H
#define KTSTR_CLI_GUEST_CORE_H

#include "monitor/core_file.h"
#include "monitor/layout.h"
#include "monitor/orc.h"
#include "monitor/sampler.h"
#include "monitor/view.h"

struct guest_core {
	struct guestmem memory;
	struct kernel_image image;
	struct layout layout;
	struct orc *orc; /* NULL: stacks cannot be unwound */
	struct sampler *sampler;
	struct view view;
};

/* @vmlinux NULL: an error that asks for it. Blocks. */
int guest_core_open(const char *path, const char *vmlinux, struct guest_core **ret, struct err **err);
struct guest_core *guest_core_free(struct guest_core *c);
DEFINE_CLEANUP(struct guest_core *, guest_core_free)

#endif
