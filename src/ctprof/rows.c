/* SPDX-License-Identifier: GPL-2.0-only */
/* rows.c -- see rows.h. */
#include <math.h>
#include <string.h>

#include "ctprof/facts.h"
#include "ctprof/names.h"
#include "ctprof/rows.h"

#define HOST_GROUP "(host)"

/* One group of both snapshots; either may be NULL, but not both. */
struct pair {
	const struct group *a, *b;
	const char *label;
	size_t index;
};

struct maker {
	const struct rows_request *q;
	struct row_block *block;
};

/* --- rows --------------------------------------------------------------------------------------------------------- */

static bool wants(const struct rows_request *q, enum section section, const char *metric)
{
	if (q->sections && !(q->sections >> section & 1))
		return false;
	if (!q->metrics)
		return true;
	for (const char *const *m = q->metrics; *m; m++)
		if (!strcmp(*m, metric))
			return true;
	return false;
}

static double uptime_percent(const struct pair *p, const struct row *r)
{
	double up = p->b ? p->b->uptime_ns : 0;
	return r->is_sum && r->unit == UNIT_NS && r->b.kind == VALUE_NUMBER && up > 0 ? 100 * r->b.number / up : NAN;
}

static void set_delta(struct row *r)
{
	bool numbers = r->a.kind != VALUE_UNKNOWN && r->a.kind != VALUE_MODE && r->b.kind != VALUE_UNKNOWN &&
		       r->b.kind != VALUE_MODE;
	r->delta = numbers ? r->b.number - r->a.number : NAN;
	r->percent = numbers && r->a.number != 0 && r->unit != UNIT_RATIO ? 100 * r->delta / fabs(r->a.number) : NAN;
	if (numbers && r->delta == 0 && r->unit != UNIT_RATIO)
		r->percent = 0;
}

/* Takes a row whose group and metric are set. A row without any value is left out. */
static void add_row(struct maker *m, const struct pair *p, struct row row)
{
	struct row_block *b = m->block;
	if (row.a.kind == VALUE_UNKNOWN && row.b.kind == VALUE_UNKNOWN)
		return;
	if (b->count == b->room) {
		size_t room = b->room ? b->room * 2 : 1024;
		struct row *grown = reallocarray(b->row, room, sizeof(*grown));
		b->failed |= !grown;
		if (!grown)
			return;
		b->row = grown;
		b->room = room;
	}
	row.group = p->label;
	row.group_index = p->index;
	row.threads_a = p->a ? p->a->count : 0;
	row.threads_b = p->b ? p->b->count : 0;
	set_delta(&row);
	row.uptime = uptime_percent(p, &row);
	row.order = b->count;
	b->row[b->count++] = row;
}

static void add_metric_rows(struct maker *m, const struct pair *p)
{
	for (unsigned i = 0; metric_rows[i].name; i++) {
		const struct metric_row *metric = &metric_rows[i];
		if (!wants(m->q, metric->section, metric->name))
			continue;
		add_row(m, p,
			(struct row){ .section = metric->section,
				      .metric = metric->name,
				      .tags = metric->tags,
				      .unit = metric->unit,
				      .is_sum = metric->rule == RULE_SUM,
				      .a = p->a ? group_value(p->a, i) : (struct value){ 0 },
				      .b = p->b ? group_value(p->b, i) : (struct value){ 0 } });
	}
	for (const struct derived_row *d = derived_rows; d->name; d++) {
		if (!wants(m->q, d->section, d->name))
			continue;
		add_row(m, p,
			(struct row){ .section = d->section,
				      .metric = d->name,
				      .tags = "",
				      .unit = d->unit,
				      .a = p->a ? group_derived(p->a, d) : (struct value){ 0 },
				      .b = p->b ? group_derived(p->b, d) : (struct value){ 0 } });
	}
}

/* --- rows of facts ------------------------------------------------------------------------------------------------ */

