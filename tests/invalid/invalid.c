/* SPDX-License-Identifier: GPL-2.0-only */
/* invalid.c -- one mistake per test. tests/cli/validation.py has the expected messages; no test ever boots a guest. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

KTSTR_SCHEDULER(simple, .binary = "scx_simple");
KTSTR_SCHEDULER(other, .binary = "scx_qmap");
KTSTR_SCHEDULER(limitless, .binary = "scx_simple", .checks = { .max_throughput_cv = NAN });

KTSTR_SCHEDULER(valueless, .binary = "scx_simple", .sysctls = KTSTR_ARGS("kernel.printk"));

/* A test with one wrong cgroup. */
#define CGROUP(id, ...)                                                                        \
	KTSTR_TEST(id, .llcs = 2, .cores = 2)                                                  \
	{                                                                                      \
		return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "cg_0", ##__VA_ARGS__ })); \
	}

/* A test with one step of operations, the last of which is wrong, on a cgroup "a" with a cpuset, and "b" without. */
#define OPS(id, ...)                                                                                                \
	KTSTR_TEST(id, .llcs = 2, .cores = 2)                                                                       \
	{                                                                                                           \
		return ktstr_run_scenario(                                                                          \
			t, &(struct ktstr_scenario){                                                                \
				   .backdrop.cgroups =                                                              \
					   KTSTR_CGROUPS({ .name = "a", .cpuset = KTSTR_LLC(0) }, { .name = "b" }), \
				   .steps = KTSTR_STEPS({ .name = "s", .ops = KTSTR_OPS(__VA_ARGS__) }) });         \
	}

CGROUP(llc_range, .cpuset = KTSTR_LLC(3))
CGROUP(node_range, .cpuset = KTSTR_NODE(1))
CGROUP(part_of_none, .cpuset = KTSTR_DISJOINT(0, 0))
CGROUP(part_index, .cpuset = KTSTR_DISJOINT(3, 3))
CGROUP(part_too_many, .cpuset = KTSTR_DISJOINT(0, 8))
CGROUP(overlap_share, .cpuset = KTSTR_OVERLAP(0, 2, 1.5))
CGROUP(range_finite, .cpuset = KTSTR_RANGE(0, INFINITY))
CGROUP(range_share, .cpuset = KTSTR_RANGE(0.5, 1.5))
CGROUP(range_order, .cpuset = KTSTR_RANGE(0.5, 0.25))
CGROUP(range_empty, .cpuset = KTSTR_RANGE(0.0, 0.1))
CGROUP(exact_empty, .cpuset = KTSTR_CPUS(""))
CGROUP(exact_outside, .cpuset = KTSTR_CPUS("2-5"))
CGROUP(exact_nonsense, .cpuset = KTSTR_CPUS("two"))
CGROUP(mems_range, .cpuset_mems = "1")

CGROUP(odd_pair, .workers = 3, .work = KTSTR_WORK(PIPE_IO))
CGROUP(odd_group, .workers = 7, .work = KTSTR_WORK(FAN_OUT_COMPUTE))
CGROUP(ten_thousand, .workers = 10000)
CGROUP(both_counts, .workers = 2, .workers_share = 0.5)
CGROUP(share_nan, .workers_share = NAN)
CGROUP(no_phases, .work = KTSTR_WORK(SEQUENCE))
CGROUP(no_function, .work = KTSTR_WORK(CUSTOM))
CGROUP(short_chain, .workers = 1, .work = KTSTR_WORK(WAKE_CHAIN, .depth = 1))

