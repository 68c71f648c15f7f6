/* SPDX-License-Identifier: GPL-2.0-only */
/* ctx.h -- the state of a running test, inside the guest. */
#ifndef KTSTR_GUEST_CTX_H
#define KTSTR_GUEST_CTX_H

#include <ktstr/test.h>

#include "base/parse.h"
#include "base/rng.h"
#include "guest/channel.h"

#define GUEST_CPUS_MAX CPUSET_CPUS_MAX
#define GUEST_CGROUP   "/sys/fs/cgroup/ktstr"

/* The machine as the guest's sysfs shows it. */
struct guest_topology {
	unsigned cpus;
	struct wire_cpu cpu[GUEST_CPUS_MAX];
	struct cpuset_bits all, usable; /* usable: all but the last CPU if there are more than two */
	unsigned nodes;			/* including nodes without CPUs */
};

struct stage;
struct dry_run;
struct payloads;

struct ktstr_ctx {
	const struct ktstr_test *test;
	struct channel channel;
	struct guest_topology *topology;
	struct rng rng;
	const struct ktstr_work *work_override; /* or NULL */
	bool canned;				/* a canned scenario: its work types may all be swapped */
	uint64_t seed;
	nsec_t duration;
	nsec_t started; /* when the body started */
	int scheduler_pid;
	bool scheduler_gone; /* PID 1 reported it */
	bool expectation_failed;
	bool detached; /* the test has detached its scheduler */
	uint32_t workers_reported, cgroups_reported, steps_run;
	struct payloads *payloads; /* payloads that were started, or NULL */
	struct stage *stage;	   /* the running scenario, or NULL */
	struct dry_run *dry;	   /* on the host: scenarios are checked, not run; or NULL */
};

/* How to run a body; the last two may be 0 and NULL. */
struct body_run {
	int channel; /* CHANNEL_FD in a guest */
	uint64_t seed;
	nsec_t duration;
	int scheduler_pid;
	const struct ktstr_work *work_override; /* replaces SPIN_WAIT in cgroups that are `swappable` */
};
/*
 * body.c: turns this process into the engine, runs the body and sends its result. Returns a negative errno if the
 * result could not be sent.
 */
int body_run(const struct ktstr_test *test, const struct body_run *how);

int guest_topology_read(const char *sysfs, struct guest_topology *ret);
/* The topology that the sysfs of such a guest will show. */
void guest_topology_declared(const struct ktstr_topology *t, struct guest_topology *ret);
/* True for two different threads of one core. */
bool topology_same_core(const struct guest_topology *t, unsigned a, unsigned b);
unsigned topology_llcs(const struct guest_topology *t);
/* Bit mask of the nodes of @cpus. */
uint64_t topology_nodes_of(const struct guest_topology *t, const struct cpuset_bits *cpus);
/* Resolves a spec; on failure writes a sentence to @why. */
int cpuset_resolve(const struct guest_topology *t, const struct ktstr_cpuset *spec, struct cpuset_bits *ret, char *why,
		   size_t why_size);
void ctx_detail(struct ktstr_ctx *t, enum ktstr_verdict verdict, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