static void add_fact_row(struct maker *m, const struct pair *p, enum section section, const char *name, const json_t *a,
			 const json_t *b)
{
	if (!wants(m->q, section, name))
		return;
	add_row(m, p,
		(struct row){ .section = section,
			      .metric = name,
			      .tags = "",
			      .unit = fact_unit(section, name),
			      .a = fact_value(a),
			      .b = fact_value(b) });
}

/* Takes both objects, and keeps them for the names in the rows. */
static void add_facts(struct maker *m, const struct pair *p, enum section section, json_t *a, json_t *b)
{
	const char *name;
	json_t *value;
	json_object_foreach(a, name, value)
		add_fact_row(m, p, section, name, value, json_object_get(b, name));
	json_object_foreach(b, name, value)
		if (!json_object_get(a, name))
			add_fact_row(m, p, section, name, NULL, value);
	json_add(&m->block->kept, a);
	json_add(&m->block->kept, b);
}

static json_t *smaps_of(const struct group *g)
{
	json_t *facts = json_object();
	for (size_t i = 0; g && i < g->count; i++)
		if (g->thread[i]->smaps)
			facts_of_object(&facts, g->thread[i]->smaps, "");
	return facts;
}

/* Adds up the control groups that make a group; a group has threads of one or, flattened, several. */
static json_t *cgroup_facts(const struct profile *s, const struct group *g, enum section section)
{
	json_t *facts = json_object(), *seen = json_object();
	for (size_t i = 0; g && i < g->count; i++) {
		const char *path = g->thread[i]->cgroup;
		json_t *cgroup = path ? json_object_get(s->cgroups, path) : NULL;
		if (!cgroup || json_object_get(seen, path))
			continue;
		json_put_bool(&seen, path, true);
		facts_of_cgroup(&facts, cgroup, section);
	}
	json_decref(seen);
	return facts;
}

static void add_group_facts(struct maker *m, const struct pair *p)
{
	const struct rows_request *q = m->q;
	if (!q->sections || q->sections >> SECTION_SMAPS_ROLLUP & 1)
		add_facts(m, p, SECTION_SMAPS_ROLLUP, smaps_of(p->a), smaps_of(p->b));
	if (m->block->by != GROUP_CGROUP)
		return;
	for (unsigned s = SECTION_CGROUP_STATS; s <= SECTION_PRESSURE; s++)
		if (!q->sections || q->sections >> s & 1)
			add_facts(m, p, s, cgroup_facts(q->a, p->a, s), cgroup_facts(q->b, p->b, s));
}

static json_t *object_facts(const json_t *object, const char *prefix)
{
	json_t *facts = json_object();
	if (object)
		facts_of_object(&facts, object, prefix);
	return facts;
}

static void add_host_facts(struct maker *m)
{
	const struct rows_request *q = m->q;
	struct pair host = { .label = HOST_GROUP, .index = m->block->groups++ };
	add_facts(m, &host, SECTION_HOST_PRESSURE, object_facts(q->a ? q->a->psi : NULL, "psi"),
		  object_facts(q->b->psi, "psi"));
	add_facts(m, &host, SECTION_SCHED_EXT, object_facts(q->a ? q->a->sched_ext : NULL, "sched_ext"),
		  object_facts(q->b->sched_ext, "sched_ext"));
}

/* --- pairs -------------------------------------------------------------------------------------------------------- */

static void add_pair(struct maker *m, const struct group *a, const struct group *b, const char *label)
{
	struct pair p = { .a = a, .b = b, .label = label, .index = m->block->groups++ };
	add_metric_rows(m, &p);
	add_group_facts(m, &p);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All thread names of a group, as patterns, in order. Equal texts are equal populations. */
static char *population(const struct group *g)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	char **name = calloc(g->count + 1, sizeof(*name));
	size_t n = 0;
	if (!name)
		return NULL;
	while (n < g->count && (name[n] = name_pattern(g->thread[n]->comm ?: "")))
		n++;
	qsort(name, n, sizeof(*name), compare_names);
	for (size_t i = 0; i < n; i++) {
		buf_appendf(&out, "%s\n", name[i]);
		free(name[i]);
	}
	free(name);
	return n == g->count ? buf_steal(&out) : NULL;
}

