/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * frames.c -- prints the reports of a fixed run. Without an argument: as to a file. With WIDTH and HEIGHT: the bytes
 * for a terminal of that size, with colours and a live view, up to the argument STEP ("running": the middle of the run,
 * "ended": all of it).
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/message.h"
#include "monitor/series.h"
#include "report/closing.h"
#include "report/events.h"
#include "report/failure.h"
#include "report/live.h"
#include "report/payload_lines.h"

static void print(const char *title, struct buf *text)
{
	printf("== %s\n%s", title, buf_str(text));
	buf_clear(text);
}

/* --- a run -------------------------------------------------------------------------------------------------------- */

#define SAMPLES 12

struct fixture {
	struct cpu_reading cpu[SAMPLES][2];
	int64_t event[SAMPLES][3];
	struct reading reading[SAMPLES];
	struct series_program program;
	struct series series;
	struct evidence_phase phase[6];
	struct evidence_stimulus stimulus[2];
	struct cgroup_stats cgroup[2];
	struct evidence evidence, quiet;
	struct wire_payload payload;
	struct wire_payload_metric metric[2];
	struct judgement failed, passed, skipped, unsure;
	struct flake_try try[2];
	struct flake_history history;
	struct result fail, pass, skip, inconclusive, flaky;
};

static const char *const names[] = { "ktstr/two_cgroups", "ktstr/eevdf_cpusets",
				     "ktstr/a_test_with_quite_a_long_name_that_must_go_somewhere" };

/* Two steps; in the second one, a CPU has all tasks and stands still. */
static void make_samples(struct fixture *f)
{
	static const uint64_t times_ms[] = { 3500, 3510, 4000, 4010, 4020, 4600 };
	for (unsigned i = 0; i < SAMPLES; i++) {
		bool late = i >= 6;
		f->cpu[i][0] =
			(struct cpu_reading){ .nr_running = late ? 5 : 2, .local_dsq_nr = late, .clock = 100 + i };
		f->cpu[i][1] = (struct cpu_reading){ .nr_running = 1, .clock = late ? 205 : 200 + i };
		f->event[i][0] = 3 * i;
		f->event[i][1] = late ? 20 * (i - 5) : 0;
		f->event[i][2] = 7 * i;
		f->reading[i] =
			(struct reading){ .at_ns = (3470 + 100 * i) * NSEC_PER_MSEC,
					  .cpu = f->cpu[i],
					  .cpus = 2,
					  .scx = true,
					  .has_events = true,
					  .event = f->event[i],
					  .events = 3,
					  .schedstat = { 1000000 * i, 0, 30 * i, 0, i, 5 * i, 0 },
					  .has_schedstat = 1u << SCHEDSTAT_run_delay | 1u << SCHEDSTAT_sched_count |
							   1u << SCHEDSTAT_sched_goidle | 1u << SCHEDSTAT_ttwu_count };
	}
	f->program = (struct series_program){ .name = "simple_enqueue", .cnt = 40, .nsecs = 10000, .has_stats = true };
	f->series = (struct series){
		.cpus = 2,
		.count = SAMPLES,
		.reading = f->reading,
		.program = &f->program,
		.programs = 1,
		.events = 3,
		.event_name = { "select_cpu_fallback", "dispatch_keep_last", "refill_slice_dfl" },
	};
	for (unsigned i = 0; i < 6; i++)
		f->phase[i] = (struct evidence_phase){
			.wire = { .kind = WIRE_PHASE_STEP_START + i % 3, .index = i / 3 },
			.time_ns = times_ms[i] * NSEC_PER_MSEC,
		};
	f->phase[1].wire = (struct wire_phase){ .kind = WIRE_PHASE_HOLD, .name = "both" };
	for (unsigned i = 0; i < 2; i++)
		f->stimulus[i] = (struct evidence_stimulus){
			.wire = { .step_index = i,
				  .op_count = 2 * i,
				  .cgroup_count = 2 - i,
				  .worker_count = 3,
				  .total_iterations = 5000 * i },
			.time_ns = times_ms[3 * i + 1] * NSEC_PER_MSEC,
		};
}

