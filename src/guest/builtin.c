/* SPDX-License-Identifier: GPL-2.0-only */
/* builtin.c -- see builtin.h. */
#include <stdio.h>
#include <string.h>

#include "guest/builtin.h"

#define ECHO "echo "

/* Copies @len bytes of @from without the spaces around them. False: nothing is left, or it is too long. */
static bool copy_trimmed(char ret[BUILTIN_TEXT_MAX], const char *from, size_t len)
{
	while (len && *from == ' ') {
		from++;
		len--;
	}
	while (len && from[len - 1] == ' ')
		len--;
	return len && snprintf(ret, BUILTIN_TEXT_MAX, "%.*s", (int)len, from) < BUILTIN_TEXT_MAX;
}

bool builtin_line_parse(const char *line, struct builtin_line *ret)
{
	const char *arrow = strchr(line, '>');
	if (strncmp(line, ECHO, strlen(ECHO)) || !arrow || strpbrk(line, "$`\"'\\|&;<()*?[]{}~#\n\t") ||
	    strchr(arrow + 1, '>'))
		return false;
	const char *text = line + strlen(ECHO);
	return copy_trimmed(ret->text, text, (size_t)(arrow - text)) &&
	       copy_trimmed(ret->path, arrow + 1, strlen(arrow + 1)) && ret->path[0] == '/' && !strchr(ret->path, ' ');
}