CGROUP(limit_negative, .checks = { .max_gap_ms = -5 })
CGROUP(cgroup_enforces, .checks = { .enforce = KTSTR_ON })
CGROUP(loads_limit_nan, .workers = 1, .loads = KTSTR_LOADS({ .workers = 1, .checks = { .max_spread_pct = NAN } }))
CGROUP(fifo_zero, .policy = KTSTR_FIFO(0))
CGROUP(rr_hundred, .policy = KTSTR_RR(100))
CGROUP(deadline_order, .policy = KTSTR_DEADLINE(5000, 4000, 0))
CGROUP(nice_range, .nice = KTSTR_NICE(20))
CGROUP(long_comm, .comm = "sixteen_bytes_it")
CGROUP(affinity_outside, .cpuset = KTSTR_CPUS("0-1"), .affinity = KTSTR_AFFINITY(EXACT, .list = "1-2"))
CGROUP(affinity_pool, .cpuset = KTSTR_CPUS("0-1"), .affinity = KTSTR_AFFINITY(RANDOM_SUBSET, .count = 3))
CGROUP(bind_nothing, .mem_policy = KTSTR_MEM_BIND)
CGROUP(bind_outside, .mem_policy = KTSTR_MEM_BIND, .mem_nodes = "1")
CGROUP(prefer_two, .mem_policy = KTSTR_MEM_PREFERRED, .mem_nodes = "0-1")
CGROUP(weight_range, .limits.cpu_weight = 10001)
CGROUP(period_range, .limits = { .cpu_quota_us = 5000, .cpu_period_us = 10 })
CGROUP(two_quotas, .limits = { .cpu_quota_us = 5000, .cpu_quota_pct = 10 })

CGROUP(unlimited_quota, .limits = { .cpu_quota_pct = 50, .cpu_unlimited = true })
CGROUP(node_unknown, .numa_node = KTSTR_ON_NODE(1))
CGROUP(node_and_affinity, .numa_node = KTSTR_ON_NODE(0), .affinity = KTSTR_AFFINITY(SINGLE_CPU))
CGROUP(affinity_node, .affinity = KTSTR_AFFINITY(NODE, .count = 2))
CGROUP(subset_of_list, .affinity = KTSTR_AFFINITY(RANDOM_SUBSET, .count = 3, .list = "0-1"))
CGROUP(subset_outside, .cpuset = KTSTR_CPUS("0"), .affinity = KTSTR_AFFINITY(RANDOM_SUBSET, .count = 1, .list = "1"))
CGROUP(thread_forks, .work = KTSTR_WORK(FORK_EXIT), .clone_mode = KTSTR_CLONE_THREAD)
CGROUP(thread_moves, .work = KTSTR_WORK(CGROUP_CHURN), .pcomm = "p")
CGROUP(long_pcomm, .pcomm = "sixteen_bytes_it")
CGROUP(merged_comm, .comm = "sixteen_bytes_it", .no_workers = true, .loads = KTSTR_LOADS({ .workers = 1 }))

KTSTR_TEST(node_elsewhere, .numa_nodes = 2, .llcs = 2, .cores = 2)
{
	return ktstr_run_cgroups(
		t, KTSTR_CGROUPS({ .name = "cg_0", .cpuset = KTSTR_NODE(0), .numa_node = KTSTR_ON_NODE(1) }));
}

KTSTR_TEST(twice, .cores = 2)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "cg_0" }, { .name = "cg_1" }, { .name = "cg_0" }));
}

KTSTR_TEST(bad_name, .cores = 2)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "../escape" }));
}

KTSTR_TEST(name_no_utf8, .cores = 2)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "gr\xfc" }));
}

KTSTR_TEST(name_of_control, .cores = 2)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "a\033[2J" }));
}

KTSTR_TEST(phase_no_utf8, .cores = 2)
{
	return ktstr_run_steps(t, KTSTR_STEPS({ .name = "ph\xff"
							"ase" }));
}

KTSTR_TEST(child_outside, .cores = 4)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "p", .no_workers = true, .cpuset = KTSTR_CPUS("0-1") },
						  { .name = "p/c", .cpuset = KTSTR_CPUS("1-2") }));
}

KTSTR_TEST(busy_parent, .cores = 4)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "p" }, { .name = "p/c", .cpuset = KTSTR_CPUS("1") }));
}

OPS(add_known, KTSTR_OP(ADD_CGROUP, .cgroup = "a"))
OPS(remove_unknown, KTSTR_OP(REMOVE_CGROUP, .cgroup = "c"))
OPS(set_unknown, KTSTR_OP(SET_CPUSET, .cgroup = "c", .cpuset = KTSTR_LLC(0)))
OPS(set_bad, KTSTR_OP(SET_CPUSET, .cgroup = "b", .cpuset = KTSTR_LLC(2)))
OPS(use_after_remove, KTSTR_OP(REMOVE_CGROUP, .cgroup = "b"), KTSTR_OP(STOP_CGROUP, .cgroup = "b"))
OPS(swap_none, KTSTR_OP(SWAP_CPUSETS, .cgroup = "a", .other = "b"))
OPS(move_self, KTSTR_OP(MOVE_ALL_TASKS, .cgroup = "a", .other = "a"))
OPS(move_to_step, KTSTR_OP(ADD_CGROUP, .cgroup = "c"), KTSTR_OP(MOVE_ALL_TASKS, .cgroup = "a", .other = "c"))
OPS(freeze_twice, KTSTR_OP(FREEZE_CGROUP, .cgroup = "a"), KTSTR_OP(FREEZE_CGROUP, .cgroup = "a"))
OPS(spawn_odd, KTSTR_OP(SPAWN, .cgroup = "a", .load = { .workers = 3, .work = KTSTR_WORK(FUTEX_PING_PONG) }))
OPS(no_scheduler, KTSTR_OP(DETACH_SCHEDULER))
OPS(no_payload, KTSTR_OP(RUN_PAYLOAD))

