/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * snapshot.h -- a stopped machine as a file: the pages of its memory that are not zero, and the backend's saved state.
 *
 * A clone has the same bytes in fresh memory. Head, table and state have a CRC, which is checked. Pages have none: the
 * cache hashes the whole file at its first use in each boot of the host (base/cachefile.h), not for every clone.
 */
#ifndef KTSTR_VMM_SNAPSHOT_H
#define KTSTR_VMM_SNAPSHOT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "vmm/guestmem.h"

#define SNAPSHOT_MAGIC	     0x50414e534b54534bull
#define SNAPSHOT_VERSION     1u
#define SNAPSHOT_PAGE	     4096u
#define SNAPSHOT_EXTENTS_MAX 262144u
#define SNAPSHOT_STATE_MAX   (64u << 20)
#define SNAPSHOT_MAPS_MAX    16384u /* limit of snapshot_map(); a usual kernel has some 150 extents */

/* The file: this head, the extents, the state, zeros up to a page, then the pages of the extents. Little endian. */
struct snapshot_head {
	uint64_t magic;
	uint32_t version;
	uint32_t crc; /* CRC-32 of everything from `backend` to the state's end */
	char backend[8];
	uint32_t nodes, extents;
	uint64_t state_bytes;
	uint64_t node_bytes[GUEST_NODES_MAX]; /* 0 beyond `nodes` */
};
_Static_assert(sizeof(struct snapshot_head) == 104, "layout");

struct snapshot_extent {
	uint64_t at; /* offset in the node's memory; this and `bytes` are multiples of a page */
	uint64_t bytes;
	uint32_t node;
	uint32_t reserved;
};
_Static_assert(sizeof(struct snapshot_extent) == 24, "layout");

struct snapshot {
	int fd;
	struct snapshot_head head;
	struct snapshot_extent *extent;
	struct buf state;  /* of the backend: QEMU's migration stream, or vmm/kvm/save.h */
	uint64_t pages_at; /* in the file */
};

#define SNAPSHOT_NULL ((struct snapshot){ .fd = -1 })

/* Writes the file to @fd, from its start. @m's machine is stopped. Blocks. */
int snapshot_write(int fd, const char *backend, const struct guestmem *m, const struct buf *state, struct err **err);
/* Checks the file @fd and keeps a duplicate of @fd. -EBADMSG: not a complete snapshot of this version. */
int snapshot_read(int fd, struct snapshot *ret, struct err **err);
/*
 * Copies pages into @m, fresh memory of the same nodes: those from guest-physical address @from to before @to. Blocks;
 * may be called from several threads at once.
 */
int snapshot_fill(const struct snapshot *s, const struct guestmem *m, uint64_t from, uint64_t to, struct err **err);
/*
 * Maps the pages of @node outside of that range privately, copy-on-write, over its mapping at @base. Nodes follow each
 * other from address 0. If the file is truncated later, touching the pages is a SIGBUS.
 */
int snapshot_map(const struct snapshot *s, unsigned node, void *base, uint64_t from, uint64_t to, struct err **err);
void snapshot_done(struct snapshot *s);

#endif
