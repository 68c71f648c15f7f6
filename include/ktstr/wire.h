/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wire.h -- the guest's event log in guest memory: what PID 1 writes and the orchestrator reads from outside.
 *
 * It is written once, from the front; the reader never writes to it. A guest that could see how far its reader has got
 * would depend on the host's speed. What does not fit is counted in `dropped`. Little endian, naturally aligned.
 * One producer (PID 1), one reader: the producer publishes with a release store of `written`.
 */
#ifndef KTSTR_WIRE_H
#define KTSTR_WIRE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_MAGIC	  0x5254534bu /* "KSTR" */
#define WIRE_RECORD_MAGIC 0x4345524bu /* "KREC" */
#define WIRE_VERSION	  3u
#define WIRE_PAYLOAD_MAX  65536u
#define WIRE_NAME_MAX	  64u
#define WIRE_CPUS_MAX	  1024u
#define WIRE_NODES_MAX	  64u

struct wire_header {
	uint32_t magic; /* stored last by the guest: a valid header is complete */
	uint32_t version;
	uint64_t capacity; /* bytes behind the header */
	uint64_t written;  /* bytes of complete records */
	uint64_t dropped;  /* records that did not fit */
	uint64_t reserved[4];
};
static_assert(sizeof(struct wire_header) == 64, "layout");
static_assert(offsetof(struct wire_header, written) == 16, "layout");

/* A record: this, then `length` bytes, then zeros to a multiple of 8. */
struct wire_record {
	uint32_t magic;
	uint32_t crc; /* CRC-32 of what follows this field, payload included, padding not */
	uint16_t type;
	uint16_t flags;	  /* 0 */
	uint32_t length;  /* <= WIRE_PAYLOAD_MAX */
	uint64_t time_ns; /* guest CLOCK_MONOTONIC */
};
static_assert(sizeof(struct wire_record) == 24, "layout");
static_assert(offsetof(struct wire_record, type) == 8, "layout");

enum wire_type {
	WIRE_HELLO = 1,	     /* struct wire_hello: PID 1 runs */
	WIRE_TOPOLOGY,	     /* struct wire_cpu[]: what the guest's sysfs says */
	WIRE_SCHED,	     /* struct wire_sched: the scheduler's life */
	WIRE_PHASE,	     /* struct wire_phase */
	WIRE_STIMULUS,	     /* struct wire_stimulus */
	WIRE_CGROUP,	     /* struct wire_cgroup: before its workers */
	WIRE_WORKER,	     /* struct wire_worker: one worker's telemetry */
	WIRE_SAMPLES,	     /* struct wire_samples + uint32_t[]: its wake-up latencies */
	WIRE_METRIC,	     /* struct wire_metric: a measurement of its work type's own */
	WIRE_DETAIL,	     /* struct wire_detail + text: something the test says about its outcome */
	WIRE_TEXT,	     /* struct wire_text + bytes */
	WIRE_RESULT,	     /* struct wire_result: the body's own verdict */
	WIRE_TEST_EXIT,	     /* struct wire_test_exit: how the test's process ended */
	WIRE_EXIT,	     /* struct wire_exit: the last record */
	WIRE_PAYLOAD,	     /* struct wire_payload: a payload's run, once it is over */
	WIRE_PAYLOAD_METRIC, /* struct wire_payload_metric: what it printed */
	WIRE_CHECK,	     /* struct wire_check: a check that the last cgroup record's load sets itself */
	WIRE_TYPE_MAX,
};

struct wire_hello {
	uint32_t api;  /* KTSTR_API_VERSION of PID 1 */
	uint32_t cpus; /* online */
	uint64_t memory_kib;
	char release[WIRE_NAME_MAX];
};
static_assert(sizeof(struct wire_hello) == 80, "layout");

struct wire_cpu {
	uint16_t cpu, node, package, core, llc; /* llc: lowest CPU that shares the last-level cache */
};
static_assert(sizeof(struct wire_cpu) == 10, "layout");

enum wire_sched_event {
	WIRE_SCHED_STARTED = 1,
	WIRE_SCHED_ENABLED,	 /* /sys/kernel/sched_ext/state says enabled */
	WIRE_SCHED_LOAD_FAILED,	 /* its process ended before that */
	WIRE_SCHED_NOT_ATTACHED, /* it lives, but time for attaching is up */
	WIRE_SCHED_UNSUPPORTED,	 /* this kernel has no sched_ext */
	WIRE_SCHED_DIED,	 /* its process ended during the test */
	WIRE_SCHED_EJECTED,	 /* the kernel disabled it during the test */
	WIRE_SCHED_STOPPED,	 /* ended by us, after the test */
	WIRE_SCHED_DETACHED,	 /* ended by us, because the test asked for it */
};

