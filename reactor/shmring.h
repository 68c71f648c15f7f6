/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shmring.h -- single-producer, single-consumer rings of small records in memory shared by two processes.
 *
 * A virtual machine's process writes, into one ring for each vCPU thread and device thread; the orchestrator reads.
 * Writing is wait-free: a fixed number of steps, without waiting for the reader. A record that does not fit is dropped
 * and counted. All rings of a machine share an eventfd, the doorbell, which a writer rings only when the reader sleeps
 * on empty rings.
 *
 * The reader checks every value: its positions are private; a published position is read once and checked against them;
 * records are copied into private memory before they are checked; and the file is sealed, so that it cannot shrink
 * under the mapping. The writer trusts the reader's process, which is its parent.
 *
 * A record is a header of 8 bytes and 0 .. SHMRING_PAYLOAD_MAX bytes, in steps of 8. It never wraps: the rest at the
 * end of a ring becomes padding.
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
#define SHMRING_RECORD_MAX   1024u /* header, payload and padding to 8 bytes */
#define SHMRING_PAYLOAD_MAX  (SHMRING_RECORD_MAX - 8u)
#define SHMRING_BATCH_BYTES  16384u

/* --- the shared memory -------------------------------------------------------------------------------------------- */

/* Two cache lines of 64 bytes: some processors fetch lines in pairs, and would make neighbours conflict. */
#define SHMRING_LINE 128

struct shmring_record {
	uint16_t type;	 /* defined by the owner; 0 is padding */
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

/* At the start of the file. The rings' positions follow, and from the next page on the rings' bytes. */
struct shmring_front {
	uint32_t magic, version; /* written before the file is passed on; only the producer reads it */
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

/* For the consumer. @rings: 1 .. SHMRING_RINGS_MAX; @capacity: a power of two in the range above. */
int shmring_area_new(uint32_t rings, uint32_t capacity, struct shmring_area *ret, struct err **err);
/* For the producer. Takes over both descriptors on success; -EBADMSG: the file is not a valid area. */
int shmring_area_attach(int fd, int doorbell, struct shmring_area *ret, struct err **err);
void shmring_area_done(struct shmring_area *a);

/* --- writing: one thread a ring ----------------------------------------------------------------------------------- */

struct shmring_writer {
	struct shmring_shared *shared;
	struct shmring_front *front;
	uint8_t *data;
	uint64_t tail, published; /* end of staged bytes; end of published bytes */
	uint64_t head;		  /* the reader's position, as last read */
	uint64_t dropped;
	uint32_t capacity, lost; /* `lost`: dropped since the last record */
	int doorbell;		 /* borrowed from the area */
};

/* @ring < area->rings. Call it once per ring: a ring has one writer. */
void shmring_writer_init(struct shmring_writer *w, const struct shmring_area *a, uint32_t ring);
/* Whether a record of @length bytes fits, for writers that can wait. */
bool shmring_has_room(struct shmring_writer *w, uint16_t length);
/* Stages a record, @type > 0, @length <= SHMRING_PAYLOAD_MAX. False: it did not fit, and was dropped and counted. */
bool shmring_stage(struct shmring_writer *w, uint16_t type, const void *payload, uint16_t length);
/* Publishes the staged records, and wakes the reader when it sleeps. */
void shmring_publish(struct shmring_writer *w);
/* The two halves of shmring_publish(), for writers that let several records gather before they wake the reader. */
void shmring_publish_quietly(struct shmring_writer *w);
void shmring_wake_reader(struct shmring_writer *w);
/* Stages and publishes a record. */
bool shmring_put(struct shmring_writer *w, uint16_t type, const void *payload, uint16_t length);

/* --- reading: every value is checked ------------------------------------------------------------------------------ */

struct shmring_reader {
	struct shmring_shared *shared; /* the other process may change it at any time */
	const uint8_t *data;
	uint64_t head;		   /* private; the shared one is written, but never read */
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
 * Reads as many records as there are and fit into @b, and frees their space. Returns their number; 0: the ring is
 * empty. -EBADMSG: our writer cannot have left the ring like this; it is not accessed again, and every later call fails
 * too.
 */
int shmring_pop(struct shmring_reader *r, struct shmring_batch *b, struct err **err);
/* Returns the next record of a batch; start with *@at = 0. */
bool shmring_next(const struct shmring_batch *b, size_t *at, struct shmring_item *ret);
/* Limits later pops to the records that are published now. For a producer that is dead, or ought to be. */
void shmring_reader_finish(struct shmring_reader *r);
/*
 * Arms the doorbell. True: the next record will ring it, and all of @readers are empty. False: one of them is not;
 * drain, then arm again.
 */
bool shmring_arm(struct shmring_area *a, const struct shmring_reader *readers, uint32_t count);

#endif
