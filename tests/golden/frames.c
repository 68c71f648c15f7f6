/* SPDX-License-Identifier: GPL-2.0-only */
/* frames.c -- prints what the reports draw of a fixed run: live frames at three widths, lines, a failure report. */
#include <stdio.h>

#include "base/json.h"
#include "report/events.h"
#include "report/failure.h"
#include "report/live.h"

static void print(const char *title, struct buf *text)
{
	printf("== %s\n%s", title, buf_str(text));
	buf_clear(text);
}

static void draw_live(struct buf *out)
{
	static const unsigned widths[] = { 60, 80, 120 };
	struct live_view v = {
		.total = 180,
		.done = 42,
		.failed = 3,
		.inconclusive = 1,
		.running = 2,
		.queued = 135,
		.elapsed = 67 * NSEC_PER_SEC,
		.row = { { "ktstr/eevdf_two_cgroups", "booting", 2300 * NSEC_PER_MSEC, 177700 * NSEC_PER_MSEC },
			 { "ktstr/a_test_with_quite_a_long_name_that_must_be_cut_somewhere/kernel_6_12_117", "running",
			   95 * NSEC_PER_SEC, -1 } },
		.rows = 2,
	};
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		char title[32];
		struct term t = { .columns = widths[i] };
		live_render(&v, &t, out);
		snprintf(title, sizeof(title), "live view, %u columns", widths[i]);
		print(title, out);
	}
}

static void take_text(struct evidence *e, enum wire_stream stream, const char *text)
{
	buf_puts(&e->text[stream], text);
}

static void draw_outcomes(const struct result *r, struct buf *out)
{
	struct term plain = { .columns = 80 };
	struct result flaky = *r;
	struct judgement passed = { .verdict = KTSTR_PASS };
	flaky.judgement = &passed;
	flaky.outcome = (struct flake_outcome){ .final = true, .flaky = true, .passed = 1, .tries = 2 };
	event_line(&flaky, &plain, out);
	flaky.policy = (struct flake_policy){ .repeat = 20, .require = 18 };
	flaky.outcome = (struct flake_outcome){ .final = true, .flaky = true, .passed = 19, .tries = 20 };
	event_line(&flaky, &plain, out);
	flaky.outcome.final = flaky.outcome.flaky = false;
	flaky.attempt = 7;
	event_line(&flaky, &plain, out);
	print("several tries", out);
	struct result known = *r;
	known.known = (struct known_fail){ .reason = "lost wakeups before 6.12" };
	known.known_outcome = KNOWN_XFAIL;
	event_line(&known, &plain, out);
	known.judgement = &passed;
	known.known_outcome = KNOWN_XPASS;
	event_line(&known, &plain, out);
	known.known.flaky = true;
	event_line(&known, &plain, out);
	print("known failures", out);
}

static void draw_result(struct buf *out)
{
	static struct cgroup_stats cgroups[] = {
		{ .name = "cg_0",
		  .work = "SpinWait",
		  .workers = 2,
		  .cpus = 2,
		  .off_cpu_workers = 2,
		  .spread_pct = 5.1,
		  .max_gap_ms = 3500,
		  .migrations = 4,
		  .iterations = 15230 },
		{ .name = "cg_1", .work = "Bursty", .workers = 1, .cpus = 1, .max_gap_ms = 7, .iterations = 76 },
	};
	struct evidence e = { .has_hello = true, .phase_count = 1, .last_ns = 4610000000, .records = 17 };
	struct judgement j = { .verdict = KTSTR_FAIL,
			       .stats = { .cgroup = cgroups,
					  .cgroups = 2,
					  .workers = 3,
					  .cpus = 3,
					  .migrations = 4,
					  .worst_spread_pct = 5.1,
					  .worst_gap_ms = 3500 } };
	struct result r = { .name = "ktstr/two_cgroups",
			    .test = "two_cgroups",
			    .scheduler = "simple",
			    .topology = "1n1l2c1t",
			    .replay = "ktstr test -E 'test(=ktstr/two_cgroups)' --seed 0x1 build",
			    .sidecar = "run/x.ktstr.json",
			    .start = "boot",
			    .attempt = 2,
			    .seed = 1,
			    .wall = 5200 * NSEC_PER_MSEC,
			    .evidence = &e,
			    .judgement = &j };
	struct term plain = { .columns = 80 };
	judgement_add(&j, DETAIL_EXPECTATION, KTSTR_INCONCLUSIVE, "something that was not measured");
	judgement_add(&j, DETAIL_STUCK, KTSTR_FAIL, "tid 44 stuck 3500ms on cpu1 at +120ms (threshold 3000ms)");
	buf_puts(&e.console, "[    1.0] sched_ext: BPF scheduler \"simple\" enabled\n");
	take_text(&e, WIRE_STREAM_SCHED, "local=1 global=2\nlocal=3 global=4\n");
	take_text(&e, WIRE_STREAM_SCX_DUMP, "CPU states\n----------\n");
	event_line(&r, &plain, out);
	print("a line", out);
	failure_report(&r, &plain, out);
	print("a failure", out);
	draw_outcomes(&r, out);
	json_t *event = event_json(&r);
	json_print(event, false, out);
	print("an event", out);
	json_decref(event);
	j.stats = (struct scenario_stats){ 0 };
	judgement_done(&j);
	evidence_done(&e);
	struct run_counts c = { .total = 12,
				.passed = 4,
				.failed = 1,
				.skipped = 2,
				.inconclusive = 1,
				.flaky = 1,
				.xfailed = 2,
				.xpassed = 1,
				.not_run = 1 };
	summary_line(&c, 61 * NSEC_PER_SEC, out);
	print("a summary", out);
}

int main(void)
{
	struct buf out = BUF_NULL;
	draw_live(&out);
	draw_result(&out);
	buf_done(&out);
	return 0;
}
