/* SPDX-License-Identifier: GPL-2.0-only */
/* model.c -- see model.h. read.c fills the results. */
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "formats/model.h"

const struct outcome_row outcome_rows[OUTCOME_MAX] = {
	[OUTCOME_FAIL] = { "fail", "failed", "F" },
	[OUTCOME_XPASS] = { "xpass", "passed unexpectedly", "U" },
	[OUTCOME_NOT_RUN] = { "not_run", "without a result", "N" },
	[OUTCOME_UNREADABLE] = { "unreadable", "unreadable", "?" },
	[OUTCOME_INCONCLUSIVE] = { "inconclusive", "inconclusive", "I" },
	[OUTCOME_FLAKY] = { "flaky", "flaky", "Y" },
	[OUTCOME_XFAIL] = { "xfail", "failed as known", "X" },
	[OUTCOME_SKIP] = { "skip", "skipped", "S" },
	[OUTCOME_PASS] = { "pass", "passed", "P" },
};

const struct measure_row measure_rows[MEASURE_MAX] = {
	[MEASURE_GAP] = { "worst_gap_ms", "longest gap", 1e6 },
	[MEASURE_RUN_DELAY] = { "worst_run_delay_us", "waited for a CPU", 1e3 },
	[MEASURE_WAKE] = { "worst_p99_wake_latency_us", "p99 wake-up", 1e3 },
	[MEASURE_SPREAD] = { "worst_spread", "spread, %", 0 },
	[MEASURE_ITERATIONS] = { "total_iterations", "iterations", 0 },
};

#define WORD(key, field)                                                     \
	{                                                                    \
		key, offsetof(struct report_result, field), RESULTS_WORD_MAX \
	}
#define TEXT(key, field)                                                     \
	{                                                                    \
		key, offsetof(struct report_result, field), RESULTS_TEXT_MAX \
	}

const struct result_text result_texts[] = {
	WORD(RECORD_NAME, name),
	WORD(RECORD_TEST_NAME, test),
	WORD(RECORD_SUITE, suite),
	WORD(RECORD_FILE, file),
	WORD(RECORD_TOPOLOGY, topology),
	WORD(RECORD_SCHEDULER, scheduler),
	WORD(RECORD_ACCEL, accel),
	WORD(RECORD_PAYLOAD, payload),
	WORD(RECORD_KERNEL, kernel),
	WORD(RECORD_KERNEL_LABEL, kernel_label),
	WORD(RECORD_KERNEL_VERSION, kernel_version),
	WORD(RECORD_VARIANT, variant),
	WORD(RECORD_PROJECT_COMMIT, commit),
	WORD(RECORD_RUN_ID, run_id),
	WORD(RECORD_SEED, seed),
	WORD(RECORD_TIMESTAMP, timestamp),
	TEXT(RECORD_REPLAY, replay),
	TEXT(RECORD_MEMBER_MAX, reason),
	TEXT(RECORD_MEMBER_MAX, cause),
	TEXT(RECORD_MEMBER_MAX, sidecar),
	{ RECORD_MEMBER_MAX, 0, 0 },
};

static void item_done(struct report_result *i)
{
	for (const struct result_text *row = result_texts; row->most; row++)
		free(*result_text(i, row));
	json_decref(i->json);
}

void report_results_done(struct report_results *r)
{
	for (size_t i = 0; i < r->count; i++)
		item_done(&r->item[i]);
	free(r->item);
	json_decref(r->hosts);
	json_decref(r->seen);
	buf_done(&r->problems);
	*r = RESULTS_NULL;
}

/* --- order -------------------------------------------------------------------------------------------------------- */

/* Equal: the same test in the same variant. */
static int compare_identity(const struct report_result *a, const struct report_result *b)
{
	const char *const key[][2] = { { a->suite, b->suite },	     { a->test, b->test },
				       { a->name, b->name },	     { a->kernel_label, b->kernel_label },
				       { a->topology, b->topology }, { a->scheduler, b->scheduler },
				       { a->variant, b->variant } };
	for (size_t i = 0; i < ARRAY_SIZE(key); i++) {
		int order = strverscmp(key[i][0], key[i][1]);
		if (order)
			return order;
	}
	return 0;
}

static int compare_results(const void *left, const void *right)
{
	const struct report_result *a = left, *b = right;
	int order = compare_identity(a, b);
	if (order)
		return order;
	if (a->final != b->final)
		return a->final ? -1 : 1;
	order = strverscmp(a->seed, b->seed);
	if (order)
		return order;
	return strcmp(a->sidecar, b->sidecar);
}

