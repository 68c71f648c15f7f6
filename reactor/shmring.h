/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shmring.h -- single-producer, single-consumer rings of small records in memory shared by two processes.
 *
 * A virtual machine's process writes (a ring for each vCPU thread and device thread), the orchestrator reads. Writing
 * is wait-free: a fixed number of steps, never a wait for the reader; what does not fit is dropped and counted. All
 * rings of one machine share one eventfd, the doorbell, which a writer rings only when the reader has gone to sleep on
 * empty rings.
 *
 * The reader trusts nothing: its positions are private, a published position is read once and checked against them,
 * records are copied into private memory and only then looked at, and the file is sealed, so that nobody can shrink it
 * under the mapping. The writer trusts the reader's process, which is its parent.
 *
 * A record is a header of 8 bytes and 0 .. SHMRING_PAYLOAD_MAX bytes, in steps of 8. It never wraps: what is left at
 * the end of a ring becomes padding.
 */
#ifndef KTSTR_REACTOR_SHMRING_H
#define KTSTR_REACTOR_SHMRING_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define SHMRING_MAGIC	     0x474e5253u /* "SRNG" */
#define SHMRING_VERSION	     1u
#define SHMRING_RINGS_MAX    1024u
#define SHMRING_CAPACITY_MIN 4096u /* bytes; a power of two */
#define SHMRING_CAPACITY_MAX (16u << 20)
#define SHMRING_RECORD_MAX   1024u /* header, payload and what rounds it up */
#define SHMRING_PAYLOAD_MAX  (SHMRING_RECORD_MAX - 8u)
#define SHMRING_BATCH_BYTES  16384u

/* --- the shared memory -------------------------------------------------------------------------------------------- */

/* Two lines of 64 bytes: processors that fetch lines in pairs would tie neighbours together. */
#define SHMRING_LINE 128

struct shmring_record {
	uint16_t type;	 /* the owner's, never 0: that is padding */
	uint16_t length; /* of the payload */
	uint32_t lost;	 /* records dropped right before this one, saturated */
};
_Static_assert(sizeof(struct shmring_record) == 8, "layout");

struct shmring_shared {
	alignas(SHMRING_LINE) _Atomic uint64_t tail; /* written by the producer: bytes published, ever */
	_Atomic uint64_t dropped;		     /* written by the producer: records that did not fit, ever */
	alignas(SHMRING_LINE) _Atomic uint64_t head; /* written by the consumer: bytes taken, ever */
};
_Static_assert(sizeof(struct shmring_shared) == 2 * SHMRING_LINE, "layout");
_Static_assert(offsetof(struct shmring_shared, head) == SHMRING_LINE, "layout");

/* At the start of the file; the rings' positions follow, and behind them, from the next page, their bytes. */
struct shmring_front {
	uint32_t magic, version; /* written before the file is handed over, and read by the producer only */
	uint32_t rings, capacity;
	alignas(SHMRING_LINE) _Atomic uint32_t armed; /* 1: the consumer sleeps and wants the doorbell */
};
_Static_assert(sizeof(struct shmring_front) == 2 * SHMRING_LINE, "layout");

/* --- the area: one file, one doorbell, `rings` rings -------------------------------------------------------------- */

struct shmring_area {
	struct shmring_front *front; /* mapped, shared, writable */
	size_t size;		     /* of the mapping */
	uint32_t rings, capacity;    /* private copies; `capacity` is bytes a ring */
	int fd, doorbell;	     /* memfd and eventfd, owned, close-on-exec */
};

#define SHMRING_AREA_NULL ((struct shmring_area){ .fd = -1, .doorbell = -1 })

/* For the consumer: @rings in 1 .. SHMRING_RINGS_MAX, @capacity a power of two in the range above. */
int shmring_area_new(uint32_t rings, uint32_t capacity, struct shmring_area *ret, struct err **err);
/* For the producer: takes both descriptors over when it succeeds; -EBADMSG when the file is not such an area. */
int shmring_area_attach(int fd, int doorbell, struct shmring_area *ret, struct err **err);
void shmring_area_done(struct shmring_area *a);

/* --- writing: one thread a ring ----------------------------------------------------------------------------------- */

struct shmring_writer {
	struct shmring_shared *shared;
	struct shmring_front *front;
	uint8_t *data;
	uint64_t tail, published; /* what is staged, what of it the reader may see */
	uint64_t head;		  /* the reader's position when last looked at */
	uint64_t dropped;
	uint32_t capacity, lost; /* `lost`: dropped since the last record */
	int doorbell;		 /* borrowed from the area */
};

/* @ring < area->rings. One writer a ring, once. */
void shmring_writer_init(struct shmring_writer *w, const struct shmring_area *a, uint32_t ring);
/* For who can hold back: a record of @length bytes will not be dropped. */
bool shmring_has_room(struct shmring_writer *w, uint16_t length);
/* Stages a record, @type > 0, @length <= SHMRING_PAYLOAD_MAX; false: no room, dropped and counted. */
bool shmring_stage(struct shmring_writer *w, uint16_t type, const void *payload, uint16_t length);
/* Shows the reader what is staged, and wakes it when it sleeps. */
void shmring_publish(struct shmring_writer *w);
/* Both: for records that are to be seen at once. */
bool shmring_put(struct shmring_writer *w, uint16_t type, const void *payload, uint16_t length);

/* --- reading: believing nothing ----------------------------------------------------------------------------------- */

struct shmring_reader {
	struct shmring_shared *shared; /* may change under us, in any way, at any time */
	const uint8_t *data;
	uint64_t head;		   /* private; the shared one is only ever written */
	uint64_t tail;		   /* checked copy */
	uint64_t records, dropped; /* taken; reported as dropped by the producer */
	uint32_t ring, capacity;
	bool damaged, last;
};

/* Whole records in private memory. */
struct shmring_batch {
	size_t len;
	uint32_t records;
	alignas(8) uint8_t bytes[SHMRING_BATCH_BYTES];
};

/* A record of a batch; `payload` is 8-byte aligned and lives as long as the batch's content. */
struct shmring_item {
	uint16_t type, length;
	uint32_t lost;
	const void *payload;
};

void shmring_reader_init(struct shmring_reader *r, const struct shmring_area *a, uint32_t ring);
/*
 * Takes as many records as there are and fit into @b, and gives their space back. Returns how many, 0: the ring is
 * empty. -EBADMSG: no writer of ours left it like this; the ring is not touched again, and every later call says so.
 */
int shmring_pop(struct shmring_reader *r, struct shmring_batch *b, struct err **err);
/* Walks a batch; start with *@at = 0. */
bool shmring_next(const struct shmring_batch *b, size_t *at, struct shmring_item *ret);
/* What is published now is the end: pops to come see nothing newer. For a producer that is dead, or ought to be. */
void shmring_reader_finish(struct shmring_reader *r);
/*
 * Asks for the doorbell. True: it will ring for the next record, and all of @readers are empty now. False: one of them
 * is not; drain, then ask again.
 */
bool shmring_arm(struct shmring_area *a, const struct shmring_reader *readers, uint32_t count);

#endif
