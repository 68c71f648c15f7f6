/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * attempts.c -- whole runs in simulation: the real attempt machine, admission and reactor over fake machines, a virtual
 * clock and seeded faults. After each run: every attempt was reported once, every CPU is free, every machine was
 * destroyed, nothing is left running.
 *
 *   sim_attempts [SEEDS [ATTEMPTS [FIRST_SEED]]]
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/parse.h"
#include "reactor/sim.h"
#include "run/attempt.h"

#define CPUS	   64
#define MEMORY_MIB 65536

struct run {
	struct reactor *reactor;
	struct host host;
	struct lock_dir dir;
	struct admit admit;
	struct attempt_env env, second_env;
	unsigned seconds, seconds_ended;
	struct rng rng;
	struct attempt *attempt;
	uint8_t *reports, *temper; /* by attempt; temper: enum temper of its last machine */
	unsigned accused;	   /* late attempts whose machine had no fault */
	unsigned excused;	   /* guests that hang with idle CPUs, and that did not fail */
	unsigned count;
	unsigned created, destroyed, judged, stored, ended;
	unsigned left, kept; /* machines that freed their memory, and that were asked to keep it, at their end */
	uint64_t verdicts[4];
};

/* Runs with lock files have fewer attempts: lock files cost system calls. */
#define LOCKED_ATTEMPTS 300

static char lock_path[] = "/tmp/ktstr-sim-XXXXXX";
static struct run *current; /* the backend's table is too small for it, and tests run one at a time */

/* --- a fake machine that follows a script ------------------------------------------------------------------------- */

enum temper {
	TEMPER_GOOD,
	TEMPER_SILENT,
	TEMPER_HANGS,
	TEMPER_DIES,
	TEMPER_RESETS,
	TEMPER_LIES,
	TEMPER_FLOODS,
	TEMPER_FAILS,	/* its test says so */
	TEMPER_STARVED, /* healthy, but the host is so busy that it takes longer than its limits */
	TEMPER_MAX
};

struct fake {
	struct vm vm;
	struct machine life;
	enum temper temper;
	unsigned said, taken; /* script positions: published, read */
	bool kill;
	char bytes[64];
	struct attempt *attempt;
	struct observe_stop stop; /* at its end */
};

static const enum wire_type script[] = { WIRE_HELLO, WIRE_PHASE, WIRE_TEXT, WIRE_RESULT, WIRE_TEST_EXIT, WIRE_EXIT };

enum { FAKE_TALK, FAKE_CONSOLE, FAKE_AT_END, FAKE_END, FAKE_COUNT };

static int fake_talk(struct machine *m, int result)
{
	struct fake *f = container_of(m, struct fake, life);
	(void)result;
	if (f->said == ARRAY_SIZE(script) || (f->temper == TEMPER_DIES && f->said == 2))
		return f->temper == TEMPER_DIES ? FAKE_END : FAKE_AT_END;
	f->said += f->temper != TEMPER_SILENT && !(f->temper == TEMPER_HANGS && f->said == 2);
	f->vm.console_overflow = f->temper == TEMPER_FLOODS && f->said == 2;
	notice_post(&f->vm.changed);
	if (f->temper == TEMPER_STARVED)
		machine_sleep(m, 6 * NSEC_PER_MIN + (nsec_t)rng_below(&current->rng, 14 * NSEC_PER_MIN));
	else
		machine_sleep(m, 1 + (nsec_t)rng_below(&current->rng, 2 * NSEC_PER_SEC));
	return FAKE_CONSOLE;
}

/* An operation now and then, which the simulated kernel can make fail. */
static int fake_console(struct machine *m, int result)
{
	struct fake *f = container_of(m, struct fake, life);
	(void)result;
	machine_read(m, 0, f->bytes, sizeof(f->bytes), OP_STREAM);
	return FAKE_TALK;
}

/* Like a watched machine that ends by itself. */
static int fake_at_end(struct machine *m, int result)
{
	struct fake *f = container_of(m, struct fake, life);
	(void)result;
	f->stop.why = OBSERVE_AT_END;
	f->vm.stop = &f->stop;
	f->attempt->watch.at_end = true;
	notice_post(&f->vm.changed);
	machine_wait_notice(m, &f->attempt->watch.leave);
	return FAKE_END;
}

