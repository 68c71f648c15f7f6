/* SPDX-License-Identifier: GPL-2.0-only */
/* A sidecar with any content. What jansson can read, the reader of the index can read too, with the same numbers. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "fuzz.h"
#include "results/json_reader.h"
#include "stats/row_reader.h"

static void compare_values(const struct pool *p, const struct row *row, const json_t *stats)
{
	for (const struct metric *m = metrics; m->name; m++) {
		json_t *value = m->place == METRIC_IN_STATS ? json_object_get(stats, m->name) : NULL;
		bool given = json_object_get(json_object_get(stats, "ext_metrics"), m->name);
		if (!json_is_number(value) || given || m->kind == METRIC_TAIL_RATIO)
			continue;
		double got = row_value(p, row, (uint16_t)metric_index(m)), want = json_number_value(value);
		/* Other libraries read -0 and 0 as two numbers; integers beyond 2^53 are rounded here. */
		if (fabs(got - want) > fabs(want) * 1e-15)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool pool;
	pool_init(&pool);
	struct row *row = pool_add_row(&pool);
	struct json_reader r;
	json_t *other = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);
	json_reader_init(&r, (const char *)data, size);
	json_reader_skip(&r);
	bool read = json_reader_end(&r);
	/* jansson takes a NUL behind a value for the end, and ours does not. */
	bool has_nul = size && memchr(data, '\0', size);
	if (other && !read && !has_nul && strcmp(r.error, "it is nested too deeply") != 0)
		abort();
	static struct row_names names;
	row_names_init(&names);
	row_read(&pool, &names, row, (const char *)data, size);
	/* With the same key twice, the readers may take different ones. */
	json_t *unique = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
	if (unique && row->state == RESULT_VALID)
		compare_values(&pool, row, json_object_get(unique, "stats"));
	json_decref(unique);
	json_decref(other);
	pool_done(&pool);
	return 0;
}
