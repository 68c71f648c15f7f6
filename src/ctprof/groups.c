/* SPDX-License-Identifier: GPL-2.0-only */
/* groups.c -- see groups.h. */
#include <string.h>

#include "base/parse.h"
#include "ctprof/groups.h"
#include "ctprof/names.h"

#define UNKNOWN_NAME "(unknown)"

struct named {
	char *name;
	const struct thread *thread;
};

static char *name_of(const struct thread *t, const struct group_rules *rules)
{
	const char *name = rules->by == GROUP_CGROUP ? t->cgroup : rules->by == GROUP_PCOMM ? t->pcomm : t->comm;
	if (!name)
		return strdup(UNKNOWN_NAME);
	if (rules->by == GROUP_CGROUP)
		return cgroup_flatten(name, rules->flatten);
	return rules->by == GROUP_COMM_EXACT || rules->exact_names ? strdup(name) : name_pattern(name);
}

static int compare_named(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->name, y->name);
	if (order)
		return order;
	return (x->thread > y->thread) - (x->thread < y->thread);
}

static double thread_uptime(const struct profile *s, const struct thread *t)
{
	if (!t->start_ticks || !s->ticks_per_second)
		return 0;
	double up = (double)s->uptime_ns - (double)t->start_ticks * 1e9 / (double)s->ticks_per_second;
	return MAX_OF(up, 0.0);
}

/* Makes groups of equal names; takes the first name of each, and frees the others. */
static void collect_groups(struct named *named, size_t count, struct groups *g)
{
	for (size_t i = 0; i < count; i++) {
		struct group *last = g->count ? &g->group[g->count - 1] : NULL;
		g->threads[i] = named[i].thread;
		if (!last || strcmp(last->name, named[i].name) != 0) {
			last = &g->group[g->count++];
			*last = (struct group){ .name = TAKE_PTR(named[i].name), .thread = &g->threads[i] };
		}
		last->count++;
		last->uptime_ns += thread_uptime(g->snapshot, named[i].thread);
		free(named[i].name);
	}
}

int groups_make(const struct profile *s, const struct group_rules *rules, struct groups *ret)
{
	_cleanup_free_ struct named *named = calloc(s->count + 1, sizeof(*named));
	*ret = (struct groups){ .group = calloc(s->count + 1, sizeof(*ret->group)),
				.threads = calloc(s->count + 1, sizeof(*ret->threads)),
				.snapshot = s };
	size_t made = 0;
	while (named && made < s->count && (named[made].name = name_of(&s->thread[made], rules))) {
		named[made].thread = &s->thread[made];
		made++;
	}
	if (named && ret->group && ret->threads && made == s->count) {
		qsort(named, made, sizeof(*named), compare_named);
		collect_groups(named, made, ret);
		return 0;
	}
	for (size_t i = 0; i < made; i++)
		free(named[i].name);
	groups_done(ret);
	return -ENOMEM;
}

void groups_done(struct groups *g)
{
	for (size_t i = 0; i < g->count; i++)
		free(g->group[i].name);
	free(g->group);
	free(g->threads);
	*g = (struct groups){ 0 };
}

/* --- one value of a group ----------------------------------------------------------------------------------------- */

static void add_number(struct value *v, enum rule rule, double number)
{
	v->kind = rule == RULE_RANGE ? VALUE_RANGE : VALUE_NUMBER;
	v->low = v->known ? MIN_OF(v->low, number) : number;
	v->high = v->known ? MAX_OF(v->high, number) : number;
	v->number += number;
	v->known++;
}

static struct value number_value(const struct group *g, unsigned metric, enum rule rule)
{
	struct value v = { 0 };
	for (size_t i = 0; i < g->count; i++)
		if (thread_knows(g->thread[i], metric))
			add_number(&v, rule, (double)g->thread[i]->value[metric]);
	if (rule == RULE_MAX)
		v.number = v.high;
	else if (rule == RULE_MIN)
		v.number = v.low;
	else if (rule == RULE_RANGE)
		v.number = (v.low + v.high) / 2;
	return v;
}

