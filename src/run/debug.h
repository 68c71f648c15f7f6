/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * debug.h -- a packed run, looked at: each change of an expression at scheduling events, or one moment of it. The run is
 * the same as without that.
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

struct debug_config {
	const char *expression;		/* NULL: none */
	const char *const *functions;	/* NULL-terminated; where to look, instead of at scheduling events */
	enum debug_where where;
	struct observe_until until;	/* DEBUG_AT_TIME */
	uint64_t hook;			/* DEBUG_AT_HOOK */
	void (*changed)(void *data, const struct debug_moment *m);
	/* The guest stands still at the wanted moment; on the offload pool. */
	enum probe_next (*arrived)(void *data, struct vm *vm, const struct inspect_config *config,
				   const struct debug_moment *m, const atomic_bool *cancel);
	void *data;
};

/* -EINVAL: the expression, or a function's name. */
int debug_run(struct rerun *r, const struct debug_config *config, struct rerun_result *ret, struct err **err);

#endif
