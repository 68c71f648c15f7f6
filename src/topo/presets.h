/* SPDX-License-Identifier: GPL-2.0-only */
/* presets.h -- the gauntlet's topologies, and which of them a test admits. */
#ifndef KTSTR_TOPO_PRESETS_H
#define KTSTR_TOPO_PRESETS_H

#include "topo/topology.h"

struct preset {
	const char *name; /* [Knuma-]{cpus}cpu-{llcs}llc-{smt|nosmt}, or 4big-4little */
	const char *old;  /* former name, which is still accepted; NULL: none */
	struct ktstr_topology topology;
	unsigned last_llc_cores; /* cores of the last LLC when it has fewer than the others; 0: all are equal */
	bool verifier_only;	 /* not part of the gauntlet */
};

/* In the order of the gauntlet; the last has a NULL name. */
extern const struct preset presets[];

/* Finds a preset by its current or former name; NULL: there is none. */
const struct preset *preset_find(const char *name);
/* The preset whose name is most similar to @name, for "did you mean"; NULL: none is similar. */
const struct preset *preset_nearest(const char *name);
unsigned preset_cpus(const struct preset *p);
/* NULL when @c admits the preset, else the reason, in @out. All fields of @c must be set. */
const char *preset_refused(const struct preset *p, const struct ktstr_constraints *c, char *out, size_t size);

#endif
