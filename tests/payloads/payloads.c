/* SPDX-License-Identifier: GPL-2.0-only */
/* payloads.c -- programs in scenarios, good and bad. tests/vm/payloads.py has the expected results. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

#define PROGRAM(id, ...) KTSTR_PAYLOAD(id, .binary = "payload_program", ##__VA_ARGS__)
#define JSON		 .output = KTSTR_OUTPUT_JSON

PROGRAM(metrics, .args = KTSTR_ARGS("metrics"), JSON,
	.checks = KTSTR_PAYLOAD_CHECKS(KTSTR_AT_LEAST("jobs.0.read.iops", 1000), KTSTR_AT_MOST("ns", 2000),
				       KTSTR_WITHIN("jobs.0.errors", 0, 0), KTSTR_EXISTS("ns"), KTSTR_EXIT_CODE(0)),
	.metrics = KTSTR_METRICS({ "jobs.0.read.iops", KTSTR_HIGHER_BETTER, .unit = "1/s" },
				 { "ns", KTSTR_TARGET_VALUE, 1500, "ns" }));
PROGRAM(exits, .args = KTSTR_ARGS("exits"));
PROGRAM(spins, .args = KTSTR_ARGS("spin", "long"));
PROGRAM(told, .args = KTSTR_ARGS("until-told"), JSON, .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_AT_LEAST("stopped", 1)));
PROGRAM(place, .args = KTSTR_ARGS("cgroup", "/ktstr/a/payload."));
PROGRAM(fds, .args = KTSTR_ARGS("fds"));
PROGRAM(on_stderr, .args = KTSTR_ARGS("stderr"), JSON, .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_WITHIN("where", 2, 2)));
PROGRAM(deep, .args = KTSTR_ARGS("deep"), JSON);
KTSTR_PAYLOAD(script, .binary = "payload_script.sh", .include_files = KTSTR_ARGS("/etc/hostname"));

KTSTR_TEST(payload_metrics, .payload = &metrics, .duration_s = 1)
{
	struct ktstr_payload_result r;
	enum ktstr_verdict v = ktstr_payload_run(t, &(struct ktstr_payload_run){ .payload = &metrics }, &r);
	ktstr_expect(t, r.exit_code == 0 && r.metrics == 3, "exit code %d, %u metrics", r.exit_code, r.metrics);
	ktstr_expect(t, r.metrics && !strcmp(r.metric[0].name, "jobs.0.read.iops") && r.metric[0].value == 1234.5,
		     "the first metric is something else");
	return v;
}

KTSTR_TEST(payload_exit_codes, .payload = &exits, .duration_s = 1)
{
	return ktstr_payload_run(t,
				 &(struct ktstr_payload_run){ .payload = &exits,
							      .args = KTSTR_ARGS("12345"),
							      .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_EXIT_CODE(5)) },
				 NULL);
}

KTSTR_TEST(payload_descriptors, .payload = &fds, .duration_s = 1)
{
	return KTSTR_RUN_PAYLOAD(t, &fds);
}

KTSTR_TEST(payload_error_output, .payload = &on_stderr, .duration_s = 1)
{
	return KTSTR_RUN_PAYLOAD(t, &on_stderr);
}

KTSTR_TEST(payload_too_deep, .payload = &deep, .duration_s = 1)
{
	return KTSTR_RUN_PAYLOAD(t, &deep);
}

KTSTR_TEST(payload_script, .payload = &script, .duration_s = 1)
{
	ktstr_expect(t, access("/include-files/hostname", R_OK) == 0, "its include file is not there");
	return KTSTR_RUN_PAYLOAD(t, &script);
}

static void processes_are(struct ktstr_ctx *t, const char *pattern, unsigned wanted)
{
	char line[256];
	unsigned n = 0;
	snprintf(line, sizeof(line), "cat /sys/fs/cgroup/ktstr/%s 2>/dev/null", pattern);
	for (unsigned i = 0; i < 16; i++) {
		char path[128];
		snprintf(path, sizeof(path), "/sys/fs/cgroup/ktstr/%s/payload.%u/cgroup.procs", pattern, i);
		FILE *f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f))
			n++;
		if (f)
			fclose(f);
	}
	ktstr_expect(t, n == wanted, "cgroup %s has %u payload processes, not %u", pattern, n, wanted);
}

static void see_two(struct ktstr_ctx *t, void *arg)
{
	(void)arg;
	ktstr_ctx_sleep_us(t, 100000);
	processes_are(t, "a", 1);
	processes_are(t, "b", 1);
}

static void see_moved(struct ktstr_ctx *t, void *arg)
{
	(void)arg;
	processes_are(t, "a", 0);
	processes_are(t, "b", 2);
	ktstr_ctx_sleep_us(t, 100000); /* until the payload has handled the signal */
}

