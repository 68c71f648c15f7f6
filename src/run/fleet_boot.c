/* SPDX-License-Identifier: GPL-2.0-only */
/* fleet_boot.c -- the files that machines boot: on tcg, copies of kernels that boot faster. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/fleet.h"
#include "vmm/qemu/kernel_patch.h"

int fleet_make_boot_files(struct fleet *f)
{
	const struct cachefile_use use = { .damaged = &f->damaged };
	bool tcg = !strcmp(f->config.accel->backend->name, "tcg");
	f->boot = calloc(f->config.kernel_count + 1, sizeof(*f->boot));
	for (size_t i = 0; f->boot && i < f->config.kernel_count; i++) {
		struct boot_file *b = &f->boot[i];
		b->fd = -1;
		const char *boot = f->config.kernels[i].boot; /* NULL: there is no such kernel, its tests are skipped */
		if (tcg && boot && kernel_patch_boot(boot, true, f->config.image_cache, &use, &b->fd) == 0)
			snprintf(b->path, sizeof(b->path), "/proc/%d/fd/%d", getpid(), b->fd);
	}
	return f->boot ? 0 : -ENOMEM;
}

const char *fleet_boot_file(const struct fleet *f, const struct kernel *k)
{
	const struct boot_file *b = &f->boot[k - f->config.kernels];
	return b->fd >= 0 ? b->path : k->boot;
}
