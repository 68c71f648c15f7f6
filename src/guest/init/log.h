/* SPDX-License-Identifier: GPL-2.0-only */
/* log.h -- the event log in guest memory. */
#ifndef KTSTR_GUEST_INIT_LOG_H
#define KTSTR_GUEST_INIT_LOG_H

#include <ktstr/wire.h>

#include "base/buf.h"

#define STREAM_BYTES_MAX ((size_t)1 << 20) /* per stream in the log */

/* The event log in guest memory. */
struct guest_log {
	struct wire_header *header; /* NULL: no log was configured, records are dropped */
	uint8_t *records;
	uint64_t address;		     /* guest-physical, of the header */
	uint64_t written, capacity, dropped; /* private copies: the values in guest memory are only for the reader */
	size_t stream_bytes[WIRE_STREAM_MAX];
};

int log_map(struct guest_log *l, uint64_t address, uint64_t size);
/* Makes the log and all records so far visible to the reader. Until then, other code may use its memory. */
void log_publish(struct guest_log *l);
/*
 * Leaves the last @bytes of the log's memory, zeroed, to others. Returns their guest-physical address; 0: no room.
 * *@ret: where PID 1 has them.
 */
uint64_t log_reserve(struct guest_log *l, uint64_t bytes, void **ret);
void log_record(struct guest_log *l, enum wire_type type, uint64_t time_ns, const void *head, size_t head_len,
		const void *tail, size_t tail_len);
void log_put(struct guest_log *l, enum wire_type type, const void *payload, size_t len);
void log_text(struct guest_log *l, enum wire_stream stream, const char *text, size_t len);
void log_error(struct guest_log *l, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
