/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sim.h -- the simulated backend: a virtual clock that jumps to the next event, and faults drawn from a seed.
 *
 * It runs the same machines as io_uring does. Reads are short or interrupted, files full, children die, completions
 * come out of order, and cancels race with results. Equal seeds give equal runs.
 */
#ifndef KTSTR_REACTOR_SIM_H
#define KTSTR_REACTOR_SIM_H

#include "base/rng.h"
#include "reactor/reactor.h"

/* Probability of each fault in 1/65536, for each operation of its kind. */
struct sim_faults {
	uint16_t short_io; /* READ, WRITE: fewer bytes */
	uint16_t eintr;
	uint16_t enospc;	/* WRITE, FSYNC */
	uint16_t reset;		/* READ: -ECONNRESET */
	uint16_t offload_fails; /* the job is not run and returns -EIO */
	uint16_t spawn_fails;	/* -EAGAIN */
	uint16_t child_dies;	/* killed at a random moment of its life */
	uint16_t cancel_loses;	/* the op completes before the cancel */
	uint16_t stops;		/* per wait: the loop is stopped for up to `stop_max` */
};

extern const struct sim_faults SIM_FAULTS_NONE, SIM_FAULTS_SWARM;

/* A child's lifetime and its end. Called at spawn. */
struct sim_life {
	nsec_t length;
	int status;
};
typedef struct sim_life sim_child_fn(void *data, const struct child_spec *spec, struct rng *rng);

struct sim_config {
	uint64_t seed;
	struct sim_faults faults;
	nsec_t latency_max;  /* of an op or offload job; at least 1 */
	nsec_t stop_max;     /* 0: the loop is never stopped */
	sim_child_fn *child; /* NULL: children exit 0 after up to a second */
	void *child_data;
};

struct sim_counts {
	uint64_t ops, faults, children, kills, cancels;
};

int reactor_new_sim(struct reactor **ret, const struct sim_config *config, struct err **err);
const struct sim_counts *sim_counts(const struct reactor *r);

#endif
