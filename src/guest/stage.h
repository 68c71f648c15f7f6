/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stage.h -- a scenario while it runs: the cgroups that exist, the worker sets of the step and of the backdrop.
 *
 * Order of the files: validate.c (is it possible at all), scenario.c (steps), ops.c (what happens in them), dry.c (the
 * same questions on the host, before there is a machine).
 */
#ifndef KTSTR_GUEST_STAGE_H
#define KTSTR_GUEST_STAGE_H

#include "guest/worker.h"

#define TRACKED_MAX 1024
#define STEPS_MAX   256
#define OPS_MAX	    1024

/* A cgroup that the scenario made. */
struct tracked {
	char name[WIRE_NAME_MAX];
	bool backdrop, frozen, limited, workers;
	unsigned siblings; /* how many were made beside it */
	struct cpu_terms terms;
	struct cpuset_bits cpus;
	uint64_t nodes;
};

struct stage {
	struct ktstr_ctx *t;
	struct tracked tracked[TRACKED_MAX];
	unsigned count;
	struct worker_set backdrop, step;
	bool in_backdrop; /* what is made now is the backdrop's */
	uint32_t index;	  /* of the step */
	uint32_t op_kinds;
	uint16_t ops;
	enum ktstr_verdict payloads; /* the gravest of this step's */
};

/* The scenario as a whole, before it begins; names what is wrong, and where. */
int scenario_check(const struct ktstr_test *test, const struct guest_topology *topology,
		   const struct ktstr_scenario *scenario, struct err **err);
/* Too small a machine is a reason to skip, not a mistake: true and a sentence. */
bool scenario_needs_more(const struct guest_topology *topology, const struct ktstr_scenario *scenario, char *why,
			 size_t size);
int load_check(const struct guest_topology *topology, const char *cgroup, const struct ktstr_load *load,
	       const struct cpuset_bits *cpus, unsigned count, struct err **err);
int affinity_check(const struct guest_topology *t, const char *cgroup, const struct ktstr_affinity *a,
		   const struct cpuset_bits *pool, struct err **err);
/* checks.c: what is wrong with them, or NULL. */
const char *checks_problem(const struct ktstr_checks *c);
/* What @c does not set is as @from has it. */
void checks_inherit(struct ktstr_checks *c, const struct ktstr_checks *from);
/* How many workers a load has in a cgroup of @cpus CPUs. */
unsigned load_workers(const struct ktstr_test *test, const struct ktstr_load *load, unsigned cpus);
/* Step over the loads of a cgroup: its own first; @merged, which is returned, has what the cgroup says for all. NULL at
 * the end. */
const struct ktstr_load *cgroup_load(const struct ktstr_cgroup *g, unsigned index, struct ktstr_load *merged);
/* "a" of "a/b"; false where there is no '/'. */
bool parent_name(const char *name, char out[WIRE_NAME_MAX]);

struct tracked *stage_find(struct stage *s, const char *name);
struct worker_set *stage_workers(struct stage *s, const struct tracked *g);
int stage_define(struct stage *s, const struct ktstr_cgroup *g, struct err **err);
int stage_op(struct stage *s, const struct ktstr_op *op, struct err **err);
/* Starts the payloads of its definition. */
int stage_run_payloads(struct stage *s, const struct ktstr_cgroup *g, struct err **err);
int stage_drop(struct stage *s, struct tracked *g, struct err **err);
/* Asks PID 1 for a change of scheduler and waits for it. */
int stage_scheduler(struct stage *s, const struct ktstr_op *op, struct err **err);
/* Sleeps until @until or until PID 1 says that the scheduler is gone. */
void stage_sleep(struct ktstr_ctx *t, nsec_t until);
/* Waits once: until @until, news of the scheduler, or news of a payload, which is seen to. */
void stage_wait_once(struct ktstr_ctx *t, nsec_t until);
void stage_phase(struct ktstr_ctx *t, enum wire_phase_kind kind, uint32_t index, const char *name);
const char *op_name(enum ktstr_op_kind kind);

/* dry.c */
struct dry_run {
	struct buf problem; /* the first one found, else empty */
};
/* Runs a test's body where it can do nothing but declare; what is wrong with its scenarios, or NULL. The caller frees.
 */
char *dry_run(const struct ktstr_test *test);
enum ktstr_verdict dry_scenario(struct ktstr_ctx *t, const struct ktstr_scenario *scenario);

#endif
