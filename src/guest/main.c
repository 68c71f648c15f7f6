/* SPDX-License-Identifier: GPL-2.0-only */
/* main.c -- what every test binary does: list itself on the host, run one test in the guest. */
#include <getopt.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "guest/ctx.h"
#include "guest/payload.h"
#include "guest/registry.h"
#include "guest/worker.h"

/* --- what a body may ask ------------------------------------------------------------------------------------------ */

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

static void send_detail(struct ktstr_ctx *t, enum ktstr_verdict verdict, const char *fmt, va_list ap)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	buf_vappendf(&text, fmt, ap);
	if (t->dry)
		return;
	channel_detail(&t->channel, verdict, buf_str(&text));
}

void ctx_detail(struct ktstr_ctx *t, enum ktstr_verdict verdict, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	send_detail(t, verdict, fmt, ap);
	va_end(ap);
}

int ktstr_expect(struct ktstr_ctx *t, int ok, const char *fmt, ...)
{
	if (ok || t->dry)
		return ok;
	va_list ap;
	va_start(ap, fmt);
	t->expectation_failed = true;
	send_detail(t, KTSTR_FAIL, fmt, ap);
	va_end(ap);
	return ok;
}

/* --- commands ----------------------------------------------------------------------------------------------------- */

struct options {
	const char *run;
	bool list;
	uint64_t seed, duration_ns, scheduler_pid;
};

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{ "list", no_argument, NULL, 'l' },	  { "run", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 's' }, { "duration-ns", required_argument, NULL, 'd' },
		{ "scheduler-pid", required_argument, NULL, 'p' }, { 0 },
	};
	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		int r = 0;
		switch (c) {
		case 'l': o->list = true; break;
		case 'r': o->run = optarg; break;
		case 's': r = parse_u64(optarg, &o->seed); break;
		case 'd': r = parse_u64(optarg, &o->duration_ns); break;
		case 'p': r = parse_u64(optarg, &o->scheduler_pid); break;
		default: return -EINVAL;
		}
		if (r < 0)
			return r;
	}
	return o->list || o->run ? 0 : -EINVAL;
}

static int print_list(const struct registry *registry)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	registry_list(registry, &out);
	return out.failed ? -ENOMEM : fd_write_full(STDOUT_FILENO, out.data, out.len);
}

/*
 * The engine must get to run whatever the scheduler under test does to ordinary tasks: it is a real-time task, and what
 * it forks is an ordinary one again.
 */
static void rise_above_the_test(void)
{
	struct sched_param param = { .sched_priority = 98 };
	sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
}

/* Where a CPU is reserved, the engine stays on it: a task that is pinned to another one cannot get out of its way. */
static void keep_to_reserved_cpu(const struct guest_topology *topology)
{
	struct cpuset_bits reserved = { 0 };
	for (size_t i = 0; i < CPUSET_WORDS; i++)
		reserved.word[i] = topology->all.word[i] & ~topology->usable.word[i];
	if (cpuset_count(&reserved))
		place_affinity(0, &reserved);
}

static enum ktstr_verdict run_body(const struct ktstr_test *test, const struct options *o)
{
	static struct guest_topology topology;
	struct ktstr_ctx t = {
		.test = test,
		.channel = { .fd = CHANNEL_FD },
		.topology = &topology,
		.rng = { .state = o->seed },
		.seed = o->seed,
		.duration = (nsec_t)o->duration_ns,
		.scheduler_pid = (int)o->scheduler_pid,
		.started = nsec_now(),
	};
	int r = guest_topology_read("/sys", &topology);
	enum ktstr_verdict v = KTSTR_FAIL;
	keep_to_reserved_cpu(&topology);
	if (r < 0)
		ctx_detail(&t, KTSTR_FAIL, "read the topology from sysfs: %s", strerror(-r));
	else
		v = test->body(&t);
	payloads_done(&t);
	if (v == KTSTR_PASS && t.expectation_failed)
		v = KTSTR_FAIL;
	struct wire_result result = { .verdict = (uint32_t)v, .workers = t.workers_reported };
	channel_send(&t.channel, WIRE_RESULT, &result, sizeof(result), NULL, 0);
	return v;
}

static int run(const struct registry *registry, const struct options *o)
{
	const struct ktstr_test *test = registry_find(registry, o->run);
	if (!test) {
		fprintf(stderr, "no test '%s' in this binary\n", o->run);
		return 64;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	rise_above_the_test();
	run_body(test, o);
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { .duration_ns = 2ull * NSEC_PER_SEC };
	struct registry registry;
	if (parse_options(argc, argv, &o) < 0) {
		fprintf(stderr, "%s holds scheduler tests: run them with 'ktstr test %s'\n", argv[0], argv[0]);
		return 64;
	}
	if (registry_load(&registry) < 0)
		return 75;
	int status = o.list ? print_list(&registry) < 0 : run(&registry, &o);
	registry_done(&registry);
	return status;
}
