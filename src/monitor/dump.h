/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dump.h -- everything that the memory of a guest says about a failure, as JSON (docs/dump.schema.json), and that JSON
 * as text. The guest stands still meanwhile. A section that could not be had has a member `*_unavailable` that says
 * why.
 */
#ifndef KTSTR_MONITOR_DUMP_H
#define KTSTR_MONITOR_DUMP_H

#include "base/time.h"
#include "monitor/inspect.h"
#include "monitor/series.h"

#define DUMP_SCHEMA "single"

struct dump_config {
	struct inspect_config inspect;
	const char *reason;	       /* why the dump was taken; NULL: not said */
	const struct sampler *sampler; /* for all values of this moment; NULL: they are left out */
	const struct series *series;   /* the samples up to now; NULL: none */
	bool all_tasks;		       /* the sleeping ones, too */
	nsec_t deadline_nsec;	       /* of the host's monotonic clock; what is left then is skipped; 0: none */
};

/* NULL: out of memory. */
json_t *dump_take(const struct dump_config *config);
/* For a failure of which nothing could be seen: each section says at which stage and why. NULL: out of memory. */
json_t *dump_placeholder(const char *stage, const char *reason);
/* -EBADMSG: not a dump, or of an unknown schema. */
int dump_check(const json_t *dump, struct err **err);

/* --- text (dump_text.c) ------------------------------------------------------------------------------------------- */

enum dump_part {
	DUMP_HEADER = 1 << 0, /* what was loaded, how it ended, who waits longest */
	DUMP_CPUS = 1 << 1,
	DUMP_DSQS = 1 << 2,
	DUMP_TASKS = 1 << 3,
	DUMP_MAPS = 1 << 4,
	DUMP_PROGRAMS = 1 << 5,
	DUMP_BLOCKED = 1 << 6, /* a part of DUMP_HEADER: programs that sleep in the kernel, in state D */
	DUMP_ALL = 0x7f,
};

struct dump_view {
	unsigned parts;	 /* enum dump_part */
	const char *map; /* only the map of this name; NULL: all */
	int cpu;	 /* only of this CPU; -1: all */
};

void dump_text(const json_t *dump, const struct dump_view *view, struct buf *out);

#endif
