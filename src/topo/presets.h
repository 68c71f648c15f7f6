/* SPDX-License-Identifier: GPL-2.0-only */
/* presets.h -- the gauntlet's topologies, and which of them a test admits. */
#ifndef KTSTR_TOPO_PRESETS_H
#define KTSTR_TOPO_PRESETS_H

#include "topo/topology.h"

struct preset {
	const char *name; /* says the topology: [Knuma-]{cpus}cpu-{llcs}llc-{smt|nosmt} */
	const char *old;  /* what it was called before, accepted wherever a preset is named; NULL: nothing */
	struct ktstr_topology topology;
	unsigned last_llc_cores; /* cores of the last LLC where it has fewer than the others; 0: all alike */
	bool verifier_only;	 /* not a part of the gauntlet */
};

/* In the order of the gauntlet; ended by a NULL name. */
extern const struct preset presets[];

/* By either name; NULL: there is none. */
const struct preset *preset_find(const char *name);
/* The preset with the smallest edit distance to @name, for "did you mean"; NULL: nothing is near. */
const struct preset *preset_nearest(const char *name);
unsigned preset_cpus(const struct preset *p);
/* Why @c keeps a test away from this preset, in @out; NULL: it admits it. Every field of @c is filled in. */
const char *preset_refused(const struct preset *p, const struct ktstr_constraints *c, char *out, size_t size);

#endif
