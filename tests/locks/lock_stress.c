/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lock_stress LOCK_DIR LEDGER HOSTS SEED SECONDS -- one of many processes that share a (recorded) host of 64 CPUs: four
 * guests at a time ask for random machines and builds, hold them for a while, and ask again.
 *
 * All of them map the ledger, a file with the exclusive holder of each CPU, written without any lock. If a process
 * takes a CPU whose ledger entry names another living process, the locks have failed.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bug.h"
#include "base/file.h"
#include "base/rng.h"
#include "hosttree.h"
#include "lock/admit.h"

#define GUESTS	      4
#define HOLD_MOST     (300 * NSEC_PER_MSEC)
#define OVERTAKE_TIME NSEC_PER_SEC

enum guest_state { GUEST_ASK, GUEST_HAVE, GUEST_LEAVE, GUEST_STATE_MAX };

struct ledger {
	_Atomic int32_t cpu[HOST_CPUS_MAX]; /* pid of the exclusive holder, or 0 */
	_Atomic uint64_t clashes;
};

struct party {
	struct admit admit;
	struct host host;
	struct lock_dir dir;
	struct ledger *ledger;
	struct rng rng;
	nsec_t until;
	uint64_t served, refused;
	nsec_t longest;
};

struct guest {
	struct machine machine;
	struct party *party;
	struct claim *claim;
};

static struct guest *guest_of(struct machine *m)
{
	return container_of(m, struct guest, machine);
}

/* The CPUs that a plan holds exclusively: its CPU locks, and all CPUs of the LLCs that it locks exclusively. */
static struct cpuset_bits own_cpus(const struct party *p, const struct cpu_plan *plan)
{
	struct cpuset_bits own = plan->cpu_locks;
	if (plan->llcs_exclusive)
		set_for_each(llc, &plan->llcs)
			if (!cpuset_has(&plan->shared_llcs, llc))
				set_unite(&own, &p->host.llc[llc].cpus);
	return own;
}

