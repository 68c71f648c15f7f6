/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * maps.h -- the BPF maps of the guest with their content, by the types that the maps' own BTF gives. Types of maps that
 * are not read have a member "error" that says so.
 */
#ifndef KTSTR_MONITOR_MAPS_H
#define KTSTR_MONITOR_MAPS_H

#include "base/time.h"
#include "monitor/inspect.h"
#include "monitor/programs.h"

#define MAPS_MAX       65536
#define MAPS_BYTES_MAX (8u << 20) /* of all values together, what is shown */

struct maps_found {
	struct active_object active;
	nsec_t deadline_nsec; /* 0: none */
	unsigned skipped;     /* maps that were left out at the deadline */
	const char *why;      /* if there are no maps */
};

/* Whether a map belongs to the scheduler that is loaded. */
bool maps_is_active(struct inspector *in, const struct active_object *active, uint64_t map);
/* The types of the map at @map, from the guest's memory; NULL: it has none that can be read. types_close() frees. */
struct types *maps_load_types(struct inspector *in, uint64_t map);
/* All maps, those of the active scheduler first. */
json_t *maps_render(struct inspector *in, struct maps_found *found);

#endif
