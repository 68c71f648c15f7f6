/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scenario.h -- cgroups with workers, steps of operations with holds, and a backdrop that lasts through all of them.
 *
 * Everything here is data. The whole scenario is checked before it begins. What can be known without running the test's
 * body is checked on the host already, when the test binary lists its tests.
 */
#ifndef KTSTR_SCENARIO_H
#define KTSTR_SCENARIO_H

#pragma GCC system_header /* see language.h */

#include <ktstr/check.h>
#include <ktstr/load.h>
#include <ktstr/payload.h>

KTSTR_BEGIN_C

/*
 * Which CPUs a cgroup may use, independent of the topology. "Usable" are all CPUs but the last; where there are only
 * one or two, all of them.
 */
enum ktstr_cpuset_kind {
	KTSTR_CPUSET_ALL,      /* no cpuset */
	KTSTR_CPUSET_LLC,      /* the CPUs of LLC number `index` */
	KTSTR_CPUSET_NODE,     /* the CPUs of NUMA node `index` */
	KTSTR_CPUSET_DISJOINT, /* part `index` of `of` equal parts of the usable CPUs; the last takes the remainder */
	KTSTR_CPUSET_OVERLAP,  /* the same part, larger at both ends by `share` of its size */
	KTSTR_CPUSET_RANGE,    /* a part of the usable CPUs, from the share `start` to the share `end` */
	KTSTR_CPUSET_LIST,     /* exactly `list`, in the kernel's format: "0-3,8" */
	KTSTR_CPUSET_KIND_MAX,
};

struct ktstr_cpuset {
	enum ktstr_cpuset_kind kind;
	unsigned index, of;
	double share, start, end; /* 0 .. 1 */
	const char *list;
};

#define KTSTR_LLC(i)	     KTSTR_VALUE(ktstr_cpuset, .kind = KTSTR_CPUSET_LLC, .index = (i))
#define KTSTR_NODE(i)	     KTSTR_VALUE(ktstr_cpuset, .kind = KTSTR_CPUSET_NODE, .index = (i))
#define KTSTR_DISJOINT(i, n) KTSTR_VALUE(ktstr_cpuset, .kind = KTSTR_CPUSET_DISJOINT, .index = (i), .of = (n))
#define KTSTR_OVERLAP(i, n, f) \
	KTSTR_VALUE(ktstr_cpuset, .kind = KTSTR_CPUSET_OVERLAP, .index = (i), .of = (n), .share = (f))
#define KTSTR_RANGE(s, e) KTSTR_VALUE(ktstr_cpuset, .kind = KTSTR_CPUSET_RANGE, .start = (s), .end = (e))
#define KTSTR_CPUS(text)  KTSTR_VALUE(ktstr_cpuset, .kind = KTSTR_CPUSET_LIST, .list = (text))

#define KTSTR_UNLIMITED UINT64_MAX

/* Controller settings; 0 leaves a file alone, KTSTR_UNLIMITED writes "max". */
struct ktstr_limits {
	unsigned cpu_quota_pct;					       /* percent of one CPU; or use the next two */
	unsigned cpu_quota_us, cpu_period_us;			       /* period 1000 .. 1000000; default 100000 */
	bool cpu_unlimited;					       /* writes "max" instead of a quota */
	unsigned cpu_weight;					       /* 1 .. 10000 */
	uint64_t memory_max, memory_high, memory_low, memory_swap_max; /* bytes */
	unsigned io_weight;					       /* 1 .. 10000 */
	uint64_t pids_max;
};

struct ktstr_cgroup {
	const char *name; /* unique within a step and the backdrop; "parent/child" nests */
	union {
		struct ktstr_load load;
		struct {
			KTSTR_LOAD_FIELDS
		};
	};
	bool swappable;				     /* `ktstr run --work-type` may replace SPIN_WAIT by another type */
	bool no_workers;			     /* has no workers, also if the test has a default number */
	const struct ktstr_load *loads;		     /* further loads that run at the same time: KTSTR_LOADS(...) */
	const struct ktstr_payload *const *payloads; /* started with the workers: KTSTR_PAYLOADS(&a) */
	struct ktstr_cpuset cpuset;
	const char *cpuset_mems; /* memory nodes, "0-1"; NULL: not set */
	struct ktstr_limits limits;
};

