/* SPDX-License-Identifier: GPL-2.0-only */
/* config.h -- kernel configurations: the built-in fragment, its hash, and what a built kernel cannot do without. */
#ifndef KTSTR_KERNEL_CONFIG_H
#define KTSTR_KERNEL_CONFIG_H

#include <stdint.h>

#include "base/buf.h"
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

/*
 * Whether @text of @len bytes, the file @path behind @option, is a kernel configuration or a part of one: lines
 * "CONFIG_X=...", comments, and nothing else; at least one of the former. The error names the first line that is not.
 */
int kconfig_check(const char *option, const char *path, const char *text, size_t len, struct err **err);
/*
 * Appends of the fragment @lean what goes behind somebody else's configuration: not the options that it turns off to
 * be small. Without modules, for one, everything that was a module would be built in.
 */
void kconfig_fragment_for_others(const char *lean, size_t len, struct buf *out);
/* The compiler's own words about itself, CONFIG_CC_VERSION_TEXT; "" where the configuration has none. */
void kconfig_compiler(const char *text, char *out, size_t size);

#endif
