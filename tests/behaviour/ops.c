/* SPDX-License-Identifier: GPL-2.0-only */
/* ops.c -- operations and cgroup definitions, checked in cgroupfs and by the kernel's data about the workers. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "behaviour.h"

static const char *file_of(const char *cgroup, const char *leaf)
{
	static char text[4096];
	char path[128];
	snprintf(path, sizeof(path), "/sys/fs/cgroup/ktstr/%s/%s", cgroup, leaf);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return n < 0 ? "(none)" : text;
}

static void file_is(struct ktstr_ctx *t, const char *cgroup, const char *leaf, const char *wanted)
{
	const char *text = file_of(cgroup, leaf);
	ktstr_expect(t, !strcmp(text, wanted), "%s/%s is '%s', not '%s'", cgroup, leaf, text, wanted);
}

static unsigned procs(const char *cgroup)
{
	char path[128];
	unsigned n = 0;
	snprintf(path, sizeof(path), "/sys/fs/cgroup/ktstr/%s/cgroup.procs", cgroup);
	FILE *f = fopen(path, "re");
	for (int c; f && (c = fgetc(f)) != EOF;)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

static void has(struct ktstr_ctx *t, const char *cgroup, unsigned wanted)
{
	ktstr_expect(t, procs(cgroup) == wanted, "cgroup %s has %u processes, not %u", cgroup, procs(cgroup), wanted);
}

static uint64_t mask_of(int pid)
{
	unsigned long mask[16] = { 0 };
	syscall(SYS_sched_getaffinity, pid, sizeof(mask), mask);
	return mask[0];
}

/* The first worker in a cgroup; pid 0 if there is none. */
static struct ktstr_worker_view worker_in(struct ktstr_ctx *t, const char *cgroup)
{
	struct ktstr_worker_view v, none = { 0 };
	for (unsigned i = 0; ktstr_ctx_worker(t, i, &v) == 0; i++)
		if (v.pid && !strcmp(v.cgroup, cgroup))
			return v;
	return none;
}

/* --- definitions -------------------------------------------------------------------------------------------------- */

static void definitions(struct ktstr_ctx *t, void *arg)
{
	(void)arg;
	ktstr_ctx_sleep_us(t, 50000);
	file_is(t, "llc", "cpuset.cpus", "4-6");
	file_is(t, "half", "cpuset.cpus", "0-2");
	file_is(t, "lap", "cpuset.cpus", "2-6");
	file_is(t, "range", "cpuset.cpus", "1-4");
	file_is(t, "exact", "cpuset.cpus", "1,5");
	file_is(t, "limits", "cpu.max", "20000 100000");
	file_is(t, "limits", "cpu.weight", "300");
	file_is(t, "limits", "memory.max", "67108864");
	file_is(t, "limits", "memory.high", "max");
	file_is(t, "limits", "memory.low", "1048576");
	file_is(t, "limits", "pids.max", "64");
	has(t, "llc", 5); /* 1.5 x 3, rounded up */
	has(t, "two", 3);
	has(t, "parent/child", 1);
	/* A child without a cpuset of its own has no such files; its worker uses the parent's CPUs. */
	ktstr_expect(t, mask_of(worker_in(t, "parent/child").pid) == 0xc, "parent/child: %lx",
		     mask_of(worker_in(t, "parent/child").pid));
}