static int fake_end(struct machine *m, int result)
{
	struct fake *f = container_of(m, struct fake, life);
	(void)result;
	f->vm.end = f->kill			 ? VM_END_KILLED
		    : f->temper == TEMPER_DIES	 ? VM_END_DIED
		    : f->temper == TEMPER_RESETS ? VM_END_RESET
						 : VM_END_EXIT;
	f->vm.stop = NULL;
	f->attempt->watch.at_end = false;
	f->vm.status = f->temper == TEMPER_DIES ? SIGKILL : 0;
	return MACHINE_END;
}

static void fake_over(struct machine *m, int result)
{
	struct fake *f = container_of(m, struct fake, life);
	(void)result;
	f->vm.ended = true;
	notice_post(&f->vm.changed);
}

static const struct machine_state fake_states[FAKE_COUNT] = {
	[FAKE_TALK] = { "talk", fake_talk, DEADLINE_NONE, FAKE_END, TO(FAKE_CONSOLE) | TO(FAKE_AT_END) | TO(FAKE_END) },
	[FAKE_CONSOLE] = { "console", fake_console, DEADLINE_NONE, FAKE_END, TO(FAKE_TALK) | TO(FAKE_END) },
	[FAKE_AT_END] = { "at end", fake_at_end, DEADLINE_NONE, FAKE_END, TO(FAKE_END) },
	[FAKE_END] = { "end", fake_end, DEADLINE_NONE, 0, TO_END },
};
static const struct machine_type fake_type = { "fake", fake_states, FAKE_COUNT, fake_over };

static struct vm *fake_create(void)
{
	struct fake *f = calloc(1, sizeof(*f));
	if (f) {
		f->vm.backend = current->env.backend;
		f->temper =
			rng_below(&current->rng, 4) ? TEMPER_GOOD : (enum temper)rng_below(&current->rng, TEMPER_MAX);
		current->created++;
	}
	return f ? &f->vm : NULL;
}

static int fake_start(struct vm *vm, struct reactor *r, const struct vm_config *c, struct machine *parent,
		      struct err **err)
{
	struct fake *f = container_of(vm, struct fake, vm);
	(void)c;
	if (rng_below(&current->rng, 100) == 0)
		return FAIL_SYS(err, -EAGAIN, "start the fake machine");
	struct attempt *a = container_of(parent, struct attempt, machine);
	f->attempt = a;
	if (a->env == &current->env)
		current->temper[a - current->attempt] = (uint8_t)f->temper;
	vm->started = r->now;
	machine_start(r, &f->life, &fake_type, parent, "fake");
	return 0;
}

static int fake_next(struct vm *vm, struct wire_item *ret, struct err **err)
{
	static const struct wire_hello hello = { .api = 2, .cpus = 1 };
	static const struct wire_phase phase = { .kind = WIRE_PHASE_HOLD };
	static const struct wire_text text = { .stream = WIRE_STREAM_TEST };
	static const struct wire_result pass = { .verdict = KTSTR_PASS }, fail = { .verdict = KTSTR_FAIL };
	static const struct wire_test_exit test_exit;
	static const struct wire_exit over = { .reason = WIRE_EXIT_DONE };
	static const struct {
		const void *data;
		uint32_t len;
	} payload[] = { { &hello, sizeof(hello) }, { &phase, sizeof(phase) },	      { &text, sizeof(text) },
			{ &pass, sizeof(pass) },   { &test_exit, sizeof(test_exit) }, { &over, sizeof(over) } };
	struct fake *f = container_of(vm, struct fake, vm);
	if (f->taken == f->said)
		return 0;
	if (f->temper == TEMPER_LIES && f->taken == 3)
		return FAIL(err, ERR_DATA, -EBADMSG, "a lie");
	if (!vm->hello)
		vm->hello = f->life.reactor->now;
	bool fails = f->temper == TEMPER_FAILS && script[f->taken] == WIRE_RESULT;
	*ret = (struct wire_item){ .type = script[f->taken],
				   .time_ns = f->taken,
				   .payload = fails ? &fail : payload[f->taken].data,
				   .length = payload[f->taken].len };
	f->taken++;
	return 1;
}

static void fake_kill(struct vm *vm, bool diagnose)
{
	struct fake *f = container_of(vm, struct fake, vm);
	(void)diagnose;
	f->kill = true;
	machine_cancel(&f->life);
}

