/* SPDX-License-Identifier: GPL-2.0-only */
/* test.h -- a test: its requirements, and the function that runs in the guest. */
#ifndef KTSTR_TEST_H
#define KTSTR_TEST_H

#pragma GCC system_header /* see language.h */

#include <ktstr/device.h>
#include <ktstr/scenario.h>
#include <ktstr/scheduler.h>
#include <ktstr/snapshot.h>

KTSTR_BEGIN_C

/* The interface between a test binary and `ktstr`; both sides must agree. */
#define KTSTR_API_VERSION 8

/* Exit statuses of `ktstr test` that speak of the tests; 'ktstr help exit-status' has the others. */
#define KTSTR_EXIT_PASS		0 /* every test passed, was skipped, or failed as known */
#define KTSTR_EXIT_FAIL		1
#define KTSTR_EXIT_INCONCLUSIVE 2 /* none failed, and something was not measured */

/*
 * A failure that is known. Where both conditions hold, a test that fails is XFAIL, which leaves the exit status alone,
 * and a test that passes is XPASS, which is a failure: the entry can be removed. INCONCLUSIVE and SKIP stay what they
 * are. The test is not tried again when it fails (--retries).
 */
struct ktstr_known_fail {
	const char *kernel;    /* "6.12", "6.12.3", "6.1..6.11", a cache key, or several with commas; NULL: all */
	const char *scheduler; /* name of the scheduler under test, "eevdf" for the kernel's own; NULL: all */
	const char *reason;    /* why it fails, for reports; not NULL */
	bool flaky;	       /* it fails only now and then: XPASS leaves the exit status alone too */
};

/* A list of them; the first that applies counts. */
#define KTSTR_KNOWN_FAIL(...) KTSTR_LIST(struct ktstr_known_fail, __VA_ARGS__, { .reason = 0 })

/*
 * What 'ktstr perf-delta --noise-adjust' must not find: a metric of the test that got worse by more than a share of its
 * former value and by at least an amount, and by more than noise.
 */
struct ktstr_perf_gate {
	const char *metric;	      /* "worst_gap_ms", "PAYLOAD.NAME"; 'ktstr help metrics' has the registered ones */
	double max_regression_pct;    /* percent; 0: the registered share of the metric */
	double min_abs;		      /* in the metric's unit; 0: the registered amount */
	enum ktstr_polarity polarity; /* which values are better; KTSTR_POLARITY_UNKNOWN: as registered */
};

#define KTSTR_PERF_GATES(...) KTSTR_LIST(struct ktstr_perf_gate, __VA_ARGS__, { .metric = 0 })