/* A list for the calls below, ended by an entry without a name. */
#define KTSTR_CGROUPS(...) KTSTR_LIST(struct ktstr_cgroup, __VA_ARGS__, { .name = 0 })

/* A stimulus record has a bit mask of these numbers. */
enum ktstr_op_kind {
	KTSTR_OP_ADD_CGROUP,	/* makes `cgroup`, without workers */
	KTSTR_OP_REMOVE_CGROUP, /* stops its workers first */
	KTSTR_OP_SET_CPUSET,	/* `cgroup`, `cpuset` */
	KTSTR_OP_CLEAR_CPUSET,
	KTSTR_OP_SWAP_CPUSETS,	 /* of `cgroup` and `other` */
	KTSTR_OP_SPAWN,		 /* starts `load` in `cgroup` */
	KTSTR_OP_STOP_CGROUP,	 /* stops its workers; the cgroup stays */
	KTSTR_OP_SET_AFFINITY,	 /* of the workers in `cgroup` to `affinity` */
	KTSTR_OP_SPAWN_HOST,	 /* starts `load` in the root cgroup */
	KTSTR_OP_MOVE_ALL_TASKS, /* from `cgroup` to `other` */
	/*
	 * RUN starts `payload` in `cgroup` (NULL: in a cgroup beside the scenario's). A payload that still runs at the
	 * end of its step, or of the backdrop, is killed. WAIT and KILL are for the one that runs in `cgroup`; NULL:
	 * the only one that runs.
	 */
	KTSTR_OP_RUN_PAYLOAD,
	KTSTR_OP_WAIT_PAYLOAD,
	KTSTR_OP_KILL_PAYLOAD,
	KTSTR_OP_ADD_CGROUP_DEF, /* makes the cgroup `def`, with its cpuset, limits and workers */
	KTSTR_OP_FREEZE_CGROUP,
	KTSTR_OP_UNFREEZE_CGROUP,
	KTSTR_OP_DETACH_SCHEDULER,     /* the test goes on under the kernel's own scheduler */
	KTSTR_OP_ATTACH_SCHEDULER,     /* attaches the detached scheduler again */
	KTSTR_OP_RESTART_SCHEDULER,    /* detaches and attaches */
	KTSTR_OP_REPLACE_SCHEDULER,    /* by `scheduler`, one of the test's `staged` */
	KTSTR_OP_CAPTURE_CGROUP_PROCS, /* prints the number of processes in `cgroup` to the test's output */
	KTSTR_OP_CALL,		       /* calls `fn` */
	/*
	 * CAPTURE stops the guest there and takes a snapshot of it under `name`, which post_vm can read
	 * (<ktstr/snapshot.h>). WATCH has the 4 bytes of the kernel's variable `name` read at each of the monitor's
	 * samples, and a snapshot taken when they have changed. Both change nothing where nobody looks at the guest.
	 */
	KTSTR_OP_CAPTURE,
	KTSTR_OP_WATCH,
	KTSTR_OP_KIND_MAX,
};

struct ktstr_scheduler;

struct ktstr_op {
	enum ktstr_op_kind kind;
	const char *cgroup, *other;
	struct ktstr_cpuset cpuset;
	struct ktstr_load load;
	struct ktstr_affinity affinity;
	const struct ktstr_cgroup *def;
	const struct ktstr_scheduler *scheduler;
	const struct ktstr_payload *payload;
	const char *const *args; /* RUN_PAYLOAD: appended to the payload's own arguments */
	void (*fn)(struct ktstr_ctx *t, void *arg);
	void *arg;
	const char *name; /* CAPTURE: of the snapshot; WATCH: of a variable of the kernel; at most 31 characters */
};

#define KTSTR_OP(KIND, ...)                            \
	{                                              \
		.kind = KTSTR_OP_##KIND, ##__VA_ARGS__ \
	}
