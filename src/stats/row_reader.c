/* SPDX-License-Identifier: GPL-2.0-only */
/* row_reader.c -- see row_reader.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "base/text.h"
#include "stats/row_reader.h"

#define TEXT_MAX 1024 /* bytes of a text that is kept; longer ones are cut */

/* One sidecar that is being read. */
struct reading {
	const struct row_names *names;
	struct pool *pool;
	struct row *row;
	struct json_reader json; /* at the value that is being read */
	uint64_t seen[NAMES_BUCKETS /
		      64]; /* bits of registered metrics that have a value; of several the first counts */
};

void row_names_init(struct row_names *names)
{
	memset(names, 0, sizeof(*names));
	record_names_init(&names->record);
	REQUIRE(metrics_count() < NAMES_BUCKETS / 2);
	for (const struct metric *m = metrics; m->name; m++)
		names_add(&names->metric, m->name, (uint32_t)metric_index(m));
}

/* The registered metric with this name, or NULL. */
static const struct metric *find_metric(const struct reading *r, const struct json_view *name)
{
	uint32_t number = names_find(&r->names->metric, name->text, name->len);
	return number == UINT32_MAX ? NULL : &metrics[number];
}

/* A string as it will be shown. Most are plain and are not changed. */
static uint32_t keep_view(struct reading *r, const struct json_view *v)
{
	char text[TEXT_MAX], clean[TEXT_MAX];
	if (!v->escaped && v->len < TEXT_MAX && text_is_clean(v->text, v->len, true))
		return pool_text(r->pool, v->text, v->len);
	size_t len = json_view_copy(v, text, sizeof(text));
	len = text_copy_line(clean, sizeof(clean), text, len);
	return pool_text(r->pool, clean, len);
}

static uint32_t read_text(struct reading *r)
{
	struct json_view v;
	return json_reader_text(&r->json, &v) ? keep_view(r, &v) : 0;
}

/* Stores a value, unless it is a 0 that the reader of the row assumes anyway. */
static void add_metric(struct reading *r, const struct metric *m, double value)
{
	size_t number = (size_t)metric_index(m);
	uint64_t bit = (uint64_t)1 << number % 64;
	if (!(r->seen[number / 64] & bit) && (value != 0 || number >= METRICS_OF_EVERY_RUN))
		pool_add_value(r->pool, r->row, (uint16_t)number, value);
	r->seen[number / 64] |= bit;
}

/* A number, also a switch (1 or 0). NaN: something else; VALUE_UNUSABLE: a number that is too large or too long. */
static double read_number(struct reading *r)
{
	char c = json_reader_peek(&r->json);
	double value;
	bool on;
	if (c == 't' || c == 'f')
		return json_reader_bool(&r->json, &on) ? on : NAN;
	if (json_reader_number(&r->json, &value))
		return value;
	return (c >= '0' && c <= '9') || c == '-' ? VALUE_UNUSABLE : NAN;
}

static void read_other(struct reading *r, const struct json_view *name)
{
	double value = read_number(r);
	if (isnan(value) || !name->len)
		return;
	uint16_t metric = pool_other(r->pool, keep_view(r, name), 0, METRIC_UNKNOWN);
	if (!pool_has_value(r->pool, r->row, metric))
		pool_add_value(r->pool, r->row, metric, value);
}

static void read_ext_metrics(struct reading *r)
{
	struct json_view key;
	if (!json_reader_enter(&r->json, '{'))
		return;
	while (json_reader_key(&r->json, &key)) {
		const struct metric *m = find_metric(r, &key);
		double value = m ? read_number(r) : 0;
		if (!m)
			read_other(r, &key);
		else if (!isnan(value))
			add_metric(r, m, value);
	}
}

static const struct metric *metric_at(const struct reading *r, enum metric_place place, const struct json_view *key)
{
	const struct metric *m = NULL;
	if (place == METRIC_IN_STATS) {
		m = find_metric(r, key);
		return m && m->place == place ? m : NULL;
	}
	for (m = metrics; m->name; m++)
		if (m->place == place && json_view_is(key, m->key ? m->key : m->name))
			return m;
	return NULL;
}

