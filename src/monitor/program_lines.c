/* SPDX-License-Identifier: GPL-2.0-only */
/* program_lines.c -- see program_lines.h. */
#include "monitor/program_lines.h"

#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

#define RECORDS_MAX (1u << 20) /* of a whole program. Linux: BPF_COMPLEXITY_LIMIT_INSNS, as many as instructions */
#define FILE_BYTES  512

struct source {
	struct view *view;
	uint64_t records, addresses, count; /* of the whole program, whose functions share them */
	uint64_t strings, string_bytes;
};

static bool find_source(struct source *s, const struct layout *l, uint64_t ksym)
{
	uint64_t is_program, aux = ksym - l->field[LAYOUT_AUX_KSYM].offset, btf;
	if (!field_present(l->field[LAYOUT_AUX_KSYM]) ||
	    !view_read_field(s->view, ksym, l->field[LAYOUT_KSYM_IS_PROGRAM], &is_program) || !is_program)
		return false;
	return view_read_field(s->view, aux, l->field[LAYOUT_AUX_LINES], &s->records) && s->records &&
	       view_read_field(s->view, aux, l->field[LAYOUT_AUX_LINE_ADDRESSES], &s->addresses) && s->addresses &&
	       view_read_field(s->view, aux, l->field[LAYOUT_AUX_LINE_COUNT], &s->count) && s->count <= RECORDS_MAX &&
	       view_read_field(s->view, aux, l->field[LAYOUT_AUX_BTF], &btf) && btf &&
	       view_read_field(s->view, btf, l->field[LAYOUT_BTF_STRINGS], &s->strings) &&
	       view_read_field(s->view, btf, l->field[LAYOUT_BTF_STRING_BYTES], &s->string_bytes);
}

/* Index of the file whose name is at @offset; -ENOSPC: there are too many. */
static int find_file(const struct source *s, uint32_t offset, uint32_t *offsets, struct code_lines *ret)
{
	char raw[FILE_BYTES] = "?";
	for (uint32_t i = 0; i < ret->files; i++)
		if (offsets[i] == offset)
			return (int)i;
	if (ret->files == PROGRAM_FILES_MAX)
		return -ENOSPC;
	if (offset < s->string_bytes && !view_read_text(s->view, s->strings + offset, raw, sizeof(raw)))
		snprintf(raw, sizeof(raw), "?");
	offsets[ret->files] = offset;
	ret->file[ret->files] = text_clean_line(raw);
	return ret->file[ret->files] ? (int)ret->files++ : -ENOMEM;
}

static int read_lines(const struct source *s, uint64_t start, uint64_t end, struct code_lines *ret)
{
	uint32_t offsets[PROGRAM_FILES_MAX];
	int file = 0;
	for (uint64_t i = 0; i < s->count && ret->lines < PROGRAM_LINES_MAX && file != -ENOMEM; i++) {
		struct bpf_line_info info;
		uint64_t address;
		if (!view_read_u64(s->view, s->addresses + i * 8, 8, &address) || address < start || address >= end ||
		    !view_read(s->view, s->records + i * sizeof(info), &info, sizeof(info)))
			continue;
		file = find_file(s, info.file_name_off, offsets, ret);
		if (file >= 0)
			ret->line[ret->lines++] =
				(struct code_line){ address, BPF_LINE_INFO_LINE_NUM(info.line_col), (uint32_t)file };
	}
	return file == -ENOMEM ? file : 0;
}

int program_lines_read(struct view *v, const struct layout *l, uint64_t ksym, uint64_t start, uint64_t end,
		       struct code_lines *ret)
{
	struct source s = { .view = v };
	*ret = (struct code_lines){ 0 };
	if (!find_source(&s, l, ksym))
		return -ENODATA;
	ret->line = calloc(MIN_OF(s.count, (uint64_t)PROGRAM_LINES_MAX) + 1, sizeof(*ret->line));
	if (!ret->line)
		return -ENOMEM;
	int r = read_lines(&s, start, end, ret);
	if (r < 0 || !ret->lines)
		code_lines_done(ret);
	else
		qsort(ret->line, ret->lines, sizeof(*ret->line), code_lines_compare);
	return r < 0 ? r : ret->lines ? 0 : -ENODATA;
}
