/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * source_lines.h -- which lines of kernel/sched the machine code of a kernel is of.
 *
 * The debug information of vmlinux says so, which is too large to be kept. The build writes a table of it into the
 * entry of the cache: a line "ktstr source lines 1", a line "file PATH" for each source (paths from the tree's top),
 * and for each piece of code, by ascending addresses, a line "ADDRESS LINE FILE": hexadecimal as it was linked,
 * decimal (0: the code from here on is of no line of kernel/sched), the number of the file from 0.
 */
#ifndef KTSTR_KERNEL_SOURCE_LINES_H
#define KTSTR_KERNEL_SOURCE_LINES_H

#include "base/buf.h"
#include "base/code_lines.h"
#include "base/err.h"

#define SOURCE_LINES_MAX (1u << 20)

/*
 * Reads debug information (DWARF). Code of headers from elsewhere that was compiled into a function counts for the line
 * that it follows. -ENODATA: there is no debug information, or none of kernel/sched. Blocks for a second. The caller
 * frees *@ret.
 */
int source_lines_from_debug(const char *vmlinux, struct code_lines *ret, struct err **err);
void source_lines_put(const struct code_lines *l, struct buf *out);
/* -EBADMSG: it is not such a table; *@err names the line. The caller frees *@ret. */
int source_lines_parse(const char *text, size_t len, struct code_lines *ret, struct err **err);

#endif
