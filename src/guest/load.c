/* SPDX-License-Identifier: GPL-2.0-only */
/* load.c -- see load.h. */
#include <math.h>

#include "guest/checks.h"
#include "guest/load.h"

unsigned load_workers(const struct ktstr_test *test, const struct ktstr_load *load, unsigned cpus)
{
	if (load->workers)
		return load->workers;
	if (load->workers_share > 0)
		return (unsigned)ceil(load->workers_share * cpus - 1e-9);
	return test->workers_per_cgroup ? test->workers_per_cgroup : 2;
}

static void take_defaults(struct ktstr_load *l, const struct ktstr_load *from)
{
	if (!l->nice.set)
		l->nice = from->nice;
	if (!l->numa_node.set)
		l->numa_node = from->numa_node;
	l->comm = l->comm ? l->comm : from->comm;
	l->pcomm = l->pcomm ? l->pcomm : from->pcomm;
	l->uid = l->uid ? l->uid : from->uid;
	l->gid = l->gid ? l->gid : from->gid;
	checks_inherit(&l->checks, &from->checks);
}

const struct ktstr_load *cgroup_load(const struct ktstr_cgroup *g, unsigned index, struct ktstr_load *merged)
{
	if (!g->no_workers && index-- == 0)
		return &g->load;
	const struct ktstr_load *more = g->loads;
	while (more && (more->workers || more->workers_share > 0) && index--)
		more++;
	if (!more || !(more->workers || more->workers_share > 0))
		return NULL;
	*merged = *more;
	take_defaults(merged, &g->load);
	return merged;
}

bool load_threaded(const struct ktstr_load *load)
{
	return load->clone_mode == KTSTR_CLONE_THREAD || load->pcomm;
}
