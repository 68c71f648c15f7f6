/* SPDX-License-Identifier: GPL-2.0-only */
/* body.c -- the functions that a test's body calls, and the process that runs the body. */
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "guest/ctx.h"
#include "guest/payload/payload.h"
#include "guest/binary/registry.h"
#include "guest/work/worker.h"

/* --- functions for test bodies ------------------------------------------------------------------------------------ */

struct ktstr_topology ktstr_ctx_topology(const struct ktstr_ctx *t)
{
	return test_topology(t->test);
}

unsigned ktstr_ctx_cpus(const struct ktstr_ctx *t)
{
	return t->topology->cpus;
}

uint64_t ktstr_ctx_duration_ns(const struct ktstr_ctx *t)
{
	return (uint64_t)t->duration;
}

uint64_t ktstr_ctx_seed(const struct ktstr_ctx *t)
{
	return t->seed;
}

int ktstr_ctx_scheduler_pid(const struct ktstr_ctx *t)
{
	return t->scheduler_pid;
}

static void send_detail(struct ktstr_ctx *t, const struct wire_detail *head, const char *fmt, va_list ap)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	buf_vappendf(&text, fmt, ap);
	if (t->dry)
		return;
	channel_detail(&t->channel, head, buf_str(&text));
}

void ctx_detail(struct ktstr_ctx *t, enum ktstr_verdict verdict, const char *fmt, ...)
{
	struct wire_detail head = { .verdict = verdict };
	va_list ap;
	va_start(ap, fmt);
	send_detail(t, &head, fmt, ap);
	va_end(ap);
}

int ktstr_expect(struct ktstr_ctx *t, int ok, const char *fmt, ...)
{
	if (ok || t->dry)
		return ok;
	struct wire_detail head = { .verdict = KTSTR_FAIL, .expectation = 1 };
	va_list ap;
	va_start(ap, fmt);
	t->expectation_failed = true;
	send_detail(t, &head, fmt, ap);
	va_end(ap);
	return ok;
}

/* --- the engine --------------------------------------------------------------------------------------------------- */

/*
 * The engine is a real-time task, so that it runs even if the scheduler under test starves ordinary tasks. The
 * processes that it forks are ordinary tasks.
 */
static void rise_above_the_test(void)
{
	struct sched_param param = { .sched_priority = 98 };
	sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
}

/*
 * The engine stays on the reserved CPU, if there is one, because a worker pinned to another CPU cannot make room for
 * it.
 */
static void keep_to_reserved_cpu(const struct guest_topology *topology)
{
	struct cpuset_bits reserved = { 0 };
	for (size_t i = 0; i < CPUSET_WORDS; i++)
		reserved.word[i] = topology->all.word[i] & ~topology->usable.word[i];
	if (cpuset_count(&reserved))
		place_affinity(0, &reserved);
}

int body_run(const struct ktstr_test *test, const struct body_run *o)
{
	static struct guest_topology topology;
	struct ktstr_ctx t = {
		.test = test,
		.channel = { .fd = o->channel },
		.topology = &topology,
		.rng = { .state = o->seed },
		.seed = o->seed,
		.duration = o->duration,
		.scheduler_pid = o->scheduler_pid,
		.work_override = o->work_override,
		.started = nsec_now(),
	};
	bool guest = test->host_only != KTSTR_ON;
	if (guest)
		rise_above_the_test();
	int r = guest_topology_read("/sys", &topology);
	enum ktstr_verdict v = KTSTR_FAIL;
	if (guest)
		keep_to_reserved_cpu(&topology);
	if (r < 0)
		ctx_detail(&t, KTSTR_FAIL, "read the topology from sysfs: %s", strerror(-r));
	else
		v = test->body(&t);
	payloads_done(&t);
	if (v == KTSTR_PASS && t.expectation_failed)
		v = KTSTR_FAIL;
	struct wire_result result = { .verdict = (uint32_t)v, .workers = t.workers_reported };
	return channel_send(&t.channel, WIRE_RESULT, &result, sizeof(result), NULL, 0);
}
