/* SPDX-License-Identifier: GPL-2.0-only */
/* guest_core.c -- see guest_core.h. */
#include "cli/guest_core.h"

struct guest_core *guest_core_free(struct guest_core *c)
{
	if (!c)
		return NULL;
	sampler_free(c->sampler);
	orc_close(c->orc);
	types_close(c->image.types);
	symbols_close(c->image.symbols);
	guestmem_done(&c->memory);
	free(c);
	return NULL;
}

static int open_all(struct guest_core *c, const char *path, const char *vmlinux, struct err **err)
{
	int r = core_open(path, &c->memory, err);
	if (r == 0)
		r = symbols_open(vmlinux, &c->image.symbols, err);
	if (r == 0)
		r = types_open(vmlinux, &c->image.types, err);
	if (r < 0)
		return r;
	orc_open(vmlinux, &c->orc, NULL); /* without it, there are no stacks, which a dump says */
	layout_init(&c->layout, c->image.types);
	c->sampler = sampler_new(&c->image);
	view_init(&c->view, &c->image, &c->memory, 0);
	const char *why = view_find_slides(&c->view, 0, 0);
	if (!why && view_refresh(&c->view) < 0)
		why = "the kernel had not set up its CPUs yet";
	return why ? FAIL(err, ERR_DATA, -EBADMSG, "read the memory image '%s': %s", path, why) : 0;
}

int guest_core_open(const char *path, const char *vmlinux, struct guest_core **ret, struct err **err)
{
	if (!vmlinux)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "'%s' is a memory image: name the kernel that ran with --vmlinux FILE", path);
	_cleanup_(guest_core_free_p) struct guest_core *c = calloc(1, sizeof(*c));
	int r = c ? open_all(c, path, vmlinux, err) : -ENOMEM;
	if (r == 0)
		*ret = TAKE_PTR(c);
	return r;
}
