/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gdb_protocol.h -- packets of gdb's remote serial protocol ("Debugging with GDB", appendix E): "$DATA#SUM", of which
 * DATA is text with some bytes escaped. Pure: bytes in, packets out.
 */
#ifndef KTSTR_RUN_GDB_PROTOCOL_H
#define KTSTR_RUN_GDB_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define GDB_PACKET_MAX 4096

enum gdb_event { GDB_NOTHING, GDB_PACKET, GDB_DAMAGED, GDB_BREAK };

struct gdb_reader {
	enum { GDB_OUTSIDE, GDB_INSIDE, GDB_ESCAPED, GDB_SUM_1, GDB_SUM_2 } state;
	char packet[GDB_PACKET_MAX + 1]; /* the last one, with a NUL behind it */
	size_t len;
	uint8_t sum, wanted;
	bool too_long;
};

/*
 * Takes one byte. GDB_PACKET: `packet` is complete, and its sum is right. GDB_DAMAGED: it is not, or it was too long.
 * GDB_BREAK: the user wants the guest to stop.
 */
enum gdb_event gdb_read(struct gdb_reader *r, char byte);
/* Appends @data as a packet. */
void gdb_put(struct buf *out, const char *data, size_t len);
/* Bytes as hex digits, without and with the other way round. -EINVAL: not an even number of digits, or too many. */
void gdb_put_hex(struct buf *out, const void *data, size_t len);
int gdb_get_hex(const char *text, char *out, size_t size);
/* A hex number, up to @end, which is skipped ('\0': up to the end of the text). False: it is not one. */
bool gdb_number(const char **text, char end, uint64_t *ret);

#endif
