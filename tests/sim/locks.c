/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * locks.c -- sixteen processes on one host of 64 CPUs for ten minutes, in simulation: the real admission, queue,
 * tickets, plans and lock files (flock(2) holds between descriptors, so one process stands in for all), over a virtual
 * clock and with offloaded work that sometimes fails. Half of the processes are killed in the middle, whatever they
 * hold or wait for.
 *
 *   sim_locks HOSTS [SEEDS [SECONDS]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/file.h"
#include "hosttree.h"
#include "lock/admit.h"
#include "reactor/sim.h"

#define PROCESSES     16
#define GUESTS	      4
#define HOLD_MOST     (4 * NSEC_PER_SEC)
#define OVERTAKE_TIME (30 * NSEC_PER_SEC)
/*
 * The overtake time, then all earlier claims, each with the longest hold, one after another, and a second each for
 * noticing. The overtake time starts again when the process gets an equally wide claim; with four guests per process
 * that is rare.
 */
#define WAIT_MOST (OVERTAKE_TIME + PROCESSES * GUESTS * (HOLD_MOST + NSEC_PER_SEC))

enum guest_state { GUEST_ASK, GUEST_HAVE, GUEST_LEAVE, GUEST_STATE_MAX };

struct run;

struct member {
	struct admit admit;
	struct run *run;
	bool ended;
};

struct guest {
	struct machine machine;
	struct member *process;
	struct claim *claim;
	bool holds;
};

struct run {
	struct reactor *reactor;
	struct host host;
	struct lock_dir dir;
	struct member process[PROCESSES];
	struct guest guest[PROCESSES * GUESTS];
	struct guest *owner[HOST_CPUS_MAX];
	struct rng rng;
	nsec_t until, longest;
	uint64_t served, clashes;
};

static struct guest *guest_of(struct machine *m)
{
	return container_of(m, struct guest, machine);
}

static struct cpuset_bits own_cpus(const struct run *run, const struct cpu_plan *plan)
{
	struct cpuset_bits own = plan->cpu_locks;
	if (plan->llcs_exclusive)
		set_for_each(llc, &plan->llcs)
			if (!cpuset_has(&plan->shared_llcs, llc))
				set_unite(&own, &run->host.llc[llc].cpus);
	return own;
}

/* Releases everything that @g holds or waits for, and notifies all processes. */
static void release_cpus(struct guest *g)
{
	struct run *run = g->process->run;
	if (!g->claim)
		return;
	if (g->holds) {
		struct cpuset_bits own = own_cpus(run, &g->claim->plan);
		set_for_each(cpu, &own)
			run->owner[cpu] = NULL;
	}
	g->holds = false;
	admit_release(&g->process->admit, g->claim);
	g->claim = NULL;
	for (unsigned i = 0; i < PROCESSES; i++)
		admit_report_release(&run->process[i].admit);
}

static struct cpu_request draw(struct rng *rng)
{
	static const struct ktstr_topology shapes[] = {
		{ 1, 1, 1, 1 }, { 1, 1, 2, 1 }, { 1, 2, 2, 1 }, { 1, 2, 4, 2 },
		{ 1, 4, 4, 2 }, { 1, 4, 8, 2 }, { 1, 5, 3, 1 },
	};
	struct cpu_request r = { .tier = PLAN_DEFAULT, .topology = shapes[rng_below(rng, ARRAY_SIZE(shapes))] };
	unsigned kind = (unsigned)rng_below(rng, 10);
	if (kind == 0)
		r = (struct cpu_request){ PLAN_PERFORMANCE, { 1, 1 + (uint32_t)rng_below(rng, 3), 4, 2 } };
	else if (kind == 1)
		r = (struct cpu_request){ PLAN_BUDGET, .cpus = 1 + (unsigned)rng_below(rng, 64) };
	return r;
}

static int ask(struct machine *m, int result)
{
	struct guest *g = guest_of(m);
	struct run *run = g->process->run;
	struct cpu_request request = draw(&run->rng);
	(void)result;
	if (m->reactor->now >= run->until || g->process->ended)
		return MACHINE_END;
	g->claim = admit_ask(&g->process->admit, &request, (struct claim_need){ rng_below(&run->rng, 512) });
	REQUIRE(g->claim);
	machine_wait_notice(m, &g->claim->ready);
	return GUEST_HAVE;
}

static int have(struct machine *m, int result)
{
	struct guest *g = guest_of(m);
	struct run *run = g->process->run;
	(void)result;
	REQUIRE(g->claim->result == 0);
	struct cpuset_bits own = own_cpus(run, &g->claim->plan);
	run->longest = MAX_OF(run->longest, g->claim->waited);
	run->served++;
	g->holds = true;
	set_for_each(cpu, &own) {
		run->clashes += run->owner[cpu] != NULL;
		run->owner[cpu] = g;
	}
	machine_sleep(m, (nsec_t)rng_below(&run->rng, HOLD_MOST));
	return GUEST_LEAVE;
}

static int leave(struct machine *m, int result)
{
	(void)result;
	release_cpus(guest_of(m));
	return GUEST_ASK;
}

static void on_end(struct machine *m, int result)
{
	(void)result;
	release_cpus(guest_of(m));
}

static const struct machine_state states[GUEST_STATE_MAX] = {
	[GUEST_ASK] = { .name = "ask", .run = ask, .next = TO(GUEST_HAVE) | TO_END },
	[GUEST_HAVE] = { .name = "have", .run = have, .next = TO(GUEST_LEAVE) },
	[GUEST_LEAVE] = { .name = "leave", .run = leave, .next = TO(GUEST_ASK) },
};
static const struct machine_type guest_type = { "guest", states, GUEST_STATE_MAX, on_end };

static bool anyone(const struct run *run)
{
	for (unsigned i = 0; i < PROCESSES * GUESTS; i++)
		if (!run->guest[i].machine.ended)
			return true;
	return false;
}

/* Ends half of the processes at once. */
static void end_half(struct run *run)
{
	for (unsigned i = 0; i < PROCESSES; i += 2) {
		run->process[i].ended = true;
		for (unsigned g = 0; g < GUESTS; g++)
			machine_cancel(&run->guest[i * GUESTS + g].machine);
	}
}

static void open_run(struct run *run, const char *hosts, const char *locks, uint64_t seed, nsec_t length)
{
	struct sim_config sim = { .seed = seed,
				  .faults = { .offload_fails = 600, .cancel_loses = 20000 },
				  .latency_max = 2 * NSEC_PER_MSEC };
	struct cpuset_bits allowed;
	memset(run, 0, sizeof(*run));
	run->rng.state = seed;
	host_tree_read(hosts, "container", &run->host, &allowed);
	REQUIRE(lock_dir_open(locks, NULL, &run->dir, NULL) == 0);
	REQUIRE(reactor_new_sim(&run->reactor, &sim, NULL) == 0);
	struct admit_config config = { .host = &run->host,
				       .allowed = run->host.online,
				       .dir = &run->dir,
				       .memory_mib = 1024,
				       .overtake_time = OVERTAKE_TIME,
				       .simulated = true };
	run->until = reactor_now(run->reactor) + length;
	for (unsigned i = 0; i < PROCESSES; i++) {
		run->process[i].run = run;
		REQUIRE(admit_start(run->reactor, &run->process[i].admit, &config, NULL) == 0);
	}
	for (unsigned i = 0; i < PROCESSES * GUESTS; i++) {
		run->guest[i].process = &run->process[i / GUESTS];
		machine_start(run->reactor, &run->guest[i].machine, &guest_type, NULL, "guest[%u]", i);
	}
}

static void close_run(struct run *run)
{
	for (unsigned i = 0; i < PROCESSES; i++)
		admit_stop(&run->process[i].admit);
	reactor_free(run->reactor);
	/* Everything is free again: a claim to the whole host succeeds. */
	struct cpu_request whole = { PLAN_DEFAULT, { 1, 4, 8, 2 } };
	struct cpu_plan plan;
	struct lock_set set;
	char taken[LOCK_NAME_MAX];
	REQUIRE(cpu_plan_make(&run->host, &run->host.online, NULL, &whole, &plan, NULL) == 0);
	REQUIRE(lock_set_take(&run->dir, &plan, &set, taken, NULL) == 0);
	lock_set_release(&set);
	lock_dir_done(&run->dir);
	host_done(&run->host);
}

static uint64_t one(struct run *run, const char *hosts, const char *locks, uint64_t seed, nsec_t length)
{
	open_run(run, hosts, locks, seed, length);
	nsec_t half = run->until - length / 2;
	bool halved = false;
	uint64_t tries = 0;
	while (anyone(run)) {
		REQUIRE(reactor_turn(run->reactor, NSEC_NEVER) >= 0);
		if (!halved && run->reactor->now >= half) {
			end_half(run);
			halved = true;
		}
	}
	for (unsigned i = 0; i < PROCESSES; i++)
		tries += run->process[i].admit.stats.tries;
	close_run(run);
	if (run->clashes || run->longest > WAIT_MOST)
		printf("seed %lu: %lu clashes, longest wait %ld s\n", seed, run->clashes, run->longest / NSEC_PER_SEC);
	REQUIRE(!run->clashes && run->longest <= WAIT_MOST);
	return tries;
}

static uint64_t number(const char *s)
{
	uint64_t value = 0;
	REQUIRE(parse_u64(s, &value) == 0);
	return value;
}

int main(int argc, char **argv)
{
	static struct run run;
	char locks[] = "/tmp/ktstr-sim-XXXXXX";
	uint64_t seeds = argc > 2 ? number(argv[2]) : 1, seconds = argc > 3 ? number(argv[3]) : 600;
	uint64_t served = 0, tries = 0;
	nsec_t longest = 0;
	REQUIRE(argc > 1 && mkdtemp(locks));
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		tries += one(&run, argv[1], locks, seed, (nsec_t)seconds * NSEC_PER_SEC);
		served += run.served;
		longest = MAX_OF(longest, run.longest);
	}
	remove_tree(locks, NULL);
	printf("%lu seeds of %lu s with %d processes: %lu claims served in %lu tries, longest wait %.1f s (bound %ld "
	       "s), "
	       "no CPU held twice\n",
	       seeds, seconds, PROCESSES, served, tries, (double)longest / NSEC_PER_SEC, WAIT_MOST / NSEC_PER_SEC);
	return 0;
}
