/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * captures.h -- snapshots of one guest that its test asked for, and what it had written and measured in BPF maps. It is
 * told of the guest's marks (wire.h) and of each sample, while the guest stands still. So what is taken depends only on
 * the guest.
 */
#ifndef KTSTR_RUN_CAPTURES_H
#define KTSTR_RUN_CAPTURES_H

#include <ktstr/wire.h>

#include "base/time.h"
#include "monitor/variable.h"
#include "run/seen_decl.h"

#define CAPTURES_MAX	    256
#define CAPTURE_SYMBOLS_MAX 3

struct mark {
	uint32_t kind, step;
	char name[WIRE_MARK_NAME_MAX];
};

struct capture {
	char name[64];
	uint64_t at_ns; /* guest time */
	bool periodic;
	uint64_t boundary_ns; /* of a periodic one: when it was due */
	int step;	      /* -1: not known; the time tells */
	json_t *dump;	      /* NULL: `lack` says why, or it is due now */
	char lack[200];
};

struct watched_symbol {
	char name[WIRE_MARK_NAME_MAX];
	uint64_t at; /* 0: it cannot be watched */
	uint32_t value;
	unsigned changes;
};

struct map_metric {
	struct variable variable;
	bool found;
	double sum, last, highest, total; /* total: over the CPUs, of the last sample */
	uint64_t values, cpus;
};

struct captures {
	const struct seen_decl *decl; /* NULL: the test asked for nothing */
	uint64_t duration_ns;
	uint64_t started_ns, ended_ns;
	bool started, ended;
	unsigned next;	/* periodic snapshot */
	unsigned fired; /* periodic ones that were taken */
	struct capture *list;
	unsigned count, due; /* `due` of them want a dump now */
	struct watched_symbol symbol[CAPTURE_SYMBOLS_MAX];
	unsigned symbols;
	struct map_metric *metric; /* one for each watch of `decl` */
	struct buf problem;	   /* why something that was asked for could not be had; empty: all was had */
	bool failed;		   /* out of memory */
};

/* @decl must stay. */
void captures_init(struct captures *c, const struct seen_decl *decl, nsec_t duration);
/* Reads a mark from the registers' copy at @regs (struct pt_regs). False: it is not one. */
bool mark_read(struct view *v, const struct field argument[WIRE_MARK_ARGUMENTS], uint64_t regs, struct mark *ret);
/* The same for the words that were written to a port. */
bool mark_from_words(uint32_t kind, const uint32_t word[WIRE_MARK_WORDS], struct mark *ret);
/* While the guest stands still there. */
void captures_mark(struct captures *c, struct inspector *in, const struct mark *m, uint64_t guest_ns);
/* The guest could not be looked at there; @why: static text. */
void captures_miss(struct captures *c, const struct mark *m, uint64_t guest_ns, const char *why);
/* False: captures_sample() would do nothing. */
bool captures_want_samples(const struct captures *c);
/* At a sample. */
void captures_sample(struct captures *c, struct inspector *in, uint64_t guest_ns);
/* Gives @dump to all snapshots that are due. Does not take it over. */
void captures_put(struct captures *c, json_t *dump);
/* The machine has ended. @lack: why it was not watched, or NULL. */
void captures_close(struct captures *c, const char *lack);
/* The file for post_vm: {schema, periodic_target, periodic_fired, snapshots}. NULL: out of memory. */
json_t *captures_json(const struct captures *c);
/* For the sidecar: the same without dumps, and the metrics {name: value}. */
json_t *captures_list_json(const struct captures *c);
json_t *captures_metrics_json(const struct captures *c);
void captures_done(struct captures *c);

#endif
