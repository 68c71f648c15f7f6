/* SPDX-License-Identifier: GPL-2.0-only */
/* pool.c -- see pool.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "stats/pool.h"

#define TEXT_BLOCK ((size_t)1 << 16)
/* Below this number of iterations the ratio of latencies means nothing. */
#define TAIL_RATIO_ITERATIONS 100

const struct dimension_row dimensions[DIMENSION_MAX] = {
	[DIMENSION_KERNEL] = { "kernel", "kernel", RECORD_KERNEL_VERSION, false, true },
	[DIMENSION_COMMIT] = { "commit", "project-commit", RECORD_PROJECT_COMMIT, false, true },
	[DIMENSION_KERNEL_COMMIT] = { "kernel_commit", "kernel-commit", RECORD_KERNEL_COMMIT, false, true },
	[DIMENSION_SOURCE] = { "source", "run-source", RECORD_RUN_SOURCE, false, true },
	[DIMENSION_CPU_BUDGET] = { "cpu_budget", "cpu-budget", RECORD_CPU_BUDGET, true, true },
	[DIMENSION_SCHEDULER] = { "scheduler", "scheduler", RECORD_SCHEDULER, false, true },
	[DIMENSION_TOPOLOGY] = { "topology", "topology", RECORD_TOPOLOGY, false, true },
	[DIMENSION_WORK_TYPE] = { "work_type", "work-type", RECORD_WORK_TYPE, false, true },
	[DIMENSION_RESOLVE_SOURCE] = { "resolve_source", "resolve-source", RECORD_RESOLVE_SOURCE, false, false },
	[DIMENSION_BACKEND] = { "backend", "backend", RECORD_ACCEL, false, true },
	[DIMENSION_SEED] = { "seed", "seed", RECORD_SEED, false, false },
};

void pool_init(struct pool *p)
{
	*p = (struct pool){ 0 };
	p->texts = 1;
}

void pool_done(struct pool *p)
{
	for (size_t i = 0; i < p->blocks; i++)
		free(p->block[i]);
	free(p->block);
	free(p->bucket);
	free(p->text);
	free(p->other_of);
	free(p->other);
	free(p->value);
	free(p->metric);
	free(p->row);
	pool_init(p);
}

/* Makes room for one more item of *@array, doubling it. */
static bool grow(struct pool *p, void *array, size_t *room, size_t used, size_t item)
{
	void **at = array;
	if (used < *room)
		return true;
	size_t next = *room ? 2 * *room : 64;
	void *larger = realloc(*at, next * item);
	if (!larger) {
		p->failed = true;
		return false;
	}
	*at = larger;
	*room = next;
	return true;
}

/* --- texts -------------------------------------------------------------------------------------------------------- */

/* Eight bytes at a time. */
static uint32_t hash_text(const char *text, size_t len)
{
	const uint64_t factor = 0x9e3779b97f4a7c15u;
	uint64_t h = len * factor, word;
	for (; len >= sizeof(word); text += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, text, sizeof(word));
		h = (h ^ word) * factor;
		h ^= h >> 29;
	}
	word = 0;
	memcpy(&word, text, len);
	h = (h ^ word) * factor;
	return (uint32_t)(h >> 32);
}

static bool rehash(struct pool *p)
{
	uint32_t wanted = p->buckets ? 2 * p->buckets : 256;
	uint32_t *bucket = calloc(wanted, sizeof(*bucket));
	if (!bucket)
		return false;
	for (uint32_t id = 1; id < p->texts; id++) {
		uint32_t at = hash_text(p->text[id], strlen(p->text[id]));
		while (bucket[at & (wanted - 1)])
			at++;
		bucket[at & (wanted - 1)] = id;
	}
	free(p->bucket);
	p->bucket = bucket;
	p->buckets = wanted;
	return true;
}

static char *keep_text(struct pool *p, const char *text, size_t len)
{
	if (!p->blocks || p->block_size - p->block_used < len + 1) {
		size_t size = len + 1 > TEXT_BLOCK ? len + 1 : TEXT_BLOCK;
		char **blocks = realloc(p->block, (p->blocks + 1) * sizeof(*blocks));
		char *fresh = blocks ? malloc(size) : NULL;
		if (blocks)
			p->block = blocks;
		if (!fresh)
			return NULL;
		p->block[p->blocks++] = fresh;
		p->block_size = size;
		p->block_used = 0;
	}
	char *at = p->block[p->blocks - 1] + p->block_used;
	memcpy(at, text, len);
	at[len] = '\0';
	p->block_used += len + 1;
	return at;
}

static bool text_room(struct pool *p)
{
	size_t room = p->text_room;
	if (!grow(p, &p->text, &room, p->texts, sizeof(*p->text)))
		return false;
	p->text_room = (uint32_t)room;
	p->text[0] = NULL;
	return true;
}

