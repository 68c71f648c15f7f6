/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * attributes.c -- tests whose attributes change what the runner does; tests/vm/attributes.py has the expected results.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

/* Two nodes with different CPUs, and one node without CPUs. */
#define NODES                                                                                                   \
	.nodes = { { .llcs = 2, .memory_mib = 384 }, { .llcs = 1, .memory_mib = 256 }, { .memory_mib = 128 } }, \
	.distances = { 10, 15, 30, 15, 10, 40, 30, 40, 10 }

/* Reads a sysfs file and removes its last newline. */
static const char *node_file(unsigned node, const char *file)
{
	static char text[4096];
	char path[128];
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/%s", node, file);
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	if (f)
		fclose(f);
	text[n && text[n - 1] == '\n' ? n - 1 : n] = '\0';
	return text;
}

static void expect_node(struct ktstr_ctx *t, unsigned node, const char *file, const char *wanted)
{
	const char *found = node_file(node, file);
	ktstr_expect(t, !strcmp(found, wanted), "node %u: %s is '%s', not '%s'", node, file, found, wanted);
}

/* The kernel reserves some of it for itself. */
static void expect_memory(struct ktstr_ctx *t, unsigned node, unsigned long mib)
{
	unsigned long kib = 0;
	const char *found = strstr(node_file(node, "meminfo"), "MemTotal:");
	if (found)
		sscanf(found, "MemTotal: %lu", &kib);
	ktstr_expect(t, kib > (mib - mib / 2) << 10 && kib <= mib << 10, "node %u has %lu KiB, not some %lu MiB", node,
		     kib, mib);
}

KTSTR_TEST(described_nodes, .cores = 1, NODES, .duration_s = 1)
{
	struct ktstr_topology p = ktstr_ctx_topology(t);
	ktstr_expect(t, p.numa_nodes == 3 && p.llcs == 3 && ktstr_ctx_cpus(t) == 3, "its shape follows from its nodes");
	expect_node(t, 0, "cpulist", "0-1");
	expect_node(t, 1, "cpulist", "2");
	expect_node(t, 2, "cpulist", "");
	expect_node(t, 0, "distance", "10 15 30");
	expect_node(t, 1, "distance", "15 10 40");
	expect_node(t, 2, "distance", "30 40 10");
	expect_memory(t, 0, 384);
	expect_memory(t, 1, 256);
	expect_memory(t, 2, 128);
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "far",
						    .work = KTSTR_WORK(PAGE_FAULT_CHURN),
						    .workers = 1,
						    .mem_policy = KTSTR_MEM_BIND,
						    .mem_nodes = "2" }));
}

KTSTR_TEST(on_the_host, .host_only = KTSTR_ON)
{
	ktstr_expect(t, getenv("KTSTR_TEST_ON_HOST") != NULL, "it has its caller's environment");
	ktstr_expect(t, getpid() != 1 && ktstr_ctx_seed(t) == 7, "it is a process of the host, with the seed");
	printf("a line from the host\n");
	return KTSTR_PASS;
}
KTSTR_TEST(fails_on_the_host, .host_only = KTSTR_ON)
{
	ktstr_expect(t, 0, "what it finds is kept");
	return KTSTR_PASS;
}
KTSTR_TEST(dies_on_the_host, .host_only = KTSTR_ON)
{
	raise(SIGSEGV);
	return KTSTR_PASS;
}

/* Two schedulers with the same build command: the command is run once. */
#define BUILD "cp \"$SIMPLE\" ./built_simple && echo \"$KTSTR_SCHEDULER_PROFILE\" >> profile"
KTSTR_SCHEDULER(built, .binary = "./built_simple", .build = BUILD);
KTSTR_SCHEDULER(built_again, .binary = "./built_simple", .build = BUILD);
KTSTR_SCHEDULER(not_built, .binary = "./built_simple", .build = "echo no compiler >&2; exit 3");
KTSTR_TEST(build_works, .scheduler = &built, .staged = KTSTR_STAGED(&built_again))
{
	return KTSTR_PASS;
}
KTSTR_TEST(build_fails, .scheduler = &not_built)
{
	return KTSTR_PASS;
}
KTSTR_SCHEDULER(not_there, .binary = "scx_not_there");
KTSTR_TEST(not_found, .scheduler = &not_there)
{
	return KTSTR_PASS;
}