static void make_failure(struct fixture *f)
{
	f->cgroup[0] = (struct cgroup_stats){ .name = "cg_0",
					      .work = "SpinWait",
					      .workers = 2,
					      .cpus = 2,
					      .off_cpu_workers = 2,
					      .min_off_cpu_pct = 70.2,
					      .max_off_cpu_pct = 75.3,
					      .spread_pct = 5.1,
					      .max_gap_ms = 3500,
					      .max_gap_cpu = 1,
					      .max_run_delay_us = 3499700,
					      .worst_run_delay_us = 4100200,
					      .migrations = 4,
					      .iterations = 15230 };
	f->cgroup[1] = (struct cgroup_stats){ .name = "cg_1",
					      .work = "Bursty",
					      .workers = 1,
					      .cpus = 1,
					      .max_gap_ms = 7,
					      .iterations = 76,
					      .wake_samples = 75,
					      .median_wake_us = 52.3,
					      .p99_wake_us = 6100,
					      .max_wake_us = 6400 };
	f->evidence = (struct evidence){ .has_hello = true,
					 .hello.cpus = 2,
					 .last_ns = 4610000000,
					 .records = 17,
					 .series = &f->series,
					 .phase = f->phase,
					 .phase_count = 6,
					 .stimulus = f->stimulus,
					 .stimulus_count = 2 };
	make_samples(f);
	f->failed = (struct judgement){ .verdict = KTSTR_FAIL,
					.stats = { .cgroup = f->cgroup,
						   .cgroups = 2,
						   .workers = 3,
						   .cpus = 3,
						   .migrations = 4,
						   .worst_spread_pct = 5.1,
						   .worst_gap_ms = 3500 } };
	judgement_add(&f->failed, DETAIL_EXPECTATION, KTSTR_INCONCLUSIVE, "something that was not measured");
	judgement_add(
		&f->failed, DETAIL_STUCK, KTSTR_FAIL,
		"cgroup 'cg_0' (SpinWait): tid 44 did not run for 3500 ms, from +120 to +3620 ms, then ran on cpu1 "
		"(limit 3000 ms)");
	judgement_value(&f->failed, "cgroup 'cg_0' (SpinWait): max_gap_ms 3500 ms (limit 3000 ms)");
	f->failed.monitor_judged = true;
	judgement_violation(
		&f->failed,
		"imbalance ratio 5.0 exceeded threshold 4.0 for 6 consecutive samples (ending at sample 11)");
	buf_puts(&f->evidence.text[WIRE_STREAM_KMSG], "sched_ext: \"simple\" does not implement cgroup cpu.weight\n");
	buf_puts(&f->evidence.console, "[    1.0] sched_ext: BPF scheduler \"simple\" enabled\n");
	buf_puts(&f->evidence.text[WIRE_STREAM_SCHED], "local=1 global=2\nlocal=3 global=4\n");
	buf_puts(&f->evidence.text[WIRE_STREAM_SCX_DUMP], "CPU states\n----------\n");
}

static void make_payload(struct fixture *f)
{
	f->payload =
		(struct wire_payload){ .verdict = KTSTR_PASS, .wall_ns = 2100000000, .name = "fio", .cgroup = "cg_0" };
	f->metric[0] = (struct wire_payload_metric){ .value = 1200, .name = "iops" };
	f->metric[1] = (struct wire_payload_metric){ .value = 14.5, .name = "latency", .unit = "us" };
	f->quiet = (struct evidence){
		.payload = &f->payload, .payload_count = 1, .payload_metric = f->metric, .payload_metric_count = 2
	};
}

static struct result result_of(const char *name, const char *topology, const struct judgement *j,
			       const struct evidence *e, nsec_t wall)
{
	return (struct result){ .name = name,
				.test = strchr(name, '/') + 1,
				.topology = topology,
				.replay = "ktstr test -E 'test(=ktstr/two_cgroups)' --seed 0x1 build",
				.sidecar = "run/x.ktstr.json",
				.start = "boot",
				.attempt = 1,
				.seed = 1,
				.wall = wall,
				.evidence = e,
				.judgement = j };
}

static const char *const scheduler_args[] = { "--slice-us", "5000", NULL };