/* The only group of @left with the population of @g, or NULL. */
static const struct group *renamed(const struct group *g, const struct group *const *left, size_t count)
{
	const struct group *found = NULL;
	_cleanup_free_ char *mine = population(g);
	for (size_t i = 0; i < count && mine; i++) {
		_cleanup_free_ char *theirs = left[i] && left[i]->count == g->count ? population(left[i]) : NULL;
		if (!theirs || strcmp(mine, theirs) != 0)
			continue;
		if (found)
			return NULL;
		found = left[i];
	}
	return found;
}

static const char *fudged_label(struct maker *m, const struct group *a, const struct group *b)
{
	const char *leaf = strrchr(a->name, '/');
	_cleanup_buf_ struct buf label = BUF_NULL;
	buf_appendf(&label, "%s [fudged: %s]", b->name, leaf && leaf[1] ? leaf + 1 : a->name);
	json_t *text = json_text(buf_str(&label));
	json_add(&m->block->kept, text);
	return m->block->kept ? json_string_value(text) : b->name;
}

/* Pairs of control groups that were renamed; the others are listed as groups of one side. */
static int pair_leftovers(struct maker *m, const struct group **a, size_t count_a, const struct group **b,
			  size_t count_b)
{
	struct row_block *block = m->block;
	size_t only_a = 0, only_b = 0;
	bool joins = m->q->rules.by == GROUP_ALL && block->by == GROUP_CGROUP;
	block->only_a = calloc(count_a + 1, sizeof(*block->only_a));
	block->only_b = calloc(count_b + 1, sizeof(*block->only_b));
	if (!block->only_a || !block->only_b)
		return -ENOMEM;
	for (size_t i = 0; i < count_a; i++) {
		const struct group *other = joins ? renamed(a[i], b, count_b) : NULL;
		if (!other || renamed(other, a, count_a) != a[i]) {
			block->only_a[only_a++] = a[i]->name;
			continue;
		}
		add_pair(m, a[i], other, fudged_label(m, a[i], other));
		for (size_t j = 0; j < count_b; j++)
			if (b[j] == other)
				b[j] = NULL;
	}
	for (size_t j = 0; j < count_b; j++)
		if (b[j])
			block->only_b[only_b++] = b[j]->name;
	return 0;
}

static int pair_groups(struct maker *m)
{
	const struct groups *a = &m->block->groups_a, *b = &m->block->groups_b;
	_cleanup_free_ const struct group **left_a = calloc(a->count + 1, sizeof(*left_a));
	_cleanup_free_ const struct group **left_b = calloc(b->count + 1, sizeof(*left_b));
	size_t i = 0, j = 0, count_a = 0, count_b = 0;
	if (!left_a || !left_b)
		return -ENOMEM;
	while (i < a->count || j < b->count) {
		int order = i == a->count ? 1 : j == b->count ? -1 : strcmp(a->group[i].name, b->group[j].name);
		if (order < 0) {
			left_a[count_a++] = &a->group[i++];
		} else if (order > 0) {
			left_b[count_b++] = &b->group[j++];
		} else {
			add_pair(m, &a->group[i], &b->group[j], b->group[j].name);
			i++;
			j++;
		}
	}
	return pair_leftovers(m, left_a, count_a, left_b, count_b);
}

static void show_groups(struct maker *m)
{
	const struct groups *b = &m->block->groups_b;
	for (size_t i = 0; i < b->count; i++)
		add_pair(m, NULL, &b->group[i], b->group[i].name);
}

/* --- order -------------------------------------------------------------------------------------------------------- */

static int compare_percents(const void *x, const void *y)
{
	const struct row *a = x, *b = y;
	double p = isnan(a->percent) ? -1 : fabs(a->percent), q = isnan(b->percent) ? -1 : fabs(b->percent);
	return p != q ? (p < q ? 1 : -1) : (a->order > b->order) - (a->order < b->order);
}