static void fake_leave_memory(struct vm *vm)
{
	const struct fake *f = container_of(vm, struct fake, vm);
	if (!vm->stop || f->taken != f->said) {
		fprintf(stderr, "a machine's memory was left before all of its records were read\n");
		abort();
	}
	current->left++;
}

static void fake_destroy(struct vm *vm)
{
	struct fake *f = container_of(vm, struct fake, vm);
	if (f->life.started && !f->life.ended) {
		fprintf(stderr, "a machine was destroyed while it ran\n");
		abort();
	}
	current->destroyed++;
	free(f);
}

/* A starved machine waits for a CPU 19/20 of its time. One that hangs neither runs nor waits. Others run. */
static struct vm_usage fake_usage(const struct vm *vm)
{
	const struct fake *f = container_of(vm, struct fake, vm);
	nsec_t age = current->reactor->now - vm->started;
	struct vm_usage u = { .known = true, .waited_known = true, .cpu = age };
	if (f->temper == TEMPER_HANGS)
		u.cpu = 0;
	if (f->temper == TEMPER_STARVED) {
		u.cpu = age / 20;
		u.waited = age - u.cpu;
	}
	return u;
}

static const struct vm_backend fake_backend = {
	.name = "fake",
	.create = fake_create,
	.start = fake_start,
	.next_record = fake_next,
	.leave_memory = fake_leave_memory,
	.kill = fake_kill,
	.destroy = fake_destroy,
	.usage = fake_usage,
};

/* --- the attempt's blocking parts --------------------------------------------------------------------------------- */

static int sim_prepare(void *attempt)
{
	(void)attempt;
	return rng_below(&current->rng, 200) ? 0 : -ENOSPC;
}

static int sim_foresee(void *arg)
{
	struct attempt *a = arg;
	struct judge_facts facts = { .limits = thresholds_default(false) };
	struct judgement judgement = { 0 };
	int r = judge(&a->evidence, &facts, &judgement);
	bool passes = r == 0 && judgement.verdict == KTSTR_PASS;
	current->kept += !passes;
	judgement_done(&judgement);
	return passes;
}

static int sim_judge(void *arg)
{
	struct attempt *a = arg;
	struct judge_facts facts = { .limits = thresholds_default(false) };
	judgement_done(&a->judgement);
	current->judged++;
	return judge(&a->evidence, &facts, &a->judgement);
}

static int sim_store(void *attempt)
{
	(void)attempt;
	current->stored++;
	return rng_below(&current->rng, 500) ? 0 : -ENOSPC;
}

static bool fails_as_idle(const struct judgement *j)
{
	return j->verdict == KTSTR_FAIL && strstr(judgement_cause(j)->text, "its CPUs are idle");
}

static void on_ended(struct attempt *a, int result)
{
	(void)result;
	current->reports[a - current->attempt]++;
	current->ended++;
	/* A good machine sends something within seconds: only a stopped loop can have missed it. */
	enum temper temper = (enum temper)current->temper[a - current->attempt];
	bool late = a->evidence.late_in[0];
	current->accused += late && (temper == TEMPER_GOOD || temper == TEMPER_STARVED);
	current->excused += late && a->judged && temper == TEMPER_HANGS && !fails_as_idle(&a->judgement);
	if (a->judged)
		current->verdicts[a->judgement.verdict]++;
	attempt_done(a);
}

/* --- second runs -------------------------------------------------------------------------------------------------- */

/* Some failures run once more: that has no result, and its owner reports as if it had not been. */
static struct attempt *sim_second(struct attempt *a)
{
	struct attempt *second = NULL;
	if (a->judgement.verdict == KTSTR_FAIL && rng_below(&current->rng, 3) == 0)
		second = calloc(1, sizeof(*second));
	if (!second)
		return NULL;
	*second = (struct attempt){ .env = &current->second_env,
				    .number = a->number,
				    .seed = a->seed,
				    .initrd_fd = -1,
				    .initrd_common_fd = -1,
				    .kernel_fd = -1,
				    .request = a->request,
				    .need = a->need };
	current->seconds++;
	return second;
}

static int no_result(void *attempt)
{
	(void)attempt;
	return 0;
}

static void on_second_ended(struct attempt *a, int result)
{
	(void)a, (void)result;
	current->seconds_ended++;
}

