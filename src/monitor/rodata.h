/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rodata.h -- what a scheduler made of its BPF objects for the machine that it runs on: constants, in the map
 * NAME.rodata, and the sizes of its maps. It sets them before it loads its programs, and the verifier takes them as
 * known. Read from one guest, and put in the place of those of another one while programs are verified there, they let
 * the verifier see the topology of the first.
 */
#ifndef KTSTR_MONITOR_RODATA_H
#define KTSTR_MONITOR_RODATA_H

#include "monitor/inspect.h"

#define RODATA_SYMBOL	 "bpf_check" /* the kernel begins to verify a program; its maps are there by then */
#define RODATA_BYTES_MAX (1u << 20)
#define RODATA_MAPS_MAX	 64

/* A map of the scheduler's object file. */
struct rodata_map {
	char name[16]; /* the kernel keeps 15 bytes */
	uint32_t value_size, max_entries;
};

struct rodata {
	char map[16]; /* name of the map with the constants */
	uint8_t *data;
	size_t len;
	struct rodata_map maps[RODATA_MAPS_MAX]; /* in the order in which they were made */
	unsigned map_count;
};

/* The sizes that maps really have, while they have others. */
struct rodata_saved {
	struct rodata_map size[RODATA_MAPS_MAX];
	uint64_t at[RODATA_MAPS_MAX];
	unsigned count; /* 0: they have their own */
};

/* Of the scheduler that was loaded last. -ENOENT: it has no constants; -EFAULT: they cannot be read. */
int rodata_read(struct inspector *in, struct rodata *ret);
/*
 * Puts @r in the place of what the scheduler has that is about to be verified, until rodata_restore(), which gives its
 * maps their sizes again. The constants stay. -ENOENT: it has no constants of that name; -ESTALE: it has other maps or
 * other constants, so another build made @r; -EFAULT: its memory cannot be written. Only while the machine is stopped.
 */
int rodata_apply(struct inspector *in, const struct rodata *r, struct rodata_saved *saved);
void rodata_restore(struct inspector *in, struct rodata_saved *saved);
void rodata_done(struct rodata *r);

#endif
