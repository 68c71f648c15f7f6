/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters from a guest's memory (the first byte is 0), what gcov prints (1), tables of a kernel's lines (2), what
 * llvm-cov prints (others).
 */
#include <string.h>

#include "base/text.h"
#include "coverage/lines.h"
#include "coverage/region.h"
#include "fuzz.h"
#include "kernel/source_lines.h"
#include "run/counted_code.h"

static void sum(const uint8_t *data, size_t size)
{
	struct coverage_region r;
	if (coverage_region_open(data, size, &r, NULL) < 0)
		return;
	for (uint32_t i = 0; i < r.programs; i++) {
		_cleanup_buf_ struct buf file = BUF_NULL;
		struct coverage_counts c;
		if (coverage_sum(&r, i, &c, NULL) == 0)
			coverage_put_file(&c, &file);
		coverage_counts_done(&c);
	}
}

static void read_table(const char *text, size_t size)
{
	_cleanup_buf_ struct buf again = BUF_NULL;
	struct observe_program piece[8];
	struct code_lines l;
	uint64_t counters;
	if (source_lines_parse(text, size, &l, NULL) < 0)
		return;
	uint32_t pieces = counted_code_pieces(&l, piece, ARRAY_SIZE(piece), &counters);
	for (uint32_t i = 0; i < pieces; i++)
		if (piece[i].end - piece[i].start + piece[i].counters > counters)
			abort();
	source_lines_put(&l, &again);
	code_lines_done(&l);
}

static void show(struct coverage_lines *c)
{
	_cleanup_buf_ struct buf table = BUF_NULL, page = BUF_NULL, lcov = BUF_NULL;
	coverage_settle(c);
	coverage_put_table(c, &table);
	coverage_put_html(c, "", &page);
	coverage_put_lcov(c, &lcov);
	json_decref(coverage_json(c));
	if (!text_is_clean(buf_str(&table), table.len, /* line= */ false) ||
	    !text_is_clean(buf_str(&page), page.len, /* line= */ false))
		abort();
}

/* Sources are read by the paths in the input: none that leads out of the test's own directory. */
static bool names_files(const struct coverage_lines *c)
{
	for (size_t i = 0; i < c->files; i++)
		if (strchr(c->file[i].path, '/'))
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct coverage_lines c = { 0 };
	if (!size)
		return 0;
	if (data[0] == 0) {
		sum(data + 1, size - 1);
		return 0;
	}
	if (data[0] == 2) {
		read_table((const char *)data + 1, size - 1);
		return 0;
	}
	if (data[0] == 1) {
		json_auto_t *o = json_loadb((const char *)data + 1, size - 1, 0, NULL);
		coverage_read_gcov(o, &c, NULL);
	} else {
		coverage_read_lcov((const char *)data + 1, size - 1, &c, NULL);
	}
	if (!names_files(&c))
		show(&c);
	coverage_lines_done(&c);
	return 0;
}