static void policies(struct ktstr_ctx *t, void *arg)
{
	(void)arg;
	/* Workers set these things themselves, in their first turn. With a shared clock it may be 80 ms until then. */
	ktstr_ctx_sleep_us(t, 250000);
	static const struct {
		const char *cgroup;
		int policy, nice;
	} wanted[] = {
		{ "batch", SCHED_BATCH, 0 }, { "idle", SCHED_IDLE, 0 },	 { "fifo", SCHED_FIFO, 0 },
		{ "rr", SCHED_RR, 0 },	     { "nice", SCHED_OTHER, 7 }, { "ext", 7, 0 },
	};
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		int pid = worker_in(t, wanted[i].cgroup).pid, policy = sched_getscheduler(pid);
		ktstr_expect(t, pid && policy == wanted[i].policy, "%s: policy %d", wanted[i].cgroup, policy);
		ktstr_expect(t, getpriority(PRIO_PROCESS, (unsigned)pid) == wanted[i].nice, "%s: nice %d",
			     wanted[i].cgroup, getpriority(PRIO_PROCESS, (unsigned)pid));
	}
	ktstr_expect(t, mask_of(worker_in(t, "one").pid) == 2, "single: %lx", mask_of(worker_in(t, "one").pid));
	ktstr_expect(t, bits(mask_of(worker_in(t, "some").pid)) == 2, "subset: %lx", mask_of(worker_in(t, "some").pid));
	ktstr_expect(t, mask_of(worker_in(t, "aligned").pid) == 0xf, "llc: %lx", mask_of(worker_in(t, "aligned").pid));
	ktstr_expect(t, mask_of(worker_in(t, "exact").pid) == 0x22, "exact: %lx", mask_of(worker_in(t, "exact").pid));
	char path[64], name[32] = "";
	snprintf(path, sizeof(path), "/proc/%d/comm", worker_in(t, "exact").pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, name, sizeof(name) - 1) < 0)
		name[0] = '\0';
	close(fd);
	ktstr_expect(t, !strcmp(name, "worker_bee\n"), "comm: %s", name);
}

KTSTR_TEST(ops_definitions, .llcs = 2, .cores = 4, .duration_s = 4, .checks = { .not_stuck = KTSTR_OFF })
{
	return ktstr_run_steps(
		t, KTSTR_STEPS(
			   { .name = "cpusets",
			     .hold = KTSTR_HOLD_MS(200),
			     .watch = definitions,
			     .cgroups = KTSTR_CGROUPS(
				     { .name = "llc", .cpuset = KTSTR_LLC(1), .workers_share = 1.5 },
				     { .name = "half", .cpuset = KTSTR_DISJOINT(0, 2), .workers = 1 },
				     { .name = "lap", .cpuset = KTSTR_OVERLAP(1, 2, 0.5), .workers = 1 },
				     { .name = "range", .cpuset = KTSTR_RANGE(0.2, 0.75), .workers = 1 },
				     { .name = "exact", .cpuset = KTSTR_CPUS("1,5"), .workers = 1 },
				     { .name = "two",
				       .workers = 1,
				       .loads = KTSTR_LOADS({ .workers = 2, .work = KTSTR_WORK(BURSTY) }) },
				     { .name = "parent", .no_workers = true, .cpuset = KTSTR_CPUS("2-3") },
				     { .name = "parent/child", .workers = 1 },
				     { .name = "limits",
				       .workers = 1,
				       .limits = { .cpu_quota_pct = 20,
						   .cpu_weight = 300,
						   .memory_max = 64 << 20,
						   .memory_high = KTSTR_UNLIMITED,
						   .memory_low = 1 << 20,
						   .pids_max = 64 } }) },
			   { .name = "policies",
			     .hold = KTSTR_HOLD_MS(400),
			     .watch = policies,
			     .cgroups = KTSTR_CGROUPS(
				     { .name = "batch", .workers = 1, .policy = KTSTR_POLICY(BATCH) },
				     { .name = "idle", .workers = 1, .policy = KTSTR_POLICY(IDLE) },
				     { .name = "fifo",
				       .workers = 1,
				       .policy = KTSTR_FIFO(10),
				       .work = KTSTR_WORK(BURSTY) },
				     { .name = "rr", .workers = 1, .policy = KTSTR_RR(10), .work = KTSTR_WORK(BURSTY) },
				     { .name = "ext", .workers = 1, .policy = KTSTR_POLICY(EXT) },
				     { .name = "nice", .workers = 1, .nice = KTSTR_NICE(7) },
				     { .name = "one",
				       .workers = 1,
				       .cpuset = KTSTR_CPUS("1-3"),
				       .affinity = KTSTR_AFFINITY(SINGLE_CPU) },
				     { .name = "some",
				       .workers = 1,
				       .affinity = KTSTR_AFFINITY(RANDOM_SUBSET, .count = 2) },
				     { .name = "aligned",
				       .workers = 1,
				       .cpuset = KTSTR_CPUS("0-4"),
				       .affinity = KTSTR_AFFINITY(LLC_ALIGNED) },
				     { .name = "exact",
				       .workers = 1,
				       .comm = "worker_bee",
				       .affinity = KTSTR_AFFINITY(EXACT, .list = "1,5") }) }));
}

