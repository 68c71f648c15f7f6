/* SPDX-License-Identifier: GPL-2.0-only */
/* ops.c -- the operations of a step: create, change, fill, freeze, empty and remove cgroups. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "guest/cgroup.h"
#include "guest/payload/payload.h"
#include "guest/scenario/stage.h"
#include "guest/work/work.h"

const char *op_name(enum ktstr_op_kind kind)
{
	static const char *const names[KTSTR_OP_KIND_MAX] = {
		[KTSTR_OP_ADD_CGROUP] = "AddCgroup",
		[KTSTR_OP_REMOVE_CGROUP] = "RemoveCgroup",
		[KTSTR_OP_SET_CPUSET] = "SetCpuset",
		[KTSTR_OP_CLEAR_CPUSET] = "ClearCpuset",
		[KTSTR_OP_SWAP_CPUSETS] = "SwapCpusets",
		[KTSTR_OP_SPAWN] = "Spawn",
		[KTSTR_OP_STOP_CGROUP] = "StopCgroup",
		[KTSTR_OP_SET_AFFINITY] = "SetAffinity",
		[KTSTR_OP_SPAWN_HOST] = "SpawnHost",
		[KTSTR_OP_MOVE_ALL_TASKS] = "MoveAllTasks",
		[KTSTR_OP_RUN_PAYLOAD] = "RunPayload",
		[KTSTR_OP_WAIT_PAYLOAD] = "WaitPayload",
		[KTSTR_OP_KILL_PAYLOAD] = "KillPayload",
		[KTSTR_OP_ADD_CGROUP_DEF] = "AddCgroupDef",
		[KTSTR_OP_FREEZE_CGROUP] = "FreezeCgroup",
		[KTSTR_OP_UNFREEZE_CGROUP] = "UnfreezeCgroup",
		[KTSTR_OP_DETACH_SCHEDULER] = "DetachScheduler",
		[KTSTR_OP_ATTACH_SCHEDULER] = "AttachScheduler",
		[KTSTR_OP_RESTART_SCHEDULER] = "RestartScheduler",
		[KTSTR_OP_REPLACE_SCHEDULER] = "ReplaceScheduler",
		[KTSTR_OP_CAPTURE_CGROUP_PROCS] = "CaptureCgroupProcs",
		[KTSTR_OP_CALL] = "Call",
	};
	return kind < KTSTR_OP_KIND_MAX ? names[kind] : "?";
}

/* --- cgroups ------------------------------------------------------------------------------------------------------ */

struct tracked *stage_find(struct stage *s, const char *name)
{
	for (unsigned i = 0; name && i < s->count; i++)
		if (!strcmp(s->tracked[i].name, name))
			return &s->tracked[i];
	return NULL;
}

/* Workers that a step starts end with the step, even in a cgroup of the backdrop. */
struct worker_set *stage_workers(struct stage *s, const struct tracked *g)
{
	(void)g;
	return s->in_backdrop ? &s->backdrop : &s->step;
}

static int track(struct stage *s, const char *name, struct tracked **ret, struct err **err)
{
	char parent[WIRE_NAME_MAX];
	if (s->count == TRACKED_MAX)
		return FAIL(err, EXIT_BAD_DATA, -E2BIG, "cgroup '%s': more than %d cgroups at once", name, TRACKED_MAX);
	int r = cgroup_create(name, err);
	if (r < 0)
		return r;
	struct tracked *g = &s->tracked[s->count++];
	*g = (struct tracked){ .backdrop = s->in_backdrop, .cpus = s->t->topology->all };
	snprintf(g->name, sizeof(g->name), "%s", name);
	const struct tracked *above = parent_name(name, parent) ? stage_find(s, parent) : NULL;
	if (above && above->limited) {
		g->cpus = above->cpus;
		g->limited = true;
	}
	if (above)
		g->terms = above->terms;
	*ret = g;
	return 0;
}

