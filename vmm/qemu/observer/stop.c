/* SPDX-License-Identifier: GPL-2.0-only */
/* stop.c -- the channel to the orchestrator: stops, and records. All of it runs on the vCPU thread. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "reactor/shmring.h"
#include "vmm/qemu/observer/observer.h"

#define STATUS_SOFTWARE 70 /* EX_SOFTWARE of sysexits.h */
#define ROOM_PERIOD_NS	100000
/* The reader is woken after so many records, or after so much guest time. At the end it reads all without that. */
#define GATHER_RECORDS 256
#define GATHER_NS      10000000

/* Global, because QEMU's functions for plugins take no context. */
static struct {
	const struct qemu_internals *qemu;
	struct register_offsets offsets;
	struct channel *channel;
	struct shmring_area area;
	struct shmring_writer ring;
	uint64_t next_sample;
	unsigned gathered; /* records of which the reader was not told */
	uint64_t told_at;  /* guest time */
	struct observe_until until;
	bool free_run;
} here;

/* --- the channel -------------------------------------------------------------------------------------------------- */

static struct channel *map_channel(void)
{
	struct stat st;
	if (fstat(QEMU_FD_OBSERVER, &st) < 0 || (size_t)st.st_size < sizeof(struct channel))
		return NULL;
	void *map = mmap(NULL, sizeof(struct channel), PROT_READ | PROT_WRITE, MAP_SHARED, QEMU_FD_OBSERVER, 0);
	struct channel *c = map == MAP_FAILED ? NULL : map;
	bool ours = c && c->magic == CHANNEL_MAGIC && c->version == CHANNEL_VERSION && c->size == sizeof(*c);
	return ours ? c : NULL;
}

void stop_open(void)
{
	here.channel = map_channel();
	if (!here.channel || shmring_area_attach(QEMU_FD_RECORDS, QEMU_FD_DOORBELL, &here.area, NULL) < 0) {
		fprintf(stderr, "the observer's channel is not of this build of ktstr\n");
		_exit(STATUS_SOFTWARE);
	}
	shmring_writer_init(&here.ring, &here.area, 0);
	if (here.channel->profiles)
		profile_open();
}

struct channel *stop_channel(void)
{
	return here.channel;
}

/* --- time --------------------------------------------------------------------------------------------------------- */

/* QEMU's clock as of the last accounting. Reading it while a vCPU runs is an error for QEMU, so none does. */
static uint64_t accounted_ns(void)
{
	struct cpu *running = *here.qemu->current;
	*here.qemu->current = NULL;
	int64_t ns = here.qemu->call.icount_ns();
	*here.qemu->current = running;
	return (uint64_t)ns;
}

uint64_t stop_time(unsigned left)
{
	const struct qemu_internals *q = here.qemu;
	const struct cpu *cpu = *q->current;
	int64_t of_turn = FIELD(cpu, q->low, uint16_t) + FIELD(cpu, q->extra, int64_t);
	int64_t executed = FIELD(cpu, q->budget, int64_t) - of_turn - left;
	return accounted_ns() + (uint64_t)q->call.to_ns(executed);
}

uint64_t stop_turn_time(void)
{
	return accounted_ns();
}

static void plan_sample(uint64_t now)
{
	uint64_t period = here.channel->sample_ns;
	here.next_sample = period ? (now / period + 1) * period : UINT64_MAX;
}

static void read_until(void)
{
	here.until = (struct observe_until){ .guest_ns = here.channel->until_ns, .vcpu = here.channel->until_vcpu };
}

int64_t stop_time_left(unsigned vcpu)
{
	if (!here.until.guest_ns || (here.until.vcpu != vcpu && here.until.vcpu != OBSERVE_ANY_CPU))
		return INT64_MAX;
	return (int64_t)(here.until.guest_ns - accounted_ns());
}

/* --- records ------------------------------------------------------------------------------------------------------ */

static void tell_reader(uint64_t now)
{
	here.gathered = 0;
	here.told_at = now;
	shmring_wake_reader(&here.ring);
}

/* --- stops -------------------------------------------------------------------------------------------------------- */

/* Blocks. When the orchestrator ends, so does this process. */
static void wait_for_orchestrator(void)
{
	uint64_t count = 1;
	ssize_t n = write(QEMU_FD_STOPPED, &count, sizeof(count));
	while (n > 0 && (n = read(QEMU_FD_GO_ON, &count, sizeof(count))) < 0 && errno == EINTR)
		n = 1;
	here.free_run = n < 0 || here.channel->free_run;
}

static unsigned read_all_registers(void)
{
	struct channel *c = here.channel;
	unsigned i = 0;
	for (struct cpu *cpu; i < OBSERVE_CPUS_MAX && (cpu = here.qemu->call.get_cpu((int)i)); i++)
		registers_read(&here.offsets, cpu, &c->registers[i]);
	return i;
}

static void stop_for(enum observe_why why, const struct observe_hook *hook, unsigned vcpu, uint64_t guest_ns)
{
	struct channel *c = here.channel;
	if (here.free_run)
		return;
	tell_reader(guest_ns);
	unsigned vcpus = read_all_registers();
	/* QEMU knows the RIP of a running vCPU only at the ends of its blocks. */
	if (hook && vcpu < vcpus)
		c->registers[vcpu].rip = hook->address;
	c->stop = (struct channel_stop){ .why = why,
					 .hook = hook ? hook->id : 0,
					 .vcpu = vcpu,
					 .vcpus = vcpus,
					 .guest_ns = guest_ns,
					 .count = c->stop.count + 1 };
	wait_for_orchestrator();
	read_until();
}