static void read_place(struct reading *r, enum metric_place place)
{
	struct json_view key;
	if (!json_reader_enter(&r->json, '{'))
		return;
	while (json_reader_key(&r->json, &key)) {
		const struct metric *m = metric_at(r, place, &key);
		double value = m ? read_number(r) : NAN;
		if (!isnan(value))
			add_metric(r, m, value);
		else if (!m)
			json_reader_pass(&r->json);
	}
}

static void read_stats(struct reading *r)
{
	struct json_view key;
	if (!json_reader_enter(&r->json, '{'))
		return;
	while (json_reader_key(&r->json, &key)) {
		const struct metric *m = metric_at(r, METRIC_IN_STATS, &key);
		double value = m ? read_number(r) : NAN;
		if (!isnan(value))
			add_metric(r, m, value);
		else if (!m && json_view_is(&key, "ext_metrics"))
			read_ext_metrics(r);
		else if (!m)
			json_reader_pass(&r->json);
	}
}

static void read_monitor(struct reading *r)
{
	struct json_view key;
	if (!json_reader_enter(&r->json, '{'))
		return;
	while (json_reader_key(&r->json, &key)) {
		const struct metric *m = metric_at(r, METRIC_IN_MONITOR, &key);
		double value = m ? read_number(r) : NAN;
		if (!isnan(value))
			add_metric(r, m, value);
		else if (json_view_is(&key, "event_deltas"))
			read_place(r, METRIC_IN_EVENTS);
		else if (json_view_is(&key, "schedstat_deltas"))
			read_place(r, METRIC_IN_SCHEDSTAT);
		else if (!m)
			json_reader_pass(&r->json);
	}
}

/* --- metrics of payloads ------------------------------------------------------------------------------------------ */

static enum metric_polarity polarity_of(const struct json_view *word)
{
	static const char *const words[] = { "unknown", "higher_better", "lower_better", "target_value",
					     "informational" };
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (json_view_is(word, words[i]))
			return (enum metric_polarity)i;
	return METRIC_UNKNOWN;
}

struct payload_metric {
	struct json_view name, polarity;
	uint32_t unit;
	double value;
};

static void read_payload_metric(struct reading *r, struct payload_metric *ret)
{
	struct json_view key;
	*ret = (struct payload_metric){ .value = NAN };
	if (!json_reader_enter(&r->json, '{'))
		return;
	while (json_reader_key(&r->json, &key)) {
		if (json_view_is(&key, "name"))
			json_reader_text(&r->json, &ret->name);
		else if (json_view_is(&key, "polarity"))
			json_reader_text(&r->json, &ret->polarity);
		else if (json_view_is(&key, "unit"))
			ret->unit = read_text(r);
		else if (json_view_is(&key, "value"))
			ret->value = read_number(r);
		else
			json_reader_pass(&r->json);
	}
}

/* Its name is that of the payload and its own. A second run of the payload has "#2" behind it, and so on. */
static void add_payload_metric(struct reading *r, const char *payload, const struct payload_metric *m)
{
	char own[TEXT_MAX / 2], name[TEXT_MAX];
	if (isnan(m->value) || !m->name.len)
		return;
	json_view_copy(&m->name, own, sizeof(own));
	for (unsigned run = 1; run < 100; run++) {
		int len = run > 1 ? snprintf(name, sizeof(name), "%s.%s#%u", payload, own, run)
				  : snprintf(name, sizeof(name), "%s.%s", payload, own);
		char clean[TEXT_MAX];
		size_t kept = text_copy_line(clean, sizeof(clean), name, (size_t)len);
		uint32_t text = pool_text(r->pool, clean, kept);
		uint16_t metric = pool_other(r->pool, text, m->unit, polarity_of(&m->polarity));
		if (metric != UINT16_MAX && pool_has_value(r->pool, r->row, metric))
			continue;
		pool_add_value(r->pool, r->row, metric, m->value);
		return;
	}
}

