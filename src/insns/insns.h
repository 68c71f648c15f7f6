/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * insns.h -- the instructions that a guest's kernel executed, by call path: kept as a file beside the sidecar, and
 * summed up by function, by callback of the scheduler, and by what schedulers do.
 *
 * Paths: path 0 is empty; every other one comes after that of its caller. A function's instructions are its own; with
 * those of the functions that it calls, they are its total. Interrupts begin a path, so nobody's total includes them.
 */
#ifndef KTSTR_INSNS_INSNS_H
#define KTSTR_INSNS_INSNS_H

#include "base/buf.h"
#include "base/json.h"

#define INSNS_UNKNOWN	    "[unknown]" /* code without a name */
#define INSNS_PROGRAM	    "bpf:"	/* the beginning of the names of BPF programs */
#define INSNS_FUNCTIONS_MAX (1u << 20)
#define INSNS_DEPTH_MAX	    1024 /* functions of a path */
#define INSNS_PATHS_MAX	    (1u << 20)

/* Parts of a run. */
enum insns_phase {
	INSNS_HOLD, /* while the scenario's steps hold */
	INSNS_BOOT, /* until the scenario begins */
	INSNS_ALL,
	INSNS_PHASES,
};
extern const char *const insns_phase_names[INSNS_PHASES + 1]; /* ended by NULL */

struct insns_count {
	uint64_t instructions, calls;
};

struct insns_path {
	uint32_t caller, function;
	uint32_t depth; /* functions in it */
	struct insns_count in[INSNS_PHASES];
};

struct insns {
	char *test, *topology, *kernel;
	uint64_t seed;
	char **function; /* names */
	uint32_t functions;
	struct insns_path *path;
	uint32_t paths;
	uint64_t user[INSNS_PHASES]; /* instructions in user space */
	uint64_t lost;		     /* instructions that count for their caller's path, because paths were too many */
	bool has[INSNS_PHASES];
};

void insns_done(struct insns *p);
int insns_read(const char *path, struct insns *ret, struct err **err);
/* A new reference; NULL: out of memory. */
json_t *insns_json(const struct insns *p);
/* The same from JSON, which is checked. -EBADMSG: it is not a profile. */
int insns_parse(const json_t *o, struct insns *ret, struct err **err);
/*
 * "bpf:simple_enqueue" for "bpf_prog_0123456789abcdef_simple_enqueue", whose tag differs in each version of it. Names
 * of trampolines stay as they are.
 */
void insns_program_name(const char *symbol, char *out, size_t size);

/* --- sums.c ------------------------------------------------------------------------------------------------------- */

struct insns_sum {
	const char *name;
	uint64_t own, total, calls;
};

/* What schedulers do: the instructions of a function, with those that it calls, and how often that happens. */
enum insns_event {
	INSNS_SWITCH, /* __schedule(), per switch from one task to another */
	INSNS_WAKEUP, /* try_to_wake_up(), per call */
	INSNS_TICK,   /* the scheduler's tick, per call */
	INSNS_EVENTS,
};

struct insns_sums {
	enum insns_phase phase;
	uint64_t kernel, user;
	struct insns_sum *function; /* by own instructions, descending, then by name */
	uint32_t functions;
	struct insns_sum event[INSNS_EVENTS]; /* calls: of the event */
	struct insns_sum *callback;	      /* BPF programs that were called, by total */
	uint32_t callbacks;
};

extern const char *const insns_event_names[INSNS_EVENTS];

/* Borrows names from @p. -ENOMEM. */
int insns_sum_up(const struct insns *p, enum insns_phase phase, struct insns_sums *ret);
void insns_sums_done(struct insns_sums *s);
/* Instructions per call; 0 without calls. */
double insns_per_call(const struct insns_sum *s);

/* --- text.c ------------------------------------------------------------------------------------------------------- */

/* A table; at most @most functions, 0: all. */
void insns_table(const struct insns *p, const struct insns_sums *s, uint32_t most, struct buf *out);
/* A new reference. */
json_t *insns_sums_json(const struct insns *p, const struct insns_sums *s);
/* Of the hold, {name: instructions per call}; with names of callbacks. A new reference. */
json_t *insns_metrics(const struct insns *p);
/* A line "caller;function 123" for each path, in the order of the text, as programs for flame graphs read it. */
int insns_collapsed(const struct insns *p, enum insns_phase phase, struct buf *out);

#endif