uint32_t pool_text(struct pool *p, const char *text, size_t len)
{
	if (!text)
		return 0;
	len = strnlen(text, len);
	if (2 * p->texts >= p->buckets && !rehash(p)) {
		p->failed = true;
		return 0;
	}
	uint32_t at = hash_text(text, len), mask = p->buckets - 1;
	for (uint32_t id; (id = p->bucket[at & mask]); at++)
		if (!strncmp(p->text[id], text, len) && !p->text[id][len])
			return id;
	char *kept = text_room(p) ? keep_text(p, text, len) : NULL;
	if (!kept) {
		p->failed = true;
		return 0;
	}
	p->text[p->texts] = kept;
	p->bucket[at & mask] = p->texts;
	return p->texts++;
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

/* "phase[2].stall_count": a metric of a phase. */
static const struct metric *find_of_phase(const char *text, int *ret_phase)
{
	unsigned phase;
	int end = 0;
	if (sscanf(text, "phase[%2u].%n", &phase, &end) != 1 || !end || phase >= PHASES_MAX)
		return NULL;
	*ret_phase = (int)phase;
	return metric_find(text + end, strlen(text + end));
}

/* Which registered metric it is like. */
static void note_like(const struct pool *p, struct other_metric *o)
{
	const char *text = p->text[o->name];
	o->phase = -1;
	o->like = find_of_phase(text, &o->phase);
	if (!o->like)
		o->like = metric_find_family(text);
	if (o->like)
		o->polarity = o->like->polarity;
}

/* Room to find a metric by the number of its name. */
static bool widen_others(struct pool *p, uint32_t name)
{
	if (name < p->other_room)
		return true;
	uint32_t room = MAX_OF(p->text_room, name + 1);
	uint16_t *larger = realloc(p->other_of, room * sizeof(*larger));
	if (!larger)
		return false;
	memset(larger + p->other_room, 0, (room - p->other_room) * sizeof(*larger));
	p->other_of = larger;
	p->other_room = room;
	return true;
}

uint16_t pool_other(struct pool *p, uint32_t name, uint32_t unit, enum metric_polarity polarity)
{
	if (!widen_others(p, name))
		return UINT16_MAX;
	if (p->other_of[name])
		return (uint16_t)(metrics_count() + p->other_of[name] - 1);
	struct other_metric *larger =
		p->others < OTHER_METRICS_MAX ? realloc(p->other, (p->others + 1) * sizeof(*larger)) : NULL;
	if (!larger)
		return UINT16_MAX;
	p->other = larger;
	p->other_of[name] = (uint16_t)(p->others + 1);
	p->other[p->others] = (struct other_metric){ .name = name, .unit = unit, .polarity = polarity };
	note_like(p, &p->other[p->others]);
	return (uint16_t)(metrics_count() + p->others++);
}

struct row *pool_add_row(struct pool *p)
{
	if (!grow(p, &p->row, &p->row_room, p->rows, sizeof(*p->row)))
		return NULL;
	struct row *row = &p->row[p->rows++];
	*row = (struct row){ .first = (uint32_t)p->values };
	return row;
}

static bool value_room(struct pool *p)
{
	size_t room = p->value_room;
	if (!grow(p, &p->metric, &room, p->values, sizeof(*p->metric)))
		return false;
	return grow(p, &p->value, &p->value_room, p->values, sizeof(*p->value));
}

void pool_add_value(struct pool *p, struct row *row, uint16_t metric, double value)
{
	if (metric == UINT16_MAX || !value_room(p))
		return;
	if (!row->values)
		row->first = (uint32_t)p->values;
	if (metric >= metrics_count())
		p->other[metric - metrics_count()].last = row->first + 1;
	p->metric[p->values] = metric;
	p->value[p->values++] = value;
	p->sorted = false;
	row->values++;
}

bool pool_has_value(const struct pool *p, const struct row *row, uint16_t metric)
{
	if (metric >= metrics_count())
		return metric != UINT16_MAX && row->values && p->other[metric - metrics_count()].last == row->first + 1;
	for (uint32_t i = row->first; i < row->first + row->values; i++)
		if (p->metric[i] == metric)
			return true;
	return false;
}

/* --- rows with many values ---------------------------------------------------------------------------------------- */

#define VALUES_FEW 256 /* so many are looked through */

struct metric_value {
	uint16_t metric;
	double value;
};

static int compare_metrics(const void *a, const void *b)
{
	const struct metric_value *x = a, *y = b;
	return (x->metric > y->metric) - (x->metric < y->metric);
}

static bool sort_row(struct pool *p, const struct row *row)
{
	struct metric_value *list = calloc(row->values, sizeof(*list));
	if (!list)
		return false;
	for (uint32_t i = 0; i < row->values; i++)
		list[i] = (struct metric_value){ p->metric[row->first + i], p->value[row->first + i] };
	qsort(list, row->values, sizeof(*list), compare_metrics);
	for (uint32_t i = 0; i < row->values; i++) {
		p->metric[row->first + i] = list[i].metric;
		p->value[row->first + i] = list[i].value;
	}
	free(list);
	return true;
}

void pool_sort_values(struct pool *p)
{
	for (size_t i = 0; i < p->rows; i++)
		if (p->row[i].values > VALUES_FEW && !sort_row(p, &p->row[i]))
			return;
	p->sorted = true;
}

/* --- copying ------------------------------------------------------------------------------------------------------ */

bool pool_copy_init(struct pool_copy *c, struct pool *to, const struct pool *from)
{
	*c = (struct pool_copy){ .to = to, .from = from };
	c->text = calloc((size_t)from->texts + 1, sizeof(*c->text));
	c->other = calloc(from->others + 1, sizeof(*c->other));
	return c->text && c->other;
}

void pool_copy_done(struct pool_copy *c)
{
	free(c->text);
	free(c->other);
}

static uint32_t copy_text(struct pool_copy *c, uint32_t id)
{
	if (id && !c->text[id])
		c->text[id] = pool_text(c->to, c->from->text[id], SIZE_MAX);
	return c->text[id];
}

static uint16_t copy_metric(struct pool_copy *c, uint16_t metric)
{
	size_t known = metrics_count();
	if (metric < known)
		return metric;
	uint16_t *mine = &c->other[metric - known];
	const struct other_metric *o = &c->from->other[metric - known];
	if (!*mine)
		*mine = pool_other(c->to, copy_text(c, o->name), copy_text(c, o->unit), o->polarity);
	return *mine;
}

void pool_copy_row(struct pool_copy *c, const struct row *from, struct row *to)
{
	to->name = copy_text(c, from->name);
	to->test = copy_text(c, from->test);
	for (int d = 0; d < DIMENSION_MAX; d++)
		to->of[d] = copy_text(c, from->of[d]);
	to->arch = copy_text(c, from->arch);
	to->timestamp = copy_text(c, from->timestamp);
	to->error = copy_text(c, from->error);
	to->state = from->state;
	to->verdict = from->verdict;
	to->values = 0;
	for (uint32_t i = from->first; i < from->first + from->values; i++)
		pool_add_value(c->to, to, copy_metric(c, c->from->metric[i]), c->from->value[i]);
}

static double found_value(const struct pool *p, const struct row *row, uint16_t metric)
{
	uint32_t low = row->first, high = row->first + row->values;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (p->metric[middle] < metric)
			low = middle + 1;
		else
			high = middle;
	}
	return low < row->first + row->values && p->metric[low] == metric ? p->value[low] : NAN;
}