KTSTR_PAYLOAD(declared, .binary = "x");
KTSTR_PAYLOAD(stranger, .binary = "x");
KTSTR_PAYLOAD(formless, .binary = "x", .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_EXISTS("m")));

/* The same, with a payload. */
#define PAYLOAD_OPS(id, ...)                                                                                \
	KTSTR_TEST(id, .cores = 2, .payload = &declared)                                                    \
	{                                                                                                   \
		return ktstr_run_scenario(                                                                  \
			t, &(struct ktstr_scenario){                                                        \
				   .backdrop.cgroups = KTSTR_CGROUPS({ .name = "a" }, { .name = "b" }),     \
				   .steps = KTSTR_STEPS({ .name = "s", .ops = KTSTR_OPS(__VA_ARGS__) }) }); \
	}
#define RUN_IN(where) KTSTR_OP(RUN_PAYLOAD, .payload = &declared, .cgroup = where)

PAYLOAD_OPS(payload_stranger, KTSTR_OP(RUN_PAYLOAD, .payload = &stranger))
PAYLOAD_OPS(payload_nowhere, RUN_IN("c"))
PAYLOAD_OPS(payload_twice, RUN_IN("a"), RUN_IN("b"), RUN_IN("a"))
PAYLOAD_OPS(payload_idle, KTSTR_OP(WAIT_PAYLOAD, .payload = &declared))
PAYLOAD_OPS(payload_which, RUN_IN("a"), RUN_IN("b"), KTSTR_OP(KILL_PAYLOAD, .payload = &declared))
PAYLOAD_OPS(payload_waited, RUN_IN("a"), KTSTR_OP(WAIT_PAYLOAD, .payload = &declared),
	    KTSTR_OP(WAIT_PAYLOAD, .payload = &declared))
PAYLOAD_OPS(payload_gone, RUN_IN("a"), KTSTR_OP(REMOVE_CGROUP, .cgroup = "a"),
	    KTSTR_OP(KILL_PAYLOAD, .payload = &declared, .cgroup = "a"))

KTSTR_TEST(payload_in_two_roles, .payload = &declared, .workloads = KTSTR_PAYLOADS(&declared))
{
	return KTSTR_PASS;
}

KTSTR_TEST(payload_formless, .workloads = KTSTR_PAYLOADS(&declared, &formless))
{
	return KTSTR_PASS;
}

KTSTR_TEST(payload_undeclared, .cores = 1)
{
	return KTSTR_RUN_PAYLOAD(t, &stranger);
}

KTSTR_TEST(payload_of_definition, .cores = 2)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "a", .payloads = KTSTR_PAYLOADS(&stranger) }));
}

KTSTR_TEST(attach_attached, .scheduler = &simple, .cores = 2)
{
	return ktstr_run_steps(t, KTSTR_STEPS({ .name = "s", .ops = KTSTR_OPS(KTSTR_OP(ATTACH_SCHEDULER)) }));
}

KTSTR_TEST(not_staged, .scheduler = &simple, .cores = 2)
{
	return ktstr_run_steps(
		t, KTSTR_STEPS({ .name = "s", .ops = KTSTR_OPS(KTSTR_OP(REPLACE_SCHEDULER, .scheduler = &other)) }));
}

KTSTR_TEST(loop_grows, .cores = 2)
{
	return ktstr_run_steps(t, KTSTR_STEPS({ .name = "s",
						.hold = KTSTR_HOLD_LOOP(100),
						.cgroups = KTSTR_CGROUPS({ .name = "x" }),
						.ops = KTSTR_OPS(KTSTR_OP(ADD_CGROUP, .cgroup = "y")) }));
}

