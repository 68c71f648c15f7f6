/* SPDX-License-Identifier: GPL-2.0-only */
/* validate.c -- is a scenario possible on a machine? A walk over its data with a model of which cgroups exist when. */
#include <math.h>
#include <string.h>

#include "guest/stage.h"
#include "guest/work/work.h"

#define BAD(err, ...) FAIL(err, EXIT_BAD_DATA, -EINVAL, __VA_ARGS__)

/* --- loads -------------------------------------------------------------------------------------------------------- */

unsigned load_workers(const struct ktstr_test *test, const struct ktstr_load *load, unsigned cpus)
{
	if (load->workers)
		return load->workers;
	if (load->workers_share > 0)
		return (unsigned)ceil(load->workers_share * cpus - 1e-9);
	return test->workers_per_cgroup ? test->workers_per_cgroup : 2;
}

const struct ktstr_load *cgroup_load(const struct ktstr_cgroup *g, unsigned index)
{
	if (!g->no_workers && index-- == 0)
		return &g->load;
	const struct ktstr_load *more = g->loads;
	while (more && (more->workers || more->workers_share > 0) && index--)
		more++;
	return more && (more->workers || more->workers_share > 0) ? more : NULL;
}

static int check_policy(const char *cgroup, const struct ktstr_policy *p, struct err **err)
{
	bool rt = p->kind == KTSTR_POLICY_FIFO || p->kind == KTSTR_POLICY_RR;
	unsigned period = p->period_us ? p->period_us : p->deadline_us;
	if (p->kind >= KTSTR_POLICY_KIND_MAX)
		return BAD(err, "cgroup '%s': unknown scheduling policy", cgroup);
	if (rt && (p->priority < 1 || p->priority > 99))
		return BAD(err, "cgroup '%s': %s priority %u is not in 1..99", cgroup,
			   p->kind == KTSTR_POLICY_FIFO ? "Fifo" : "RoundRobin", p->priority);
	if (!rt && p->priority)
		return BAD(err, "cgroup '%s': priority %u without Fifo or RoundRobin", cgroup, p->priority);
	if (p->kind == KTSTR_POLICY_DEADLINE &&
	    (!p->runtime_us || p->runtime_us > p->deadline_us || p->deadline_us > period))
		return BAD(err, "cgroup '%s': Deadline needs 0 < runtime <= deadline <= period, got %u, %u, %u us",
			   cgroup, p->runtime_us, p->deadline_us, period);
	return 0;
}

static int check_memory(const struct guest_topology *t, const char *cgroup, const struct ktstr_load *l,
			const struct cpuset_bits *cpus, struct err **err)
{
	static const char *const name[KTSTR_MEM_POLICY_MAX] = { "Default", "Bind", "Preferred", "Interleave", "Local",
								"PreferredMany", "WeightedInterleave" };
	struct cpuset_bits nodes = { 0 };
	if (l->mem_policy >= KTSTR_MEM_POLICY_MAX)
		return BAD(err, "cgroup '%s': unknown memory policy", cgroup);
	const char *what = name[l->mem_policy];
	bool wants = l->mem_policy != KTSTR_MEM_DEFAULT && l->mem_policy != KTSTR_MEM_LOCAL;
	if (l->mem_nodes && cpuset_parse(l->mem_nodes, &nodes) < 0)
		return BAD(err, "cgroup '%s': MemPolicy::%s: '%s' is no node list", cgroup, what, l->mem_nodes);
	if (wants && !cpuset_count(&nodes))
		return BAD(err, "cgroup '%s': MemPolicy::%s with an empty node set", cgroup, what);
	if (!wants && cpuset_count(&nodes))
		return BAD(err, "cgroup '%s': MemPolicy::%s takes no nodes", cgroup, what);
	if (l->mem_policy == KTSTR_MEM_PREFERRED && cpuset_count(&nodes) != 1)
		return BAD(err, "cgroup '%s': MemPolicy::Preferred takes one node, got '%s'", cgroup, l->mem_nodes);
	if (l->mem_flags & ~(KTSTR_MPOL_STATIC_NODES | KTSTR_MPOL_RELATIVE_NODES | KTSTR_MPOL_NUMA_BALANCING))
		return BAD(err, "cgroup '%s': unknown memory policy flags 0x%x", cgroup, l->mem_flags);
	uint64_t may = topology_nodes_of(t, cpus), first = nodes.word[0];
	for (size_t i = 1; i < CPUSET_WORDS; i++)
		first |= nodes.word[i] ? UINT64_MAX : 0;
	if (wants && (first & ~may))
		return BAD(err, "cgroup '%s': MemPolicy::%s nodes {%s} are not all among the NUMA nodes of its cpuset",
			   cgroup, what, l->mem_nodes);
	return 0;
}

