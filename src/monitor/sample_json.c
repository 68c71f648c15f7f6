/* SPDX-License-Identifier: GPL-2.0-only */
/* sample_json.c -- a sample as JSON, by the tables of sample.h. What is absent is null. */
#include <string.h>

#include "base/json.h"
#include "monitor/sample.h"

static const char *const cpu_names[] = {
#define X(name, base, path, does) #name,
	CPU_SAMPLE_VALUES(X)
#undef X
};

static const char *const domain_names[] = {
#define X(name, path) #name,
	DOMAIN_VALUES(X)
#undef X
};

static const char *const scx_names[] = {
#define X(name, variable, other, path) #name,
	SCX_VALUES(X)
#undef X
};

static const char *const psi_names[] = {
#define X(name, enumerator) #name,
	PSI_VALUES(X)
#undef X
};

static void put_if(json_t **object, const char *key, bool has, uint64_t value)
{
	json_put(object, key, has ? json_u64(value) : json_null());
}

static void put_values(json_t **object, const char *const *names, unsigned count, const uint64_t *value, uint64_t has)
{
	for (unsigned i = 0; i < count; i++)
		put_if(object, names[i], has >> i & 1, value[i]);
}

static json_t *text_of(const char *raw, size_t size)
{
	return json_text_n(raw, strnlen(raw, size));
}

static json_t *psi_to_json(const struct psi_sample *p)
{
	json_t *o = p->has ? json_object() : json_null();
	for (unsigned i = 0; p->has && i < PSI_VALUE_COUNT; i++) {
		json_t *row = p->has >> i & 1 ? json_object() : json_null();
		if (p->has >> i & 1) {
			json_put_u64(&row, "total_us", p->total_ns[i] / 1000);
			json_put_number(&row, "avg10", p->average[i][0]);
			json_put_number(&row, "avg60", p->average[i][1]);
			json_put_number(&row, "avg300", p->average[i][2]);
		}
		json_put(&o, psi_names[i], row);
	}
	return o;
}

static json_t *cpu_to_json(const struct cpu_sample *c, unsigned cpu)
{
	json_t *o = json_object(), *domains = json_array();
	json_put_u64(&o, "cpu", cpu);
	put_values(&o, cpu_names, CPU_VALUE_COUNT, c->value, c->has);
	json_put(&o, "current", c->current < 0 ? json_null() : json_integer(c->current));
	json_put(&o, "comm", c->current < 0 ? json_null() : text_of(c->comm, sizeof(c->comm)));
	for (unsigned i = 0; i < c->domains; i++) {
		json_t *d = json_object();
		put_values(&d, domain_names, DOMAIN_VALUE_COUNT, c->domain[i].value, c->domain[i].has);
		json_add(&domains, d);
	}
	json_put(&o, "domains", domains);
	return o;
}

static json_t *events_to_json(const struct sampler *s, const struct scx_sample *x)
{
	if (!x->has_events)
		return json_null();
	json_t *o = json_object();
	for (unsigned i = 0; i < sampler_events(s); i++)
		json_put_int(&o, sampler_event_name(s, i), x->event[i]);
	return o;
}

static json_t *scx_to_json(const struct sampler *s, const struct scx_sample *x)
{
	if (!x->has)
		return json_null();
	json_t *o = json_object();
	put_values(&o, scx_names, SCX_VALUE_COUNT, x->value, x->has);
	json_put(&o, "name", *x->name ? text_of(x->name, sizeof(x->name)) : json_null());
	json_put(&o, "events", events_to_json(s, x));
	return o;
}

static json_t *cgroup_to_json(const struct cgroup_sample *c)
{
	json_t *o = json_object();
	json_put_text(&o, "path", c->path);
	put_if(&o, "nr_tasks", c->has_tasks, c->nr_tasks);
	put_if(&o, "usage_ns", c->has_usage, c->usage_ns);
	put_if(&o, "weight", c->has_weight, c->weight);
	json_put(&o, "psi", psi_to_json(&c->psi));
	return o;
}

static json_t *program_to_json(const struct program_sample *p)
{
	json_t *o = json_object();
	json_put_text(&o, "name", p->name);
	json_put_u64(&o, "id", p->id);
	json_put_u64(&o, "verified_insns", p->verified_insns);
	json_put_u64(&o, "jited_len", p->jited_len);
	put_if(&o, "cnt", p->has_stats, p->cnt);
	put_if(&o, "nsecs", p->has_stats, p->nsecs);
	put_if(&o, "misses", p->has_stats, p->misses);
	return o;
}

json_t *sample_to_json(const struct sampler *s, const struct sample *sample)
{
	json_t *o = json_object(), *cpus = json_array(), *groups = json_array(), *programs = json_array();
	json_put_u64(&o, "at_ns", sample->at_ns);
	put_if(&o, "jiffies", sample->has_jiffies, sample->jiffies);
	for (unsigned i = 0; i < sample->cpus; i++)
		json_add(&cpus, cpu_to_json(&sample->cpu[i], i));
	for (unsigned i = 0; i < sample->cgroups; i++)
		json_add(&groups, cgroup_to_json(&sample->cgroup[i]));
	for (unsigned i = 0; i < sample->programs; i++)
		json_add(&programs, program_to_json(&sample->program[i]));
	json_put(&o, "cpus", cpus);
	json_put(&o, "psi", psi_to_json(&sample->psi));
	json_put(&o, "scx", scx_to_json(s, &sample->scx));
	json_put(&o, "cgroups", groups);
	json_put(&o, "cgroups_whole", sample->cgroup ? json_boolean(sample->cgroups_end == WALK_WHOLE) : json_null());
	json_put(&o, "programs", programs);
	json_put(&o, "programs_whole",
		 sample->program ? json_boolean(sample->programs_end == WALK_WHOLE) : json_null());
	json_put_u64(&o, "bad_reads", sample->bad_reads);
	return o;
}
