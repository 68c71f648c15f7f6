/* SPDX-License-Identifier: GPL-2.0-only */
/* call_site.h -- replaces the targets of calls in QEMU's code. */
#ifndef KTSTR_VMM_QEMU_PRELOAD_CALL_SITE_H
#define KTSTR_VMM_QEMU_PRELOAD_CALL_SITE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Finds the relative calls of @target between @first and @first + @size, which must be code. Returns how many there
 * are; the last one in @ret.
 */
unsigned call_site_find(unsigned char *first, size_t size, const void *target, unsigned char **ret);
/* Makes the call at @call call @to. False: its code cannot be changed. */
_Bool call_site_redirect(unsigned char *call, const void *to);
/* Makes @function do what @by does, whoever calls it. No thread may be in its first instructions. False: as above. */
_Bool call_site_replace(unsigned char *function, const void *by);

/* For a QEMU whose TCG is part of the program; nothing happens in others. See call_site.c. */
struct call_site_replaced {
	const char *name;
	const void *by;
};
void call_site_replace_builtin(const struct call_site_replaced *functions, unsigned count);

#endif