void report_results_sort(struct report_results *r)
{
	size_t kept = 0;
	if (!r->count)
		return;
	qsort(r->item, r->count, sizeof(*r->item), compare_results);
	for (size_t i = 0; i < r->count; i++) {
		bool earlier = kept && !r->item[i].final && !compare_identity(&r->item[kept - 1], &r->item[i]);
		if (earlier)
			item_done(&r->item[i]);
		else
			r->item[kept++] = r->item[i];
	}
	r->count = kept;
}

size_t *report_results_by_gravity(const struct report_results *r)
{
	size_t *order = calloc(r->count + 1, sizeof(*order)), n = 0;
	for (enum test_outcome o = 0; order && o < OUTCOME_MAX; o++)
		for (size_t i = 0; i < r->count; i++)
			if (r->item[i].outcome == o)
				order[n++] = i;
	return order;
}

/* --- sums --------------------------------------------------------------------------------------------------------- */

struct result_counts report_results_count(const struct report_results *r)
{
	struct result_counts c = { .total = r->count };
	for (size_t i = 0; i < r->count; i++) {
		const struct report_result *t = &r->item[i];
		time_t began = t->ended - t->wall / NSEC_PER_SEC;
		c.outcome[t->outcome]++;
		c.bad += t->bad;
		c.wall += t->wall;
		if (!t->ended)
			continue;
		c.first = c.first ? MIN_OF(c.first, began) : began;
		c.last = MAX_OF(c.last, t->ended);
	}
	return c;
}

void report_results_summary(const struct result_counts *c, struct buf *out)
{
	const char *comma = ": ";
	buf_appendf(out, "%zu test%s", c->total, plural(c->total));
	for (enum test_outcome o = 0; o < OUTCOME_MAX; o++) {
		if (!c->outcome[o])
			continue;
		buf_appendf(out, "%s%zu %s", comma, c->outcome[o], outcome_rows[o].phrase);
		comma = ", ";
	}
}

bool result_is_cut(const struct report_result *r)
{
	return r->outcome == OUTCOME_INCONCLUSIVE && r->cause && !strcmp(r->cause, FINDING_INTERRUPTED);
}

bool result_has_page(const struct report_result *r)
{
	return r->json || r->outcome != OUTCOME_PASS;
}

/* --- texts -------------------------------------------------------------------------------------------------------- */

/* The length to which @text is cut, between two characters. */
static size_t kept_length(const char *text, size_t most)
{
	size_t len = strnlen(text, most + 1);
	if (len <= most)
		return len;
	for (len = most; len && ((unsigned char)text[len] & 0xc0) == 0x80;)
		len--;
	return len;
}

void result_clean(const char *text, size_t most, struct buf *out)
{
	size_t len = text ? kept_length(text, most) : 0;
	text_append(out, text ?: "", len);
	buf_puts(out, text && text[len] ? " [...]" : "");
}

void result_clean_line(const char *text, size_t most, struct buf *out)
{
	size_t len = text ? kept_length(text, most) : 0;
	text_append_line(out, text ?: "", len);
	buf_puts(out, text && text[len] ? " [...]" : "");
}

void result_member(const json_t *object, const char *key, size_t most, struct buf *out)
{
	result_clean_line(json_string_value(json_object_get(object, key)), most, out);
}

/* --- logs --------------------------------------------------------------------------------------------------------- */

#define LOG_FILE_MAX ((size_t)64 << 20)

/* The middle is left out: the beginning has the findings, and the end has the last words. */
static void append_ends(struct buf *out, struct buf *text, size_t most)
{
	size_t head = most / 2, tail = text->len - most / 2;
	while (head && (text->data[head] & 0xc0) == 0x80)
		head--;
	while (tail < text->len && (text->data[tail] & 0xc0) == 0x80)
		tail++;
	text_append(out, text->data, head);
	buf_appendf(out, "\n[... %zu bytes are left out here; the file beside the sidecar has all ...]\n", tail - head);
	text_append(out, text->data + tail, text->len - tail);
}

bool result_report(const struct report_result *r, size_t most, struct buf *out)
{
	_cleanup_buf_ struct buf path = BUF_NULL, text = BUF_NULL;
	size_t len = strlen(r->sidecar), end = strlen(SIDECAR_SUFFIX);
	if (len <= end || strcmp(r->sidecar + len - end, SIDECAR_SUFFIX) != 0)
		return false;
	buf_append(&path, r->sidecar, len - end);
	buf_puts(&path, REPORT_SUFFIX);
	if (path.failed || file_read(buf_str(&path), LOG_FILE_MAX, &text, NULL) < 0 || !text.len)
		return false;
	if (text.len > most)
		append_ends(out, &text, most);
	else
		text_append(out, text.data, text.len);
	return true;
}

size_t result_log_share(size_t budget, size_t pages, size_t most)
{
	return MIN_OF(most, budget / MAX_OF(pages, 1));
}
