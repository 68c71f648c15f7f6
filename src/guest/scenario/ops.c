/* SPDX-License-Identifier: GPL-2.0-only */
/* ops.c -- see ops.h. */
#include <stdio.h>

#include "guest/cgroup.h"
#include "guest/mark.h"
#include "guest/payload/payload.h"
#include "guest/scenario/cgroups.h"
#include "guest/scenario/op_names.h"
#include "guest/scenario/ops.h"
#include "guest/scenario/scheduler.h"
#include "guest/scenario/spawn.h"
#include "guest/verdict.h"

static int payload_op(struct stage *s, const struct ktstr_op *op, struct err **err)
{
	struct ktstr_payload_run how = { .payload = op->payload, .cgroup = op->cgroup, .args = op->args };
	struct payload *p = NULL;
	if (op->kind == KTSTR_OP_RUN_PAYLOAD)
		return op->cgroup && !stage_find(s, op->cgroup)
			       ? FAIL(err, ERR_DATA, -ENOENT,
				      "KTSTR_OP(RUN_PAYLOAD): there is no cgroup '%s' at that time", op->cgroup)
			       : payload_start(s->t, &how, !s->t->in_step, &p, err);
	int r = payload_find(s->t, op->payload, op->cgroup, &p);
	if (r < 0)
		return FAIL(err, ERR_DATA, -EINVAL, "KTSTR_OP(%s): payload '%s' runs %s at that time",
			    op_name(op->kind), op->payload->name,
			    r == -ENOENT ? "nowhere" : "in several places, name its cgroup,");
	enum ktstr_verdict v = op->kind == KTSTR_OP_WAIT_PAYLOAD ? payload_wait(s->t, p) : payload_kill(s->t, p);
	s->payloads = verdict_worse(s->payloads, v);
	return 0;
}

/* --- one operation ------------------------------------------------------------------------------------------------ */

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
static int set_frozen(struct stage *s, struct tracked *g, bool frozen, struct err **err)
{
	worker_set_exempt_gap(&s->step, g->name);
	worker_set_exempt_gap(&s->backdrop, g->name);
	int r = cgroup_freeze(g->name, frozen, err);
	g->frozen = frozen;
	return r;
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
		return stage_set_cpuset(s, g, &op->cpuset, err);
	case KTSTR_OP_CLEAR_CPUSET:
		return stage_clear_cpuset(s, g, err);
	case KTSTR_OP_SWAP_CPUSETS:
		return stage_swap_cpusets(s, g, other, err);
	case KTSTR_OP_MOVE_ALL_TASKS:
		return move_tasks(s, g, other, err);
	case KTSTR_OP_SPAWN:
		r = spawn_add(s, g, &op->load, false, err);
		return r == 0 ? worker_set_start(stage_workers(s), err) : r;
	case KTSTR_OP_STOP_CGROUP:
		stage_stop_workers(s, g->name);
		return 0;
	case KTSTR_OP_SET_AFFINITY:
		return set_affinity(s, g, &op->affinity, err);
	case KTSTR_OP_FREEZE_CGROUP:
	case KTSTR_OP_UNFREEZE_CGROUP:
		return set_frozen(s, g, op->kind == KTSTR_OP_FREEZE_CGROUP, err);
	case KTSTR_OP_CAPTURE_CGROUP_PROCS:
		return capture_procs(g, err);
	default:
		return FAIL(err, ERR_DATA, -EINVAL, "KTSTR_OP(%s) is not available", op_name(op->kind));
	}
}

static int define_and_start(struct stage *s, const struct ktstr_cgroup *def, struct err **err)
{
	int r = stage_define(s, def, err);
	if (r == 0)
		r = worker_set_start(stage_workers(s), err);
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
		return g ? FAIL(err, ERR_DATA, -EEXIST,
				"KTSTR_OP(ADD_CGROUP) '%s' collides with a cgroup already tracked", op->cgroup)
			 : stage_add(s, op->cgroup, &g, err);
	case KTSTR_OP_ADD_CGROUP_DEF:
		return define_and_start(s, op->def, err);
	case KTSTR_OP_SPAWN_HOST:
		return spawn_on_host(s, &op->load, err);
	case KTSTR_OP_CALL:
		op->fn(s->t, op->arg);
		return 0;
	case KTSTR_OP_CAPTURE:
	case KTSTR_OP_WATCH:
		mark(op->kind == KTSTR_OP_CAPTURE ? WIRE_MARK_CAPTURE : WIRE_MARK_WATCH, op->name, s->index);
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
			return FAIL(err, ERR_DATA, -ENOENT, "KTSTR_OP(%s): there is no cgroup '%s' at that time",
				    op_name(op->kind), g ? op->other : op->cgroup);
		return on_cgroup(s, op, g, err);
	}
}
