/* SPDX-License-Identifier: GPL-2.0-only */
/* A sidecar from somebody else, in every report. The same bytes are the failure report beside it. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "fuzz.h"
#include "formats/formats.h"

static void write_all(const struct report_results *r)
{
	for (const struct report_format *f = report_formats; f->name; f++) {
		_cleanup_buf_ struct buf text = BUF_NULL;
		f->write(r, &text);
		if (text.failed || !text_is_clean(buf_str(&text), text.len, /* line= */ false))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(report_results_done) struct report_results r = RESULTS_NULL;
	char dir[64], path[128];
	snprintf(dir, sizeof(dir), "/tmp/ktstr-fuzz-sidecar-%d", getpid());
	if (mkdir_parents(dir, 0755, NULL) < 0)
		abort();
	snprintf(path, sizeof(path), "%s/a" REPORT_SUFFIX, dir);
	if (file_write_atomic(path, data, size, 0644, NULL) < 0)
		abort();
	snprintf(path, sizeof(path), "%s/a" SIDECAR_SUFFIX, dir);
	if (file_write_atomic(path, data, size, 0644, NULL) < 0 || report_results_add_path(&r, dir, NULL) < 0 ||
	    report_results_add_path(&r, path, NULL) < 0)
		abort();
	report_results_sort(&r);
	write_all(&r);
	remove_tree(dir, NULL);
	return 0;
}
