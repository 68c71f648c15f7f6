/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * divide.h -- which tests run together in one task of a Slurm job array. Pure.
 *
 * A task gets as many CPUs as it has places; each place runs one machine at a time. Tests with similar needs of memory
 * and CPUs share tasks. The longest tests come first, and the tasks become shorter towards the end, so that
 * wrong estimates and nodes of different sizes are evened out by the last tasks.
 */
#ifndef KTSTR_SLURM_DIVIDE_H
#define KTSTR_SLURM_DIVIDE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/time.h"

#define SLURM_NODE_NAME_MAX 64
#define DIVIDE_PLACES_MAX   64

/* What one node, or one group of equal nodes, can run. */
struct slurm_node {
	char name[SLURM_NODE_NAME_MAX];
	unsigned cpus, count; /* count: of equal nodes */
	uint64_t memory_mib;
};

/* What one test needs of its node. */
struct divide_need {
	nsec_t estimate;
	unsigned cpus;
	uint64_t memory_mib;
};

struct divide_task {
	size_t first, count; /* its tests: division.order[first .. first + count - 1] */
	unsigned places;     /* machines at once */
	unsigned cpus;	     /* of all places */
	uint64_t memory_mib; /* of all places */
	nsec_t estimate;     /* expected time of the task */
};

struct division {
	uint32_t *order; /* indices of tests */
	struct divide_task *task;
	size_t tasks;
};

struct divide_request {
	const struct divide_need *need;
	size_t count;
	const struct slurm_node *node;
	size_t nodes;
	size_t tasks_most; /* there are more only if each class of needs has one task */
};

/*
 * Tasks stand in the order of their length, roughly; those with equal needs stand together. -ENOMEM.
 */
int divide_tests(const struct divide_request *q, struct division *ret);
void division_done(struct division *d);
/* No schedule ends earlier: the longest test, and the sum of all over all CPUs. */
nsec_t divide_lower_bound(const struct divide_request *q);

#endif
