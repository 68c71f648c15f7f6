/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stage.h -- a running scenario: its cgroups, and the worker sets of the step and of the backdrop.
 *
 * Order of the files: validate.c (is the scenario possible), scenario.c (steps), ops.c (operations), dry.c (the same
 * check on the host, before a machine is started).
 */
#ifndef KTSTR_GUEST_STAGE_H
#define KTSTR_GUEST_STAGE_H

#include "guest/work/worker.h"

#define TRACKED_MAX 1024
#define STEPS_MAX   256
#define OPS_MAX	    1024

/* A cgroup that the scenario made. */
struct tracked {
	char name[WIRE_NAME_MAX];
	bool backdrop, frozen, limited, workers;
	unsigned siblings; /* number of siblings created */
	struct cpu_terms terms;
	struct cpuset_bits cpus;
	uint64_t nodes;
};

struct stage {
	struct ktstr_ctx *t;
	struct tracked tracked[TRACKED_MAX];
	unsigned count;
	struct worker_set backdrop, step;
	bool in_backdrop; /* cgroups and workers created now belong to the backdrop */
	uint32_t index;	  /* of the step */
	uint32_t op_kinds;
	uint16_t ops;
	enum ktstr_verdict payloads; /* the worst verdict of this step's payloads */
};

/* Checks the whole scenario before it starts. The error names the problem and its place. */
int scenario_check(const struct ktstr_test *test, const struct guest_topology *topology,
		   const struct ktstr_scenario *scenario, struct err **err);
/* True, with the reason in @why, if the machine is too small. The scenario is then skipped. */
bool scenario_needs_more(const struct guest_topology *topology, const struct ktstr_scenario *scenario, char *why,
			 size_t size);
int load_check(const struct guest_topology *topology, const char *cgroup, const struct ktstr_load *load,
	       const struct cpuset_bits *cpus, unsigned count, struct err **err);
int affinity_check(const struct guest_topology *t, const char *cgroup, const struct ktstr_affinity *a,
		   const struct cpuset_bits *pool, struct err **err);
/* checks.c: the problem of @c, or NULL. */
const char *checks_problem(const struct ktstr_checks *c);
/* Copies the checks that @c does not set from @from. */
void checks_inherit(struct ktstr_checks *c, const struct ktstr_checks *from);
/* The number of workers of a load in a cgroup of @cpus CPUs. */
unsigned load_workers(const struct ktstr_test *test, const struct ktstr_load *load, unsigned cpus);
/*
 * Iterates over the loads of a cgroup, starting with its own. Returns @merged, a load with the cgroup's settings
 * applied, or NULL at the end.
 */
const struct ktstr_load *cgroup_load(const struct ktstr_cgroup *g, unsigned index, struct ktstr_load *merged);
/* The parent's name, "a" for "a/b"; false if there is no '/'. */
bool parent_name(const char *name, char out[WIRE_NAME_MAX]);

struct tracked *stage_find(struct stage *s, const char *name);
struct worker_set *stage_workers(struct stage *s, const struct tracked *g);
int stage_define(struct stage *s, const struct ktstr_cgroup *g, struct err **err);
int stage_op(struct stage *s, const struct ktstr_op *op, struct err **err);
/* Starts the payloads of the cgroup's definition. */
int stage_run_payloads(struct stage *s, const struct ktstr_cgroup *g, struct err **err);
int stage_drop(struct stage *s, struct tracked *g, struct err **err);
/* Asks PID 1 to change the scheduler and waits for the answer. */
int stage_scheduler(struct stage *s, const struct ktstr_op *op, struct err **err);
/* Sleeps until @until or until PID 1 reports that the scheduler is gone. */
void stage_sleep(struct ktstr_ctx *t, nsec_t until);
/* Waits once: until @until, a message about the scheduler, or an event of a payload, which is handled. */
void stage_wait_once(struct ktstr_ctx *t, nsec_t until);
void stage_phase(struct ktstr_ctx *t, enum wire_phase_kind kind, uint32_t index, const char *name);
const char *op_name(enum ktstr_op_kind kind);

/* dry.c */
struct dry_run {
	struct buf problem; /* the first problem found, else empty */
};
/*
 * Runs a test's body in a child that can only declare. Returns the problem of its scenarios, or NULL. The caller frees
 * it.
 */
char *dry_run(const struct ktstr_test *test);
enum ktstr_verdict dry_scenario(struct ktstr_ctx *t, const struct ktstr_scenario *scenario);

#endif
