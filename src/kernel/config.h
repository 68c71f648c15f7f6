/* SPDX-License-Identifier: GPL-2.0-only */
/* config.h -- kernel configurations: the built-in fragment, its hash, and the options that a built kernel needs. */
#ifndef KTSTR_KERNEL_CONFIG_H
#define KTSTR_KERNEL_CONFIG_H

#include <stdint.h>

#include "base/arch.h"
#include "base/buf.h"
#include "base/err.h"

/* The text of the `lean` fragment for an architecture (kernel/lean.config). */
const char *kconfig_lean(enum arch arch, size_t *ret_len);
/* CRC-32 of the fragment: the `kc` part of cache keys. */
uint32_t kconfig_lean_hash(enum arch arch);

/*
 * Checks the configuration @text of a finished build. One error names every critical option that is missing, and its
 * remedy. @has_scx: whether the tree has sched_ext. If not, options that only sched_ext needs may be missing.
 */
int kconfig_validate(enum arch arch, const char *text, bool has_scx, struct err **err);
/* Whether @text has the line "@option=y". */
bool kconfig_has(const char *text, const char *option);

/*
 * Checks that @text, of @len bytes, is a kernel configuration or a part of one: lines "CONFIG_X=..." (at least one),
 * comments, and nothing else. @path is the file's name, @option the option that named it. The error names the first
 * invalid line.
 */
int kconfig_check(const char *option, const char *path, const char *text, size_t len, struct err **err);
/*
 * Appends the part of the fragment @lean that is added to a configuration that is not ours. Leaves out the options that
 * @lean turns off to keep the kernel small: without modules, for example, every module would be built in.
 */
void kconfig_fragment_for_others(const char *lean, size_t len, struct buf *out);
/* Copies CONFIG_CC_VERSION_TEXT, the compiler's version string; "" when @text has none. */
void kconfig_compiler(const char *text, char *out, size_t size);

#endif
