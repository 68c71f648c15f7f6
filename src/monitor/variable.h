/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * variable.h -- a number in a BPF map of the scheduler that is loaded, by name: a global variable of its program, or a
 * member of an array's element. It is looked up once, and then read or written at its address, while the guest stands
 * still.
 */
#ifndef KTSTR_MONITOR_VARIABLE_H
#define KTSTR_MONITOR_VARIABLE_H

#include "monitor/inspect.h"

struct variable {
	char map[32];	    /* name of its map */
	char object[16];    /* the name of the scheduler's object file, as far as maps have it */
	uint64_t kva, id;   /* of its map */
	struct field field; /* of 1, 2, 4 or 8 bytes */
	uint64_t at;	    /* address of the value that `field` is in; of a per-CPU map, its per-CPU pointer */
	bool per_cpu;
};

/*
 * @map: the end of a map's name, and @path goes into its value ("stats.hits"; "[3].hits" of an array's element 3).
 * NULL: @path begins with the name of a global variable. Errors list what there is.
 */
int variable_find(struct inspector *in, const char *map, const char *path, struct variable *ret, struct err **err);
/* False: its map is gone, so what is at its address is something else. */
bool variable_is_there(struct inspector *in, const struct variable *var);
/* @cpu: only for a per-CPU map. False: not readable. */
bool variable_read(struct view *v, const struct variable *var, unsigned cpu, double *ret);
/* Whether @value fits, and the variable can change; the error says why not. */
int variable_check(const struct variable *var, uint64_t value, struct err **err);
int variable_write(struct view *v, const struct variable *var, uint64_t value);

#endif