struct wire_sched {
	uint32_t event; /* enum wire_sched_event */
	int32_t status; /* as waitpid(2), where its process ended */
	int32_t pid;
	uint32_t limit_s; /* NOT_ATTACHED: the time that was up */
};
static_assert(sizeof(struct wire_sched) == 16, "layout");

enum wire_phase_kind { WIRE_PHASE_STEP_START = 1, WIRE_PHASE_HOLD, WIRE_PHASE_STEP_END };

struct wire_phase {
	uint32_t kind;
	uint32_t index; /* of the step */
	char name[WIRE_NAME_MAX];
};
static_assert(sizeof(struct wire_phase) == 72, "layout");

struct wire_stimulus {
	uint32_t elapsed_ms;
	uint16_t step_index, op_count;
	uint32_t op_kinds; /* bit mask */
	uint16_t cgroup_count, worker_count;
	uint64_t total_iterations;
};
static_assert(sizeof(struct wire_stimulus) == 24, "layout");

/* One load in a cgroup; a cgroup with several of them has several records. */
struct wire_cgroup {
	uint32_t index;
	uint32_t workers;
	uint32_t has_cpuset;
	uint32_t step;
	uint32_t roles; /* 1: its workers differ on purpose; their shares of the CPU are not compared */
	uint32_t wakes; /* 1: its type times wake-ups; 0: it does not, or only now and then */
	uint64_t nodes; /* bit mask: where its memory should be; 0: anywhere */
	/* How much CPU time the test itself asked for. Weights: 100 is the usual, and that of a cgroup without one. */
	uint32_t cpu_weight;	  /* of its cgroup, times each ancestor's / 100; 0: none was set */
	uint32_t quota_permyriad; /* lowest quota on its cgroup's path, in 1/10000 of one CPU; 0: none */
	int32_t nice;
	uint32_t policy; /* enum ktstr_policy_kind */
	char name[WIRE_NAME_MAX];
	char work[32];
	uint64_t cpuset[WIRE_CPUS_MAX / 64]; /* every CPU that it was ever allowed */
};
static_assert(sizeof(struct wire_cgroup) == 272, "layout");

/* By name, so that a reader of another version passes over what it does not know. */
struct wire_check {
	uint32_t cgroup; /* index of its wire_cgroup */
	uint32_t off;	 /* 1: switched off; `value` means nothing */
	double value;	 /* the limit; of a switch, 1 */
	char name[48];	 /* of the field of struct ktstr_checks */
};
static_assert(sizeof(struct wire_check) == 64, "layout");

enum wire_worker_end { WIRE_WORKER_COMPLETED = 1, WIRE_WORKER_EXITED, WIRE_WORKER_SIGNALED, WIRE_WORKER_TIMED_OUT };

struct wire_worker {
	uint32_t index;	 /* of the worker, in the order of creation */
	uint32_t cgroup; /* index of its wire_cgroup */
	int32_t tid;
	uint32_t end;		  /* enum wire_worker_end */
	int32_t end_code;	  /* exit status or signal; TIMED_OUT: the child that it waits for, or 0 */
	uint32_t counts_progress; /* 0: a custom function that counted nothing */
	uint64_t work_units, iterations;
	uint64_t cpu_ns, wall_ns;
	uint64_t max_gap_ns, max_gap_at_ns;
	uint64_t run_delay_ns, run_count, run_ns; /* /proc/self/schedstat, deltas */
	uint64_t migrations;
	uint64_t wake_samples; /* how many there were; WIRE_SAMPLES has a uniform choice of them */
	uint32_t max_gap_cpu;
	/* Of one that did not end when it was told to: what it was doing, as the third field of /proc/PID/stat says. */
	uint8_t state;	     /* 'R': ready to run, but not run; 0: not known */
	uint8_t child_state; /* of the process that it waits for */
	uint16_t reserved;
	uint32_t max_run_delay_us; /* longest wait for a CPU, at least; see docs/CHECKS.md */
	uint32_t reserved2;
	uint64_t cpus_used[WIRE_CPUS_MAX / 64];
	uint64_t cpus_outside[WIRE_CPUS_MAX / 64]; /* used at a time at which they were not allowed */
	uint64_t pages_migrated;		   /* the machine's numa_pages_migrated while it worked */
	uint32_t numa_pages[WIRE_NODES_MAX];	   /* at its end, by node: /proc/self/numa_maps */
};
static_assert(sizeof(struct wire_worker) == 648, "layout");

