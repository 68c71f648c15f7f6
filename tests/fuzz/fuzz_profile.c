/* SPDX-License-Identifier: GPL-2.0-only */
/* A profile of threads from anybody, shown; and texts of /proc. */
#include <string.h>

#include "ctprof/proc_text.h"
#include "ctprof/rows_text.h"
#include "fuzz.h"

static void parse_texts(const uint8_t *data, size_t size)
{
	static bool (*const parsers[])(char *text, struct thread *t) = {
		proc_parse_stat,   proc_parse_schedstat, proc_parse_sched,
		proc_parse_status, proc_parse_io,	 proc_parse_cgroup,
	};
	static json_t *(*const tables[])(char *text) = { proc_parse_smaps, text_parse_flat, text_parse_pressure };
	struct profile p = { 0 };
	struct thread *t = profile_add(&p);
	for (unsigned i = 0; t && i < ARRAY_SIZE(parsers); i++) {
		char *text = strndup((const char *)data, size);
		parsers[i](text, t);
		free(text);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(tables); i++) {
		char *text = strndup((const char *)data, size);
		json_decref(tables[i](text));
		free(text);
	}
	profile_done(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct profile p;
	struct rows rows;
	_cleanup_buf_ struct buf out = BUF_NULL;
	parse_texts(data, size);
	if (profile_parse((const char *)data, size, "input", &p, NULL) < 0)
		return 0;
	struct rows_request q = { .a = &p, .b = &p };
	if (rows_make(&q, &rows) == 0) {
		rows_print(&rows, UINT32_MAX >> 1, true, &out);
		rows_done(&rows);
	}
	profile_done(&p);
	return 0;
}