KTSTR_TEST(hold_share, .cores = 2)
{
	return ktstr_run_steps(
		t, KTSTR_STEPS(
			   { .name = "s", .hold = KTSTR_HOLD_SHARE(-0.5), .cgroups = KTSTR_CGROUPS({ .name = "x" }) }));
}

KTSTR_TEST(no_steps, .cores = 2)
{
	return ktstr_run_scenario(t, &(struct ktstr_scenario){ 0 });
}

KTSTR_TEST(gone_with_step, .cores = 2)
{
	return ktstr_run_steps(
		t, KTSTR_STEPS({ .name = "first", .cgroups = KTSTR_CGROUPS({ .name = "x" }) },
			       { .name = "second", .ops = KTSTR_OPS(KTSTR_OP(STOP_CGROUP, .cgroup = "x")) }));
}

KTSTR_TEST(words_without_error, .cores = 2, .expect_scx_error_contains = "x")
{
	return KTSTR_PASS;
}

KTSTR_TEST(words_no_regex, .cores = 2, .expect_err = KTSTR_ON, .expect_scx_error_matches = "(")
{
	return KTSTR_PASS;
}

KTSTR_TEST(expects_no_end, .cores = 2, .expect_err = KTSTR_ON)
{
	return KTSTR_PASS;
}

KTSTR_TEST(finding_without_error, .cores = 2, .expect_finding = KTSTR_FINDING_STUCK)
{
	return KTSTR_PASS;
}

KTSTR_TEST(finding_and_words, .cores = 2, .expect_err = KTSTR_ON, .expect_finding = KTSTR_FINDING_STUCK,
	   .expect_scx_error_contains = "x")
{
	return KTSTR_PASS;
}

KTSTR_TEST(sysctl_without_value, .cores = 2, .scheduler = &valueless)
{
	return KTSTR_PASS;
}

KTSTR_TEST(host_scenario, .host_only = KTSTR_ON)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "a" }));
}
KTSTR_TEST(host_and_files, .host_only = KTSTR_ON, .include_files = KTSTR_ARGS("a"))
{
	return KTSTR_PASS;
}
KTSTR_TEST(nodes_and_llcs, .llcs = 2, .nodes = { { .llcs = 1, .memory_mib = 256 } })
{
	return KTSTR_PASS;
}
KTSTR_TEST(known_without_entry, .known_fail = KTSTR_KNOWN_FAIL({ .kernel = 0 }))
{
	return KTSTR_PASS;
}
KTSTR_TEST(known_without_reason, .known_fail = KTSTR_KNOWN_FAIL({ .kernel = "6.12" }))
{
	return KTSTR_PASS;
}
KTSTR_TEST(perf_and_not, .cores = 2, .performance_mode = KTSTR_ON, .no_perf_mode = KTSTR_ON)
{
	return KTSTR_PASS;
}

KTSTR_TEST(rate_negative, .cores = 2, .checks = { .min_work_rate = -3 })
{
	return KTSTR_PASS;
}

KTSTR_TEST(scheduler_limit_nan, .cores = 2, .scheduler = &limitless)
{
	return KTSTR_PASS;
}

/* --- attributes of tests and keys of schedulers ------------------------------------------------------------------- */

