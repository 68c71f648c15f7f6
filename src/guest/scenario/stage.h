/* SPDX-License-Identifier: GPL-2.0-only */
/* stage.h -- a running scenario: its cgroups, and the worker sets of the step and of the backdrop. */
#ifndef KTSTR_GUEST_STAGE_H
#define KTSTR_GUEST_STAGE_H

#include "guest/ctx.h"
#include "guest/workers/worker_set.h"

#define TRACKED_MAX 1024

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
	uint32_t index; /* of the step */
	uint32_t op_kinds;
	uint16_t ops;
	enum ktstr_verdict payloads; /* the worst verdict of this step's payloads */
};

/* NULL: there is no cgroup of that name. */
struct tracked *tracked_find(struct tracked *list, unsigned count, const char *name);
struct tracked *stage_find(struct stage *s, const char *name);
/* Those that start now. Workers that a step starts end with the step, even in a cgroup of the backdrop. */
struct worker_set *stage_workers(struct stage *s);

#endif