void stop_guest(const struct observe_hook *hook, unsigned vcpu, uint64_t guest_ns)
{
	stop_for(hook ? OBSERVE_AT_HOOK : OBSERVE_AT_TIME, hook, vcpu, guest_ns);
}

void stop_reached(unsigned vcpu)
{
	here.until.guest_ns = here.channel->until_ns = 0;
	stop_for(OBSERVE_AT_UNTIL, NULL, vcpu, accounted_ns());
}

/* QEMU is in exit(): the guest stays as it is, and nothing of QEMU is used any more. */
static void stop_at_end(void)
{
	struct channel *c = here.channel;
	if (here.free_run || !c->at_end)
		return;
	tell_reader(c->stop.guest_ns);
	c->stop = (struct channel_stop){
		.why = OBSERVE_AT_END, .vcpus = c->vcpus, .guest_ns = c->stop.guest_ns, .count = c->stop.count + 1
	};
	wait_for_orchestrator();
}

/*
 * Waits for an orchestrator that is slower than the guest, which does not notice. So which records there are does not
 * depend on the host.
 */
static void wait_for_room(void)
{
	const volatile uint32_t *free_run = &here.channel->free_run;
	const struct timespec period = { .tv_nsec = ROOM_PERIOD_NS };
	while (!shmring_has_room(&here.ring, sizeof(struct observe_record)) && !*free_run) {
		shmring_wake_reader(&here.ring);
		nanosleep(&period, NULL);
	}
}

static bool read_value(const struct observe_read *read, uint64_t base, uint64_t *ret)
{
	for (unsigned hop = 0; hop + 1 < read->hops; hop++) {
		if (!memory_read(base + read->offset[hop], sizeof(base), &base))
			return false;
	}
	return memory_read(base + read->offset[read->hops - 1], read->size, ret);
}

static void read_values(const struct observe_hook *hook, const struct cpu *cpu, struct observe_record *r)
{
	for (unsigned i = 0; i < OBSERVE_READS && hook->read[i].base != OBSERVE_NO_READ; i++) {
		const struct observe_read *read = &hook->read[i];
		uint64_t base = read->base == OBSERVE_PER_CPU ? FIELD(cpu, here.offsets.gs, const uint64_t)
							      : r->argument[read->base - OBSERVE_ARGUMENT];
		if (!read_value(read, base, &r->value[i]))
			r->missed |= UINT64_C(1) << i;
	}
}

static const uint64_t *general_registers(void)
{
	const struct cpu *cpu = *here.qemu->current;
	return (const uint64_t *)(const void *)((const char *)cpu + here.offsets.general);
}

uint64_t stop_first_argument(void)
{
	return general_registers()[RDI];
}

void stop_record(const struct observe_hook *hook, unsigned vcpu, uint64_t guest_ns)
{
	static const uint8_t order[OBSERVE_ARGUMENTS] = { RDI, RSI, RDX, RCX, R8, R9 };
	struct observe_record r = { .guest_ns = guest_ns, .vcpu = vcpu, .hook = hook->id };
	const uint64_t *general = general_registers();
	for (unsigned i = 0; i < OBSERVE_ARGUMENTS; i++)
		r.argument[i] = general[order[i]];
	read_values(hook, *here.qemu->current, &r);
	wait_for_room();
	shmring_stage(&here.ring, CHANNEL_RECORD, &r, sizeof(r));
	shmring_publish_quietly(&here.ring);
	if (++here.gathered >= GATHER_RECORDS)
		tell_reader(guest_ns);
}

uint64_t stop_rip(const struct cpu *cpu)
{
	return registers_rip(&here.offsets, cpu);
}

/* --- for the loops ------------------------------------------------------------------------------------------------ */

const char *stop_start(const struct qemu_internals *q)
{
	here.qemu = q;
	const char *missing = registers_find(&here.offsets);
	missing = missing ? missing : memory_find();
	if (!missing)
		profile_start(q, here.offsets.general + RSP * sizeof(uint64_t));
	if (!missing && here.channel) {
		plan_sample(accounted_ns());
		read_until();
		atexit(stop_at_end);
	}
	return missing;
}

static unsigned index_of(const struct cpu *wanted)
{
	unsigned i = 0;
	for (struct cpu *cpu; (cpu = here.qemu->call.get_cpu((int)i)) && cpu != wanted;)
		i++;
	return i;
}

/* The wanted moment has come for the vCPU whose turn it was. Looking for its number takes longer than a short turn. */
static bool reach_moment(void)
{
	if (!here.until.guest_ns || !here.qemu->call.is_running())
		return false;
	unsigned vcpu = index_of(*here.qemu->current);
	if (stop_time_left(vcpu) > 0)
		return false;
	stop_reached(vcpu);
	return true;
}

bool stop_if_due(void)
{
	if (!here.channel || !here.qemu)
		return false;
	uint64_t now = accounted_ns();
	if (reach_moment())
		return true;
	if (here.gathered && now > here.told_at + GATHER_NS)
		tell_reader(now);
	if (now < here.next_sample || !here.qemu->call.is_running())
		return false;
	plan_sample(now);
	stop_guest(NULL, index_of(*here.qemu->current), now);
	return true;
}
