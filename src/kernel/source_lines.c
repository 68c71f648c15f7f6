/* SPDX-License-Identifier: GPL-2.0-only */
/* source_lines.c -- see source_lines.h. The table; debug_lines.c reads debug information. */
#include "kernel/source_lines.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"

#define HEADER "ktstr source lines 1"

void source_lines_put(const struct code_lines *l, struct buf *out)
{
	buf_puts(out, HEADER "\n");
	for (uint32_t i = 0; i < l->files; i++)
		buf_appendf(out, "file %s\n", l->file[i]);
	for (size_t i = 0; i < l->lines; i++)
		buf_appendf(out, "%" PRIx64 " %u %u\n", l->line[i].address, l->line[i].number, l->line[i].file);
}

static int add_file(struct code_lines *l, const char *path)
{
	if (l->files == CODE_FILES_MAX)
		return -E2BIG;
	l->file[l->files] = text_clean_line(path);
	return l->file[l->files] ? (int)l->files++ : -ENOMEM;
}

static int add_line(struct code_lines *l, size_t *room, const char *text)
{
	char *end;
	struct code_line one = { .address = strtoull(text, &end, 16) };
	uint64_t number, file;
	char words[2][16] = { "", "" }, more;
	if (end == text || sscanf(end, " %15[0-9] %15[0-9]%c", words[0], words[1], &more) != 2 ||
	    parse_u64(words[0], &number) < 0 || parse_u64(words[1], &file) < 0 || number > UINT32_MAX ||
	    file >= l->files || (l->lines && one.address < l->line[l->lines - 1].address) ||
	    l->lines == SOURCE_LINES_MAX)
		return -EBADMSG;
	if (l->lines == *room) {
		size_t more_room = *room ? 2 * *room : 4096;
		struct code_line *line = reallocarray(l->line, more_room, sizeof(*line));
		if (!line)
			return -ENOMEM;
		l->line = line;
		*room = more_room;
	}
	one.number = (uint32_t)number;
	one.file = (uint32_t)file;
	l->line[l->lines++] = one;
	return 0;
}

int source_lines_parse(const char *text, size_t len, struct code_lines *ret, struct err **err)
{
	_cleanup_free_ char *copy = strndup(text, len);
	size_t room = 0, number = 1;
	char *rest = copy;
	*ret = (struct code_lines){ 0 };
	if (!copy)
		return -ENOMEM;
	int r = strcmp(strsep(&rest, "\n"), HEADER) ? -EBADMSG : 0;
	while (r == 0 && rest && *rest) {
		const char *line = strsep(&rest, "\n");
		number++;
		r = !strncmp(line, "file ", 5) ? MIN_OF(add_file(ret, line + 5), 0) : add_line(ret, &room, line);
	}
	if (r == 0)
		return 0;
	code_lines_done(ret);
	return r == -ENOMEM ? r
			    : FAIL(err, ERR_DATA, -EBADMSG, "line %zu is not one of a table of source lines", number);
}