/* VALUE_UNUSABLE: there is one that cannot be used. NaN: there is none. */
static double stored_value(const struct pool *p, const struct row *row, uint16_t metric)
{
	if (p->sorted && row->values > VALUES_FEW)
		return found_value(p, row, metric);
	for (uint32_t i = row->first; i < row->first + row->values; i++)
		if (p->metric[i] == metric)
			return p->value[i];
	return NAN;
}

double row_value(const struct pool *p, const struct row *row, uint16_t metric)
{
	double value = stored_value(p, row, metric);
	bool known = metric < metrics_count();
	if (isinf(value))
		return NAN;
	if (known && metrics[metric].kind == METRIC_TAIL_RATIO) {
		const struct metric *iterations = metric_find("total_iterations", strlen("total_iterations"));
		double done = stored_value(p, row, (uint16_t)metric_index(iterations));
		return done >= TAIL_RATIO_ITERATIONS ? value : NAN;
	}
	return isnan(value) && metric < METRICS_OF_EVERY_RUN ? 0 : value;
}

int pool_metric_phase(const struct pool *p, uint16_t metric)
{
	size_t known = metrics_count();
	return metric < known ? -1 : p->other[metric - known].phase;
}

const struct metric *pool_metric_like(const struct pool *p, uint16_t metric)
{
	size_t known = metrics_count();
	return metric < known ? &metrics[metric] : p->other[metric - known].like;
}

const char *pool_metric_name(const struct pool *p, uint16_t metric)
{
	size_t known = metrics_count();
	return metric < known ? metrics[metric].name : p->text[p->other[metric - known].name];
}

const char *pool_metric_unit(const struct pool *p, uint16_t metric)
{
	size_t known = metrics_count();
	const char *unit = metric < known ? metrics[metric].unit : p->text[p->other[metric - known].unit];
	return unit ? unit : "";
}

enum metric_polarity pool_metric_polarity(const struct pool *p, uint16_t metric)
{
	size_t known = metrics_count();
	return metric < known ? metrics[metric].polarity : p->other[metric - known].polarity;
}