static int set_cpuset(struct stage *s, struct tracked *g, const struct cpuset_bits *cpus, struct err **err)
{
	int r = cgroup_set_cpuset(g->name, cpus, err);
	for (unsigned i = 0; r == 0 && i < g->siblings; i++) {
		char name[WIRE_NAME_MAX + 24];
		snprintf(name, sizeof(name), CGROUP_SIBLING_FORMAT, g->name, i);
		r = cgroup_set_cpuset(name, cpus, err);
	}
	if (r < 0)
		return r;
	g->cpus = *cpus;
	g->limited = true;
	worker_set_allow(&s->backdrop, g->name, cpus, true);
	worker_set_allow(&s->step, g->name, cpus, true);
	return 0;
}

static int resolve_and_set(struct stage *s, struct tracked *g, const struct ktstr_cpuset *spec, struct err **err)
{
	struct cpuset_bits cpus;
	char why[200];
	if (cpuset_resolve(s->t->topology, spec, &cpus, why, sizeof(why)) < 0)
		return FAIL(err, EXIT_BAD_DATA, -EINVAL, "cgroup '%s': CpusetSpec validation failed: %s", g->name, why);
	return set_cpuset(s, g, &cpus, err);
}

static int clear_cpuset(struct stage *s, struct tracked *g, struct err **err)
{
	char parent[WIRE_NAME_MAX];
	const struct tracked *above = parent_name(g->name, parent) ? stage_find(s, parent) : NULL;
	g->cpus = above && above->limited ? above->cpus : s->t->topology->all;
	g->limited = above && above->limited;
	int r = cgroup_clear_cpuset(g->name, &g->cpus, err);
	worker_set_allow(&s->backdrop, g->name, &g->cpus, g->limited);
	worker_set_allow(&s->step, g->name, &g->cpus, g->limited);
	return r;
}

/* Combines the cgroup's own limits with the terms of its parent. */
static void take_limits(struct tracked *g, const struct ktstr_limits *l)
{
	struct cpu_terms *t = &g->terms;
	unsigned period = l->cpu_period_us ? l->cpu_period_us : 100000;
	uint64_t of_period = (uint64_t)l->cpu_quota_us * 10000 / period;
	unsigned quota = l->cpu_quota_us ? (unsigned)MAX_OF(of_period, 1u) : l->cpu_quota_pct * 100;
	if (l->cpu_weight)
		t->weight = MAX_OF((t->weight ? t->weight : 100) * l->cpu_weight / 100, 1u);
	if (quota && !l->cpu_unlimited)
		t->quota_permyriad = t->quota_permyriad ? MIN_OF(t->quota_permyriad, quota) : quota;
}

/* Creates siblings of the cgroup, with its cpuset, for work types that move between cgroups. */
static int make_siblings(struct stage *s, struct tracked *g, unsigned count, struct err **err)
{
	(void)s;
	for (unsigned i = g->siblings; i < MIN_OF(count, (unsigned)GROUP_PATHS_MAX); i++) {
		char name[WIRE_NAME_MAX + 24];
		snprintf(name, sizeof(name), CGROUP_SIBLING_FORMAT, g->name, i);
		int r = cgroup_create(name, err);
		if (r == 0 && g->limited)
			r = cgroup_set_cpuset(name, &g->cpus, err);
		if (r < 0)
			return r;
		g->siblings = i + 1;
	}
	return 0;
}

/*
 * The nodes on which a load's memory should be: those of its memory policy, else those of its CPUs if it has a cpuset.
 */
static uint64_t nodes_of(const struct stage *s, const struct tracked *g, const struct ktstr_load *load)
{
	struct cpuset_bits nodes;
	if (load->mem_nodes && cpuset_parse(load->mem_nodes, &nodes) == 0)
		return nodes.word[0];
	if (load->numa_node.set && load->numa_node.value < 64)
		return (uint64_t)1 << load->numa_node.value;
	return g->nodes ? g->nodes : g->limited ? topology_nodes_of(s->t->topology, &g->cpus) : 0;
}