struct ktstr_test {
	const char *name; /* set by KTSTR_TEST; at most 200 letters, digits, or one of _ . + - */
	const char *file;
	unsigned line;
	enum ktstr_verdict (*body)(struct ktstr_ctx *t);
	const struct ktstr_scheduler *scheduler;       /* NULL: the kernel's own, EEVDF */
	const struct ktstr_scheduler *const *staged;   /* others for KTSTR_OP_REPLACE_SCHEDULER; KTSTR_STAGED(&a, &b) */
	unsigned numa_nodes, llcs, cores, threads;     /* 0: the scheduler's, else 1, 1, 2, 1 */
	struct ktstr_numa_node nodes[KTSTR_NODES_MAX]; /* instead of numa_nodes and llcs: as struct ktstr_topology */
	unsigned char distances[KTSTR_NODES_MAX * KTSTR_NODES_MAX];
	struct ktstr_cpu_kind kinds[KTSTR_KINDS_MAX]; /* cores that are not equal: as struct ktstr_topology */
	union { /* of the gauntlet's topologies, those that suit it: .min_llcs = 2 */
		struct {
			KTSTR_CONSTRAINT_FIELDS;
		};
		struct ktstr_constraints constraints;
	};
	unsigned memory_mib;			      /* at least this much; default 256 + 64 per CPU */
	unsigned duration_s;			      /* length of the scenario; default 2 */
	unsigned workers_per_cgroup;		      /* default 2 */
	const char *const *sched_args;		      /* appended to the scheduler's own */
	const struct ktstr_payload *payload;	      /* the program that this test is about, or NULL */
	const struct ktstr_payload *const *workloads; /* others that it may run; KTSTR_PAYLOADS(&a, &b) */
	/*
	 * Host files that are copied to /include-files in the guest: a name (in the current directory, or in PATH), a
	 * path, or a directory, with all its regular files. The libraries of programs are copied, too.
	 */
	const char *const *include_files;
	struct ktstr_checks checks;
	/*
	 * ON: the test passes if its scheduler ends, or, with `expect_finding`, if that finding is made. Any other
	 * failure (the test crashes, a ktstr_expect fails) fails the test, and a missing measurement makes it
	 * INCONCLUSIVE.
	 */
	enum ktstr_switch expect_err;
	enum ktstr_finding expect_finding;
	/*
	 * ON: the body runs on the host, as a process with a deadline, without a machine: no scenario, scheduler
	 * or payload. It runs once, on no preset and on no further kernel.
	 */
	enum ktstr_switch host_only;
	enum ktstr_switch performance_mode;   /* ON: vCPUs pinned, real-time priority, huge pages; SKIP without */
	enum ktstr_switch no_perf_mode;	      /* ON: never, not even with --perf-mode; excludes performance_mode */
	enum ktstr_switch allow_inconclusive; /* ON: INCONCLUSIVE is recorded, and the exit status stays 0 */
	/* ON: the test runs only if it is asked for. For a test whose name begins with "demo_" that is the default. */
	enum ktstr_switch ignore;
	/* ON: the scheduler must be attached from the begin to the end of every hold, and there must be a hold. */
	enum ktstr_switch survives_storm;
	/*
	 * OFF: if the kernel ends the scheduler or a task waits for too long, the test is not run once more to record
	 * which calls lead to it. That second run has the same seed. It does not
	 * count as a try, and does not change the verdict.
	 */
	enum ktstr_switch auto_repro;
	/* ON: the test passes if its scheduler fails and the second run shows that again. */
	enum ktstr_switch expect_auto_repro;
	/*
	 * ON: the kernel starts at a random place (KASLR), which the seed decides. The machine boots, and takes longer
	 * for it. On tcg, with a kernel of x86-64 that has CONFIG_RANDOMIZE_BASE; otherwise SKIP.
	 */
	enum ktstr_switch kaslr;
	const struct ktstr_known_fail *known_fail; /* KTSTR_KNOWN_FAIL({ .kernel = "6.1..6.11", .reason = "..." }) */
	/* With expect_err: what the scheduler or the kernel must have said at its end; both must hold. */
	const char *expect_scx_error_contains; /* a part of it */
	const char *expect_scx_error_matches;  /* POSIX extended regular expression */
	unsigned cpu_budget;		       /* CPUs of the host that the machine may use; needs no_perf_mode */
	unsigned cleanup_budget_ms;	       /* the machine must end in this host time after the test; 0: in any */
	/*
	 * The kernel ends the scheduler when a task has waited for a CPU for this long (at most 30; guest time);
	 * replaces the scheduler's own timeout_ms. 0: that one. Needs a scheduler, and a machine that is watched (tcg).
	 */
	unsigned watchdog_timeout_s;
	const char
		*workload_root_cgroup; /* "/a/b": the cgroups are made below it; NULL: the scheduler's cgroup_parent */
	const char *config;	       /* text of the scheduler's configuration; needs its config_file_def */
	/*
	 * What is seen of the guest from outside. Where it cannot be seen (KVM, --no-monitor), a test that asks for
	 * any of these is INCONCLUSIVE.
	 */
	unsigned
		num_snapshots; /* between 10 % and 90 % of the scenario's duration; at most 64, at least 100 ms apart */
	const struct ktstr_map_write *bpf_map_write;  /* KTSTR_MAP_WRITES({ "limit", 3 }, { "debug", 1 }) */
	const struct ktstr_map_watch *watch_bpf_maps; /* KTSTR_MAP_WATCHES({ .field = "hits", .label = "hits" }) */
	enum ktstr_verdict (*post_vm)(struct ktstr_post *p); /* runs on the host when the machine has ended */
	const struct ktstr_perf_gate *perf_gates;	     /* KTSTR_PERF_GATES({ .metric = "worst_gap_ms" }) */
	/* Devices of the machine; see device.h. A backend or kernel that does not have them is a SKIP. */
	const struct ktstr_disk *disk;	  /* &(struct ktstr_disk){ .bytes = 64 << 20 }; NULL: none */
	const struct ktstr_net *networks; /* KTSTR_NETWORKS({ "front" }); NULL: only the loopback device */
	enum ktstr_switch pci;		  /* ON: the machine must have a PCI bus */
};

#define KTSTR_STAGED(...) KTSTR_LIST(const struct ktstr_scheduler *, __VA_ARGS__, 0)

/* Defines and registers a test. The function body follows the macro; its argument is the context `t`. */
#define KTSTR_TEST(id, ...)                                                                             \
	static enum ktstr_verdict ktstr_body_##id(struct ktstr_ctx *t);                                 \
	static const struct ktstr_test ktstr_test_##id = {                                              \
		.name = #id, .file = __FILE__, .line = __LINE__, .body = ktstr_body_##id, ##__VA_ARGS__ \
	};                                                                                              \
	static const struct ktstr_test *const ktstr_test_entry_##id                                     \
		__attribute__((used, retain, section("ktstr_tests"))) = &ktstr_test_##id;               \
	static enum ktstr_verdict ktstr_body_##id(struct ktstr_ctx *t __attribute__((unused)))

/* Facts about the running test, for its body. */
struct ktstr_topology ktstr_ctx_topology(const struct ktstr_ctx *t);
unsigned ktstr_ctx_cpus(const struct ktstr_ctx *t);
uint64_t ktstr_ctx_duration_ns(const struct ktstr_ctx *t);
uint64_t ktstr_ctx_seed(const struct ktstr_ctx *t);
/*
 * Records a number that the test measured, for its sidecar ("measured"); it judges nothing. @name: letters, digits, _ .
 * and -; @unit: "ms", "%", or "". A value that is not finite is not recorded.
 */
void ktstr_measured(struct ktstr_ctx *t, const char *name, double value, const char *unit);
/* Pid of the scheduler's process; 0 under the kernel's own scheduler. */
int ktstr_ctx_scheduler_pid(const struct ktstr_ctx *t);

KTSTR_END_C

#endif
