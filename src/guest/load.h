/* SPDX-License-Identifier: GPL-2.0-only */
/* load.h -- look-ups in the declarations of loads. */
#ifndef KTSTR_GUEST_LOAD_H
#define KTSTR_GUEST_LOAD_H

#include <ktstr/test.h>

/* The number of workers of a load in a cgroup of @cpus CPUs. */
unsigned load_workers(const struct ktstr_test *test, const struct ktstr_load *load, unsigned cpus);
/* True if its workers are threads of one process. */
bool load_threaded(const struct ktstr_load *load);
/*
 * Iterates over the loads of a cgroup, starting with its own. Returns @merged, a load with the cgroup's settings
 * applied, or NULL at the end.
 */
const struct ktstr_load *cgroup_load(const struct ktstr_cgroup *g, unsigned index, struct ktstr_load *merged);

#endif