struct wire_metric {
	uint32_t worker;
	uint32_t reserved;
	char name[48];
	double value; /* finite */
};
static_assert(sizeof(struct wire_metric) == 64, "layout");

enum wire_payload_end {
	WIRE_PAYLOAD_EXITED = 1,
	WIRE_PAYLOAD_NOT_STARTED, /* status: errno */
	WIRE_PAYLOAD_KILLED,	  /* by the test, or at the end of its step */
	WIRE_PAYLOAD_TIMED_OUT,
	WIRE_PAYLOAD_FLOODED, /* its output */
};

struct wire_payload {
	uint32_t index;	    /* in the order in which they began */
	uint32_t metrics;   /* records that follow */
	int32_t status;	    /* as waitpid(2) */
	uint32_t end;	    /* enum wire_payload_end */
	uint32_t verdict;   /* enum ktstr_verdict */
	uint32_t truncated; /* 1: there was more than is told */
	uint64_t wall_ns;
	char name[WIRE_NAME_MAX], cgroup[WIRE_NAME_MAX];
};
static_assert(sizeof(struct wire_payload) == 160, "layout");

enum wire_metric_stream { WIRE_METRIC_STDOUT = 1, WIRE_METRIC_STDERR, WIRE_METRIC_SYNTHESIZED };

struct wire_payload_metric {
	uint32_t payload;     /* index */
	uint16_t polarity;    /* enum ktstr_polarity */
	uint16_t stream;      /* enum wire_metric_stream */
	double value, target; /* finite */
	char unit[16];
	char name[192];
};
static_assert(sizeof(struct wire_payload_metric) == 232, "layout");

struct wire_samples {
	uint32_t worker;
	uint32_t count; /* uint32_t nanoseconds behind this, saturated */
};
static_assert(sizeof(struct wire_samples) == 8, "layout");

struct wire_detail {
	uint32_t verdict;     /* enum ktstr_verdict */
	uint32_t expectation; /* 1: a failed ktstr_expect(), 0: the engine's own */
};

enum wire_stream {
	WIRE_STREAM_TEST = 1, /* standard output and error of the test */
	WIRE_STREAM_SCHED,    /* of the scheduler */
	WIRE_STREAM_SCX_DUMP, /* the kernel's sched_ext dump */
	WIRE_STREAM_KMSG,     /* kernel messages of level error and worse */
	WIRE_STREAM_INIT,     /* PID 1's own error messages */
	WIRE_STREAM_MAX,
};

struct wire_text {
	uint32_t stream;
	uint32_t reserved;
};

struct wire_result {
	uint32_t verdict;
	uint32_t workers; /* how many WIRE_WORKER records there must be */
};

/* Exit status of a test's process that could not tell its result: the channel to PID 1 is gone. */
#define WIRE_TEST_UNHEARD 76

struct wire_test_exit {
	int32_t status;	    /* as waitpid(2) */
	uint32_t timed_out; /* PID 1 killed it: its time was up */
};

enum wire_exit_reason {
	WIRE_EXIT_DONE = 1,
	WIRE_EXIT_SCHED,  /* the scheduler did not get to the test */
	WIRE_EXIT_IMAGE,  /* the initramfs is not complete */
	WIRE_EXIT_SETUP,  /* mounting, cgroups, or starting the test failed */
	WIRE_EXIT_SYSCTL, /* a sysctl that the scheduler declares cannot be set; the INIT stream names it */
};

struct wire_exit {
	uint32_t reason;
	int32_t status;
};

/*
 * What a clone is for (docs/design/clones.md): the last bytes of the log's memory, written from outside before
 * the guest goes on. `length` bytes in front of this are an initramfs image; PID 1 unpacks them before its first
 * record, and records overwrite them.
 */
#define WIRE_PARKED_MAGIC	 0x4445524b5241504bull /* PID 1's, before it stops the machine: this is no panic */
#define WIRE_CLONE_PAYLOAD_MAGIC 0x52454452454e4c43ull

struct wire_clone_payload {
	uint64_t magic; /* one of the above */
	uint64_t length;
};
static_assert(sizeof(struct wire_clone_payload) == 16, "layout");

#endif