static int check_affinity(const struct guest_topology *t, const char *cgroup, const struct ktstr_affinity *a,
			  const struct cpuset_bits *pool, struct err **err)
{
	struct cpuset_bits set;
	char text[CPUSET_TEXT_MAX];
	unsigned have = cpuset_count(pool);
	if (a->kind >= KTSTR_AFFINITY_KIND_MAX)
		return BAD(err, "cgroup '%s': unknown affinity", cgroup);
	if (a->kind == KTSTR_AFFINITY_RANDOM_SUBSET && a->count > have)
		return BAD(err, "cgroup '%s': RandomSubset of %u CPUs from a pool of %u", cgroup, a->count, have);
	if (a->kind != KTSTR_AFFINITY_EXACT)
		return 0;
	if (!a->list || cpuset_parse(a->list, &set) < 0 || !cpuset_count(&set))
		return BAD(err, "cgroup '%s': affinity '%s' is no CPU list", cgroup, a->list ? a->list : "");
	for (size_t i = 0; i < CPUSET_WORDS; i++)
		set.word[i] &= ~pool->word[i];
	if (cpuset_count(&set))
		return BAD(err, "cgroup '%s': affinity '%s' names CPU(s) {%s} outside its cpuset", cgroup, a->list,
			   cpuset_format(&set, text, sizeof(text)));
	(void)t;
	return 0;
}

int load_check(const struct guest_topology *t, const char *cgroup, const struct ktstr_load *l,
	       const struct cpuset_bits *cpus, unsigned count, struct err **err)
{
	const struct work_type *type = work_type(&l->work);
	const char *why = type && type->check ? type->check(&l->work) : NULL;
	unsigned group = type ? work_group_size(&l->work) : 1;
	if (!type)
		return BAD(err, "cgroup '%s': unknown work type", cgroup);
	if (why)
		return BAD(err, "cgroup '%s': %s", cgroup, why);
	if (l->workers && l->workers_share > 0)
		return BAD(err, "cgroup '%s': workers and workers_share are both said", cgroup);
	if (!(l->workers_share >= 0) || !isfinite(l->workers_share))
		return BAD(err, "cgroup '%s': workers_share %g is no share", cgroup, l->workers_share);
	if (!count)
		return BAD(err, "cgroup '%s': num_workers must be > 0", cgroup);
	if (count % group)
		return BAD(err, "cgroup '%s': %s requires num_workers divisible by %u, got %u", cgroup, type->name,
			   group, count);
	if (count > WORKERS_MAX)
		return BAD(err, "cgroup '%s': %u workers, at most %d at once", cgroup, count, WORKERS_MAX);
	if (l->nice.set && (l->nice.value < -20 || l->nice.value > 19))
		return BAD(err, "cgroup '%s': nice %d is not in -20..19", cgroup, l->nice.value);
	if (l->comm && (!*l->comm || strlen(l->comm) > 15))
		return BAD(err, "cgroup '%s': comm '%s' has not 1 to 15 bytes", cgroup, l->comm);
	int r = check_policy(cgroup, &l->policy, err);
	if (r == 0)
		r = check_affinity(t, cgroup, &l->affinity, cpus, err);
	return r == 0 ? check_memory(t, cgroup, l, cpus, err) : r;
}

/* --- the model ---------------------------------------------------------------------------------------------------- */

struct model {
	const struct ktstr_test *test;
	const struct guest_topology *topology;
	struct tracked *tracked;
	unsigned count, workers;
	bool backdrop;
	bool scheduler;			/* attached */
};

