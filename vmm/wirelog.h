/* SPDX-License-Identifier: GPL-2.0-only */
/* wirelog.h -- reads the event log of ktstr/wire.h from guest memory, record by record, and checks every value. */
#ifndef KTSTR_VMM_WIRELOG_H
#define KTSTR_VMM_WIRELOG_H

#include <ktstr/wire.h>

#include "base/buf.h"
#include "base/err.h"

struct wirelog {
	const uint8_t *base; /* shared with the guest: may change at any time */
	uint64_t size;
	uint64_t at;	  /* offset of the next record, after the header */
	uint64_t dropped; /* as last read */
	uint32_t digest;  /* CRC-32 over all records so far, to compare two runs */
	uint64_t records;
	bool began;	   /* the header was seen */
	struct buf record; /* our copy of the last record */
};

/* A record; `payload` is valid until the next call. */
struct wire_item {
	enum wire_type type;
	uint64_t time_ns;
	const void *payload;
	uint32_t length;
};

void wirelog_init(struct wirelog *l, const uint8_t *base, uint64_t size);
/* Its memory goes away: there are no more records. The counts stay. */
void wirelog_close(struct wirelog *l);
void wirelog_done(struct wirelog *l);
/* Returns 1 and a record, 0 when there is none yet, or -EBADMSG and an error when the log is invalid. */
int wirelog_next(struct wirelog *l, struct wire_item *ret, struct err **err);
/* Whether the guest has published more records than were read. Cheap. */
bool wirelog_pending(const struct wirelog *l);

#endif