/* A killed process could not remove its entry; it may still be exiting, or not be reaped yet. */
static bool stays_alive(pid_t pid)
{
	static const struct timespec pause = { .tv_nsec = 10 * NSEC_PER_MSEC };
	char path[64];
	for (unsigned i = 0; i < 100; i++) {
		_cleanup_buf_ struct buf stat = BUF_NULL;
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		if (file_read(path, 4096, &stat, NULL) < 0 || strstr(buf_str(&stat), ") Z ") ||
		    strstr(buf_str(&stat), ") X "))
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static void enter_ledger(struct party *p, const struct cpu_plan *plan)
{
	struct cpuset_bits own = own_cpus(p, plan);
	set_for_each(cpu, &own) {
		int32_t before = atomic_exchange(&p->ledger->cpu[cpu], getpid());
		if (before && (before == getpid() || stays_alive(before)))
			atomic_fetch_add(&p->ledger->clashes, 1);
	}
}

static void leave_ledger(struct party *p, const struct cpu_plan *plan)
{
	struct cpuset_bits own = own_cpus(p, plan);
	set_for_each(cpu, &own)
		if (atomic_exchange(&p->ledger->cpu[cpu], 0) != getpid())
			atomic_fetch_add(&p->ledger->clashes, 1);
}

/* Mostly small requests, sometimes the whole host. */
static struct cpu_request draw(struct rng *rng)
{
	static const struct ktstr_topology shapes[] = {
		{ 1, 1, 1, 1 }, { 1, 1, 2, 1 }, { 1, 2, 2, 1 }, { 1, 2, 4, 2 },
		{ 1, 4, 4, 2 }, { 1, 4, 8, 2 }, { 1, 5, 3, 1 },
	};
	struct cpu_request r = { .tier = PLAN_DEFAULT, .topology = shapes[rng_below(rng, ARRAY_SIZE(shapes))] };
	unsigned kind = (unsigned)rng_below(rng, 10);
	if (kind == 0) {
		r.tier = PLAN_PERFORMANCE;
		r.topology = (struct ktstr_topology){ 1, 1 + (uint32_t)rng_below(rng, 3), 4, 2 };
	} else if (kind == 1) {
		r.tier = PLAN_BUDGET;
		r.cpus = 1 + (unsigned)rng_below(rng, 64);
	}
	return r;
}

static int ask(struct machine *m, int result)
{
	struct guest *g = guest_of(m);
	struct party *p = g->party;
	struct cpu_request request = draw(&p->rng);
	(void)result;
	if (m->reactor->now >= p->until)
		return MACHINE_END;
	g->claim = admit_ask(&p->admit, &request, (struct claim_need){ rng_below(&p->rng, 512) });
	REQUIRE(g->claim);
	machine_wait_notice(m, &g->claim->ready);
	return GUEST_HAVE;
}

static int have(struct machine *m, int result)
{
	struct guest *g = guest_of(m);
	struct party *p = g->party;
	(void)result;
	p->longest = MAX_OF(p->longest, g->claim->waited);
	if (g->claim->result < 0) {
		p->refused++;
		return GUEST_LEAVE;
	}
	p->served++;
	enter_ledger(p, &g->claim->plan);
	machine_sleep(m, (nsec_t)rng_below(&p->rng, HOLD_MOST));
	return GUEST_LEAVE;
}

static int leave(struct machine *m, int result)
{
	struct guest *g = guest_of(m);
	(void)m;
	(void)result;
	if (g->claim->result == 0)
		leave_ledger(g->party, &g->claim->plan);
	admit_release(&g->party->admit, g->claim);
	g->claim = NULL;
	return GUEST_ASK;
}

static const struct machine_state states[GUEST_STATE_MAX] = {
	[GUEST_ASK] = { .name = "ask", .run = ask, .next = TO(GUEST_HAVE) | TO_END },
	[GUEST_HAVE] = { .name = "have", .run = have, .next = TO(GUEST_LEAVE) },
	[GUEST_LEAVE] = { .name = "leave", .run = leave, .next = TO(GUEST_ASK) },
};
static const struct machine_type guest_type = { "guest", states, GUEST_STATE_MAX, NULL };

static void open_ledger(struct party *p, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	REQUIRE(fd >= 0 && ftruncate(fd, sizeof(*p->ledger)) == 0);
	p->ledger = mmap(NULL, sizeof(*p->ledger), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REQUIRE(p->ledger != MAP_FAILED);
	close(fd);
}

static uint64_t number(const char *s)
{
	uint64_t value = 0;
	REQUIRE(parse_u64(s, &value) == 0);
	return value;
}

static int run_stress(struct party *p, nsec_t length)
{
	static struct guest guest[GUESTS];
	_cleanup_(reactor_free_p) struct reactor *r = NULL;
	struct cpuset_bits allowed = p->host.online;
	REQUIRE(reactor_new(&r, NULL) == 0);
	struct admit_config config = { .host = &p->host,
				       .allowed = allowed,
				       .dir = &p->dir,
				       .memory_mib = 1024,
				       .overtake_time = OVERTAKE_TIME,
				       .give_up = 0 };
	REQUIRE(admit_start(r, &p->admit, &config, NULL) == 0);
	p->until = reactor_now(r) + length;
	for (unsigned i = 0; i < GUESTS; i++) {
		guest[i].party = p;
		machine_start(r, &guest[i].machine, &guest_type, NULL, "guest[%u]", i);
	}
	bool open;
	do {
		REQUIRE(reactor_turn(r, NSEC_NEVER) >= 0);
		open = false;
		for (unsigned i = 0; i < GUESTS; i++)
			open |= !guest[i].machine.ended;
	} while (open);
	admit_stop(&p->admit);
	return 0;
}

int main(int argc, char **argv)
{
	static struct party p;
	struct cpuset_bits allowed;
	struct timespec cpu;
	REQUIRE(argc == 6);
	REQUIRE(lock_dir_open(argv[1], NULL, &p.dir, NULL) == 0);
	open_ledger(&p, argv[2]);
	host_tree_read(argv[3], "container", &p.host, &allowed);
	p.rng.state = number(argv[4]);
	run_stress(&p, (nsec_t)number(argv[5]) * NSEC_PER_SEC);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	printf("{\"served\":%lu,\"refused\":%lu,\"longest_ms\":%ld,\"clashes\":%lu,\"tries\":%lu,\"release_events\":%"
	       "lu,"
	       "\"cpu_ms\":%ld}\n",
	       p.served, p.refused, p.longest / NSEC_PER_MSEC, atomic_load(&p.ledger->clashes), p.admit.stats.tries,
	       p.admit.stats.release_events, cpu.tv_sec * 1000 + cpu.tv_nsec / 1000000);
	lock_dir_done(&p.dir);
	host_done(&p.host);
	return 0;
}