static const char *text_of(const struct thread *t, unsigned metric)
{
	static const char letters[] = "A\0B\0C\0D\0E\0F\0G\0H\0I\0J\0K\0L\0M\0N\0O\0P\0Q\0R\0S\0T\0U\0V\0W\0X\0Y\0Z";
	if (metric == METRIC_POLICY)
		return t->policy;
	if (metric == METRIC_EXT_ENABLED)
		return !thread_knows(t, metric) ? NULL : t->value[metric] ? "true" : "false";
	if (t->state >= 'A' && t->state <= 'Z')
		return letters + 2 * (t->state - 'A');
	return t->state == 't' ? "t" : t->state ? "?" : NULL;
}

#define MODE_TEXTS_MAX 32

/* Counts different texts; those above MODE_TEXTS_MAX cannot be the most frequent ones in practice. */
static struct value mode_value(const struct group *g, unsigned metric)
{
	struct {
		const char *text;
		size_t count;
	} seen[MODE_TEXTS_MAX];
	size_t n = 0, best = 0;
	struct value v = { 0 };
	for (size_t i = 0; i < g->count; i++) {
		const char *text = text_of(g->thread[i], metric);
		size_t at = 0;
		if (!text)
			continue;
		v.known++;
		while (at < n && strcmp(seen[at].text, text) != 0)
			at++;
		if (at == MODE_TEXTS_MAX)
			continue;
		if (at == n) {
			seen[n].text = text;
			seen[n++].count = 0;
		}
		seen[at].count++;
	}
	for (size_t i = 1; i < n; i++)
		if (seen[i].count > seen[best].count ||
		    (seen[i].count == seen[best].count && strcmp(seen[i].text, seen[best].text) < 0))
			best = i;
	if (n) {
		v.kind = VALUE_MODE;
		v.text = seen[best].text;
		v.count = seen[best].count;
	}
	return v;
}

static struct value affinity_value(const struct group *g)
{
	struct value v = { 0 };
	for (size_t i = 0; i < g->count; i++) {
		struct cpuset_bits cpus;
		if (g->thread[i]->affinity && cpuset_parse(g->thread[i]->affinity, &cpus) == 0)
			add_number(&v, RULE_RANGE, cpuset_count(&cpus));
	}
	if (v.known)
		v.kind = VALUE_AFFINITY;
	v.number = (v.low + v.high) / 2;
	return v;
}

struct value group_value(const struct group *g, unsigned metric)
{
	const struct metric_row *m = &metric_rows[metric];
	if (m->rule == RULE_MODE)
		return mode_value(g, metric);
	if (m->rule == RULE_AFFINITY)
		return affinity_value(g);
	return number_value(g, metric, m->rule);
}

/* --- derived ------------------------------------------------------------------------------------------------------ */

static struct value off_cpu_value(const struct group *g)
{
	struct value sum = { 0 }, swapin = { 0 }, thrashing = { 0 };
	for (unsigned d = 0; d < DELAY_MAX; d++) {
		struct value v = group_value(g, metric_delay(d, DELAY_TOTAL));
		if (v.kind == VALUE_UNKNOWN)
			return v;
		sum.kind = VALUE_NUMBER;
		sum.known = MAX_OF(sum.known, v.known);
		if (d == DELAY_SWAPIN)
			swapin = v;
		else if (d == DELAY_THRASHING)
			thrashing = v;
		else
			sum.number += v.number;
	}
	sum.number += MAX_OF(swapin.number, thrashing.number);
	return sum;
}

struct value group_derived(const struct group *g, const struct derived_row *row)
{
	if (row->form == FORM_OFF_CPU)
		return off_cpu_value(g);
	struct value a = group_value(g, row->a), b = group_value(g, row->b), v = { .known = a.known };
	/* Values of different threads must not be combined. */
	if (a.kind == VALUE_UNKNOWN || b.kind == VALUE_UNKNOWN || a.known != b.known)
		return (struct value){ 0 };
	double below = row->form == FORM_SHARE ? a.number + b.number : b.number;
	if (row->form != FORM_DIFFERENCE && below == 0)
		return (struct value){ 0 };
	v.kind = VALUE_NUMBER;
	v.number = row->form == FORM_DIFFERENCE ? a.number - b.number : a.number / below;
	return v;
}
