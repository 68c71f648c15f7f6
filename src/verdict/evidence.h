/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * evidence.h -- all data about one attempt: the guest's records, decoded and checked, and the host's observations of
 * the machine. The judge reads only this.
 */
#ifndef KTSTR_VERDICT_EVIDENCE_H
#define KTSTR_VERDICT_EVIDENCE_H

#include <ktstr/wire.h>

#include "base/err.h"
#include "base/parse.h"
#include "base/text.h"
#include "base/time.h"

#define EVIDENCE_WORKERS_MAX  16384
#define EVIDENCE_CGROUPS_MAX  4096
#define EVIDENCE_ITEMS_MAX    4096
#define EVIDENCE_SCENARIO_MAX ((size_t)4 << 20) /* bytes of text */
#define EVIDENCE_METRICS_MAX  65536		/* for workers, and the same number for payloads */
#define EVIDENCE_OUTPUTS_MAX  2048

struct evidence_worker {
	struct wire_worker wire;
	uint32_t *sample; /* wake-up latencies, ns */
	uint32_t samples;
};

struct evidence_metric {
	uint32_t worker;
	char *name;
	double value;
};

/* A check that a load sets itself. */
struct evidence_check {
	uint32_t cgroup;
	bool off;
	double value;
	char name[48]; /* from the guest; may be unknown */
};

struct evidence_detail {
	uint32_t verdict;
	bool expectation; /* it is a failed ktstr_expect() */
	char *text;
};

/* What a payload printed to one of its streams. */
struct evidence_output {
	uint32_t payload;
	enum wire_metric_stream stream;
	bool cut; /* only the end of it */
	struct buf text;
};

struct evidence_sched {
	struct wire_sched wire;
	uint64_t time_ns;
};

struct evidence_phase {
	struct wire_phase wire;
	uint64_t time_ns;
};

struct evidence_stimulus {
	struct wire_stimulus wire;
	uint64_t time_ns;
};

struct series;
struct exact_evidence;
struct verified;

struct evidence {
	/* From the guest. */
	struct wire_hello hello;
	struct wire_cpu *cpu;
	uint32_t cpus;
	struct evidence_sched *sched;
	uint32_t sched_count;
	struct evidence_phase *phase;
	uint32_t phase_count;
	struct evidence_stimulus *stimulus;
	uint32_t stimulus_count;
	struct wire_cgroup *cgroup;
	uint32_t cgroup_count;
	struct evidence_check *check;
	uint32_t check_count;
	struct evidence_worker *worker;
	uint32_t worker_count;
	struct evidence_metric *metric;
	uint32_t metric_count;
	struct wire_payload *payload; /* in the order in which they ended */
	uint32_t payload_count;
	struct wire_payload_metric *payload_metric;
	uint32_t payload_metric_count;
	struct evidence_output *output; /* that a language model is to read */
	uint32_t output_count;
	bool outputs_read; /* a model was asked, or why not is among the details */
	struct evidence_detail *detail;
	uint32_t detail_count;
	uint32_t details_lost;		  /* more than EVIDENCE_ITEMS_MAX */
	uint32_t lost_verdict;		  /* the worst of theirs */
	struct buf text[WIRE_STREAM_MAX]; /* all texts and names from the guest are cleaned (text.h) */
	struct text_stream stream[WIRE_STREAM_MAX];
	/* What the test ran, if it was asked for it: JSON from the guest, or why there is none. Not clean. */
	struct buf scenario;
	bool scenario_refused;
	uint32_t scenarios; /* that the test ran */
	struct wire_result result;
	struct wire_test_exit test_exit;
	struct wire_exit exit;
	bool has_hello, has_result, has_test_exit, has_exit;
	/*
	 * All times here are since the machine's start, as the recorded schedule has them. `ahead_ns` of that passed
	 * before the guest's own clock began, by which records are stamped; 0 where there is no recorded schedule.
	 */
	uint64_t ahead_ns;
	uint64_t last_ns;  /* time of the last record */
	struct buf damage; /* why reading the log stopped early; empty: it did not */
	/* From the host. */
	const struct series *series;	 /* the monitor's samples, borrowed; NULL: none were taken */
	const struct verified *verified; /* what the verifier said of programs, borrowed; or NULL */
	int constants_result;  /* of writing their constants, where that was asked for: 0, or a negative errno */
	bool verified_all;     /* with such constants: the scheduler was about to attach, and the machine was ended */
	const char *no_series; /* why not, borrowed; NULL: not known */
	const char *no_stops;  /* why the guest was not stopped to look at it, borrowed; NULL: it was, or not known */
	const struct exact_evidence *exact;	    /* the recorded schedule, borrowed; NULL: there is none */
	const char *no_exact;			    /* why not, borrowed; NULL: not known */
	bool watchdog_set;			    /* the last scheduler that attached has judge_facts.watchdog_s */
	struct buf console, diagnosis, stderr_text; /* clean */
	uint32_t dropped, digest;
	uint64_t records;
	bool machine_died;  /* its process ended, and not because the guest switched off */
	bool machine_reset; /* the guest reset itself */
	bool interrupted;   /* by the user */
	int machine_status;
	nsec_t cleanup;		     /* from the guest's last record to the end of the machine's process; 0: unknown */
	char memory_kill[96];	     /* why the kernel's OOM killer ended it; "": it did not */
	char late_in[24];	     /* attempt state whose host deadline passed; "": none */
	nsec_t late_after, late_cpu; /* time in that state, and the machine's CPU time in it */
	nsec_t late_limit;	     /* how long it may take while the host lets it run */
	nsec_t late_granted;	     /* how long the host let it run in `late_after` */
	bool late_known;	     /* `late_cpu` and `late_stopped` are valid */
	bool late_waits_known;	     /* `late_granted` leaves out waits for a CPU */
	bool late_stopped;	     /* the machine's process was stopped by a signal or a debugger */
	bool console_flooded;
	struct buf failure;    /* why there was no machine; empty: there was one */
	struct buf contention; /* the same, if the host had too few CPUs or too little memory */
};

void evidence_done(struct evidence *e);
#define EVIDENCE_PACKET_MAX (sizeof(struct wire_record) + WIRE_PAYLOAD_MAX)
/* Takes what a test's process sent itself, a record without checksum; what is not one is passed over. */
int evidence_take_packet(struct evidence *e, const void *packet, size_t len, struct err **err);
/* Takes one record of any content; -EBADMSG names the one that is not what its type says. */
int evidence_take(struct evidence *e, enum wire_type type, uint64_t time_ns, const void *payload, uint32_t length,
		  struct err **err);
/* The run of a payload with that index, or NULL. */
struct wire_payload *evidence_payload(const struct evidence *e, uint32_t index);
/*
 * The guest time until which the guest is known: its last record. Where it was cut short (it hung, died or was
 * interrupted) it went on without records, and the monitor's last sample counts if it is later.
 */
uint64_t evidence_end_ns(const struct evidence *e);
/* The last event of that kind, or NULL. */
const struct evidence_sched *evidence_sched(const struct evidence *e, enum wire_sched_event event);
/* The event by which the scheduler ended too early: it died, or the kernel disabled it. NULL: it did not. */
const struct evidence_sched *evidence_scheduler_end(const struct evidence *e);

#endif