/* Members are sorted in files that ktstr wrote, so the payload's name may follow its metrics: they are read again. */
static void read_payload_run(struct reading *r)
{
	struct json_view key, name = { 0 };
	struct json_reader inner = { 0 };
	char payload[TEXT_MAX / 4] = "payload";
	if (!json_reader_enter(&r->json, '{'))
		return;
	while (json_reader_key(&r->json, &key)) {
		if (json_view_is(&key, "metrics") && json_reader_peek(&r->json) == '[')
			inner = r->json;
		if (json_view_is(&key, "payload"))
			json_reader_text(&r->json, &name);
		else
			json_reader_pass(&r->json);
	}
	if (!inner.at || r->json.error)
		return;
	if (name.len)
		json_view_copy(&name, payload, sizeof(payload));
	struct json_reader after = r->json;
	struct payload_metric m;
	r->json = inner;
	if (json_reader_enter(&r->json, '['))
		while (json_reader_item(&r->json)) {
			read_payload_metric(r, &m);
			add_payload_metric(r, payload, &m);
		}
	r->json = after;
}

static void read_payloads(struct reading *r)
{
	if (json_reader_enter(&r->json, '['))
		while (json_reader_item(&r->json))
			read_payload_run(r);
}

/* --- phases ------------------------------------------------------------------------------------------------------- */

/* What a phase has. The polarity is for those that are not registered. */
static const struct {
	const char *key;
	enum metric_polarity polarity;
} phase_metrics[] = {
	{ "avg_imbalance_ratio", METRIC_LOWER }, { "max_imbalance_ratio", METRIC_LOWER },
	{ "avg_dsq_depth", METRIC_LOWER },	 { "max_dsq_depth", METRIC_LOWER },
	{ "avg_nr_running", METRIC_LOWER },	 { "stall_count", METRIC_LOWER },
	{ "fallback_rate", METRIC_LOWER },	 { "keep_last_rate", METRIC_LOWER },
	{ "iteration_rate", METRIC_HIGHER },
};

struct phase {
	double value[ARRAY_SIZE(phase_metrics)];
	unsigned number;
};

static size_t phase_metric_at(const struct json_view *key)
{
	size_t i = 0;
	while (i < ARRAY_SIZE(phase_metrics) && !json_view_is(key, phase_metrics[i].key))
		i++;
	return i;
}

static void read_phase(struct reading *r, struct phase *ret)
{
	struct json_view key;
	ret->number = 0;
	for (size_t i = 0; i < ARRAY_SIZE(phase_metrics); i++)
		ret->value[i] = NAN;
	if (!json_reader_enter(&r->json, '{'))
		return;
	while (json_reader_key(&r->json, &key)) {
		size_t i = phase_metric_at(&key);
		double step;
		if (i < ARRAY_SIZE(phase_metrics))
			ret->value[i] = read_number(r);
		else if (!json_view_is(&key, "step_index"))
			json_reader_pass(&r->json);
		else if (json_reader_number(&r->json, &step) && step >= 0 && step < PHASES_MAX)
			ret->number = (unsigned)step + 1;
	}
}

static void add_phase(struct reading *r, const struct phase *phase)
{
	char name[64];
	for (size_t i = 0; i < ARRAY_SIZE(phase_metrics); i++) {
		const struct metric *m = metric_find(phase_metrics[i].key, strlen(phase_metrics[i].key));
		uint32_t unit = m ? pool_text(r->pool, m->unit, SIZE_MAX) : 0;
		if (isnan(phase->value[i]) || phase->number >= PHASES_MAX)
			continue;
		int len = snprintf(name, sizeof(name), "phase[%u].%s", phase->number, phase_metrics[i].key);
		uint16_t metric =
			pool_other(r->pool, pool_text(r->pool, name, (size_t)len), unit, phase_metrics[i].polarity);
		if (metric != UINT16_MAX && !pool_has_value(r->pool, r->row, metric))
			pool_add_value(r->pool, r->row, metric, phase->value[i]);
	}
}

static void read_phases(struct reading *r)
{
	struct phase phase;
	if (!json_reader_enter(&r->json, '['))
		return;
	while (json_reader_item(&r->json)) {
		read_phase(r, &phase);
		add_phase(r, &phase);
	}
}

/* --- verdict and identity ----------------------------------------------------------------------------------------- */

