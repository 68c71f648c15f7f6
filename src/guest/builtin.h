/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * builtin.h -- the lines that switch a scheduler of the kernel itself on and off (kernel_builtin_enable and
 * kernel_builtin_disable): "echo TEXT > /PATH". No shell runs them: PID 1 writes TEXT to the file.
 */
#ifndef KTSTR_GUEST_BUILTIN_H
#define KTSTR_GUEST_BUILTIN_H

#include <stdbool.h>

#define BUILTIN_TEXT_MAX 256

struct builtin_line {
	char text[BUILTIN_TEXT_MAX], path[BUILTIN_TEXT_MAX];
};

/* False if @line has another form, or characters that mean something to a shell. */
bool builtin_line_parse(const char *line, struct builtin_line *ret);

#endif
