/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wire.h -- the guest's event log in guest memory. PID 1 writes it; the orchestrator reads it from outside.
 *
 * The log is written once, from the front, and the reader never writes to it: a guest that could see the reader's
 * position would depend on the host's speed. Records that do not fit are counted in `dropped`. Little endian, naturally
 * aligned. One producer (PID 1), one reader: the producer publishes with a release store of `written`.
 */
#ifndef KTSTR_WIRE_H
#define KTSTR_WIRE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_MAGIC	  0x5254534bu /* "KSTR" */
#define WIRE_RECORD_MAGIC 0x4345524bu /* "KREC" */
#define WIRE_VERSION	  5u
#define WIRE_PAYLOAD_MAX  65536u
#define WIRE_NAME_MAX	  64u
#define WIRE_CPUS_MAX	  1024u
#define WIRE_NODES_MAX	  64u

/*
 * A mark tells where the test is to those who look at the guest from outside. The test's process calls
 * sched_rr_get_interval(2) with WIRE_MARK + its kind as the pid, a name of 32 bytes in the next four arguments, and the
 * step in the last one. The kernel refuses the pid, which is negative, before it looks at anything else. An observer
 * stops the guest at the begin of the system call and reads the arguments, so nothing depends on when it looks.
 * Where the kernel's command line has ktstr.mark=PORT, the process then also writes to three ports from there on. Its
 * last write ends when somebody has looked, if anybody wants to.
 */
#define WIRE_MARK	    UINT64_C(0x4b72616d80000000)
#define WIRE_MARK_NAME_MAX  32u
#define WIRE_MARK_ARGUMENTS 6u
#define WIRE_MARK_WORDS	    (WIRE_MARK_NAME_MAX / 4 + 1)

/* Distances from PORT, in the order of the writes, which are of 32 bits. */
enum wire_mark_port {
	WIRE_MARK_PORT_BEGIN = 8, /* any value: a mark begins */
	WIRE_MARK_PORT_WORD = 0,  /* WIRE_MARK_WORDS times: the name, then the step */
	WIRE_MARK_PORT_KIND = 4,  /* the kind: the mark is complete */
};

enum wire_mark_kind {
	WIRE_MARK_START = 1, /* a scenario begins: what comes next are its backdrop and its steps */
	WIRE_MARK_END,
	WIRE_MARK_CAPTURE, /* a snapshot of that name is wanted */
	WIRE_MARK_WATCH,   /* the kernel's variable of that name is to be watched */
	WIRE_MARK_HOLD,	   /* a step holds from now on */
	WIRE_MARK_HOLD_END,
	WIRE_MARK_KIND_MAX,
};

struct wire_header {
	uint32_t magic; /* the guest stores it last, so a header with it is complete */
	uint32_t version;
	uint64_t capacity; /* bytes after the header */
	uint64_t written;  /* bytes of complete records */
	uint64_t dropped;  /* records that did not fit */
	uint64_t reserved[4];
};
static_assert(sizeof(struct wire_header) == 64, "layout");
static_assert(offsetof(struct wire_header, written) == 16, "layout");

/* A record: this struct, then `length` bytes of payload, then zeros up to a multiple of 8. */
struct wire_record {
	uint32_t magic;
	uint32_t crc; /* CRC-32 of the fields below and the payload, without the padding */
	uint16_t type;
	uint16_t flags;	  /* 0 */
	uint32_t length;  /* <= WIRE_PAYLOAD_MAX */
	uint64_t time_ns; /* guest CLOCK_MONOTONIC */
};
static_assert(sizeof(struct wire_record) == 24, "layout");
static_assert(offsetof(struct wire_record, type) == 8, "layout");

