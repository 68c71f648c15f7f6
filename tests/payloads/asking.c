/* SPDX-License-Identifier: GPL-2.0-only */
/* asking.c -- programs whose output a language model reads. tests/vm/llm.py has the expected results. */
#include <ktstr/ktstr.h>

#define PROGRAM(id, ...) KTSTR_PAYLOAD(id, .binary = "payload_program", .output = KTSTR_OUTPUT_LLM, ##__VA_ARGS__)
#define PEOPLE		 .args = KTSTR_ARGS("people")

PROGRAM(numbers, PEOPLE, .llm_hint = "a benchmark",
	.metrics = KTSTR_METRICS({ "ops", KTSTR_HIGHER_BETTER, .unit = "1/s" }),
	.checks = KTSTR_PAYLOAD_CHECKS(KTSTR_WITHIN("ops", 1234, 1235), KTSTR_AT_MOST("latency_ms", 7),
				       KTSTR_AT_LEAST(KTSTR_WALL_TIME, 1), KTSTR_EXIT_CODE(0)));
PROGRAM(errors, .args = KTSTR_ARGS("people", "err"), .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_EXISTS("ops")));
PROGRAM(all, PEOPLE);
PROGRAM(low, PEOPLE, .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_AT_LEAST("ops", 2000)));
PROGRAM(absent, PEOPLE, .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_EXISTS("bandwidth")));
PROGRAM(garbage, PEOPLE, .llm_hint = "fault:garbage");
PROGRAM(status, .args = KTSTR_ARGS("no such thing"));

KTSTR_TEST(asks_numbers, .payload = &numbers, .duration_s = 1)
{
	struct ktstr_payload_result r;
	enum ktstr_verdict v = ktstr_payload_run(t, &(struct ktstr_payload_run){ .payload = &numbers }, &r);
	ktstr_expect(t, r.metrics == 0, "there are %u metrics in the guest already", r.metrics);
	return v;
}

/* Two runs of one payload, and another one. */
KTSTR_TEST(asks_streams, .workloads = KTSTR_PAYLOADS(&errors, &all), .duration_s = 1)
{
	KTSTR_RUN_PAYLOAD(t, &all);
	KTSTR_RUN_PAYLOAD(t, &errors);
	return KTSTR_RUN_PAYLOAD(t, &all);
}

KTSTR_TEST(asks_low, .payload = &low, .duration_s = 1)
{
	return KTSTR_RUN_PAYLOAD(t, &low);
}

KTSTR_TEST(asks_absent, .payload = &absent, .duration_s = 1)
{
	return KTSTR_RUN_PAYLOAD(t, &absent);
}

KTSTR_TEST(asks_garbage, .payload = &garbage, .duration_s = 1)
{
	return KTSTR_RUN_PAYLOAD(t, &garbage);
}

KTSTR_TEST(asks_status, .payload = &status, .duration_s = 1)
{
	return KTSTR_RUN_PAYLOAD(t, &status);
}

KTSTR_TEST(asks_too_early, .payload = &numbers, .duration_s = 1)
{
	return KTSTR_RUN_PAYLOAD(t, &numbers, .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_AT_LEAST("ops", 1)));
}
