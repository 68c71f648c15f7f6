/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shmpump.h -- a machine that drains the rings of one area on the reactor: DRAIN <> WAIT, and LAST > TAIL after a
 * cancel.
 *
 * In each turn it reads at most SHMPUMP_TURN_BYTES and at most one batch per ring, and starts with another ring than
 * before; the rest waits until all other machines had a turn. After a cancel it reads the records that are published at
 * that moment, and ends.
 */
#ifndef KTSTR_REACTOR_SHMPUMP_H
#define KTSTR_REACTOR_SHMPUMP_H

#include "reactor/machine.h"
#include "reactor/shmring.h"

#define SHMPUMP_TURN_BYTES (8 * SHMRING_BATCH_BYTES)

struct shmpump_config {
	struct shmring_area *area; /* borrowed: outlives the pump */
	void (*record)(void *data, uint32_t ring, const struct shmring_item *item);
	/*
	 * A ring with content that our writer cannot have written; it is not read again. The pump owns the error. May
	 * be NULL.
	 */
	void (*damaged)(void *data, uint32_t ring, const struct err *err);
	void *data;
};

struct shmpump {
	struct machine machine;
	struct shmpump_config config;
	struct shmring_reader *reader; /* one per ring, with counts of records and drops */
	struct shmring_batch *batch;
	uint64_t rung;	/* the value read from the doorbell */
	uint64_t turns; /* turns that read at least one record */
	uint32_t first; /* the ring that the next turn begins with */
};

/*
 * The machine ends when it is cancelled (with -ECANCELED) or the doorbell cannot be read. To collect the records of a
 * dead producer: cancel it after the producer was reaped, and await its end.
 */
int shmpump_start(struct shmpump *p, struct reactor *r, struct machine *parent, const struct shmpump_config *config,
		  struct err **err);
/* While the producers stand still, and the machine has not ended: reads at once what they have published. */
void shmpump_drain(struct shmpump *p);
/* Call it after the machine has ended. Frees `reader` with its counts. */
void shmpump_done(struct shmpump *p);
/* Returns the number of records that producers counted as dropped, over all rings, as last read. */
uint64_t shmpump_dropped(const struct shmpump *p);

#endif