/*
 * Replaces a node by its CPUs, and SPIN_WAIT by the requested work type if the workers divide evenly into its groups.
 */
static struct ktstr_load settled(const struct ktstr_ctx *t, const struct ktstr_load *load, bool swappable,
				 unsigned count)
{
	struct ktstr_load other = *load;
	const struct ktstr_work *work = t->work_override;
	if (load->numa_node.set)
		other.affinity = (struct ktstr_affinity){ .kind = KTSTR_AFFINITY_NODE, .count = load->numa_node.value };
	if (work && swappable && load->work.type == KTSTR_WORK_SPIN_WAIT && count % work_group_size(work) == 0)
		other.work = *work;
	return other;
}

static int add_load(struct stage *s, struct tracked *g, const struct ktstr_load *said, bool swappable, struct err **err)
{
	unsigned cpus = cpuset_count(&g->cpus);
	const struct ktstr_load other =
		settled(s->t, said, swappable || s->t->canned, load_workers(s->t->test, said, cpus));
	const struct ktstr_load *load = &other;
	unsigned count = load_workers(s->t->test, load, cpus);
	struct worker_place place = { .cgroup = g->name,
				      .limited = g->limited,
				      .cpus = g->cpus,
				      .step = s->index,
				      .nodes = nodes_of(s, g, load),
				      .terms = g->terms };
	int r = load_check(s->t->topology, g->name, said, &g->cpus, count, err);
	if (r == 0 && work_type(&load->work)->siblings)
		r = make_siblings(s, g, or_default(load->work.groups, 2), err);
	g->workers = true;
	return r == 0 ? worker_set_add(stage_workers(s, g), load, count, &place, err) : r;
}

int stage_define(struct stage *s, const struct ktstr_cgroup *def, struct err **err)
{
	struct tracked *g;
	struct cpuset_bits mems;
	int r = track(s, def->name, &g, err);
	if (r == 0 && def->cpuset.kind != KTSTR_CPUSET_ALL)
		r = resolve_and_set(s, g, &def->cpuset, err);
	if (r == 0 && def->cpuset_mems) {
		r = cgroup_set_mems(def->name, def->cpuset_mems, err);
		g->nodes = cpuset_parse(def->cpuset_mems, &mems) == 0 ? mems.word[0] : 0;
	}
	if (r == 0)
		r = cgroup_set_limits(def->name, &def->limits, err);
	if (r == 0)
		take_limits(g, &def->limits);
	struct ktstr_load merged;
	const struct ktstr_load *load;
	for (unsigned i = 0; r == 0 && (load = cgroup_load(def, i, &merged)); i++)
		r = add_load(s, g, load, def->swappable, err);
	return r;
}

/* --- payloads ----------------------------------------------------------------------------------------------------- */

static void note_payload(struct stage *s, enum ktstr_verdict v)
{
	static const int ranks[] = { [KTSTR_PASS] = 0, [KTSTR_SKIP] = 1, [KTSTR_INCONCLUSIVE] = 2, [KTSTR_FAIL] = 3 };
	s->payloads = ranks[v] > ranks[s->payloads] ? v : s->payloads;
}

int stage_run_payloads(struct stage *s, const struct ktstr_cgroup *g, struct err **err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && g->payloads && g->payloads[i]; i++) {
		struct ktstr_payload_run how = { .payload = g->payloads[i], .cgroup = g->name };
		struct payload *p;
		r = payload_start(s->t, &how, s->in_backdrop, &p, err);
	}
	return r;
}

