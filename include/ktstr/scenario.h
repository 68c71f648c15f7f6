/* SPDX-License-Identifier: GPL-2.0-only */
/* scenario.h -- cgroups with workers, steps with holds. */
#ifndef KTSTR_SCENARIO_H
#define KTSTR_SCENARIO_H

#include <ktstr/check.h>
#include <ktstr/work.h>

/* Which CPUs a cgroup may use, said without knowing the topology. */
enum ktstr_cpuset_kind {
	KTSTR_CPUSET_ALL,	/* no cpuset */
	KTSTR_CPUSET_LLC,	/* those of LLC number `index` */
	KTSTR_CPUSET_NODE,	/* those of NUMA node `index` */
	KTSTR_CPUSET_DISJOINT,	/* part `index` of `of` equal parts; the last takes the remainder */
	KTSTR_CPUSET_LIST,	/* `list`, in the kernel's format: "0-3,8" */
	KTSTR_CPUSET_KIND_MAX,
};

struct ktstr_cpuset {
	enum ktstr_cpuset_kind kind;
	unsigned index, of;
	const char *list;
};

#define KTSTR_LLC(i)		((struct ktstr_cpuset){ .kind = KTSTR_CPUSET_LLC, .index = (i) })
#define KTSTR_NODE(i)		((struct ktstr_cpuset){ .kind = KTSTR_CPUSET_NODE, .index = (i) })
#define KTSTR_DISJOINT(i, n)	((struct ktstr_cpuset){ .kind = KTSTR_CPUSET_DISJOINT, .index = (i), .of = (n) })
#define KTSTR_CPUS(text)	((struct ktstr_cpuset){ .kind = KTSTR_CPUSET_LIST, .list = (text) })

struct ktstr_cgroup {
	const char *name;	/* unique within a step, no '/' */
	unsigned workers;	/* 0: the test's workers_per_cgroup */
	struct ktstr_work work;
	struct ktstr_cpuset cpuset;
};

/* A list for the calls below, ended by an entry without a name. */
#define KTSTR_CGROUPS(...) ((const struct ktstr_cgroup[]){ __VA_ARGS__, { .name = 0 } })

/* How long a step lasts: a share of the test's duration, or a fixed time. */
struct ktstr_hold {
	double share;		/* 0 .. 1 */
	unsigned ms;
};

#define KTSTR_HOLD_FULL	     ((struct ktstr_hold){ .share = 1.0 })
#define KTSTR_HOLD_SHARE(s)  ((struct ktstr_hold){ .share = (s) })
#define KTSTR_HOLD_MS(n)     ((struct ktstr_hold){ .ms = (n) })

struct ktstr_step {
	const char *name;	/* for reports; not NULL */
	const struct ktstr_cgroup *cgroups;
	struct ktstr_hold hold;	/* of {0}: FULL */
};

#define KTSTR_STEPS(...) ((const struct ktstr_step[]){ __VA_ARGS__, { .name = 0 } })

/*
 * Runs a scenario: sets the cgroups up, starts the workers, holds, stops them, reports. PASS says that the scenario ran
 * to its end; what the workers saw is judged outside the guest. FAIL when it could not be set up or the scheduler died.
 */
enum ktstr_verdict ktstr_run_cgroups(struct ktstr_ctx *t, const struct ktstr_cgroup *cgroups);
enum ktstr_verdict ktstr_run_steps(struct ktstr_ctx *t, const struct ktstr_step *steps);

#endif