/* --- one run ------------------------------------------------------------------------------------------------------ */

struct canceller {
	struct machine machine;
	nsec_t after;
};

static int cancel_later(struct machine *m, int result)
{
	struct canceller *c = container_of(m, struct canceller, machine);
	(void)result;
	machine_sleep(m, c->after);
	return 1;
}

static int cancel_now(struct machine *m, int result)
{
	(void)result;
	reactor_cancel_all(m->reactor);
	return MACHINE_END;
}

static const struct machine_state cancel_states[] = {
	{ .name = "later", .run = cancel_later, .next = TO(1) | TO_END },
	{ .name = "now", .run = cancel_now, .next = TO_END },
};
static const struct machine_type cancel_type = { "cancel", cancel_states, 2, NULL };

static void start_all(struct run *run)
{
	for (unsigned i = 0; i < run->count; i++) {
		struct attempt *a = &run->attempt[i];
		*a = (struct attempt){ .env = &run->env,
				       .number = 1,
				       .seed = i,
				       .initrd_fd = -1,
				       .initrd_common_fd = -1,
				       .kernel_fd = -1,
				       .request = { PLAN_DEFAULT, { 1, 1, 1 + (unsigned)rng_below(&run->rng, 8), 1 } },
				       .need.memory_mib = 256 + rng_below(&run->rng, 16000) };
		/* A request that this host can never satisfy. */
		if (rng_below(&run->rng, 200) == 0)
			a->request = (struct cpu_request){ PLAN_PERFORMANCE, { 1, 5, 4, 1 } };
		attempt_start(run->reactor, a, NULL, "attempt");
	}
}

/* 64 CPUs in 4 LLCs. */
static int make_host(struct host *ret)
{
	struct host_raw *raw = calloc(1, sizeof(*raw));
	if (!raw)
		return -ENOMEM;
	for (unsigned i = 0; i < CPUS; i++) {
		cpuset_add(&raw->online, i);
		for (unsigned k = 0; k < CPUS; k++)
			if (k / 16 == i / 16)
				cpuset_add(&raw->cpu[i].llc, k);
	}
	raw->present = raw->online;
	int r = host_build(raw, ret, NULL);
	free(raw);
	return r;
}

/* Every tenth run uses real lock files, the others only count. */
static int open_admission(struct run *run, uint64_t seed)
{
	struct admit_config config = { .host = &run->host, .memory_mib = MEMORY_MIB, .simulated = true };
	int r = make_host(&run->host);
	run->dir = LOCK_DIR_NULL;
	if (r == 0 && seed % 10 == 0) {
		r = lock_dir_open(lock_path, NULL, &run->dir, NULL);
		config.dir = &run->dir;
	}
	config.allowed = run->host.online;
	return r == 0 ? admit_start(run->reactor, &run->admit, &config, NULL) : r;
}

static bool admission_is_idle(const struct run *run)
{
	const struct admit *a = &run->admit;
	return list_empty(&a->held) && list_empty(&a->incoming) && !a->queue.count && a->room.memory_mib == MEMORY_MIB;
}

static int turn_until_done(struct run *run, const struct machine *canceller)
{
	int r = 0;
	while (r == 0 && (run->ended < run->count || (canceller->started && !canceller->ended)))
		r = reactor_turn(run->reactor, NSEC_NEVER);
	return r;
}

static int check(const struct run *run, bool given_back, int result)
{
	unsigned wrong = 0;
	for (unsigned i = 0; i < run->count; i++)
		wrong += run->reports[i] != 1;
	if (result < 0)
		fprintf(stderr, "the loop ended with %s\n", strerror(-result));
	if (wrong)
		fprintf(stderr, "%u of %u attempts were not reported exactly once\n", wrong, run->count);
	if (run->accused)
		fprintf(stderr,
			"%u attempts were called late while the loop was stopped or the machine waited for a CPU\n",
			run->accused);
	if (run->excused)
		fprintf(stderr, "%u guests that hang with idle CPUs did not fail for it\n", run->excused);
	if (run->seconds != run->seconds_ended)
		fprintf(stderr, "%u second runs began, %u ended\n", run->seconds, run->seconds_ended);
	if (!given_back)
		fprintf(stderr, "CPUs or memory are still out, or waited for\n");
	if (run->created != run->destroyed)
		fprintf(stderr, "%u machines created, %u destroyed\n", run->created, run->destroyed);
	bool idle = list_empty(&run->reactor->machines) && list_empty(&run->reactor->ready);
	if (!idle)
		fprintf(stderr, "a machine outlived its scope\n");
	return result < 0 || wrong || run->seconds != run->seconds_ended || run->accused || run->excused ||
	       !given_back || run->created != run->destroyed || !idle;
}

