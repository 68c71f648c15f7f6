/* SPDX-License-Identifier: GPL-2.0-only */
/* init.h -- PID 1 of the guests of an architecture. */
#ifndef KTSTR_IMAGE_INIT_H
#define KTSTR_IMAGE_INIT_H

#include "base/arch.h"
#include "base/err.h"

/*
 * The path of ktstr-init for guests of @arch; NULL in @ret: the one that is part of this program. It is searched in
 * KTSTR_GUEST_DIR, in ../lib/ktstr/ARCH beside the directory of this program (where it is installed), and in the build
 * directory of that name with "-ARCH" at its end. The caller frees it.
 */
int init_find(enum arch arch, char **ret, struct err **err);

extern const char blob_init_start[], blob_init_end[];

#endif