/* A real-time deadline, and memory that is bound to the other node: the kernel reports both. */
static void deadlines(struct ktstr_ctx *t, void *arg)
{
	(void)arg;
	ktstr_ctx_sleep_us(t, 50000);
	int pid = worker_in(t, "deadline").pid;
	ktstr_expect(t, sched_getscheduler(pid) == 6, "deadline: policy %d", sched_getscheduler(pid));
}

static void bound(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	ktstr_expect(t, s->worker[0].nodes == 2, "%s: memory on nodes %lx, not on the second", name,
		     s->worker[0].nodes);
}

KTSTR_TEST(ops_nodes, .numa_nodes = 2, .llcs = 2, .cores = 2, .duration_s = 4,
	   .checks = { .min_page_locality = 0.2, .max_slow_tier_ratio = 0.1, .not_stuck = KTSTR_OFF })
{
	return ktstr_run_steps(
		t, KTSTR_STEPS(SEE("bound memory", bound, 1, WORK(CACHE_PRESSURE, .size_kib = 8192),
				   .mem_policy = KTSTR_MEM_BIND, .mem_nodes = "1", .cpuset = KTSTR_CPUS("0-2")),
			       SEE("nodes of a cpuset", bound, 1, WORK(CACHE_PRESSURE, .size_kib = 8192),
				   .cpuset_mems = "1", .cpuset = KTSTR_NODE(1)),
			       { .name = "deadline",
				 .hold = KTSTR_HOLD_MS(100),
				 .watch = deadlines,
				 .cgroups = KTSTR_CGROUPS({ .name = "deadline",
							    .workers = 1,
							    .work = KTSTR_WORK(BURSTY),
							    .policy = KTSTR_DEADLINE(5000, 20000, 20000) }) }));
}

/* --- processes, threads and nodes --------------------------------------------------------------------------------- */

/* "Tgid:" and "Name:" of a thread. */
static void status_of(int tid, int *tgid, char name[32])
{
	char path[64], line[128];
	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	FILE *f = fopen(path, "re");
	*tgid = 0;
	name[0] = '\0';
	while (f && fgets(line, sizeof(line), f)) {
		sscanf(line, "Name: %31s", name);
		sscanf(line, "Tgid: %d", tgid);
	}
	if (f)
		fclose(f);
}

static void threads(struct ktstr_ctx *t, void *arg)
{
	struct ktstr_worker_view v;
	int leader = 0, tgid, n = 0;
	char name[32];
	(void)arg;
	ktstr_ctx_sleep_us(t, 300000);
	for (unsigned i = 0; ktstr_ctx_worker(t, i, &v) == 0; i++) {
		if (strcmp(v.cgroup, "threads"))
			continue;
		status_of(v.pid, &tgid, name);
		ktstr_expect(t, tgid && tgid != v.pid && (!leader || tgid == leader), "%d is a thread of %d, not of %d",
			     v.pid, tgid, leader);
		ktstr_expect(t, !strcmp(name, "member"), "a thread is called '%s'", name);
		ktstr_expect(t, v.iterations > 0 && sched_getscheduler(v.pid) == SCHED_BATCH,
			     "%d has policy %d and made %lu turns", v.pid, sched_getscheduler(v.pid), v.iterations);
		leader = tgid;
		n++;
	}
	status_of(leader, &tgid, name);
	ktstr_expect(t, n == 4 && !strcmp(name, "leader"), "%d threads of a process called '%s'", n, name);
	has(t, "threads", 1);
	has(t, "forks", 2);
	status_of(worker_in(t, "forks").pid, &tgid, name);
	ktstr_expect(t, tgid == worker_in(t, "forks").pid, "a process of its own is %d", tgid);
	ktstr_expect(t, mask_of(worker_in(t, "node").pid) == 0xc, "node: %lx", mask_of(worker_in(t, "node").pid));
	ktstr_expect(t, mask_of(worker_in(t, "some").pid) == 0x2, "some: %lx", mask_of(worker_in(t, "some").pid));
	file_is(t, "forks", "cpu.max", "max 100000");
	for (unsigned i = 0; ktstr_ctx_worker(t, i, &v) == 0; i++)
		if (!strcmp(v.cgroup, "forks"))
			ktstr_expect(t, getpriority(PRIO_PROCESS, (unsigned)v.pid) == 5, "nice of %d", v.pid);
}