static void make_run(struct fixture *f)
{
	make_failure(f);
	make_payload(f);
	f->passed.verdict = KTSTR_PASS;
	f->skipped.verdict = KTSTR_SKIP;
	judgement_add(&f->skipped, DETAIL_SKIP, KTSTR_SKIP, "it needs 9999 CPUs, and this host has 2");
	f->unsure.verdict = KTSTR_INCONCLUSIVE;
	judgement_add(&f->unsure, DETAIL_BENCHMARK, KTSTR_INCONCLUSIVE, "rates mean nothing on tcg");
	f->try[0] = (struct flake_try){ .verdict = KTSTR_FAIL, .cause = (char *)"tid 7 starved (0 work units)" };
	f->history = (struct flake_history){ .item = f->try, .count = 2 };
	f->fail = result_of(names[0], "1n1l2c1t", &f->failed, &f->evidence, 5200 * NSEC_PER_MSEC);
	f->fail.scheduler = "simple";
	f->fail.kernel = "6.16.1";
	f->fail.scheduler_args[0] = scheduler_args;
	f->pass = result_of(names[1], "1n2l2c1t", &f->passed, &f->quiet, 850 * NSEC_PER_MSEC);
	f->skip = result_of("ktstr/too_many_cpus", "1n1l9999c1t", &f->skipped, &f->quiet, 0);
	f->inconclusive = result_of("ktstr/rates", "1n1l2c1t", &f->unsure, &f->quiet, 61 * NSEC_PER_SEC);
	f->flaky = result_of(names[2], "1n1l2c1t", &f->passed, &f->quiet, 5200 * NSEC_PER_MSEC);
	f->flaky.attempt = 2;
	f->flaky.history = &f->history;
	f->flaky.outcome = (struct flake_outcome){ .final = true, .flaky = true, .passed = 1, .tries = 2 };
}

static void drop_run(struct fixture *f)
{
	f->failed.stats = (struct scenario_stats){ 0 };
	f->evidence.phase = NULL;
	f->evidence.stimulus = NULL;
	judgement_done(&f->failed);
	judgement_done(&f->skipped);
	judgement_done(&f->unsure);
	evidence_done(&f->evidence);
}

static const struct event_layout layout = { .name = 19, .topology = 11 };

static struct live_view view_of(unsigned done)
{
	return (struct live_view){
		.total = 180,
		.done = done,
		.passed = done - 6,
		.failed = 3,
		.inconclusive = 1,
		.skipped = 2,
		.running = 5,
		.queued = 175 - done,
		.elapsed = 67 * NSEC_PER_SEC,
		.left = 200 * NSEC_PER_SEC,
		.row = { { names[0], "booting", 2300 * NSEC_PER_MSEC, 97 },
			 { names[2], "running", 95 * NSEC_PER_SEC, -1 },
			 { "ktstr/\u8abf\u5ea6\u5668\u306e\u30c6\u30b9\u30c8", "hello", 2 * NSEC_PER_SEC, 100 } },
		.rows = 3,
	};
}

/* --- to a terminal ------------------------------------------------------------------------------------------------ */

static void draw_view(struct term_frame *frame, const struct term *t, unsigned done, struct buf *out)
{
	struct live_view v = view_of(done);
	struct buf lines = BUF_NULL;
	live_render(&v, t, &lines);
	term_frame_draw(frame, t, &lines, out);
	buf_done(&lines);
}

/* Translates newlines as a terminal driver does. */
static void write_terminal(const struct buf *out)
{
	for (size_t i = 0; i < out->len; i++)
		printf(out->data[i] == '\n' ? "\r\n" : "%c", out->data[i]);
}

static void draw_run(struct fixture *f, const struct term *t, bool ended, struct buf *out)
{
	struct term_frame frame = { 0 };
	struct closing closing = { 0 };
	const struct result *results[] = { &f->pass, &f->skip, &f->flaky, &f->inconclusive, &f->fail };
	struct run_counts c = { .total = 5, .passed = 2, .failed = 1, .skipped = 1, .inconclusive = 1, .flaky = 1 };
	for (unsigned i = 0; i < ARRAY_SIZE(results); i++) {
		draw_view(&frame, t, 42 + i, out);
		draw_view(&frame, t, 42 + i, out);
		term_frame_erase(&frame, out);
		event_line(results[i], &layout, t, out);
		if (i == 0)
			payload_lines(results[i], t, out);
		closing_add(&closing, results[i], results[i]->judgement->verdict);
	}
	draw_view(&frame, t, 90, out);
	if (ended) {
		term_frame_erase(&frame, out);
		message_append(out, t, "warning: a disk is slow\n");
		closing_render(&closing, 12, t, out);
		summary_line(&c, 61 * NSEC_PER_SEC, t, out);
	}
	closing_done(&closing);
}

