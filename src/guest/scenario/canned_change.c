/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * canned_change.c -- canned scenarios that change something while they run: cpusets, affinities, cgroups, placement of
 * tasks.
 */
#include <stddef.h>

#include "guest/scenario/canned.h"

#define BURSTS CANNED_WORK(BURSTY, .burst_ms = 20, .sleep_ms = 30)
#define OP(KIND, ...)                                  \
	{                                              \
		.kind = KTSTR_OP_##KIND, ##__VA_ARGS__ \
	}
#define TWO KTSTR_CGROUPS({ .name = "cg_0" }, { .name = "cg_1" })
#define HALVES \
	KTSTR_CGROUPS({ .name = "cg_0", .cpuset = C_DISJOINT(0, 2) }, { .name = "cg_1", .cpuset = C_DISJOINT(1, 2) })
/* The cgroups exist all the time. Nothing happens for the first half, then the operations run. */
#define MIDRUN(CGROUPS, ...)                                                                                     \
	{                                                                                                        \
		.backdrop.cgroups = CGROUPS,                                                                     \
		.steps = KTSTR_STEPS(CANNED_HALF("before"), CANNED_HALF("after", .ops = KTSTR_OPS(__VA_ARGS__))) \
	}
#define CHURN(CGROUPS, MS, ...)                                         \
	{                                                               \
		.steps = KTSTR_STEPS({ .name = "churn",                 \
				       .cgroups = CGROUPS,              \
				       .hold = { .loop_ms = MS },       \
				       .ops = KTSTR_OPS(__VA_ARGS__) }) \
	}
#define DEF(...) (&(const struct ktstr_cgroup){ __VA_ARGS__ })