static void see_moved(struct ktstr_ctx *t, void *arg)
{
	(void)arg;
	has(t, "a", 0);
	has(t, "b", 1);
}

KTSTR_TEST(ops_threads, .numa_nodes = 2, .llcs = 2, .cores = 2, .duration_s = 4, .checks = { .not_stuck = KTSTR_OFF })
{
	return ktstr_run_steps(
		t,
		KTSTR_STEPS({ .name = "threads",
			      .watch = threads,
			      .hold = KTSTR_HOLD_MS(350),
			      .cgroups = KTSTR_CGROUPS(
				      { .name = "threads",
					.workers = 4,
					.pcomm = "leader",
					.comm = "member",
					.work = KTSTR_WORK(PIPE_IO),
					.policy = KTSTR_POLICY(BATCH) },
				      { .name = "forks",
					.workers = 1,
					.nice = KTSTR_NICE(5),
					.limits.cpu_unlimited = true,
					.loads = KTSTR_LOADS({ .workers = 1 }) },
				      { .name = "node", .workers = 1, .numa_node = KTSTR_ON_NODE(1) },
				      { .name = "some",
					.workers = 1,
					.affinity = KTSTR_AFFINITY(RANDOM_SUBSET, .count = 1, .list = "1") }) },
			    SEE("a node's memory", bound, 1, WORK(CACHE_PRESSURE, .size_kib = 8192),
				.numa_node = KTSTR_ON_NODE(1)),
			    { .name = "moved",
			      .hold = KTSTR_HOLD_MS(100),
			      .watch = see_moved,
			      .ops = KTSTR_OPS(KTSTR_OP(ADD_CGROUP, .cgroup = "a"), KTSTR_OP(ADD_CGROUP, .cgroup = "b"),
					       KTSTR_OP(SPAWN, .cgroup = "a",
							.load = { .workers = 3, .clone_mode = KTSTR_CLONE_THREAD }),
					       KTSTR_OP(MOVE_ALL_TASKS, .cgroup = "a", .other = "b")) },
			    { .name = "stopped",
			      .hold = KTSTR_HOLD_MS(100),
			      .ops = KTSTR_OPS(KTSTR_OP(ADD_CGROUP, .cgroup = "x"),
					       KTSTR_OP(SPAWN, .cgroup = "x",
							.load = { .workers = 2, .pcomm = "p", WORK(BURSTY) }),
					       KTSTR_OP(STOP_CGROUP, .cgroup = "x")) }));
}

/* --- operations, one after the other ------------------------------------------------------------------------------ */

static void after_apply(struct ktstr_ctx *t, void *arg)
{
	(void)arg;
	file_is(t, "a", "cpuset.cpus", "0-1");
	ktstr_expect(t, mask_of(worker_in(t, "a").pid) == 3, "a: %lx", mask_of(worker_in(t, "a").pid));
	has(t, "new", 0);
}

static void after_swap(struct ktstr_ctx *t, void *arg)
{
	(void)arg;
	file_is(t, "a", "cpuset.cpus", "2-3");
	file_is(t, "b", "cpuset.cpus", "0-1");
}

static void after_clear(struct ktstr_ctx *t, void *arg)
{
	(void)arg;
	file_is(t, "a", "cpuset.cpus.effective", "0-7");
	ktstr_expect(t, bits(mask_of(worker_in(t, "a").pid)) == 8, "a: %lx", mask_of(worker_in(t, "a").pid));
}