struct ranking {
	const struct rows_request *q;
	double *key; /* of each group, its sort keys */
	size_t keys;
};

static int compare_ranks(const void *x, const void *y, void *arg)
{
	const struct row *a = x, *b = y;
	const struct ranking *r = arg;
	for (size_t k = 0; k < r->keys; k++) {
		double p = r->key[a->group_index * r->keys + k], q = r->key[b->group_index * r->keys + k];
		if (isnan(p) != isnan(q))
			return isnan(p) ? 1 : -1;
		if (!isnan(p) && p != q)
			return (p < q) == r->q->sort[k].ascending ? -1 : 1;
	}
	if (a->group_index != b->group_index)
		return a->group_index < b->group_index ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

/* Groups in the order of their values, or of the change of their values. */
static int sort_by_keys(struct maker *m)
{
	struct row_block *b = m->block;
	struct ranking r = { .q = m->q };
	while (m->q->sort[r.keys].metric)
		r.keys++;
	r.key = calloc(b->groups * r.keys + 1, sizeof(*r.key));
	if (!r.key)
		return -ENOMEM;
	for (size_t i = 0; i < b->groups * r.keys; i++)
		r.key[i] = NAN;
	for (size_t i = 0; i < b->count; i++)
		for (size_t k = 0; k < r.keys; k++)
			if (!strcmp(b->row[i].metric, m->q->sort[k].metric))
				r.key[b->row[i].group_index * r.keys + k] =
					m->q->a ? b->row[i].delta : b->row[i].b.number;
	if (b->count)
		qsort_r(b->row, b->count, sizeof(*b->row), compare_ranks, &r);
	free(r.key);
	return 0;
}

static int sort_and_cut(struct maker *m)
{
	struct row_block *b = m->block;
	int r = 0;
	if (m->q->sort[0].metric)
		r = sort_by_keys(m);
	else if (m->q->a && b->count)
		qsort(b->row, b->count, sizeof(*b->row), compare_percents);
	if (r == 0 && m->q->limit && b->count > m->q->limit) {
		b->left_out = b->count - m->q->limit;
		b->count = m->q->limit;
	}
	return r;
}

/* ------------------------------------------------------------------------------------------------------------------ */

static int make_block(const struct rows_request *q, enum group_by by, bool with_host, struct row_block *block)
{
	struct maker m = { .q = q, .block = block };
	struct group_rules rules = q->rules;
	rules.by = by;
	*block = (struct row_block){ .by = by, .kept = json_array() };
	int r = groups_make(q->b, &rules, &block->groups_b);
	if (r == 0 && q->a)
		r = groups_make(q->a, &rules, &block->groups_a);
	if (r < 0)
		return r;
	if (q->a)
		r = pair_groups(&m);
	else
		show_groups(&m);
	if (r == 0 && with_host)
		add_host_facts(&m);
	if (r == 0 && (block->failed || !block->kept))
		r = -ENOMEM;
	return r < 0 ? r : sort_and_cut(&m);
}

int rows_make(const struct rows_request *q, struct rows *ret)
{
	static const enum group_by all[] = { GROUP_CGROUP, GROUP_PCOMM, GROUP_COMM };
	unsigned count = q->rules.by == GROUP_ALL ? ARRAY_SIZE(all) : 1;
	*ret = (struct rows){ 0 };
	for (unsigned i = 0; i < count; i++) {
		enum group_by by = q->rules.by == GROUP_ALL ? all[i] : q->rules.by;
		int r = make_block(q, by, i == 0, &ret->block[ret->count++]);
		if (r < 0) {
			rows_done(ret);
			return r;
		}
	}
	return 0;
}

void rows_done(struct rows *r)
{
	for (unsigned i = 0; i < r->count; i++) {
		struct row_block *b = &r->block[i];
		groups_done(&b->groups_a);
		groups_done(&b->groups_b);
		free(b->row);
		free(b->only_a);
		free(b->only_b);
		json_decref(b->kept);
	}
	*r = (struct rows){ 0 };
}
