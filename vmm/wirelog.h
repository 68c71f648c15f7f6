/* SPDX-License-Identifier: GPL-2.0-only */
/* wirelog.h -- reading the event log of ktstr/wire.h out of guest memory, record by record, believing nothing. */
#ifndef KTSTR_VMM_WIRELOG_H
#define KTSTR_VMM_WIRELOG_H

#include <ktstr/wire.h>

#include "base/buf.h"
#include "base/err.h"

struct wirelog {
	const uint8_t *base; /* shared with the guest: may change under us */
	uint64_t size;
	uint64_t at;	  /* next record, behind the header */
	uint64_t dropped; /* as last seen */
	uint32_t digest;  /* CRC-32 over the bytes of all records taken so far: two runs compare by it */
	uint64_t records;
	bool began;	   /* the header was there */
	struct buf record; /* our copy of the record last returned */
};

/* A record; `payload` is valid until the next call. */
struct wire_item {
	enum wire_type type;
	uint64_t time_ns;
	const void *payload;
	uint32_t length;
};

void wirelog_init(struct wirelog *l, const uint8_t *base, uint64_t size);
void wirelog_done(struct wirelog *l);
/* Returns 1 and a record, 0 when there is none yet, -EBADMSG (and an error) for a log that no PID 1 of ours wrote. */
int wirelog_next(struct wirelog *l, struct wire_item *ret, struct err **err);
/* True when the guest has published more than was taken. Cheap. */
bool wirelog_pending(const struct wirelog *l);

#endif