static void after_spawn(struct ktstr_ctx *t, void *arg)
{
	(void)arg;
	has(t, "a", 4);
	int host = worker_in(t, "").pid;
	char path[64], text[64] = "";
	snprintf(path, sizeof(path), "/proc/%d/cgroup", host);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	ktstr_expect(t, host && !strcmp(text, "0::/\n"), "the host's worker is in '%s'", text);
	ktstr_expect(t, mask_of(worker_in(t, "b").pid) == 1, "b: %lx", mask_of(worker_in(t, "b").pid));
}

static void after_move(struct ktstr_ctx *t, void *arg)
{
	(void)arg;
	has(t, "a", 0);
	has(t, "b", 4);
}

static void after_stop(struct ktstr_ctx *t, void *arg)
{
	(void)arg;
	has(t, "b", 0);
	has(t, "def", 2);
	file_is(t, "def", "cpuset.cpus", "1");
	ktstr_expect(t, access("/sys/fs/cgroup/ktstr/a", F_OK) < 0, "cgroup a is still there");
}

static uint64_t progress_of(struct ktstr_ctx *t, const char *cgroup)
{
	return worker_in(t, cgroup).iterations;
}

static void while_frozen(struct ktstr_ctx *t, void *arg)
{
	(void)arg;
	uint64_t before = progress_of(t, "def"), other = progress_of(t, "free");
	ktstr_ctx_sleep_us(t, 100000);
	ktstr_expect(t, before && progress_of(t, "def") == before, "a frozen worker went on");
	ktstr_expect(t, progress_of(t, "free") > other, "the one that is not frozen did not");
	file_is(t, "def", "cgroup.freeze", "1");
}

static void after_thaw(struct ktstr_ctx *t, void *arg)
{
	(void)arg;
	uint64_t before = progress_of(t, "def");
	ktstr_ctx_sleep_us(t, 100000);
	ktstr_expect(t, progress_of(t, "def") > before, "a thawed worker does not go on");
}

static unsigned calls;

static void called(struct ktstr_ctx *t, void *arg)
{
	(void)t;
	calls += *(unsigned *)arg;
}

static void wait_a_little(struct ktstr_ctx *t, void *arg)
{
	(void)arg;
	ktstr_ctx_sleep_us(t, 50000);
}

static const struct ktstr_cgroup *factory(struct ktstr_ctx *t, void *arg)
{
	static struct ktstr_cgroup made[3];
	(void)arg;
	made[0] = (struct ktstr_cgroup){ .name = "made_0", .workers = ktstr_ctx_cpus(t) / 4 };
	made[1] = (struct ktstr_cgroup){ .name = "made_1", .workers = 1 };
	return made;
}

static void after_factory(struct ktstr_ctx *t, void *arg)
{
	(void)arg;
	has(t, "made_0", 2);
	has(t, "made_1", 1);
	ktstr_expect(t, access("/sys/fs/cgroup/ktstr/new", F_OK) < 0, "a step's cgroup outlives it");
}

#define STEP(NAME, WATCH, ...)                                                                          \
	{                                                                                               \
		.name = NAME, .hold = KTSTR_HOLD_MS(150), .watch = WATCH, .ops = KTSTR_OPS(__VA_ARGS__) \
	}

/* Apart, because a function has room for a limited number of them. */
static const struct ktstr_cgroup on_five = { .name = "def", .workers = 2, .cpuset = KTSTR_CPUS("5") };
static const struct ktstr_cgroup on_one = { .name = "def", .workers = 2, .cpuset = KTSTR_CPUS("1") };
static const struct ktstr_cgroup anywhere = { .name = "def", .workers = 2 };