static int one_seed(uint64_t seed, unsigned attempts, uint64_t *steps, uint64_t verdicts[4], uint64_t ends[2])
{
	struct run run = { .rng.state = seed * 31 + 1, .count = attempts };
	struct sim_config config = {
		.seed = seed, .faults = SIM_FAULTS_SWARM, .latency_max = NSEC_PER_MSEC, .stop_max = 20 * NSEC_PER_MIN
	};
	struct canceller canceller = { 0 };
	run.attempt = calloc(attempts, sizeof(*run.attempt));
	run.reports = calloc(attempts, 1);
	run.temper = calloc(attempts, 1);
	if (!run.attempt || !run.reports || !run.temper || reactor_new_sim(&run.reactor, &config, NULL) < 0)
		return 1;
	current = &run;
	run.env = (struct attempt_env){ .backend = &fake_backend,
					.admit = &run.admit,
					.prepare = sim_prepare,
					.foresee = sim_foresee,
					.judge = sim_judge,
					.store = sim_store,
					.second = sim_second,
					.ended = on_ended };
	run.second_env = (struct attempt_env){ .backend = &fake_backend,
					       .admit = &run.admit,
					       .prepare = sim_prepare,
					       .judge = no_result,
					       .store = no_result,
					       .ended = on_second_ended };
	if (open_admission(&run, seed) < 0)
		return 1;
	if (run.dir.fd >= 0)
		run.count = MIN_OF(attempts, LOCKED_ATTEMPTS);
	start_all(&run);
	/* Every fourth run is interrupted at a random moment. */
	if (seed % 4 == 0) {
		canceller.after = 1 + (nsec_t)rng_below(&run.rng, 600 * NSEC_PER_SEC);
		machine_start(run.reactor, &canceller.machine, &cancel_type, NULL, "cancel");
	}
	int result = turn_until_done(&run, &canceller.machine);
	admit_stop(&run.admit);
	int bad = check(&run, admission_is_idle(&run), result);
	host_done(&run.host);
	lock_dir_done(&run.dir);
	*steps += run.reactor->stats.steps;
	for (int v = 0; v < 4; v++)
		verdicts[v] += run.verdicts[v];
	ends[0] += run.left;
	ends[1] += run.kept;
	if (!bad)
		reactor_free(run.reactor);
	free(run.attempt);
	free(run.reports);
	free(run.temper);
	return bad;
}

int main(int argc, char **argv)
{
	uint32_t seeds = 20, attempts = 10000, first = 1;
	if ((argc > 1 && parse_u32_range(argv[1], 1, 1000000, &seeds) < 0) ||
	    (argc > 2 && parse_u32_range(argv[2], 1, 1000000, &attempts) < 0) ||
	    (argc > 3 && parse_u32_range(argv[3], 0, UINT32_MAX / 2, &first) < 0))
		return 64;
	uint64_t steps = 0, verdicts[4] = { 0 }, ends[2] = { 0 };
	if (!mkdtemp(lock_path))
		return 1;
	nsec_t began = nsec_now();
	for (uint32_t s = first; s < first + seeds; s++) {
		if (one_seed(s, attempts, &steps, verdicts, ends)) {
			fprintf(stderr, "seed %u broke an invariant: sim_attempts 1 %u %u\n", s, attempts, s);
			remove_tree(lock_path, NULL);
			return 1;
		}
	}
	remove_tree(lock_path, NULL);
	printf("%u seeds x %u attempts: no invariant broken; %lu steps in %.1f s; pass %lu fail %lu inconclusive %lu "
	       "skip %lu; memory left %lu kept %lu\n",
	       seeds, attempts, steps, (double)(nsec_now() - began) / 1e9, verdicts[0], verdicts[1], verdicts[2],
	       verdicts[3], ends[0], ends[1]);
	for (int v = 0; v < 4; v++)
		if (!verdicts[v])
			return 1;
	return ends[0] && ends[1] ? 0 : 1;
}