static int payload_op(struct stage *s, const struct ktstr_op *op, struct err **err)
{
	struct ktstr_payload_run how = { .payload = op->payload, .cgroup = op->cgroup, .args = op->args };
	struct payload *p = NULL;
	if (op->kind == KTSTR_OP_RUN_PAYLOAD)
		return op->cgroup && !stage_find(s, op->cgroup)
			       ? FAIL(err, EXIT_BAD_DATA, -ENOENT,
				      "Op::RunPayload: there is no cgroup '%s' at that time", op->cgroup)
			       : payload_start(s->t, &how, s->in_backdrop, &p, err);
	int r = payload_find(s->t, op->payload, op->cgroup, &p);
	if (r < 0)
		return FAIL(err, EXIT_BAD_DATA, -EINVAL, "Op::%s: payload '%s' runs %s at that time", op_name(op->kind),
			    op->payload->name, r == -ENOENT ? "nowhere" : "in several places, name its cgroup,");
	note_payload(s, op->kind == KTSTR_OP_WAIT_PAYLOAD ? payload_wait(s->t, p) : payload_kill(s->t, p));
	return 0;
}

static void stop_workers(struct stage *s, const char *cgroup)
{
	worker_set_stop(&s->step, cgroup);
	worker_set_stop(&s->backdrop, cgroup);
}

int stage_drop(struct stage *s, struct tracked *g, struct err **err)
{
	int r = g->frozen ? cgroup_freeze(g->name, false, err) : 0;
	stop_workers(s, g->name);
	note_payload(s, payloads_end(s->t, g->name, false));
	for (unsigned i = 0; i < g->siblings; i++) {
		char name[WIRE_NAME_MAX + 24];
		snprintf(name, sizeof(name), CGROUP_SIBLING_FORMAT, g->name, i);
		r = r == 0 ? cgroup_remove(name, err) : r;
	}
	if (r == 0)
		r = cgroup_remove(g->name, err);
	/* Keeps the order: children come after their parents. */
	memmove(g, g + 1, (size_t)(&s->tracked[--s->count] - g) * sizeof(*g));
	return r;
}

/* --- one operation ------------------------------------------------------------------------------------------------ */

static int swap_cpusets(struct stage *s, struct tracked *a, struct tracked *b, struct err **err)
{
	struct cpuset_bits first = a->cpus, second = b->cpus;
	int r = set_cpuset(s, a, &second, err);
	return r == 0 ? set_cpuset(s, b, &first, err) : r;
}

static int move_tasks(struct stage *s, struct tracked *from, struct tracked *to, struct err **err)
{
	struct worker_place place = {
		.cgroup = to->name, .limited = to->limited, .cpus = to->cpus, .terms = to->terms
	};
	int r = worker_set_move(&s->step, from->name, &place, err);
	to->workers |= from->workers;
	if (r == 0)
		r = worker_set_move(&s->backdrop, from->name, &place, err);
	return r == 0 ? payloads_move(s->t, from->name, to->name, err) : r;
}

/* Frozen time does not count as a gap: the gaps at both ends are exempt. */
static int freeze(struct stage *s, struct tracked *g, bool frozen, struct err **err)
{
	worker_set_exempt_gap(&s->step, g->name);
	worker_set_exempt_gap(&s->backdrop, g->name);
	int r = cgroup_freeze(g->name, frozen, err);
	g->frozen = frozen;
	return r;
}

static int spawn_host(struct stage *s, const struct ktstr_load *said, struct err **err)
{
	const struct ktstr_load other = settled(s->t, said, false, 0), *load = &other;
	struct worker_place place = { .cgroup = "", .cpus = s->t->topology->all, .step = s->index };
	unsigned count = load_workers(s->t->test, load, s->t->topology->cpus);
	int r = load_check(s->t->topology, "(host)", said, &place.cpus, count, err);
	struct worker_set *workers = stage_workers(s, NULL);
	if (r == 0)
		r = worker_set_add(workers, load, count, &place, err);
	return r == 0 ? worker_set_start(workers, err) : r;
}

static int set_affinity(struct stage *s, struct tracked *g, const struct ktstr_affinity *a, struct err **err)
{
	int r = worker_set_set_affinity(&s->step, g->name, a, &g->cpus, err);
	return r == 0 ? worker_set_set_affinity(&s->backdrop, g->name, a, &g->cpus, err) : r;
}