#define WRONG(id, ...)                \
	KTSTR_TEST(id, ##__VA_ARGS__) \
	{                             \
		return KTSTR_PASS;    \
	}
#define WRONG_SCHEDULER(id, ...)                 \
	KTSTR_SCHEDULER(of_##id, ##__VA_ARGS__); \
	WRONG(id, .scheduler = &of_##id)

WRONG(budget_without_sharing, .cpu_budget = 2)
WRONG(host_and_budget, .host_only = KTSTR_ON, .cleanup_budget_ms = 5)
WRONG(host_and_kaslr, .host_only = KTSTR_ON, .kaslr = KTSTR_ON)
WRONG(watchdog_without_scheduler, .watchdog_timeout_s = 5)
WRONG(watchdog_too_long, .scheduler = &simple, .watchdog_timeout_s = 31)
WRONG(storm_without_scheduler, .survives_storm = KTSTR_ON)
WRONG(storm_and_error, .scheduler = &simple, .survives_storm = KTSTR_ON, .expect_err = KTSTR_ON)
WRONG(snapshots_too_close, .num_snapshots = 16)
WRONG(snapshots_too_many, .num_snapshots = 65, .duration_s = 60)
WRONG(write_without_scheduler, .bpf_map_write = KTSTR_MAP_WRITES({ "x", 1 }))
WRONG(write_of_nothing, .scheduler = &simple, .bpf_map_write = KTSTR_MAP_WRITES({ 0 }))
WRONG(watch_of_nothing, .scheduler = &simple, .watch_bpf_maps = KTSTR_MAP_WATCHES({ .label = "x" }))
WRONG(watch_label, .scheduler = &simple, .watch_bpf_maps = KTSTR_MAP_WATCHES({ .field = "x", .label = "a b" }))
WRONG(host_and_snapshots, .host_only = KTSTR_ON, .num_snapshots = 1)
#define DISK(...) .disk = (&(const struct ktstr_disk){ __VA_ARGS__ })
WRONG(disk_small, DISK(.bytes = 4096))
WRONG(disk_unknown, DISK(.bytes = 8 << 20, .fs = "xfs"))
WRONG(disk_too_small_for_it, DISK(.bytes = 4 << 20, .fs = "ext4"))
WRONG(disk_without_one, DISK(.bytes = 8 << 20, .mount = "/data"))
WRONG(disk_climbs, DISK(.bytes = 8 << 20, .fs = "ext4", .mount = "/data/../proc"))
WRONG(disk_is_root, DISK(.bytes = 8 << 20, .fs = "ext4", .mount = "/"))
WRONG(disk_over_proc, DISK(.bytes = 8 << 20, .fs = "ext4", .mount = "/proc"))
WRONG(disk_over_cgroups, DISK(.bytes = 8 << 20, .fs = "ext4", .mount = "/sys/fs/cgroup"))
WRONG(disk_over_libraries, DISK(.bytes = 8 << 20, .fs = "ext4", .mount = "/usr/lib"))
WRONG(disk_over_tmp, DISK(.bytes = 8 << 20, .fs = "ext4", .mount = "/tmp"))
WRONG(network_of_loopback, .networks = KTSTR_NETWORKS({ "lo" }))
WRONG(networks_alike, .networks = KTSTR_NETWORKS({ "a" }, { "a" }))
WRONG(host_and_pci, .host_only = KTSTR_ON, .pci = KTSTR_ON)
OPS(capture_without_name, KTSTR_OP(CAPTURE))
OPS(capture_name, KTSTR_OP(CAPTURE, .name = "a/b"))
OPS(capture_long_name, KTSTR_OP(CAPTURE, .name = "a123456789b123456789c123456789d1"))
OPS(watch_too_many, KTSTR_OP(WATCH, .name = "a"), KTSTR_OP(WATCH, .name = "b"), KTSTR_OP(WATCH, .name = "a"),
    KTSTR_OP(WATCH, .name = "c"), KTSTR_OP(WATCH, .name = "d"))
WRONG(repro_without_scheduler, .expect_auto_repro = KTSTR_ON)
WRONG(repro_and_error, .scheduler = &simple, .expect_auto_repro = KTSTR_ON, .expect_err = KTSTR_ON)
WRONG(repro_and_none, .scheduler = &simple, .expect_auto_repro = KTSTR_ON, .auto_repro = KTSTR_OFF)
WRONG(host_and_repro, .host_only = KTSTR_ON, .auto_repro = KTSTR_ON)
WRONG(config_without_place, .scheduler = &simple, .config = "a = 1")
WRONG(root_is_the_root, .workload_root_cgroup = "/")
WRONG(root_climbs, .workload_root_cgroup = "/a/../b")
WRONG(parent_in_arguments, .scheduler = &simple, .sched_args = KTSTR_ARGS("--cell-parent-cgroup", "a"))
WRONG_SCHEDULER(parent_relative, .binary = "scx_simple", .cgroup_parent = "cells")
WRONG_SCHEDULER(parent_in_its_arguments, .binary = "scx_simple", .args = KTSTR_ARGS("--cell-parent-cgroup=/a/.."))
WRONG_SCHEDULER(two_configs, .binary = "scx_simple", .config_file = "a",
		.config_file_def = { KTSTR_ARGS("-c", "{file}"), "/etc/a" })
WRONG_SCHEDULER(config_no_place, .binary = "scx_simple", .config_file_def = { KTSTR_ARGS("-c"), "/etc/a" })
WRONG_SCHEDULER(config_no_path, .binary = "scx_simple", .config_file_def = { KTSTR_ARGS("-c", "{file}"), "etc/a" })
WRONG_SCHEDULER(builtin_and_binary, .binary = "scx_simple", .kernel_builtin_enable = KTSTR_ARGS("echo 1 > /a"),
		.kernel_builtin_disable = KTSTR_ARGS("echo 0 > /a"))
WRONG_SCHEDULER(builtin_half, .kernel_builtin_enable = KTSTR_ARGS("echo 1 > /a"))
WRONG_SCHEDULER(builtin_shell, .kernel_builtin_enable = KTSTR_ARGS("echo $(date) > /a"),
		.kernel_builtin_disable = KTSTR_ARGS("echo 0 > /a"))
WRONG_SCHEDULER(builtin_arguments, .kernel_builtin_enable = KTSTR_ARGS("echo 1 > /a"), .args = KTSTR_ARGS("-v"),
		.kernel_builtin_disable = KTSTR_ARGS("echo 0 > /a"))
KTSTR_TEST(storm_detached, .scheduler = &simple, .survives_storm = KTSTR_ON)
{
	return ktstr_run_steps(t, KTSTR_STEPS({ .name = "s", .ops = KTSTR_OPS(KTSTR_OP(DETACH_SCHEDULER)) }));
}
KTSTR_TEST(storm_loop, .scheduler = &simple, .survives_storm = KTSTR_ON)
{
	return ktstr_run_steps(t, KTSTR_STEPS({ .name = "s",
						.hold = KTSTR_HOLD_LOOP(100),
						.ops = KTSTR_OPS(KTSTR_OP(RESTART_SCHEDULER)) }));
}

/* --- bodies that must do no harm during validation; nothing is known about them before a guest runs them ---------- */

KTSTR_TEST(harm_write, .cores = 2)
{
	FILE *f = fopen("ktstr-harm", "w");
	fputs("harm", f);
	fclose(f);
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "cg_0", .cpuset = KTSTR_LLC(9) }));
}

