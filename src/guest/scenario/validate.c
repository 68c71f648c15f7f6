/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * validate.c -- see validate.h. It walks the scenario with a model of the cgroups
 * that exist at each point.
 */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "guest/cgroup.h"
#include "guest/checks.h"
#include "guest/load.h"
#include "guest/mark.h"
#include "guest/payload/declaration.h"
#include "guest/scenario/op_names.h"
#include "guest/scenario/stage.h"
#include "guest/scenario/validate.h"
#include "guest/scenario/validate_load.h"
#include "guest/work/work.h"

#define WATCHES_MAX 3

#define BAD(err, ...) FAIL(err, ERR_DATA, -EINVAL, __VA_ARGS__)

/* --- the model ---------------------------------------------------------------------------------------------------- */

/* A payload that was started and has not been waited for. */
struct running {
	const struct ktstr_payload *payload;
	char cgroup[WIRE_NAME_MAX];
	bool backdrop;
};

struct model {
	const struct ktstr_test *test;
	const struct guest_topology *topology;
	struct tracked *tracked;
	unsigned count, workers;
	bool backdrop;
	bool scheduler; /* attached */
	struct running running[PAYLOADS_MAX];
	unsigned payloads;
	const char *watched[WATCHES_MAX]; /* variables of the kernel */
	unsigned watches;
	struct buf *limits; /* gets the limits that loads set themselves; NULL: not wanted */
};

static struct tracked *find_cgroup(const struct model *m, const char *name)
{
	return tracked_find(m->tracked, m->count, name);
}