enum wire_type {
	WIRE_HELLO = 1,	     /* struct wire_hello: PID 1 runs */
	WIRE_TOPOLOGY,	     /* struct wire_cpu[]: the topology in the guest's sysfs */
	WIRE_SCHED,	     /* struct wire_sched: a change of the scheduler's state */
	WIRE_PHASE,	     /* struct wire_phase */
	WIRE_STIMULUS,	     /* struct wire_stimulus */
	WIRE_CGROUP,	     /* struct wire_cgroup: a load; comes before its workers */
	WIRE_WORKER,	     /* struct wire_worker: one worker's telemetry */
	WIRE_SAMPLES,	     /* struct wire_samples + uint32_t[]: its wake-up latencies */
	WIRE_METRIC,	     /* struct wire_metric: a measurement that only its work type makes */
	WIRE_DETAIL,	     /* struct wire_detail + text: a reason for the test's result */
	WIRE_TEXT,	     /* struct wire_text + bytes */
	WIRE_RESULT,	     /* struct wire_result: the body's own verdict */
	WIRE_TEST_EXIT,	     /* struct wire_test_exit: how the test's process ended */
	WIRE_EXIT,	     /* struct wire_exit: the last record */
	WIRE_PAYLOAD,	     /* struct wire_payload: a payload's run, when it has ended */
	WIRE_PAYLOAD_METRIC, /* struct wire_payload_metric: a metric from its output */
	WIRE_CHECK,	     /* struct wire_check: a check that the load of the last WIRE_CGROUP sets itself */
	WIRE_SCENARIO,	     /* struct wire_scenario + text: what the test runs, if the host asked */
	WIRE_PAYLOAD_TEXT,   /* struct wire_payload_text + bytes: output of the payload of the last WIRE_PAYLOAD */
	WIRE_TYPE_MAX,
};

struct wire_hello {
	uint32_t api;  /* PID 1's KTSTR_API_VERSION */
	uint32_t cpus; /* online */
	uint64_t memory_kib;
	/*
	 * By how much the counter of an emulated processor, which counts from the machine's start, is ahead of
	 * CLOCK_MONOTONIC, which begins later. 0: the processor is a real one.
	 */
	uint64_t counter_ahead_ns;
	char release[WIRE_NAME_MAX];
};
static_assert(sizeof(struct wire_hello) == 88, "layout");

struct wire_cpu {
	uint16_t cpu, node, package, core, llc; /* llc: lowest CPU that shares the last-level cache */
};
static_assert(sizeof(struct wire_cpu) == 10, "layout");

enum wire_sched_event {
	WIRE_SCHED_STARTED = 1,
	WIRE_SCHED_ENABLED,	 /* /sys/kernel/sched_ext/state says enabled */
	WIRE_SCHED_LOAD_FAILED,	 /* its process ended before that */
	WIRE_SCHED_NOT_ATTACHED, /* its process lives, but did not attach in time */
	WIRE_SCHED_UNSUPPORTED,	 /* this kernel has no sched_ext */
	WIRE_SCHED_DIED,	 /* its process ended during the test */
	WIRE_SCHED_EJECTED,	 /* the kernel disabled it during the test */
	WIRE_SCHED_STOPPED,	 /* PID 1 ended it after the test */
	WIRE_SCHED_DETACHED,	 /* PID 1 ended it for an operation of the test */
	WIRE_SCHED_NOT_ENABLED,	 /* a line of kernel_builtin_enable failed; the INIT stream names it */
};

struct wire_sched {
	uint32_t event; /* enum wire_sched_event */
	int32_t status; /* as waitpid(2), where its process ended */
	int32_t pid;
	uint32_t limit_s; /* NOT_ATTACHED: the time that it had */
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
	uint32_t op_kinds; /* bit mask of enum ktstr_op_kind */
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
	uint32_t wakes; /* 1: its work type always measures wake-ups; 0: never, or only sometimes */
	uint64_t nodes; /* bit mask of the nodes where its memory should be; 0: any */
	/* The CPU time that the test asked for. The default weight is 100. */
	uint32_t cpu_weight;	  /* its cgroup's, times each ancestor's / 100; 0: none was set */
	uint32_t quota_permyriad; /* lowest quota on its cgroup's path, in 1/10000 of one CPU; 0: none */
	int32_t nice;
	uint32_t policy; /* enum ktstr_policy_kind */
	char name[WIRE_NAME_MAX];
	char work[32];
	uint64_t cpuset[WIRE_CPUS_MAX / 64]; /* every CPU that it was allowed to use at any time */
};
static_assert(sizeof(struct wire_cgroup) == 272, "layout");