/* Background loads in two cgroups, one with workers: moved to the other cgroup, waited for, killed. */
KTSTR_TEST(payload_operations, .cores = 2, .duration_s = 1, .workloads = KTSTR_PAYLOADS(&told, &spins),
	   .checks = { .not_stuck = KTSTR_OFF })
{
	return ktstr_run_scenario(
		t, &(struct ktstr_scenario){
			   .backdrop.cgroups =
				   KTSTR_CGROUPS({ .name = "a", .workers = 1 }, { .name = "b", .no_workers = true }),
			   .steps = KTSTR_STEPS(
				   { .name = "run",
				     .watch = see_two,
				     .hold = KTSTR_HOLD_MS(100),
				     .ops = KTSTR_OPS(KTSTR_OP(RUN_PAYLOAD, .payload = &told, .cgroup = "a"),
						      KTSTR_OP(RUN_PAYLOAD, .payload = &spins, .cgroup = "b")) },
				   { .name = "wait",
				     .hold = KTSTR_HOLD_MS(10),
				     .ops = KTSTR_OPS(KTSTR_OP(RUN_PAYLOAD, .payload = &spins, .cgroup = "b"),
						      KTSTR_OP(WAIT_PAYLOAD, .payload = &spins)) },
				   { .name = "move",
				     .hold = KTSTR_HOLD_MS(10),
				     .ops = KTSTR_OPS(KTSTR_OP(RUN_PAYLOAD, .payload = &told, .cgroup = "a"),
						      KTSTR_OP(RUN_PAYLOAD, .payload = &spins, .cgroup = "b"),
						      KTSTR_OP(MOVE_ALL_TASKS, .cgroup = "a", .other = "b"),
						      KTSTR_OP(CALL, .fn = see_moved),
						      KTSTR_OP(KILL_PAYLOAD, .payload = &told, .cgroup = "b")) }) });
}

KTSTR_TEST(payload_place, .cores = 2, .duration_s = 1, .workloads = KTSTR_PAYLOADS(&place))
{
	return ktstr_run_steps(t,
			       KTSTR_STEPS({ .name = "s",
					     .hold = KTSTR_HOLD_MS(50),
					     .ops = KTSTR_OPS(KTSTR_OP(ADD_CGROUP, .cgroup = "a"),
							      KTSTR_OP(RUN_PAYLOAD, .payload = &place, .cgroup = "a"),
							      KTSTR_OP(WAIT_PAYLOAD, .payload = &place)) }));
}

/* Part of a cgroup's definition: it ends with the step. */
KTSTR_TEST(payload_in_definition, .cores = 2, .duration_s = 1, .workloads = KTSTR_PAYLOADS(&told),
	   .checks = { .not_stuck = KTSTR_OFF })
{
	return ktstr_run_cgroups(
		t,
		KTSTR_CGROUPS(
			{ .name = "a", .workers = 1, .payloads = KTSTR_PAYLOADS(&told), .cpuset = KTSTR_CPUS("1") }));
}

KTSTR_TEST(payload_handles, .cores = 2, .duration_s = 1, .workloads = KTSTR_PAYLOADS(&told, &exits))
{
	struct ktstr_payload_result r;
	int one = ktstr_payload_spawn(t, &(struct ktstr_payload_run){ .payload = &told });
	int two = ktstr_payload_spawn(
		t,
		&(struct ktstr_payload_run){ .payload = &exits, .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_EXIT_CODE(7)) });
	ktstr_payload_wait(t, two, &r);
	ktstr_expect(t, r.exit_code == 7, "exit code %d", r.exit_code);
	ktstr_expect(t, !ktstr_payload_try_wait(t, one, &r), "it has ended by itself");
	ktstr_ctx_sleep_us(t, 100000); /* until the payload has handled the signal */
	enum ktstr_verdict v = ktstr_payload_kill(t, one, &r);
	ktstr_expect(t, r.exit_code == 3 && r.metrics == 1, "exit code %d, %u metrics", r.exit_code, r.metrics);
	return v;
}

/* --- with faults -------------------------------------------------------------------------------------------------- */

#define BAD(id, what, ...)                                                              \
	PROGRAM(bad_##id, .args = KTSTR_ARGS(what), ##__VA_ARGS__);                     \
	KTSTR_TEST(bad_payload_##id, .payload = &bad_##id, .cores = 2, .duration_s = 1) \
	{                                                                               \
		return KTSTR_RUN_PAYLOAD(t, &bad_##id);                                 \
	}

BAD(never_ends, "forever", .timeout_ms = 1500)
BAD(deaf, "deaf", .timeout_ms = 500)
BAD(forks_away, "fork-away")
BAD(floods, "flood", JSON)
BAD(broken, "broken", JSON)
BAD(silent, "spin", JSON)
BAD(crashes, "crash")
BAD(status, "exit")
BAD(tap, "tap", .output = KTSTR_OUTPUT_TAP)
BAD(tap_skip, "tap", .output = KTSTR_OUTPUT_TAP, .tap_test = "second")
BAD(tap_none, "tap", .output = KTSTR_OUTPUT_TAP, .tap_test = "fourth")
BAD(low, "metrics", JSON, .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_AT_LEAST("ns", 2001), KTSTR_EXISTS("nowhere")))

KTSTR_PAYLOAD(missing, .binary = "no_such_program");
KTSTR_TEST(bad_payload_missing, .payload = &missing, .duration_s = 1)
{
	return KTSTR_RUN_PAYLOAD(t, &missing);
}

KTSTR_PAYLOAD(elsewhere, .binary = "payload_program", .kit = "no/such/kit");
KTSTR_TEST(bad_payload_kit, .payload = &elsewhere, .duration_s = 1)
{
	return KTSTR_RUN_PAYLOAD(t, &elsewhere);
}

/* The program is removed from the guest before the payload starts. */
KTSTR_TEST(bad_payload_removed, .payload = &exits, .duration_s = 1)
{
	unlink("/include-files/payload_program");
	return KTSTR_RUN_PAYLOAD(t, &exits);
}

/* Killed before it printed anything: the metric is unknown. */
PROGRAM(mute, .args = KTSTR_ARGS("forever"), JSON, .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_EXISTS("x")));
KTSTR_TEST(bad_payload_mute, .workloads = KTSTR_PAYLOADS(&mute), .cores = 2, .duration_s = 1)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "a", .workers = 1, .payloads = KTSTR_PAYLOADS(&mute) }));
}
