/* SPDX-License-Identifier: GPL-2.0-only */
/* tap.c -- see tap.h. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/tap.h"

static bool is_name(const char *name, size_t len, const char *wanted)
{
	return strlen(wanted) == len && !strncmp(name, wanted, len);
}

/* Counts one line "ok 3 - name # SKIP why". @at is after "ok ". */
static void count_line(const char *at, const char *end, bool ok, const char *wanted, struct tap_count *c)
{
	const char *number = at;
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	if (at < end && *at != ' ')
		at = number; /* a name that begins with digits */
	while (at < end && *at == ' ')
		at++;
	if (at + 1 < end && at[0] == '-' && at[1] == ' ')
		at += 2;
	const char *mark = memchr(at, '#', (size_t)(end - at)), *name_end = mark ? mark : end;
	while (name_end > at && name_end[-1] == ' ')
		name_end--;
	if (wanted && !is_name(at, (size_t)(name_end - at), wanted))
		return;
	const char *why = mark ? mark + 1 : end;
	while (why < end && *why == ' ')
		why++;
	bool skip = end - why >= 4 && !strncasecmp(why, "SKIP", 4);
	bool first = skip ? !c->failed && !c->skipped : !ok && !c->failed;
	if (first)
		snprintf(c->said, sizeof(c->said), "%.*s", (int)MIN_OF(end - at, 100), at);
	if (skip)
		c->skipped++;
	else if (ok)
		c->passed++;
	else
		c->failed++;
}

void tap_read(const char *text, size_t len, const char *wanted, struct tap_count *ret)
{
	const char *end = text + len;
	*ret = (struct tap_count){ 0 };
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text)), *line_end = newline ? newline : end;
		const char *behind = NULL;
		bool ok = line_end - text >= 3 && !strncmp(text, "ok ", 3);
		if (ok)
			behind = text + 3;
		else if (line_end - text >= 7 && !strncmp(text, "not ok ", 7))
			behind = text + 7;
		if (line_end > text && line_end[-1] == '\r')
			line_end--;
		if (behind && behind <= line_end)
			count_line(behind, line_end, ok, wanted, ret);
		text = newline ? newline + 1 : end;
	}
}
