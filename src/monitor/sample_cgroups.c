/* SPDX-License-Identifier: GPL-2.0-only */
/* sample_cgroups.c -- control groups of a sample: tasks, CPU time, weight and pressure, each as of the group itself. */
#include <string.h>

#include "base/text.h"
#include "monitor/sampler.h"

#define LINKS_MAX      256 /* sets of tasks of one group */
#define WEIGHT_DEFAULT 100
#define SHARES_DEFAULT (1024u << 10)

void sampler_find_cgroups(struct sampler *s)
{
	const struct types *t = s->image->types;
	struct cgroup_fields *c = &s->cgroup;
	/* Linux 6.16 split what counts CPU time from what the controllers count. */
	bool split = field_present(types_field(t, "cgroup", "rstat_base_cpu"));
	c->psi = types_field(t, "cgroup", "psi");
	c->subsystem = types_field(t, "cgroup", "subsys[cpu_cgrp_id]");
	c->cset_links = types_field(t, "cgroup", "cset_links");
	c->link_node = types_field(t, "cgrp_cset_link", "cset_link");
	c->link_cset = types_field(t, "cgrp_cset_link", "cset");
	c->nr_tasks = types_field(t, "css_set", "nr_tasks");
	c->rstat = types_field(t, "cgroup", split ? "rstat_base_cpu" : "rstat_cpu");
	c->usage =
		types_field(t, split ? "cgroup_rstat_base_cpu" : "cgroup_rstat_cpu", "bstat.cputime.sum_exec_runtime");
	c->shares = types_field(t, "task_group", "shares");
}

struct reading {
	const struct sampler *sampler;
	struct sample *sample;
	uint64_t tasks;
};

static int count_tasks(struct view *v, uint64_t node, void *arg)
{
	struct reading *r = arg;
	const struct cgroup_fields *c = &r->sampler->cgroup;
	uint64_t set, tasks;
	if (!view_read_field(v, node - c->link_node.offset, c->link_cset, &set) ||
	    !view_read_field(v, set, c->nr_tasks, &tasks))
		return 1;
	r->tasks += tasks;
	return 0;
}

static void read_tasks(struct view *v, struct reading *r, uint64_t cgroup, struct cgroup_sample *ret)
{
	const struct cgroup_fields *c = &r->sampler->cgroup;
	r->tasks = 0;
	ret->has_tasks = field_present(c->cset_links) && field_present(c->link_node) &&
			 walk_list(v, cgroup + c->cset_links.offset, LINKS_MAX, count_tasks, r) == WALK_WHOLE;
	ret->nr_tasks = ret->has_tasks ? r->tasks : 0;
}

/* Each CPU counts the time of its tasks here; what the kernel adds up from them it does when somebody asks. */
static void read_usage(struct view *v, const struct cgroup_fields *c, uint64_t cgroup, struct cgroup_sample *ret)
{
	uint64_t pointer, usage;
	ret->usage_ns = 0;
	ret->has_usage = field_present(c->usage) && view_read_field(v, cgroup, c->rstat, &pointer) && pointer;
	for (unsigned cpu = 0; ret->has_usage && cpu < v->cpus; cpu++) {
		uint64_t at = view_per_cpu_pointer(v, pointer, cpu);
		if (at)
			ret->has_usage = view_read_field(v, at, c->usage, &usage);
		if (at)
			ret->usage_ns += usage;
	}
}

/* As cpu.weight: shares without their fixed-point bits, where 1024 is a weight of 100. */
static void read_weight(struct view *v, const struct cgroup_fields *c, uint64_t cgroup, struct cgroup_sample *ret)
{
	uint64_t group, shares;
	ret->has_weight = view_read_field(v, cgroup, c->subsystem, &group) && group &&
			  view_read_field(v, group, c->shares, &shares) && shares <= UINT32_MAX;
	ret->weight = ret->has_weight ? (shares * WEIGHT_DEFAULT + SHARES_DEFAULT / 2) / SHARES_DEFAULT : 0;
}

static int add_group(struct view *v, const struct walk_cgroup *group, void *arg)
{
	struct reading *r = arg;
	const struct cgroup_fields *c = &r->sampler->cgroup;
	struct cgroup_sample *ret = &r->sample->cgroup[r->sample->cgroups++];
	uint64_t psi;
	*ret = (struct cgroup_sample){ .cgroup = group->cgroup };
	text_copy_line(ret->path, sizeof(ret->path), group->path, strlen(group->path));
	read_tasks(v, r, group->cgroup, ret);
	/* The kernel counts and weighs nothing for the root. */
	if (strcmp(group->path, "/")) {
		read_usage(v, c, group->cgroup, ret);
		read_weight(v, c, group->cgroup, ret);
	}
	if (view_read_field(v, group->cgroup, c->psi, &psi))
		sampler_read_psi(r->sampler, v, psi, &ret->psi);
	return 0;
}

int sampler_read_cgroups(const struct sampler *s, struct view *v, const char *path, struct sample *ret)
{
	struct reading r = { .sampler = s, .sample = ret };
	if (!ret->cgroup)
		ret->cgroup = calloc(SAMPLE_CGROUPS_MAX, sizeof(*ret->cgroup));
	if (!ret->cgroup)
		return -ENOMEM;
	ret->cgroups = 0;
	/* A group that is not there yet, or not any more, has no groups below it. */
	if (walk_cgroups(v, path, SAMPLE_CGROUPS_MAX, add_group, &r, &ret->cgroups_end) == -ENOENT)
		ret->cgroups_end = WALK_WHOLE;
	return 0;
}
