/* SPDX-License-Identifier: GPL-2.0-only */
/* slurm_probe.c -- which nodes have a KVM that works: the job that looks, and what is made of its answer. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/out.h"
#include "cli/slurm.h"
#include "kernel/cache.h"
#include "slurm/nodes.h"
#include "vmm/accel.h"

int slurm_probe_main(char **argv, struct err **err)
{
	_cleanup_(slurm_record_done) struct slurm_record record = { 0 };
	_cleanup_free_ char *cache = cache_sibling("host");
	struct kvm_probe probe = { 0 };
	if (!argv[0] || !argv[1])
		return FAIL(err, ERR_USAGE, -EINVAL, "slurm probe: the directory of a run and a node are needed");
	int r = slurm_record_open(&record, argv[0], err);
	if (r < 0)
		return r;
	kvm_probe_cached(cache, &probe);
	return node_answer_write(&record, argv[1], probe.state == KVM_HARDWARE, probe.why, err);
}

static void say_answers(const struct probed_nodes *n)
{
	size_t can = 0, silent = 0;
	for (size_t i = 0; i < n->count; i++) {
		can += n->item[i].answer == NODE_CAN;
		silent += n->item[i].answer == NODE_SILENT;
		if (n->item[i].answer == NODE_CANNOT)
			say_printf("note: node %s is left out: %s\n", n->item[i].is.name, n->item[i].why);
	}
	say_printf("KVM works on %zu node%s%s\n", can, plural(can), silent ? ", and some were too busy to answer" : "");
}

int slurm_probe_nodes(struct runner *r, struct err **err)
{
	_cleanup_(nodes_done) struct probed_nodes n = { 0 };
	struct cluster_submit q = r->submit;
	q.record = r->record;
	q.counts_memory = r->cluster.counts_memory;
	int result = nodes_list(r->reactor, q.partition, &n, err);
	if (result == 0)
		result = nodes_probe(r->reactor, &q, &n, err);
	if (result < 0)
		return result;
	say_answers(&n);
	nodes_apply(&n, &r->cluster);
	return 0;
}
