/* SPDX-License-Identifier: GPL-2.0-only */
/* process.c -- see process.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/process.h"

const char process_guard[] =
	"((exec >/dev/null 2>&1 </dev/null; read x <&7; kill -KILL -$$) &); exec 7<&-; exec \"$@\"";

uint64_t stat_start_ticks(const char *text)
{
	/* The name in parentheses may contain spaces and parentheses, so fields are counted from the last one. */
	const char *p = strrchr(text, ')');
	if (!p)
		return 0;
	/* Field 2 is the name, field 22 the start time. */
	for (unsigned field = 2; field < 22; field++) {
		p = strchr(p, ' ');
		if (!p)
			return 0;
		p++;
	}
	return *p >= '0' && *p <= '9' ? strtoull(p, NULL, 10) : 0;
}

uint64_t process_start_ticks(pid_t pid)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	return file_read(path, 4096, &text, NULL) < 0 ? 0 : stat_start_ticks(buf_str(&text));
}

/* The state follows the name, which may contain any character: proc(5). */
char process_state(const char *path)
{
	_cleanup_buf_ struct buf stat = BUF_NULL;
	if (file_read(path, 4096, &stat, NULL) < 0)
		return '\0';
	const char *behind_name = strrchr(buf_str(&stat), ')');
	return behind_name && behind_name[1] == ' ' ? behind_name[2] : '\0';
}