/* A check has a name instead of a number, so that a reader of another version can skip checks that it does not know. */
struct wire_check {
	uint32_t cgroup; /* index of its wire_cgroup */
	uint32_t off;	 /* 1: switched off; `value` is not used */
	double value;	 /* the limit; 1 for a switch */
	char name[48];	 /* the field's name in struct ktstr_checks */
};
static_assert(sizeof(struct wire_check) == 64, "layout");

enum wire_worker_end { WIRE_WORKER_COMPLETED = 1, WIRE_WORKER_EXITED, WIRE_WORKER_SIGNALED, WIRE_WORKER_TIMED_OUT };

struct wire_worker {
	uint32_t index;	 /* in the order of creation */
	uint32_t cgroup; /* index of its wire_cgroup */
	int32_t tid;
	uint32_t end; /* enum wire_worker_end */
	/* Exit status, or -1 if it is lost, or signal; TIMED_OUT: pid of the child that it waits for, or 0. */
	int32_t end_code;
	uint32_t counts_progress; /* 0: its custom function counted neither units nor iterations */
	uint64_t work_units, iterations;
	uint64_t cpu_ns, wall_ns;
	uint64_t max_gap_ns, max_gap_at_ns;	  /* the longest gap, and its end, since the worker's start */
	uint64_t run_delay_ns, run_count, run_ns; /* differences of /proc/self/schedstat */
	uint64_t migrations;
	uint64_t wake_samples; /* number of wake-ups; WIRE_SAMPLES has a uniform random sample of them */
	uint32_t max_gap_cpu;
	/* For a worker that did not end when it was told to: its state, the third field of /proc/PID/stat. */
	uint8_t state;	     /* 'R': ready to run, but it did not run; 0: not known */
	uint8_t child_state; /* state of the process that it waits for */
	uint16_t reserved;
	uint32_t delay_known; /* 1: the kernel counts waits for a CPU, and all of its waits were read */
	uint32_t reserved2;
	/* Its longest wait for a CPU is between the first two; see docs/CHECKS.md. Times are since its start. */
	uint64_t max_delay_ns, max_delay_most_ns;
	uint64_t max_delay_end_ns;	      /* when that wait ended */
	uint64_t max_wake_ns, max_wake_at_ns; /* its longest wake-up latency, and its end, CLOCK_MONOTONIC */
	uint32_t max_delay_cpu, max_wake_cpu; /* the CPU on which it ran then */
	uint64_t cpus_used[WIRE_CPUS_MAX / 64];
	uint64_t cpus_outside[WIRE_CPUS_MAX / 64]; /* used while they were not allowed */
	uint64_t pages_migrated;		   /* increase of the machine's numa_pages_migrated during its work */
	uint32_t numa_pages[WIRE_NODES_MAX];	   /* at its end, per node: /proc/self/numa_maps */
};
static_assert(sizeof(struct wire_worker) == 696, "layout");

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
	WIRE_PAYLOAD_FLOODED, /* killed: it printed too much */
};

struct wire_payload {
	uint32_t index;	    /* in the order of their starts */
	uint32_t metrics;   /* number of WIRE_PAYLOAD_METRIC records that follow */
	int32_t status;	    /* as waitpid(2) */
	uint32_t end;	    /* enum wire_payload_end */
	uint32_t verdict;   /* enum ktstr_verdict */
	uint32_t truncated; /* 1: not all metrics are sent */
	uint64_t wall_ns;
	char name[WIRE_NAME_MAX], cgroup[WIRE_NAME_MAX];
};
static_assert(sizeof(struct wire_payload) == 160, "layout");