static bool bad_name(const char *name)
{
	if (!name || !*name || strlen(name) > WIRE_NAME_MAX - 16 || !text_is_clean(name, strlen(name), true))
		return true;
	for (const char *part = name; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
		if (*part == '.' || *part == '/' || !*part || !strncmp(part, "cgroup.", 7))
			return true;
	return false;
}

static int add_cgroup(struct model *m, const char *op, const char *name, struct tracked **ret, struct err **err)
{
	char parent[WIRE_NAME_MAX];
	if (bad_name(name))
		return BAD(err,
			   "'%s' is not a valid name for a cgroup: it must be printable UTF-8 of at most %d bytes, "
			   "without empty parts and parts that begin with '.' or 'cgroup.'",
			   name ? name : "", WIRE_NAME_MAX - 16);
	if (find_cgroup(m, name))
		return op ? BAD(err, "%s '%s' collides with a cgroup already tracked", op, name)
			  : BAD(err, "cgroup '%s' is declared twice", name);
	if (m->count == TRACKED_MAX)
		return BAD(err, "cgroup '%s': more than %d cgroups at once", name, TRACKED_MAX);
	struct tracked *g = &m->tracked[m->count++];
	*g = (struct tracked){ .backdrop = m->backdrop, .cpus = m->topology->all };
	snprintf(g->name, sizeof(g->name), "%s", name);
	const struct tracked *above = cgroup_parent(name, parent) ? find_cgroup(m, parent) : NULL;
	if (above && above->limited)
		g->cpus = above->cpus;
	*ret = g;
	return 0;
}

/* Rejects settings on a cgroup whose parent has processes: the kernel refuses to enable a controller there. */
static int check_nesting(const struct model *m, const struct tracked *g, const char *what, struct err **err)
{
	char parent[WIRE_NAME_MAX];
	const struct tracked *above = cgroup_parent(g->name, parent) ? find_cgroup(m, parent) : NULL;
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
		return BAD(err, "cgroup '%s': cpuset: %s", g->name, why);
	const struct tracked *above = cgroup_parent(g->name, parent) ? find_cgroup(m, parent) : NULL;
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
	if (l->cpu_unlimited && (l->cpu_quota_pct || l->cpu_quota_us))
		return BAD(err, "cgroup '%s': cpu_unlimited and a quota are both said", g->name);
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
	if (m->limits)
		checks_describe(&load->checks, g->name, work_name(&load->work), m->limits);
	return load_check(m->topology, g->name, load, &g->cpus, count, err);
}

static int take_mems(const struct model *m, const struct tracked *g, const char *mems, struct err **err)
{
	struct cpuset_bits nodes;
	if (!mems)
		return 0;
	if (cpuset_parse(mems, &nodes) < 0 || !cpuset_count(&nodes))
		return BAD(err, "cgroup '%s': cpuset_mems '%s' is not a node list", g->name, mems);
	for (unsigned n = 0; n < CPUSET_CPUS_MAX; n++)
		if (cpuset_has(&nodes, n) && n >= m->topology->nodes)
			return BAD(err, "cgroup '%s': cpuset_mems names node %u, topology has %u NUMA nodes", g->name,
				   n, m->topology->nodes);
	return check_nesting(m, g, "memory nodes", err);
}

static int run_payload(struct model *m, const char *what, const struct ktstr_payload *p, const char *cgroup,
		       struct err **err)
{
	if (!p)
		return BAD(err, "%s: no payload is named", what);
	if (!payload_declared(m->test, p))
		return BAD(err, "%s: payload '%s' is neither the test's .payload nor one of its .workloads", what,
			   p->name);
	if (m->payloads == PAYLOADS_MAX)
		return BAD(err, "%s: more than %d payloads at once", what, PAYLOADS_MAX);
	for (unsigned i = 0; i < m->payloads; i++)
		if (m->running[i].payload == p && !strcmp(m->running[i].cgroup, cgroup))
			return BAD(err, "%s: payload '%s' runs there already; wait for it first", what, p->name);
	struct running *r = &m->running[m->payloads++];
	*r = (struct running){ .payload = p, .backdrop = m->backdrop };
	snprintf(r->cgroup, sizeof(r->cgroup), "%s", cgroup);
	return 0;
}

static int end_payload(struct model *m, const struct ktstr_op *op, struct err **err)
{
	struct running *found = NULL;
	if (!op->payload)
		return BAD(err, "KTSTR_OP(%s): no payload is named", op_name(op->kind));
	for (unsigned i = 0; i < m->payloads; i++) {
		struct running *r = &m->running[i];
		if (r->payload != op->payload || (op->cgroup && strcmp(r->cgroup, op->cgroup)))
			continue;
		if (found)
			return BAD(err, "KTSTR_OP(%s): payload '%s' runs in '%s' and '%s': name one", op_name(op->kind),
				   op->payload->name, found->cgroup, r->cgroup);
		found = r;
	}
	if (!found)
		return BAD(err, "KTSTR_OP(%s): payload '%s' does not run%s%s at that time", op_name(op->kind),
			   op->payload->name, op->cgroup ? " in " : "", op->cgroup ? op->cgroup : "");
	*found = m->running[--m->payloads];
	return 0;
}

/* Forgets the payloads that end with @cgroup, or (NULL) with the step. */
static void forget_payloads(struct model *m, const char *cgroup)
{
	for (unsigned i = m->payloads; i-- > 0;)
		if (cgroup ? !strcmp(m->running[i].cgroup, cgroup) : !m->running[i].backdrop)
			m->running[i] = m->running[--m->payloads];
}

static void move_payloads(struct model *m, const char *from, const char *to)
{
	for (unsigned i = 0; i < m->payloads; i++)
		if (!strcmp(m->running[i].cgroup, from))
			snprintf(m->running[i].cgroup, sizeof(m->running[i].cgroup), "%s", to);
}

static int take_def(struct model *m, const char *op, const struct ktstr_cgroup *def, struct err **err)
{
	struct tracked *g;
	int r = add_cgroup(m, op, def->name, &g, err);
	if (r == 0)
		r = take_cpuset(m, g, &def->cpuset, err);
	if (r == 0)
		r = take_mems(m, g, def->cpuset_mems, err);
	if (r == 0)
		r = check_limits(m, g, &def->limits, err);
	struct ktstr_load merged;
	const struct ktstr_load *load;
	for (unsigned i = 0; r == 0 && (load = cgroup_load(def, i, &merged)); i++)
		r = take_load(m, g, load, err);
	for (size_t i = 0; r == 0 && def->payloads && def->payloads[i]; i++) {
		r = run_payload(m, "payloads", def->payloads[i], def->name, err);
		if (r < 0)
			err_wrap(err, r, "cgroup '%s'", def->name);
	}
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

static int require_cgroup(struct model *m, const struct ktstr_op *op, const char *name, struct tracked **ret,
			  struct err **err)
{
	*ret = find_cgroup(m, name);
	if (*ret)
		return 0;
	return BAD(err, "KTSTR_OP(%s): there is no cgroup '%s' at that time", op_name(op->kind), name ? name : "");
}

static void drop_cgroup(struct model *m, struct tracked *g)
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
	int r = require_cgroup(m, op, op->cgroup, &a, err);
	if (r == 0)
		r = require_cgroup(m, op, op->other, &b, err);
	if (r < 0)
		return r;
	if (a == b)
		return BAD(err, "KTSTR_OP(%s): both cgroups are '%s'", op_name(op->kind), a->name);
	if (op->kind == KTSTR_OP_SWAP_CPUSETS) {
		if (!a->limited || !b->limited)
			return BAD(err, "KTSTR_OP(SWAP_CPUSETS): cgroup '%s' has no cpuset",
				   a->limited ? b->name : a->name);
		struct cpuset_bits held = a->cpus;
		a->cpus = b->cpus;
		b->cpus = held;
		return 0;
	}
	if (a->backdrop && !b->backdrop)
		return BAD(err, "KTSTR_OP(MOVE_ALL_TASKS): from the backdrop's '%s' to '%s', which ends with the step",
			   a->name, b->name);
	if (has_children(m, b))
		return BAD(err, "KTSTR_OP(MOVE_ALL_TASKS): '%s' has children and can hold no process", b->name);
	b->workers |= a->workers;
	move_payloads(m, a->name, b->name);
	return 0;
}

static int take_scheduler_op(struct model *m, const struct ktstr_op *op, struct err **err)
{
	const struct ktstr_scheduler *const *s = m->test->staged;
	if (!m->test->scheduler)
		return BAD(err, "KTSTR_OP(%s): the test has no scheduler", op_name(op->kind));
	if (op->kind == KTSTR_OP_ATTACH_SCHEDULER ? m->scheduler : !m->scheduler)
		return BAD(err, "KTSTR_OP(%s): the scheduler is %s at that time", op_name(op->kind),
			   m->scheduler ? "attached" : "detached");
	m->scheduler = op->kind != KTSTR_OP_DETACH_SCHEDULER;
	if (op->kind != KTSTR_OP_REPLACE_SCHEDULER)
		return 0;
	if (!op->scheduler)
		return BAD(err, "KTSTR_OP(REPLACE_SCHEDULER): no scheduler is named");
	while (s && *s && *s != op->scheduler)
		s++;
	return s && *s ? 0
		       : BAD(err, "KTSTR_OP(REPLACE_SCHEDULER): '%s' is not among the test's staged schedulers",
			     op->scheduler->name);
}

static int take_one_cgroup_op(struct model *m, const struct ktstr_op *op, struct err **err)
{
	struct tracked *g;
	int r = require_cgroup(m, op, op->cgroup, &g, err);
	if (r < 0)
		return r;
	switch (op->kind) {
	case KTSTR_OP_REMOVE_CGROUP:
		if (has_children(m, g))
			return BAD(err, "KTSTR_OP(REMOVE_CGROUP): '%s' has children", g->name);
		forget_payloads(m, g->name);
		drop_cgroup(m, g);
		return 0;
	case KTSTR_OP_SET_CPUSET:
		if (op->cpuset.kind == KTSTR_CPUSET_ALL)
			return BAD(err, "KTSTR_OP(SET_CPUSET): no cpuset for '%s'", g->name);
		return take_cpuset(m, g, &op->cpuset, err);
	case KTSTR_OP_CLEAR_CPUSET:
		g->limited = false;
		g->cpus = m->topology->all;
		return 0;
	case KTSTR_OP_SPAWN:
		return has_children(m, g)
			       ? BAD(err, "KTSTR_OP(SPAWN): '%s' has children and can hold no process", g->name)
			       : take_load(m, g, &op->load, err);
	case KTSTR_OP_SET_AFFINITY:
		return affinity_check(m->topology, g->name, &op->affinity, &g->cpus, err);
	case KTSTR_OP_FREEZE_CGROUP:
	case KTSTR_OP_UNFREEZE_CGROUP:
		if (g->frozen == (op->kind == KTSTR_OP_FREEZE_CGROUP))
			return BAD(err, "KTSTR_OP(%s): '%s' is %s already", op_name(op->kind), g->name,
				   g->frozen ? "frozen" : "thawed");
		g->frozen = !g->frozen;
		return 0;
	default:
		return 0;
	}
}

/* A watch that is repeated is the same one. */
static int take_watch(struct model *m, const struct ktstr_op *op, struct err **err)
{
	for (unsigned i = 0; i < m->watches; i++)
		if (!strcmp(m->watched[i], op->name))
			return 0;
	if (m->watches == WATCHES_MAX)
		return BAD(err, "KTSTR_OP(WATCH) '%s': more than %d variables are watched", op->name, WATCHES_MAX);
	m->watched[m->watches++] = op->name;
	return 0;
}

static int take_mark(struct model *m, const struct ktstr_op *op, struct err **err)
{
	const char *problem = op->name ? mark_name_problem(op->name) : "has no name; write .name = \"...\"";
	if (problem)
		return BAD(err, "KTSTR_OP(%s)%s%s%s %s", op_name(op->kind), op->name ? " '" : "",
			   op->name ? op->name : "", op->name ? "'" : "", problem);
	return op->kind == KTSTR_OP_WATCH ? take_watch(m, op, err) : 0;
}

static int take_op(struct model *m, const struct ktstr_op *op, struct err **err)
{
	struct tracked *g, host = { .cpus = m->topology->all, .name = "(host)" };
	switch (op->kind) {
	case KTSTR_OP_ADD_CGROUP:
		return add_cgroup(m, "KTSTR_OP(ADD_CGROUP)", op->cgroup, &g, err);
	case KTSTR_OP_ADD_CGROUP_DEF:
		return op->def ? take_def(m, "KTSTR_OP(ADD_CGROUP_DEF)", op->def, err)
			       : BAD(err, "KTSTR_OP(ADD_CGROUP_DEF): no definition");
	case KTSTR_OP_SWAP_CPUSETS:
	case KTSTR_OP_MOVE_ALL_TASKS:
		return two_cgroups(m, op, err);
	case KTSTR_OP_SPAWN_HOST:
		if (work_type(&op->load.work) && work_type(&op->load.work)->siblings)
			return BAD(err, "KTSTR_OP(SPAWN_HOST): %s needs a cgroup", work_name(&op->load.work));
		return take_load(m, &host, &op->load, err);
	case KTSTR_OP_DETACH_SCHEDULER:
	case KTSTR_OP_ATTACH_SCHEDULER:
	case KTSTR_OP_RESTART_SCHEDULER:
	case KTSTR_OP_REPLACE_SCHEDULER:
		return take_scheduler_op(m, op, err);
	case KTSTR_OP_CALL:
		return op->fn ? 0 : BAD(err, "KTSTR_OP(CALL): no function");
	case KTSTR_OP_CAPTURE:
	case KTSTR_OP_WATCH:
		return take_mark(m, op, err);
	case KTSTR_OP_RUN_PAYLOAD:
		if (op->cgroup && require_cgroup(m, op, op->cgroup, &g, err) < 0)
			return -EINVAL;
		return run_payload(m, "KTSTR_OP(RUN_PAYLOAD)", op->payload, op->cgroup ? op->cgroup : "", err);
	case KTSTR_OP_WAIT_PAYLOAD:
	case KTSTR_OP_KILL_PAYLOAD:
		return end_payload(m, op, err);
	case KTSTR_OP_KIND_MAX:
		return BAD(err, "KTSTR_OP(%s) is not available", op_name(op->kind));
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
		return BAD(err, "KTSTR_HOLD_SHARE(%g) is not between 0 and 1", h->share);
	if ((h->share > 0) + (h->ms > 0) + (h->loop_ms > 0) > 1)
		return BAD(err, "its hold has more than one of a share, a time and a loop");
	return 0;
}

static void forget_step(struct model *m)
{
	forget_payloads(m, NULL);
	unsigned kept = 0;
	for (unsigned i = 0; i < m->count; i++)
		if (m->tracked[i].backdrop)
			m->tracked[kept++] = m->tracked[i];
	m->count = kept;
}

/* The operations of a loop are part of its hold. */
static int check_storm(const struct model *m, const struct ktstr_step *s, struct err **err)
{
	bool changes = false;
	for (const struct ktstr_op *op = s->ops; s->hold.loop_ms && op && op->kind != KTSTR_OP_KIND_MAX; op++)
		changes |= op->kind >= KTSTR_OP_DETACH_SCHEDULER && op->kind <= KTSTR_OP_REPLACE_SCHEDULER;
	return m->scheduler && !changes ? 0
					: BAD(err, "survives_storm: the scheduler is detached in the hold; attach it "
						   "before the hold, or leave survives_storm out");
}

/* A loop repeats its operations. If two rounds are possible, any number is. */
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
	if (r == 0 && m->test->survives_storm == KTSTR_ON)
		r = check_storm(m, s, err);
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
		   struct buf *limits, struct err **err)
{
	struct model m = { .test = test, .topology = topology, .scheduler = test->scheduler != NULL, .limits = limits };
	if (test->host_only == KTSTR_ON)
		return BAD(err, "a host_only test has no machine for a scenario; leave host_only out, or the scenario");
	m.tracked = calloc(TRACKED_MAX, sizeof(*m.tracked));
	if (!m.tracked)
		return FAIL_SYS(err, -ENOMEM, "check the scenario");
	int r = take_backdrop(&m, &s->backdrop, err);
	unsigned n = 0;
	for (const struct ktstr_step *step = s->steps; r == 0 && step && step->name; step++, n++) {
		if (!text_is_clean(step->name, strlen(step->name), /* line= */ true))
			r = BAD(err, "its name is not printable UTF-8; choose another one");
		else
			r = n == STEPS_MAX ? BAD(err, "more than %d steps", STEPS_MAX) : take_step(&m, step, err);
		if (r < 0)
			step_wrap_error(err, r, step);
	}
	if (r == 0 && !n)
		r = BAD(err, "the scenario has no steps");
	free(m.tracked);
	return r;
}
