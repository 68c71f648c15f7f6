/* SPDX-License-Identifier: GPL-2.0-only */
/* blocks.h -- what one run says of BPF programs and of KVM, over all of its sidecars. */
#ifndef KTSTR_STATS_BLOCKS_H
#define KTSTR_STATS_BLOCKS_H

#include "base/json.h"
#include "stats/results.h"

struct blocks {
	json_t *verifier;  /* {program: most instructions of any sidecar} */
	json_t *callbacks; /* {test: {program: {cnt, nsecs}}} */
	size_t vms;	   /* with KVM's statistics */
	double vcpus, exits, halts, halt_wait_ns, polls_good, polls_tried, preempted, signals, hypercalls;
};

/* Reads the sidecars again, because rows do not have this. -ENOMEM. */
int blocks_read(const struct results *r, struct blocks *ret);
void blocks_done(struct blocks *b);
/* Blocks of which nothing is known are left out. */
void blocks_print(const struct blocks *b, struct buf *out);
json_t *blocks_json(const struct blocks *b);

#endif