/* --- to a file ---------------------------------------------------------------------------------------------------- */

static void print_live(struct buf *out)
{
	static const unsigned widths[] = { 100, 80, 60, 40, 12 };
	struct live_view v = view_of(42);
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		char title[32];
		struct term t = { .columns = widths[i], .rows = 24 };
		live_render(&v, &t, out);
		snprintf(title, sizeof(title), "live view, %u columns", widths[i]);
		print(title, out);
	}
	struct term low = { .columns = 60, .rows = 5 };
	live_render(&v, &low, out);
	print("live view, 5 rows", out);
}

static void print_tries(struct fixture *f, const struct term *plain, struct buf *out)
{
	struct result r = f->flaky;
	event_line(&r, &layout, plain, out);
	r.policy = (struct flake_policy){ .repeat = 20, .require = 18 };
	r.outcome = (struct flake_outcome){ .final = true, .flaky = true, .passed = 19, .tries = 20 };
	event_line(&r, &layout, plain, out);
	r.outcome.final = r.outcome.flaky = false;
	r.attempt = 7;
	event_line(&r, &layout, plain, out);
	print("several tries", out);
}

static void print_known(struct fixture *f, const struct term *plain, struct buf *out)
{
	struct result r = f->fail;
	struct judgement passed = { .verdict = KTSTR_PASS };
	r.known = (struct known_fail){ .reason = "lost wakeups before 6.12" };
	r.known_outcome = KNOWN_XFAIL;
	event_line(&r, &layout, plain, out);
	r.judgement = &passed;
	r.known_outcome = KNOWN_XPASS;
	event_line(&r, &layout, plain, out);
	r.known.flaky = true;
	event_line(&r, &layout, plain, out);
	print("known failures", out);
}

static void print_run(struct fixture *f, struct buf *out)
{
	const struct term plain = { .columns = 80, .rows = 24 };
	const struct result *results[] = { &f->pass, &f->skip, &f->flaky, &f->inconclusive, &f->fail };
	struct closing closing = { 0 };
	for (unsigned i = 0; i < ARRAY_SIZE(results); i++) {
		event_line(results[i], &layout, &plain, out);
		closing_add(&closing, results[i], results[i]->judgement->verdict);
	}
	print("lines", out);
	payload_lines(&f->pass, &plain, out);
	print("payloads", out);
	failure_report(&f->fail, &plain, out);
	print("a failure", out);
	print_tries(f, &plain, out);
	print_known(f, &plain, out);
	closing_render(&closing, 12, &plain, out);
	struct run_counts c = { .total = 12,
				.passed = 4,
				.failed = 1,
				.skipped = 2,
				.inconclusive = 1,
				.flaky = 1,
				.xfailed = 2,
				.xpassed = 1,
				.not_run = 1 };
	summary_line(&c, 61 * NSEC_PER_SEC, &plain, out);
	struct run_counts one = { .total = 1, .passed = 1 };
	summary_line(&one, 5 * NSEC_PER_SEC, &plain, out);
	print("the end", out);
	json_t *event = event_json(&f->fail);
	json_print(event, false, out);
	print("an event", out);
	json_decref(event);
	closing_done(&closing);
}

int main(int argc, char **argv)
{
	struct buf out = BUF_NULL;
	static struct fixture f;
	make_run(&f);
	if (argc == 4) {
		struct term t = {
			.tty = true, .colour = true, .columns = (unsigned)atoi(argv[1]), .rows = (unsigned)atoi(argv[2])
		};
		draw_run(&f, &t, !strcmp(argv[3], "ended"), &out);
		write_terminal(&out);
	} else {
		print_live(&out);
		print_run(&f, &out);
	}
	buf_done(&out);
	drop_run(&f);
	return 0;
}