enum wire_metric_stream { WIRE_METRIC_STDOUT = 1, WIRE_METRIC_STDERR, WIRE_METRIC_SYNTHESIZED };

/* Who found a metric in the output, by the payload's enum ktstr_output. */
#define WIRE_SOURCES_MAX 8u

#define WIRE_TEST_ITSELF UINT32_MAX /* instead of a payload's index: the test measured it */

struct wire_payload_metric {
	uint32_t payload;     /* index of its wire_payload, or WIRE_TEST_ITSELF */
	uint8_t polarity;     /* enum ktstr_polarity */
	uint8_t source;	      /* enum ktstr_output of its payload */
	uint16_t stream;      /* enum wire_metric_stream */
	double value, target; /* finite */
	char unit[16];
	char name[192];
};
static_assert(sizeof(struct wire_payload_metric) == 232, "layout");

#define WIRE_OUTPUT_MAX 16384u /* bytes of a stream that are sent for a language model: its end */

struct wire_payload_text {
	uint32_t payload; /* index of its wire_payload */
	uint16_t stream;  /* WIRE_METRIC_STDOUT or WIRE_METRIC_STDERR */
	uint16_t cut;	  /* 1: the stream had more before it */
};
static_assert(sizeof(struct wire_payload_text) == 8, "layout");

struct wire_samples {
	uint32_t worker;
	uint32_t count; /* number of values that follow: uint32_t nanoseconds, saturated */
};
static_assert(sizeof(struct wire_samples) == 8, "layout");

struct wire_detail {
	uint32_t verdict;     /* enum ktstr_verdict */
	uint32_t expectation; /* 1: from a failed ktstr_expect(); 0: from the engine */
};

enum wire_stream {
	WIRE_STREAM_TEST = 1, /* the test's standard output and error */
	WIRE_STREAM_SCHED,    /* the scheduler's */
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
	uint32_t workers; /* number of WIRE_WORKER records that there must be */
};

/* File of the guest: if it is there, the test tells which scenarios it runs. */
#define WIRE_DESCRIBE "/ktstr.describe"

/* A part of the text; the next record goes on with it. */
struct wire_scenario {
	uint32_t number;  /* of the scenario in this test, from 0 */
	uint32_t refused; /* 1: it cannot be written as data; the text says why. Else it is JSON */
};
static_assert(sizeof(struct wire_scenario) == 8, "layout");

/* Exit status of a test's process that could not send its result, because the channel to PID 1 is closed. */
#define WIRE_TEST_UNHEARD 76

struct wire_test_exit {
	int32_t status;	    /* as waitpid(2) */
	uint32_t timed_out; /* 1: PID 1 killed it because it took too long */
};

enum wire_exit_reason {
	WIRE_EXIT_DONE = 1,
	WIRE_EXIT_SCHED,  /* the scheduler failed before the test began */
	WIRE_EXIT_IMAGE,  /* the initramfs lacks a file */
	WIRE_EXIT_SETUP,  /* mounting, cgroups, or starting the test failed */
	WIRE_EXIT_SYSCTL, /* a sysctl of the scheduler's declaration cannot be set; the INIT stream names it */
};

struct wire_exit {
	uint32_t reason;
	int32_t status;
};

/*
 * A clone's payload (docs/design/clones.md): the last bytes of the log's memory. The orchestrator writes it
 * before the clone starts to run. The `length` bytes before this struct are an initramfs image. PID 1 unpacks it before
 * its first record, so records may overwrite it.
 */
#define WIRE_PARKED_MAGIC \
	0x4445524b5241504bull /* PID 1 stores it before it stops the machine, to tell this stop from a panic */
#define WIRE_CLONE_PAYLOAD_MAGIC 0x52454452454e4c43ull

