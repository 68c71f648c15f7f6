/* SPDX-License-Identifier: GPL-2.0-only */
/* fields.c -- see fields.h. */
#include "declare/fields.h"

#include <string.h>

/* offsetof() that does not compile unless the field has type @want. */
#define AT(type, field, want)                                                                                          \
	(offsetof(struct type, field) +                                                                                \
	 0 * sizeof(struct {                                                                                           \
		 _Static_assert(__builtin_types_compatible_p(__typeof__(((struct type *)NULL)->field), want), #field); \
		 int unused;                                                                                           \
	 }))
#define NUMBER(t, f)                                                         \
	{                                                                    \
		.name = #f, .kind = FIELD_UNSIGNED, .at = AT(t, f, unsigned) \
	}
#define U64(t, f)                                                       \
	{                                                               \
		.name = #f, .kind = FIELD_U64, .at = AT(t, f, uint64_t) \
	}
#define REAL(t, f)                                                     \
	{                                                              \
		.name = #f, .kind = FIELD_REAL, .at = AT(t, f, double) \
	}
#define LIMIT(f) { .name = #f, .kind = FIELD_LIMIT, .at = AT(ktstr_checks, f, double) },
#define BOOL(t, f)                                                   \
	{                                                            \
		.name = #f, .kind = FIELD_BOOL, .at = AT(t, f, bool) \
	}
#define SWITCH(t, f)                                                                \
	{                                                                           \
		.name = #f, .kind = FIELD_SWITCH, .at = AT(t, f, enum ktstr_switch) \
	}
#define TEXT(t, f)                                                           \
	{                                                                    \
		.name = #f, .kind = FIELD_TEXT, .at = AT(t, f, const char *) \
	}
#define LINES(t, f)                                                           \
	{                                                                     \
		.name = #f, .kind = FIELD_LINES, .at = AT(t, f, const char *) \
	}
#define TEXTS(t, f)                                                                  \
	{                                                                            \
		.name = #f, .kind = FIELD_TEXTS, .at = AT(t, f, const char *const *) \
	}
#define CHOICE(t, f, type, of, start)                                                                     \
	{                                                                                                 \
		.name = #f, .kind = FIELD_CHOICE, .at = AT(t, f, enum type), .words = of, .prefix = start \
	}
#define ALWAYS(t, f, type, of, start)                                                                      \
	{                                                                                                  \
		.name = #f, .kind = FIELD_CHOICE, .at = AT(t, f, enum type), .words = of, .prefix = start, \
		.always = true                                                                             \
	}
#define SET(t, f)                                                                 \
	{                                                                         \
		.name = #f, .kind = FIELD_SET_NUMBER, .at = offsetof(struct t, f) \
	}
#define STRUCT(t, f, s)                                                                    \
	{                                                                                  \
		.name = #f, .kind = FIELD_STRUCT, .at = offsetof(struct t, f), .shape = &s \
	}
#define LIST(t, f, s)                                                                    \
	{                                                                                \
		.name = #f, .kind = FIELD_LIST, .at = offsetof(struct t, f), .shape = &s \
	}
#define REFUSED(t, f, is)                                                                  \
	{                                                                                  \
		.name = #f, .kind = FIELD_REFUSED, .at = offsetof(struct t, f), .what = is \
	}
#define END                  \
	{                    \
		.name = NULL \
	}

/* --- words of the enums ------------------------------------------------------------------------------------------- */

/* clang-format off */
static const char *const work_words[] = {
	"SPIN_WAIT", "YIELD_HEAVY", "MIXED", "IO_SYNC_WRITE", "IO_RAND_READ", "IO_CONVOY", "BURSTY", "IDLE_CHURN",
	"PIPE_IO", "FUTEX_PING_PONG", "CACHE_PRESSURE", "CACHE_YIELD", "CACHE_PIPE", "FUTEX_FAN_OUT",
	"FAN_OUT_COMPUTE", "SEQUENCE", "FORK_EXIT", "NICE_SWEEP", "AFFINITY_CHURN", "CROSS_AFFINITY_CHURN",
	"POLICY_CHURN", "PAGE_FAULT_CHURN", "MUTEX_CONTENTION", "THUNDERING_HERD", "PRIORITY_INVERSION",
	"PRODUCER_CONSUMER_IMBALANCE", "RT_STARVATION", "ASYMMETRIC_WAKER", "WAKE_CHAIN", "NUMA_WORKING_SET_SWEEP",
	"NUMA_MIGRATION_CHURN", "CGROUP_CHURN", "CGROUP_ATTACH_STORM", "SIGNAL_STORM", "PREEMPT_STORM", "EPOLL_STORM",
	"ALU_HOT", "SMT_SIBLING_SPIN", "IPC_VARIANCE", "TIMER_LATENCY", "NET_TRAFFIC", "IRQ_WAKE", "SCHBENCH",
	"TAOBENCH", "CUSTOM", NULL
};
static const char *const phase_words[] = { "SPIN", "SLEEP", "YIELD", "IO", "ALU_HOT", NULL };
static const char *const width_words[] = { "WIDEST", "SCALAR", "128", "256", NULL };
static const char *const policy_words[] = {
	"INHERIT", "NORMAL", "BATCH", "IDLE", "FIFO", "RR", "DEADLINE", "EXT", NULL
};
static const char *const affinity_words[] = {
	"INHERIT", "RANDOM_SUBSET", "LLC_ALIGNED", "CROSS_CGROUP", "SINGLE_CPU", "SMT_PAIR", "EXACT", "NODE", NULL
};
static const char *const memory_words[] = {
	"DEFAULT", "BIND", "PREFERRED", "INTERLEAVE", "LOCAL", "PREFERRED_MANY", "WEIGHTED_INTERLEAVE", NULL
};
static const char *const clone_words[] = { "FORK", "THREAD", NULL };
static const char *const cpuset_words[] = { "ALL", "LLC", "NODE", "DISJOINT", "OVERLAP", "RANGE", "LIST", NULL };
static const char *const op_words[] = {
	"ADD_CGROUP", "REMOVE_CGROUP", "SET_CPUSET", "CLEAR_CPUSET", "SWAP_CPUSETS", "SPAWN", "STOP_CGROUP",
	"SET_AFFINITY", "SPAWN_HOST", "MOVE_ALL_TASKS", "RUN_PAYLOAD", "WAIT_PAYLOAD", "KILL_PAYLOAD",
	"ADD_CGROUP_DEF", "FREEZE_CGROUP", "UNFREEZE_CGROUP", "DETACH_SCHEDULER", "ATTACH_SCHEDULER",
	"RESTART_SCHEDULER", "REPLACE_SCHEDULER", "CAPTURE_CGROUP_PROCS", "CALL", "CAPTURE", "WATCH", NULL
};
static const char *const finding_words[] = {
	"NONE", "STARVED", "STUCK", "UNFAIR", "ISOLATION", "BENCHMARK", "MIGRATION", "PAGE_LOCALITY",
	"CROSS_NODE_MIGRATION", "SLOW_TIER", "IDLE", "MONITOR", NULL
};
static const char *const aggregation_words[] = { "VALUE_MEAN", "COUNTER_LAST", "PER_CPU_MEAN", "PER_CPU_TOTAL", NULL };
static const char *const polarity_words[] = {
	"POLARITY_UNKNOWN", "HIGHER_BETTER", "LOWER_BETTER", "TARGET_VALUE", "INFORMATIONAL", NULL
};
/* clang-format on */

#define COUNTED(words, most) _Static_assert(sizeof(words) / sizeof((words)[0]) == (most) + 1, "a word for each")
COUNTED(work_words, KTSTR_WORK_TYPE_MAX);
COUNTED(phase_words, KTSTR_PHASE_ALU_HOT + 1);
COUNTED(width_words, KTSTR_WIDTH_256 + 1);
COUNTED(policy_words, KTSTR_POLICY_KIND_MAX);
COUNTED(affinity_words, KTSTR_AFFINITY_KIND_MAX);
COUNTED(memory_words, KTSTR_MEM_POLICY_MAX);
COUNTED(clone_words, KTSTR_CLONE_MODE_MAX);
COUNTED(cpuset_words, KTSTR_CPUSET_KIND_MAX);
COUNTED(op_words, KTSTR_OP_KIND_MAX);
COUNTED(finding_words, KTSTR_FINDING_MAX);
COUNTED(aggregation_words, KTSTR_AGGREGATION_MAX);
COUNTED(polarity_words, KTSTR_POLARITY_MAX);

/* --- loads -------------------------------------------------------------------------------------------------------- */

/* clang-format off */
static const struct field checks_fields[] = {
#define X(f) SWITCH(ktstr_checks, f),
	KTSTR_SWITCH_CHECKS(X) KTSTR_MONITOR_SWITCH_CHECKS(X)
#undef X
	KTSTR_LIMIT_CHECKS(LIMIT) KTSTR_MONITOR_LIMIT_CHECKS(LIMIT)
	END
};
static const struct shape shape_checks = { "struct ktstr_checks", "checks", sizeof(struct ktstr_checks),
					   checks_fields };

static const struct field phase_fields[] = {
	ALWAYS(ktstr_work_phase, kind, ktstr_phase_kind, phase_words, "KTSTR_PHASE_"),
	NUMBER(ktstr_work_phase, us),
	END
};
static bool phase_ends(const void *item)
{
	return !((const struct ktstr_work_phase *)item)->us;
}
static const struct shape shape_phase = { "struct ktstr_work_phase", "a phase", sizeof(struct ktstr_work_phase),
					  phase_fields, "KTSTR_PHASES", phase_ends, NULL };

#define WORK(f) NUMBER(ktstr_work, f)
static const struct field work_fields[] = {
	CHOICE(ktstr_work, type, ktstr_work_type, work_words, "KTSTR_WORK_"),
	WORK(burst_ms), WORK(sleep_ms), WORK(sleep_us), WORK(work_us), WORK(interval_us), WORK(interval_ms),
	WORK(spin_iters), WORK(work_iters), WORK(hold_iters), WORK(hot_iters), WORK(cold_iters), WORK(size_kib),
	WORK(stride), WORK(touches), WORK(fan_out), WORK(operations), WORK(contenders), WORK(waiters), WORK(batches),
	WORK(depth), WORK(groups), WORK(signals), WORK(events), WORK(period), WORK(rate_hz), WORK(high), WORK(medium),
	WORK(low), WORK(producers), WORK(consumers), WORK(rt_workers), WORK(cfs_workers), WORK(priority),
	BOOL(ktstr_work, precise), BOOL(ktstr_work, pi), BOOL(ktstr_work, futex),
	CHOICE(ktstr_work, width, ktstr_width, width_words, "KTSTR_WIDTH_"),
	LIST(ktstr_work, phases, shape_phase),
	WORK(message_threads), WORK(worker_threads), WORK(requests_per_s), WORK(keys), WORK(hit_permille),
	TEXT(ktstr_work, name), REFUSED(ktstr_work, fn, "a function"), REFUSED(ktstr_work, arg, "its argument"),
	BOOL(ktstr_work, quiet),
	END
};
const struct shape shape_work = { "struct ktstr_work", "work", sizeof(struct ktstr_work), work_fields };

static const struct field policy_fields[] = {
	CHOICE(ktstr_policy, kind, ktstr_policy_kind, policy_words, "KTSTR_POLICY_"),
	NUMBER(ktstr_policy, priority), NUMBER(ktstr_policy, runtime_us), NUMBER(ktstr_policy, deadline_us),
	NUMBER(ktstr_policy, period_us),
	END
};
static const struct shape shape_policy = { "struct ktstr_policy", "a policy", sizeof(struct ktstr_policy),
					   policy_fields };

static const struct field affinity_fields[] = {
	CHOICE(ktstr_affinity, kind, ktstr_affinity_kind, affinity_words, "KTSTR_AFFINITY_"),
	NUMBER(ktstr_affinity, count), TEXT(ktstr_affinity, list),
	END
};
static const struct shape shape_affinity = { "struct ktstr_affinity", "an affinity", sizeof(struct ktstr_affinity),
					     affinity_fields };

static const struct field load_fields[] = {
	STRUCT(ktstr_load, work, shape_work), NUMBER(ktstr_load, workers), REAL(ktstr_load, workers_share),
	STRUCT(ktstr_load, policy, shape_policy), STRUCT(ktstr_load, affinity, shape_affinity), SET(ktstr_load, nice),
	CHOICE(ktstr_load, mem_policy, ktstr_mem_policy, memory_words, "KTSTR_MEM_"), TEXT(ktstr_load, mem_nodes),
	NUMBER(ktstr_load, mem_flags), TEXT(ktstr_load, comm), TEXT(ktstr_load, pcomm),
	CHOICE(ktstr_load, clone_mode, ktstr_clone_mode, clone_words, "KTSTR_CLONE_"), SET(ktstr_load, numa_node),
	NUMBER(ktstr_load, uid), NUMBER(ktstr_load, gid), STRUCT(ktstr_load, checks, shape_checks),
	END
};
static bool load_ends(const void *item)
{
	const struct ktstr_load *l = item;
	return !l->workers && !(l->workers_share > 0);
}
const struct shape shape_load = { "struct ktstr_load", "a load", sizeof(struct ktstr_load), load_fields, "KTSTR_LOADS",
				  load_ends, NULL };

/* --- scenarios ---------------------------------------------------------------------------------------------------- */

static const struct field cpuset_fields[] = {
	CHOICE(ktstr_cpuset, kind, ktstr_cpuset_kind, cpuset_words, "KTSTR_CPUSET_"), NUMBER(ktstr_cpuset, index),
	NUMBER(ktstr_cpuset, of), REAL(ktstr_cpuset, share), REAL(ktstr_cpuset, start), REAL(ktstr_cpuset, end),
	TEXT(ktstr_cpuset, list),
	END
};
static const struct shape shape_cpuset = { "struct ktstr_cpuset", "a cpuset", sizeof(struct ktstr_cpuset),
					   cpuset_fields };

static const struct field limits_fields[] = {
	NUMBER(ktstr_limits, cpu_quota_pct), NUMBER(ktstr_limits, cpu_quota_us), NUMBER(ktstr_limits, cpu_period_us),
	BOOL(ktstr_limits, cpu_unlimited), NUMBER(ktstr_limits, cpu_weight), U64(ktstr_limits, memory_max),
	U64(ktstr_limits, memory_high), U64(ktstr_limits, memory_low), U64(ktstr_limits, memory_swap_max),
	NUMBER(ktstr_limits, io_weight), U64(ktstr_limits, pids_max),
	END
};
static const struct shape shape_limits = { "struct ktstr_limits", "limits", sizeof(struct ktstr_limits),
					   limits_fields };

static const struct field cgroup_fields[] = {
	TEXT(ktstr_cgroup, name),
	{ .name = "load", .kind = FIELD_INLINE, .at = offsetof(struct ktstr_cgroup, load), .shape = &shape_load },
	BOOL(ktstr_cgroup, swappable), BOOL(ktstr_cgroup, no_workers), LIST(ktstr_cgroup, loads, shape_load),
	REFUSED(ktstr_cgroup, payloads, "a list of payloads"), STRUCT(ktstr_cgroup, cpuset, shape_cpuset),
	TEXT(ktstr_cgroup, cpuset_mems), STRUCT(ktstr_cgroup, limits, shape_limits),
	END
};
static bool cgroup_ends(const void *item)
{
	return !((const struct ktstr_cgroup *)item)->name;
}
const struct shape shape_cgroup = { "struct ktstr_cgroup", "a cgroup", sizeof(struct ktstr_cgroup), cgroup_fields,
				    "KTSTR_CGROUPS", cgroup_ends, NULL };

static const struct field op_fields[] = {
	ALWAYS(ktstr_op, kind, ktstr_op_kind, op_words, "KTSTR_OP_"), TEXT(ktstr_op, cgroup), TEXT(ktstr_op, other),
	STRUCT(ktstr_op, cpuset, shape_cpuset), STRUCT(ktstr_op, load, shape_load),
	STRUCT(ktstr_op, affinity, shape_affinity),
	{ .name = "def", .kind = FIELD_ONE, .at = offsetof(struct ktstr_op, def), .shape = &shape_cgroup },
	{ .name = "scheduler", .kind = FIELD_SCHEDULER, .at = offsetof(struct ktstr_op, scheduler) },
	REFUSED(ktstr_op, payload, "a payload"), REFUSED(ktstr_op, args, "arguments of a payload"),
	REFUSED(ktstr_op, fn, "a function"), REFUSED(ktstr_op, arg, "its argument"), TEXT(ktstr_op, name),
	END
};
static bool op_ends(const void *item)
{
	return ((const struct ktstr_op *)item)->kind == KTSTR_OP_KIND_MAX;
}
static void op_end(void *item)
{
	((struct ktstr_op *)item)->kind = KTSTR_OP_KIND_MAX;
}
const struct shape shape_op = { "struct ktstr_op", "an operation", sizeof(struct ktstr_op), op_fields, "KTSTR_OPS",
				op_ends, op_end };

static const struct field hold_fields[] = {
	REAL(ktstr_hold, share), NUMBER(ktstr_hold, ms), NUMBER(ktstr_hold, loop_ms),
	END
};
static const struct shape shape_hold = { "struct ktstr_hold", "a hold", sizeof(struct ktstr_hold), hold_fields };

static const struct field step_fields[] = {
	TEXT(ktstr_step, name), LIST(ktstr_step, ops, shape_op), LIST(ktstr_step, cgroups, shape_cgroup),
	REFUSED(ktstr_step, factory, "a function"), STRUCT(ktstr_step, hold, shape_hold),
	REFUSED(ktstr_step, watch, "a function"), REFUSED(ktstr_step, arg, "its argument"),
	END
};
static bool step_ends(const void *item)
{
	return !((const struct ktstr_step *)item)->name;
}
const struct shape shape_step = { "struct ktstr_step", "a step", sizeof(struct ktstr_step), step_fields, "KTSTR_STEPS",
				  step_ends, NULL };

static const struct field backdrop_fields[] = {
	LIST(ktstr_backdrop, ops, shape_op), LIST(ktstr_backdrop, cgroups, shape_cgroup),
	END
};
static const struct shape shape_backdrop = { "struct ktstr_backdrop", "a backdrop", sizeof(struct ktstr_backdrop),
					     backdrop_fields };

static const struct field scenario_fields[] = {
	STRUCT(ktstr_scenario, backdrop, shape_backdrop), LIST(ktstr_scenario, steps, shape_step),
	END
};
const struct shape shape_scenario = { "struct ktstr_scenario", "a scenario", sizeof(struct ktstr_scenario),
				      scenario_fields };

/* --- schedulers --------------------------------------------------------------------------------------------------- */

static const struct field node_fields[] = {
	NUMBER(ktstr_numa_node, llcs), NUMBER(ktstr_numa_node, memory_mib),
	END
};
static bool node_ends(const void *item)
{
	return !((const struct ktstr_numa_node *)item)->memory_mib;
}
static const struct shape shape_node = { "struct ktstr_numa_node", "a node", sizeof(struct ktstr_numa_node),
					 node_fields, NULL, node_ends, NULL };

static const struct field kind_fields[] = { NUMBER(ktstr_cpu_kind, cores), NUMBER(ktstr_cpu_kind, capacity), END };
static bool kind_ends(const void *item)
{
	return !((const struct ktstr_cpu_kind *)item)->cores;
}
static const struct shape shape_kind = { "struct ktstr_cpu_kind", "a kind of cores", sizeof(struct ktstr_cpu_kind),
					 kind_fields, NULL, kind_ends, NULL };

/* The same names in struct ktstr_topology and in struct ktstr_test. */
#define TOPOLOGY_FIELDS(t)                                                                                         \
	NUMBER(t, numa_nodes), NUMBER(t, llcs), NUMBER(t, cores), NUMBER(t, threads),                              \
	{ .name = "nodes", .kind = FIELD_ARRAY, .at = offsetof(struct t, nodes), .shape = &shape_node,             \
	  .count = KTSTR_NODES_MAX },                                                                              \
	{ .name = "distances", .kind = FIELD_BYTES, .at = offsetof(struct t, distances),                           \
	  .count = KTSTR_NODES_MAX * KTSTR_NODES_MAX },                                                            \
	{ .name = "kinds", .kind = FIELD_ARRAY, .at = offsetof(struct t, kinds), .shape = &shape_kind,             \
	  .count = KTSTR_KINDS_MAX }
#define CONSTRAINT_FIELDS(t)                                                                                       \
	NUMBER(t, min_llcs), NUMBER(t, max_llcs), NUMBER(t, min_cpus), NUMBER(t, max_cpus),                        \
	NUMBER(t, min_numa_nodes), NUMBER(t, max_numa_nodes), SWITCH(t, requires_smt), SWITCH(t, requires_kinds)

static const struct field topology_fields[] = { TOPOLOGY_FIELDS(ktstr_topology), END };
static const struct shape shape_topology = { "struct ktstr_topology", "a topology", sizeof(struct ktstr_topology),
					     topology_fields };
static const struct field constraints_fields[] = { CONSTRAINT_FIELDS(ktstr_constraints), END };
static const struct shape shape_constraints = { "struct ktstr_constraints", "constraints",
						sizeof(struct ktstr_constraints), constraints_fields };
static const struct field config_fields[] = { TEXTS(ktstr_config_file, args), TEXT(ktstr_config_file, path), END };
static const struct shape shape_config = { "struct ktstr_config_file", "a configuration file",
					   sizeof(struct ktstr_config_file), config_fields };

#define S(kind, f) kind(ktstr_scheduler, f)
static const struct field scheduler_fields[] = {
	S(TEXT, name), S(TEXT, binary), S(TEXTS, kernel_builtin_enable), S(TEXTS, kernel_builtin_disable),
	S(TEXT, build), S(TEXTS, args), S(TEXT, config_file),
	STRUCT(ktstr_scheduler, config_file_def, shape_config), S(TEXT, cgroup_parent),
	STRUCT(ktstr_scheduler, topology, shape_topology), STRUCT(ktstr_scheduler, constraints, shape_constraints),
	S(TEXTS, sysctls), S(TEXTS, kargs), S(TEXTS, kernels), S(TEXTS, verifier_exclude_topologies),
	S(NUMBER, load_cpu), S(NUMBER, attach_timeout_s), S(NUMBER, lacks),
	STRUCT(ktstr_scheduler, checks, shape_checks),
	END
};
const struct shape shape_scheduler = { "struct ktstr_scheduler", "a scheduler", sizeof(struct ktstr_scheduler),
				       scheduler_fields };

/* --- tests -------------------------------------------------------------------------------------------------------- */

static const struct field known_fail_fields[] = {
	TEXT(ktstr_known_fail, kernel), TEXT(ktstr_known_fail, scheduler), TEXT(ktstr_known_fail, reason),
	BOOL(ktstr_known_fail, flaky),
	END
};
static bool known_fail_ends(const void *item)
{
	const struct ktstr_known_fail *k = item;
	return !k->reason;
}
static const struct shape shape_known_fail = { "struct ktstr_known_fail", "a known failure",
					       sizeof(struct ktstr_known_fail), known_fail_fields, "KTSTR_KNOWN_FAIL",
					       known_fail_ends, NULL };

static const struct field map_write_fields[] = { TEXT(ktstr_map_write, variable), U64(ktstr_map_write, value), END };
static bool map_write_ends(const void *item)
{
	return !((const struct ktstr_map_write *)item)->variable;
}
static const struct shape shape_map_write = { "struct ktstr_map_write", "a write to a map",
					      sizeof(struct ktstr_map_write), map_write_fields, "KTSTR_MAP_WRITES",
					      map_write_ends, NULL };

static const struct field map_watch_fields[] = {
	TEXT(ktstr_map_watch, map), TEXT(ktstr_map_watch, field),
	CHOICE(ktstr_map_watch, aggregation, ktstr_aggregation, aggregation_words, "KTSTR_"),
	TEXT(ktstr_map_watch, label),
	END
};
static bool map_watch_ends(const void *item)
{
	return !((const struct ktstr_map_watch *)item)->label;
}
static const struct shape shape_map_watch = { "struct ktstr_map_watch", "a watched map",
					      sizeof(struct ktstr_map_watch), map_watch_fields, "KTSTR_MAP_WATCHES",
					      map_watch_ends, NULL };

static const struct field gate_fields[] = {
	TEXT(ktstr_perf_gate, metric), REAL(ktstr_perf_gate, max_regression_pct), REAL(ktstr_perf_gate, min_abs),
	CHOICE(ktstr_perf_gate, polarity, ktstr_polarity, polarity_words, "KTSTR_"),
	END
};
static bool gate_ends(const void *item)
{
	return !((const struct ktstr_perf_gate *)item)->metric;
}
static const struct shape shape_gate = { "struct ktstr_perf_gate", "a gate", sizeof(struct ktstr_perf_gate),
					 gate_fields, "KTSTR_PERF_GATES", gate_ends, NULL };

static const struct field disk_fields[] = {
	U64(ktstr_disk, bytes), TEXT(ktstr_disk, fs), TEXT(ktstr_disk, mount), BOOL(ktstr_disk, ro),
	END
};
static const struct shape shape_disk = { "struct ktstr_disk", "a disk", sizeof(struct ktstr_disk), disk_fields };

static const struct field net_fields[] = { TEXT(ktstr_net, name), END };
static bool net_ends(const void *item)
{
	return !((const struct ktstr_net *)item)->name;
}
static const struct shape shape_net = { "struct ktstr_net", "a network", sizeof(struct ktstr_net), net_fields,
					"KTSTR_NETWORKS", net_ends, NULL };

#define T(kind, f) kind(ktstr_test, f)
static const struct field test_fields[] = {
	T(TEXT, name),
	{ .name = "scheduler", .kind = FIELD_SCHEDULER, .at = offsetof(struct ktstr_test, scheduler) },
	{ .name = "staged", .kind = FIELD_SCHEDULERS, .at = offsetof(struct ktstr_test, staged) },
	TOPOLOGY_FIELDS(ktstr_test), CONSTRAINT_FIELDS(ktstr_test),
	T(NUMBER, memory_mib), T(NUMBER, duration_s), T(NUMBER, workers_per_cgroup), T(TEXTS, sched_args),
	REFUSED(ktstr_test, payload, "a payload"), REFUSED(ktstr_test, workloads, "a list of payloads"),
	T(TEXTS, include_files), STRUCT(ktstr_test, checks, shape_checks), T(SWITCH, expect_err),
	CHOICE(ktstr_test, expect_finding, ktstr_finding, finding_words, "KTSTR_FINDING_"), T(SWITCH, host_only),
	T(SWITCH, performance_mode), T(SWITCH, no_perf_mode), T(SWITCH, allow_inconclusive), T(SWITCH, ignore),
	T(SWITCH, survives_storm), T(SWITCH, auto_repro), T(SWITCH, expect_auto_repro), T(SWITCH, kaslr),
	LIST(ktstr_test, known_fail, shape_known_fail), T(TEXT, expect_scx_error_contains),
	T(TEXT, expect_scx_error_matches), T(NUMBER, cpu_budget), T(NUMBER, cleanup_budget_ms),
	T(NUMBER, watchdog_timeout_s), T(TEXT, workload_root_cgroup), T(LINES, config), T(NUMBER, num_snapshots),
	LIST(ktstr_test, bpf_map_write, shape_map_write), LIST(ktstr_test, watch_bpf_maps, shape_map_watch),
	REFUSED(ktstr_test, post_vm, "a function"), LIST(ktstr_test, perf_gates, shape_gate),
	{ .name = "disk", .kind = FIELD_ONE, .at = offsetof(struct ktstr_test, disk), .shape = &shape_disk },
	LIST(ktstr_test, networks, shape_net), T(SWITCH, pci),
	END
};
const struct shape shape_test = { "struct ktstr_test", "a test", sizeof(struct ktstr_test), test_fields };
/* clang-format on */

/* --- values ------------------------------------------------------------------------------------------------------- */

const void *field_pointer(const struct field *f, const void *object)
{
	const void *p;
	switch (f->kind) {
	case FIELD_TEXT:
	case FIELD_LINES:
	case FIELD_TEXTS:
	case FIELD_LIST:
	case FIELD_ONE:
	case FIELD_SCHEDULER:
	case FIELD_SCHEDULERS:
	case FIELD_REFUSED:
		break;
	default:
		return NULL;
	}
	memcpy(&p, field_at(f, object), sizeof(p));
	return p;
}

static size_t size_of(const struct field *f)
{
	switch (f->kind) {
	case FIELD_UNSIGNED:
	case FIELD_SWITCH:
	case FIELD_CHOICE:
		return sizeof(unsigned);
	case FIELD_U64:
	case FIELD_REAL:
	case FIELD_LIMIT:
		return sizeof(uint64_t);
	case FIELD_BOOL:
	case FIELD_SET_NUMBER: /* whether it is set */
		return sizeof(bool);
	case FIELD_BYTES:
		return f->count;
	default:
		return sizeof(void *);
	}
}

static bool all_unset(const struct shape *s, const void *object)
{
	for (const struct field *f = s->field; f->name; f++)
		if (!field_is_unset(f, object))
			return false;
	return true;
}

bool field_is_unset(const struct field *f, const void *object)
{
	static const char zero[KTSTR_NODES_MAX * KTSTR_NODES_MAX];
	const void *at = field_at(f, object);
	if (f->kind == FIELD_INLINE || f->always)
		return false;
	if (f->kind == FIELD_STRUCT)
		return all_unset(f->shape, at);
	if (f->kind == FIELD_ARRAY)
		return f->shape->ends(at);
	const void *pointer = field_pointer(f, object);
	if (pointer && f->kind == FIELD_LIST) /* an empty list is none; its macro would not compile */
		return f->shape->ends(pointer);
	if (pointer && (f->kind == FIELD_TEXTS || f->kind == FIELD_SCHEDULERS))
		return !*(const void *const *)pointer;
	return !memcmp(at, zero, size_of(f));
}

const char *field_word(const struct field *f, const void *object)
{
	unsigned value, count = 0;
	memcpy(&value, field_at(f, object), sizeof(value));
	while (f->words[count])
		count++;
	return value < count ? f->words[value] : NULL;
}
