/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sample_running.c -- samples of a guest that runs while it is read. Numbers are single loads of places that the kernel
 * never frees, so each of them is true. What is found through pointers may be an object that was freed meanwhile, and
 * is something else by now. So all is read twice: what the second reading finds at the same place was there for all of
 * the first one.
 */
#include <string.h>

#include "monitor/sampler.h"

static bool same_domains(const struct cpu_sample *a, const struct cpu_sample *b)
{
	static const enum domain_value identity[] = { DOMAIN_VALUE_level, DOMAIN_VALUE_flags,
						      DOMAIN_VALUE_span_weight };
	bool same = a->domains == b->domains;
	for (unsigned i = 0; same && i < a->domains; i++)
		for (size_t j = 0; j < ARRAY_SIZE(identity); j++)
			same &= a->domain[i].value[identity[j]] == b->domain[i].value[identity[j]];
	return same;
}

/* Tasks change all the time, so this is a reason to leave out the task, and not the sample. */
static void keep_same_task(struct cpu_sample *a, const struct cpu_sample *b)
{
	if (a->current == b->current && !memcmp(a->comm, b->comm, sizeof(a->comm)))
		return;
	a->current = -1;
	memset(a->comm, 0, sizeof(a->comm));
}

/* Clocks do not go back. */
static bool goes_on(const struct cpu_sample *a, const struct cpu_sample *b)
{
	return a->has == b->has && a->value[CPU_VALUE_clock] <= b->value[CPU_VALUE_clock];
}

static bool same_cpus(struct sample *a, const struct sample *b)
{
	bool same = a->cpus == b->cpus;
	for (unsigned i = 0; same && i < a->cpus; i++) {
		same = same_domains(&a->cpu[i], &b->cpu[i]) && goes_on(&a->cpu[i], &b->cpu[i]);
		keep_same_task(&a->cpu[i], &b->cpu[i]);
	}
	return same;
}

static bool same_scheduler(const struct scx_sample *a, const struct scx_sample *b)
{
	return a->has == b->has && a->has_events == b->has_events && !memcmp(a->name, b->name, sizeof(a->name));
}

/* Tasks come and go while they are counted. */
static void keep_same_count(struct cgroup_sample *a, const struct cgroup_sample *b)
{
	if (a->has_tasks == b->has_tasks && a->nr_tasks == b->nr_tasks)
		return;
	a->has_tasks = false;
	a->nr_tasks = 0;
}

static bool same_cgroups(struct sample *a, const struct sample *b)
{
	bool same = a->cgroups == b->cgroups && a->cgroups_end == b->cgroups_end &&
		    (a->cgroups_end != WALK_TORN || !a->cgroups);
	for (unsigned i = 0; same && i < a->cgroups; i++) {
		same = a->cgroup[i].cgroup == b->cgroup[i].cgroup && !strcmp(a->cgroup[i].path, b->cgroup[i].path);
		keep_same_count(&a->cgroup[i], &b->cgroup[i]);
	}
	return same;
}

static bool same_programs(const struct sample *a, const struct sample *b)
{
	bool same = a->programs == b->programs && a->programs_end == b->programs_end &&
		    (a->programs_end != WALK_TORN || !a->programs);
	for (unsigned i = 0; same && i < a->programs; i++) {
		const struct program_sample *p = &a->program[i], *q = &b->program[i];
		same = p->id == q->id && p->verified_insns == q->verified_insns && !strcmp(p->name, q->name);
	}
	return same;
}

bool sample_is_steady(struct sample *a, const struct sample *b, unsigned parts)
{
	bool same = a->bad_reads == b->bad_reads;
	if (parts & SAMPLE_CPUS)
		same = same && same_cpus(a, b) && same_scheduler(&a->scx, &b->scx);
	if (parts & SAMPLE_CGROUPS)
		same = same && same_cgroups(a, b);
	if (parts & SAMPLE_PROGRAMS)
		same = same && same_programs(a, b);
	return same;
}

int sample_take_running(const struct sampler *s, struct view *v, unsigned parts, uint64_t at_ns, const char *cgroups,
			struct sample *ret, struct sample *again)
{
	int r = sample_take(s, v, parts, at_ns, cgroups, ret);
	if (r == 0)
		r = view_refresh(v);
	if (r == 0)
		r = sample_take(s, v, parts, at_ns, cgroups, again);
	if (r < 0)
		return r;
	return sample_is_steady(ret, again, parts) ? 0 : -ESTALE;
}
