/* SPDX-License-Identifier: GPL-2.0-only */
/* mark.c -- see mark.h. */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/mark.h"

/* Names become parts of file names and of paths to values. */
static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

const char *mark_name_problem(const char *name)
{
	size_t len = strlen(name);
	if (!len || len >= WIRE_MARK_NAME_MAX)
		return "has no valid name; write 1 to 31 characters";
	return strspn(name, allowed) == len ? NULL : "has no valid name; use letters, digits, _ and -";
}

void mark(enum wire_mark_kind kind, const char *name, uint32_t step)
{
	uint64_t word[WIRE_MARK_NAME_MAX / 8] = { 0 };
	int saved = errno;
	memcpy(word, name, strnlen(name, WIRE_MARK_NAME_MAX - 1));
	syscall(SYS_sched_rr_get_interval, WIRE_MARK + kind, word[0], word[1], word[2], word[3], (uint64_t)step);
	errno = saved;
}