/* A file describes the last of its tries with its own seed. */
static enum result_verdict own_verdict(const struct reading *r, const struct record *from, enum result_verdict of_all)
{
	struct json_reader tries = record_tries(from);
	struct record_try t;
	const char *seed = r->pool->text[r->row->of[DIMENSION_SEED]];
	enum result_verdict found = of_all;
	while (seed && record_next_try(&tries, &t))
		if (json_view_is(&t.seed, seed))
			result_verdict_of(&t.verdict, &found);
	return found;
}

static void read_host(struct reading *r)
{
	struct json_view key;
	if (!json_reader_enter(&r->json, '{'))
		return;
	while (!r->row->arch && json_reader_key(&r->json, &key)) {
		if (json_view_is(&key, "arch"))
			r->row->arch = read_text(r);
		else
			json_reader_pass(&r->json);
	}
}

/* cpu_budget is a number; 0 means that there is none. */
static uint32_t read_dimension(struct reading *r, enum dimension d)
{
	char text[32];
	double value;
	if (!dimensions[d].number)
		return read_text(r);
	if (!json_reader_number(&r->json, &value) || value <= 0 || value > 1e9)
		return 0;
	int len = snprintf(text, sizeof(text), "%.0f", value);
	return pool_text(r->pool, text, (size_t)len);
}

/* False: a section is not JSON. */
static bool read_sections(struct reading *r, const struct record *from)
{
	static const struct {
		enum record_member member;
		void (*read)(struct reading *r);
	} sections[] = {
		{ RECORD_STATS, read_stats },	{ RECORD_MONITOR, read_monitor }, { RECORD_METRICS, read_payloads },
		{ RECORD_PHASES, read_phases }, { RECORD_HOST, read_host },
	};
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		r->json = record_value(from, sections[i].member);
		if (from->at[sections[i].member])
			sections[i].read(r);
		if (r->json.error)
			return false;
	}
	return true;
}

static uint32_t read_member(struct reading *r, const struct record *from, enum record_member member)
{
	r->json = record_value(from, member);
	return from->at[member] ? read_text(r) : 0;
}

static void read_identity(struct reading *r, const struct record *from)
{
	r->row->name = read_member(r, from, RECORD_NAME);
	r->row->test = read_member(r, from, RECORD_TEST_NAME);
	r->row->timestamp = read_member(r, from, RECORD_TIMESTAMP);
	for (int d = 0; d < DIMENSION_MAX; d++) {
		r->json = record_value(from, dimensions[d].member);
		if (from->at[dimensions[d].member])
			r->row->of[d] = read_dimension(r, (enum dimension)d);
	}
}

static void add_rates(struct reading *r)
{
	for (const struct metric *m = metrics; m->name; m++) {
		if (m->place != METRIC_DERIVED || pool_has_value(r->pool, r->row, (uint16_t)metric_index(m)))
			continue;
		uint16_t num = (uint16_t)names_find(&r->names->metric, m->num, strlen(m->num));
		uint16_t den = (uint16_t)names_find(&r->names->metric, m->den, strlen(m->den));
		double above = row_value(r->pool, r->row, num), below = row_value(r->pool, r->row, den);
		if (!isnan(above) && !isnan(below) && below != 0)
			pool_add_value(r->pool, r->row, (uint16_t)metric_index(m), above / below);
	}
}

static void set_error(struct reading *r, const struct record *from)
{
	char text[160];
	record_error(from, "it has no test_name or no verdict", text, sizeof(text));
	r->row->state = RESULT_CORRUPT;
	r->row->values = 0;
	r->row->error = pool_text(r->pool, text, SIZE_MAX);
}

void row_read(struct pool *p, const struct row_names *names, struct row *row, const char *text, size_t len)
{
	struct reading r = { .names = names, .pool = p, .row = row };
	struct record from;
	enum result_verdict verdict = RESULT_FAIL;
	bool opened = record_open(&from, &names->record, text, len);
	if (opened)
		read_identity(&r, &from);
	if (!opened || !row->test || !record_verdict(&from, &verdict)) {
		set_error(&r, &from);
		return;
	}
	if (!read_sections(&r, &from)) {
		from.json = r.json;
		set_error(&r, &from);
		return;
	}
	row->state = RESULT_VALID;
	row->verdict = own_verdict(&r, &from, verdict);
	add_rates(&r);
}
