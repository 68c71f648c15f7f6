/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * log.h -- events of a scheduler, kept in memory in a compact form: the latest ones, in a ring of blocks. Old blocks
 * are dropped as a whole. What is kept can be written to a file, and read back as the same events.
 *
 * The content of a file, which is one frame of zstd; numbers are little-endian:
 *
 *	"KTSTRSCH", u32 version, u32 bytes of the description, the description (JSON; about.h)
 *	blocks: u32 bytes, u32 events, the events
 *	u32 0, u32 0
 *
 * A block can be read without those before it. An event is, with numbers of 7 bits a byte, the lowest first:
 *
 *	u8 kind | reason << 4 | leaving << 6, u8 class | flags, the CPU, nanoseconds since the event before (zigzag),
 *	its task, of a switch also the next task; as the flags say: group, words of the mask of CPUs, three clocks
 *
 * A task is u8 0 (the idle task), u8 1 .. 127 (the one that this slot has), or u8 128 + slot with its key (u64) and its
 * pid (zigzag), which then are in that slot. A slot also has the group and the mask that its task had last.
 */
#ifndef KTSTR_SCHEDULE_LOG_H
#define KTSTR_SCHEDULE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "schedule/event.h"

#define SCHEDULE_LOG_BYTES_MAX ((size_t)64 << 20)
#define SCHEDULE_LOG_BLOCK     ((size_t)256 << 10) /* most bytes of a block with its header */
#define SCHEDULE_LOG_MAGIC     "KTSTRSCH"
#define SCHEDULE_LOG_VERSION   1
#define SCHEDULE_LOG_SLOTS     128 /* of tasks in a block; the first is not used */

struct schedule_log;

/* Keeps at most @bytes_max, but at least two blocks. 0: SCHEDULE_LOG_BYTES_MAX. NULL: no memory. */
struct schedule_log *schedule_log_new(size_t bytes_max);
void schedule_log_free(struct schedule_log *l);
void schedule_log_add(struct schedule_log *l, const struct schedule_event *e);
uint64_t schedule_log_events(const struct schedule_log *l);  /* that are kept */
uint64_t schedule_log_dropped(const struct schedule_log *l); /* for room */

/*
 * The pieces of a file's content, one after another, with @about as its description: a piece for each @index from 0 on.
 * Returns its length and sets *@ret; 0: there are no more. @head: room of the caller, the same for all calls.
 */
size_t schedule_log_piece(const struct schedule_log *l, const char *about, size_t index, struct buf *head,
			  const void **ret);

/* --- for the reader ----------------------------------------------------------------------------------------------- */

enum {
	LOG_HAS_ALLOWED = 0x08, /* the mask of CPUs is known */
	LOG_NEW_ALLOWED = 0x10, /* and differs from that of the slot */
	LOG_HAS_GROUP = 0x20,
	LOG_NEW_GROUP = 0x40,
	LOG_HAS_CLOCKS = 0x80,
	LOG_CLASS = 0x07,
};

struct schedule_log_slot {
	uint64_t key, group;
	int32_t pid;
	uint8_t words;
	uint64_t allowed[SCHEDULE_WORDS];
};

static inline uint64_t schedule_log_zigzag(int64_t n)
{
	return (uint64_t)n << 1 ^ (uint64_t)(n >> 63);
}

static inline int64_t schedule_log_unzigzag(uint64_t n)
{
	return (int64_t)(n >> 1 ^ -(n & 1));
}

#endif
