/* SPDX-License-Identifier: GPL-2.0-only */
/* spawn.h -- puts the workers of a load into a cgroup. */
#ifndef KTSTR_GUEST_SPAWN_H
#define KTSTR_GUEST_SPAWN_H

#include "guest/scenario/stage.h"

/* Adds the workers without starting them. @swappable: the work type that the run asked for may replace the load's. */
int spawn_add(struct stage *s, struct tracked *g, const struct ktstr_load *load, bool swappable, struct err **err);
/* Starts workers outside the scenario's cgroups. */
int spawn_on_host(struct stage *s, const struct ktstr_load *load, struct err **err);

#endif