KTSTR_TEST(known_fails,
	   .known_fail = KTSTR_KNOWN_FAIL({ .kernel = "99.1", .reason = "not here" },
					  { .kernel = "5.0..99", .scheduler = "eevdf", .reason = "broken" }))
{
	ktstr_expect(t, false, "it is broken");
	return KTSTR_PASS;
}

KTSTR_TEST(known_passes, .known_fail = KTSTR_KNOWN_FAIL({ .reason = "it was broken" }))
{
	return KTSTR_PASS;
}

KTSTR_TEST(known_passes_now_and_then, .known_fail = KTSTR_KNOWN_FAIL({ .reason = "it is luck", .flaky = true }))
{
	return KTSTR_PASS;
}

KTSTR_TEST(demo_of_nothing, .host_only = KTSTR_ON)
{
	return KTSTR_PASS;
}
KTSTR_TEST(ignored, .host_only = KTSTR_ON, .ignore = KTSTR_ON)
{
	return KTSTR_PASS;
}

KTSTR_TEST(greedy, .no_perf_mode = KTSTR_ON, .cpu_budget = 100000)
{
	return KTSTR_PASS;
}

/* --- control groups ----------------------------------------------------------------------------------------------- */

static void read_text(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, size - 1, f) : 0;
	if (f)
		fclose(f);
	text[n && text[n - 1] == '\n' ? n - 1 : n] = '\0';
}

/* The file has this text, apart from the newline at its end. */
static void expect_text(struct ktstr_ctx *t, const char *path, const char *wanted)
{
	char found[200];
	read_text(path, found, sizeof(found));
	ktstr_expect(t, !strcmp(found, wanted), "%s is '%s', not '%s'", path, found, wanted);
}

/* The first worker is in the cgroup @arg. */
static void expect_cgroup(struct ktstr_ctx *t, void *arg)
{
	struct ktstr_worker_view worker = { 0 };
	char path[64];
	ktstr_expect(t, ktstr_ctx_worker(t, 0, &worker) == 0 && worker.pid > 0, "there is a worker");
	snprintf(path, sizeof(path), "/proc/%d/cgroup", worker.pid);
	expect_text(t, path, arg);
}

KTSTR_TEST(below_a_root, .workload_root_cgroup = "/outer/inner", .no_perf_mode = KTSTR_ON, .cpu_budget = 1,
	   .cleanup_budget_ms = 60000, .duration_s = 1)
{
	expect_text(t, "/sys/fs/cgroup/outer/inner/cgroup.procs", "");
	return ktstr_run_steps(
		t, KTSTR_STEPS({ .name = "run",
				 .watch = expect_cgroup,
				 .arg = (void *)"0::/outer/inner/a",
				 .cgroups = KTSTR_CGROUPS({ .name = "a", .workers = 1, .limits.cpu_weight = 50 }) }));
}

/* --- configurations: the program ./configured checks its own and becomes scx_simple ------------------------------- */

KTSTR_SCHEDULER(from_file, .binary = "./configured", .config_file = "simple.conf", .cgroup_parent = "/cells",
		.args = KTSTR_ARGS("-v"));
KTSTR_SCHEDULER(from_test, .binary = "./configured",
		.config_file_def = { KTSTR_ARGS("--config", "{file}"), "/run/simple/its.conf" },
		.args = KTSTR_ARGS("-v"));

KTSTR_TEST(configured_by_file, .scheduler = &from_file, .include_files = KTSTR_ARGS("./scx_simple"), .duration_s = 1,
	   .survives_storm = KTSTR_ON)
{
	return ktstr_run_steps(t, KTSTR_STEPS({ .name = "run",
						.ops = KTSTR_OPS(KTSTR_OP(RESTART_SCHEDULER)),
						.watch = expect_cgroup,
						.arg = (void *)"0::/cells/a",
						.cgroups = KTSTR_CGROUPS({ .name = "a", .workers = 1 }) }));
}
KTSTR_TEST(configured_by_test, .scheduler = &from_test, .include_files = KTSTR_ARGS("./scx_simple"),
	   .config = "slice = 5\nname = 'é'\n", .duration_s = 1)
{
	expect_text(t, "/run/simple/its.conf", "slice = 5\nname = 'é'");
	return KTSTR_PASS;
}