KTSTR_TEST(harm_loop, .cores = 2)
{
	for (volatile int i = 0; i >= 0;)
		i = 0;
	return KTSTR_PASS;
}

KTSTR_TEST(harm_sleep, .cores = 2)
{
	for (;;)
		pause();
	return KTSTR_PASS;
}

KTSTR_TEST(harm_crash, .cores = 2)
{
	*(volatile int *)0 = 0;
	return KTSTR_PASS;
}

/* A body may print and use ktstr_expect(); the mistake behind them is found. */
KTSTR_TEST(talks_first, .cores = 2)
{
	printf("%u CPUs\n", ktstr_ctx_cpus(t));
	ktstr_expect(t, ktstr_ctx_cpus(t) == 3, "not the number");
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "cg_0", .cpuset = KTSTR_LLC(9) }));
}

/* Names that KTSTR_TEST cannot give. */
#define NAMED(id, text)                                                                                          \
	static enum ktstr_verdict body_##id(struct ktstr_ctx *t)                                                 \
	{                                                                                                        \
		(void)t;                                                                                         \
		return KTSTR_PASS;                                                                               \
	}                                                                                                        \
	static const struct ktstr_test test_##id = {                                                             \
		.name = text, .file = __FILE__, .line = __LINE__, .body = body_##id                              \
	};                                                                                                       \
	static const struct ktstr_test *const entry_##id __attribute__((used, retain, section("ktstr_tests"))) = \
		&test_##id;
NAMED(bracket, "name)_bracket")
NAMED(command, "$(name)")
NAMED(backslash, "name\\back")
NAMED(space, "name ")
#define TEN(text) text text text text text text text text text text
NAMED(long, "name_long_" TEN(TEN("xxx")))

/* --- found by the runner ------------------------------------------------------------------------------------------ */

KTSTR_SCHEDULER(gone, .binary = "../nowhere/scx_mine");

KTSTR_TEST(scheduler_gone, .scheduler = &gone, .cores = 2)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "cg_0", .workers = 2, .checks = { .max_gap_ms = 50 } }));
}

KTSTR_TEST(cores_negative, .cores = -2)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "cg_0", .workers = 2 }));
}
