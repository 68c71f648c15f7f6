/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * symbols.h -- names and addresses of a kernel, from the symbol table of its vmlinux (ELF). Addresses are those that
 * the kernel was linked for; view.h adds the slides of a running one. All machines that run one kernel share it:
 * look-ups are safe in any thread. The file is data from disk: every offset is checked.
 */
#ifndef KTSTR_MONITOR_SYMBOLS_H
#define KTSTR_MONITOR_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define SYMBOL_TEXT_MAX	   160 /* "do_idle+0x1a2/0x2f0" */
#define SYMBOLS_BANNER_MAX 512

struct symbols;

/* Reads the symbol table of an x86-64 or aarch64 vmlinux. -ENODATA: it has none. Blocks. */
int symbols_open(const char *vmlinux, struct symbols **ret, struct err **err);
/* The same, faster from the second time on: the directory @dir (base/cachefile.h; NULL: none) keeps what was read. */
int symbols_open_cached(const char *vmlinux, const char *dir, struct symbols **ret, struct err **err);
void symbols_close(struct symbols *s);
/* Link address; 0: there is no such symbol. Of equal names, the one with the lowest address. */
uint64_t symbols_find(const struct symbols *s, const char *name);
/* The same for a symbol whose address may be 0, as that of a per-CPU variable. False: there is none. */
bool symbols_look_up(const struct symbols *s, const char *name, uint64_t *ret);
/* Size in bytes as in the table; 0: unknown, or there is no such symbol. */
uint64_t symbols_size(const struct symbols *s, const char *name);
/* "name+0xoff/0xsize" of the function at link address @at; false: none, @out is "0x..." then. */
bool symbols_format(struct symbols *s, uint64_t at, char out[SYMBOL_TEXT_MAX]);
/* The same of the variable or constant at @at. */
bool symbols_format_object(struct symbols *s, uint64_t at, char out[SYMBOL_TEXT_MAX]);
/* Calls @each for all functions, by address; of aliases for one. The names stay. */
void symbols_functions(struct symbols *s, void (*each)(void *data, uint64_t address, const char *name), void *data);
/* The kernel's version text, `linux_banner`, as the file has it; "": the file does not have it. */
const char *symbols_banner(const struct symbols *s);

#endif