static struct tracked *find(const struct model *m, const char *name)
{
	for (unsigned i = 0; name && i < m->count; i++)
		if (!strcmp(m->tracked[i].name, name))
			return &m->tracked[i];
	return NULL;
}

bool parent_name(const char *name, char out[WIRE_NAME_MAX])
{
	const char *slash = strrchr(name, '/');
	if (!slash)
		return false;
	snprintf(out, WIRE_NAME_MAX, "%.*s", (int)(slash - name), name);
	return true;
}

static bool bad_name(const char *name)
{
	if (!name || !*name || strlen(name) > WIRE_NAME_MAX - 16 || strchr(name, '\n'))
		return true;
	for (const char *part = name; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
		if (*part == '.' || *part == '/' || !*part || !strncmp(part, "cgroup.", 7))
			return true;
	return false;
}

static int add(struct model *m, const char *op, const char *name, struct tracked **ret, struct err **err)
{
	char parent[WIRE_NAME_MAX];
	if (bad_name(name))
		return BAD(err, "'%s' is no name for a cgroup", name ? name : "");
	if (find(m, name))
		return op ? BAD(err, "%s '%s' collides with a cgroup already tracked", op, name) :
			    BAD(err, "cgroup '%s' is declared twice", name);
	if (m->count == TRACKED_MAX)
		return BAD(err, "cgroup '%s': more than %d cgroups at once", name, TRACKED_MAX);
	struct tracked *g = &m->tracked[m->count++];
	*g = (struct tracked){ .backdrop = m->backdrop, .cpus = m->topology->all };
	snprintf(g->name, sizeof(g->name), "%s", name);
	const struct tracked *above = parent_name(name, parent) ? find(m, parent) : NULL;
	if (above && above->limited)
		g->cpus = above->cpus;
	*ret = g;
	return 0;
}

/* What is set on a child whose parent has processes of its own: the kernel refuses to enable a controller there. */
static int check_nesting(const struct model *m, const struct tracked *g, const char *what, struct err **err)
{
	char parent[WIRE_NAME_MAX];
	const struct tracked *above = parent_name(g->name, parent) ? find(m, parent) : NULL;
	if (above && above->workers)
		return BAD(err, "cgroup '%s': %s cannot be set, its parent '%s' has workers of its own", g->name, what,
			   parent);
	return 0;
}

static int take_cpuset(const struct model *m, struct tracked *g, const struct ktstr_cpuset *spec, struct err **err)
{
	char why[200], parent[WIRE_NAME_MAX], text[CPUSET_TEXT_MAX];
	struct cpuset_bits set, outside;
	if (spec->kind == KTSTR_CPUSET_ALL)
		return 0;
	if (cpuset_resolve(m->topology, spec, &set, why, sizeof(why)) < 0)
		return BAD(err, "cgroup '%s': CpusetSpec validation failed: %s", g->name, why);
	const struct tracked *above = parent_name(g->name, parent) ? find(m, parent) : NULL;
	for (size_t i = 0; i < CPUSET_WORDS; i++)
		outside.word[i] = above && above->limited ? set.word[i] & ~above->cpus.word[i] : 0;
	if (cpuset_count(&outside))
		return BAD(err, "cgroup '%s': CPU(s) {%s} are not in the cpuset of its parent '%s'", g->name,
			   cpuset_format(&outside, text, sizeof(text)), parent);
	g->cpus = set;
	g->limited = true;
	return check_nesting(m, g, "a cpuset", err);
}

static int check_range(const char *cgroup, const char *what, uint64_t value, uint64_t least, uint64_t most,
		       struct err **err)
{
	if (value && (value < least || value > most))
		return BAD(err, "cgroup '%s': %s %lu is not in %lu..%lu", cgroup, what, value, least, most);
	return 0;
}

static bool any_limit(const struct ktstr_limits *l)
{
	static const struct ktstr_limits none;
	return memcmp(l, &none, sizeof(none)) != 0;
}

static int check_limits(const struct model *m, const struct tracked *g, const struct ktstr_limits *l, struct err **err)
{
	if (l->cpu_quota_pct && l->cpu_quota_us)
		return BAD(err, "cgroup '%s': cpu_quota_pct and cpu_quota_us are both said", g->name);
	if (l->cpu_period_us && !l->cpu_quota_us && !l->cpu_quota_pct)
		return BAD(err, "cgroup '%s': cpu_period_us without a quota", g->name);
	int r = check_range(g->name, "cpu_period_us", l->cpu_period_us, 1000, 1000000, err);
	if (r == 0)
		r = check_range(g->name, "cpu_quota_us", l->cpu_quota_us, 1000, UINT32_MAX, err);
	if (r == 0)
		r = check_range(g->name, "cpu_weight", l->cpu_weight, 1, 10000, err);
	if (r == 0)
		r = check_range(g->name, "io_weight", l->io_weight, 1, 10000, err);
	return r == 0 && any_limit(l) ? check_nesting(m, g, "a limit", err) : r;
}

static int take_load(struct model *m, struct tracked *g, const struct ktstr_load *load, struct err **err)
{
	unsigned count = load_workers(m->test, load, cpuset_count(&g->cpus));
	g->workers = true;
	m->workers += count;
	if (m->workers > WORKERS_MAX)
		return BAD(err, "cgroup '%s': more than %d workers in one step", g->name, WORKERS_MAX);
	return load_check(m->topology, g->name, load, &g->cpus, count, err);
}

static int take_mems(const struct model *m, const struct tracked *g, const char *mems, struct err **err)
{
	struct cpuset_bits nodes;
	if (!mems)
		return 0;
	if (cpuset_parse(mems, &nodes) < 0 || !cpuset_count(&nodes))
		return BAD(err, "cgroup '%s': cpuset_mems '%s' is no node list", g->name, mems);
	for (unsigned n = 0; n < CPUSET_CPUS_MAX; n++)
		if (cpuset_has(&nodes, n) && n >= m->topology->nodes)
			return BAD(err, "cgroup '%s': cpuset_mems names node %u, topology has %u NUMA nodes", g->name,
				   n, m->topology->nodes);
	return check_nesting(m, g, "memory nodes", err);
}

static int take_def(struct model *m, const char *op, const struct ktstr_cgroup *def, struct err **err)
{
	struct tracked *g;
	int r = add(m, op, def->name, &g, err);
	if (r == 0)
		r = take_cpuset(m, g, &def->cpuset, err);
	if (r == 0)
		r = take_mems(m, g, def->cpuset_mems, err);
	if (r == 0)
		r = check_limits(m, g, &def->limits, err);
	for (unsigned i = 0; r == 0 && cgroup_load(def, i); i++)
		r = take_load(m, g, cgroup_load(def, i), err);
	return r;
}

static int take_defs(struct model *m, const struct ktstr_cgroup *defs, struct err **err)
{
	int r = 0;
	for (const struct ktstr_cgroup *g = defs; r == 0 && g && g->name; g++)
		r = take_def(m, NULL, g, err);
	return r;
}

/* --- operations --------------------------------------------------------------------------------------------------- */

static int known(struct model *m, const struct ktstr_op *op, const char *name, struct tracked **ret, struct err **err)
{
	*ret = find(m, name);
	if (*ret)
		return 0;
	return BAD(err, "Op::%s: there is no cgroup '%s' at that time", op_name(op->kind), name ? name : "");
}

static void drop(struct model *m, struct tracked *g)
{
	*g = m->tracked[--m->count];
}

static bool has_children(const struct model *m, const struct tracked *g)
{
	size_t len = strlen(g->name);
	for (unsigned i = 0; i < m->count; i++)
		if (!strncmp(m->tracked[i].name, g->name, len) && m->tracked[i].name[len] == '/')
			return true;
	return false;
}

static int two_cgroups(struct model *m, const struct ktstr_op *op, struct err **err)
{
	struct tracked *a, *b;
	int r = known(m, op, op->cgroup, &a, err);
	if (r == 0)
		r = known(m, op, op->other, &b, err);
	if (r < 0)
		return r;
	if (a == b)
		return BAD(err, "Op::%s: both cgroups are '%s'", op_name(op->kind), a->name);
	if (op->kind == KTSTR_OP_SWAP_CPUSETS) {
		if (!a->limited || !b->limited)
			return BAD(err, "Op::SwapCpusets: cgroup '%s' has no cpuset", a->limited ? b->name : a->name);
		struct cpuset_bits held = a->cpus;
		a->cpus = b->cpus;
		b->cpus = held;
		return 0;
	}
	if (a->backdrop && !b->backdrop)
		return BAD(err, "Op::MoveAllTasks: from the backdrop's '%s' to '%s', which ends with the step", a->name,
			   b->name);
	if (has_children(m, b))
		return BAD(err, "Op::MoveAllTasks: '%s' has children and can hold no process", b->name);
	b->workers |= a->workers;
	return 0;
}

static int take_scheduler_op(struct model *m, const struct ktstr_op *op, struct err **err)
{
	const struct ktstr_scheduler *const *s = m->test->staged;
	if (!m->test->scheduler)
		return BAD(err, "Op::%s: the test has no scheduler", op_name(op->kind));
	if (op->kind == KTSTR_OP_ATTACH_SCHEDULER ? m->scheduler : !m->scheduler)
		return BAD(err, "Op::%s: the scheduler is %s at that time", op_name(op->kind),
			   m->scheduler ? "attached" : "detached");
	m->scheduler = op->kind != KTSTR_OP_DETACH_SCHEDULER;
	if (op->kind != KTSTR_OP_REPLACE_SCHEDULER)
		return 0;
	if (!op->scheduler)
		return BAD(err, "Op::ReplaceScheduler: no scheduler is named");
	while (s && *s && *s != op->scheduler)
		s++;
	return s && *s ? 0 : BAD(err, "Op::ReplaceScheduler: '%s' is not among the test's staged schedulers",
				 op->scheduler->name);
}

static int take_one_cgroup_op(struct model *m, const struct ktstr_op *op, struct err **err)
{
	struct tracked *g;
	int r = known(m, op, op->cgroup, &g, err);
	if (r < 0)
		return r;
	switch (op->kind) {
	case KTSTR_OP_REMOVE_CGROUP:
		if (has_children(m, g))
			return BAD(err, "Op::RemoveCgroup: '%s' has children", g->name);
		drop(m, g);
		return 0;
	case KTSTR_OP_SET_CPUSET:
		if (op->cpuset.kind == KTSTR_CPUSET_ALL)
			return BAD(err, "Op::SetCpuset: no cpuset for '%s'", g->name);
		return take_cpuset(m, g, &op->cpuset, err);
	case KTSTR_OP_CLEAR_CPUSET:
		g->limited = false;
		g->cpus = m->topology->all;
		return 0;
	case KTSTR_OP_SPAWN:
		return has_children(m, g) ? BAD(err, "Op::Spawn: '%s' has children and can hold no process", g->name) :
					    take_load(m, g, &op->load, err);
	case KTSTR_OP_SET_AFFINITY:
		return check_affinity(m->topology, g->name, &op->affinity, &g->cpus, err);
	case KTSTR_OP_FREEZE_CGROUP:
	case KTSTR_OP_UNFREEZE_CGROUP:
		if (g->frozen == (op->kind == KTSTR_OP_FREEZE_CGROUP))
			return BAD(err, "Op::%s: '%s' is %s already", op_name(op->kind), g->name,
				   g->frozen ? "frozen" : "thawed");
		g->frozen = !g->frozen;
		return 0;
	default:
		return 0;
	}
}

static int take_op(struct model *m, const struct ktstr_op *op, struct err **err)
{
	struct tracked *g, host = { .cpus = m->topology->all, .name = "(host)" };
	switch (op->kind) {
	case KTSTR_OP_ADD_CGROUP:
		return add(m, "Op::AddCgroup", op->cgroup, &g, err);
	case KTSTR_OP_ADD_CGROUP_DEF:
		return op->def ? take_def(m, "Op::AddCgroupDef", op->def, err)
			       : BAD(err, "Op::AddCgroupDef: no definition");
	case KTSTR_OP_SWAP_CPUSETS:
	case KTSTR_OP_MOVE_ALL_TASKS:
		return two_cgroups(m, op, err);
	case KTSTR_OP_SPAWN_HOST:
		if (work_type(&op->load.work) && work_type(&op->load.work)->siblings)
			return BAD(err, "Op::SpawnHost: %s needs a cgroup", work_name(&op->load.work));
		return take_load(m, &host, &op->load, err);
	case KTSTR_OP_DETACH_SCHEDULER:
	case KTSTR_OP_ATTACH_SCHEDULER:
	case KTSTR_OP_RESTART_SCHEDULER:
	case KTSTR_OP_REPLACE_SCHEDULER:
		return take_scheduler_op(m, op, err);
	case KTSTR_OP_CALL:
		return op->fn ? 0 : BAD(err, "Op::Call: no function");
	case KTSTR_OP_RUN_PAYLOAD:
	case KTSTR_OP_WAIT_PAYLOAD:
	case KTSTR_OP_KILL_PAYLOAD:
	case KTSTR_OP_KIND_MAX:
		return BAD(err, "Op::%s is not available", op_name(op->kind));
	default:
		return take_one_cgroup_op(m, op, err);
	}
}

static int take_ops(struct model *m, const struct ktstr_op *ops, struct err **err)
{
	unsigned n = 0;
	for (const struct ktstr_op *op = ops; op && op->kind != KTSTR_OP_KIND_MAX; op++) {
		int r = ++n > OPS_MAX ? BAD(err, "more than %d operations", OPS_MAX) : take_op(m, op, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

static int check_hold(const struct ktstr_hold *h, struct err **err)
{
	if (!isfinite(h->share) || h->share < 0 || h->share > 1)
		return BAD(err, "HoldSpec::Frac %g must lie in [0.0, 1.0]", h->share);
	if ((h->share > 0) + (h->ms > 0) + (h->loop_ms > 0) > 1)
		return BAD(err, "HoldSpec: more than one of a share, a time and a loop");
	return 0;
}

static void forget_step(struct model *m)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < m->count; i++)
		if (m->tracked[i].backdrop)
			m->tracked[kept++] = m->tracked[i];
	m->count = kept;
}

/* A loop runs its operations again and again: what holds for the second time holds for all. */
static int take_step(struct model *m, const struct ktstr_step *s, struct err **err)
{
	unsigned before = m->workers;
	int r = check_hold(&s->hold, err);
	if (r == 0 && s->cgroups && s->factory)
		r = BAD(err, "cgroups and a factory are both said");
	if (r == 0 && s->hold.loop_ms)
		r = take_defs(m, s->cgroups, err);
	for (unsigned i = 0; r == 0 && i < (s->hold.loop_ms ? 2u : 1u); i++)
		r = take_ops(m, s->ops, err);
	if (r == 0 && !s->hold.loop_ms)
		r = take_defs(m, s->cgroups, err);
	m->workers = before;
	forget_step(m);
	return r;
}

static int take_backdrop(struct model *m, const struct ktstr_backdrop *b, struct err **err)
{
	m->backdrop = true;
	int r = take_defs(m, b->cgroups, err);
	if (r == 0)
		r = take_ops(m, b->ops, err);
	m->backdrop = false;
	return r < 0 ? err_wrap(err, r, "Backdrop setup failed") : 0;
}

int scenario_check(const struct ktstr_test *test, const struct guest_topology *topology, const struct ktstr_scenario *s,
		   struct err **err)
{
	struct model m = { .test = test, .topology = topology, .scheduler = test->scheduler != NULL };
	m.tracked = calloc(TRACKED_MAX, sizeof(*m.tracked));
	if (!m.tracked)
		return FAIL_SYS(err, -ENOMEM, "check the scenario");
	int r = take_backdrop(&m, &s->backdrop, err);
	unsigned n = 0;
	for (const struct ktstr_step *step = s->steps; r == 0 && step && step->name; step++, n++) {
		r = n == STEPS_MAX ? BAD(err, "more than %d steps", STEPS_MAX) : take_step(&m, step, err);
		if (r < 0)
			err_wrap(err, r, "step %u ('%s') failed", n, step->name);
	}
	if (r == 0 && !n)
		r = BAD(err, "the scenario has no steps");
	free(m.tracked);
	return r;
}
