/* SPDX-License-Identifier: GPL-2.0-only */
/* programs.h -- the BPF programs of the guest, and which maps belong to the scheduler that is loaded. */
#ifndef KTSTR_MONITOR_PROGRAMS_H
#define KTSTR_MONITOR_PROGRAMS_H

#include "monitor/inspect.h"

#define PROGRAMS_MAX	65536
#define USED_MAPS_MAX	64 /* of one program */
#define ACTIVE_MAPS_MAX 256

/* The object file of the loaded scheduler: its name as far as a map's name has it, and its maps. */
struct active_object {
	char object[16]; /* "": none was found */
	uint64_t map[ACTIVE_MAPS_MAX];
	unsigned maps;
};

void programs_find_active(struct inspector *in, struct active_object *ret);
/* All programs with their counters. @why: if there are none, why. */
json_t *programs_list(struct inspector *in, const char **why);

#endif
