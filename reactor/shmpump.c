/* SPDX-License-Identifier: GPL-2.0-only */
/* shmpump.c -- see shmpump.h. */
#include "base/bug.h"
#include "reactor/shmpump.h"

static void report_damage(struct shmpump *p, uint32_t ring, struct err *err)
{
	if (p->config.damaged)
		p->config.damaged(p->config.data, ring, err);
	err_free(err);
}

/* Reads one batch of one ring; returns its bytes. */
static size_t drain_ring(struct shmpump *p, uint32_t ring)
{
	struct shmring_reader *r = &p->reader[ring];
	struct err *err = NULL;
	struct shmring_item item;
	size_t at = 0;
	if (r->damaged)
		return 0;
	uint64_t before = r->head;
	int count = shmring_pop(r, p->batch, &err);
	if (count < 0) {
		report_damage(p, ring, err);
		return 0;
	}
	while (shmring_next(p->batch, &at, &item))
		p->config.record(p->config.data, ring, &item);
	return r->head - before;
}

/* Reads each ring at most once. False: all were empty. */
static bool drain_turn(struct shmpump *p)
{
	uint32_t rings = p->config.area->rings;
	uint32_t done = 0;
	size_t taken = 0;
	for (; done < rings && taken < SHMPUMP_TURN_BYTES; done++)
		taken += drain_ring(p, (p->first + done) % rings);
	/* The next turn starts where the budget ended, or one ring further after a full round. */
	p->first = (p->first + (done < rings ? done : 1)) % rings;
	p->turns += taken > 0;
	return taken > 0;
}

/* --- the machine -------------------------------------------------------------------------------------------------- */

enum { PUMP_DRAIN, PUMP_WAIT, PUMP_FINISH, PUMP_DRAIN_LAST, PUMP_COUNT };

static int pump_drain(struct machine *m, int result)
{
	struct shmpump *p = container_of(m, struct shmpump, machine);
	if (result < 0 && result != -EINTR)
		return result;
	if (!drain_turn(p))
		return PUMP_WAIT;
	machine_nop(m);
	return PUMP_DRAIN;
}

/*
 * io_uring reads the doorbell, not read(2): the other process has it too, and could read its count between our poll and
 * our read, which would block the whole reactor. If that process sets O_NONBLOCK, the read fails and the pump ends.
 */
static int pump_wait(struct machine *m, int result)
{
	struct shmpump *p = container_of(m, struct shmpump, machine);
	(void)result;
	if (shmring_arm(p->config.area, p->reader, p->config.area->rings))
		machine_read(m, p->config.area->doorbell, &p->rung, sizeof(p->rung), OP_STREAM);
	return PUMP_DRAIN;
}

/* Ends with the records that are published now, even if a producer still lives and goes on writing. */
static int pump_finish(struct machine *m, int result)
{
	struct shmpump *p = container_of(m, struct shmpump, machine);
	(void)result;
	for (uint32_t i = 0; i < p->config.area->rings; i++)
		shmring_reader_finish(&p->reader[i]);
	return PUMP_DRAIN_LAST;
}

static int pump_drain_last(struct machine *m, int result)
{
	struct shmpump *p = container_of(m, struct shmpump, machine);
	(void)result;
	if (!drain_turn(p))
		return MACHINE_END;
	machine_nop(m);
	return PUMP_DRAIN_LAST;
}

static const struct machine_state pump_states[PUMP_COUNT] = {
	[PUMP_DRAIN] = { .name = "drain", .run = pump_drain, .on_cancel = PUMP_FINISH, .next = TO(PUMP_WAIT) },
	[PUMP_WAIT] = { .name = "wait", .run = pump_wait, .on_cancel = PUMP_FINISH, .next = TO(PUMP_DRAIN) },
	[PUMP_FINISH] = { .name = "finish", .run = pump_finish, .next = TO(PUMP_DRAIN_LAST), .shielded = true },
	[PUMP_DRAIN_LAST] = { .name = "drain last", .run = pump_drain_last, .next = TO_END, .shielded = true },
};
static const struct machine_type pump_type = { "shmpump", pump_states, PUMP_COUNT, NULL };

int shmpump_start(struct shmpump *p, struct reactor *r, struct machine *parent, const struct shmpump_config *config,
		  struct err **err)
{
	REQUIRE(config->area && config->record);
	uint32_t rings = config->area->rings;
	*p = (struct shmpump){ .config = *config };
	p->reader = calloc(rings, sizeof(*p->reader));
	p->batch = aligned_alloc(SHMRING_LINE, sizeof(*p->batch) + SHMRING_LINE - sizeof(*p->batch) % SHMRING_LINE);
	if (!p->reader || !p->batch) {
		shmpump_done(p);
		return FAIL_SYS(err, -ENOMEM, "read %u event rings", rings);
	}
	for (uint32_t i = 0; i < rings; i++)
		shmring_reader_init(&p->reader[i], config->area, i);
	machine_start(r, &p->machine, &pump_type, parent, "rings");
	return 0;
}

/* A producer that goes on nevertheless cannot keep us here. */
void shmpump_drain(struct shmpump *p)
{
	uint64_t turns = p->config.area->rings * (p->config.area->capacity / SHMRING_BATCH_BYTES + 2);
	while (turns-- && drain_turn(p))
		;
}

void shmpump_done(struct shmpump *p)
{
	REQUIRE(!p->machine.started || p->machine.ended);
	free(p->reader);
	free(p->batch);
	p->reader = NULL;
	p->batch = NULL;
}

uint64_t shmpump_dropped(const struct shmpump *p)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; p->reader && i < p->config.area->rings; i++)
		sum += p->reader[i].dropped;
	return sum;
}
