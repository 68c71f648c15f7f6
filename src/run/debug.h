/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * debug.h -- a packed run, looked at: each change of an expression at scheduling events, or one moment of it. The run
 * is the same as without that.
 */
#ifndef KTSTR_RUN_DEBUG_H
#define KTSTR_RUN_DEBUG_H

#include "monitor/expression.h"
#include "run/rerun.h"

/* Where a run stops. */
enum debug_where { DEBUG_NOWHERE, DEBUG_AT_FAILURE, DEBUG_AT_TIME, DEBUG_AT_HOOK };

struct debug_moment {
	uint64_t guest_ns;
	unsigned cpu;
	uint64_t hook;	      /* number of the scheduling event, from 0 */
	const char *function; /* that is about to be called there; NULL: no event */
	char comm[32];	      /* of the CPU's current task */
	int32_t pid;
	json_t *stack; /* of that CPU, names of code; borrowed */
	const char *no_stack;
	/* Of the expression. */
	bool was_known, known;
	int64_t before, value;
};

/* The last breakpoint, or change of the expression, before the run stopped. */
struct debug_last {
	bool found;
	uint32_t vcpu;
	uint64_t guest_ns;
};

#define DEBUG_BREAKPOINT_HOOK 0x40000000u /* ids of hooks of breakpoints, and up */

struct debug_config {
	const char *expression;	      /* NULL: none */
	const char *const *functions; /* NULL-terminated; where to look, instead of at scheduling events */
	enum debug_where where;
	struct observe_until until; /* DEBUG_AT_TIME */
	uint64_t hook;		    /* DEBUG_AT_HOOK */
	/*
	 * Further places to stop at, once the run was stopped at `where`, with ids from DEBUG_BREAKPOINT_HOOK on. NULL:
	 * none. Returns how many, at most 32.
	 */
	unsigned (*breakpoints)(void *data, struct observe_hook *out);
	struct debug_last *last; /* gets it, and nothing stops; NULL: not wanted. With `where` */
	nsec_t every;		 /* look at the expression at each multiple of this guest time, too; 0: no */
	void (*changed)(void *data, const struct debug_moment *m);
	/* The guest stands still at the wanted moment; on the offload pool. */
	enum probe_next (*arrived)(void *data, struct vm *vm, const struct inspect_config *config,
				   const struct debug_moment *m, const atomic_bool *cancel);
	void *data;
};

/* Names of code, innermost first. NULL: @lack says why; out of memory. The guest stands still. */
json_t *debug_stack(const struct inspect_config *config, unsigned cpu, const char **lack);
/* -EINVAL: the expression, or a function's name. */
int debug_run(struct rerun *r, const struct debug_config *config, struct rerun_result *ret, struct err **err);

#endif
