/* SPDX-License-Identifier: GPL-2.0-only */
/* What the verifier sweep reads: logs of schedulers, lists of flags, stored results, and filters over them. */
#include "fuzz.h"
#include "bpflog/cycles.h"
#include "bpflog/load_log.h"
#include "run/cells.h"
#include "stats/veristat.h"

static void see(void *arg, const struct verified_program *p)
{
	*(uint64_t *)arg += p->value[VERIFIED_INSNS];
}

static void read_log(const char *text, size_t len)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	struct verified_program p = { 0 };
	uint64_t sum = 0, limit;
	const char *part;
	size_t n;
	load_log_part(text, len, &part, &n);
	load_log_stats(part, n, &p, &limit);
	load_log_programs(text, len, see, &sum, &limit);
	cycles_collapse(text, len, &out);
}

static void show(const struct veristat_rows *a, const struct veristat_rows *b)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	struct veristat_pairs pairs = { 0 };
	if (veristat_join(a, b, &pairs) == 0) {
		const struct veristat_view view = { &pairs, &veristat_all_columns, 0 };
		veristat_sort(&pairs, &veristat_default_columns);
		veristat_table(&view, &out);
		veristat_csv(&view, &out);
		json_decref(veristat_json(&view));
	}
	free(pairs.item);
}

static void read_rows(const char *text, size_t len)
{
	struct veristat_rows rows, none = { 0 };
	if (veristat_read(text, len, &rows, NULL) < 0)
		return;
	show(&rows, NULL);
	show(&rows, &none);
	veristat_done(&rows);
}

static void read_filter(const char *text)
{
	struct veristat_filters filters = { 0 };
	struct veristat_specs specs = { 0 };
	struct veristat_row row = {
		.file = (char *)"f", .prog = (char *)"p", .type = (char *)"", .attach = (char *)""
	};
	const struct veristat_pair pair = { &row, &row };
	if (*text != '@' && veristat_filter_add(text, &filters, NULL) == 0)
		veristat_admits(&filters, &pair);
	veristat_filters_done(&filters);
	veristat_specs_parse(text, &specs, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cell_profiles profiles;
	if (!size || size > 1 << 16)
		return 0;
	char *text = fuzz_text(data + 1, size - 1);
	switch (data[0] % 4) {
	case 0:
		read_log(text, size - 1);
		break;
	case 1:
		read_rows(text, size - 1);
		break;
	case 2:
		read_filter(text);
		break;
	default:
		if (cell_profiles_parse(text, size - 1, &profiles, NULL) == 0)
			cell_profiles_done(&profiles);
		break;
	}
	free(text);
	return 0;
}
