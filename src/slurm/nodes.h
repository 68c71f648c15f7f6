/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nodes.h -- which nodes of a cluster can run machines on KVM. A tiny job on each node boots a guest of a few dozen
 * bytes (kvm_probe()) and writes nodes/NAME.json to the run's directory, which also shows that the node sees it. Nodes
 * that cannot are left out of all jobs of the run. A node that is too busy to answer is taken as one that can.
 */
#ifndef KTSTR_SLURM_NODES_H
#define KTSTR_SLURM_NODES_H

#include "slurm/cluster.h"

#define NODES_PROBED_MAX 1024
#define NODES_DEADLINE	 (2 * 60 * NSEC_PER_SEC)

enum node_answer { NODE_SILENT, NODE_CAN, NODE_CANNOT };

struct probed_node {
	struct slurm_node is; /* count: 1 */
	enum node_answer answer;
	char why[200]; /* it cannot */
	bool seen;     /* in the present answer of squeue */
	uint8_t late;  /* answers of squeue since its job ended */
};

struct probed_nodes {
	struct probed_node *item;
	size_t count;
	bool damaged; /* squeue's present answer */
};

/* The nodes that can run jobs, each once. */
int nodes_list(struct reactor *r, const char *partition, struct probed_nodes *ret, struct err **err);
void nodes_done(struct probed_nodes *n);
/* Submits the probes, and waits for their answers. Fails where no node can. */
int nodes_probe(struct reactor *r, const struct cluster_submit *q, struct probed_nodes *n, struct err **err);
/* Puts the nodes that cannot out of @c, in groups of equal nodes. Pure. */
void nodes_apply(const struct probed_nodes *n, struct cluster *c);
/* Appends the nodes that cannot to a list with commas, from the run's directory. Returns how many. */
unsigned nodes_excluded(const struct slurm_record *r, struct buf *list);

/* In the job: notes whether the node @name can. @why: the reason, in either case. */
int node_answer_write(const struct slurm_record *r, const char *name, bool can, const char *why, struct err **err);

#endif
