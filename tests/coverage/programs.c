/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * programs.c -- tests whose scheduler and whose payload are counted: each ends in each of four ways. For
 * tests/vm/coverage_programs.py.
 */
#include <stdio.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

#include "counted.h"

COUNTED(in_suite)

#define COUNTED_SCHEDULER(id, end) KTSTR_SCHEDULER(id, .binary = "scx_counted", .args = KTSTR_ARGS(end))

COUNTED_SCHEDULER(exits, "exit");
COUNTED_SCHEDULER(killed, "kill");
COUNTED_SCHEDULER(aborts, "abort");
COUNTED_SCHEDULER(stays, "panic");

/* Long enough for a program to do all that it does before its end. */
static void let_run(void)
{
	usleep(1000000);
}

/* The machine ends with the kernel. */
static enum ktstr_verdict panic(void)
{
	FILE *f = fopen("/proc/sysrq-trigger", "we");
	if (!f)
		return KTSTR_SKIP;
	fputs("c", f);
	fclose(f);
	return KTSTR_PASS;
}

KTSTR_TEST(scheduler_exits, .scheduler = &exits, .cores = 1)
{
	(void)t;
	repeat(in_suite, 4);
	return KTSTR_PASS;
}

KTSTR_TEST(scheduler_killed, .scheduler = &killed, .cores = 1)
{
	(void)t;
	return KTSTR_PASS;
}

KTSTR_TEST(scheduler_aborts, .scheduler = &aborts, .cores = 1, .auto_repro = KTSTR_OFF)
{
	(void)t;
	let_run();
	return KTSTR_PASS;
}

KTSTR_TEST(scheduler_panic, .scheduler = &stays, .cores = 1, .auto_repro = KTSTR_OFF)
{
	(void)t;
	let_run();
	return panic();
}

KTSTR_PAYLOAD(payload, .binary = "counted_payload");
KTSTR_PAYLOAD(static_payload, .binary = "counted_static");
KTSTR_PAYLOAD(in_shell, .binary = "/bin/bash", .args = KTSTR_ARGS("-c", "/include-files/counted_payload exit; true"));

static void run_to_end(struct ktstr_ctx *t, const struct ktstr_payload *p, const char *end)
{
	KTSTR_RUN_PAYLOAD(t, p, .args = KTSTR_ARGS(end));
}

/* It ignores SIGTERM. */
static void kill_payload(struct ktstr_ctx *t, const struct ktstr_payload *p)
{
	int handle = ktstr_payload_spawn(t, &(struct ktstr_payload_run){ .payload = p, .args = KTSTR_ARGS("kill") });
	let_run();
	ktstr_payload_kill(t, handle, NULL);
}

#define PAYLOAD_TESTS(id, name)                                                 \
	KTSTR_TEST(name##_exits, .cores = 1, .workloads = KTSTR_PAYLOADS(&id))  \
	{                                                                       \
		run_to_end(t, &id, "exit");                                     \
		return KTSTR_PASS;                                              \
	}                                                                       \
	KTSTR_TEST(name##_killed, .cores = 1, .workloads = KTSTR_PAYLOADS(&id)) \
	{                                                                       \
		kill_payload(t, &id);                                           \
		return KTSTR_PASS;                                              \
	}                                                                       \
	KTSTR_TEST(name##_aborts, .cores = 1, .workloads = KTSTR_PAYLOADS(&id)) \
	{                                                                       \
		run_to_end(t, &id, "abort");                                    \
		return KTSTR_PASS;                                              \
	}                                                                       \
	KTSTR_TEST(name##_panics, .cores = 1, .workloads = KTSTR_PAYLOADS(&id)) \
	{                                                                       \
		run_to_end(t, &id, "panic");                                    \
		return KTSTR_PASS;                                              \
	}

PAYLOAD_TESTS(payload, payload)
PAYLOAD_TESTS(static_payload, static)

KTSTR_TEST(shell_exits, .cores = 1, .workloads = KTSTR_PAYLOADS(&in_shell, &payload))
{
	KTSTR_RUN_PAYLOAD(t, &in_shell);
	return KTSTR_PASS;
}
