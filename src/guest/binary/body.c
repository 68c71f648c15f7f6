/* SPDX-License-Identifier: GPL-2.0-only */
/* body.c -- see body.h. */
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "guest/binary/body.h"
#include "guest/ctx.h"
#include "guest/payload/payload.h"
#include "guest/place.h"

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

static struct expectations *share_expectations(void)
{
	static struct expectations own; /* the failures of other processes are then known only from their texts */
	void *p = mmap(NULL, sizeof(own), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	own = (struct expectations){ 0 };
	return p == MAP_FAILED ? &own : p;
}

/* The verdict of the body, and of the expectations that failed in it or in a process that it started. */
static enum ktstr_verdict weigh_expectations(struct ktstr_ctx *t, enum ktstr_verdict v)
{
	if (t->expectations->unsent)
		ctx_detail(t, KTSTR_FAIL,
			   "an expectation failed in a process that could not report it: it had closed descriptor %d",
			   CHANNEL_FD);
	return v == KTSTR_PASS && t->expectations->failed ? KTSTR_FAIL : v;
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
		.expectations = share_expectations(),
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
	v = weigh_expectations(&t, v);
	struct wire_result result = { .verdict = (uint32_t)v, .workers = t.workers_reported };
	return channel_send(&t.channel, WIRE_RESULT, &result, sizeof(result), NULL, 0);
}
