/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shmpump.h -- a machine that drains the rings of one area on the reactor: DRAIN > WAIT > DRAIN ... > LAST.
 *
 * Every turn it takes at most SHMPUMP_TURN_BYTES, at most a batch a ring, and begins with another ring; what is left
 * waits until everybody else had a turn. A cancel takes what is published at that moment, and ends.
 */
#ifndef KTSTR_REACTOR_SHMPUMP_H
#define KTSTR_REACTOR_SHMPUMP_H

#include "reactor/machine.h"
#include "reactor/shmring.h"

#define SHMPUMP_TURN_BYTES (8 * SHMRING_BATCH_BYTES)

struct shmpump_config {
	struct shmring_area *area; /* borrowed: outlives the pump */
	void (*record)(void *data, uint32_t ring, const struct shmring_item *item);
	/* A ring whose content no writer of ours made; it is not read again. The error is the pump's. May be NULL. */
	void (*damaged)(void *data, uint32_t ring, const struct err *err);
	void *data;
};

struct shmpump {
	struct machine machine;
	struct shmpump_config config;
	struct shmring_reader *reader; /* one a ring: counts of records and drops */
	struct shmring_batch *batch;
	uint64_t rung;	/* what was read from the doorbell */
	uint64_t turns; /* in which something was taken */
	uint32_t first; /* the ring that the next turn begins with */
};

/*
 * Ends when it is cancelled (with -ECANCELED) or the doorbell cannot be read. To collect what a dead producer left
 * behind: cancel it once the producer has been reaped, and await its end.
 */
int shmpump_start(struct shmpump *p, struct reactor *r, struct machine *parent, const struct shmpump_config *config,
		  struct err **err);
/* After the machine has ended. The counts in `reader` are gone then. */
void shmpump_done(struct shmpump *p);
/* Records that producers counted as dropped, of all rings, as last seen. */
uint64_t shmpump_dropped(const struct shmpump *p);

#endif