/* Only the effects of the operations are checked: in steps this short, shares are uneven also under EEVDF. */
KTSTR_TEST(ops_all, .llcs = 2, .cores = 4, .duration_s = 5, .checks = { .max_spread_pct = 100 })
{
	static unsigned three = 3;
	struct ktstr_scenario scenario = {
		.backdrop.cgroups = KTSTR_CGROUPS({ .name = "a", .workers = 2 },
						  { .name = "b", .workers = 2, .cpuset = KTSTR_CPUS("2-3") },
						  { .name = "free", .workers = 1 }),
		.steps = KTSTR_STEPS(
			STEP("apply", after_apply, KTSTR_OP(SET_CPUSET, .cgroup = "a", .cpuset = KTSTR_CPUS("0-1")),
			     KTSTR_OP(ADD_CGROUP, .cgroup = "new"), KTSTR_OP(CALL, .fn = called, .arg = &three)),
			STEP("swap", after_swap, KTSTR_OP(SWAP_CPUSETS, .cgroup = "a", .other = "b")),
			STEP("clear", after_clear, KTSTR_OP(CLEAR_CPUSET, .cgroup = "a")),
			STEP("spawn", after_spawn,
			     KTSTR_OP(SPAWN, .cgroup = "a", .load = { .workers = 2, WORK(YIELD_HEAVY) }),
			     KTSTR_OP(SPAWN_HOST, .load = { .workers = 1, WORK(BURSTY, .burst_ms = 5, .sleep_ms = 5) }),
			     KTSTR_OP(SET_AFFINITY, .cgroup = "b", .affinity = KTSTR_AFFINITY(EXACT, .list = "0"))),
			STEP("factory", after_factory, KTSTR_OP(CAPTURE_CGROUP_PROCS, .cgroup = "a")),
			STEP("move", after_move, KTSTR_OP(SET_AFFINITY, .cgroup = "b"),
			     KTSTR_OP(MOVE_ALL_TASKS, .cgroup = "a", .other = "b")),
			STEP("freeze", while_frozen, KTSTR_OP(ADD_CGROUP_DEF, .def = &on_five),
			     KTSTR_OP(CALL, .fn = called, .arg = &three), KTSTR_OP(CALL, .fn = wait_a_little),
			     KTSTR_OP(FREEZE_CGROUP, .cgroup = "def")),
			STEP("stop", after_stop, KTSTR_OP(STOP_CGROUP, .cgroup = "b"),
			     KTSTR_OP(REMOVE_CGROUP, .cgroup = "a"), KTSTR_OP(ADD_CGROUP_DEF, .def = &on_one)),
			STEP("thaw", after_thaw, KTSTR_OP(ADD_CGROUP_DEF, .def = &anywhere),
			     KTSTR_OP(FREEZE_CGROUP, .cgroup = "def"), KTSTR_OP(UNFREEZE_CGROUP, .cgroup = "def"))),
	};
	((struct ktstr_step *)&scenario.steps[4])->factory = factory;
	calls = 0;
	enum ktstr_verdict v = ktstr_run_scenario(t, &scenario);
	ktstr_expect(t, calls == 6 || !ktstr_ctx_seed(t), "functions were called for %u, not 6", calls);
	return v;
}

/* A loop of 100 ms repeats ten times in the test's duration of one second. */
KTSTR_TEST(ops_loop, .cores = 4, .duration_s = 1, .checks = { .max_spread_pct = 100 })
{
	static unsigned one = 1;
	calls = 0;
	enum ktstr_verdict v =
		ktstr_run_steps(t, KTSTR_STEPS({ .name = "loop",
						 .hold = KTSTR_HOLD_LOOP(100),
						 .cgroups = KTSTR_CGROUPS({ .name = "x" }, { .name = "y" }),
						 .ops = KTSTR_OPS(KTSTR_OP(CALL, .fn = called, .arg = &one),
								  KTSTR_OP(ADD_CGROUP, .cgroup = "z"),
								  KTSTR_OP(MOVE_ALL_TASKS, .cgroup = "x", .other = "y"),
								  KTSTR_OP(MOVE_ALL_TASKS, .cgroup = "y", .other = "x"),
								  KTSTR_OP(REMOVE_CGROUP, .cgroup = "z")) }));
	ktstr_expect(t, calls >= 8 && calls <= 10, "the operations ran %u times, not 10", calls);
	return v;
}