/* The parent has workers of its own, so no controller can be enabled for the children: they only group tasks. */
#define NO_CTRL(...) \
	KTSTR_CGROUPS({ .name = "p", .workers = 1 }, { .name = "p/cg_0" }, { .name = "p/cg_1" }, ##__VA_ARGS__)

/* Keeps a cgroup for 20 ms before the next operation removes it. */
static void live(struct ktstr_ctx *t, void *arg)
{
	(void)arg;
	ktstr_ctx_sleep_us(t, 20000);
}

const struct canned canned_changes[] = {
	/* --- cpusets ---------------------------------------------------------------------------------------------- */
	{ { "cgroup_cpuset_apply_midrun", "cpuset", "halves are given out while it runs", 1, 2 },
	  "cpuset_apply cpuset_apply_midrun apply_midrun ",
	  MIDRUN(TWO, OP(SET_CPUSET, .cgroup = "cg_0", .cpuset = C_DISJOINT(0, 2)),
		 OP(SET_CPUSET, .cgroup = "cg_1", .cpuset = C_DISJOINT(1, 2))) },
	{ { "cgroup_cpuset_clear_midrun", "cpuset", "halves are taken back while it runs", 1, 2 },
	  "cpuset_clear cpuset_clear_midrun clear_midrun ",
	  MIDRUN(HALVES, OP(CLEAR_CPUSET, .cgroup = "cg_0"), OP(CLEAR_CPUSET, .cgroup = "cg_1")) },
	{ { "cgroup_cpuset_resize", "cpuset", "a cpuset shrinks, then grows", 1, 3 },
	  "cpuset_resize resize ",
	  { .backdrop.cgroups = HALVES,
	    .steps = KTSTR_STEPS(
		    CANNED_THIRD("before"),
		    CANNED_THIRD("smaller",
				 .ops = KTSTR_OPS(OP(SET_CPUSET, .cgroup = "cg_0", .cpuset = C_RANGE(0, 0.34)),
						  OP(SET_CPUSET, .cgroup = "cg_1", .cpuset = C_RANGE(0.34, 1)))),
		    CANNED_THIRD("larger",
				 .ops = KTSTR_OPS(OP(SET_CPUSET, .cgroup = "cg_0", .cpuset = C_RANGE(0, 0.67)),
						  OP(SET_CPUSET, .cgroup = "cg_1", .cpuset = C_RANGE(0.67, 1))))) } },
	{ { "cgroup_cpuset_swap_disjoint", "cpuset", "halves change hands", 1, 2 },
	  "cpuset_swap_disjoint swap_disjoint ",
	  MIDRUN(HALVES, OP(SWAP_CPUSETS, .cgroup = "cg_0", .other = "cg_1")) },
	{ { "cgroup_cpuset_numa_swap", "cpuset", "NUMA nodes change hands", 2, 2, 2 },
	  "cpuset_numa_swap numa_swap ",
	  MIDRUN(KTSTR_CGROUPS({ .name = "cg_0", .cpuset = C_NODE(0) }, { .name = "cg_1", .cpuset = C_NODE(1) }),
		 OP(SWAP_CPUSETS, .cgroup = "cg_0", .other = "cg_1")) },
	{ { "cgroup_cpuset_change_imbalance", "cpuset", "unequal cgroups get unequal cpusets", 1, 4 },
	  "cpuset_change_imbalance change_imbalance ",
	  MIDRUN(KTSTR_CGROUPS({ .name = "cg_0", .workers = 4, CANNED_WORK(MIXED), .cpuset = C_DISJOINT(0, 2) },
			       { .name = "cg_1", .workers = 1, .cpuset = C_DISJOINT(1, 2) }),
		 OP(SET_CPUSET, .cgroup = "cg_0", .cpuset = C_RANGE(0, 0.75)),
		 OP(SET_CPUSET, .cgroup = "cg_1", .cpuset = C_RANGE(0.75, 1))) },
	{ { "cgroup_cpuset_load_shift", "cpuset", "the load goes from one half to the other", 1, 2 },
	  "cpuset_load_shift load_shift ",
	  MIDRUN(HALVES, OP(STOP_CGROUP, .cgroup = "cg_0"),
		 OP(SPAWN, .cgroup = "cg_1", .load = { .workers = 4, CANNED_WORK(MIXED) })) },
	{ { "cpuset_cross_llc_race", "stress", "cpusets go back and forth between LLCs", 2, 2 },
	  NULL,
	  { .backdrop.cgroups =
		    KTSTR_CGROUPS({ .name = "cg_0", .cpuset = C_LLC(0) }, { .name = "cg_1", .cpuset = C_LLC(1) }),
	    .steps = KTSTR_STEPS({ .name = "race",
				   .hold = { .loop_ms = 50 },
				   .ops = KTSTR_OPS(OP(SWAP_CPUSETS, .cgroup = "cg_0", .other = "cg_1")) }) } },

	/* --- affinity, load --------------------------------------------------------------------------------------- */
	{ { "cgroup_affinity_change", "affinity", "workers are pinned, then let go", 1, 2 },
	  "affinity_change ",
	  { .backdrop.cgroups = TWO,
	    .steps = KTSTR_STEPS(
		    CANNED_THIRD("before"),
		    CANNED_THIRD("pinned", .ops = KTSTR_OPS(OP(SET_AFFINITY, .cgroup = "cg_0",
							       .affinity = { .kind = KTSTR_AFFINITY_SINGLE_CPU }))),
		    CANNED_THIRD("free", .ops = KTSTR_OPS(OP(SET_AFFINITY, .cgroup = "cg_0")))) } },
	{ { "cgroup_add_load_imbalance", "advanced", "a heavy cgroup is added to light ones", 1, 2 },
	  "add_load_imbalance add_during_imbalance ",
	  MIDRUN(KTSTR_CGROUPS({ .name = "cg_0", .workers = 1 }, { .name = "cg_1", .workers = 4, CANNED_WORK(MIXED) }),
		 OP(ADD_CGROUP_DEF, .def = DEF(.name = "cg_2", .workers = 6, CANNED_WORK(MIXED)))) },
	{ { "cgroup_load_oscillation", "advanced", "the heavy cgroup is now one, now the other", 1, 2 },
	  "load_oscillation ",
	  { .backdrop.cgroups = KTSTR_CGROUPS({ .name = "cg_0", .workers = 1 }, { .name = "cg_1", .workers = 1 }),
	    .steps = KTSTR_STEPS(
		    CANNED_THIRD("left", .ops = KTSTR_OPS(OP(SPAWN, .cgroup = "cg_0",
							     .load = { .workers = 4, CANNED_WORK(MIXED) }))),
		    CANNED_THIRD("right", .ops = KTSTR_OPS(OP(SPAWN, .cgroup = "cg_1",
							      .load = { .workers = 4, CANNED_WORK(MIXED) }))),
		    CANNED_THIRD("left again", .ops = KTSTR_OPS(OP(SPAWN, .cgroup = "cg_0",
								   .load = { .workers = 4, CANNED_WORK(MIXED) })))) } },

	/* --- cgroups are added and removed ------------------------------------------------------------------------ */
	{ { "cgroup_add_midrun", "dynamic", "a third cgroup comes", 1, 1 },
	  "cgroup_add add_midrun ",
	  MIDRUN(TWO, OP(ADD_CGROUP_DEF, .def = DEF(.name = "cg_2", .workers = 2))) },
	{ { "cgroup_remove_midrun", "dynamic", "one of three cgroups goes", 1, 1 },
	  "cgroup_remove remove_midrun ",
	  MIDRUN(KTSTR_CGROUPS({ .name = "cg_0" }, { .name = "cg_1" }, { .name = "cg_2" }),
		 OP(REMOVE_CGROUP, .cgroup = "cg_2")) },
	{ { "cgroup_rapid_churn", "dynamic", "a cgroup is made and removed ten times a second", 1, 1 },
	  "rapid_churn ",
	  CHURN(TWO, 100, OP(ADD_CGROUP_DEF, .def = DEF(.name = "brief", .workers = 1, CANNED_WORK(YIELD_HEAVY))),
		OP(CALL, .fn = live), OP(REMOVE_CGROUP, .cgroup = "brief")) },
	{ { "cgroup_cpuset_add_remove", "dynamic", "a cgroup with a cpuset comes and goes", 1, 3 },
	  "cpuset_add_remove ",
	  { .backdrop.cgroups = HALVES,
	    .steps = KTSTR_STEPS(
		    CANNED_THIRD("before"),
		    CANNED_THIRD("three", .cgroups = KTSTR_CGROUPS({ .name = "cg_2", .cpuset = C_DISJOINT(1, 3) })),
		    CANNED_THIRD("two")) } },
	{ { "dynamic_workload_variety", "stress", "other kinds of work come one after the other", 1, 2 },
	  NULL,
	  { .backdrop.cgroups = TWO,
	    .steps = KTSTR_STEPS(
		    CANNED_THIRD("bursts", .cgroups = KTSTR_CGROUPS({ .name = "cg_2", BURSTS })),
		    CANNED_THIRD("pipes",
				 .cgroups = KTSTR_CGROUPS({ .name = "cg_2", .workers = 2, CANNED_WORK(PIPE_IO) })),
		    CANNED_THIRD("forks", .cgroups = KTSTR_CGROUPS({ .name = "cg_2", CANNED_WORK(FORK_EXIT) }))) } },
	{ { "cgroup_exhaust_reuse", "advanced", "cgroups are made, removed, and made anew under the same names", 1, 1 },
	  "exhaust_reuse ",
	  CHURN(KTSTR_CGROUPS({ .name = "stays" }), 150,
		OP(ADD_CGROUP_DEF, .def = DEF(.name = "cg_0", .workers = 1, CANNED_WORK(YIELD_HEAVY))),
		OP(ADD_CGROUP_DEF, .def = DEF(.name = "cg_1", .workers = 1, CANNED_WORK(YIELD_HEAVY))),
		OP(ADD_CGROUP_DEF, .def = DEF(.name = "cg_2", .workers = 1, CANNED_WORK(YIELD_HEAVY))),
		OP(ADD_CGROUP_DEF, .def = DEF(.name = "cg_3", .workers = 1, CANNED_WORK(YIELD_HEAVY))),
		OP(CALL, .fn = live), OP(REMOVE_CGROUP, .cgroup = "cg_0"), OP(REMOVE_CGROUP, .cgroup = "cg_1"),
		OP(REMOVE_CGROUP, .cgroup = "cg_2"), OP(REMOVE_CGROUP, .cgroup = "cg_3")) },

	/* --- nested ----------------------------------------------------------------------------------------------- */
	{ { "nested_cgroup_steady", "nested", "workers in children of a cgroup", 1, 1 },
	  "nested_steady ",
	  CANNED_STEADY({ .name = "p", .no_workers = true }, { .name = "p/cg_0" }, { .name = "p/cg_1" }) },
	{ { "nested_cgroup_task_move", "nested", "tasks move between children, and back", 1, 1 },
	  "nested_task_move ",
	  { .backdrop.cgroups =
		    KTSTR_CGROUPS({ .name = "p", .no_workers = true }, { .name = "p/cg_0" }, { .name = "p/cg_1" }),
	    .steps = KTSTR_STEPS(
		    CANNED_THIRD("before"),
		    CANNED_THIRD("moved", .ops = KTSTR_OPS(OP(MOVE_ALL_TASKS, .cgroup = "p/cg_0", .other = "p/cg_1"))),
		    CANNED_THIRD("back",
				 .ops = KTSTR_OPS(OP(MOVE_ALL_TASKS, .cgroup = "p/cg_1", .other = "p/cg_0")))) } },
	{ { "nested_cgroup_rapid_churn", "nested", "a child is made and removed ten times a second", 1, 1 },
	  "nested_rapid_churn ",
	  CHURN(KTSTR_CGROUPS({ .name = "p", .no_workers = true }, { .name = "p/cg_0" }), 100,
		OP(ADD_CGROUP_DEF, .def = DEF(.name = "p/brief", .workers = 1, CANNED_WORK(YIELD_HEAVY))),
		OP(CALL, .fn = live), OP(REMOVE_CGROUP, .cgroup = "p/brief")) },
	{ { "nested_cgroup_cpuset", "nested", "children with parts of their parent's cpuset", 1, 4 },
	  "nested_cpuset ",
	  CANNED_STEADY({ .name = "p", .no_workers = true, .cpuset = C_RANGE(0, 0.75) },
			{ .name = "p/cg_0", .cpuset = C_RANGE(0, 0.35) },
			{ .name = "p/cg_1", .cpuset = C_RANGE(0.35, 0.7) }) },
	{ { "nested_cgroup_imbalance", "nested", "a light and a heavy child", 1, 2 },
	  "nested_imbalance ",
	  CANNED_STEADY({ .name = "p", .no_workers = true }, { .name = "p/cg_0", .workers = 1 },
			{ .name = "p/cg_1", .workers = 6, CANNED_WORK(MIXED) }) },
	{ { "nested_cgroup_no_ctrl", "advanced", "children without controllers", 1, 1 },
	  "nested_no_ctrl ",
	  { .steps = KTSTR_STEPS({ .name = "steady", .cgroups = NO_CTRL() }) } },
	{ { "cgroup_no_ctrl_task_migration", "advanced", "tasks move between cgroups without controllers", 1, 1 },
	  "no_ctrl_task_migration ",
	  MIDRUN(NO_CTRL(), OP(MOVE_ALL_TASKS, .cgroup = "p/cg_0", .other = "p/cg_1")) },
	{ { "no_ctrl_imbalance", "interaction", "unequal cgroups without controllers", 1, 2 },
	  "no_ctrl_load_imbalance ",
	  { .steps = KTSTR_STEPS({ .name = "steady",
				   .cgroups = NO_CTRL({ .name = "p/cg_2", .workers = 6, CANNED_WORK(MIXED) }) }) } },
	{ { "no_ctrl_cpuset_change", "interaction", "the cpuset of a cgroup above changes", 1, 2 },
	  NULL,
	  MIDRUN(NO_CTRL(), OP(SET_CPUSET, .cgroup = "p", .cpuset = C_DISJOINT(0, 2))) },

	/* --- stalls ----------------------------------------------------------------------------------------------- */
	{ { "stall_detect", "stall", "a worker a CPU: one that is not run has a gap", 1, 1 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .workers_share = 1 }) },
	{ { "stall_recovery", "stall", "half of the workers are frozen, then go on", 1, 1 },
	  NULL,
	  { .backdrop.cgroups = TWO,
	    .steps = KTSTR_STEPS(CANNED_THIRD("before"),
				 CANNED_THIRD("frozen", .ops = KTSTR_OPS(OP(FREEZE_CGROUP, .cgroup = "cg_0"))),
				 CANNED_THIRD("thawed", .ops = KTSTR_OPS(OP(UNFREEZE_CGROUP, .cgroup = "cg_0")))) } },
	{ { .name = NULL } },
};