/* --- the monitor's limits, and the kernel's watchdog -------------------------------------------------------------- */

KTSTR_SCHEDULER(watched, .binary = "scx_simple",
		.checks = { .sustained_samples = 3, .max_fallback_rate = KTSTR_OFF, .max_keep_last_rate = KTSTR_OFF });
/* Each twentieth task is never run again; scx_qmap itself asks for five seconds. */
KTSTR_SCHEDULER(forgetful, .binary = "scx_qmap", .args = KTSTR_ARGS("-t", "20"));

/* All workers are on one of two CPUs. */
static enum ktstr_verdict crowd(struct ktstr_ctx *t)
{
	return ktstr_run_steps(
		t, KTSTR_STEPS({ .name = "crowd",
				 .cgroups = KTSTR_CGROUPS(
					 { .name = "a", .workers = 6, .affinity = KTSTR_AFFINITY(SINGLE_CPU) }) }));
}

KTSTR_TEST(crowd_is_recorded, .scheduler = &watched, .duration_s = 1)
{
	return crowd(t);
}
KTSTR_TEST(crowd_is_enforced, .scheduler = &watched, .duration_s = 1, .checks = { .enforce = KTSTR_ON })
{
	return crowd(t);
}
KTSTR_TEST(crowd_is_allowed, .scheduler = &watched, .duration_s = 1,
	   .checks = { .enforce = KTSTR_ON, .max_imbalance_ratio = 50 })
{
	return crowd(t);
}
KTSTR_TEST(watchdog_of_two_seconds, .scheduler = &forgetful, .watchdog_timeout_s = 2, .duration_s = 8,
	   .expect_err = KTSTR_ON, .expect_scx_error_matches = "failed to run for [23]\\.[0-9]+s")
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "a", .workers = 4 }));
}

/* --- a scheduler of the kernel itself: a setting of it stands for one --------------------------------------------- */

#define BANDWIDTH_SLICE "/proc/sys/kernel/sched_cfs_bandwidth_slice_us"
KTSTR_SCHEDULER(of_the_kernel, .kernel_builtin_enable = KTSTR_ARGS("echo 4000 > " BANDWIDTH_SLICE),
		.kernel_builtin_disable = KTSTR_ARGS("echo 5000 > " BANDWIDTH_SLICE),
		.kernels = KTSTR_ARGS("6.12", "6.14..6.18"),
		.verifier_exclude_topologies = KTSTR_ARGS("4cpu-1llc-nosmt"));
KTSTR_SCHEDULER(of_no_kernel, .kernel_builtin_enable = KTSTR_ARGS("echo 1 > /proc/sys/kernel/no_such_scheduler"),
		.kernel_builtin_disable = KTSTR_ARGS("echo 0 > /proc/sys/kernel/no_such_scheduler"));

static void expect_slice(struct ktstr_ctx *t, void *arg)
{
	expect_text(t, BANDWIDTH_SLICE, arg);
}

KTSTR_TEST(built_in, .scheduler = &of_the_kernel, .duration_s = 1)
{
	expect_slice(t, (void *)"4000");
	return ktstr_run_steps(t, KTSTR_STEPS({ .name = "without",
						.ops = KTSTR_OPS(KTSTR_OP(DETACH_SCHEDULER)),
						.watch = expect_slice,
						.arg = (void *)"5000",
						.hold = KTSTR_HOLD_MS(100) },
					      { .name = "again",
						.ops = KTSTR_OPS(KTSTR_OP(ATTACH_SCHEDULER)),
						.watch = expect_slice,
						.arg = (void *)"4000",
						.hold = KTSTR_HOLD_MS(100) }));
}
KTSTR_TEST(not_built_in, .scheduler = &of_no_kernel)
{
	return KTSTR_PASS;
}