/* A worker outside its new cpuset is detected. Here the test changes the cpuset back, and the engine does not know. */
static void escape(struct ktstr_worker *w, void *arg)
{
	(void)arg;
	while (!ktstr_worker_stopped(w)) {
		ktstr_worker_spin(w, 1024);
		ktstr_worker_turn(w, 1024);
	}
}

static void let_out(struct ktstr_ctx *t, void *arg)
{
	(void)arg;
	char text[16];
	int fd = open("/sys/fs/cgroup/ktstr/free/cgroup.procs", O_WRONLY | O_CLOEXEC);
	snprintf(text, sizeof(text), "%d", worker_in(t, "cage").pid);
	unsigned long mask[16] = { 1 << 2 };
	if (fd < 0 || write(fd, text, strlen(text)) < 0 ||
	    syscall(SYS_sched_setaffinity, worker_in(t, "cage").pid, sizeof(mask), mask) < 0)
		ktstr_expect(t, 0, "the worker cannot be let out");
	close(fd);
}

KTSTR_TEST(ops_escape, .cores = 4, .duration_s = 1, .expect_err = KTSTR_ON, .expect_finding = KTSTR_FINDING_ISOLATION)
{
	return ktstr_run_steps(
		t,
		KTSTR_STEPS({ .name = "out",
			      .watch = let_out,
			      .hold = KTSTR_HOLD_MS(300),
			      .cgroups = KTSTR_CGROUPS({ .name = "cage",
							 .workers = 1,
							 .cpuset = KTSTR_CPUS("0"),
							 .work = KTSTR_WORK(CUSTOM, .name = "escape", .fn = escape) },
						       { .name = "free", .no_workers = true }) }));
}

/* If the kernel has no such controller, or the machine no such processors, a test is skipped with the reason. */
KTSTR_TEST(ops_io_weight_missing, .cores = 2, .duration_s = 1)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "io", .limits.io_weight = 50 }));
}

KTSTR_TEST(ops_smt_missing, .cores = 2, .duration_s = 1)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "smt", .workers = 2, WORK(SMT_SIBLING_SPIN) }));
}

/* --- another scheduler -------------------------------------------------------------------------------------------- */

KTSTR_SCHEDULER(simple, .binary = "scx_simple");
KTSTR_SCHEDULER(qmap, .binary = "scx_qmap");

static const char *ops_name(void)
{
	static char text[64];
	int fd = open("/sys/kernel/sched_ext/root/ops", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static void runs_under(struct ktstr_ctx *t, void *arg)
{
	ktstr_expect(t, !strcmp(ops_name(), arg), "the scheduler is '%s', not '%s'", ops_name(), (const char *)arg);
	ktstr_expect(t, *(const char *)arg == 0 || ktstr_ctx_scheduler_pid(t) > 0, "it has no process");
}

#define UNDER(NAME, WHICH, ...)                                                                        \
	{                                                                                              \
		.name = NAME, .hold = KTSTR_HOLD_MS(200), .watch = runs_under, .arg = (void *)WHICH,   \
		.ops = KTSTR_OPS(__VA_ARGS__), .cgroups = KTSTR_CGROUPS({ .name = "g", .workers = 2 }) \
	}

KTSTR_TEST(ops_scheduler, .scheduler = &simple, .staged = KTSTR_STAGED(&qmap), .cores = 2, .duration_s = 3,
	   .checks = { .max_spread_pct = 100 })
{
	return ktstr_run_scenario(
		t, &(struct ktstr_scenario){
			   .backdrop.cgroups = KTSTR_CGROUPS({ .name = "back", .workers = 1 }),
			   .steps = KTSTR_STEPS(
				   UNDER("as declared", "simple", KTSTR_OP(CAPTURE_CGROUP_PROCS, .cgroup = "back")),
				   UNDER("detached", "", KTSTR_OP(DETACH_SCHEDULER)),
				   UNDER("attached again", "simple", KTSTR_OP(ATTACH_SCHEDULER)),
				   UNDER("restarted", "simple", KTSTR_OP(RESTART_SCHEDULER)),
				   UNDER("replaced", "qmap", KTSTR_OP(REPLACE_SCHEDULER, .scheduler = &qmap))) });
}