struct wire_clone_payload {
	uint64_t magic; /* one of the above */
	uint64_t length;
};
static_assert(sizeof(struct wire_clone_payload) == 16, "layout");

/*
 * Counters of code coverage (docs/COVERAGE.md): the last bytes of the log's memory, if /ktstr.conf says so. PID 1 then
 * writes no records there. The counters of all counted processes lie in slots of this memory while they count, so they
 * are there whatever ends the process or the machine. It is given away from the front, and never taken back. Offsets
 * are from its begin, where struct wire_coverage is.
 */
#define WIRE_COVERAGE_BYTES	   (8u << 20)
#define WIRE_COVERAGE_MAGIC	   0x564f434bu /* "KCOV" */
#define WIRE_COVERAGE_PROGRAMS_MAX 128u
#define WIRE_COVERAGE_PATH_MAX	   212u

/* A library counts programs beside the test. LD_PRELOAD names it, and it gets its memory by these. */
#define WIRE_COVERAGE_LIBRARY  "/ktstr-coverage.so"
#define WIRE_COVERAGE_VARIABLE "KTSTR_COVERAGE"
#define WIRE_COVERAGE_ASAN     "verify_asan_link_order=0" /* gcc's ASan may come after that library */
/*
 * A file of the guest with a line for each program that was put there and has counters: the addresses of gcc's root and
 * of clang's counters in its file, and the bytes of the latter, each hexadecimal and 0 if there is none; then its path.
 */
#define WIRE_COVERAGE_PLACES "/ktstr.counters"
#define WIRE_COVERAGE_GCC    "__gcov_root"     /* symbol */
#define WIRE_COVERAGE_CLANG  "__llvm_prf_cnts" /* section */
/* On the host: a file of counters (struct wire_coverage_file) that such a program shall write in its own format. */
#define WIRE_COVERAGE_LOAD "KTSTR_COVERAGE_LOAD"

struct wire_coverage {
	uint32_t magic;
	uint32_t used;				      /* bytes that are given away, with this struct */
	uint32_t lost;				      /* processes for which there was no memory */
	uint32_t programs;			      /* entries below that are taken */
	uint32_t program[WIRE_COVERAGE_PROGRAMS_MAX]; /* struct wire_coverage_program; 0: not there yet */
};
static_assert(sizeof(struct wire_coverage) == 528, "layout");

struct wire_coverage_program {
	uint32_t stamp;	   /* of the places of the program's counters */
	uint32_t error;	   /* errno: why nothing is counted; 0: all is well */
	uint32_t counters; /* uint64_t's of a slot, in all ranges together */
	uint32_t ranges;
	uint32_t slots; /* that are taken; may be more than slots_max */
	uint32_t slots_max;
	uint32_t slot_bytes;
	uint32_t ranges_at; /* struct wire_coverage_range[ranges] */
	uint32_t owners_at; /* uint32_t[slots_max]: pid, or WIRE_COVERAGE_FREE, or WIRE_COVERAGE_FOLDING */
	uint32_t places_at; /* uint32_t[slots_max]: where a slot is; 0: not there yet */
	uint32_t sum_at;    /* uint64_t[counters]: of processes that have ended, and whose slots are used again */
	char path[WIRE_COVERAGE_PATH_MAX]; /* in the guest */
};
static_assert(sizeof(struct wire_coverage_program) == 256, "layout");

#define WIRE_COVERAGE_FREE    0u
#define WIRE_COVERAGE_FOLDING UINT32_MAX /* its counters are being moved to the sum */

struct wire_coverage_range {
	uint32_t at;	/* offset in a slot, a multiple of 8 */
	uint32_t count; /* of counters */
};
static_assert(sizeof(struct wire_coverage_range) == 8, "layout");

/* The input of a program that writes counters on the host: this, then the counters in the order of the ranges. */
struct wire_coverage_file {
	uint32_t magic, stamp;
	uint64_t counters;
};
static_assert(sizeof(struct wire_coverage_file) == 16, "layout");

#endif
