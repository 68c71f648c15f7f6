/* SPDX-License-Identifier: GPL-2.0-only */
/* config.h -- kernel configurations: the built-in fragment, its hash, and what a built kernel cannot do without. */
#ifndef KTSTR_KERNEL_CONFIG_H
#define KTSTR_KERNEL_CONFIG_H

#include <stdint.h>

#include "base/err.h"

/* The `lean` fragment's text (kernel/lean.config). */
const char *kconfig_lean(size_t *ret_len);
/* CRC-32 of the fragment: the `kc` part of cache keys. */
uint32_t kconfig_lean_hash(void);

/*
 * Checks the configuration @text of a finished build: every critical option that was lost is named with its remedy, all
 * of them in one error. @has_scx: whether the tree knows sched_ext at all; where it does not, nothing about it is
 * missed.
 */
int kconfig_validate(const char *text, bool has_scx, struct err **err);
/* Whether @text has the line "@option=y". */
bool kconfig_has(const char *text, const char *option);

#endif