/* Ended by an entry of the kind KTSTR_OP_KIND_MAX. */
#define KTSTR_OPS(...) KTSTR_LIST(struct ktstr_op, __VA_ARGS__, { .kind = KTSTR_OP_KIND_MAX })

/* How long a step lasts: a share of the test's duration, a fixed time, or a loop that repeats its operations. */
struct ktstr_hold {
	double share; /* 0 .. 1 */
	unsigned ms;
	unsigned
		loop_ms; /* interval of the loop; it ends when the test's duration since the scenario's start is over */
};

#define KTSTR_HOLD_FULL	    KTSTR_VALUE(ktstr_hold, .share = 1.0)
#define KTSTR_HOLD_SHARE(s) KTSTR_VALUE(ktstr_hold, .share = (s))
#define KTSTR_HOLD_MS(n)    KTSTR_VALUE(ktstr_hold, .ms = (n))
#define KTSTR_HOLD_LOOP(n)  KTSTR_VALUE(ktstr_hold, .loop_ms = (n))

struct ktstr_step {
	const char *name;		    /* for reports; not NULL */
	const struct ktstr_op *ops;	    /* done first; KTSTR_OPS(...) */
	const struct ktstr_cgroup *cgroups; /* made next; removed after the step, as are those that `ops` made */
	/* Instead of `cgroups`: returns them when the step begins. The callee owns the memory; NULL fails the step. */
	const struct ktstr_cgroup *(*factory)(struct ktstr_ctx *t, void *arg);
	struct ktstr_hold hold; /* {0}: FULL */
	/* Called when the hold begins, while the workers run. Its run time is part of the hold. */
	void (*watch)(struct ktstr_ctx *t, void *arg);
	void *arg; /* for factory and watch */
};

#define KTSTR_STEPS(...) KTSTR_LIST(struct ktstr_step, __VA_ARGS__, { .name = 0 })

/* Set up before the first step, removed after the last; operations of steps may use its cgroups. */
struct ktstr_backdrop {
	const struct ktstr_op *ops;
	const struct ktstr_cgroup *cgroups;
};

struct ktstr_scenario {
	struct ktstr_backdrop backdrop;
	const struct ktstr_step *steps;
};

/* For ktstr_run_scenario(): KTSTR_SCENARIO(.backdrop = { .ops = ... }, .steps = KTSTR_STEPS(...)) */
#define KTSTR_SCENARIO(...) KTSTR_LIST(struct ktstr_scenario, { __VA_ARGS__ })

/*
 * Runs a scenario: checks all of it, sets the cgroups up, starts the workers, holds, stops them, reports. PASS means
 * that it ran to its end; the workers' telemetry is judged on the host. FAIL: it could not be set up, or the scheduler
 * died. SKIP, with the reason: this kernel or this machine lacks something that it needs.
 */
enum ktstr_verdict ktstr_run_cgroups(struct ktstr_ctx *t, const struct ktstr_cgroup *cgroups);
enum ktstr_verdict ktstr_run_steps(struct ktstr_ctx *t, const struct ktstr_step *steps);
enum ktstr_verdict ktstr_run_scenario(struct ktstr_ctx *t, const struct ktstr_scenario *scenario);

/* --- for watch functions and KTSTR_OP_CALL ------------------------------------------------------------------------ */

/* Counters of a worker, read while it runs. */
struct ktstr_worker_view {
	int pid; /* of a thread its tid; 0: it has ended */
	const char *cgroup, *work;
	unsigned member; /* number within its group */
	uint64_t work_units, iterations, wake_samples;
};

/* @index counts the workers of the current step, then those of the backdrop. -ENOENT: no such worker. */
int ktstr_ctx_worker(struct ktstr_ctx *t, unsigned index, struct ktstr_worker_view *ret);
/* Sleeps for @us; returns early when the scheduler dies. */
void ktstr_ctx_sleep_us(struct ktstr_ctx *t, unsigned us);

KTSTR_END_C

#endif