static int capture_procs(struct tracked *g, struct err **err)
{
	int n = cgroup_procs(g->name);
	if (n < 0)
		return FAIL_SYS(err, n, "cgroup '%s': read cgroup.procs", g->name);
	printf("cgroup '%s': %d processes\n", g->name, n);
	return 0;
}

static int on_cgroup(struct stage *s, const struct ktstr_op *op, struct tracked *g, struct err **err)
{
	struct tracked *other = stage_find(s, op->other);
	int r;
	switch (op->kind) {
	case KTSTR_OP_REMOVE_CGROUP:
		return stage_drop(s, g, err);
	case KTSTR_OP_SET_CPUSET:
		return resolve_and_set(s, g, &op->cpuset, err);
	case KTSTR_OP_CLEAR_CPUSET:
		return clear_cpuset(s, g, err);
	case KTSTR_OP_SWAP_CPUSETS:
		return swap_cpusets(s, g, other, err);
	case KTSTR_OP_MOVE_ALL_TASKS:
		return move_tasks(s, g, other, err);
	case KTSTR_OP_SPAWN:
		r = add_load(s, g, &op->load, false, err);
		return r == 0 ? worker_set_start(stage_workers(s, g), err) : r;
	case KTSTR_OP_STOP_CGROUP:
		stop_workers(s, g->name);
		return 0;
	case KTSTR_OP_SET_AFFINITY:
		return set_affinity(s, g, &op->affinity, err);
	case KTSTR_OP_FREEZE_CGROUP:
	case KTSTR_OP_UNFREEZE_CGROUP:
		return freeze(s, g, op->kind == KTSTR_OP_FREEZE_CGROUP, err);
	case KTSTR_OP_CAPTURE_CGROUP_PROCS:
		return capture_procs(g, err);
	default:
		return FAIL(err, EXIT_BAD_DATA, -EINVAL, "Op::%s is not available", op_name(op->kind));
	}
}

static int define_and_start(struct stage *s, const struct ktstr_cgroup *def, struct err **err)
{
	int r = stage_define(s, def, err);
	if (r == 0)
		r = worker_set_start(stage_workers(s, NULL), err);
	return r == 0 ? stage_run_payloads(s, def, err) : r;
}

int stage_op(struct stage *s, const struct ktstr_op *op, struct err **err)
{
	struct tracked *g = stage_find(s, op->cgroup);
	bool two = op->kind == KTSTR_OP_SWAP_CPUSETS || op->kind == KTSTR_OP_MOVE_ALL_TASKS;
	s->ops++;
	s->op_kinds |= 1u << op->kind;
	switch (op->kind) {
	case KTSTR_OP_ADD_CGROUP:
		return g ? FAIL(err, EXIT_BAD_DATA, -EEXIST,
				"Op::AddCgroup '%s' collides with a cgroup already tracked", op->cgroup)
			 : track(s, op->cgroup, &g, err);
	case KTSTR_OP_ADD_CGROUP_DEF:
		return define_and_start(s, op->def, err);
	case KTSTR_OP_SPAWN_HOST:
		return spawn_host(s, &op->load, err);
	case KTSTR_OP_CALL:
		op->fn(s->t, op->arg);
		return 0;
	case KTSTR_OP_RUN_PAYLOAD:
	case KTSTR_OP_WAIT_PAYLOAD:
	case KTSTR_OP_KILL_PAYLOAD:
		return payload_op(s, op, err);
	case KTSTR_OP_DETACH_SCHEDULER:
	case KTSTR_OP_ATTACH_SCHEDULER:
	case KTSTR_OP_RESTART_SCHEDULER:
	case KTSTR_OP_REPLACE_SCHEDULER:
		return stage_scheduler(s, op, err);
	default:
		if (!g || (two && !stage_find(s, op->other)))
			return FAIL(err, EXIT_BAD_DATA, -ENOENT, "Op::%s: there is no cgroup '%s' at that time",
				    op_name(op->kind), g ? op->other : op->cgroup);
		return on_cgroup(s, op, g, err);
	}
}
